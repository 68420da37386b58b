// engine/backend/cuda_queue.h: the order of work on the GPU. Launches of a decoding step are collected and go as one CUDA
// graph: what changes from token to token lies in device memory, so the same list comes again and its graph
// is replayed. All else is launched at once.
#pragma once
#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "engine/backend/cuda_device.h"

namespace engine {

class CudaQueue {
 public:
  explicit CudaQueue(CudaDevice& device);
  ~CudaQueue();
  CudaQueue(const CudaQueue&) = delete;
  CudaQueue& operator=(const CudaQueue&) = delete;

  struct Shape {
    std::array<unsigned, 3> grid = {1, 1, 1};
    unsigned threads = 32, shared_bytes = 0;
  };
  // params: the kernel's one parameter, by value.
  template <class Params>
  void launch(const std::string& image, const std::string& kernel, const Shape& shape, const Params& params) {
    static_assert(sizeof(Params) <= max_param_bytes);
    Launch l;
    l.function = device_.kernel(image, kernel, int(shape.shared_bytes));
    l.shape = shape;
    std::memcpy(l.params.data(), &params, sizeof(params));
    add(l, kernel);
  }

  // From here on launches are collected (decoding) or not.
  void collect(bool on);
  void flush();  // what was collected goes to the GPU
  void wait();   // flush, and all of it is done
  void settle() noexcept;  // what was sent is done, or never will be: memory may go. Also where the device has failed

  // Copies, in order with the launches before and after. upload takes its source at once; upload_early goes before what
  // is collected, none of which may read `to`.
  void upload(kernels::cuda::DevicePtr to, const void* from, size_t size_bytes);
  void upload_early(kernels::cuda::DevicePtr to, const void* from, size_t size_bytes);
  void download(void* to, kernels::cuda::DevicePtr from, size_t size_bytes);  // waits
  void zero(kernels::cuda::DevicePtr to, size_t size_bytes);
  // size_bytes of host memory that the GPU can read, to be filled and given to send(); good until then.
  std::byte* stage(size_t size_bytes);
  void send(kernels::cuda::DevicePtr to, const std::byte* staged, size_t size_bytes);
  static constexpr size_t most_staged = size_t(8) << 20;

  uint64_t n_launches() const { return n_launches_; }          // sent one by one
  uint64_t n_graph_launches() const { return n_graph_launches_; }

 private:
  static constexpr size_t max_param_bytes = 256;
  struct Launch {
    kernels::cuda::Function function = nullptr;
    Shape shape;
    alignas(16) std::array<std::byte, max_param_bytes> params{};
  };
  struct Recorded {
    std::vector<Launch> launches;
    kernels::cuda::GraphExec exec = nullptr;  // null until the list came a second time
    uint64_t used = 0;
  };
  static bool same(const std::vector<Launch>& a, const std::vector<Launch>& b);

  void add(const Launch& launch, const std::string& name);
  void send_launch(const Launch& launch);
  Recorded& find_recorded();
  void capture(Recorded& recorded);
  void destroy(Recorded& recorded) const;

  CudaDevice& device_;
  kernels::cuda::Stream stream_ = nullptr;
  std::byte* staging_ = nullptr;  // pinned
  size_t staged_ = 0;
  bool in_flight_ = false;        // copies out of staging_ may still run
  bool collecting_ = false;
  std::vector<Launch> pending_;
  std::vector<Recorded> recorded_;
  std::string last_kernel_;
  uint64_t n_launches_ = 0, n_graph_launches_ = 0, clock_ = 0;
};

}  // namespace engine
