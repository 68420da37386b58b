#include "engine/tokenizer/bpe.h"

#include <algorithm>
#include <array>
#include <queue>
#include <unordered_map>

#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/tokenizer/byte_level.h"
#include "engine/tokenizer/unicode.h"

namespace engine {
namespace {

// (left token, right token) -> rank and joined token; open addressing, built once.
class MergeTable {
 public:
  struct Merge {
    uint64_t pair = kEmpty;
    int32_t rank = 0;
    int32_t joined = 0;
  };

  explicit MergeTable(size_t n) {
    size_t size = 16;
    while (size < n * 2) size *= 2;
    slots_.resize(size);
  }
  // The first of equal pairs stays: it has the better rank.
  void add(int32_t left, int32_t right, int32_t rank, int32_t joined) {
    Merge& slot = slots_[place(key(left, right))];
    if (slot.pair == kEmpty) slot = {key(left, right), rank, joined};
  }
  const Merge* find(int32_t left, int32_t right) const {
    const Merge& slot = slots_[place(key(left, right))];
    return slot.pair == kEmpty ? nullptr : &slot;
  }

 private:
  static constexpr uint64_t kEmpty = UINT64_MAX;  // no pair: ids are below 2^31

  static uint64_t key(int32_t left, int32_t right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }
  size_t place(uint64_t pair) const {
    // The finaliser of splitmix64; seeded by an address, so that no file can aim at collisions.
    uint64_t h = pair ^ reinterpret_cast<uintptr_t>(slots_.data());
    h = (h ^ (h >> 30)) * 0xBF58476D1CE4E5B9ull;
    h = (h ^ (h >> 27)) * 0x94D049BB133111EBull;
    h ^= h >> 31;
    const size_t mask = slots_.size() - 1;
    size_t at = h & mask;
    while (slots_[at].pair != kEmpty && slots_[at].pair != pair) at = (at + 1) & mask;
    return at;
  }

  std::vector<Merge> slots_;
};

// Pieces of added tokens, to be found in text: the longest that begins at a position.
class PieceTrie {
 public:
  PieceTrie() : nodes_(1) { begins_.fill(false); }

  void add(std::string_view piece, int32_t token) {
    if (piece.empty()) return;
    begins_[static_cast<unsigned char>(piece[0])] = true;
    size_t node = 0;
    for (const char c : piece) {
      const uint64_t edge = static_cast<uint64_t>(node) << 8 | static_cast<unsigned char>(c);
      const auto [at, is_new] = edges_.try_emplace(edge, nodes_.size());
      if (is_new) nodes_.push_back(-1);
      node = at->second;
    }
    nodes_[node] = token;
  }

  struct Match {
    int32_t token = -1;
    size_t length = 0;
  };
  Match longest_at(std::string_view text, size_t at) const {
    Match best;
    if (!begins_[static_cast<unsigned char>(text[at])]) return best;
    size_t node = 0;
    for (size_t i = at; i < text.size(); ++i) {
      const auto edge = edges_.find(static_cast<uint64_t>(node) << 8 | static_cast<unsigned char>(text[i]));
      if (edge == edges_.end()) break;
      node = edge->second;
      if (nodes_[node] >= 0) best = {nodes_[node], i + 1 - at};
    }
    return best;
  }

 private:
  std::vector<int32_t> nodes_;  // token that ends here, or -1
  std::unordered_map<uint64_t, size_t> edges_;
  std::array<bool, 256> begins_;
};

// Joins the symbols of one word, best rank first, leftmost among equals. A heap over a linked list:
// n log n however long the word is.
class WordMerger {
 public:
  explicit WordMerger(const MergeTable& merges) : merges_(merges) {}

  // symbols: token ids of the single bytes. Appends the result to out.
  void merge(const std::vector<int32_t>& symbols, std::vector<int32_t>& out) {
    const auto n = static_cast<int32_t>(symbols.size());
    nodes_.resize(symbols.size());
    candidates_.clear();
    for (int32_t i = 0; i < n; ++i) nodes_[i] = {symbols[i], i - 1, i + 1 < n ? i + 1 : -1};
    for (int32_t i = 0; i + 1 < n; ++i) offer(i, false);
    std::make_heap(candidates_.begin(), candidates_.end(), later);
    while (!candidates_.empty()) {
      std::pop_heap(candidates_.begin(), candidates_.end(), later);
      const Candidate best = candidates_.back();
      candidates_.pop_back();
      if (still_there(best)) join(best);
    }
    for (int32_t i = 0; i >= 0 && n > 0; i = nodes_[i].next) out.push_back(nodes_[i].token);
  }

 private:
  struct Node {
    int32_t token, previous, next;  // token -1: swallowed by its left neighbour
  };
  struct Candidate {
    int32_t rank, position, left, right, joined;
  };
  static bool later(const Candidate& a, const Candidate& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.position > b.position;
  }

  void offer(int32_t position, bool keep_heap) {
    const Node& node = nodes_[position];
    if (node.next < 0) return;
    const int32_t right = nodes_[node.next].token;
    const auto* merge = merges_.find(node.token, right);
    if (merge == nullptr) return;
    candidates_.push_back({merge->rank, position, node.token, right, merge->joined});
    if (keep_heap) std::push_heap(candidates_.begin(), candidates_.end(), later);
  }

  bool still_there(const Candidate& c) const {
    const Node& node = nodes_[c.position];
    return node.token == c.left && node.next >= 0 && nodes_[node.next].token == c.right;
  }

  void join(const Candidate& c) {
    Node& node = nodes_[c.position];
    Node& right = nodes_[node.next];
    node.token = c.joined;
    node.next = right.next;
    right.token = -1;
    if (node.next >= 0) nodes_[node.next].previous = c.position;
    offer(c.position, true);
    if (node.previous >= 0) offer(node.previous, true);
  }

  const MergeTable& merges_;
  std::vector<Node> nodes_;
  std::vector<Candidate> candidates_;
};

bool is_end_piece(std::string_view piece) {
  static constexpr std::string_view ends[] = {
      "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "<|eom_id|>",     "<|end|>",
      "</s>",       "<end_of_turn>", "<|eot|>",    "<EOT>",           "<|end_of_turn|>"};
  return std::find(std::begin(ends), std::end(ends), piece) != std::end(ends);
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
  bool ends_generation(int32_t token) const override {
    return std::binary_search(d_.ends.begin(), d_.ends.end(), token);
  }
  std::string_view chat_template() const override { return d_.chat_template; }
  std::vector<int32_t> encode(std::string_view text, bool parse_special) const override;

 private:
  bool is_token(int32_t token) const { return token >= 0 && token < n_vocab(); }
  void check_ids() const;
  void index_pieces();
  void index_merges();
  void collect_ends();
  // Tokens of text that holds no added token.
  struct Scratch;
  void encode_plain(std::string_view text, Scratch& scratch, std::vector<int32_t>& out) const;
  void encode_word(std::string_view word, Scratch& scratch, std::vector<int32_t>& out) const;

  BpeDescription d_;
  std::vector<std::string> bytes_;                             // what each token stands for
  std::unordered_map<std::string_view, int32_t> by_piece_;     // views into d_.pieces
  std::unordered_map<std::string_view, int32_t> by_bytes_;     // normal tokens; views into bytes_
  std::array<int32_t, 256> byte_tokens_;                       // -1: the vocabulary lacks the byte
  MergeTable merges_;
  PieceTrie user_defined_, special_;                           // special_ holds both kinds
  std::vector<bool> strips_left_, strips_right_;
};

struct BpeTokenizer::Scratch {
  explicit Scratch(const MergeTable& merges) : merger(merges) {}
  WordMerger merger;
  std::vector<size_t> word_ends;
  std::vector<int32_t> symbols;
};

BpeTokenizer::BpeTokenizer(BpeDescription description)
    : d_(std::move(description)), merges_(d_.merges.size()) {
  check_ids();
  index_pieces();
  index_merges();
  collect_ends();
}

void BpeTokenizer::check_ids() const {
  if (d_.pieces.empty() || d_.pieces.size() > INT32_MAX / 2 || d_.kinds.size() != d_.pieces.size()) {
    fail(ErrorKind::invalid_input, "%s: a vocabulary of %zu tokens with %zu token types; fetch it again",
         d_.name.c_str(), d_.pieces.size(), d_.kinds.size());
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
      bytes_[i] = piece;
      special_.add(piece, id);
      user_defined_.add(piece, id);
    } else {
      // A piece outside the alphabet is text as it stands; merges never make it.
      const auto decoded = byte_level_decode(piece);
      bytes_[i] = decoded ? *decoded : piece;
      if (!decoded || bytes_[i].empty()) continue;
      by_bytes_.try_emplace(bytes_[i], id);
      if (bytes_[i].size() == 1) {
        int32_t& slot = byte_tokens_[static_cast<unsigned char>(bytes_[i][0])];
        if (slot < 0) slot = id;
      }
    }
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
    encode_plain(text.substr(begin, end - begin), scratch, out);
    out.push_back(match.token);
    at += match.length;
    if (strips_right_[static_cast<size_t>(match.token)]) {
      while (at < text.size() && is_space(at)) ++at;
    }
    begin = at;
  }
  encode_plain(text.substr(begin), scratch, out);
  return out;
}

void BpeTokenizer::encode_plain(std::string_view text, Scratch& scratch, std::vector<int32_t>& out) const {
  if (text.empty()) return;
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

}  // namespace

std::unique_ptr<Tokenizer> make_bpe_tokenizer(BpeDescription description) {
  return std::make_unique<BpeTokenizer>(std::move(description));
}

}  // namespace engine
