// engine/tokenizer/wordpiece.h: BERT's tokenizer. Text is cleaned, lowered and rid of accents as the
// file asks; words are cut at white space and punctuation, and each is covered from the left by the
// longest pieces there are ("##" marks one that goes on), or is unknown as a whole.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tokenizer/tokenizer.h"

namespace engine {

struct WordPieceDescription {
  std::string name;                  // of the file, for messages
  std::vector<std::string> pieces;   // by token id
  std::vector<TokenKind> kinds;      // as long as pieces
  bool clean_text = true;            // control characters go, white space becomes ' '
  bool spaces_chinese = true;        // each CJK ideograph is a word
  bool lower_case = true;
  bool strip_accents = true;         // NFD without non-spacing marks
  size_t max_word_characters = 100;  // a longer word is unknown
  int32_t unknown = -1, cls = -1, sep = -1;
};

// Throws Error{invalid_input} on an empty vocabulary, or without [UNK], [CLS] and [SEP]. The
// tokenizer's bos() is [CLS], its eos() [SEP]; encode() gives neither and ignores parse_special.
std::unique_ptr<Tokenizer> make_wordpiece_tokenizer(WordPieceDescription description);

// A tokenizer.json whose model is of type WordPiece; false for the rest.
bool is_wordpiece_json(std::string_view tokenizer_json, const std::string& name);
WordPieceDescription read_hf_wordpiece(std::string_view tokenizer_json, const std::string& name);

}  // namespace engine
