// engine/tensor.h: number formats and tensors. Weight blocks follow the public GGUF description.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

namespace engine {

// Values of GGUF's ggml_type where a type is stored in files; the loaders check the range.
enum class DType : int32_t {
  f32 = 0, f16 = 1, q4_0 = 2, q4_1 = 3, q5_0 = 6, q5_1 = 7, q8_0 = 8,
  q2_k = 10, q3_k = 11, q4_k = 12, q5_k = 13, q6_k = 14, iq4_nl = 20,
  i32 = 26, bf16 = 30,
};

// A borrowed view, row-major, dims[0] the fastest (as GGUF counts): a matrix of n_out rows of
// n_in numbers has dims {n_in, n_out}. data may be null where only the shape is known.
struct Tensor {
  DType dtype = DType::f32;
  int n_dims = 0;
  std::array<int64_t, 4> dims = {1, 1, 1, 1};
  const std::byte* data = nullptr;
  size_t size_bytes = 0;
};

}  // namespace engine
