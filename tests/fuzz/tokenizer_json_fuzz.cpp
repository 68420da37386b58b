// A tokenizer.json, a zero byte, and text: what is encoded comes back where the vocabulary has all bytes.
#include <cstdint>
#include <string_view>

#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/tokenizer/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace engine;
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const size_t zero = all.find('\0');
  const std::string_view text = zero == std::string_view::npos ? "a1 's\n" : all.substr(zero + 1);
  try {
    const auto tokenizer = Tokenizer::from_hf_json(all.substr(0, zero), "fuzz.json");
    for (const bool special : {false, true}) {
      const auto ids = tokenizer->encode(text, special);
      for (const int32_t id : ids) {
        if (id < 0 || id >= tokenizer->n_vocab()) __builtin_trap();
      }
      Utf8Stream stream;
      for (const int32_t id : ids) stream.add(tokenizer->bytes(id));
      stream.finish();
    }
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::internal) __builtin_trap();
  }
  return 0;
}
