#include "engine/model/bert.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

#include "engine/backend/quantize.h"
#include "engine/base/error.h"
#include "engine/files/model_file.h"

namespace engine {
namespace {

int required(const ModelFile& file, const char* key, int most) {
  const auto value = file.u64(key);
  if (!value || *value < 1 || *value > static_cast<uint64_t>(most)) {
    fail(ErrorKind::invalid_input, "%s: %s is missing or none that a model has (1 to %d); fetch it again",
         file.path().c_str(), key, most);
  }
  return static_cast<int>(*value);
}

struct LayerNorm {
  std::vector<float> weights, bias;
};

struct Product {
  std::unique_ptr<Matrix> weights;
  std::vector<float> bias;
};

// x = (x - mean) / sqrt(variance + eps) * weights + bias, each row; summed in double.
void layer_norm(const LayerNorm& norm, float eps, float* x, size_t n_rows) {
  const size_t dim = norm.weights.size();
  for (size_t row = 0; row < n_rows; ++row, x += dim) {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < dim; ++i) sum += double(x[i]);
    const double mean = sum / double(dim);
    for (size_t i = 0; i < dim; ++i) squares += (double(x[i]) - mean) * (double(x[i]) - mean);
    const double inverse = 1 / std::sqrt(squares / double(dim) + double(eps));
    for (size_t i = 0; i < dim; ++i) {
      x[i] = float((double(x[i]) - mean) * inverse) * norm.weights[i] + norm.bias[i];
    }
  }
}

void gelu(float* x, size_t n) {
  constexpr float root_half = 0.70710678f;
  for (size_t i = 0; i < n; ++i) x[i] = 0.5f * x[i] * (1 + std::erf(x[i] * root_half));
}

// One head of one layer: rows of q, k, v and out are `stride` numbers apart.
void attend(const float* q, const float* k, const float* v, float* out, size_t n, size_t width, size_t stride,
            std::vector<float>& scores) {
  const float scale = 1 / std::sqrt(float(width));
  scores.resize(n);
  for (size_t t = 0; t < n; ++t) {
    const float* from = q + t * stride;
    float top = -INFINITY, sum = 0;
    for (size_t s = 0; s < n; ++s) {
      float dot = 0;
      for (size_t i = 0; i < width; ++i) dot += from[i] * k[s * stride + i];
      scores[s] = dot * scale;
      top = std::max(top, scores[s]);
    }
    for (float& score : scores) sum += score = std::exp(score - top);
    float* to = out + t * stride;
    std::fill_n(to, width, 0.0f);
    for (size_t s = 0; s < n; ++s) {
      const float weight = scores[s] / sum;
      for (size_t i = 0; i < width; ++i) to[i] += weight * v[s * stride + i];
    }
  }
}

}  // namespace

struct BertModel::Weights {
  struct Layer {
    Product q, k, v, output, up, down;
    LayerNorm attention_norm, output_norm;
  };
  std::vector<float> words, positions, type;  // of the first token type
  LayerNorm embedding_norm;
  std::vector<Layer> layers;
};

namespace {

// Finds tensors by name and checks their shapes.
class BertLoader {
 public:
  BertLoader(const ModelFile& file, Backend& backend)
      : file_(file), backend_(backend), prefix_(file.find("bert.embeddings.word_embeddings.weight") ? "bert." : "") {}

  const Tensor& find(const std::string& name, int64_t n_in, int64_t n_out) const {
    const Tensor* tensor = file_.find(prefix_ + name);
    if (tensor == nullptr) {
      fail(ErrorKind::invalid_input, "%s: tensor %s is missing; fetch it again", file_.path().c_str(), name.c_str());
    }
    if (tensor->dims[0] != n_in || tensor->dims[1] != n_out || tensor->dims[2] != 1 || tensor->dims[3] != 1 ||
        tensor->dtype == DType::i32) {
      fail(ErrorKind::invalid_input, "%s: tensor %s has another shape or type than config.json says (%lld x %lld)",
           file_.path().c_str(), name.c_str(), static_cast<long long>(n_out), static_cast<long long>(n_in));
    }
    return *tensor;
  }
  std::vector<float> numbers(const std::string& name, int64_t n_in, int64_t n_out = 1) const {
    const Tensor& tensor = find(name, n_in, n_out);
    std::vector<float> values(static_cast<size_t>(n_in * n_out));
    dequantize_row(tensor.dtype, {tensor.data, tensor.size_bytes}, values);
    return values;
  }
  Product product(const std::string& name, int n_in, int n_out) const {
    return {backend_.load_matrix(find(name + ".weight", n_in, n_out), name), numbers(name + ".bias", n_out)};
  }
  LayerNorm norm(const std::string& name, int dim) const {
    return {numbers(name + ".weight", dim), numbers(name + ".bias", dim)};
  }

 private:
  const ModelFile& file_;
  Backend& backend_;
  std::string prefix_;
};

}  // namespace

BertConfig read_bert_config(const ModelFile& file) {
  if (file.format() != ModelFormat::hf_folder || file.architecture() != "bert") {
    fail(ErrorKind::unsupported, "%s: no sentence encoder that is run here (architecture \"%s\"); give the folder of a "
         "BERT model, such as all-MiniLM-L6-v2", file.path().c_str(), file.architecture().substr(0, 40).c_str());
  }
  constexpr int max_width = 1 << 16;
  BertConfig c;
  c.n_layers = required(file, "num_hidden_layers", 1024);
  c.dim = required(file, "hidden_size", max_width);
  c.ffn_dim = required(file, "intermediate_size", max_width);
  c.n_heads = required(file, "num_attention_heads", 1024);
  c.n_vocab = required(file, "vocab_size", 1 << 24);
  c.n_positions = required(file, "max_position_embeddings", 1 << 16);
  c.n_types = required(file, "type_vocab_size", 1024);
  c.layer_norm_eps = float(file.f64("layer_norm_eps").value_or(1e-12));
  if (c.dim % c.n_heads != 0) {
    fail(ErrorKind::invalid_input, "%s: %d heads do not divide a width of %d", file.path().c_str(), c.n_heads, c.dim);
  }
  if (!(c.layer_norm_eps >= 0) || !(c.layer_norm_eps < 1)) {
    fail(ErrorKind::invalid_input, "%s: layer_norm_eps is %g; it must lie in 0..1", file.path().c_str(), double(c.layer_norm_eps));
  }
  const std::string activation(file.string("hidden_act").value_or("gelu"));
  const std::string positions(file.string("position_embedding_type").value_or("absolute"));
  if (activation != "gelu" || positions != "absolute") {
    fail(ErrorKind::unsupported, "%s: hidden_act \"%.40s\" with position_embedding_type \"%.40s\"; gelu with absolute is "
         "run here", file.path().c_str(), activation.c_str(), positions.c_str());
  }
  return c;
}

BertModel::BertModel() = default;
BertModel::~BertModel() = default;

std::unique_ptr<BertModel> BertModel::load(std::shared_ptr<const ModelFile> file, std::unique_ptr<Backend> backend) {
  std::unique_ptr<BertModel> model(new BertModel);
  model->config_ = read_bert_config(*file);
  model->file_ = std::move(file);
  model->backend_ = std::move(backend);
  const BertConfig& c = model->config_;
  const BertLoader load(*model->file_, *model->backend_);
  auto weights = std::make_unique<Weights>();
  weights->words = load.numbers("embeddings.word_embeddings.weight", c.dim, c.n_vocab);
  weights->positions = load.numbers("embeddings.position_embeddings.weight", c.dim, c.n_positions);
  weights->type = load.numbers("embeddings.token_type_embeddings.weight", c.dim, c.n_types);
  weights->type.resize(static_cast<size_t>(c.dim));
  weights->embedding_norm = load.norm("embeddings.LayerNorm", c.dim);
  for (int i = 0; i < c.n_layers; ++i) {
    const std::string l = "encoder.layer." + std::to_string(i) + ".";
    Weights::Layer layer;
    layer.q = load.product(l + "attention.self.query", c.dim, c.dim);
    layer.k = load.product(l + "attention.self.key", c.dim, c.dim);
    layer.v = load.product(l + "attention.self.value", c.dim, c.dim);
    layer.output = load.product(l + "attention.output.dense", c.dim, c.dim);
    layer.attention_norm = load.norm(l + "attention.output.LayerNorm", c.dim);
    layer.up = load.product(l + "intermediate.dense", c.dim, c.ffn_dim);
    layer.down = load.product(l + "output.dense", c.ffn_dim, c.dim);
    layer.output_norm = load.norm(l + "output.LayerNorm", c.dim);
    weights->layers.push_back(std::move(layer));
  }
  model->weights_ = std::move(weights);
  return model;
}

std::vector<float> BertModel::encode(std::span<const int32_t> tokens) {
  const BertConfig& c = config_;
  const size_t n = tokens.size(), dim = static_cast<size_t>(c.dim), ffn = static_cast<size_t>(c.ffn_dim);
  if (n > static_cast<size_t>(c.n_positions)) {
    fail(ErrorKind::invalid_input, "%zu tokens; this encoder takes %d at most", n, c.n_positions);
  }
  std::vector<float> x(n * dim), q(n * dim), k(n * dim), v(n * dim), mixed(n * dim), wide(n * ffn), scores;
  for (size_t t = 0; t < n; ++t) {
    if (tokens[t] < 0 || tokens[t] >= c.n_vocab) {
      fail(ErrorKind::invalid_input, "token %d is outside the encoder's vocabulary of %d", tokens[t], c.n_vocab);
    }
    const float* word = weights_->words.data() + static_cast<size_t>(tokens[t]) * dim;
    for (size_t i = 0; i < dim; ++i) x[t * dim + i] = word[i] + weights_->type[i] + weights_->positions[t * dim + i];
  }
  layer_norm(weights_->embedding_norm, c.layer_norm_eps, x.data(), n);

  const auto apply = [&](const Product& p, const std::vector<float>& from, std::vector<float>& to) {
    const Projection projection[] = {{p.weights.get(), to.data()}};
    backend_->matmul(projection, from.data(), {}, static_cast<int>(n));
    backend_->add_bias(p.bias.data(), to.data(), static_cast<int>(p.bias.size()), static_cast<int>(n));
  };
  const auto add_and_norm = [&](const LayerNorm& norm) {  // x = norm(x + mixed)
    for (size_t i = 0; i < x.size(); ++i) x[i] += mixed[i];
    layer_norm(norm, c.layer_norm_eps, x.data(), n);
  };
  const size_t width = dim / static_cast<size_t>(c.n_heads);
  for (const Weights::Layer& layer : weights_->layers) {
    apply(layer.q, x, q);
    apply(layer.k, x, k);
    apply(layer.v, x, v);
    std::vector<float>& attended = mixed;
    for (size_t at = 0; at < dim; at += width) {
      attend(q.data() + at, k.data() + at, v.data() + at, attended.data() + at, n, width, dim, scores);
    }
    apply(layer.output, attended, q);
    mixed.swap(q);
    add_and_norm(layer.attention_norm);
    apply(layer.up, x, wide);
    gelu(wide.data(), wide.size());
    apply(layer.down, wide, mixed);
    add_and_norm(layer.output_norm);
  }
  return x;
}

}  // namespace engine
