#include "engine/tokenizer/bpe.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <unordered_map>

#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/base/text.h"
#include "engine/tokenizer/byte_level.h"
#include "engine/tokenizer/merges.h"
#include "engine/tokenizer/unicode.h"
#include "engine/tokenizer/unigram.h"

namespace engine {
namespace {

bool is_end_piece(std::string_view piece) {
  static constexpr std::string_view ends[] = {
      "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "<|eom_id|>",     "<|end|>",
      "</s>",       "<end_of_turn>", "<|eot|>",    "<EOT>",           "<|end_of_turn|>"};
  return std::find(std::begin(ends), std::end(ends), piece) != std::end(ends);
}

constexpr std::string_view escaped_space = "\xE2\x96\x81";  // U+2581

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  size_t begin = 0;
  for (size_t at = text.find(from); at != std::string_view::npos; at = text.find(from, begin)) {
    out += text.substr(begin, at - begin);
    out += to;
    begin = at + from.size();
  }
  return out += text.substr(begin);
}

// "<0x0A>" is the byte 10; exactly two hexadecimal digits.
std::optional<unsigned char> byte_of_piece(std::string_view piece) {
  if (piece.size() != 6 || piece.substr(0, 3) != "<0x" || piece[5] != '>') return std::nullopt;
  int value = 0;
  for (const char c : piece.substr(3, 2)) {
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) return std::nullopt;
    value = value * 16 + digit;
  }
  return static_cast<unsigned char>(value);
}

class BpeTokenizer final : public Tokenizer {
 public:
  explicit BpeTokenizer(BpeDescription description);

  int n_vocab() const override { return static_cast<int>(d_.pieces.size()); }
  std::string_view bytes(int32_t token) const override {
    return is_token(token) ? std::string_view(bytes_[static_cast<size_t>(token)]) : std::string_view();
  }
  std::string_view piece(int32_t token) const override {
    return is_token(token) ? std::string_view(d_.pieces[static_cast<size_t>(token)]) : std::string_view();
  }
  TokenKind kind(int32_t token) const override {
    return is_token(token) ? d_.kinds[static_cast<size_t>(token)] : TokenKind::unused;
  }
  std::optional<int32_t> find(std::string_view piece) const override {
    const auto at = by_piece_.find(piece);
    if (at == by_piece_.end()) return std::nullopt;
    return at->second;
  }
  std::optional<int32_t> bos() const override { return d_.bos; }
  std::optional<int32_t> eos() const override { return d_.eos; }
  bool adds_bos() const override { return d_.adds_bos && d_.bos; }
  bool adds_space() const override { return d_.space_prefix != BpeDescription::Prefix::never; }
  bool ends_generation(int32_t token) const override {
    return std::binary_search(d_.ends.begin(), d_.ends.end(), token);
  }
  std::string_view chat_template() const override { return d_.chat_template; }
  std::vector<int32_t> encode(std::string_view text, bool parse_special) const override;

 private:
  bool is_token(int32_t token) const { return token >= 0 && token < n_vocab(); }
  void check_ids() const;
  void index_pieces();
  void index_byte_level(size_t i);
  void index_characters(size_t i);
  void index_merges();
  void index_scores();
  void collect_ends();
  // Tokens of text that holds no added token.
  struct Scratch;
  void encode_plain(std::string_view text, bool is_first, Scratch& scratch, std::vector<int32_t>& out) const;
  void encode_word(std::string_view word, Scratch& scratch, std::vector<int32_t>& out) const;
  void encode_characters(std::string_view text, bool is_first, Scratch& scratch, std::vector<int32_t>& out) const;
  void encode_character_word(std::string_view word, Scratch& scratch, std::vector<int32_t>& out) const;
  void fall_back(std::string_view character, std::vector<int32_t>& out) const;
  bool is_text(int32_t token) const {  // what merges may make
    const TokenKind kind = d_.kinds[static_cast<size_t>(token)];
    return kind == TokenKind::normal || kind == TokenKind::user_defined || kind == TokenKind::unused;
  }

  BpeDescription d_;
  std::vector<std::string> bytes_;                             // what each token stands for
  std::unordered_map<std::string_view, int32_t> by_piece_;     // views into d_.pieces
  std::unordered_map<std::string_view, int32_t> by_bytes_;     // normal tokens; views into bytes_
  std::array<int32_t, 256> byte_tokens_;                       // -1: the vocabulary lacks the byte
  MergeTable merges_;
  std::unique_ptr<UnigramModel> unigram_;
  PieceTrie user_defined_, special_;                           // special_ holds both kinds
  std::vector<bool> strips_left_, strips_right_;
};

struct BpeTokenizer::Scratch {
  explicit Scratch(const MergeTable& merges) : merger(merges) {}
  WordMerger merger;
  std::vector<size_t> word_ends;
  std::vector<int32_t> symbols;
  std::vector<UnigramModel::Piece> pieces;
};

BpeTokenizer::BpeTokenizer(BpeDescription description)
    : d_(std::move(description)), merges_(d_.merges.size()) {
  check_ids();
  index_pieces();
  if (d_.kind == BpeDescription::Kind::scored) {
    index_scores();
  } else if (d_.kind == BpeDescription::Kind::unigram) {
    std::vector<bool> usable(d_.pieces.size());
    for (size_t i = 0; i < usable.size(); ++i) usable[i] = is_text(static_cast<int32_t>(i));
    unigram_ = std::make_unique<UnigramModel>(d_.pieces, d_.scores, usable);
  } else {
    index_merges();
  }
  collect_ends();
}

void BpeTokenizer::check_ids() const {
  if (d_.pieces.empty() || d_.pieces.size() > INT32_MAX / 2 || d_.kinds.size() != d_.pieces.size()) {
    fail(ErrorKind::invalid_input, "%s: a vocabulary of %zu tokens with %zu token types; fetch it again",
         d_.name.c_str(), d_.pieces.size(), d_.kinds.size());
  }
  const bool has_scores = d_.kind == BpeDescription::Kind::scored || d_.kind == BpeDescription::Kind::unigram;
  const auto is_number = [](float score) { return std::isfinite(score); };
  if (has_scores && (d_.scores.size() != d_.pieces.size() || !std::all_of(d_.scores.begin(), d_.scores.end(), is_number))) {
    fail(ErrorKind::invalid_input, "%s: %zu scores for %zu tokens, or one that is no number; fetch it again",
         d_.name.c_str(), d_.scores.size(), d_.pieces.size());
  }
  const auto check = [&](std::optional<int32_t> id, const char* what) {
    if (id && !is_token(*id)) {
      fail(ErrorKind::invalid_input, "%s: the %s token is %d but the vocabulary has %d tokens; fetch it again",
           d_.name.c_str(), what, *id, n_vocab());
    }
  };
  check(d_.bos, "BOS");
  check(d_.eos, "EOS");
  check(d_.unknown, "unknown");
  for (const int32_t id : d_.ends) check(id, "end-of-turn");
  for (const int32_t id : d_.strips_left) check(id, "added");
  for (const int32_t id : d_.strips_right) check(id, "added");
}

void BpeTokenizer::index_pieces() {
  const size_t n = d_.pieces.size();
  bytes_.resize(n);
  by_piece_.reserve(n);
  by_bytes_.reserve(n);
  byte_tokens_.fill(-1);
  strips_left_.resize(n);
  strips_right_.resize(n);
  for (const int32_t id : d_.strips_left) strips_left_[static_cast<size_t>(id)] = true;
  for (const int32_t id : d_.strips_right) strips_right_[static_cast<size_t>(id)] = true;
  for (size_t i = 0; i < n; ++i) {
    const auto id = static_cast<int32_t>(i);
    const std::string& piece = d_.pieces[i];
    by_piece_.try_emplace(piece, id);
    if (d_.kinds[i] == TokenKind::control || d_.kinds[i] == TokenKind::unknown) {
      special_.add(piece, id);
    } else if (d_.kinds[i] == TokenKind::user_defined) {
      bytes_[i] = d_.escapes_spaces ? replaced(piece, escaped_space, " ") : piece;
      special_.add(bytes_[i], id);
      user_defined_.add(bytes_[i], id);
    } else if (d_.kind == BpeDescription::Kind::byte_level) {
      index_byte_level(i);
    } else {
      index_characters(i);
    }
  }
}

void BpeTokenizer::index_byte_level(size_t i) {
  // A piece outside the alphabet is text as it stands; merges never make it.
  const auto decoded = byte_level_decode(d_.pieces[i]);
  bytes_[i] = decoded ? *decoded : d_.pieces[i];
  if (!decoded || bytes_[i].empty()) return;
  by_bytes_.try_emplace(bytes_[i], static_cast<int32_t>(i));
  if (bytes_[i].size() == 1) {
    int32_t& slot = byte_tokens_[static_cast<unsigned char>(bytes_[i][0])];
    if (slot < 0) slot = static_cast<int32_t>(i);
  }
}

void BpeTokenizer::index_characters(size_t i) {
  const auto byte = byte_of_piece(d_.pieces[i]);
  const bool is_byte = byte && (d_.byte_fallback || d_.kinds[i] == TokenKind::byte);
  if (is_byte) {
    d_.kinds[i] = TokenKind::byte;
    bytes_[i] = std::string(1, static_cast<char>(*byte));
    if (byte_tokens_[*byte] < 0) byte_tokens_[*byte] = static_cast<int32_t>(i);
  } else if (d_.kinds[i] == TokenKind::byte) {
    fail(ErrorKind::invalid_input, "%s: token %zu is of type byte but is not written as <0x00> to <0xFF>; fetch it again",
         d_.name.c_str(), i);
  } else {
    bytes_[i] = d_.escapes_spaces ? replaced(d_.pieces[i], escaped_space, " ") : d_.pieces[i];
  }
}

void BpeTokenizer::index_merges() {
  size_t n_unknown = 0;
  std::string joined;
  for (size_t rank = 0; rank < d_.merges.size(); ++rank) {
    const auto& [left, right] = d_.merges[rank];
    joined = left + right;
    const auto a = by_piece_.find(left), b = by_piece_.find(right), c = by_piece_.find(joined);
    if (a == by_piece_.end() || b == by_piece_.end() || c == by_piece_.end()) {
      ++n_unknown;
      continue;
    }
    merges_.add(a->second, b->second, static_cast<int32_t>(rank), c->second);
  }
  if (n_unknown > 0) {
    log_warning("%s: %zu of %zu merges name pieces outside the vocabulary and are left out", d_.name.c_str(),
                n_unknown, d_.merges.size());
  }
  d_.merges.clear();
  d_.merges.shrink_to_fit();
}

// Every way to cut a piece into two others is a merge; the better the piece's score, the sooner.
void BpeTokenizer::index_scores() {
  constexpr size_t longest = 4096;  // bytes; no text word is longer, and cutting takes their square
  std::vector<float> ranks;
  for (size_t i = 0; i < d_.pieces.size(); ++i) {
    if (is_text(static_cast<int32_t>(i))) ranks.push_back(d_.scores[i]);
  }
  std::sort(ranks.begin(), ranks.end(), std::greater<>());
  ranks.erase(std::unique(ranks.begin(), ranks.end()), ranks.end());
  struct Cut {
    int32_t left, right, rank, joined;
  };
  std::vector<Cut> cuts;
  for (size_t i = 0; i < d_.pieces.size(); ++i) {
    const std::string_view piece = d_.pieces[i];
    const auto id = static_cast<int32_t>(i);
    if (!is_text(id) || piece.size() > longest || by_piece_.find(piece)->second != id) continue;
    const auto rank = std::lower_bound(ranks.begin(), ranks.end(), d_.scores[i], std::greater<>()) - ranks.begin();
    for (size_t at = 1; at < piece.size(); ++at) {
      if ((static_cast<unsigned char>(piece[at]) & 0xC0) == 0x80) continue;
      const auto left = by_piece_.find(piece.substr(0, at)), right = by_piece_.find(piece.substr(at));
      if (left == by_piece_.end() || right == by_piece_.end() || !is_text(left->second) || !is_text(right->second)) continue;
      cuts.push_back({left->second, right->second, static_cast<int32_t>(rank), id});
    }
  }
  merges_ = MergeTable(cuts.size());
  for (const Cut& cut : cuts) merges_.add(cut.left, cut.right, cut.rank, cut.joined);
}

void BpeTokenizer::collect_ends() {
  if (d_.eos) d_.ends.push_back(*d_.eos);
  for (size_t i = 0; i < d_.pieces.size(); ++i) {
    const bool special = d_.kinds[i] == TokenKind::control || d_.kinds[i] == TokenKind::user_defined;
    if (special && is_end_piece(d_.pieces[i])) d_.ends.push_back(static_cast<int32_t>(i));
  }
  std::sort(d_.ends.begin(), d_.ends.end());
}

std::vector<int32_t> BpeTokenizer::encode(std::string_view text, bool parse_special) const {
  std::string composed;
  if (d_.nfc) text = composed = to_nfc(text);
  if (d_.nfkc) text = composed = to_nfkc(text);
  std::vector<int32_t> out;
  Scratch scratch(merges_);
  const PieceTrie& added = parse_special ? special_ : user_defined_;
  size_t begin = 0;
  for (size_t at = 0; at < text.size();) {
    const PieceTrie::Match match = added.longest_at(text, at);
    if (match.token < 0) {
      ++at;
      continue;
    }
    size_t end = at;
    const auto is_space = [&](size_t i) { return char_class(static_cast<unsigned char>(text[i])) == CharClass::space &&
                                                 static_cast<unsigned char>(text[i]) < 0x80; };
    if (strips_left_[static_cast<size_t>(match.token)]) {
      while (end > begin && is_space(end - 1)) --end;
    }
    encode_plain(text.substr(begin, end - begin), begin == 0, scratch, out);
    out.push_back(match.token);
    at += match.length;
    if (strips_right_[static_cast<size_t>(match.token)]) {
      while (at < text.size() && is_space(at)) ++at;
    }
    begin = at;
  }
  encode_plain(text.substr(begin), begin == 0, scratch, out);
  return out;
}

void BpeTokenizer::encode_plain(std::string_view text, bool is_first, Scratch& scratch, std::vector<int32_t>& out) const {
  if (text.empty()) return;
  if (d_.kind != BpeDescription::Kind::byte_level) return encode_characters(text, is_first, scratch, out);
  std::string spaced;
  if (d_.add_prefix_space && text[0] != ' ') text = spaced = " " + std::string(text);
  split_words(text, d_.pre_tokenizer, scratch.word_ends);
  size_t begin = 0;
  for (const size_t end : scratch.word_ends) {
    encode_word(text.substr(begin, end - begin), scratch, out);
    begin = end;
  }
}

void BpeTokenizer::encode_word(std::string_view word, Scratch& scratch, std::vector<int32_t>& out) const {
  if (d_.ignore_merges) {
    const auto at = by_bytes_.find(word);
    if (at != by_bytes_.end()) return out.push_back(at->second);
  }
  scratch.symbols.clear();
  for (const char c : word) {
    const int32_t token = byte_tokens_[static_cast<unsigned char>(c)];
    if (token >= 0) {
      scratch.symbols.push_back(token);
    } else if (d_.unknown) {
      scratch.symbols.push_back(*d_.unknown);
    }
  }
  if (scratch.symbols.size() == 1) return out.push_back(scratch.symbols[0]);
  scratch.merger.merge(scratch.symbols, out);
}

void BpeTokenizer::encode_characters(std::string_view text, bool is_first, Scratch& scratch,
                                     std::vector<int32_t>& out) const {
  using Prefix = BpeDescription::Prefix;
  const std::string_view space = d_.escapes_spaces ? escaped_space : " ";
  std::string normal = d_.escapes_spaces ? replaced(text, " ", escaped_space) : std::string(text);
  const bool missing = normal.compare(0, space.size(), space) != 0;
  if ((d_.space_prefix == Prefix::always || (d_.space_prefix == Prefix::first && is_first)) &&
      (missing || !d_.prefix_only_if_missing)) {
    normal.insert(0, space);
  }
  std::string_view rest = normal;
  while (!rest.empty()) {
    size_t end = rest.size();
    if (d_.splits_at_spaces) end = std::min(end, rest.find(space, space.size()));
    encode_character_word(rest.substr(0, end), scratch, out);
    rest.remove_prefix(end);
  }
}

void BpeTokenizer::encode_character_word(std::string_view word, Scratch& scratch, std::vector<int32_t>& out) const {
  if (unigram_ != nullptr) {
    scratch.pieces.clear();
    unigram_->split(word, scratch.pieces);
    for (const UnigramModel::Piece& piece : scratch.pieces) {
      if (piece.token >= 0) out.push_back(piece.token);
      else fall_back(piece.text, out);
    }
    return;
  }
  if (d_.ignore_merges) {
    const auto at = by_piece_.find(word);
    if (at != by_piece_.end() && is_text(at->second)) return out.push_back(at->second);
  }
  scratch.symbols.clear();
  for (size_t at = 0; at < word.size();) {
    const size_t begin = at;
    decode_utf8(word, at);
    const std::string_view character = word.substr(begin, at - begin);
    const auto token = by_piece_.find(character);
    if (token != by_piece_.end() && is_text(token->second)) scratch.symbols.push_back(token->second);
    else fall_back(character, scratch.symbols);
  }
  scratch.merger.merge(scratch.symbols, out);
}

// Bytes of a character that is in no piece; where one of them has no token either, the unknown token.
void BpeTokenizer::fall_back(std::string_view character, std::vector<int32_t>& out) const {
  const auto has_token = [&](char c) { return byte_tokens_[static_cast<unsigned char>(c)] >= 0; };
  if (d_.byte_fallback && std::all_of(character.begin(), character.end(), has_token)) {
    for (const char c : character) out.push_back(byte_tokens_[static_cast<unsigned char>(c)]);
  } else if (d_.unknown && !(d_.fuse_unknown && !out.empty() && out.back() == *d_.unknown)) {
    out.push_back(*d_.unknown);
  }
}

}  // namespace

std::unique_ptr<Tokenizer> make_bpe_tokenizer(BpeDescription description) {
  return std::make_unique<BpeTokenizer>(std::move(description));
}

}  // namespace engine
