// engine/tokenizer/pre_tokenizer.h: cuts text into the words inside which BPE merges.
// Models define this by regular expressions; here each known one is a hand-written scanner, linear
// in the text and without recursion (a regex engine overflows its stack on 40,000 equal characters).
#pragma once
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace engine {

// One step; a pre-tokenizer is a list of them, each cutting the pieces of the one before.
enum class SplitStep : unsigned char {
  // 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
  gpt2,
  // (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*
  // |\s*[\r\n]+|\s+(?!\S)|\s+
  llama3,
  qwen2,              // llama3 with \p{N} in place of \p{N}{1,3}
  digits_individual,  // each character of \p{N} on its own
  digits_together,    // runs of \p{N} on their own
};

using PreTokenizer = std::vector<SplitStep>;

// By the name in tokenizer.ggml.pre ("smollm", "gpt-2", "llama-bpe", "qwen2", ...).
std::optional<PreTokenizer> pre_tokenizer_by_name(std::string_view name);
// By the pattern of a Split step in tokenizer.json.
std::optional<SplitStep> split_step_by_regex(std::string_view pattern);

// End offsets of the words, ascending, the last is text.size(); empty for empty text.
void split_words(std::string_view text, const PreTokenizer& steps, std::vector<size_t>& word_ends);

}  // namespace engine
