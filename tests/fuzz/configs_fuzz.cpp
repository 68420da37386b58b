// Configuration files by others: the first byte picks the kind, the rest is the text.
#include <cstddef>
#include <cstdint>
#include <string>

#include "app/configs/review.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto& kinds = app::configs::kind_names();
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  app::configs::detect_kind("", text);
  app::configs::review("fuzz", text, kinds[data[0] % kinds.size()]);
  return 0;
}
