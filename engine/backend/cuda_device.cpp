#include "engine/backend/cuda_device.h"

#include <algorithm>

#include "engine/base/error.h"
#include "kernels/cuda/image.h"

namespace engine {

using namespace kernels::cuda;

namespace {

constexpr int oldest_compute = 80;
constexpr int oldest_driver = 13000;  // the CUDA version whose PTX the kernels are written in: release 580

[[noreturn]] void no_gpu(const std::string& why) { fail(ErrorKind::unsupported, "%s", why.c_str()); }

}  // namespace

CudaDevice::CudaDevice() {
  if (n_images() == 0) no_gpu("this program was built without CUDA kernels");
  std::string why_not;
  driver_ = open_driver(why_not);
  if (driver_ == nullptr) no_gpu(why_not);
  const auto must = [&](Result result, const char* doing) {
    if (result != success) no_gpu(format("%s failed: %s", doing, driver_->describe(result).c_str()));
  };
  must(driver_->init(0), "starting the NVIDIA driver");
  int version = 0;
  must(driver_->driver_version(&version), "asking for the driver's version");
  if (version < oldest_driver) {
    no_gpu(format("the NVIDIA driver is for CUDA %d.%d; one for CUDA 13.0 (release 580) or newer is needed", version / 1000,
                  version % 1000 / 10));
  }
  int n_devices = 0;
  must(driver_->device_count(&n_devices), "counting the GPUs");
  if (n_devices == 0) no_gpu("the NVIDIA driver sees no GPU");
  must(driver_->device_get(&device_, 0), "opening the GPU");
  char device_name[256] = {};
  must(driver_->device_name(device_name, int(sizeof(device_name)) - 1, device_), "asking for the GPU's name");
  const auto attribute = [&](int which) {
    int value = 0;
    must(driver_->device_attribute(&value, which, device_), "asking for the GPU's properties");
    return value;
  };
  const int major = attribute(attribute_compute_major), minor = attribute(attribute_compute_minor);
  if (major * 10 + minor < oldest_compute) {
    no_gpu(format("%s has compute capability %d.%d; 8.0 or newer is needed", device_name, major, minor));
  }
  name_ = format("%s, compute %d.%d", device_name, major, minor);
  n_multiprocessors_ = std::max(1, attribute(attribute_multiprocessors));
  most_shared_bytes_ = std::max(48 << 10, attribute(attribute_shared_per_block_optin));
  must(driver_->device_memory(&total_bytes_, device_), "asking for the GPU's memory");
  must(driver_->context_retain(&context_, device_), "making a context on the GPU");
  const Result used = driver_->context_set(context_);
  if (used != success) {
    driver_->context_release(device_);
    must(used, "using the GPU");
  }
}

CudaDevice::~CudaDevice() {
  driver_->context_set(context_);
  for (const auto& [name, module] : modules_) driver_->module_unload(module);
  driver_->context_release(device_);
}

size_t CudaDevice::free_bytes() const {
  use();
  size_t free = 0, total = 0;
  return driver_->memory_info(&free, &total) == success ? free : 0;
}

void CudaDevice::use() const {
  if (failed()) fail(ErrorKind::device, "%s", failure_.c_str());
  check(driver_->context_set(context_), "using the GPU");
}

void CudaDevice::check(Result result, const char* doing) const {
  if (result == success) return;
  const std::string message = format("%s: %s failed: %s; load the model again, or run it on the CPU (--gpu off)",
                                     name_.c_str(), doing, driver_->describe(result).c_str());
  if (result == error_out_of_memory) fail(ErrorKind::out_of_memory, "%s", message.c_str());
  failure_ = message;
  fail(ErrorKind::device, "%s", message.c_str());
}

Module CudaDevice::load_image(const std::string& name) {
  if (const auto found = modules_.find(name); found != modules_.end()) return found->second;
  for (int i = 0; i < n_images(); ++i) {
    const Image& candidate = image(i);
    if (name != candidate.name) continue;
    Module module = nullptr;
    // Ready machine code first; a device that it was not made for gets the PTX.
    Result result = candidate.fatbin ? driver_->module_load(&module, candidate.fatbin) : error_no_device;
    if (result != success) result = driver_->module_load(&module, candidate.ptx.data());
    if (result != success) {
      no_gpu(format("%s: the driver refuses the CUDA kernels \"%s\": %s; a driver of release 580 or newer is needed",
                    name_.c_str(), name.c_str(), driver_->describe(result).c_str()));
    }
    return modules_[name] = module;
  }
  CHECK_INVARIANT(!"an image of this name");
  return nullptr;
}

Function CudaDevice::kernel(const std::string& image_name, const std::string& name, int shared_bytes) {
  Kernel& kernel = kernels_[name];
  if (kernel.function == nullptr) {
    check(driver_->module_function(&kernel.function, load_image(image_name), name.c_str()), ("finding kernel " + name).c_str());
  }
  if (shared_bytes > kernel.shared_bytes) {
    check(driver_->function_set(kernel.function, function_max_dynamic_shared, shared_bytes),
          ("giving shared memory to " + name).c_str());
    kernel.shared_bytes = shared_bytes;
  }
  return kernel.function;
}

DevicePtr CudaDevice::allocate(size_t size_bytes, const std::string& what) const {
  use();
  DevicePtr address = 0;
  const Result result = driver_->allocate(&address, std::max<size_t>(size_bytes, 1));
  if (result == error_out_of_memory) {
    fail(ErrorKind::out_of_memory,
         "%s needs %.1f MB (%zu bytes) of the GPU's memory and %.1f of %.1f MB are free; choose a smaller model or context, "
         "or run on the CPU (--gpu off)",
         what.c_str(), double(size_bytes) / 1e6, size_bytes, double(free_bytes()) / 1e6, double(total_bytes_) / 1e6);
  }
  check(result, ("allocating " + what).c_str());
  return address;
}

void CudaDevice::release(DevicePtr address) const noexcept {
  if (driver_->context_set(context_) == success) driver_->release(address);
}

}  // namespace engine
