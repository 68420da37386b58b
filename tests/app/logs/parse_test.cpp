#include "app/logs/parse.h"

#include <doctest/doctest.h>

#include "engine/base/error.h"
#include "engine/base/text.h"

using namespace app;
using namespace std::string_view_literals;
using namespace app::logs;

namespace {

const FormatSet& formats() {
  static const FormatSet set = FormatSet::load(SIGMA_ASSETS "/log_formats");
  return set;
}

struct Copy {
  std::string raw, message, host, process, properties;
  Level level;
  Ticks time;
  uint64_t line;
  uint32_t n_lines;
};

struct Parsed {
  Source source;
  std::vector<Copy> records;
};

Parsed read(std::string text, ParseOptions options = {}) {
  LogInput input = pasted_text(std::move(text));
  if (options.reference_time == no_time) options.reference_time = ticks_from_date(2026, 6, 30);
  Parsed out;
  out.source = parse(input, formats(), options, [&](RecordBatch&& batch) {
    for (const Record& r : batch.records) {
      out.records.push_back({std::string(r.raw), std::string(r.message), std::string(r.host),
                             std::string(r.process), std::string(r.properties), r.level, r.time,
                             r.line, r.n_lines});
    }
  });
  return out;
}

bool has_note(const Source& source, const std::string& part) {
  for (const std::string& note : source.notes) {
    if (note.find(part) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("logs/parse: an empty input is a normal result with a note") {
  const Parsed got = read("");
  CHECK(got.records.empty());
  CHECK(got.source.n_lines == 0);
  CHECK(has_note(got.source, "empty"));
}

TEST_CASE(
    "logs/parse: time, level, host and program come from the header, the message is the rest") {
  const Parsed got = read("2026-01-31T10:20:30.5Z node-07 kernel[1007] ERROR nvme1n1: I/O error\n");
  REQUIRE(got.records.size() == 1);
  const Copy& r = got.records[0];
  CHECK(iso_text(r.time) == "2026-01-31T10:20:30.5000000Z");
  CHECK(r.level == Level::error);
  CHECK(r.host == "node-07");
  CHECK(r.process == "kernel");
  CHECK(r.message == "nvme1n1: I/O error");
  CHECK(got.source.format == "iso_syslog");
  CHECK(got.source.time_zone == "UTC");
}

TEST_CASE("logs/parse: a stack trace is one record with the line that threw it") {
  for (const char* newline : {"\n", "\r\n"}) {
    const std::string n = newline;
    const Parsed got =
        read("2026-01-31 10:20:30,123 INFO [main] a.B: start" + n +
             "2026-01-31 10:20:31,123 ERROR [main] a.B: failed" + n + "java.io.IOException: reset" +
             n + "\tat a.B.run(B.java:12)" + n + "Caused by: x" + n + "\t... 3 more" + n +
             "2026-01-31 10:20:32,123 INFO [main] a.B: go on" + n);
    REQUIRE(got.records.size() == 3);
    CHECK(got.records[1].n_lines == 5);
    CHECK(got.records[1].line == 2);
    CHECK(
        got.records[1].message ==
        "failed\njava.io.IOException: reset\n\tat a.B.run(B.java:12)\nCaused by: x\n\t... 3 more");
    CHECK(got.records[2].line == 7);
    CHECK(got.source.n_lines == 7);
  }
}

TEST_CASE("logs/parse: a Python traceback without any header is one record") {
  const Parsed got = read(
      "starting\nTraceback (most recent call last):\n  File \"x.py\", line 1, in f\n    "
      "g()\nValueError: bad\nnext line\n");
  REQUIRE(got.records.size() == 3);
  CHECK(got.records[1].n_lines == 4);
  CHECK(got.records[2].raw == "next line");
}

TEST_CASE("logs/parse: a PHP trace goes on its error, though its frames outnumber the errors") {
  const std::string error =
      "[2026-01-31 10:20:30] live.ERROR: No such queue\n[stacktrace]\n"
      "#0 /srv/app/Queue.php(12): pop()\n#1 /srv/app/Worker.php(40): run()\n"
      "#2 [internal function]: handle()\n#3 {main}\n";
  const Parsed got = read(error + error + error);
  CHECK(got.source.format == "monolog");
  REQUIRE(got.records.size() == 3);
  CHECK(got.records[0].n_lines == 6);
  CHECK(got.records[2].level == Level::error);
}

TEST_CASE("logs/parse: the numbered steps of a build are lines of their own") {
  const Parsed got = read("#4 [internal] load metadata\n#5 [2/4] RUN make\n#5 0.312 cc -c a.c\n");
  CHECK(got.records.size() == 3);
}

TEST_CASE("logs/parse: indented plain text stays line by line") {
  const Parsed got = read("Name: web\n  Image: nginx\n  Port: 80\n");
  CHECK(got.records.size() == 3);
  CHECK(got.source.format == "plain");
}

TEST_CASE("logs/parse: an event without end is cut at the bound, and that is said") {
  std::string text = "2026-01-31 10:20:30 ERROR begin\n";
  for (int i = 0; i < 5000; ++i) text += "  more " + std::to_string(i) + "\n";
  text += "2026-01-31 10:20:31 INFO a\n2026-01-31 10:20:32 INFO b\n";
  const Parsed got = read(text);
  CHECK(got.source.n_lines == 5003);
  uint64_t n = 0;
  for (const Copy& r : got.records) {
    CHECK(r.n_lines <= 1000);
    n += r.n_lines;
  }
  CHECK(n == 5003);
  REQUIRE(got.records.size() == 8);  // six of one event, and two
  CHECK(got.records[5].time == got.records[0].time);
  CHECK(got.records[5].level == Level::error);
  CHECK(has_note(got.source, "1000 lines"));
}

TEST_CASE("logs/parse: lines of a record are never lost or moved: raw holds each, in order") {
  std::string text;
  for (int i = 0; i < 3000; ++i) {
    text += "2026-01-31 10:20:30 INFO event " + std::to_string(i) + "\n";
    if (i % 3 == 0) text += "  detail of " + std::to_string(i) + "\n";
    if (i % 7 == 0) text += "\n";
  }
  for (const size_t batch : {1, 7, 8192}) {
    ParseOptions options;
    options.batch_records = batch;
    const Parsed got = read(text, options);
    const auto lines = engine::split(text, '\n');
    REQUIRE(got.records.size() == 3000);
    for (const Copy& r : got.records) {
      const auto own = engine::split(r.raw, '\n');
      REQUIRE(own.size() == r.n_lines);
      for (size_t k = 0; k < own.size(); ++k) REQUIRE(own[k] == lines[r.line - 1 + k]);
    }
  }
}

TEST_CASE("logs/parse: every encoding reads to the same messages") {
  const std::string utf8 =
      "Jan 31 10:20:30 web-1 sshd[12]: Zugriff f\xC3\xBCr J\xC3\xB6rg verweigert\nJan 31 10:20:31 "
      "web-1 sshd[12]: ok\n";
  const std::string latin =
      "Jan 31 10:20:30 web-1 sshd[12]: Zugriff f\xFCr J\xF6rg verweigert\nJan 31 10:20:31 web-1 "
      "sshd[12]: ok\n";
  std::string le = "\xFF\xFE", be;
  for (const char c : latin) {
    (le += c) += '\0';
    (be += '\0') += c;
  }
  const std::pair<std::string, std::string> all[] = {{utf8, "utf-8"},
                                                     {"\xEF\xBB\xBF" + utf8, "utf-8"},
                                                     {latin, "latin-1"},
                                                     {le, "utf-16le"},
                                                     {be, "utf-16be"}};
  for (const auto& encoded : all) {
    CAPTURE(encoded.second);
    const Parsed got = read(encoded.first);
    REQUIRE(got.records.size() == 2);
    CHECK(got.records[0].message == "Zugriff f\xC3\xBCr J\xC3\xB6rg verweigert");
    CHECK(got.source.encoding == encoded.second);
  }
}

TEST_CASE("logs/parse: bad bytes and NUL are shown as \\xNN and all other text stays") {
  const Parsed got = read(std::string(
      "2026-01-31 10:20:30 a\0b\n2026-01-31 10:20:31 gr\xC3\xBC\xC3\x9F \xFF\xC3 end\n"sv));
  REQUIRE(got.records.size() == 2);
  CHECK(got.records[0].message == "a\\x00b");
  CHECK(got.records[1].message.find("\\xFF\\xC3 end") != std::string::npos);
  CHECK(has_note(got.source, "\\xNN"));
}

TEST_CASE("logs/parse: bytes of a picture come out as text, none lost, with a note") {
  std::string bytes = "\xFF\xD8\xFF\xE0";
  uint32_t seed = 1;
  for (int i = 0; i < 5000; ++i) bytes += char((seed = seed * 1664525 + 1013904223) >> 24);
  const Parsed got = read(bytes);
  CHECK(got.source.encoding == "binary");
  CHECK(has_note(got.source, "not text"));
  for (const Copy& r : got.records) CHECK(engine::is_valid_utf8(r.raw));
}

TEST_CASE("logs/parse: one line of 20 MB is kept whole between its neighbours") {
  const std::string big(20 << 20, 'x');
  const Parsed got = read("2026-01-31 10:20:30 INFO a\n2026-01-31 10:20:31 ERROR " + big +
                          "\n2026-01-31 10:20:32 INFO b\n");
  REQUIRE(got.records.size() == 3);
  CHECK(got.records[1].message.size() == big.size());
  CHECK(got.records[2].line == 3);
  CHECK(has_note(got.source, "longer than 64 KB"));
}

TEST_CASE("logs/parse: a line beyond the cap is cut into records that say so") {
  ParseOptions options;
  options.max_bytes_of_line = 2 << 20;
  const Parsed got = read("first\n" + std::string(5 << 20, 'y') + "\nlast\n", options);
  size_t n = 0;
  for (const Copy& r : got.records) n += size_t(std::count(r.raw.begin(), r.raw.end(), 'y'));
  CHECK(n == (5 << 20));
  CHECK(got.records.back().raw == "last");
  CHECK(got.source.n_lines == 3);
  CHECK(has_note(got.source, "cut into several records"));
}

TEST_CASE("logs/parse: a line beyond the cap of bytes that are no text is cut at the cap, not byte by byte") {
  ParseOptions options;
  options.max_bytes_of_line = 2 << 20;
  const Parsed got = read("x\n" + std::string(5 << 20, '\x80'), options);
  CHECK(got.records.size() == 4);
}

TEST_CASE("logs/parse: what was assumed about zone and year is said") {
  const Parsed got = read("Dec 31 23:59:59 h a: x\nJan  1 00:00:01 h a: y\n");
  CHECK(got.source.time_zone == "assumed UTC");
  CHECK(has_note(got.source, "assumed 2025 and on past New Year"));
  CHECK(got.records[1].time - got.records[0].time == 2 * ticks_per_second);
}

TEST_CASE("logs/parse: seconds since boot end when the log ends") {
  const Parsed got = read("[    1.000000] boot\n[   61.500000] NVRM: Xid 79\n");
  CHECK(got.source.format == "dmesg");
  CHECK(got.records[1].time == ticks_from_date(2026, 6, 30));
  CHECK(got.records[1].time - got.records[0].time == 605 * ticks_per_second / 10);
  CHECK(has_note(got.source, "boot"));
}

TEST_CASE("logs/parse: further fields are properties in JSON, numbers as numbers") {
  const Parsed got = read(
      R"({"ts":"2026-01-31T10:20:30Z","level":"info","msg":"ok","status":200,"path":"/a\"b","tags":["x",{"y":1}]})"
      "\n");
  REQUIRE(got.records.size() == 1);
  CHECK(got.records[0].properties == R"({"status":200,"path":"/a\"b","tags":["x",{"y":1}]})");
  const Parsed access =
      read("10.0.0.7 - alice [31/Jan/2026:10:20:30 +0000] \"GET /a HTTP/1.1\" 502 157\n");
  CHECK(access.records[0].properties.find("\"status\":502") != std::string::npos);
  CHECK(access.records[0].level == Level::error);
}

TEST_CASE("logs/parse: a container prefix gives way to the format inside") {
  std::string text;
  for (int i = 0; i < 5; ++i) {
    text +=
        "2026-01-31T10:20:30.5Z stderr F E0131 10:20:30.100000    77 pod.go:12] Failed to pull "
        "image\n";
  }
  const Parsed got = read(text);
  CHECK(got.source.format == "cri");
  CHECK(got.records[0].level == Level::error);
  CHECK(got.records[0].message == "Failed to pull image");
  CHECK(got.records[0].process == "pod.go:12");
}

TEST_CASE("logs/parse: what stands inside an escaped Docker message is kept when the next line is read") {
  std::string text;
  for (int i = 0; i < 5; ++i) {
    const std::string no = std::to_string(i);
    text += "{\"log\":\"time=2026-01-31T10:20:3" + no + "Z level=error msg=plain" + no +
            " component=worker-of-the-billing-queue-" + no + "\\n\",\"stream\":\"stderr\",\"time\":\"2026-01-31T10:20:3" + no +
            ".5Z\"}\n" + "{\"log\":\"E0131 10:20:30.100000    77 pod.go:12] Failed to pull image" + no +
            "\\n\",\"stream\":\"stderr\",\"time\":\"2026-01-31T10:20:3" + no + ".6Z\"}\n";
  }
  const Parsed got = read(text);
  REQUIRE(got.source.format == "docker_json");
  REQUIRE(got.records.size() == 10);
  for (int i = 0; i < 5; ++i) {
    CHECK(got.records[size_t(2 * i)].message == "plain" + std::to_string(i));
    CHECK(got.records[size_t(2 * i)].process == "worker-of-the-billing-queue-" + std::to_string(i));
    CHECK(got.records[size_t(2 * i + 1)].message == "Failed to pull image" + std::to_string(i));
    CHECK(got.records[size_t(2 * i + 1)].process == "pod.go:12");
  }
}

TEST_CASE("logs/parse: a mixed file uses the next best format line by line") {
  std::string text;
  for (int i = 0; i < 20; ++i) text += "2026-01-31T10:20:30Z web nginx[7]: request served\n";
  for (int i = 0; i < 10; ++i)
    text += R"({"time":"2026-01-31T10:20:31Z","level":"error","msg":"json here"})"
            "\n";
  const Parsed got = read(text);
  REQUIRE(got.records.size() == 30);
  CHECK(got.records[25].level == Level::error);
  CHECK(got.records[25].message == "json here");
}

TEST_CASE("logs/parse: colours are left out of messages") {
  const Parsed got = read("2026-01-31 10:20:30 \x1B[31mERROR\x1B[0m broken\n");
  REQUIRE(got.records.size() == 1);
  CHECK(got.records[0].level == Level::error);
  CHECK(got.records[0].message == "broken");
}

TEST_CASE("logs/parse: a wrong format name is an error that names it") {
  ParseOptions options;
  options.format = "no_such_format";
  CHECK_THROWS_WITH_AS(read("x\n", options), doctest::Contains("no_such_format"), engine::Error);
}

TEST_CASE("logs/parse: a stop request ends reading with Error{cancelled}") {
  std::stop_source stop;
  stop.request_stop();
  LogInput input = pasted_text("a\nb\n");
  try {
    parse(
        input, formats(), {}, [](RecordBatch&&) {}, {}, stop.get_token());
    FAIL("not cancelled");
  } catch (const engine::Error& e) {
    CHECK(e.kind() == engine::ErrorKind::cancelled);
  }
}
