#include "kernels/cpu/isa.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace kernels {
namespace {

struct Tables {
  CpuKernels list[3];
  int n = 0;
};

#define SIGMA_FILL(isa, n_int8, n_f32)        \
  {                                           \
    CpuKernels& table = tables.list[tables.n++]; \
    table.name = #isa;                        \
    table.tokens_int8 = n_int8;               \
    table.tokens_f32 = n_f32;                 \
    isa::add_tile_dots(table);                \
    isa::add_activations(table);              \
    isa::add_attention(table);                \
  }

#if defined(__x86_64__)
// clang 14's __builtin_cpu_supports does not know this one.
bool has_f16c() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}
#endif

Tables find_tables() {
  Tables tables;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vnni")) {
    SIGMA_FILL(avx512, 12, 12)
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c()) {
    SIGMA_FILL(avx2, 3, 4)
  }
#endif
  SIGMA_FILL(plain, 2, 2)
  return tables;
}

const Tables& tables() {
  static const Tables found = find_tables();
  return found;
}

}  // namespace

int n_cpu_kernels() { return tables().n; }
const CpuKernels& cpu_kernels(int index) { return tables().list[index]; }

}  // namespace kernels
