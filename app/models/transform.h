// app/models/transform.h: makes model files: of another number format, of an HF folder, of nothing.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tensor.h"

namespace engine {
class ModelFile;
}

namespace app::models {

struct TransformOptions {
  int n_threads = 0;  // 0: one for each core
  std::stop_token stop;
  std::function<void(double)> on_progress;  // 0..1
};

struct QuantizedTensor {
  std::string name;
  engine::DType from, to;
  double relative_rms = 0;  // error of what is stored against what was there, over its size
};

struct QuantizeReport {
  std::vector<QuantizedTensor> tensors;
  double relative_rms = 0;  // over all matrices
  uint64_t n_bytes_before = 0, n_bytes_after = 0;
};

// Writes file as GGUF with its matrices in `type`; vectors stay F32. A matrix whose rows are no
// multiple of the type's block gets the best format that fits (Q8_0, else F16); with Q2_K to Q5_K the
// token and output matrices get Q6_K. Throws Error{unsupported} for a type that cannot be written.
QuantizeReport quantize_model(const engine::ModelFile& file, engine::DType type, const std::string& target,
                              const TransformOptions& options = {});

// Writes an HF folder of any architecture that is run here as GGUF with its tokenizer; `type` as above, or the
// numbers as they stand. Throws Error{unsupported} naming what the format cannot say.
QuantizeReport convert_model(const engine::ModelFile& folder, std::optional<engine::DType> type,
                             const std::string& target, const TransformOptions& options = {});

// Random weights of a named shape, streamed to disk; the same bytes for the same arguments. For
// speed alone: they mean nothing, and there is no tokenizer. Throws Error{invalid_input} listing the
// shapes.
void synthesize_model(std::string_view shape, engine::DType type, const std::string& target,
                      const TransformOptions& options = {});
std::vector<std::string> synthetic_shapes();

}  // namespace app::models
