// kernels/cpu/simd.h: the 16-lane vectors that the CPU kernels are written in. Each kernel source is
// compiled once for every instruction set, with SIGMA_ISA naming its namespace and the compiler's
// flags choosing the header below; nothing else may be shared between those builds, so kernel
// sources include no header whose inline functions could be compiled for the wrong processor.
//
//   F32     16 x f32            zero set1 load store load_f16 load_bf16 load_s8 load_u8 store_f16
//                               add sub mul div max min abs; fma = a*b+c, fnma = c-a*b
//                               keep_first(a, other, n): lanes 0..n-1 of a, the rest of other
//                               times_2_to(a, n): a * 2^n, n whole
//                               store_s8: rounded to nearest even, saturated
//   I32     16 x s32            set1 add shift_left shift_right (of the sign too) sum to_f32
//                               round_to_i32: from F32 within its range, to nearest even
//                               store_low_bytes: the low byte of each lane
//   Bytes   64 x u8             load_bytes store_bytes bits with_bits look_up
//                               dot4<wide>(acc, w, x): lane i gains w[4i..4i+3] . s8 x[0..3];
//                               wide where w may pass 127
//   Pairs   32 x s16            where sums_pairs alone: pairs(w, x) is half of dot4, in 16 bits; add;
//                               add_pairs(acc, p) the other half; dot4(acc, less_128(w), x)
//   max_tokens_*, max_value_rows   widest tiles whose sums stay in registers
#pragma once

#if defined(__AVX512VNNI__) && defined(__AVX512BW__) && defined(__AVX512VL__)
#include "kernels/cpu/simd_avx512.h"
#elif defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#include "kernels/cpu/simd_avx2.h"
#else
#include "kernels/cpu/simd_plain.h"
#endif

namespace kernels::SIGMA_ISA {

// each<n>(f) calls f(Index<0>{}) .. f(Index<n - 1>{}): a loop that is unrolled before anything else
// looks at it, so that arrays of vectors indexed in it become registers. (GCC 12 unrolls an ordinary
// inner loop so late that it stored eight accumulators to memory in every step: a third of the speed.)
template <int i>
struct Index {
  static constexpr int value = i;
  constexpr operator int() const { return i; }
};
template <int n, int i = 0, class Function>
INLINE void each(const Function& function) {
  if constexpr (i < n) {
    function(Index<i>{});
    each<n, i + 1>(function);
  }
}
#define EACH(i) [&](auto i) __attribute__((always_inline))

}  // namespace kernels::SIGMA_ISA
