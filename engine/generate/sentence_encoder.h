// engine/generate/sentence_encoder.h: a text as one vector of length 1, so that the dot product of
// two says how near their meanings are: tokenizer, BERT, mean over the tokens, normalised.
//
//   auto encoder = SentenceEncoder::load("models/all-MiniLM-L6-v2");
//   std::vector<float> a = encoder->embed("show the disks"), b = encoder->embed("list drives");
#pragma once
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

class BertModel;
class Tokenizer;

class SentenceEncoder {
 public:
  // path: an HF folder of a BERT model with tokenizer.json. Throws Error as ModelFile::open,
  // Tokenizer::load and BertModel::load.
  static std::unique_ptr<SentenceEncoder> load(const std::string& path, int n_threads = 0);
  ~SentenceEncoder();

  int dim() const;
  int max_tokens() const { return max_tokens_; }  // longer text is cut there, as the model's authors do
  // dim() numbers. The same text gives the same numbers. Safe from any thread.
  std::vector<float> embed(std::string_view text) const;

 private:
  SentenceEncoder();
  std::unique_ptr<BertModel> model_;
  std::unique_ptr<Tokenizer> tokenizer_;
  int max_tokens_ = 0;
  mutable std::mutex mutex_;
};

// Dot product; of vectors of length 1 the cosine of their angle.
double similarity(std::span<const float> a, std::span<const float> b);

}  // namespace engine
