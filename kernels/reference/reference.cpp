#include "kernels/reference/reference.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace kernels::reference {

void matmul(WeightType type, const uint8_t* w, const float* x, float* y, int n_out, int n_in,
            int n_tokens) {
  const BlockSize size = block_size(type);
  const int64_t row_bytes = int64_t(n_in) / size.n_elements * size.n_bytes;
  std::vector<float> row(static_cast<size_t>(n_in));
  for (int r = 0; r < n_out; ++r) {
    dequantize_row(type, w + r * row_bytes, row.data(), n_in);
    for (int t = 0; t < n_tokens; ++t) {
      double sum = 0;
      for (int k = 0; k < n_in; ++k) sum += double(row[size_t(k)]) * x[int64_t(t) * n_in + k];
      y[int64_t(t) * n_out + r] = float(sum);
    }
  }
}

void rms_norm(const float* x, const float* w, float* y, int n, int n_tokens, float eps) {
  for (int t = 0; t < n_tokens; ++t, x += n, y += n) {
    double squares = 0;
    for (int i = 0; i < n; ++i) squares += double(x[i]) * x[i];
    const double scale = 1 / std::sqrt(squares / n + eps);
    for (int i = 0; i < n; ++i) y[i] = float(x[i] * scale * w[i]);
  }
}

void silu_mul(const float* gate, const float* up, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = float(gate[i] / (1 + std::exp(-double(gate[i]))) * up[i]);
}

void rope(float* x, const double* frequencies, bool interleaved, int n_heads, int dim,
          int first_position, int n_tokens) {
  const int half = dim / 2;
  for (int t = 0; t < n_tokens; ++t) {
    for (int h = 0; h < n_heads; ++h, x += dim) {
      for (int i = 0; i < half; ++i) {
        const double angle = double(first_position + t) * frequencies[i];
        float& a = x[interleaved ? 2 * i : i];
        float& b = x[interleaved ? 2 * i + 1 : i + half];
        const double was_a = a, was_b = b;
        a = float(was_a * std::cos(angle) - was_b * std::sin(angle));
        b = float(was_b * std::cos(angle) + was_a * std::sin(angle));
      }
    }
  }
}

void attention(const AttentionSizes& s, const float* q, const float* k, const float* v, float* out,
               int first_position, int n_tokens) {
  for (int t = 0; t < n_tokens; ++t) {
    const int n_keys = first_position + t + 1;
    std::vector<double> weight(static_cast<size_t>(n_keys));
    std::vector<int> kept(static_cast<size_t>(n_keys));
    for (int h = 0; h < s.n_heads_q; ++h) {
      const float* query = q + (int64_t(t) * s.n_heads_q + h) * s.head_dim_k;
      const int head_k = h * s.n_heads_k / s.n_heads_q, head_v = h * s.n_heads_v / s.n_heads_q;
      for (int key = 0; key < n_keys; ++key) {
        const float* row = k + (int64_t(key) * s.n_heads_k + head_k) * s.head_dim_k;
        double score = 0;
        for (int i = 0; i < s.head_dim_k; ++i) score += double(query[i]) * row[i];
        weight[size_t(key)] = score / std::sqrt(double(s.head_dim_k));
      }
      const double top = *std::max_element(weight.begin(), weight.end());
      double sum = 0;
      for (double& w : weight) sum += w = std::exp(w - top);
      std::iota(kept.begin(), kept.end(), 0);
      int n_kept = n_keys;
      if (s.selective_v_top_k > 0 && s.selective_v_top_k < n_keys) {
        n_kept = s.selective_v_top_k;
        std::stable_sort(kept.begin(), kept.end(), [&](int a, int b) {
          return weight[size_t(a)] > weight[size_t(b)];
        });
      }
      float* to = out + (int64_t(t) * s.n_heads_q + h) * s.head_dim_v;
      for (int i = 0; i < s.head_dim_v; ++i) {
        double total = 0;
        for (int j = 0; j < n_kept; ++j) {
          const int key = kept[size_t(j)];
          total += weight[size_t(key)] / sum * v[(int64_t(key) * s.n_heads_v + head_v) * s.head_dim_v + i];
        }
        to[i] = float(total);
      }
    }
  }
}

}  // namespace kernels::reference
