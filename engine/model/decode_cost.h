// engine/model/decode_cost.h: what decoding must move and compute, kernel by kernel, from the model's shape alone: the floors
// that measured times are held against. tests/gpu/roofline_test.cpp holds it to what the kernels do on the simulator.
#pragma once
#include <vector>

namespace engine {

struct SigmaConfig;

// Activations are left out: a few KB that stay in a GPU's caches.
struct KernelCost {
  const char* name = "";
  double weights = 0;      // numbers, read once whatever the batch
  double cache_bytes = 0;  // of one sequence
  double operations = 0;   // of one sequence's token, besides 2 a weight
};

// One layer, one decoded token of a sequence of n_tokens, whose cache has numbers of so many bytes.
std::vector<KernelCost> decode_costs(const SigmaConfig& config, double n_tokens, double cache_number_bytes = 2);
// Final norm and output matrix, once a token.
KernelCost head_cost(const SigmaConfig& config);

struct Floor {
  double bytes = 0, operations = 0, us = 0;
};
// The least time of a batch: memory's or the tensor cores', whichever is longer. weight_bytes: of one, scales included.
Floor floor_of(const KernelCost& kernel, double weight_bytes, int batch, double bytes_per_s, double operations_per_s);
double floor_us(double bytes, double operations, double bytes_per_s, double operations_per_s);

}  // namespace engine
