// Two products with few tokens and silu(first) * second behind them; skinny.cuh says how.
#include "kernels/cuda/skinny.cuh"

namespace kernels::cuda {
SIGMA_SKINNY_ALL(gated, true)
}  // namespace kernels::cuda
