// The driver's functions on memory. Copies are queued like launches; a copy from pageable memory takes its bytes at the
// call, one from pinned memory when it runs, one to the host always when it runs.
#include <cstdlib>
#include <cstring>

#include "tests/support/fake_cuda/state.h"

using namespace fake_cuda;

namespace {

using Lock = std::lock_guard<std::recursive_mutex>;

// Whether a queued operation uses the allocation: as an end of a copy, or as an address in a kernel's parameters.
bool uses(const Work& w, const ptx::Allocation& a) {
  if (w.kind == Work::Kind::launch) {
    for (size_t i = 0; i + 8 <= w.config.params.size(); i += 8) {
      uint64_t value;
      std::memcpy(&value, w.config.params.data() + i, 8);
      if (a.contains(value, 1)) return true;
    }
    return false;
  }
  return a.contains(w.device, 1) || (w.kind == Work::Kind::copy && a.contains(w.device_from, 1));
}

std::string name_of(const Work& w) {
  switch (w.kind) {
    case Work::Kind::launch: return w.function->kernel->name;
    case Work::Kind::upload: return "an upload";
    case Work::Kind::download: return "a download";
    case Work::Kind::copy: return "a copy";
    default: return "a fill";
  }
}

// The device range of a copy, checked at the call.
Result check_range(uint64_t device, size_t n, const char* doing) {
  State& s = state();
  if (n == 0) return success;
  if (s.memory->find_live(device, n)) return success;
  if (!s.memory->owns(device)) s.finding(ptx::FindingKind::host_pointer, std::string(doing) + ": the device side is no device address");
  else s.finding(ptx::FindingKind::out_of_bounds, std::string(doing) + " of " + std::to_string(n) + " bytes leaves its allocation");
  return invalid_value;
}

Result check_host(const void* host, const char* doing) {
  if (host && !state().memory->owns(reinterpret_cast<uint64_t>(host))) return success;
  state().finding(ptx::FindingKind::host_pointer, std::string(doing) + ": the host side is " + (host ? "a device address" : "null"));
  return invalid_value;
}

Result copy_to_device(uint64_t to, const void* from, size_t n, Stream& stream) {
  if (const Result r = check_range(to, n, "an upload"); r != success) return r;
  if (const Result r = check_host(from, "an upload"); r != success) return r;
  Work w;
  w.kind = Work::Kind::upload;
  w.device = to;
  w.n_bytes = n;
  w.host = const_cast<void*>(from);
  w.pinned = state().is_pinned(from, n);
  if (!w.pinned) w.bytes.assign(static_cast<const uint8_t*>(from), static_cast<const uint8_t*>(from) + n);
  return submit(stream, std::move(w));
}

Result copy_to_host(void* to, uint64_t from, size_t n, Stream& stream) {
  if (const Result r = check_range(from, n, "a download"); r != success) return r;
  if (const Result r = check_host(to, "a download"); r != success) return r;
  Work w;
  w.kind = Work::Kind::download;
  w.device = from;
  w.n_bytes = n;
  w.host = to;
  w.pinned = state().is_pinned(to, n);
  return submit(stream, std::move(w));
}

Result fill(uint64_t to, uint32_t value, uint32_t value_bytes, size_t n, Stream& stream) {
  const size_t n_bytes = n * value_bytes;
  if (to % value_bytes) {
    state().finding(ptx::FindingKind::misaligned, "a fill of values of " + std::to_string(value_bytes) + " bytes");
    return invalid_value;
  }
  if (const Result r = check_range(to, n_bytes, "a fill"); r != success) return r;
  Work w;
  w.kind = Work::Kind::fill;
  w.device = to;
  w.n_bytes = n_bytes;
  w.value = value;
  w.value_bytes = value_bytes;
  return submit(stream, std::move(w));
}

// The lock, the checks, and the stream, for every asynchronous call.
template <class F>
int on_stream(void* handle, F f) {
  const Lock lock(state().mutex);
  if (const Result r = ready(); r != success) return r;
  Stream* stream = stream_of(handle);
  return stream ? f(*stream) : invalid_handle;
}

template <class F>
int now(F f) {
  return on_stream(nullptr, [&](Stream& stream) -> Result {
    if (const Result r = state().drain_all(); r != success) return r;
    if (const Result r = f(stream); r != success) return r;
    return state().drain(stream);
  });
}

}  // namespace

FAKE_CUDA_API int cuMemAlloc_v2(uint64_t* address, size_t n) {
  const Lock lock(state().mutex);
  if (const Result r = ready(); r != success) return r;
  if (n == 0) return invalid_value;
  *address = state().memory->allocate(n);
  return *address ? success : out_of_memory;
}
FAKE_CUDA_API int cuMemFree_v2(uint64_t address) {
  const Lock lock(state().mutex);
  State& s = state();
  if (address == 0) return success;
  const ptx::Allocation* a = s.memory->find(address);
  if (!a || a->base != address || !a->bytes) {
    s.misuse(a && !a->bytes ? "memory is freed twice" : "memory is freed that was not allocated");
    return invalid_value;
  }
  if (s.broken == success) {
    const auto check = [&](const Stream& stream) {
      for (const Work& w : stream.queue)
        if (uses(w, *a)) s.finding(ptx::FindingKind::free_in_flight, std::to_string(a->size_bytes) + " bytes freed while " + name_of(w) + " that uses them is queued");
    };
    check(s.null_stream);
    for (const Stream* stream : s.streams) check(*stream);
  }
  s.memory->free(address);
  return s.broken;
}
FAKE_CUDA_API int cuMemGetInfo_v2(size_t* free_bytes, size_t* total_bytes) {
  const Lock lock(state().mutex);
  if (const Result r = ready(); r != success) return r;
  *total_bytes = state().limits.memory_bytes;
  *free_bytes = *total_bytes - std::min<size_t>(*total_bytes, state().memory->used_bytes());
  return success;
}

FAKE_CUDA_API int cuMemAllocHost_v2(void** address, size_t n) {
  const Lock lock(state().mutex);
  if (const Result r = ready(); r != success) return r;
  *address = std::aligned_alloc(4096, (n + 4095) / 4096 * 4096);
  if (!*address) return out_of_memory;
  std::memset(*address, 0xff, n);
  state().pinned[reinterpret_cast<uintptr_t>(*address)] = n;
  return success;
}
FAKE_CUDA_API int cuMemHostAlloc(void** address, size_t n, unsigned) { return cuMemAllocHost_v2(address, n); }
FAKE_CUDA_API int cuMemFreeHost(void* address) {
  const Lock lock(state().mutex);
  State& s = state();
  const auto found = s.pinned.find(reinterpret_cast<uintptr_t>(address));
  if (found == s.pinned.end()) {
    s.misuse("pinned memory is freed twice or was never allocated");
    return invalid_value;
  }
  if (s.broken == success)
    for (const Stream* stream : s.streams)
      for (const Work& w : stream->queue) {
        const auto at = reinterpret_cast<uintptr_t>(w.host);
        if (w.pinned && at >= found->first && at < found->first + found->second)
          s.finding(ptx::FindingKind::free_in_flight, "pinned memory freed while " + name_of(w) + " that uses it is queued");
      }
  s.pinned.erase(found);
  std::free(address);
  return s.broken;
}

FAKE_CUDA_API int cuMemcpyHtoDAsync_v2(uint64_t to, const void* from, size_t n, void* stream) {
  return on_stream(stream, [&](Stream& s) { return copy_to_device(to, from, n, s); });
}
FAKE_CUDA_API int cuMemcpyDtoHAsync_v2(void* to, uint64_t from, size_t n, void* stream) {
  return on_stream(stream, [&](Stream& s) { return copy_to_host(to, from, n, s); });
}
FAKE_CUDA_API int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t n, void* stream) {
  return on_stream(stream, [&](Stream& s) -> Result {
    if (const Result r = check_range(to, n, "a copy"); r != success) return r;
    if (const Result r = check_range(from, n, "a copy"); r != success) return r;
    Work w;
    w.kind = Work::Kind::copy;
    w.device = to;
    w.device_from = from;
    w.n_bytes = n;
    return submit(s, std::move(w));
  });
}
FAKE_CUDA_API int cuMemsetD8Async(uint64_t to, unsigned char value, size_t n, void* stream) {
  return on_stream(stream, [&](Stream& s) { return fill(to, value, 1, n, s); });
}
FAKE_CUDA_API int cuMemsetD32Async(uint64_t to, unsigned value, size_t n, void* stream) {
  return on_stream(stream, [&](Stream& s) { return fill(to, value, 4, n, s); });
}
FAKE_CUDA_API int cuMemcpyHtoD_v2(uint64_t to, const void* from, size_t n) {
  return now([&](Stream& s) { return copy_to_device(to, from, n, s); });
}
FAKE_CUDA_API int cuMemcpyDtoH_v2(void* to, uint64_t from, size_t n) {
  return now([&](Stream& s) { return copy_to_host(to, from, n, s); });
}
FAKE_CUDA_API int cuMemsetD8_v2(uint64_t to, unsigned char value, size_t n) {
  return now([&](Stream& s) { return fill(to, value, 1, n, s); });
}
