// engine/backend/quantize.h: rows of weights to f32 and back to any format that files are written in.
#pragma once
#include <cstddef>
#include <span>

#include "engine/tensor.h"

namespace engine {

// row: whole blocks of dtype; out.size() numbers come from it.
void dequantize_row(DType dtype, std::span<const std::byte> row, std::span<float> out);

// Every weight format: all of DType but I32.
bool can_quantize(DType dtype);

// row.size() is a multiple of the block, out as long as it takes. Numbers that are not finite are
// taken as 0.
//
// Each block's scale is searched for the least squared error, weighted by x^2 + mean(x^2): large
// weights matter more in a product. Tried are some 20 scales around the one that the largest number
// asks for; Q2_K, Q4_K and Q5_K solve scale and minimum of each group by least squares, in turns with
// rounding.
void quantize_row(DType dtype, std::span<const float> row, std::span<std::byte> out);

}  // namespace engine
