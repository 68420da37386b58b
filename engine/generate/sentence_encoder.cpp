#include "engine/generate/sentence_encoder.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "engine/base/mapped_file.h"
#include "engine/files/json_input.h"
#include "engine/files/model_file.h"
#include "engine/model/bert.h"
#include "engine/tokenizer/tokenizer.h"

namespace engine {
namespace {

// sentence_bert_config.json of the sentence-transformers package says where text is cut.
int longest_input(const std::string& folder, int n_positions) {
  const auto path = std::filesystem::path(folder) / "sentence_bert_config.json";
  if (!std::filesystem::exists(path)) return n_positions;
  const MappedFile map(path.string());
  if (map.bytes().size() > 1 << 20) fail(ErrorKind::invalid_input, "%s: far larger than such a file is", map.path().c_str());
  const auto config = parse_json_input({reinterpret_cast<const char*>(map.bytes().data()), map.bytes().size()}, map.path());
  const auto at = config.is_object() ? config.find("max_seq_length") : config.end();
  if (!config.is_object() || at == config.end() || !at->is_number_unsigned()) return n_positions;
  return static_cast<int>(std::clamp<uint64_t>(at->get<uint64_t>(), 3, static_cast<uint64_t>(n_positions)));
}

}  // namespace

SentenceEncoder::SentenceEncoder() = default;
SentenceEncoder::~SentenceEncoder() = default;

std::unique_ptr<SentenceEncoder> SentenceEncoder::load(const std::string& path, int n_threads) {
  const auto file = ModelFile::open(path);
  std::unique_ptr<SentenceEncoder> encoder(new SentenceEncoder);
  encoder->model_ = BertModel::load(file, make_cpu_backend({.n_threads = n_threads}));
  encoder->tokenizer_ = Tokenizer::load(*file);
  const BertConfig& c = encoder->model_->config();
  if (encoder->tokenizer_->n_vocab() > c.n_vocab || !encoder->tokenizer_->bos() || !encoder->tokenizer_->eos()) {
    fail(ErrorKind::invalid_input, "%s: its tokenizer does not belong to its weights", path.c_str());
  }
  if (c.n_positions < 3) fail(ErrorKind::invalid_input, "%s: it takes %d tokens, too few for a text", path.c_str(), c.n_positions);
  encoder->max_tokens_ = longest_input(file->path(), c.n_positions);
  return encoder;
}

int SentenceEncoder::dim() const { return model_->config().dim; }

std::vector<float> SentenceEncoder::embed(std::string_view text) const {
  std::vector<int32_t> tokens = tokenizer_->encode(text, false);
  tokens.resize(std::min(tokens.size(), static_cast<size_t>(max_tokens_) - 2));
  tokens.insert(tokens.begin(), *tokenizer_->bos());
  tokens.push_back(*tokenizer_->eos());
  const std::lock_guard<std::mutex> lock(mutex_);
  const std::vector<float> rows = model_->encode(tokens);

  const auto n = static_cast<size_t>(dim());
  std::vector<double> mean(n);
  for (size_t i = 0; i < rows.size(); ++i) mean[i % n] += double(rows[i]);
  double squares = 0;
  for (const double x : mean) squares += x * x;
  const double inverse = squares > 0 ? 1 / std::sqrt(squares) : 0;
  std::vector<float> out(n);
  for (size_t i = 0; i < n; ++i) out[i] = float(mean[i] * inverse);
  return out;
}

double similarity(std::span<const float> a, std::span<const float> b) {
  CHECK_INVARIANT(a.size() == b.size());
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += double(a[i]) * double(b[i]);
  return sum;
}

}  // namespace engine
