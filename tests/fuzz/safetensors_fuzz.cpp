// Any bytes as a safetensors file: its tensors lie inside it, or one Error is thrown.
#include <cstdint>
#include <span>

#include "engine/base/error.h"
#include "engine/files/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace engine;
  try {
    volatile uint64_t used = 0;  // the reads must happen
    for (const SafetensorsEntry& entry : parse_safetensors(std::as_bytes(std::span(data, size)), "fuzz.safetensors")) {
      const Tensor& t = entry.tensor.tensor;
      if (entry.is_weight) used = used + static_cast<uint64_t>(t.data[0]) + static_cast<uint64_t>(t.data[t.size_bytes - 1]);
    }
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::internal) __builtin_trap();
  }
  return 0;
}
