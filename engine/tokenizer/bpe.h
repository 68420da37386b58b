// engine/tokenizer/bpe.h: byte-level BPE over a vocabulary and ranked merges.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/tokenizer/pre_tokenizer.h"
#include "engine/tokenizer/tokenizer.h"

namespace engine {

// What the two readers (GGUF, tokenizer.json) find.
struct BpeDescription {
  std::string name;                     // of the file, for messages
  std::vector<std::string> pieces;      // by token id, in the byte-level alphabet where normal
  std::vector<TokenKind> kinds;         // as long as pieces
  std::vector<std::pair<std::string, std::string>> merges;  // by rank
  PreTokenizer pre_tokenizer;
  bool ignore_merges = false;           // a word that is a token is that token
  bool nfc = false;                     // compose text first
  bool add_prefix_space = false;        // a piece of text that begins without one gets a space
  std::vector<int32_t> strips_left, strips_right;  // added tokens that swallow white space beside them
  std::optional<int32_t> bos, eos, unknown;
  bool adds_bos = false;
  std::vector<int32_t> ends;            // beside eos and the known end-of-turn pieces
  std::string chat_template;
};

// Throws Error{invalid_input} on ids outside the vocabulary or lists of unequal length.
std::unique_ptr<Tokenizer> make_bpe_tokenizer(BpeDescription description);

// The readers; tokenizer.cpp chooses.
BpeDescription read_gguf_tokenizer(const ModelFile& file);
BpeDescription read_hf_tokenizer(std::string_view tokenizer_json, const std::string& name);
// Adds what tokenizer_config.json, generation_config.json and chat_template.jinja of a folder say.
void read_hf_tokenizer_config(const std::string& folder, BpeDescription& description);

}  // namespace engine
