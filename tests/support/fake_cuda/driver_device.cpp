// The driver's functions on devices, contexts, modules and errors; and the control of the fake.
#include <algorithm>
#include <cstring>

#include "tests/support/fake_cuda/state.h"

using namespace fake_cuda;

namespace {

using Lock = std::lock_guard<std::recursive_mutex>;

bool has_lanes_for_the_simulator() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return true;
#endif
}

// Attribute numbers are those of CUdevice_attribute.
int attribute(const Limits& l, int which) {
  switch (which) {
    case 1: return 1024;                                       // threads a block
    case 2: case 3: return 1024;                               // block x, y
    case 4: return 64;                                         // block z
    case 5: return 2147483647;                                 // grid x
    case 6: case 7: return 65535;                              // grid y, z
    case 8: return 48 << 10;                                   // shared memory a block
    case 10: return 32;                                        // warp
    case 12: return 65536;                                     // registers a block
    case 16: return l.n_multiprocessors;
    case 36: return 1000000;                                   // memory clock, kHz
    case 37: return 512;                                       // bus width, bits
    case 39: return l.compute == 89 ? 1536 : 2048;             // threads a multiprocessor
    case 41: return 1;                                         // unified addresses
    case 75: return l.compute / 10;
    case 76: return l.compute % 10;
    case 81: return static_cast<int>(l.shared_optin_bytes) + 1024;  // shared memory a multiprocessor
    case 97: return static_cast<int>(l.shared_optin_bytes);
    default: return 0;
  }
}

const std::pair<int, std::pair<const char*, const char*>> errors[] = {
    {success, {"CUDA_SUCCESS", "no error"}},
    {invalid_value, {"CUDA_ERROR_INVALID_VALUE", "invalid argument"}},
    {out_of_memory, {"CUDA_ERROR_OUT_OF_MEMORY", "out of memory"}},
    {not_initialized, {"CUDA_ERROR_NOT_INITIALIZED", "initialization error"}},
    {no_device, {"CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"}},
    {invalid_device, {"CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"}},
    {invalid_context, {"CUDA_ERROR_INVALID_CONTEXT", "invalid device context"}},
    {no_binary_for_gpu, {"CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image is available for execution on the device"}},
    {invalid_ptx, {"CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"}},
    {unsupported_ptx_version, {"CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "the provided PTX was compiled with an unsupported toolchain."}},
    {invalid_handle, {"CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"}},
    {not_found, {"CUDA_ERROR_NOT_FOUND", "named symbol not found"}},
    {not_ready, {"CUDA_ERROR_NOT_READY", "device not ready"}},
    {illegal_address, {"CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"}},
    {launch_out_of_resources, {"CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested for launch"}},
    {misaligned_address, {"CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"}},
    {launch_failed, {"CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"}},
    {capture_unsupported, {"CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "operation not permitted when stream is capturing"}},
    {unknown, {"CUDA_ERROR_UNKNOWN", "unknown error"}},
};

class TheControl : public Control {
 public:
  void reset(const Limits& limits) override {
    const Lock lock(state().mutex);
    State& s = state();
    s.findings.take();
    s.broken = success;
    s.counts.clear();
    s.n_launches = s.n_graph_launches = s.n_launch_calls = 0;
    s.limits = limits;
    s.memory->set_limit(limits.memory_bytes);
  }
  Limits limits() const override { return state().limits; }
  void edit_modules(std::function<std::string(std::string)> edit) override {
    const Lock lock(state().mutex);
    state().edit = std::move(edit);
  }
  std::vector<ptx::Finding> take_findings() override {
    const Lock lock(state().mutex);
    return state().findings.take();
  }
  std::map<std::string, ptx::KernelCounts> counts() const override {
    const Lock lock(state().mutex);
    std::map<std::string, ptx::KernelCounts> all;
    for (const auto& [kernel, c] : state().counts) all[kernel->name] = ptx::summarise(*kernel, c);
    return all;
  }
  uint64_t n_launches() const override { return state().n_launches; }
  uint64_t n_graph_launches() const override { return state().n_graph_launches; }
  uint64_t used_bytes() const override { return state().memory->used_bytes(); }
  uint64_t loaded_bytes(uint64_t address) const override {
    const Lock lock(state().mutex);
    const ptx::Allocation* a = state().memory->find(address);
    return a ? a->loaded_bytes.load() : 0;
  }
  std::string profile(const std::string& name, int n_lines) const override;
};

std::string TheControl::profile(const std::string& name, int n_lines) const {
  const Lock lock(state().mutex);
  std::string text;
  for (const auto& [kernel, counts] : state().counts) {
    if (kernel->name != name) continue;
    std::vector<size_t> order(counts.ops.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    const auto weight = [&](size_t i) { return counts.ops[i].bytes + 128 * counts.ops[i].waves; };
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return weight(a) > weight(b); });
    for (size_t k = 0; k < order.size() && static_cast<int>(k) < n_lines && weight(order[k]); ++k) {
      const ptx::OpCount& c = counts.ops[order[k]];
      text += kernel->where(static_cast<int>(order[k])) + ": " + kernel->source[order[k]].text + ": " + std::to_string(c.requests) + " requests, " +
              std::to_string(c.bytes) + " bytes, " + std::to_string(c.sectors) + " sectors, " + std::to_string(c.waves) + " of " +
              std::to_string(c.waves_ideal) + " waves\n";
    }
  }
  return text;
}

Result load_module(const char* image, std::shared_ptr<ptx::LoadedModule>& loaded) {
  State& s = state();
  uint32_t magic = 0;
  std::memcpy(&magic, image, sizeof magic);
  if (magic == 0xBA55ED50u || magic == 0x464c457fu) return no_binary_for_gpu;  // fatbin, cubin: made for real devices
  const std::string text = s.edit ? s.edit(image) : std::string(image);
  if (const auto known = s.decoded.find(text); known != s.decoded.end()) {
    loaded = known->second;
  } else {
    try {
      loaded = std::make_shared<ptx::LoadedModule>(text, *s.memory);
    } catch (const ptx::ParseError& e) {
      s.finding(ptx::FindingKind::unsupported, e.what());
      return invalid_ptx;
    }
    s.decoded.emplace(text, loaded);
  }
  // A toolkit of release 13 writes PTX 9.x, which older drivers refuse.
  if (s.limits.driver_version < 13000 && text.find(".version 9") != std::string::npos) return unsupported_ptx_version;
  return loaded->target() > s.limits.compute ? no_binary_for_gpu : success;
}

}  // namespace

FAKE_CUDA_API Control* sigma_fake_cuda_control() {
  static TheControl control;
  return &control;
}

FAKE_CUDA_API int cuInit(unsigned flags) {
  const Lock lock(state().mutex);
  if (flags) return invalid_value;
  if (state().limits.n_devices == 0 || !has_lanes_for_the_simulator()) return no_device;
  state().initialised = true;
  return success;
}
FAKE_CUDA_API int cuDriverGetVersion(int* version) {
  *version = state().limits.driver_version;
  return success;
}
FAKE_CUDA_API int cuDeviceGetCount(int* n) {
  *n = state().limits.n_devices;
  return state().initialised ? success : not_initialized;
}
FAKE_CUDA_API int cuDeviceGet(int* device, int index) {
  if (index < 0 || index >= state().limits.n_devices) return invalid_device;
  *device = index;
  return success;
}
FAKE_CUDA_API int cuDeviceGetName(char* name, int room, int) {
  if (room <= 0) return invalid_value;
  const std::string text = "Simulated GPU";
  const size_t n = std::min(text.size(), static_cast<size_t>(room) - 1);
  std::memcpy(name, text.data(), n);
  name[n] = 0;
  return success;
}
FAKE_CUDA_API int cuDeviceTotalMem_v2(size_t* n, int) {
  *n = state().limits.memory_bytes;
  return success;
}
FAKE_CUDA_API int cuDeviceGetAttribute(int* value, int which, int) {
  *value = attribute(state().limits, which);
  return success;
}

FAKE_CUDA_API int cuDevicePrimaryCtxRetain(void** context, int) {
  const Lock lock(state().mutex);
  if (!state().initialised) return not_initialized;
  ++state().context_users;
  *context = &state();
  return success;
}
FAKE_CUDA_API int cuDevicePrimaryCtxRelease_v2(int) {
  const Lock lock(state().mutex);
  State& s = state();
  if (s.context_users == 0) {
    s.misuse("the context is released more often than retained");
    return invalid_context;
  }
  if (--s.context_users == 0) s.release_everything();
  return success;
}
FAKE_CUDA_API int cuCtxSetCurrent(void* context) {
  const Lock lock(state().mutex);
  if (context && context != &state()) return invalid_context;
  context_is_current() = context != nullptr;
  return success;
}
FAKE_CUDA_API int cuCtxGetCurrent(void** context) {
  *context = context_is_current() ? &state() : nullptr;
  return success;
}
FAKE_CUDA_API int cuCtxSynchronize() {
  const Lock lock(state().mutex);
  if (const Result r = ready(); r != success) return r;
  return state().drain_all();
}

FAKE_CUDA_API int cuModuleLoadData(void** module, const void* image) {
  const Lock lock(state().mutex);
  if (const Result r = ready(); r != success) return r;
  std::shared_ptr<ptx::LoadedModule> loaded;
  if (const Result r = load_module(static_cast<const char*>(image), loaded); r != success) return r;
  auto* made = new Module{loaded};
  state().modules.insert(made);
  *module = made;
  return success;
}
FAKE_CUDA_API int cuModuleUnload(void* module) {
  const Lock lock(state().mutex);
  State& s = state();
  auto* m = static_cast<Module*>(module);
  if (!s.modules.erase(m)) {
    s.misuse("a module is unloaded twice");
    return invalid_handle;
  }
  if (s.broken == success)
    for (const Stream* stream : s.streams)
      for (const Work& w : stream->queue)
        if (w.function && w.function->module == m) s.finding(ptx::FindingKind::free_in_flight, "a module is unloaded while its " + w.function->kernel->name + " is queued");
  for (const auto& f : s.functions)
    if (f->module == m) f->module = nullptr;
  delete m;
  return s.broken;
}
FAKE_CUDA_API int cuModuleGetFunction(void** function, void* module, const char* name) {
  const Lock lock(state().mutex);
  State& s = state();
  if (const Result r = ready(); r != success) return r;
  auto* m = static_cast<Module*>(module);
  if (!s.modules.count(m)) return invalid_handle;
  const ptx::Kernel* kernel = m->loaded->find(name);
  if (!kernel) return not_found;
  s.functions.push_back(std::make_unique<Function>(Function{kernel, m}));
  *function = s.functions.back().get();
  return success;
}
FAKE_CUDA_API int cuFuncSetAttribute(void* function, int which, int value) {
  const Lock lock(state().mutex);
  if (const Result r = ready(); r != success) return r;
  auto* f = static_cast<Function*>(function);
  if (which == 8) {  // dynamic shared memory
    if (value < 0 || static_cast<uint64_t>(value) + f->kernel->static_shared_bytes > state().limits.shared_optin_bytes) return invalid_value;
    f->max_dynamic_shared = static_cast<uint32_t>(value);
  }
  return success;
}
FAKE_CUDA_API int cuOccupancyMaxActiveBlocksPerMultiprocessor(int* n, void* function, int threads, size_t dynamic) {
  const auto* f = static_cast<Function*>(function);
  const Limits& l = state().limits;
  if (threads <= 0 || threads > f->kernel->max_threads) return invalid_value;
  const size_t shared = f->kernel->static_shared_bytes + dynamic + 1024;
  const int by_threads = attribute(l, 39) / ((threads + 31) / 32 * 32);
  *n = static_cast<int>(std::min<size_t>(static_cast<size_t>(by_threads), (l.shared_optin_bytes + 1024) / shared));
  return success;
}

FAKE_CUDA_API int cuGetErrorName(int result, const char** name) {
  for (const auto& [code, texts] : errors)
    if (code == result) return *name = texts.first, success;
  *name = nullptr;
  return invalid_value;
}
FAKE_CUDA_API int cuGetErrorString(int result, const char** text) {
  for (const auto& [code, texts] : errors)
    if (code == result) return *text = texts.second, success;
  *text = nullptr;
  return invalid_value;
}
