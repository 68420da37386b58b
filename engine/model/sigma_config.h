// engine/model/sigma_config.h: the shape of a DiffQKV decoder (arXiv:2501.13629, section 2 and
// appendix B): Q, K and V each have their own head count and, K against V, their own head width.
// MHA, GQA and MQA are special cases. The last group of fields is what the qwen2, qwen3 and gemma3
// architectures add to llama.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace engine {

struct SigmaConfig {
  std::string architecture;      // "sigma", "llama", "qwen2", "qwen3", "gemma3"
  int n_layers = 0;
  int dim = 0;                   // width of the residual stream
  int ffn_dim = 0;               // SwiGLU, or GeGLU where gelu is set
  int n_heads_q = 0, n_heads_k = 0, n_heads_v = 0;  // n_heads_q a multiple of both others
  int head_dim_k = 0;            // of Q and K heads
  int head_dim_v = 0;            // of V heads and the attention's output; >= head_dim_k
  int augmented_q_dim = 0;       // 0: none. q = W_down(silu(W_gate q) * (W_up q))
  bool augmented_q_residual = false;  // q + that, for models grown from a GQA model
  int selective_v_top_k = 0;     // 0: every V row; else only those of the largest weights, not renormalised
  float rope_theta = 10000;
  bool rope_interleaved = false;  // pairs (2i, 2i+1) instead of (i, i + d/2)
  float rms_norm_eps = 1e-5f;
  int n_vocab = 0;
  int n_ctx_trained = 0;
  bool tied_embeddings = false;

  bool qkv_bias = false;         // qwen2: q, k and v = W x + b
  bool qk_norm = false;          // qwen3, gemma3: RMS norm of each head of q and k before RoPE
  bool post_norms = false;       // gemma3: RMS norm of what attention and feed-forward add, too
  bool gelu = false;             // gemma3: gelu (tanh form) in the feed-forward, not silu
  float embedding_scale = 1;     // gemma3: sqrt(dim)
  float query_scale = 0;         // scores are q.k times this; 0: 1 / sqrt(head_dim_k). Needs qk_norm
  int sliding_window = 0;        // tokens that a local layer sees, its own included
  std::vector<bool> local_layers;  // by layer; empty: none is local
  float rope_theta_local = 0;    // of local layers; 0: rope_theta, and scaled as the others

  bool is_local(int layer) const { return !local_layers.empty() && local_layers[static_cast<size_t>(layer)]; }
  // Beyond what a llama or sigma model asks of a backend.
  bool needs_row_operations() const { return qkv_bias || qk_norm || post_norms || gelu || embedding_scale != 1 || sliding_window > 0; }

  int head_k(int head_q) const { return head_q * n_heads_k / n_heads_q; }
  int head_v(int head_q) const { return head_q * n_heads_v / n_heads_q; }

  // Throws Error{invalid_input} that names `file` and the first field that cannot be.
  void check(const std::string& file) const;
};

}  // namespace engine
