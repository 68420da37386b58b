// engine/model/sigma_weights.h: the weights of a DiffQKV decoder, and where they stand in a file.
// Only this module knows the two naming schemes.
//
// Tensors (matrices are n_out rows of n_in numbers; d = width of the stream)
//   GGUF                        HF, model. before each           rows x columns
//   token_embd.weight           embed_tokens                     n_vocab x d
//   blk.N.attn_norm.weight      layers.N.input_layernorm         d
//   blk.N.attn_q.weight         layers.N.self_attn.q_proj        n_heads_q head_dim_k x d
//   blk.N.attn_q_gate.weight    layers.N.self_attn.q_gate_proj   augmented_q_dim x n_heads_q head_dim_k
//   blk.N.attn_q_up.weight      layers.N.self_attn.q_up_proj     as q_gate
//   blk.N.attn_q_down.weight    layers.N.self_attn.q_down_proj   n_heads_q head_dim_k x augmented_q_dim
//   blk.N.attn_k.weight         layers.N.self_attn.k_proj        n_heads_k head_dim_k x d
//   blk.N.attn_v.weight         layers.N.self_attn.v_proj        n_heads_v head_dim_v x d
//   blk.N.attn_output.weight    layers.N.self_attn.o_proj        d x n_heads_q head_dim_v
//   blk.N.ffn_norm.weight       layers.N.post_attention_layernorm  d
//   blk.N.ffn_gate.weight       layers.N.mlp.gate_proj           ffn_dim x d
//   blk.N.ffn_up.weight         layers.N.mlp.up_proj             ffn_dim x d
//   blk.N.ffn_down.weight       layers.N.mlp.down_proj           d x ffn_dim
//   output_norm.weight          norm                             d
//   output.weight               lm_head (no "model.")            n_vocab x d; absent where tied
//   rope_freqs.weight           -                                head_dim_k / 2 divisors, optional
// qwen2 adds attn_q.bias, attn_k.bias, attn_v.bias (HF the same); qwen3 and gemma3 attn_q_norm and
// attn_k_norm (HF self_attn.q_norm, .k_norm; head_dim_k). gemma3 calls its four norms attn_norm,
// post_attention_norm, ffn_norm, post_ffw_norm (HF input_layernorm, post_attention_layernorm,
// pre_feedforward_layernorm, post_feedforward_layernorm); its HF norms hold the weight less 1.
//
// Metadata of GGUF, each after the architecture and a dot; * sigma alone, + gemma3 alone
//   block_count, embedding_length, feed_forward_length, context_length, vocab_size (optional)
//   attention.head_count, attention.head_count_kv (llama; sigma: where the two below are equal)
//   *attention.head_count_k, *attention.head_count_v
//   attention.key_length, attention.value_length (default embedding_length / head_count)
//   *attention.augmented_q_length (default 0: none), *attention.augmented_q_residual (default false)
//   *attention.selective_v_top_k (default 0: all)
//   attention.layer_norm_rms_epsilon, rope.freq_base, rope.scaling.type ("linear"), .factor
//   +attention.sliding_window: five layers of six see so many tokens, with a rotary base of 10000
// RoPE turns pairs (2i, 2i+1) in `llama` files, whose Q and K rows are permuted for that, and pairs
// (i, i + d/2) in all others and in HF folders.
#pragma once
#include <functional>
#include <memory>
#include <stop_token>
#include <vector>

#include "engine/backend/backend.h"
#include "engine/model/kv_pool.h"
#include "engine/model/sigma_config.h"

namespace engine {

class ModelFile;

struct SigmaLayer {
  std::unique_ptr<Buffer> attention_norm, ffn_norm;
  std::unique_ptr<Matrix> q, q_gate, q_up, q_down;  // the last three only with augmented Q
  std::unique_ptr<Matrix> k, v, output;
  std::unique_ptr<Matrix> gate, up, down;
  // Null where the architecture has none.
  std::unique_ptr<Buffer> q_bias, k_bias, v_bias;
  std::unique_ptr<Buffer> q_norm, k_norm;  // q_norm has query_scale in it
  std::unique_ptr<Buffer> post_attention_norm, post_ffn_norm;
};

struct SigmaWeights {
  Tensor embedding;                    // in the file's map, or in the file object's own copy
  bool embedding_is_mapped = false;
  std::vector<SigmaLayer> layers;
  std::unique_ptr<Buffer> final_norm;
  std::unique_ptr<Matrix> head;        // where it is tied, the embedding is read from it too
  std::vector<double> rope_frequencies;  // head_dim_k / 2
  std::vector<double> rope_frequencies_local;  // of local layers; empty: the same
  bool all_f32 = true;
  uint64_t size_bytes = 0;
};

// Reads and checks the shape. Throws Error{unsupported} naming an architecture not run here,
// Microsoft's mixture-of-experts "Sigma" among them; Error{invalid_input} naming a bad key.
SigmaConfig read_sigma_config(const ModelFile& file);

// head_dim_k / 2 angles a token, with the file's scaling; of local layers where those differ (else
// empty). Throws Error{unsupported} naming a kind of scaling not run here.
std::vector<double> rope_frequencies(const ModelFile& file, const SigmaConfig& config);
std::vector<double> local_rope_frequencies(const SigmaConfig& config);

// Throws Error{invalid_input} naming a tensor that is missing or of the wrong shape,
// Error{unsupported} naming one that no such model has (a bias, say), Error{out_of_memory},
// Error{cancelled}. The backends' stop tokens are obeyed.
SigmaWeights load_sigma_weights(const ModelFile& file, const SigmaConfig& config, std::span<const LayerPlace> places,
                                const std::function<void(double)>& on_progress);

// The layer that a tensor belongs to; -1: none.
int layer_of_tensor(const std::string& name);

}  // namespace engine
