// app/logs/mask.h: a message as tokens in which whatever is plainly a value is already a wildcard:
// numbers, hexadecimal, UUIDs, addresses, host names, paths, URLs, the right side of key=value,
// sizes with their unit, lists of values.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace app::logs {

struct MaskedToken {
  enum class Kind : uint8_t { word, punctuation, wildcard } kind = Kind::word;
  bool space_before = false;
  std::string text;  // "<*>" for a wildcard; a word may hold "<*>" for its digits: "blk_<*>"
};

// A hash of the masked tokens: equal for messages that mask to the same tokens.
uint64_t masked_hash(std::string_view message);
// The tokens themselves.
void mask(std::string_view message, std::vector<MaskedToken>& out);

}  // namespace app::logs
