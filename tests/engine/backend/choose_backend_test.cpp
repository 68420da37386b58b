// Which backend a model gets where there is no GPU; with one (or the simulated one), tests/gpu says more.
#include "engine/backend/choose_backend.h"

#include <doctest/doctest.h>

#include <ctime>

#include "engine/base/error.h"
#include "kernels/cuda/driver.h"

using namespace engine;

TEST_CASE("choose_backend: modes by name, others are a usage error that lists them") {
  CHECK(gpu_mode("auto") == GpuMode::automatic);
  CHECK(gpu_mode("off") == GpuMode::off);
  CHECK(gpu_mode("require") == GpuMode::require);
  try {
    gpu_mode("yes");
    FAIL("an unknown mode was taken");
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::usage);
    CHECK(std::string(e.what()).find("auto, off or require") != std::string::npos);
  }
}

TEST_CASE("choose_backend: off is the CPU, whatever there is") {
  CHECK(make_backend({.cpu = {.n_threads = 1}, .gpu = GpuMode::off})->name().rfind("cpu", 0) == 0);
}

TEST_CASE("choose_backend: without a driver the CPU is chosen at once, one line says why, and require is an error") {
  std::string why_not;
  if (kernels::cuda::open_driver(why_not) != nullptr) {
    MESSAGE("skipped: there is an NVIDIA driver");
    return;
  }
  const std::clock_t start = std::clock();  // of this process alone: a busy machine changes nothing
  const GpuInfo gpu = find_gpu();
  const double ms = 1e3 * double(std::clock() - start) / CLOCKS_PER_SEC;
  CHECK_FALSE(gpu.usable);
  CHECK_FALSE(gpu.why_not.empty());
  CHECK(gpu.why_not.find('\n') == std::string::npos);
  CHECK(ms < 1);
  CHECK(make_backend({.cpu = {.n_threads = 1}})->name().rfind("cpu", 0) == 0);
  try {
    make_backend({.gpu = GpuMode::require});
    FAIL("a GPU was found where there is none");
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::unsupported);
    CHECK(std::string(e.what()).find(gpu.why_not) != std::string::npos);
  }
}
