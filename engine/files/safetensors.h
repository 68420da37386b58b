// engine/files/safetensors.h: the header of one safetensors file, by the reference's rules:
//
//   u64 n (little-endian, at most 100 MB), n bytes of JSON, the data
//   {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, ..., "__metadata__": {...}}
//
// Offsets count from the end of the header. Sorted by begin the tensors must cover the data exactly,
// without a hole, overlap or rest, and each must be as long as its shape times its type says.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/files/model_file.h"

namespace engine {

struct SafetensorsEntry {
  NamedTensor tensor;       // dims reversed: dims[0] the fastest. data points into bytes
  bool is_weight = true;    // false: a type or rank that no weight has; only name is set
};

// In the order of their data. Throws Error{invalid_input} naming `name` and the tensor.
std::vector<SafetensorsEntry> parse_safetensors(std::span<const std::byte> bytes, const std::string& name);

}  // namespace engine
