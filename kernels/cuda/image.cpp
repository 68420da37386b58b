#include "kernels/cuda/image.h"

#include <cstddef>

#if defined(SIGMA_IMAGE_FOLDER)

// A file's bytes and a zero in read-only data, between two symbols.
#define SIGMA_EMBED(symbol, file)                                                                       \
  __asm__(".section .rodata\n.balign 16\n.global " #symbol "\n.hidden " #symbol "\n" #symbol            \
          ":\n.incbin \"" SIGMA_IMAGE_FOLDER "/" file "\"\n.global " #symbol "_end\n.hidden " #symbol   \
          "_end\n" #symbol "_end:\n.byte 0\n.previous");                                                \
  extern "C" {                                                                                          \
  extern const char symbol[];                                                                           \
  extern const char symbol##_end[];                                                                     \
  }

#define SIGMA_IMAGE(name) SIGMA_EMBED(sigma_ptx_##name, #name ".ptx")
#include "kernels/cuda/image_list.h"
#undef SIGMA_IMAGE

#if defined(SIGMA_WITH_FATBIN)
#define SIGMA_IMAGE(name) SIGMA_EMBED(sigma_fatbin_##name, #name ".fatbin")
#include "kernels/cuda/image_list.h"
#undef SIGMA_IMAGE
#define SIGMA_FATBIN(name) sigma_fatbin_##name
#else
#define SIGMA_FATBIN(name) nullptr
#endif

namespace kernels::cuda {
namespace {

const Image images[] = {
#define SIGMA_IMAGE(name) \
  {#name, std::string_view(sigma_ptx_##name, size_t(sigma_ptx_##name##_end - sigma_ptx_##name)), SIGMA_FATBIN(name)},
#include "kernels/cuda/image_list.h"
#undef SIGMA_IMAGE
};

}  // namespace

int n_images() { return int(sizeof(images) / sizeof(images[0])); }
const Image& image(int index) { return images[index]; }

}  // namespace kernels::cuda

#else

namespace kernels::cuda {

int n_images() { return 0; }
const Image& image(int) {
  static const Image none{};
  return none;
}

}  // namespace kernels::cuda

#endif
