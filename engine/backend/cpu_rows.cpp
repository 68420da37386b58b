// Steps on rows of activations that qwen2, qwen3 and gemma3 add: biases, norms of heads and of what a
// part adds, scaling, GeGLU. Each row is computed alone, so results depend on neither batch nor threads.
#include <algorithm>
#include <cmath>

#include "engine/backend/cpu_backend.h"

namespace engine {
namespace {

// Below this a step is over sooner than the threads are awake.
constexpr int64_t numbers_at_once = 8192;

}  // namespace

// run(begin, end) over rows of so many numbers.
template <typename Run>
void CpuBackend::over_rows(int64_t n_rows, int64_t width, const Run& run) {
  const int64_t rows_at_once = std::max<int64_t>(1, numbers_at_once / std::max<int64_t>(1, width));
  const int64_t n_items = (n_rows + rows_at_once - 1) / rows_at_once;
  if (n_items <= 1) return run(int64_t{0}, n_rows);
  pool_.run(n_items, [&](int64_t item, int) { run(item * rows_at_once, std::min(n_rows, (item + 1) * rows_at_once)); });
}

void CpuBackend::add_bias(const float* bias, float* x, int width, int n_rows) {
  over_rows(n_rows, width, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      float* to = x + row * width;
      for (int i = 0; i < width; ++i) to[i] += bias[i];
    }
  });
}

void CpuBackend::norm_rows(Norm norm, float* x, int width, int n_rows) {
  over_rows(n_rows, width, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      kernels_.rms_norm(x + row * width, norm.weights, x + row * width, width, norm.eps);
    }
  });
}

void CpuBackend::norm_and_add(Norm norm, const float* x, float* y, int width, int n_rows) {
  reserve_thread_scratch(static_cast<size_t>(width) * 4, "normed activations");
  const int64_t at_once = std::max<int64_t>(1, numbers_at_once / width);
  pool_.run((n_rows + at_once - 1) / at_once, [&](int64_t item, int thread) {
    auto* normed = reinterpret_cast<float*>(thread_scratch_[static_cast<size_t>(thread)].get(static_cast<size_t>(width) * 4, ""));
    for (int64_t row = item * at_once; row < std::min<int64_t>(n_rows, (item + 1) * at_once); ++row) {
      kernels_.rms_norm(x + row * width, norm.weights, normed, width, norm.eps);
      for (int i = 0; i < width; ++i) y[row * width + i] += normed[i];
    }
  });
}

void CpuBackend::scale(float factor, float* x, int64_t n) {
  over_rows(n, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) x[i] *= factor;
  });
}

// gelu(g) = g / 2 (1 + tanh(z)) = g / (1 + exp(-2 z)), z = sqrt(2 / pi) (g + 0.044715 g^3)
void CpuBackend::gelu_mul(const float* up, float* gate, int64_t n) {
  constexpr float two_root_two_over_pi = 1.5957691216f;
  over_rows(n, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float g = gate[i], z2 = two_root_two_over_pi * (g + 0.044715f * g * g * g);
      gate[i] = g / (1 + std::exp(-z2)) * up[i];
    }
  });
}

}  // namespace engine
