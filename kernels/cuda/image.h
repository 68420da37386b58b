// kernels/cuda/image.h: the compiled kernels that the program carries: PTX text, which any driver since CUDA 13 compiles
// for its device, and where the build was asked for it (SIGMA_CUDA_SASS) ready machine code.
#pragma once
#include <string_view>

namespace kernels::cuda {

struct Image {
  const char* name;        // of the source file: "skinny"
  std::string_view ptx;    // followed by a zero byte
  const void* fatbin;      // null: not built
};

// Empty where the program was built without nvcc.
int n_images();
const Image& image(int index);

}  // namespace kernels::cuda
