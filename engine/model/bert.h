// engine/model/bert.h: BERT's encoder (arXiv:1810.04805), for sentence embeddings: every token sees
// every other, LayerNorm stands behind each part, positions are learned. Reads HF folders of
// model_type "bert", with or without "bert." before the tensors' names.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/backend/backend.h"

namespace engine {

class ModelFile;

struct BertConfig {
  int n_layers = 0, dim = 0, ffn_dim = 0, n_heads = 0;
  int n_vocab = 0, n_positions = 0, n_types = 0;
  float layer_norm_eps = 1e-12f;
};
// Throws Error{unsupported} naming an architecture or activation not run here, Error{invalid_input}.
BertConfig read_bert_config(const ModelFile& file);

class BertModel {
 public:
  // Throws as read_bert_config, and Error{invalid_input} naming a tensor that is missing or of the
  // wrong shape. The backend's memory must be the host's.
  static std::unique_ptr<BertModel> load(std::shared_ptr<const ModelFile> file, std::unique_ptr<Backend> backend);
  ~BertModel();

  const BertConfig& config() const { return config_; }
  // (tokens.size(), dim): the last layer's output. Throws Error{invalid_input} where a token is
  // outside the vocabulary or there are more than n_positions. Not for two threads at once.
  std::vector<float> encode(std::span<const int32_t> tokens);

 private:
  BertModel();
  struct Weights;
  BertConfig config_;
  std::shared_ptr<const ModelFile> file_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Weights> weights_;
};

}  // namespace engine
