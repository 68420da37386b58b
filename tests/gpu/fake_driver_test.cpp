// The fake driver's own promises: order of work, what it refuses, and what it finds in the host's use of it.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "kernels/cuda/driver.h"
#include "tests/gpu/ptx_bench.h"
#include "tests/support/fake_cuda/control.h"

using namespace kernels::cuda;
using ptx::FindingKind;

namespace {

constexpr Result illegal_address = 700;
const char* const copy_body = "mul.wide.u32 %rd3, %r3, 4;\nadd.s64 %rd3, %rd1, %rd3;\nld.global.u32 %r4, [%rd3];\nadd.u32 %r4, %r4, %r2;\nst.global.u32 [%rd2], %r4;\n";

// A context with one stream and the kernel k of ptx_bench.h, given back at the end.
struct Session {
  const Driver& d;
  fake_cuda::Control& fake;
  Context context = nullptr;
  Stream stream = nullptr;
  Module module = nullptr;
  Function kernel = nullptr;

  static const Driver& driver() {
    std::string why_not;
    const Driver* d = open_driver(why_not);
    REQUIRE_MESSAGE(d, why_not);
    return *d;
  }
  explicit Session(fake_cuda::Limits limits = {}, const std::string& body = copy_body) : d(driver()), fake(*fake_cuda::control()) {
    fake.reset(limits);
    Device device = 0;
    REQUIRE(d.init(0) == success);
    REQUIRE(d.device_get(&device, 0) == success);
    REQUIRE(d.context_retain(&context, device) == success);
    REQUIRE(d.context_set(context) == success);
    REQUIRE(d.stream_create(&stream, stream_non_blocking) == success);
    REQUIRE(d.module_load(&module, gpu_tests::ptx_module(body).c_str()) == success);
    REQUIRE(d.module_function(&kernel, module, "k") == success);
  }
  void close() {
    d.module_unload(module);
    d.stream_destroy(stream);
    d.context_release(0);
  }
  Result launch(DevicePtr out, DevicePtr in, uint32_t n, unsigned threads = 32, unsigned shared = 0) {
    void* params[] = {&out, &in, &n};
    return d.launch(kernel, 1, 1, 1, threads, 1, 1, shared, stream, params, nullptr);
  }
  DevicePtr allocate(size_t n_bytes) {
    DevicePtr p = 0;
    REQUIRE(d.allocate(&p, n_bytes) == success);
    return p;
  }
};

std::string kinds(const std::vector<ptx::Finding>& findings) {
  std::string all;
  for (const ptx::Finding& f : findings) all += std::string(all.empty() ? "" : ", ") + ptx::finding_name(f.kind);
  return all;
}

}  // namespace

TEST_CASE("fake driver: copies and launches happen in order, when they are waited for") {
  Session s;
  const DevicePtr in = s.allocate(128), out = s.allocate(128);
  std::vector<uint32_t> numbers(32, 5), result(32, 77);
  CHECK(s.d.upload(in, numbers.data(), 128, s.stream) == success);
  std::fill(numbers.begin(), numbers.end(), 9);  // pageable memory was taken at the call
  CHECK(s.launch(out, in, 2) == success);
  CHECK(s.d.download(result.data(), out, 128, s.stream) == success);
  CHECK(result[0] == 77);
  CHECK(s.d.stream_wait(s.stream) == success);
  CHECK(result[31] == 7);
  CHECK(s.fake.counts().at("k").launches == 1);
  s.d.release(in);
  s.d.release(out);
  s.close();
  CHECK(kinds(s.fake.take_findings()).empty());
}

TEST_CASE("fake driver: pinned memory is read when the copy runs") {
  Session s;
  const DevicePtr in = s.allocate(128);
  void* pinned = nullptr;
  CHECK(s.d.allocate_host(&pinned, 128) == success);
  std::memset(pinned, 1, 128);
  CHECK(s.d.upload(in, pinned, 128, s.stream) == success);
  std::memset(pinned, 2, 128);
  uint32_t result[32];
  CHECK(s.d.download(result, in, 128, s.stream) == success);
  CHECK(s.d.stream_wait(s.stream) == success);
  CHECK(result[0] == 0x02020202);
  CHECK(s.d.upload(in, pinned, 128, s.stream) == success);
  s.d.release_host(pinned);  // too early
  CHECK(s.d.stream_wait(s.stream) != success);
  s.d.release(in);
  s.close();
  CHECK(kinds(s.fake.take_findings()) == "freed in flight, freed in flight");
}

TEST_CASE("fake driver: a captured list runs as often as its graph is launched") {
  Session s;
  const DevicePtr in = s.allocate(128);
  CHECK(s.d.fill(in, 0, 128, s.stream) == success);
  CHECK(s.d.capture_begin(s.stream, capture_thread_local) == success);
  CHECK(s.launch(in, in, 3) == success);
  CHECK(s.launch(in, in, 4) == success);
  Graph graph = nullptr;
  GraphExec exec = nullptr;
  CHECK(s.d.capture_end(s.stream, &graph) == success);
  CHECK(s.d.graph_instantiate(&exec, graph, 0) == success);
  CHECK(s.d.graph_destroy(graph) == success);
  for (int i = 0; i < 3; ++i) CHECK(s.d.graph_launch(exec, s.stream) == success);
  uint32_t result[32];
  CHECK(s.d.download(result, in, 128, s.stream) == success);
  CHECK(s.d.stream_wait(s.stream) == success);
  CHECK(result[7] == 21);
  CHECK(s.fake.n_graph_launches() == 3);
  CHECK(s.d.graph_exec_destroy(exec) == success);
  s.d.release(in);
  s.close();
  CHECK(kinds(s.fake.take_findings()).empty());
}

TEST_CASE("fake driver: waiting for a stream that is captured is refused") {
  Session s;
  CHECK(s.d.capture_begin(s.stream, capture_thread_local) == success);
  CHECK(s.d.stream_wait(s.stream) == 900);
  Graph graph = nullptr;
  CHECK(s.d.capture_end(s.stream, &graph) == success);
  s.d.graph_destroy(graph);
  s.close();
  CHECK(kinds(s.fake.take_findings()) == "misuse");
}

TEST_CASE("fake driver: memory over the limit is refused, and comes back when freed") {
  Session s({.memory_bytes = 1 << 20});
  const DevicePtr a = s.allocate(700 << 10);
  DevicePtr b = 0;
  CHECK(s.d.allocate(&b, 700 << 10) == error_out_of_memory);
  CHECK(s.d.release(a) == success);
  CHECK(s.d.allocate(&b, 700 << 10) == success);
  size_t free_bytes = 0, total_bytes = 0;
  CHECK(s.d.memory_info(&free_bytes, &total_bytes) == success);
  CHECK(total_bytes == 1 << 20);
  CHECK(free_bytes == (324 << 10));
  CHECK(s.d.release(b) == success);
  CHECK(s.d.release(b) != success);  // twice
  s.close();
  CHECK(kinds(s.fake.take_findings()) == "misuse");
}

TEST_CASE("fake driver: memory freed under queued work is found") {
  Session s;
  const DevicePtr in = s.allocate(128), out = s.allocate(128);
  s.d.fill(in, 0, 128, s.stream);
  s.launch(out, in, 1);
  s.d.release(in);
  CHECK(s.d.stream_wait(s.stream) == illegal_address);
  CHECK(s.d.stream_wait(s.stream) == illegal_address);  // a context does not recover
  s.d.release(out);
  s.close();
  const std::string found = kinds(s.fake.take_findings());
  CHECK(found.find("freed in flight") != std::string::npos);
}

TEST_CASE("fake driver: what is left when the context goes is a leak") {
  Session s;
  s.allocate(100);
  s.close();
  const auto findings = s.fake.take_findings();
  REQUIRE(findings.size() == 1);
  CHECK(findings[0].text() == "leak: 1 allocations of 100 bytes left when the context was released");
}

TEST_CASE("fake driver: launches beyond the limits of the device are refused") {
  Session s;
  const DevicePtr out = s.allocate(128);
  CHECK(s.launch(out, out, 0, 2048) != success);
  CHECK(s.launch(out, out, 0, 32, 60 << 10) != success);
  CHECK(s.d.function_set(s.kernel, function_max_dynamic_shared, 60 << 10) == success);
  CHECK(s.d.function_set(s.kernel, function_max_dynamic_shared, 99 << 10) != success);  // 1 KB is static
  s.d.release(out);
  s.close();
  CHECK(kinds(s.fake.take_findings()) == "misuse, misuse");
}

TEST_CASE("fake driver: addresses of the wrong side are found") {
  Session s;
  const DevicePtr in = s.allocate(128);
  uint32_t host[32] = {};
  CHECK(s.d.upload(reinterpret_cast<DevicePtr>(host), host, 128, s.stream) != success);
  CHECK(s.d.download(reinterpret_cast<void*>(in), in, 128, s.stream) != success);
  CHECK(s.d.upload(in + 64, host, 128, s.stream) != success);
  s.launch(in, reinterpret_cast<DevicePtr>(host), 0);
  CHECK(s.d.stream_wait(s.stream) == illegal_address);
  s.d.release(in);
  s.close();
  CHECK(kinds(s.fake.take_findings()) == "pointer of the other side, pointer of the other side, out of bounds, pointer of the other side");
}

TEST_CASE("fake driver: the host dies of a device address") {
  Session s;
  const DevicePtr in = s.allocate(128);
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGSEGV, SIG_DFL);  // not the test runner's handler
    _exit(*reinterpret_cast<volatile int*>(in) == 0 ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFSIGNALED(status));
  s.d.release(in);
  s.close();
  CHECK(kinds(s.fake.take_findings()).empty());
}

TEST_CASE("fake driver: a device vanishes, an old driver refuses, no device is none") {
  {
    Session s({.vanish_after_launches = 1});
    const DevicePtr in = s.allocate(128);
    s.d.fill(in, 0, 128, s.stream);
    s.launch(in, in, 1);
    CHECK(s.d.stream_wait(s.stream) == success);
    s.launch(in, in, 1);
    CHECK(s.d.stream_wait(s.stream) != success);
    DevicePtr more = 0;
    CHECK(s.d.allocate(&more, 10) != success);
    s.close();
    CHECK(kinds(s.fake.take_findings()).empty());
  }
  Session s;
  fake_cuda::Limits old;
  old.driver_version = 12080;
  s.fake.reset(old);
  Module module = nullptr;
  CHECK(s.d.module_load(&module, gpu_tests::ptx_module("").c_str()) == 222);
  old.n_devices = 0;
  s.fake.reset(old);
  CHECK(s.d.init(0) == error_no_device);
  s.fake.reset({});
  s.close();
}

TEST_CASE("fake driver: ready machine code is refused, so that the PTX runs; PTX it can't run is named") {
  Session s;
  Module module = nullptr;
  CHECK(s.d.module_load(&module, "\x7f" "ELF and more") == 209);
  CHECK(s.d.module_load(&module, gpu_tests::ptx_module("wgmma.fence.sync.aligned;\n").c_str()) == 218);
  s.close();
  const auto findings = s.fake.take_findings();
  REQUIRE(findings.size() == 1);
  CHECK(findings[0].text().find("wgmma.fence") != std::string::npos);
}
