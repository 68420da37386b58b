// Any bytes as a GGUF file: metadata, tensors and tokenizer are read, or one Error is thrown.
#include <cstdint>
#include <span>

#include "engine/base/error.h"
#include "engine/files/gguf.h"
#include "engine/files/model_file.h"
#include "engine/model/sigma_config.h"
#include "engine/model/sigma_weights.h"
#include "engine/tokenizer/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace engine;
  try {
    const auto file = parse_gguf(std::as_bytes(std::span(data, size)), "fuzz.gguf");
    uint64_t sum = 0;
    for (const NamedTensor& named : file->tensors()) {
      // First and last byte: what the loader promises to be there.
      if (named.tensor.size_bytes > 0) {
        sum += static_cast<uint64_t>(named.tensor.data[0]) + static_cast<uint64_t>(named.tensor.data[named.tensor.size_bytes - 1]);
      }
    }
    for (const auto key : file->keys()) sum += file->show_value(key).size();
    try {
      read_sigma_config(*file);
    } catch (const Error&) {
    }
    const auto tokenizer = Tokenizer::load(*file);
    const auto ids = tokenizer->encode("Hello, world 123\n\xff", true);
    sum += tokenizer->decode(ids, true).size();
    volatile uint64_t used = sum;  // the reads must happen
    (void)used;
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::internal) __builtin_trap();
  }
  return 0;
}
