#include <cmath>

#include "app/models/tensor_writer.h"
#include "engine/backend/quantize.h"
#include "engine/base/error.h"
#include "engine/model/sigma_config.h"

namespace app::models {
namespace {

using engine::DType;

// Of the Sigma paper (arXiv:2501.13629): its 1.5B with 4 K and 16 V heads and augmented Q, the equal
// heads that it compares with (STD), and the same scaled to 10B.
struct Shape {
  const char* name;
  const char* architecture;
  int n_layers, dim, ffn_dim, n_heads_q, n_heads_k, n_heads_v, head_dim, augmented_q_dim, n_vocab;
  bool tied;
};

constexpr Shape shapes[] = {
    {"sigma-1.5b", "sigma", 26, 2048, 6144, 32, 4, 16, 64, 3072, 128256, true},
    {"gqa-1.5b", "llama", 26, 2048, 6144, 32, 16, 16, 64, 0, 128256, true},
    {"sigma-10b", "sigma", 32, 4096, 14336, 32, 4, 16, 128, 6144, 128256, true},
    {"tiny", "sigma", 2, 256, 512, 8, 2, 4, 32, 256, 512, true},
};

const Shape& find_shape(std::string_view name) {
  std::string known;
  for (const Shape& shape : shapes) {
    if (name == shape.name) return shape;
    known += std::string(known.empty() ? "" : ", ") + shape.name;
  }
  engine::fail(engine::ErrorKind::invalid_input, "no shape is called \"%.40s\"; there are %s",
               std::string(name).c_str(), known.c_str());
}

uint64_t next_random(uint64_t& state) {  // splitmix64
  uint64_t x = state += 0x9E3779B97F4A7C15ull;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

// Blocks of bell-shaped numbers of the given spread, to be dealt out at random: quantising
// 10 G numbers one by one would take minutes.
class BlockPool {
 public:
  BlockPool(DType type, float spread, uint64_t& state) : n_bytes_(static_cast<size_t>(engine::block_shape(type).n_bytes)) {
    constexpr size_t n_elements = 256, n_groups = 1024;
    std::vector<float> x(n_elements);
    const size_t blocks_each = n_elements / static_cast<size_t>(engine::block_shape(type).n_elements);
    bytes_.resize(n_groups * blocks_each * n_bytes_);
    for (size_t i = 0; i < n_groups; ++i) {
      for (float& v : x) {
        const uint64_t r = next_random(state);
        float sum = 0;
        for (int j = 0; j < 4; ++j) sum += static_cast<float>(r >> (16 * j) & 0xFFFF) * 0x1p-16f;
        v = (sum - 2) * 1.73f * spread;
      }
      engine::quantize_row(type, x, {bytes_.data() + i * blocks_each * n_bytes_, blocks_each * n_bytes_});
    }
  }
  void deal(std::span<std::byte> out, uint64_t& state) const {
    const size_t n_blocks = bytes_.size() / n_bytes_;
    for (size_t at = 0; at < out.size(); at += n_bytes_) {
      const size_t i = next_random(state) % n_blocks;
      std::copy_n(bytes_.data() + i * n_bytes_, n_bytes_, out.data() + at);
    }
  }

 private:
  size_t n_bytes_;
  std::vector<std::byte> bytes_;
};

struct Matrix {
  std::string name;
  int64_t n_in, n_out;  // n_out 0: a norm's weights
};

std::vector<Matrix> matrices(const Shape& s) {
  const int64_t q = int64_t{s.n_heads_q} * s.head_dim, k = int64_t{s.n_heads_k} * s.head_dim;
  const int64_t v = int64_t{s.n_heads_v} * s.head_dim;
  std::vector<Matrix> all = {{"token_embd.weight", s.dim, s.n_vocab}};
  for (int i = 0; i < s.n_layers; ++i) {
    const std::string b = "blk." + std::to_string(i) + ".";
    all.push_back({b + "attn_norm.weight", s.dim, 0});
    all.push_back({b + "attn_q.weight", s.dim, q});
    if (s.augmented_q_dim > 0) {
      all.push_back({b + "attn_q_gate.weight", q, s.augmented_q_dim});
      all.push_back({b + "attn_q_up.weight", q, s.augmented_q_dim});
      all.push_back({b + "attn_q_down.weight", s.augmented_q_dim, q});
    }
    all.push_back({b + "attn_k.weight", s.dim, k});
    all.push_back({b + "attn_v.weight", s.dim, v});
    all.push_back({b + "attn_output.weight", q, s.dim});
    all.push_back({b + "ffn_norm.weight", s.dim, 0});
    all.push_back({b + "ffn_gate.weight", s.dim, s.ffn_dim});
    all.push_back({b + "ffn_up.weight", s.dim, s.ffn_dim});
    all.push_back({b + "ffn_down.weight", s.ffn_dim, s.dim});
  }
  all.push_back({"output_norm.weight", s.dim, 0});
  if (!s.tied) all.push_back({"output.weight", s.dim, s.n_vocab});
  return all;
}

void write_metadata(engine::GgufWriter& out, const Shape& s) {
  const std::string a = s.architecture;
  const auto u = [](int n) { return static_cast<uint32_t>(n); };
  out.set_string("general.architecture", a);
  out.set_string("general.name", std::string(s.name) + " (random weights)");
  out.set_string("tokenizer.ggml.model", "none");  // llama.cpp wants to be told
  out.set_u32(a + ".block_count", u(s.n_layers));
  out.set_u32(a + ".context_length", 131072);
  out.set_u32(a + ".embedding_length", u(s.dim));
  out.set_u32(a + ".feed_forward_length", u(s.ffn_dim));
  out.set_u32(a + ".vocab_size", u(s.n_vocab));
  out.set_u32(a + ".attention.head_count", u(s.n_heads_q));
  if (a == "sigma") {
    out.set_u32(a + ".attention.head_count_k", u(s.n_heads_k));
    out.set_u32(a + ".attention.head_count_v", u(s.n_heads_v));
    out.set_u32(a + ".attention.augmented_q_length", u(s.augmented_q_dim));
  } else {
    out.set_u32(a + ".attention.head_count_kv", u(s.n_heads_k));
  }
  out.set_u32(a + ".attention.key_length", u(s.head_dim));
  out.set_u32(a + ".attention.value_length", u(s.head_dim));
  out.set_u32(a + ".rope.dimension_count", u(s.head_dim));
  out.set_f32(a + ".attention.layer_norm_rms_epsilon", 1e-5f);
  out.set_f32(a + ".rope.freq_base", 50000);
}

}  // namespace

std::vector<std::string> synthetic_shapes() {
  std::vector<std::string> names;
  for (const Shape& shape : shapes) names.emplace_back(shape.name);
  return names;
}

void synthesize_model(std::string_view name, DType type, const std::string& target, const TransformOptions& options) {
  const Shape& shape = find_shape(name);
  if (!engine::can_quantize(type)) {
    engine::fail(engine::ErrorKind::unsupported, "%s cannot be written; it is no format of weights",
                 engine::dtype_name(type));
  }
  engine::GgufWriter out(target);
  write_metadata(out, shape);
  const std::vector<Matrix> all = matrices(shape);
  uint64_t n_total = 0;
  std::vector<std::pair<DType, uint64_t>> stored;
  for (const Matrix& m : all) {
    const std::vector<int64_t> dims = m.n_out == 0 ? std::vector{m.n_in} : std::vector{m.n_in, m.n_out};
    engine::Tensor tensor;
    tensor.n_dims = static_cast<int>(dims.size());
    std::copy(dims.begin(), dims.end(), tensor.dims.begin());
    stored.emplace_back(stored_type(tensor, m.name, type), 0);
    out.add_tensor(m.name, stored.back().first, dims);
    stored.back().second = *engine::tensor_bytes(stored.back().first, dims);
    n_total += stored.back().second;
  }
  uint64_t state = 1, n_done = 0;
  const float spread = 1 / std::sqrt(static_cast<float>(shape.dim));  // keeps activations near 1
  const BlockPool pool(type, spread, state), vocabulary_pool(stored[0].first, spread, state);
  constexpr size_t kPieceBlocks = 4096;
  for (size_t i = 0; i < all.size(); ++i) {
    const auto [dtype, n_bytes] = stored[i];
    if (all[i].n_out == 0) {
      const std::vector<float> ones(static_cast<size_t>(all[i].n_in), 1.f);
      out.write(std::as_bytes(std::span(ones)));
      continue;
    }
    const BlockPool& from = dtype == type ? pool : vocabulary_pool;
    const size_t n_piece = kPieceBlocks * static_cast<size_t>(engine::block_shape(dtype).n_bytes);
    std::vector<std::byte> piece(n_piece);
    for (uint64_t left = n_bytes; left > 0;) {
      if (options.stop.stop_requested()) engine::fail(engine::ErrorKind::cancelled, "writing the model was cancelled");
      const size_t n = static_cast<size_t>(std::min<uint64_t>(left, n_piece));
      from.deal({piece.data(), n}, state);
      out.write({piece.data(), n});
      left -= n;
      n_done += n;
      if (options.on_progress) options.on_progress(static_cast<double>(n_done) / static_cast<double>(n_total));
    }
  }
  out.finish();
}

}  // namespace app::models
