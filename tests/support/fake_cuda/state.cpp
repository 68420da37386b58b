#include "tests/support/fake_cuda/state.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace fake_cuda {

namespace {

double now_ms() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void read_environment(Limits& limits) {
  const auto number = [](const char* name, int64_t otherwise) {
    const char* text = std::getenv(name);
    return text && *text ? std::strtoll(text, nullptr, 10) : otherwise;
  };
  limits.memory_bytes = static_cast<uint64_t>(number("FAKE_CUDA_MEMORY_MB", static_cast<int64_t>(limits.memory_bytes >> 20))) << 20;
  limits.vanish_after_launches = number("FAKE_CUDA_VANISH_AFTER", limits.vanish_after_launches);
  limits.driver_version = static_cast<int>(number("FAKE_CUDA_DRIVER", limits.driver_version));
  limits.compute = static_cast<int>(number("FAKE_CUDA_COMPUTE", limits.compute));
  limits.n_threads = static_cast<int>(number("FAKE_CUDA_THREADS", limits.n_threads));
  limits.seed = static_cast<uint32_t>(number("FAKE_CUDA_SEED", limits.seed));
}

void print_untaken() {
  const std::vector<ptx::Finding> left = state().findings.take();
  for (const ptx::Finding& f : left) std::fprintf(stderr, "fake GPU: %s\n", f.text().c_str());
  if (!left.empty()) _exit(exit_status_of_findings);
}

// A device address used by the host faults in the range that DeviceMemory keeps reserved. Say so before dying of it.
void on_fault(int signal, siginfo_t* info, void*) {
  if (state().memory->owns(reinterpret_cast<uint64_t>(info->si_addr))) {
    static const char text[] = "fake GPU: the host used a device address\n";
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
  }
  ::signal(signal, SIG_DFL);
  raise(signal);
}

void watch_faults() {
  struct sigaction now = {};
  sigaction(SIGSEGV, nullptr, &now);
  if (now.sa_handler != SIG_DFL) return;  // a sanitizer's or a debugger's
  struct sigaction ours = {};
  ours.sa_sigaction = on_fault;
  ours.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGSEGV, &ours, nullptr);
}

Result run_kernel(State& s, Work& work) {
  if (s.limits.vanish_after_launches >= 0 && s.n_launches >= static_cast<uint64_t>(s.limits.vanish_after_launches)) return unknown;
  if (s.limits.fault_at_launch >= 0 && s.n_launches == static_cast<uint64_t>(s.limits.fault_at_launch)) return launch_failed;
  ++s.n_launches;
  work.config.n_threads = s.limits.n_threads;
  work.config.seed = s.limits.seed + static_cast<uint32_t>(s.n_launches);
  const ptx::Kernel& kernel = *work.function->kernel;
  return ptx::run_launch(kernel, work.config, *s.memory, s.findings, s.counts[&kernel]) ? success : illegal_address;
}

ptx::Allocation* device_range(State& s, const Work& work, uint64_t address, const char* doing) {
  ptx::Allocation* a = s.memory->find_live(address, work.n_bytes);
  if (a) return a;
  const ptx::Allocation* freed = s.memory->find(address);
  if (freed && !freed->bytes) s.finding(ptx::FindingKind::free_in_flight, std::string(doing) + ": memory was freed before it ran");
  else s.finding(ptx::FindingKind::out_of_bounds, std::string(doing) + " of " + std::to_string(work.n_bytes) + " bytes leaves its allocation");
  return nullptr;
}

bool host_is_there(State& s, const Work& work, const char* doing) {
  if (!work.pinned || s.is_pinned(work.host, work.n_bytes)) return true;
  s.finding(ptx::FindingKind::free_in_flight, std::string(doing) + ": host memory was freed before it ran");
  return false;
}

Result run_upload(State& s, const Work& work) {
  ptx::Allocation* a = device_range(s, work, work.device, "an upload");
  if (!a || !host_is_there(s, work, "an upload")) return illegal_address;
  std::memcpy(a->at(work.device), work.pinned ? work.host : work.bytes.data(), work.n_bytes);
  a->mark_written(work.device - a->base, work.device - a->base + work.n_bytes);
  return success;
}

Result run_download(State& s, const Work& work) {
  ptx::Allocation* a = device_range(s, work, work.device, "a download");
  if (!a || !host_is_there(s, work, "a download")) return illegal_address;
  if (!a->is_written(work.device - a->base, work.device - a->base + work.n_bytes))
    s.finding(ptx::FindingKind::unwritten_global, "a download of " + std::to_string(work.n_bytes) + " bytes, not all of them written");
  std::memcpy(work.host, a->at(work.device), work.n_bytes);
  return success;
}

Result run_copy(State& s, const Work& work) {
  ptx::Allocation *to = device_range(s, work, work.device, "a copy"), *from = device_range(s, work, work.device_from, "a copy");
  if (!to || !from) return illegal_address;
  const uint64_t at = work.device_from - from->base;
  if (!from->is_written(at, at + work.n_bytes))
    s.finding(ptx::FindingKind::unwritten_global, "a copy of " + std::to_string(work.n_bytes) + " bytes, not all of them written");
  std::memmove(to->at(work.device), from->at(work.device_from), work.n_bytes);
  to->mark_written(work.device - to->base, work.device - to->base + work.n_bytes);
  return success;
}

Result run_fill(State& s, const Work& work) {
  ptx::Allocation* a = device_range(s, work, work.device, "a fill");
  if (!a) return illegal_address;
  for (uint64_t i = 0; i < work.n_bytes; i += work.value_bytes) std::memcpy(a->at(work.device) + i, &work.value, work.value_bytes);
  a->mark_written(work.device - a->base, work.device - a->base + work.n_bytes);
  return success;
}

Result run(State& s, Work& work) {
  switch (work.kind) {
    case Work::Kind::launch: return run_kernel(s, work);
    case Work::Kind::upload: return run_upload(s, work);
    case Work::Kind::download: return run_download(s, work);
    case Work::Kind::copy: return run_copy(s, work);
    case Work::Kind::fill: return run_fill(s, work);
    case Work::Kind::record:
      work.event->done = true;
      work.event->done_at_ms = now_ms();
      return success;
    case Work::Kind::wait: return work.event->recorded && !work.event->done ? s.drain(*work.event->stream) : success;
  }
  return success;
}

}  // namespace

State::State() {
  read_environment(limits);
  memory = std::make_unique<ptx::DeviceMemory>(limits.memory_bytes);
  std::atexit(print_untaken);
}

State& state() {
  static State* const the = [] {  // never destroyed: programs call the driver from their own destructors
    auto* s = new State;
    return s;
  }();
  static const bool watching = (watch_faults(), true);
  (void)watching;
  return *the;
}

bool& context_is_current() {
  thread_local bool current = false;
  return current;
}

void State::finding(ptx::FindingKind kind, const std::string& what) {
  ptx::Finding f;
  f.kind = kind;
  f.detail = what;
  findings.add(std::move(f));
}
void State::misuse(const std::string& what) { finding(ptx::FindingKind::misuse, what); }

bool State::is_pinned(const void* host, size_t n) const {
  const auto at = reinterpret_cast<uintptr_t>(host);
  auto above = pinned.upper_bound(at);
  if (above == pinned.begin()) return false;
  --above;
  return at - above->first <= above->second && above->second - (at - above->first) >= n;
}

Result State::drain(Stream& stream) {
  std::vector<Work> work;
  work.swap(stream.queue);
  for (Work& w : work) {
    if (broken != success) break;
    broken = run(*this, w);
  }
  return broken;
}

Result State::drain_all() {
  drain(null_stream);
  for (Stream* s : streams) drain(*s);
  return broken;
}

void State::release_everything() {
  if (broken == success) drain_all();
  const bool alive = broken == success;  // nothing can be given back to a device that is gone
  uint64_t n = 0, bytes = 0;
  for (const auto& a : memory->allocations()) {
    if (!a->bytes || a->module_variable) continue;
    ++n;
    bytes += a->size_bytes;
    memory->free(a->base);
  }
  const auto leak = [&](size_t count, const char* what) {
    if (count && alive) finding(ptx::FindingKind::leak, std::to_string(count) + " " + what + " left when the context was released");
  };
  if (n && alive) finding(ptx::FindingKind::leak, std::to_string(n) + " allocations of " + std::to_string(bytes) + " bytes left when the context was released");
  leak(modules.size(), "modules");
  leak(streams.size(), "streams");
  leak(events.size(), "events");
  leak(graphs.size() + execs.size(), "graphs");
  leak(pinned.size(), "blocks of pinned host memory");
  broken = success;
  // Reported once; the handles are dead from here on.
  for (Module* m : modules) delete m;
  for (Stream* x : streams) delete x;
  for (Event* e : events) delete e;
  for (Graph* g : graphs) delete g;
  for (Graph* g : execs) delete g;
  modules.clear();
  streams.clear();
  events.clear();
  graphs.clear();
  execs.clear();
  functions.clear();
  null_stream.queue.clear();
}

Result ready() {
  State& s = state();
  if (!s.initialised) {
    s.misuse("a call before cuInit");
    return not_initialized;
  }
  if (!context_is_current() || s.context_users == 0) {
    s.misuse("a call without a current context on its thread");
    return invalid_context;
  }
  return s.broken;
}

Stream* stream_of(void* handle) {
  State& s = state();
  if (!handle) return &s.null_stream;
  const auto found = s.streams.find(static_cast<Stream*>(handle));
  if (found != s.streams.end()) return *found;
  s.misuse("a stream that was destroyed or never made");
  return nullptr;
}

bool may_launch() {
  State& s = state();
  return s.limits.refuse_launches_after < 0 || s.n_launch_calls++ < static_cast<uint64_t>(s.limits.refuse_launches_after);
}

Result submit(Stream& stream, Work work) {
  if (stream.capturing) stream.capturing->nodes.push_back(std::move(work));
  else stream.queue.push_back(std::move(work));
  return success;
}

}  // namespace fake_cuda
