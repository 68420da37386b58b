// kernels/reference/reference.h: what each operation means, as plain loops with double sums. The
// other kernels are tested against these; nothing else calls them.
#pragma once
#include <cstdint>

#include "kernels/quant.h"

namespace kernels::reference {

// y[t][r] = sum_k W[r][k] x[t][k]; W as a file has it.
void matmul(WeightType type, const uint8_t* w, const float* x, float* y, int n_out, int n_in,
            int n_tokens);

// y = x / sqrt(mean(x*x) + eps) * w, each of n_tokens rows
void rms_norm(const float* x, const float* w, float* y, int n, int n_tokens, float eps);

// y = silu(gate) * up, silu(g) = g / (1 + exp(-g))
void silu_mul(const float* gate, const float* up, float* y, int64_t n);

// x (n_tokens, n_heads, dim) in place: pair i turns by position * frequencies[i], i < dim / 2.
void rope(float* x, const double* frequencies, bool interleaved, int n_heads, int dim,
          int first_position, int n_tokens);

struct AttentionSizes {
  int n_heads_q, n_heads_k, n_heads_v, head_dim_k, head_dim_v;
  int selective_v_top_k;  // 0: all
};
// q (n_tokens, n_heads_q, head_dim_k) at positions first_position..; k (n_keys, n_heads_k,
// head_dim_k), v (n_keys, n_heads_v, head_dim_v), n_keys = first_position + n_tokens;
// out (n_tokens, n_heads_q, head_dim_v). Softmax over all keys up to the token's own; where
// selective_v_top_k keeps fewer, the largest weights stay as they are, ties go to the earlier key.
void attention(const AttentionSizes& sizes, const float* q, const float* k, const float* v,
               float* out, int first_position, int n_tokens);

}  // namespace kernels::reference
