#include "kernels/cuda/driver.h"

#include <dlfcn.h>

#include <mutex>

namespace kernels::cuda {
namespace {

struct Entry {
  const char* name;
  size_t offset;  // of its pointer in Driver
};

#define SIGMA_ENTRY(field, name) {name, offsetof(Driver, field)}
constexpr Entry entries[] = {
    SIGMA_ENTRY(init, "cuInit"),
    SIGMA_ENTRY(driver_version, "cuDriverGetVersion"),
    SIGMA_ENTRY(device_count, "cuDeviceGetCount"),
    SIGMA_ENTRY(device_get, "cuDeviceGet"),
    SIGMA_ENTRY(device_name, "cuDeviceGetName"),
    SIGMA_ENTRY(device_memory, "cuDeviceTotalMem_v2"),
    SIGMA_ENTRY(device_attribute, "cuDeviceGetAttribute"),
    SIGMA_ENTRY(context_retain, "cuDevicePrimaryCtxRetain"),
    SIGMA_ENTRY(context_release, "cuDevicePrimaryCtxRelease_v2"),
    SIGMA_ENTRY(context_set, "cuCtxSetCurrent"),
    SIGMA_ENTRY(module_load, "cuModuleLoadData"),
    SIGMA_ENTRY(module_unload, "cuModuleUnload"),
    SIGMA_ENTRY(module_function, "cuModuleGetFunction"),
    SIGMA_ENTRY(function_set, "cuFuncSetAttribute"),
    SIGMA_ENTRY(allocate, "cuMemAlloc_v2"),
    SIGMA_ENTRY(release, "cuMemFree_v2"),
    SIGMA_ENTRY(memory_info, "cuMemGetInfo_v2"),
    SIGMA_ENTRY(allocate_host, "cuMemAllocHost_v2"),
    SIGMA_ENTRY(release_host, "cuMemFreeHost"),
    SIGMA_ENTRY(upload, "cuMemcpyHtoDAsync_v2"),
    SIGMA_ENTRY(download, "cuMemcpyDtoHAsync_v2"),
    SIGMA_ENTRY(fill, "cuMemsetD8Async"),
    SIGMA_ENTRY(stream_create, "cuStreamCreate"),
    SIGMA_ENTRY(stream_destroy, "cuStreamDestroy_v2"),
    SIGMA_ENTRY(stream_wait, "cuStreamSynchronize"),
    SIGMA_ENTRY(capture_begin, "cuStreamBeginCapture_v2"),
    SIGMA_ENTRY(capture_end, "cuStreamEndCapture"),
    SIGMA_ENTRY(graph_instantiate, "cuGraphInstantiateWithFlags"),
    SIGMA_ENTRY(graph_launch, "cuGraphLaunch"),
    SIGMA_ENTRY(graph_exec_destroy, "cuGraphExecDestroy"),
    SIGMA_ENTRY(graph_destroy, "cuGraphDestroy"),
    SIGMA_ENTRY(launch, "cuLaunchKernel"),
    SIGMA_ENTRY(event_create, "cuEventCreate"),
    SIGMA_ENTRY(event_record, "cuEventRecord"),
    SIGMA_ENTRY(event_wait, "cuEventSynchronize"),
    SIGMA_ENTRY(event_elapsed, "cuEventElapsedTime"),
    SIGMA_ENTRY(event_destroy, "cuEventDestroy_v2"),
    SIGMA_ENTRY(error_name, "cuGetErrorName"),
    SIGMA_ENTRY(error_text, "cuGetErrorString"),
};
#undef SIGMA_ENTRY
static_assert(sizeof(entries) / sizeof(entries[0]) * sizeof(void*) == sizeof(Driver), "every field has its entry");

// Empty where all went well.
std::string load(Driver& driver) {
  void* library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return "no NVIDIA driver: libcuda.so.1 was not found";
  for (const Entry& entry : entries) {
    void* const address = dlsym(library, entry.name);
    if (address == nullptr) {
      dlclose(library);
      return std::string("the NVIDIA driver is too old: it has no ") + entry.name;
    }
    *reinterpret_cast<void**>(reinterpret_cast<char*>(&driver) + entry.offset) = address;
  }
  return {};
}

}  // namespace

std::string Driver::describe(Result result) const {
  const char *name = nullptr, *text = nullptr;
  if (error_name(result, &name) != success || name == nullptr) name = "unknown error";
  if (error_text(result, &text) != success || text == nullptr) text = "";
  std::string line = std::string(name) + " (" + std::to_string(result) + ")";
  if (text[0] != '\0') line += std::string(", ") + text;
  return line;
}

const Driver* open_driver(std::string& why_not) {
  static std::once_flag once;
  static Driver driver;
  static std::string failure;
  std::call_once(once, [] { failure = load(driver); });
  why_not = failure;
  return failure.empty() ? &driver : nullptr;
}

}  // namespace kernels::cuda
