#include "app/models/tensor_writer.h"
#include "engine/backend/quantize.h"
#include "engine/base/error.h"
#include "engine/files/model_file.h"

namespace app::models {
namespace {

// general.file_type of the public list, by the format of most matrices.
uint32_t file_type(engine::DType type) {
  switch (type) {
    case engine::DType::f16: return 1;
    case engine::DType::q4_0: return 2;
    case engine::DType::q4_1: return 3;
    case engine::DType::q8_0: return 7;
    case engine::DType::q5_0: return 8;
    case engine::DType::q5_1: return 9;
    case engine::DType::q2_k: return 10;
    case engine::DType::q3_k: return 11;
    case engine::DType::q4_k: return 14;
    case engine::DType::q5_k: return 16;
    case engine::DType::q6_k: return 18;
    case engine::DType::iq4_nl: return 25;
    case engine::DType::bf16: return 32;
    default: return 0;
  }
}

}  // namespace

QuantizeReport quantize_model(const engine::ModelFile& file, engine::DType type, const std::string& target,
                              const TransformOptions& options) {
  if (!engine::can_quantize(type)) {
    engine::fail(engine::ErrorKind::unsupported, "%s cannot be written; it is no format of weights",
                 engine::dtype_name(type));
  }
  if (file.format() == engine::ModelFormat::hf_folder) return convert_model(file, type, target, options);
  engine::GgufWriter out(target);
  for (const std::string_view key : file.keys()) {
    if (key != "general.alignment") out.set_raw(key, *file.raw(key));
  }
  out.set_u32("general.file_type", file_type(type));
  out.set_u32("general.quantization_version", 2);
  TensorWriter writer(out, options);
  for (const engine::NamedTensor& named : file.tensors()) {
    writer.plan({named.name, named.tensor, stored_type(named.tensor, named.name, type), 0});
  }
  QuantizeReport report = writer.write_all();
  out.finish();
  report.n_bytes_before = file.size_bytes();
  report.n_bytes_after = out.n_bytes_written();
  return report;
}

}  // namespace app::models
