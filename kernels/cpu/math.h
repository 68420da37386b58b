// kernels/cpu/math.h: exp of 16 lanes.
#pragma once
#include "kernels/cpu/simd.h"

namespace kernels::SIGMA_ISA {

// exp(x), relative error below 2e-7; below -87 it is 0 and above 88 it stays finite. x = n ln2 + r,
// exp(r) by its Taylor polynomial of degree 7: |r| <= 0.347, so the term left out, r^8 / 8!, is
// under 5.3e-9. ln2 in two parts keeps r exact.
INLINE F32 exp(F32 x) {
  const F32 lowest = set1(-87.0f);
  const F32 in = max(min(x, set1(88.0f)), lowest);
  const F32 n = round_even(mul(in, set1(1.44269504f)));
  const F32 r = fnma(n, set1(-2.12194440e-4f), fnma(n, set1(0.693359375f), in));
  F32 p = set1(1.0f / 5040);
  p = fma(p, r, set1(1.0f / 720));
  p = fma(p, r, set1(1.0f / 120));
  p = fma(p, r, set1(1.0f / 24));
  p = fma(p, r, set1(1.0f / 6));
  p = fma(p, r, set1(0.5f));
  p = fma(p, r, set1(1.0f));
  p = fma(p, r, set1(1.0f));
  return times_2_to(p, n);
}

}  // namespace kernels::SIGMA_ISA
