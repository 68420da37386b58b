// app/models/tensor_writer.h: one tensor after another into a GGUF file, in another number format.
#pragma once
#include <string>
#include <vector>

#include "app/models/transform.h"
#include "engine/base/thread_pool.h"
#include "engine/files/gguf_writer.h"

namespace app::models {

// What a matrix becomes where `wanted` is asked for: see quantize_model.
engine::DType stored_type(const engine::Tensor& tensor, std::string_view gguf_name, engine::DType wanted);

class TensorWriter {
 public:
  TensorWriter(engine::GgufWriter& out, const TransformOptions& options)
      : out_(out), options_(options), pool_(options.n_threads) {}

  // All of them are declared before the first is written.
  struct Planned {
    std::string name;             // in the new file
    engine::Tensor source;
    engine::DType type = engine::DType::f32;
    int permute_heads = 0;        // rows of each of so many heads go from halves to pairs (llama's RoPE)
    float plus = 0, factor = 1;   // numbers become (x + plus) * factor
  };
  void plan(Planned planned);
  QuantizeReport write_all();

 private:
  QuantizedTensor write(const Planned& planned);
  void check_stop() const;

  engine::GgufWriter& out_;
  const TransformOptions& options_;
  engine::ThreadPool pool_;
  std::vector<Planned> planned_;
  double error_ = 0, size_ = 0;  // sums of squares over matrices
};

}  // namespace app::models
