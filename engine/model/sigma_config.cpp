#include "engine/model/sigma_config.h"

#include <cmath>

#include "engine/base/error.h"

namespace engine {
namespace {

// Limits far above any model, low enough that no product of two of them overflows.
constexpr int max_width = 1 << 20;

void check_range(const std::string& file, const char* field, int64_t value, int64_t low, int64_t high) {
  if (value >= low && value <= high) return;
  fail(ErrorKind::invalid_input,
       "%s: %s is %lld, which no model has (%lld to %lld); the file is damaged or not a model of this "
       "kind",
       file.c_str(), field, static_cast<long long>(value), static_cast<long long>(low),
       static_cast<long long>(high));
}

void check_multiple(const std::string& file, int n_heads_q, const char* field, int n_heads) {
  if (n_heads_q % n_heads == 0) return;
  fail(ErrorKind::invalid_input,
       "%s: %d query heads cannot share %d %s: the first must be a multiple of the second",
       file.c_str(), n_heads_q, n_heads, field);
}

}  // namespace

void SigmaConfig::check(const std::string& file) const {
  check_range(file, "the number of layers", n_layers, 1, 4096);
  check_range(file, "the model's width", dim, 1, max_width);
  check_range(file, "the feed-forward width", ffn_dim, 1, max_width);
  check_range(file, "the number of query heads", n_heads_q, 1, 4096);
  check_range(file, "the number of key heads", n_heads_k, 1, 4096);
  check_range(file, "the number of value heads", n_heads_v, 1, 4096);
  check_multiple(file, n_heads_q, "key heads", n_heads_k);
  check_multiple(file, n_heads_q, "value heads", n_heads_v);
  check_range(file, "the key head width", head_dim_k, 2, 4096);
  check_range(file, "the value head width", head_dim_v, 1, 4096);
  if (head_dim_k % 2 != 0) {
    fail(ErrorKind::invalid_input, "%s: the key head width is %d; rotary positions need an even one",
         file.c_str(), head_dim_k);
  }
  check_range(file, "the width of all query heads", int64_t(n_heads_q) * head_dim_k, 1, max_width);
  check_range(file, "the width of all attention outputs", int64_t(n_heads_q) * head_dim_v, 1, max_width);
  check_range(file, "the augmented-Q width", augmented_q_dim, 0, max_width);
  check_range(file, "selective V's top k", selective_v_top_k, 0, 1 << 30);
  check_range(file, "the vocabulary", n_vocab, 1, 1 << 24);
  check_range(file, "the trained context length", n_ctx_trained, 1, 1 << 30);
  if (!(rope_theta > 0) || !std::isfinite(rope_theta)) {
    fail(ErrorKind::invalid_input, "%s: the rotary base is %g; it must be positive", file.c_str(),
         double(rope_theta));
  }
  check_range(file, "the sliding window", sliding_window, local_layers.empty() ? 0 : 1, 1 << 30);
  CHECK_INVARIANT(local_layers.empty() || local_layers.size() == static_cast<size_t>(n_layers));
  CHECK_INVARIANT(query_scale == 0 || qk_norm);
  if (!(rope_theta_local >= 0) || !std::isfinite(rope_theta_local)) {
    fail(ErrorKind::invalid_input, "%s: the rotary base of local layers is %g; it must be positive", file.c_str(),
         double(rope_theta_local));
  }
  if (!(query_scale >= 0) || !std::isfinite(query_scale)) {
    fail(ErrorKind::invalid_input, "%s: queries are scaled by %g; it must be positive", file.c_str(), double(query_scale));
  }
  if (!(rms_norm_eps >= 0) || !(rms_norm_eps < 1)) {
    fail(ErrorKind::invalid_input, "%s: the norm's epsilon is %g; it must lie in 0..1", file.c_str(),
         double(rms_norm_eps));
  }
}

}  // namespace engine
