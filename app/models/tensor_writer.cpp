#include "app/models/tensor_writer.h"

#include <algorithm>
#include <cmath>

#include "engine/backend/quantize.h"
#include "engine/base/error.h"

namespace app::models {
namespace {

using engine::DType;

constexpr int64_t kRowsAtOnce = 256;

size_t row_bytes(DType type, int64_t n) {
  const auto block = engine::block_shape(type);
  return static_cast<size_t>(n / block.n_elements) * static_cast<size_t>(block.n_bytes);
}

// HF keeps the two halves of a head's rotated pairs apart, llama files beside each other.
int64_t source_row(int64_t row, int64_t n_rows, int n_heads) {
  if (n_heads == 0) return row;
  const int64_t width = n_rows / n_heads, head = row / width, i = row % width;
  return head * width + (i % 2) * (width / 2) + i / 2;
}

}  // namespace

DType stored_type(const engine::Tensor& tensor, std::string_view name, DType wanted) {
  if (tensor.n_dims < 2) return DType::f32;
  const bool vocabulary = name == "token_embd.weight" || name == "output.weight";
  const bool below_six_bits = wanted == DType::q2_k || wanted == DType::q3_k || wanted == DType::q4_k || wanted == DType::q5_k;
  if (below_six_bits && vocabulary) wanted = DType::q6_k;
  for (const DType type : {wanted, DType::q8_0}) {
    if (tensor.dims[0] % engine::block_shape(type).n_elements == 0) return type;
  }
  return DType::f16;
}

void TensorWriter::plan(Planned planned) {
  const auto n_dims = static_cast<size_t>(planned.source.n_dims);
  out_.add_tensor(planned.name, planned.type, {planned.source.dims.data(), n_dims});
  planned_.push_back(std::move(planned));
}

void TensorWriter::check_stop() const {
  if (options_.stop.stop_requested()) engine::fail(engine::ErrorKind::cancelled, "writing the model was cancelled");
}

QuantizedTensor TensorWriter::write(const Planned& p) {
  const engine::Tensor& t = p.source;
  const int64_t n_in = t.dims[0], n_rows = t.dims[1] * t.dims[2] * t.dims[3];
  const size_t from_bytes = row_bytes(t.dtype, n_in), to_bytes = row_bytes(p.type, n_in);
  std::vector<std::byte> packed(static_cast<size_t>(std::min(n_rows, kRowsAtOnce)) * to_bytes);
  struct Scratch {
    std::vector<float> x, back;
    double error = 0, size = 0;
  };
  std::vector<Scratch> scratch(static_cast<size_t>(pool_.n_threads()));
  for (Scratch& s : scratch) s.x.resize(static_cast<size_t>(n_in)), s.back.resize(static_cast<size_t>(n_in));

  for (int64_t begin = 0; begin < n_rows; begin += kRowsAtOnce) {
    check_stop();
    const int64_t n = std::min(kRowsAtOnce, n_rows - begin);
    pool_.run(n, [&](int64_t i, int thread) {
      Scratch& s = scratch[static_cast<size_t>(thread)];
      const std::span<const std::byte> row(t.data + static_cast<size_t>(source_row(begin + i, n_rows, p.permute_heads)) * from_bytes,
                                           from_bytes);
      const std::span<std::byte> out(packed.data() + static_cast<size_t>(i) * to_bytes, to_bytes);
      const bool changed = p.plus != 0 || p.factor != 1;
      if (t.dtype == p.type && !changed) {  // as it stands, whatever the format
        std::copy(row.begin(), row.end(), out.begin());
        return;
      }
      engine::dequantize_row(t.dtype, row, s.x);
      if (changed) {
        for (float& x : s.x) x = (x + p.plus) * p.factor;
      }
      engine::quantize_row(p.type, s.x, out);
      engine::dequantize_row(p.type, out, s.back);
      for (size_t k = 0; k < s.x.size(); ++k) {
        const double off = double(s.x[k]) - double(s.back[k]);
        s.error += off * off;
        s.size += double(s.x[k]) * double(s.x[k]);
      }
    });
    out_.write({packed.data(), static_cast<size_t>(n) * to_bytes});
  }
  double error = 0, size = 0;
  for (const Scratch& s : scratch) error += s.error, size += s.size;
  if (t.n_dims >= 2) error_ += error, size_ += size;
  return {p.name, t.dtype, p.type, size > 0 ? std::sqrt(error / size) : 0};
}

QuantizeReport TensorWriter::write_all() {
  QuantizeReport report;
  uint64_t n_total = 0, n_done = 0;
  for (const Planned& p : planned_) n_total += p.source.size_bytes;
  for (const Planned& p : planned_) {
    report.tensors.push_back(write(p));
    n_done += p.source.size_bytes;
    if (options_.on_progress) options_.on_progress(static_cast<double>(n_done) / static_cast<double>(n_total));
  }
  report.n_bytes_before = n_total;
  report.relative_rms = size_ > 0 ? std::sqrt(error_ / size_) : 0;
  return report;
}

}  // namespace app::models
