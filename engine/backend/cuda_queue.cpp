#include "engine/backend/cuda_queue.h"

#include <algorithm>

#include "engine/base/error.h"

namespace engine {

using namespace kernels::cuda;

namespace {
constexpr size_t most_recorded = 8;  // graphs kept: a few caches, workspaces and sizes of a batch in turn
}

CudaQueue::CudaQueue(CudaDevice& device) : device_(device) {
  device_.use();
  const Driver& d = device_.driver();
  device_.check(d.stream_create(&stream_, stream_non_blocking), "making a stream");
  void* pinned = nullptr;
  const Result result = d.allocate_host(&pinned, most_staged);
  if (result != success) d.stream_destroy(stream_);
  device_.check(result, "allocating host memory for copies");
  staging_ = static_cast<std::byte*>(pinned);
}

CudaQueue::~CudaQueue() {
  const Driver& d = device_.driver();
  settle();
  for (Recorded& r : recorded_) destroy(r);
  d.release_host(staging_);
  d.stream_destroy(stream_);
}

bool CudaQueue::same(const std::vector<Launch>& a, const std::vector<Launch>& b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](const Launch& x, const Launch& y) {
    return x.function == y.function && x.shape.grid == y.shape.grid && x.shape.threads == y.shape.threads &&
           x.shape.shared_bytes == y.shape.shared_bytes && x.params == y.params;
  });
}

void CudaQueue::add(const Launch& launch, const std::string& name) {
  if (collecting_) {
    pending_.push_back(launch);
    return;
  }
  device_.use();
  last_kernel_ = name;
  send_launch(launch);
}

void CudaQueue::send_launch(const Launch& launch) {
  // The driver reads as much as the kernel's parameter has.
  void* params[] = {const_cast<std::byte*>(launch.params.data())};
  const auto& grid = launch.shape.grid;
  device_.check(device_.driver().launch(launch.function, grid[0], grid[1], grid[2], launch.shape.threads, 1, 1,
                                        launch.shape.shared_bytes, stream_, params, nullptr),
                ("launching " + (last_kernel_.empty() ? std::string("the decoding step") : last_kernel_)).c_str());
  ++n_launches_;
}

void CudaQueue::collect(bool on) {
  flush();
  collecting_ = on;
}

CudaQueue::Recorded& CudaQueue::find_recorded() {
  for (Recorded& r : recorded_) {
    if (same(r.launches, pending_)) return r;
  }
  if (recorded_.size() == most_recorded) {
    const auto oldest = std::min_element(recorded_.begin(), recorded_.end(),
                                         [](const Recorded& a, const Recorded& b) { return a.used < b.used; });
    destroy(*oldest);
    recorded_.erase(oldest);
  }
  recorded_.push_back({pending_, nullptr, 0});
  return recorded_.back();
}

void CudaQueue::capture(Recorded& recorded) {
  const Driver& d = device_.driver();
  device_.check(d.capture_begin(stream_, capture_thread_local), "recording the decoding step");
  Graph graph = nullptr;
  try {
    for (const Launch& launch : recorded.launches) send_launch(launch);
  } catch (const Error&) {  // a stream that is recorded cannot be given back
    d.capture_end(stream_, &graph);
    if (graph != nullptr) d.graph_destroy(graph);
    throw;
  }
  n_launches_ -= recorded.launches.size();
  device_.check(d.capture_end(stream_, &graph), "recording the decoding step");
  const Result result = d.graph_instantiate(&recorded.exec, graph, 0);
  d.graph_destroy(graph);
  device_.check(result, "building the graph of the decoding step");
}

void CudaQueue::flush() {
  if (pending_.empty()) return;
  device_.use();
  last_kernel_.clear();
  std::vector<Launch> launches;
  Recorded& recorded = find_recorded();
  const bool seen = recorded.used > 0;
  recorded.used = ++clock_;
  launches.swap(pending_);
  pending_.reserve(launches.size());
  if (!seen) {
    for (const Launch& launch : launches) send_launch(launch);
    return;
  }
  if (recorded.exec == nullptr) capture(recorded);
  device_.check(device_.driver().graph_launch(recorded.exec, stream_), "launching the graph of the decoding step");
  ++n_graph_launches_;
}

void CudaQueue::settle() noexcept {
  device_.driver().context_set(device_.context());
  device_.driver().stream_wait(stream_);
}

void CudaQueue::wait() {
  flush();
  device_.use();
  device_.check(device_.driver().stream_wait(stream_),
                last_kernel_.empty() ? "running the decoding step" : ("running, last " + last_kernel_).c_str());
  in_flight_ = false;
  staged_ = 0;
}

std::byte* CudaQueue::stage(size_t size_bytes) {
  const size_t rounded = (size_bytes + 255) / 256 * 256;
  CHECK_INVARIANT(rounded <= most_staged);
  if (staged_ + rounded > most_staged) {
    if (in_flight_) wait();
    staged_ = 0;
  }
  std::byte* const at = staging_ + staged_;
  staged_ += rounded;
  return at;
}

void CudaQueue::send(DevicePtr to, const std::byte* staged, size_t size_bytes) {
  device_.use();
  in_flight_ = true;
  device_.check(device_.driver().upload(to, staged, size_bytes, stream_), "copying to the GPU");
}

void CudaQueue::upload(DevicePtr to, const void* from, size_t size_bytes) {
  flush();
  upload_early(to, from, size_bytes);
}

void CudaQueue::upload_early(DevicePtr to, const void* from, size_t size_bytes) {
  const auto* bytes = static_cast<const std::byte*>(from);
  for (size_t done = 0; done < size_bytes;) {
    const size_t n = std::min(size_bytes - done, most_staged / 2);
    std::byte* const at = stage(n);
    std::memcpy(at, bytes + done, n);
    send(to + done, at, n);
    done += n;
  }
}

void CudaQueue::download(void* to, DevicePtr from, size_t size_bytes) {
  flush();
  auto* bytes = static_cast<std::byte*>(to);
  for (size_t done = 0; done < size_bytes;) {
    const size_t n = std::min(size_bytes - done, most_staged / 2);
    std::byte* const at = stage(n);
    device_.use();
    in_flight_ = true;
    device_.check(device_.driver().download(at, from + done, n, stream_), "copying from the GPU");
    wait();
    std::memcpy(bytes + done, at, n);
    done += n;
  }
  wait();
}

void CudaQueue::zero(DevicePtr to, size_t size_bytes) {
  flush();
  device_.use();
  device_.check(device_.driver().fill(to, 0, size_bytes, stream_), "clearing memory");
}

void CudaQueue::destroy(Recorded& recorded) const {
  if (recorded.exec != nullptr) device_.driver().graph_exec_destroy(recorded.exec);
  recorded.exec = nullptr;
}

}  // namespace engine
