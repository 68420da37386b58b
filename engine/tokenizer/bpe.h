// engine/tokenizer/bpe.h: tokenizers of a vocabulary: byte-level BPE (GPT-2), BPE over characters with
// ranked merges or scores (SentencePiece's, as Llama 2 and Gemma have it) and unigram.
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
  std::vector<std::string> pieces;      // by token id, as the file writes them
  std::vector<TokenKind> kinds;         // as long as pieces
  std::vector<std::pair<std::string, std::string>> merges;  // by rank
  PreTokenizer pre_tokenizer;

  // What the units are that merge, and by what.
  enum class Kind {
    byte_level,  // bytes, written in GPT-2's alphabet; merges by rank
    characters,  // merges by rank; U+2581 stands for a space
    scored,      // characters; the joined piece with the best score first. `merges` is empty
    unigram,     // the split of the text whose scores add up to most
  };
  Kind kind = Kind::byte_level;
  std::vector<float> scores;            // scored, unigram: as long as pieces
  bool byte_fallback = false;           // a character outside the vocabulary becomes <0x41>, ...
  bool fuse_unknown = false;            // a run of unknown characters is one unknown token
  bool escapes_spaces = false;          // ' ' becomes U+2581 before anything else
  bool nfkc = false;
  enum class Prefix { never, first, always };  // of a space: at the text's start, of each piece between control tokens
  Prefix space_prefix = Prefix::never;  // not byte_level, which has add_prefix_space
  bool prefix_only_if_missing = false;  // ... where none stands there already
  bool splits_at_spaces = false;        // no piece spans the beginning of a word

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
