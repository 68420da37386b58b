// engine/generate/generation.h: the engine's front door: load a model, generate text from it.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "engine/backend/gpu_mode.h"
#include "engine/tokenizer/chat_template.h"  // ChatMessage

namespace engine {

class Tokenizer;
class Grammar;
struct SigmaConfig;

struct SamplingOptions {
  float temperature = 0;          // 0: greedy
  int top_k = 0;                  // 0: off
  float top_p = 1;                // 1: off
  float min_p = 0;                // 0: off
  float repetition_penalty = 1;   // 1: off
  int repetition_window = 64;     // tokens looked back
  uint64_t seed = 0;              // the same seed gives the same text, whatever the thread count
};

struct GenerateOptions {
  SamplingOptions sampling;
  int max_tokens = 256;
  std::vector<std::string> stop;      // generation ends before the first of these
  const Grammar* grammar = nullptr;   // null: free text
  // Guess several tokens from the text so far, or from a grammar that leaves no choice, and let the
  // model check them at once. The answer is the same token for token; only quantised models try.
  bool speculative = true;
  // Take what the cache holds of the prompt. Off: compute all of it, so that the answer depends on
  // nothing that was asked before (what is reused is equal up to rounding only).
  bool reuse_prefix = true;
};

enum class FinishReason { end_of_text, stop_string, max_tokens, cancelled, context_full };
const char* finish_reason_name(FinishReason reason);  // "end_of_text", ...

struct Generation {
  std::string text;                // without the stop string; always valid UTF-8
  std::vector<int32_t> tokens;
  int prompt_tokens = 0;           // of the prompt, reused ones included
  int reused_tokens = 0;           // found in the cache, not computed again
  int n_passes = 0;                // of the model, after the prompt's
  int drafted_tokens = 0;          // guessed and checked,
  int accepted_tokens = 0;         // and right: as many tokens that no pass of their own was needed for
  // Why the CPU took over from the GPU in this answer; empty: it did not. Tokens from there on are those that the CPU gives
  // for the text so far.
  std::string moved_to_cpu;
  double prefill_seconds = 0, first_token_seconds = 0, decode_seconds = 0;
  FinishReason finish_reason = FinishReason::end_of_text;
};

struct SessionOptions {
  // Number formats of the cache: "f32", "f16", "q8_0", ... On the CPU bf16 is held as f16, fp8 as q8_0. Empty: f32 for models of f32 weights, else f16.
  std::string k_cache = {}, v_cache = {};
};

struct LoadOptions {
  int n_threads = 0;               // 0: one for each core
  std::function<void(const char* stage, double fraction)> on_progress;  // called on this thread
  // Bounds what the caches of this model's sessions take together, texts left behind included (they
  // are kept for prompts that begin the same); sessions get what they need all the same. 0: as much
  // as the sessions that were open at one time may need.
  uint64_t cache_budget_bytes = 0;
  // The context and cache that a session will have: loading is refused, with what would fit, where the
  // weights, that cache and the buffers together are more memory than is free now. 0: without a cache.
  int n_ctx = 0;
  SessionOptions session = {};
  GpuMode gpu = GpuMode::automatic;  // the GPU where there is one and the model fits
};

// A model file and what it needs to run; immutable after load, shared by sessions.
class LanguageModel {
 public:
  // GGUF file or HF folder (config.json + safetensors). Throws Error{invalid_input} on a damaged
  // file, Error{unsupported} on another architecture, Error{out_of_memory} before anything is taken,
  // Error{cancelled} within 100 ms of a stop.
  static std::shared_ptr<LanguageModel> load(const std::string& path, const LoadOptions& options = {},
                                             std::stop_token stop = {});
  virtual ~LanguageModel() = default;
  virtual const SigmaConfig& config() const = 0;
  virtual const Tokenizer& tokenizer() const = 0;   // throws Error{unsupported} where the file has none
  virtual std::string name() const = 0;
  // Where it computes: "cpu avx512, 2 threads". A GPU that fails in the middle of an answer, or has no memory left for
  // its context, gives way to the CPU (GpuMode::automatic).
  virtual std::string device() const = 0;
  virtual int n_ctx_trained() const = 0;
  // The text that the model was trained to see for these messages, ending where it should answer.
  virtual std::string apply_chat_template(std::span<const ChatMessage> messages) const = 0;
  virtual std::vector<int32_t> tokenize(std::string_view text, bool parse_special) const = 0;
};

// One conversation: a KV cache and a position. Not thread-safe; one thread at a time. Sessions of one
// model may run on several threads: what they decode at the same time goes through the model together, prompts take turns.
// Answers are the same as without company.
class GenerationSession {
 public:
  // Throws Error{out_of_memory} naming the bytes of the cache.
  static std::unique_ptr<GenerationSession> create(std::shared_ptr<LanguageModel> model, int n_ctx,
                                                   const SessionOptions& options = {});
  virtual ~GenerationSession() = default;
  virtual int n_ctx() const = 0;
  // Continues the prompt. on_text gets each new piece of valid UTF-8 once, in order. Prefills only
  // what differs from the longest beginning that this session, or another of the model, has held. A stop request ends it within 100 ms, also in
  // prefill, and gives what there is with finish_reason cancelled. on_prefill reports 0..1.
  virtual Generation generate(std::span<const int32_t> prompt, const GenerateOptions& options,
                              const std::function<void(std::string_view)>& on_text = {},
                              std::stop_token stop = {},
                              const std::function<void(double)>& on_prefill = {}) = 0;
  // The cache to and from a file, for this user alone: a prompt that begins with the saved text need
  // not be computed again. Files are checked before they are believed (engine/model/kv_file.h); one
  // of another model or version is Error{unsupported}. restore gives the tokens read.
  virtual void save(const std::string& path) const = 0;
  virtual int restore(const std::string& path) = 0;
};

}  // namespace engine
