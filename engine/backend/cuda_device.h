// engine/backend/cuda_device.h: one NVIDIA GPU through its driver: context, kernels by name, memory, and errors as Error.
// Any thread may call; calls of one device take turns (the backend's rule).
#pragma once
#include <cstddef>
#include <map>
#include <string>

#include "kernels/cuda/driver.h"

namespace engine {

class CudaDevice {
 public:
  // Throws Error{unsupported} saying in one line why there is no GPU to use: no driver, a driver too old, no device, a
  // device older than compute capability 8.0, a program built without kernels. Under 1 ms where there is no driver.
  CudaDevice();
  ~CudaDevice();
  CudaDevice(const CudaDevice&) = delete;
  CudaDevice& operator=(const CudaDevice&) = delete;

  const kernels::cuda::Driver& driver() const { return *driver_; }
  kernels::cuda::Context context() const { return context_; }
  const std::string& name() const { return name_; }  // "NVIDIA H100 80GB HBM3, compute 9.0"
  int n_multiprocessors() const { return n_multiprocessors_; }
  int most_shared_bytes() const { return most_shared_bytes_; }  // that a block may ask for
  size_t total_bytes() const { return total_bytes_; }
  size_t free_bytes() const;

  void use() const;  // this thread's calls go to this device
  // Throws Error{device} (out_of_memory where it is that), naming what was being done. Later calls fail alike: after a
  // fault a context is of no use.
  void check(kernels::cuda::Result result, const char* doing) const;
  bool failed() const { return !failure_.empty(); }

  // A kernel of an image (kernels/cuda/README.md), loaded at its first use; shared_bytes is the dynamic shared
  // memory it will be launched with at most. Throws Error{unsupported} where the driver refuses the image.
  kernels::cuda::Function kernel(const std::string& image, const std::string& name, int shared_bytes);

  // Throws Error{out_of_memory} naming `what`, the bytes asked for and those free.
  kernels::cuda::DevicePtr allocate(size_t size_bytes, const std::string& what) const;
  void release(kernels::cuda::DevicePtr address) const noexcept;

 private:
  struct Kernel {
    kernels::cuda::Function function = nullptr;
    int shared_bytes = 48 << 10;  // dynamic bytes allowed so far; a driver allows this much unasked
  };
  kernels::cuda::Module load_image(const std::string& name);

  const kernels::cuda::Driver* driver_ = nullptr;
  kernels::cuda::Device device_ = 0;
  kernels::cuda::Context context_ = nullptr;
  std::string name_;
  int n_multiprocessors_ = 0, most_shared_bytes_ = 0;
  size_t total_bytes_ = 0;
  mutable std::string failure_;
  std::map<std::string, kernels::cuda::Module> modules_;
  std::map<std::string, Kernel> kernels_;
};

}  // namespace engine
