// kernels/quant.h: number formats of weights as they lie in a GGUF file (its public description),
// half-precision conversion, and the decoding of one block into small integers and scales.
//
//   value[i] = d * scale[i / group] * (q[i] - offset) - dmin * min[i / group]
//
//   type    block  bytes  layout of a block
//   Q4_0     32     18    f16 d, 16 bytes: low nibbles 0..15, high nibbles 16..31; offset 8
//   Q4_1     32     20    f16 d, f16 m, nibbles as Q4_0; value = d q + m
//   Q5_0     32     22    f16 d, u32 fifth bits, nibbles; offset 16
//   Q5_1     32     24    f16 d, f16 m, u32 fifth bits, nibbles
//   Q8_0     32     34    f16 d, 32 x s8
//   IQ4_NL   32     18    f16 d, nibbles into a table of 16 values
//   Q2_K    256     84    16 x (4-bit scale, 4-bit min), 64 bytes of 2-bit, f16 d, f16 dmin
//   Q3_K    256    110    32 bytes of third bits, 64 bytes of 2-bit, 16 x 6-bit scale, f16 d
//   Q4_K    256    144    f16 d, f16 dmin, 8 x (6-bit scale, 6-bit min) in 12 bytes, nibbles
//   Q5_K    256    176    as Q4_K with 32 bytes of fifth bits
//   Q6_K    256    210    128 bytes of low nibbles, 64 of high 2-bit, 16 x s8 scale, f16 d
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace kernels {

// Numbered as GGUF's ggml_type.
enum class WeightType : int32_t {
  f32 = 0, f16 = 1, q4_0 = 2, q4_1 = 3, q5_0 = 6, q5_1 = 7, q8_0 = 8,
  q2_k = 10, q3_k = 11, q4_k = 12, q5_k = 13, q6_k = 14, iq4_nl = 20, bf16 = 30,
};

constexpr bool is_float(WeightType type) {
  return type == WeightType::f32 || type == WeightType::f16 || type == WeightType::bf16;
}

// Elements and bytes of one block in a file; {0, 0} for a type that is not a weight's.
struct BlockSize {
  int n_elements, n_bytes;
};
constexpr BlockSize block_size(WeightType type) {
  switch (type) {
    case WeightType::f32: return {1, 4};
    case WeightType::f16: return {1, 2};
    case WeightType::bf16: return {1, 2};
    case WeightType::q4_0: return {32, 18};
    case WeightType::q4_1: return {32, 20};
    case WeightType::q5_0: return {32, 22};
    case WeightType::q5_1: return {32, 24};
    case WeightType::q8_0: return {32, 34};
    case WeightType::iq4_nl: return {32, 18};
    case WeightType::q2_k: return {256, 84};
    case WeightType::q3_k: return {256, 110};
    case WeightType::q4_k: return {256, 144};
    case WeightType::q5_k: return {256, 176};
    case WeightType::q6_k: return {256, 210};
  }
  return {0, 0};
}

// Always inlined: kernel sources of several instruction sets include this, and no out-of-line copy
// of one may end up in another.
inline __attribute__((always_inline)) float bits_to_f32(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}
inline __attribute__((always_inline)) uint32_t f32_to_bits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return bits;
}
inline __attribute__((always_inline)) float bf16_to_f32(uint16_t h) { return bits_to_f32(uint32_t(h) << 16); }
inline __attribute__((always_inline)) float f16_to_f32(uint16_t h) {
  const uint32_t sign = uint32_t(h & 0x8000) << 16, exponent = (h >> 10) & 31, mantissa = h & 1023;
  if (exponent == 31) return bits_to_f32(sign | 0x7F800000 | (mantissa << 13));
  if (exponent == 0) {  // zero or subnormal: mantissa * 2^-24, exact in f32
    const float value = float(mantissa) * 5.9604644775390625e-8f;
    return sign ? -value : value;
  }
  return bits_to_f32(sign | ((exponent + 112) << 23) | (mantissa << 13));
}
// Rounds to nearest, ties to even; overflow becomes infinity.
inline __attribute__((always_inline)) uint16_t f32_to_f16(float value) {
  const uint32_t bits = f32_to_bits(value), sign = (bits >> 16) & 0x8000;
  const uint32_t magnitude = bits & 0x7FFFFFFF;
  if (magnitude >= 0x7F800000) return uint16_t(sign | (magnitude > 0x7F800000 ? 0x7E00 : 0x7C00));
  if (magnitude >= 0x477FF000) return uint16_t(sign | 0x7C00);  // rounds to 65536 or more
  if (magnitude < 0x38800000) {  // subnormal: adding 0.5 puts its ulp, 2^-24, at the mantissa's end
    return uint16_t(sign | (f32_to_bits(bits_to_f32(magnitude) + 0.5f) - 0x3F000000));
  }
  const uint32_t rounded = magnitude + 0xFFF + ((magnitude >> 13) & 1);
  return uint16_t(sign | ((rounded - 0x38000000) >> 13));
}

constexpr int8_t iq4_nl_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                      1,    13,   25,  38,  53,  69,  89,  113};

// A block of a quantised type in plain integers. q of IQ4_NL is the table's value + 128.
struct DecodedBlock {
  uint16_t d = 0, dmin = 0;  // f16; dmin of Q4_1 and Q5_1 is m itself, which is added
  uint8_t q[256];
  int16_t scale[16];         // one a group; 1 for types without
  uint8_t min[16];           // one a group
};
// Reads one block of any quantised type.
void decode_block(WeightType type, const uint8_t* block, DecodedBlock& out);

// n numbers of a row, n a multiple of the type's block, into f32. This is what a type means.
void dequantize_row(WeightType type, const uint8_t* row, float* out, int64_t n);

}  // namespace kernels
