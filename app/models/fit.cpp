#include "app/models/fit.h"

#include <algorithm>

#include "engine/files/model_file.h"
#include "engine/model/sigma_config.h"
#include "engine/model/sigma_weights.h"

namespace app::models {
namespace {

using engine::DType;

constexpr uint64_t kTileRows = 16;     // the CPU engine packs 16 rows together
constexpr uint64_t kBlockTokens = 512;  // of a prompt, computed at once
constexpr uint64_t kBlockLogits = 24;
constexpr uint64_t kProgramBytes = 16 << 20;  // code, stacks, tokenizer of a large vocabulary

// Bytes of a block once packed: K types keep their scales as whole bytes.
uint64_t packed_block_bytes(DType dtype) {
  switch (dtype) {
    case DType::q2_k: return 100;
    case DType::q3_k: return 114;
    case DType::q4_k: return 148;
    case DType::q5_k: return 180;
    default: return static_cast<uint64_t>(engine::block_shape(dtype).n_bytes);
  }
}

uint64_t packed_bytes(const engine::Tensor& t) {
  if (t.n_dims < 2) return static_cast<uint64_t>(t.dims[0]) * 4;
  const auto n_blocks = static_cast<uint64_t>(t.dims[0] / engine::block_shape(t.dtype).n_elements);
  const auto n_rows = static_cast<uint64_t>(t.dims[1] * t.dims[2] * t.dims[3]);
  return n_blocks * packed_block_bytes(t.dtype) * ((n_rows + kTileRows - 1) / kTileRows * kTileRows);
}

}  // namespace

MemoryNeed estimate_memory(const engine::ModelFile& file) {
  const engine::SigmaConfig c = engine::read_sigma_config(file);
  MemoryNeed need;
  bool all_f32 = true;
  for (const engine::NamedTensor& named : file.tensors()) {
    all_f32 = all_f32 && named.tensor.dtype == DType::f32;
    // The embedding table is read from the file's map; where it is the output matrix too, that gets
    // a packed copy.
    const bool embedding = named.name == "token_embd.weight" || named.name == "model.embed_tokens.weight";
    if (!embedding || c.tied_embeddings) need.weights += packed_bytes(named.tensor);
  }
  const auto u = [](int64_t n) { return static_cast<uint64_t>(n); };
  const uint64_t number = all_f32 ? 4 : 2;
  need.k_per_token = u(c.n_layers) * u(c.n_heads_k) * u(c.head_dim_k) * number;
  need.v_per_token = u(c.n_layers) * u(c.n_heads_v) * u(c.head_dim_v) * number;

  const uint64_t q = u(c.n_heads_q) * u(c.head_dim_k), out = u(c.n_heads_q) * u(c.head_dim_v);
  uint64_t widths = u(c.dim) + q + u(c.n_heads_k) * u(c.head_dim_k) + u(c.n_heads_v) * u(c.head_dim_v) + out + u(c.ffn_dim);
  if (c.gelu) widths += u(c.ffn_dim);
  if (c.post_norms) widths += u(c.dim);
  if (c.augmented_q_dim > 0) widths += u(c.augmented_q_dim) + q;
  const uint64_t packed_activations = std::max({u(c.dim), out, u(c.ffn_dim), u(c.augmented_q_dim)}) * 52 / 32;
  need.work = kProgramBytes + kBlockTokens * (widths * 4 + packed_activations) + (kBlockLogits + 3) * u(c.n_vocab) * 4;
  return need;
}

}  // namespace app::models
