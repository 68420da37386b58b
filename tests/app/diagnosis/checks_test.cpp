#include <stop_token>

#include "app/diagnosis/check_library.h"
#include "engine/base/error.h"
#include "tests/app/diagnosis/memory_log.h"

using namespace app;
using namespace app::diagnosis;

namespace {

std::string message_of(const std::string& json) {
  try {
    CheckSet::from_json(json, "mine.json");
  } catch (const engine::Error& e) {
    CHECK(e.kind() == engine::ErrorKind::invalid_input);
    return e.what();
  }
  return "";
}

std::string check_with(const std::string& pattern) {
  return R"({"checks":[{"id":"x","name":"X","title":"T {who}","cause":"C","algorithm":"A.","severity":"error","patterns":[")" + pattern +
         R"("],"next_steps":[{"text":"look","command":"ls {who}"}]}]})";
}

Finding found_with(const std::string& pattern, const std::string& text) {
  auto findings = run_checks(*log_of({{"a", text}}), {}, CheckSet::from_json(check_with(pattern), "mine.json")).findings;
  REQUIRE_FALSE(findings.empty());
  return findings[0];
}

}  // namespace

TEST_CASE("diagnosis/checks: a file that is no JSON is refused by name") {
  CHECK(message_of("{\"checks\": [").find("mine.json") == 0);
}

TEST_CASE("diagnosis/checks: a broken expression names its check") {
  std::string message = message_of(check_with("broken("));
  CHECK(message.find("check x") != std::string::npos);
  CHECK(message.find("broken(") != std::string::npos);
}

TEST_CASE("diagnosis/checks: an expression without a literal is refused") {
  CHECK(message_of(check_with("[0-9]+")).find("literal") != std::string::npos);
}

TEST_CASE("diagnosis/checks: an unknown severity, a repeated id and a missing table are refused") {
  CHECK(message_of(R"({"checks":[{"id":"x","name":"X","title":"T","cause":"C","algorithm":"A.","severity":"bad","patterns":["abc"],"next_steps":[]}]})").find("bad") != std::string::npos);
  std::string one = check_with("abcdef");
  std::string check = one.substr(11, one.size() - 13);
  CHECK(message_of("{\"checks\":[" + check + "," + check + "]}").find("twice") != std::string::npos);
  CHECK(message_of(R"({"checks":[{"id":"x","name":"X","title":"T","cause":"C","algorithm":"A.","severity":"info","patterns":["abc"],"lookup":{"table":"t","key":"k"},"next_steps":[]}]})").find("table") != std::string::npos);
}

TEST_CASE("diagnosis/checks: a folder without checks is an error that names it") {
  CHECK_THROWS_WITH_AS(CheckSet::load("/nonexistent"), doctest::Contains("/nonexistent"), engine::Error);
}

TEST_CASE("diagnosis/checks: an empty log gives no finding and all checks with 0 found") {
  auto result = run_checks(*store::make_memory_log_store()->snapshot(), {}, bundled_checks());
  CHECK(result.findings.empty());
  CHECK(result.n_rows == 0);
  CHECK(result.checks.size() == bundled_checks().n_checks());
}

TEST_CASE("diagnosis/checks: captures go into the title, and evidence is the line as stored") {
  Finding finding = found_with("user (?P<who>\\\\w+) broke it", "first\nthen user ann broke it today");
  CHECK(finding.title == "T ann");
  REQUIRE(finding.evidence.size() == 1);
  CHECK(finding.evidence[0].line == 2);
  CHECK(finding.evidence[0].text == "then user ann broke it today");
}

TEST_CASE("diagnosis/checks: log text never becomes part of a command unless it is a plain word") {
  CHECK(found_with("user (?P<who>.+) broke it", "user ann broke it").next_steps[0].command == "ls ann");
  CHECK(found_with("user (?P<who>.+) broke it", "user $(rm -rf /) broke it").next_steps[0].command == "ls <who>");
  CHECK(found_with("user (?P<who>.+) broke it", "user --force broke it").next_steps[0].command == "ls <who>");
}

TEST_CASE("diagnosis/checks: the result does not depend on the number of threads") {
  std::string text;
  for (int i = 0; i < 3000; i++) text += i % 7 ? "ok line\n" : "write failed: No space left on device\n";
  auto log = log_of({{"a.log", text}, {"b.log", text}});
  CheckOptions one, four;
  one.n_threads = 1;
  four.n_threads = 4;
  auto a = run_checks(*log, {}, bundled_checks(), one).findings, b = run_checks(*log, {}, bundled_checks(), four).findings;
  REQUIRE(a.size() == b.size());
  for (size_t i = 0; i < a.size(); i++) {
    CHECK(a[i].title == b[i].title);
    CHECK(a[i].n_matches == b[i].n_matches);
    CHECK(a[i].evidence == b[i].evidence);
  }
}

TEST_CASE("diagnosis/checks: a stop request ends with a partial result") {
  std::stop_source stop;
  stop.request_stop();
  CheckOptions options;
  options.stop = stop.get_token();
  CHECK(run_checks(*log_of({{"a.log", "No space left on device"}}), {}, bundled_checks(), options).partial);
}

TEST_CASE("diagnosis/checks: a line of many megabytes is read to 64 KiB and counted") {
  std::string text = std::string(3 << 20, 'x') + " No space left on device";
  auto result = run_checks(*log_of({{"a.log", text}}), {}, bundled_checks());
  CHECK(result.n_long_lines == 1);
  CHECK(find_check(result.findings, "disk_full") == nullptr);
}

TEST_CASE("diagnosis/rank: a full disk stands before the crash and the refused connections that follow it") {
  auto findings = findings_of({{"a.log",
                                "ERROR write to /var/lib/db failed: No space left on device\n"
                                "ERROR db[1]: segfault at 18 ip 00 sp 00 error 4 in libc.so\n"
                                "ERROR connect to 10.0.0.5:5432 failed: Connection refused\n"}}, "", true);
  REQUIRE(findings.size() >= 2);
  CHECK(findings[0].check == "disk_full");
  const Finding* refused = find_check(findings, "connection_refused");
  REQUIRE(refused != nullptr);
  CHECK(refused->consequence_of == "disk_full");
  CHECK(refused->cause.find("consequence") != std::string::npos);
}

TEST_CASE("diagnosis/rank: what happened long after is caused, what happened long before is not") {
  std::string late = "ERROR connect to 10.0.0.5:5432 failed: Connection refused\n";
  std::string text = late;
  for (int i = 0; i < 400; i++) text += "INFO fine\n";
  text += "ERROR write failed: No space left on device\n";
  auto findings = findings_of({{"a.log", text}}, "", true);
  const Finding* refused = find_check(findings, "connection_refused");
  REQUIRE(refused != nullptr);
  CHECK(refused->consequence_of.empty());
}

TEST_CASE("diagnosis/rank: what fails first below stands before what fails above it") {
  const std::pair<const char*, const char*> cases[] = {
      {"storage_path", "kernel:  connection3:0: detected conn error (1020)\nmultipathd[8]: mpathb: remaining active paths: 0\n"
                       "kernel: Buffer I/O error on dev dm-5, logical block 7\nkernel: EXT4-fs (dm-5): Remounting filesystem read-only"},
      {"kubelet_config", "kubelet[5]: \"command failed\" err=\"failed to run Kubelet: running with swap on is not supported, please disable swap!\"\n"
                         "systemd[1]: kubelet.service: Main process exited, code=exited, status=1/FAILURE"},
      {"cni_missing", "kubelet[5]: Failed to create pod sandbox: plugin type=\"flannel\" failed (add): open /run/flannel/subnet.env: no such file or directory\n"
                      "node7   NotReady   <none>   3d"},
      {"ceph_health", "mon.c (mon.0) 4 : cluster [WRN] Health check failed: 2 osds down (OSD_DOWN)\n"
                      "kernel: INFO: task cp:913 blocked for more than 120 seconds."},
      {"mount_device_missing", "systemd[1]: Timed out waiting for device /dev/disk/by-label/spool.\nsystemd[1]: Dependency failed for /var/spool."},
      {"lb_backend_down", "haproxy[4]: Server api/a1 is DOWN, reason: Layer4 timeout, check duration: 2001ms.\n"
                          "10.1.1.1 - - [02/Mar/2026:10:00:00 +0000] \"GET /x HTTP/1.1\" 503 107"},
      {"go_panic", "panic: runtime error: invalid memory address or nil pointer dereference\n"
                   "[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x4f]"},
      {"database_data_version", "FATAL:  database files are incompatible with server\n"
                                "DETAIL:  The data directory was initialized by PostgreSQL version 11, which is not compatible with this version 17.0."}};
  for (const auto& expected : cases) {
    CAPTURE(expected.first);
    const std::vector<Finding> findings = findings_of({{"a.log", expected.second}});
    REQUIRE_FALSE(findings.empty());
    CHECK(findings[0].check == expected.first);
  }
}

TEST_CASE("diagnosis/rank: a second's start does not put the vaguer finding first") {
  auto findings = findings_of({{"a.log",
                                "ERROR Failed to obtain JDBC connection\n"
                                "ERROR Connection to db:5432 refused. Check that the hostname and port are correct\n"}}, "", true);
  REQUIRE_FALSE(findings.empty());
  CHECK(findings[0].check == "connection_refused");
}

TEST_CASE("diagnosis/rank: the question's subject decides between two faults") {
  std::vector<File> files{{"a.log", "ERROR checkout-service: Environment variable PAY_URL is not set\nERROR mail-sender: Environment variable X is fine\n"
                                    "ERROR mail-sender: lookup smtp.example.org: no such host\n"}};
  CHECK(findings_of(files, "why does mail-sender fail?")[0].check == "dns_failure");
  CHECK(findings_of(files, "why does checkout-service fail?")[0].check == "missing_setting");
}

TEST_CASE("diagnosis/checks: a failure that a program logs at INFO is no error") {
  auto findings = findings_of({{"a.log", "INFO connect to 10.0.0.5:80 failed: Connection refused, retrying\n"}});
  for (const Finding& finding : findings) CHECK(finding.severity == Severity::info);
}

TEST_CASE("diagnosis/checks: a healthy log gives no finding of severity error") {
  std::string text;
  for (int i = 0; i < 300; i++) text += "INFO GET /items/" + std::to_string(i) + " 200 12 ms\nDEBUG cache hit\nINFO 0 errors, timeout set to 30s\n";
  for (const Finding& finding : findings_of({{"a.log", text}})) {
    CAPTURE(finding.title);
    CHECK(finding.severity < Severity::error);
  }
}

TEST_CASE("diagnosis/checks: errors that no check knows are reported as such, as a warning") {
  auto findings = findings_of({{"a.log", "INFO start\nERROR frobnicator 17 lost its gizmo\nERROR frobnicator 18 lost its gizmo\n"}});
  const Finding* unknown = find_check(findings, "unclassified_errors");
  REQUIRE(unknown != nullptr);
  CHECK(unknown->severity == Severity::warning);
  CHECK(unknown->n_matches == 2);
}

TEST_CASE("diagnosis/series: a number that keeps growing is found, one that wavers is not") {
  std::string growing, wavering;
  for (int i = 0; i < 200; i++) {
    growing += "INFO worker memory_mb=" + std::to_string(100 + i * 4) + "\n";
    wavering += "INFO worker memory_mb=" + std::to_string(100 + (i * 37) % 50) + "\n";
  }
  CHECK(find_check(findings_of({{"a.log", growing}}), "number_trend") != nullptr);
  CHECK(find_check(findings_of({{"a.log", wavering}}), "number_trend") == nullptr);
}

TEST_CASE("diagnosis/checks: where no unknown error is common, the first one is shown") {
  auto findings = findings_of({{"a.log", "INFO start\nERROR the flux valve is shut\nERROR giving the pump back\nERROR giving the pump back\n"}});
  const Finding* unknown = find_check(findings, "unclassified_errors");
  REQUIRE(unknown != nullptr);
  CHECK(unknown->title.find("flux valve") != std::string::npos);
}

TEST_CASE("diagnosis/series: a dozen values that only rise are a trend, with one fall they are not") {
  std::string rising, falling;
  for (int i = 0; i < 12; i++) {
    rising += "INFO heap_used_mb=" + std::to_string(100 + 20 * i) + "\n";
    falling += "INFO heap_used_mb=" + std::to_string(i == 6 ? 90 : 100 + 20 * i) + "\n";
  }
  CHECK(find_check(findings_of({{"a.log", rising}}), "number_trend") != nullptr);
  CHECK(find_check(findings_of({{"a.log", falling}}), "number_trend") == nullptr);
}

TEST_CASE("diagnosis/series: errors inside a short window of a long log are reported with the window") {
  std::string text;
  for (int i = 0; i < 3000; i++) text += i >= 1500 && i < 1560 ? "ERROR cannot reach ledger\n" : "INFO fine\n";
  const auto findings = findings_of({{"a.log", text}}, "", true);
  const Finding* window = find_check(findings, "error_window");
  REQUIRE(window != nullptr);
  CHECK(window->title.find("00:25:") != std::string::npos);
  CHECK(window->title.find("Temporary") == 0);
}

TEST_CASE("diagnosis/tables: df, GPU tables and GIDs are read as tables") {
  auto disk = findings_of({{"df.txt", "Filesystem Size Used Avail Use% Mounted on\n/dev/sda1 50G 50G 0 100% /\n/dev/sdb1 50G 5G 45G 10% /data\n"}});
  REQUIRE(find_check(disk, "disk_table") != nullptr);
  CHECK(find_check(disk, "disk_table")->evidence[0].line == 2);
  auto gpu = findings_of({{"smi.csv", "index, name, power.limit [W]\n0, A, 400.00 W\n1, A, 250.00 W\n2, A, 400.00 W\n"}});
  REQUIRE(find_check(gpu, "gpu_outlier") != nullptr);
  CHECK(find_check(gpu, "gpu_outlier")->title.find("GPU 1") == 0);
  auto gid = findings_of({{"env.txt", "NCCL_IB_GID_INDEX=5"}, {"gids.txt", "mlx5_0 1 0 fe80::1 v1 eth2\nmlx5_0 1 3 0::ffff:0a01 10.1.2.3 v2 eth2\n"}});
  REQUIRE(find_check(gid, "nccl_gid_index") != nullptr);
  CHECK(find_check(gid, "nccl_gid_index")->cause.find("index 3") != std::string::npos);
}

TEST_CASE("diagnosis/described: a pod's limits, exit code and image are read around the line") {
  auto findings = findings_of({{"describe.txt",
                                "Name:             cart-7d\nNamespace:        shop\nStatus:           Running\nContainers:\n  app:\n    Image:         shop/cart:1\n"
                                "    State:          Waiting\n      Reason:       CrashLoopBackOff\n    Last State:     Terminated\n      Reason:       OOMKilled\n"
                                "      Exit Code:    137\n    Ready:          False\n    Limits:\n      memory:  64Mi\nQoS Class:   Burstable\n"}});
  REQUIRE_FALSE(findings.empty());
  CHECK(findings[0].title.find("cart-7d") != std::string::npos);
  CHECK(findings[0].title.find("64Mi") != std::string::npos);
  CHECK(findings[0].title.find("OOMKilled") != std::string::npos);
}

TEST_CASE("diagnosis/described: what a line says itself goes before what stands around it") {
  auto findings = findings_of({{"describe.txt",
                                "Name:         cart-5d\nContainers:\n  cart:\n    State:          Running\n    Last State:     Terminated\n"
                                "      Reason:       Error\n      Exit Code:    137\nEvents:\n"
                                "  Warning  Unhealthy  3m  kubelet  Liveness probe failed: HTTP probe failed with statuscode: 503\n"
                                "  Normal   Killing    3m  kubelet  Container cart failed liveness probe, will be restarted\n"}});
  const Finding* probe = find_check(findings, "kube_probe_failed");
  REQUIRE(probe != nullptr);
  CHECK(probe->title.find("503") != std::string::npos);
}

TEST_CASE("diagnosis/described: text of a shown command is not taken for what happened") {
  auto findings = findings_of({{"describe.txt",
                                "Name:   web-1\nContainers:\n  app:\n    Args:\n      -c\n      echo ERROR Connection refused; echo No space left on device\n    State:  Running\nQoS Class: Burstable\n"}});
  CHECK(findings.empty());
}

namespace {

// A table of df deep inside a log of other lines.
std::string log_with_table(size_t n_before, size_t n_after) {
  std::string text;
  for (size_t i = 0; i < n_before; i++) text += "INFO request " + std::to_string(i) + " served\n";
  text += "Filesystem     1K-blocks     Used Available Use% Mounted on\n"
          "/dev/sdb1      103080888 103080888         0 100% /var/lib/data\n";
  for (size_t i = 0; i < n_after; i++) text += "INFO request " + std::to_string(i) + " served\n";
  return text;
}

}  // namespace

TEST_CASE("diagnosis/checks: lines are read together also in a source of 60,000 records") {
  const auto findings = findings_of({{"app.log", log_with_table(40'000, 20'000)}});
  const Finding* disk = find_check(findings, "disk_table");
  REQUIRE(disk);
  CHECK(disk->evidence[0].line == 40'002);
}

TEST_CASE("diagnosis/checks: a source over the limit is checked line by line, the small one beside it whole, and a note says so") {
  const auto log = log_of({{"app.log", log_with_table(900, 200)}, {"df.txt", log_with_table(0, 10)}});
  CheckOptions options;
  options.max_document_rows = 1'000;
  const ChecksResult result = run_checks(*log, {}, bundled_checks(), options);
  CHECK(result.n_in_lines_only == 1'103);
  REQUIRE(result.notes.size() == 1);
  CHECK(result.notes[0].find("app.log") != std::string::npos);
  CHECK(result.notes[0].find("1103 records") != std::string::npos);
  CHECK(result.notes[0].find("df.txt") == std::string::npos);
  const Finding* disk = find_check(result.findings, "disk_table");
  REQUIRE(disk);
  CHECK(disk->evidence[0].file == "df.txt");
}

TEST_CASE("diagnosis/checks: many small sources are bounded by their sum") {
  std::vector<File> files;
  for (int i = 0; i < 10; i++) files.push_back({"part" + std::to_string(i), log_with_table(0, 200)});
  CheckOptions options;
  options.max_document_rows = 1'000;
  const ChecksResult result = run_checks(*log_of(files), {}, bundled_checks(), options);
  CHECK(result.n_in_lines_only == 6 * 203);
  CHECK(run_checks(*log_of(files), {}, bundled_checks()).notes.empty());
}
