#include "engine/model/decode_cost.h"

#include <algorithm>

#include "engine/model/sigma_config.h"

namespace engine {

std::vector<KernelCost> decode_costs(const SigmaConfig& c, double n_tokens, double cache_number_bytes) {
  const double q = double(c.n_heads_q) * c.head_dim_k, k = double(c.n_heads_k) * c.head_dim_k, v = double(c.n_heads_v) * c.head_dim_v;
  const double out = double(c.n_heads_q) * c.head_dim_v, augmented = c.augmented_q_dim, dim = c.dim, ffn = c.ffn_dim;
  std::vector<KernelCost> kernels = {{.name = "norm, q k v", .weights = dim * (q + k + v)}};
  if (augmented > 0) {
    kernels.push_back({.name = "aug. Q gate, up", .weights = 2 * q * augmented});
    kernels.push_back({.name = "aug. Q down", .weights = q * augmented});
  }
  kernels.push_back({.name = "attention", .cache_bytes = n_tokens * (k + v) * cache_number_bytes, .operations = 2 * n_tokens * (q + out)});
  kernels.push_back({.name = "output", .weights = out * dim});
  kernels.push_back({.name = "norm, FFN gate, up", .weights = 2 * dim * ffn});
  kernels.push_back({.name = "FFN down", .weights = dim * ffn});
  return kernels;
}

KernelCost head_cost(const SigmaConfig& c) { return {.name = "final norm, lm_head", .weights = double(c.dim) * c.n_vocab}; }

double floor_us(double bytes, double operations, double bytes_per_s, double operations_per_s) {
  return 1e6 * std::max(bytes / bytes_per_s, operations / operations_per_s);
}

Floor floor_of(const KernelCost& kernel, double weight_bytes, int batch, double bytes_per_s, double operations_per_s) {
  const double bytes = kernel.weights * weight_bytes + kernel.cache_bytes * batch;
  const double operations = batch * (2 * kernel.weights + kernel.operations);
  return {bytes, operations, floor_us(bytes, operations, bytes_per_s, operations_per_s)};
}

}  // namespace engine
