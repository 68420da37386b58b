#include "kernels/quant.h"

#include "kernels/block_values.h"

namespace kernels {
namespace {

uint16_t read_u16(const uint8_t* p) { return uint16_t(p[0] | (p[1] << 8)); }

void nibbles_32(const uint8_t* packed, uint8_t* q) {
  for (int i = 0; i < 16; ++i) {
    q[i] = packed[i] & 15;
    q[i + 16] = packed[i] >> 4;
  }
}

void fifth_bits_32(const uint8_t* packed, uint8_t* q) {
  for (int i = 0; i < 32; ++i) q[i] |= uint8_t(((packed[i / 8] >> (i % 8)) & 1) << 4);
}

// 8 scales and 8 minima of 6 bits in 12 bytes.
void scales_k4(const uint8_t* p, DecodedBlock& out) {
  for (int i = 0; i < 4; ++i) {
    out.scale[i] = p[i] & 63;
    out.min[i] = p[i + 4] & 63;
    out.scale[i + 4] = int16_t((p[i + 8] & 15) | ((p[i] >> 6) << 4));
    out.min[i + 4] = uint8_t((p[i + 8] >> 4) | ((p[i + 4] >> 6) << 4));
  }
}

// 64 numbers: 32 low nibbles, then 32 high ones, of the same bytes.
void nibbles_256(const uint8_t* packed, uint8_t* q) {
  for (int part = 0; part < 4; ++part) {
    for (int i = 0; i < 32; ++i) {
      q[part * 64 + i] = packed[part * 32 + i] & 15;
      q[part * 64 + 32 + i] = packed[part * 32 + i] >> 4;
    }
  }
}

// 128 numbers of 2 bits: bits 2j of 32 bytes are numbers 32j..32j+31.
void two_bits_256(const uint8_t* packed, uint8_t* q) {
  for (int i = 0; i < 256; ++i) q[i] = (packed[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2)) & 3;
}

void decode_q2_k(const uint8_t* p, DecodedBlock& out) {
  for (int i = 0; i < 16; ++i) {
    out.scale[i] = p[i] & 15;
    out.min[i] = p[i] >> 4;
  }
  two_bits_256(p + 16, out.q);
  out.d = read_u16(p + 80);
  out.dmin = read_u16(p + 82);
}

void decode_q3_k(const uint8_t* p, DecodedBlock& out) {
  two_bits_256(p + 32, out.q);
  for (int i = 0; i < 256; ++i) out.q[i] |= uint8_t(((p[i % 32] >> (i / 32)) & 1) << 2);
  const uint8_t* s = p + 96;
  for (int i = 0; i < 16; ++i) {
    const int low = i < 8 ? s[i] & 15 : s[i - 8] >> 4, high = (s[8 + i % 4] >> (2 * (i / 4))) & 3;
    out.scale[i] = int16_t((low | (high << 4)) - 32);
  }
  out.d = read_u16(p + 108);
}

void decode_q4_k(const uint8_t* p, DecodedBlock& out) {
  out.d = read_u16(p);
  out.dmin = read_u16(p + 2);
  scales_k4(p + 4, out);
  nibbles_256(p + 16, out.q);
}

void decode_q5_k(const uint8_t* p, DecodedBlock& out) {
  out.d = read_u16(p);
  out.dmin = read_u16(p + 2);
  scales_k4(p + 4, out);
  nibbles_256(p + 48, out.q);
  for (int i = 0; i < 256; ++i) out.q[i] |= uint8_t(((p[16 + i % 32] >> (i / 32)) & 1) << 4);
}

void decode_q6_k(const uint8_t* p, DecodedBlock& out) {
  for (int i = 0; i < 256; ++i) {
    const int half = i / 128, part = i % 128 / 32, lane = i % 32;
    const uint8_t low = p[half * 64 + part % 2 * 32 + lane], high = p[128 + half * 32 + lane];
    out.q[i] = uint8_t((part < 2 ? low & 15 : low >> 4) | (((high >> (2 * part)) & 3) << 4));
  }
  for (int i = 0; i < 16; ++i) out.scale[i] = int8_t(p[192 + i]);
  out.d = read_u16(p + 208);
}

}  // namespace

void decode_block(WeightType type, const uint8_t* p, DecodedBlock& out) {
  out.dmin = 0;
  for (int i = 0; i < 16; ++i) {
    out.scale[i] = 1;
    out.min[i] = 1;
  }
  switch (type) {
    case WeightType::q2_k: return decode_q2_k(p, out);
    case WeightType::q3_k: return decode_q3_k(p, out);
    case WeightType::q4_k: return decode_q4_k(p, out);
    case WeightType::q5_k: return decode_q5_k(p, out);
    case WeightType::q6_k: return decode_q6_k(p, out);
    default: break;
  }
  out.d = read_u16(p);
  switch (type) {
    case WeightType::q4_0: return nibbles_32(p + 2, out.q);
    case WeightType::q4_1:
      out.dmin = read_u16(p + 2);
      return nibbles_32(p + 4, out.q);
    case WeightType::q5_0:
      nibbles_32(p + 6, out.q);
      return fifth_bits_32(p + 2, out.q);
    case WeightType::q5_1:
      out.dmin = read_u16(p + 2);
      nibbles_32(p + 8, out.q);
      return fifth_bits_32(p + 4, out.q);
    case WeightType::q8_0:
      for (int i = 0; i < 32; ++i) out.q[i] = p[2 + i] ^ 0x80;  // s8 + 128
      return;
    case WeightType::iq4_nl:
      nibbles_32(p + 2, out.q);
      for (int i = 0; i < 32; ++i) out.q[i] = uint8_t(iq4_nl_values[out.q[i]] + 128);
      return;
    default: return;
  }
}

void block_values(WeightType type, const DecodedBlock& block, float* out) {
  const bool adds_min = type == WeightType::q4_1 || type == WeightType::q5_1;
  const int offset = type == WeightType::q4_0   ? 8
                     : type == WeightType::q5_0 ? 16
                     : type == WeightType::q8_0 || type == WeightType::iq4_nl ? 128
                     : type == WeightType::q3_k ? 4
                     : type == WeightType::q6_k ? 32 : 0;
  const int group = type == WeightType::q2_k || type == WeightType::q3_k ||
                    type == WeightType::q6_k ? 16 : 32;
  const float d = f16_to_f32(block.d), dmin = f16_to_f32(block.dmin);
  for (int begin = 0; begin < block_size(type).n_elements; begin += group) {
    const int g = begin / group;
    const float scale = d * block.scale[g], low = adds_min ? -dmin : dmin * block.min[g];
    for (int i = begin; i < begin + group; ++i) out[i] = scale * float(block.q[i] - offset) - low;
  }
}

void dequantize_row(WeightType type, const uint8_t* row, float* out, int64_t n) {
  if (is_float(type)) {
    for (int64_t i = 0; i < n; ++i) {
      if (type == WeightType::f32) std::memcpy(out + i, row + i * 4, 4);
      else out[i] = type == WeightType::f16 ? f16_to_f32(read_u16(row + i * 2))
                                            : bf16_to_f32(read_u16(row + i * 2));
    }
    return;
  }
  const BlockSize size = block_size(type);
  DecodedBlock block;
  for (int64_t begin = 0; begin < n; begin += size.n_elements) {
    decode_block(type, row + begin / size.n_elements * size.n_bytes, block);
    block_values(type, block, out + begin);
  }
}

}  // namespace kernels
