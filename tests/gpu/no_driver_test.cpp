// The program where no NVIDIA driver is installed. Skips aloud where one is.
#include <dlfcn.h>
#include <doctest/doctest.h>

#include "engine/backend/choose_backend.h"
#include "engine/base/error.h"
#include "engine/generate/generation.h"
#include "kernels/cuda/image.h"
#include "tests/support/tiny_model.h"

using namespace engine;
using namespace test_support;

namespace {

bool has_driver() {
  if (dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL) == nullptr) return false;
  MESSAGE("skipped: this machine has an NVIDIA driver");
  return true;
}

}  // namespace

TEST_CASE("gpu faults, no driver: the model runs on the CPU, and one line says why") {
  if (has_driver()) return;
  const TempFolder folder;
  write_tiny_gguf(make_tiny_model(tiny_config(), 42), folder.file("tiny.gguf"));
  LoadOptions options;
  options.n_threads = 1;
  const auto model = LanguageModel::load(folder.file("tiny.gguf"), options);
  CHECK(model->device().rfind("cpu", 0) == 0);
  const std::string why = find_gpu().why_not;
  CHECK(why.find('\n') == std::string::npos);
  CHECK(why.find(kernels::cuda::n_images() == 0 ? "built without CUDA kernels" : "no NVIDIA driver") != std::string::npos);
}

TEST_CASE("gpu faults, no driver: --gpu require is an error that says why") {
  if (has_driver()) return;
  try {
    make_backend({.gpu = GpuMode::require});
    FAIL("no error");
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::unsupported);
    CHECK(std::string(e.what()).find("--gpu require") != std::string::npos);
  }
}
