// The driver's functions on streams, launches, events and graphs.
#include <algorithm>

#include "tests/support/fake_cuda/state.h"

using namespace fake_cuda;

namespace {

using Lock = std::lock_guard<std::recursive_mutex>;

// What a device would refuse before the kernel starts.
Result check_launch(const Function& f, const ptx::LaunchConfig& c) {
  State& s = state();
  const Limits& l = s.limits;
  const std::string& name = f.kernel->name;
  const auto refuse = [&](const std::string& why, Result r) {
    s.misuse("launch of " + name + ": " + why);
    return r;
  };
  if (c.grid.count() == 0 || c.block.count() == 0) return refuse("an empty grid or block", invalid_value);
  if (c.grid.y > 65535 || c.grid.z > 65535 || c.grid.x > 2147483647u) return refuse("a grid over 2147483647 x 65535 x 65535", invalid_value);
  if (c.block.count() > 1024 || c.block.z > 64) return refuse("a block over 1024 threads", invalid_value);
  if (c.block.count() > static_cast<uint64_t>(f.kernel->max_threads))
    return refuse(std::to_string(c.block.count()) + " threads, compiled for " + std::to_string(f.kernel->max_threads), launch_out_of_resources);
  if (c.dynamic_shared_bytes > f.max_dynamic_shared)
    return refuse(std::to_string(c.dynamic_shared_bytes) + " bytes of dynamic shared memory, allowed are " + std::to_string(f.max_dynamic_shared), invalid_value);
  if (uint64_t{c.dynamic_shared_bytes} + f.kernel->static_shared_bytes > l.shared_optin_bytes)
    return refuse("over " + std::to_string(l.shared_optin_bytes) + " bytes of shared memory", launch_out_of_resources);
  return success;
}

Stream* known(void* handle) { return stream_of(handle); }

}  // namespace

FAKE_CUDA_API int cuLaunchKernel(void* function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                                 unsigned shared, void* stream, void** parameters, void** extra) {
  const Lock lock(state().mutex);
  if (const Result r = ready(); r != success) return r;
  Stream* to = known(stream);
  if (!to || extra) return to ? invalid_value : invalid_handle;
  auto* f = static_cast<Function*>(function);
  const auto& all = state().functions;
  if (std::none_of(all.begin(), all.end(), [&](const auto& one) { return one.get() == f && one->module; })) {
    state().misuse("a launch of a function whose module was unloaded");
    return invalid_handle;
  }
  Work w;
  w.function = f;
  w.config.grid = {gx, gy, gz};
  w.config.block = {bx, by, bz};
  w.config.dynamic_shared_bytes = shared;
  if (const Result r = check_launch(*f, w.config); r != success) return r;
  if (!may_launch()) return launch_out_of_resources;
  w.config.params = ptx::pack_parameters(*f->kernel, parameters);
  return submit(*to, std::move(w));
}

FAKE_CUDA_API int cuStreamCreate(void** stream, unsigned) {
  const Lock lock(state().mutex);
  if (const Result r = ready(); r != success) return r;
  auto* made = new Stream;
  state().streams.insert(made);
  *stream = made;
  return success;
}
FAKE_CUDA_API int cuStreamDestroy_v2(void* handle) {
  const Lock lock(state().mutex);
  State& s = state();
  Stream* stream = handle ? known(handle) : nullptr;
  if (!stream) return invalid_handle;
  if (stream->capturing) s.misuse("a stream is destroyed while it is captured");
  if (s.broken == success) s.drain(*stream);  // the driver lets its work finish
  s.streams.erase(stream);
  delete stream;
  return s.broken;
}
FAKE_CUDA_API int cuStreamSynchronize(void* handle) {
  const Lock lock(state().mutex);
  if (const Result r = ready(); r != success) return r;
  Stream* stream = known(handle);
  if (!stream) return invalid_handle;
  if (stream->capturing) {
    state().misuse("a stream is waited for while it is captured");
    return capture_unsupported;
  }
  return state().drain(*stream);
}
FAKE_CUDA_API int cuStreamQuery(void* handle) {
  const Lock lock(state().mutex);
  if (const Result r = ready(); r != success) return r;
  const Stream* stream = known(handle);
  if (!stream) return invalid_handle;
  return stream->queue.empty() ? success : not_ready;
}
FAKE_CUDA_API int cuStreamWaitEvent(void* handle, void* event, unsigned) {
  const Lock lock(state().mutex);
  if (const Result r = ready(); r != success) return r;
  Stream* stream = known(handle);
  if (!stream || !state().events.count(static_cast<Event*>(event))) return invalid_handle;
  Work w;
  w.kind = Work::Kind::wait;
  w.event = static_cast<Event*>(event);
  return submit(*stream, std::move(w));
}

FAKE_CUDA_API int cuStreamBeginCapture_v2(void* handle, int) {
  const Lock lock(state().mutex);
  if (const Result r = ready(); r != success) return r;
  Stream* stream = handle ? known(handle) : nullptr;
  if (!stream || stream->capturing) return capture_unsupported;
  stream->capturing = std::make_unique<Graph>();
  return success;
}
FAKE_CUDA_API int cuStreamEndCapture(void* handle, void** graph) {
  const Lock lock(state().mutex);
  State& s = state();
  if (const Result r = ready(); r != success) return r;
  Stream* stream = handle ? known(handle) : nullptr;
  if (!stream || !stream->capturing) return invalid_value;
  Graph* made = stream->capturing.release();
  s.graphs.insert(made);
  *graph = made;
  return success;
}
FAKE_CUDA_API int cuGraphInstantiateWithFlags(void** exec, void* graph, unsigned long long) {
  const Lock lock(state().mutex);
  State& s = state();
  if (const Result r = ready(); r != success) return r;
  auto* g = static_cast<Graph*>(graph);
  if (!s.graphs.count(g)) return invalid_value;
  auto* made = new Graph(*g);
  s.execs.insert(made);
  *exec = made;
  return success;
}
FAKE_CUDA_API int cuGraphLaunch(void* exec, void* handle) {
  const Lock lock(state().mutex);
  State& s = state();
  if (const Result r = ready(); r != success) return r;
  Stream* stream = known(handle);
  auto* g = static_cast<Graph*>(exec);
  if (!stream || !s.execs.count(g)) return invalid_value;
  if (!may_launch()) return launch_out_of_resources;
  ++s.n_graph_launches;
  for (const Work& w : g->nodes) submit(*stream, w);
  return success;
}
FAKE_CUDA_API int cuGraphExecDestroy(void* exec) {
  const Lock lock(state().mutex);
  State& s = state();
  auto* g = static_cast<Graph*>(exec);
  if (!s.execs.erase(g)) {
    s.misuse("a graph is destroyed twice");
    return invalid_value;
  }
  delete g;
  return s.broken;
}
FAKE_CUDA_API int cuGraphDestroy(void* graph) {
  const Lock lock(state().mutex);
  State& s = state();
  auto* g = static_cast<Graph*>(graph);
  if (!s.graphs.erase(g)) {
    s.misuse("a graph is destroyed twice");
    return invalid_value;
  }
  delete g;
  return s.broken;
}

FAKE_CUDA_API int cuEventCreate(void** event, unsigned) {
  const Lock lock(state().mutex);
  if (const Result r = ready(); r != success) return r;
  auto* made = new Event;
  state().events.insert(made);
  *event = made;
  return success;
}
FAKE_CUDA_API int cuEventRecord(void* event, void* handle) {
  const Lock lock(state().mutex);
  if (const Result r = ready(); r != success) return r;
  Stream* stream = known(handle);
  auto* e = static_cast<Event*>(event);
  if (!stream || !state().events.count(e)) return invalid_handle;
  e->recorded = true;
  e->done = false;
  e->stream = stream;
  Work w;
  w.kind = Work::Kind::record;
  w.event = e;
  return submit(*stream, std::move(w));
}
FAKE_CUDA_API int cuEventSynchronize(void* event) {
  const Lock lock(state().mutex);
  if (const Result r = ready(); r != success) return r;
  auto* e = static_cast<Event*>(event);
  if (!state().events.count(e)) return invalid_handle;
  return e->recorded && !e->done ? state().drain(*e->stream) : success;
}
FAKE_CUDA_API int cuEventQuery(void* event) {
  const Lock lock(state().mutex);
  if (const Result r = ready(); r != success) return r;
  const auto* e = static_cast<Event*>(event);
  return !e->recorded || e->done ? success : not_ready;
}
FAKE_CUDA_API int cuEventElapsedTime(float* ms, void* begin, void* end) {
  const Lock lock(state().mutex);
  const auto *a = static_cast<Event*>(begin), *b = static_cast<Event*>(end);
  if (!a->recorded || !b->recorded) return invalid_handle;
  if (!a->done || !b->done) return not_ready;
  *ms = static_cast<float>(b->done_at_ms - a->done_at_ms);
  return success;
}
FAKE_CUDA_API int cuEventDestroy_v2(void* event) {
  const Lock lock(state().mutex);
  State& s = state();
  auto* e = static_cast<Event*>(event);
  if (!s.events.erase(e)) {
    s.misuse("an event is destroyed twice");
    return invalid_handle;
  }
  for (Stream* stream : s.streams)
    stream->queue.erase(std::remove_if(stream->queue.begin(), stream->queue.end(), [&](const Work& w) { return w.event == e; }), stream->queue.end());
  delete e;
  return s.broken;
}
