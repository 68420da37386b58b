// kernels/cuda/device.cuh: the few device functions that every kernel uses: 16-bit pairs, tensor-core and copy
// instructions, reductions. Nothing above compute_80.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

#include "kernels/cuda/params.h"

namespace kernels::cuda {

#define SIGMA_DEVICE __device__ __forceinline__

struct F16 { static constexpr bool is_f16 = true; };
struct BF16 { static constexpr bool is_f16 = false; };

// ---- pairs of 16-bit numbers in a word, the first in the low half

SIGMA_DEVICE uint32_t pack2(F16, float a, float b) {
  const __half2 h = __floats2half2_rn(a, b);
  return *reinterpret_cast<const uint32_t*>(&h);
}
SIGMA_DEVICE uint32_t pack2(BF16, float a, float b) {
  const __nv_bfloat162 h = __floats2bfloat162_rn(a, b);
  return *reinterpret_cast<const uint32_t*>(&h);
}
SIGMA_DEVICE float2 unpack2(F16, uint32_t w) { return __half22float2(*reinterpret_cast<const __half2*>(&w)); }
SIGMA_DEVICE float2 unpack2(BF16, uint32_t w) {
  return make_float2(__uint_as_float(w << 16), __uint_as_float(w & 0xffff0000u));
}

// What rounding to 16 bits left over, for a second product.
template <class T>
SIGMA_DEVICE uint32_t remainder2(T type, float a, float b, uint32_t rounded) {
  const float2 r = unpack2(type, rounded);
  return pack2(type, a - r.x, b - r.y);
}

// ---- memory

// 16 bytes that nobody reads again.
SIGMA_DEVICE uint4 load_stream(const void* p) {
  uint4 r;
  asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0,%1,%2,%3}, [%4];"
               : "=r"(r.x), "=r"(r.y), "=r"(r.z), "=r"(r.w) : "l"(p));
  return r;
}
SIGMA_DEVICE uint2 load_stream8(const void* p) {
  uint2 r;
  asm volatile("ld.global.nc.L1::no_allocate.v2.u32 {%0,%1}, [%2];" : "=r"(r.x), "=r"(r.y) : "l"(p));
  return r;
}

SIGMA_DEVICE unsigned shared_address(const void* p) { return unsigned(__cvta_generic_to_shared(p)); }

// n of 16 bytes into shared memory, zeros behind them; what is beyond n is not read.
SIGMA_DEVICE void copy_async_part(void* to, const void* from, int n) {
  asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from), "r"(n)
               : "memory");
}
SIGMA_DEVICE void copy_async16(void* to, const void* from, bool valid) { copy_async_part(to, from, valid ? 16 : 0); }
SIGMA_DEVICE void copy_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int n>
SIGMA_DEVICE void copy_wait() { asm volatile("cp.async.wait_group %0;" ::"n"(n) : "memory"); }

SIGMA_DEVICE void load_matrix4(uint32_t (&r)[4], const void* p) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(p)) : "memory");
}
SIGMA_DEVICE void load_matrix4_transposed(uint32_t (&r)[4], const void* p) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(p)) : "memory");
}

// ---- d (16x8, f32) += a (16x16) b (16x8). Lane 4g + t holds of a: rows g and g + 8, columns 2t, 2t+1 (a[0], a[1]) and
// 2t+8, 2t+9 (a[2], a[3]); of b: rows 2t, 2t+1 and 2t+8, 2t+9 of column g; of d: row g (d[0], d[1]) and g + 8, columns 2t, 2t+1.

SIGMA_DEVICE void mma(F16, float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
SIGMA_DEVICE void mma(BF16, float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// ---- arithmetic

SIGMA_DEVICE float exp2_fast(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
// x / (1 + e^-x). For very negative x the exponential is infinite and the result -0.
SIGMA_DEVICE float silu(float x) { return __fdividef(x, 1.0f + exp2_fast(x * -1.4426950408889634f)); }

SIGMA_DEVICE float shuffle_xor(float v, int mask) { return __shfl_xor_sync(0xffffffffu, v, mask); }
SIGMA_DEVICE float warp_sum(float v) {
#pragma unroll
  for (int mask = 16; mask > 0; mask >>= 1) v += shuffle_xor(v, mask);
  return v;
}
SIGMA_DEVICE float warp_max(float v) {
#pragma unroll
  for (int mask = 16; mask > 0; mask >>= 1) v = fmaxf(v, shuffle_xor(v, mask));
  return v;
}

// The power of two that brings largest near 2^13, so that f16 holds it and its products.
SIGMA_DEVICE float scale_to_f16(float largest) {
  const int exponent = int(__float_as_uint(largest) >> 23) - 127;  // largest >= 0
  const int shift = min(max(13 - exponent, -100), 100);
  return largest > 0 ? __uint_as_float(uint32_t(127 + shift) << 23) : 1.0f;
}
// 1 / p of a power of two, exactly.
SIGMA_DEVICE float inverse_of_power(float p) { return __uint_as_float((254u << 23) - __float_as_uint(p)); }

}  // namespace kernels::cuda
