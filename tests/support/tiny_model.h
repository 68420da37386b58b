// tests/support/tiny_model.h: small random Sigma models, in memory, as files, and their logits by
// the reference kernels (double sums over the whole sequence, no cache).
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/model/sigma_config.h"

namespace test_support {

// A folder of its own under the system's temporary one, removed with everything in it.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// 2 layers, width 64, 8 Q / 2 K / 4 V heads of 16, augmented Q 96, 260 tokens: 0-255 are the bytes
// of byte-level BPE, 256 is <|endoftext|>.
engine::SigmaConfig tiny_config();

struct TinyModel {
  engine::SigmaConfig config;
  std::map<std::string, std::vector<float>> weights;  // by their Hugging Face names
};
TinyModel make_tiny_model(const engine::SigmaConfig& config, uint64_t seed);

enum class TinyType { f32, f16, q8_0 };  // of matrices; norms stay f32
// A `sigma` GGUF with a byte-level tokenizer (no merges); q8_0 needs widths that are multiples of 32.
void write_tiny_gguf(const TinyModel& model, const std::string& path, TinyType type = TinyType::f32);
// config.json and model.safetensors (f32) in an existing folder.
void write_tiny_hf_folder(const TinyModel& model, const std::string& folder);

// (tokens.size(), n_vocab)
std::vector<float> reference_logits(const TinyModel& model, std::span<const int32_t> tokens);
std::vector<int32_t> random_tokens(int n, int n_vocab, uint64_t seed);

}  // namespace test_support
