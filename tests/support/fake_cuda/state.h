// tests/support/fake_cuda/state.h: what the fake driver knows. One lock around everything: the exported functions take it.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "tests/support/fake_cuda/control.h"
#include "tests/support/ptx/simulator.h"

namespace fake_cuda {

enum Result : int {  // CUresult
  success = 0,
  invalid_value = 1,
  out_of_memory = 2,
  not_initialized = 3,
  no_device = 100,
  invalid_device = 101,
  invalid_context = 201,
  no_binary_for_gpu = 209,
  invalid_ptx = 218,
  unsupported_ptx_version = 222,
  invalid_handle = 400,
  not_found = 500,
  not_ready = 600,
  illegal_address = 700,
  launch_out_of_resources = 701,
  misaligned_address = 716,
  launch_failed = 719,
  capture_unsupported = 900,
  unknown = 999,
};

struct Module {
  std::shared_ptr<ptx::LoadedModule> loaded;
};

struct Function {
  const ptx::Kernel* kernel = nullptr;
  Module* module = nullptr;
  uint32_t max_dynamic_shared = 48 << 10;
};

struct Event {
  bool recorded = false, done = false;
  double done_at_ms = 0;
  struct Stream* stream = nullptr;
};

// One queued operation.
struct Work {
  enum class Kind { launch, upload, download, copy, fill, record, wait } kind = Kind::launch;
  const Function* function = nullptr;
  ptx::LaunchConfig config;
  uint64_t device = 0, device_from = 0;
  void* host = nullptr;
  bool pinned = false;                 // host memory is read or written when the operation runs
  std::vector<uint8_t> bytes;          // what pageable memory held at the call
  uint64_t n_bytes = 0;
  uint32_t value = 0, value_bytes = 1;
  Event* event = nullptr;
};

struct Graph {
  std::vector<Work> nodes;
};

struct Stream {
  std::vector<Work> queue;
  std::unique_ptr<Graph> capturing;
};

struct State {
  State();
  std::recursive_mutex mutex;
  Limits limits;
  bool initialised = false;
  int context_users = 0;
  Result broken = success;  // sticky error of the context
  ptx::Findings findings;
  std::unique_ptr<ptx::DeviceMemory> memory;
  std::set<Module*> modules;
  std::vector<std::unique_ptr<Function>> functions;
  std::map<std::string, std::shared_ptr<ptx::LoadedModule>, std::less<>> decoded;  // by text; modules without variables
  std::function<std::string(std::string)> edit;
  std::set<Stream*> streams;
  std::set<Event*> events;
  std::set<Graph*> graphs, execs;
  std::map<uintptr_t, size_t> pinned;
  Stream null_stream;
  uint64_t n_launches = 0, n_graph_launches = 0, n_launch_calls = 0;
  std::map<const ptx::Kernel*, ptx::LaunchCounts> counts;

  void misuse(const std::string& what);
  void finding(ptx::FindingKind kind, const std::string& what);
  bool is_pinned(const void* host, size_t n) const;
  // Runs what is queued. The sticky error, if there is one now.
  Result drain(Stream& stream);
  Result drain_all();
  void release_everything();  // with the context's last user; what is left is a leak
};
State& state();

// The context that is current on this thread: one device, so a flag.
bool& context_is_current();

// For the exported functions: initialised, a context, not broken. Notes the misuse.
Result ready();
Stream* stream_of(void* handle);  // null: not a stream of ours
// Counts a call that launches; false: it is refused.
bool may_launch();
// Queues it, or adds it to the graph that is being captured.
Result submit(Stream& stream, Work work);

}  // namespace fake_cuda

#define FAKE_CUDA_API extern "C" __attribute__((visibility("default")))
