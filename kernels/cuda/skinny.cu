// Products with few tokens: store or add. One instance a kind of weights and width; skinny.cuh says how.
#include "kernels/cuda/skinny.cuh"

namespace kernels::cuda {
SIGMA_SKINNY_ALL(skinny, false)
}  // namespace kernels::cuda
