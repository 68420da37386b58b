// kernels/cpu/isa.h: what each compiled instruction set fills its table with.
#pragma once
#include "kernels/cpu/kernels.h"

#define SIGMA_DECLARE_ISA(isa)                    \
  namespace isa {                                 \
  void add_tile_dots(CpuKernels& table);          \
  void add_activations(CpuKernels& table);        \
  void add_attention(CpuKernels& table);          \
  }

namespace kernels {
SIGMA_DECLARE_ISA(avx512)
SIGMA_DECLARE_ISA(avx2)
SIGMA_DECLARE_ISA(plain)
}  // namespace kernels
