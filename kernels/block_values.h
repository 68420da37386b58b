// kernels/block_values.h: the numbers of one decoded block of weights.
#pragma once
#include "kernels/quant.h"

namespace kernels {

// 32 or 256 of them, by the formula of quant.h: what dequantize_row gives for that block.
void block_values(WeightType type, const DecodedBlock& block, float* out);

}  // namespace kernels
