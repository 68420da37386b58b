#include "app/logs/mask.h"

#include <algorithm>
#include <cstring>

#include "app/logs/mask_words.h"

namespace app::logs {
namespace {
using namespace mask_words;

// --- the two receivers of tokens

uint64_t mix(uint64_t h, uint64_t v) {
  h ^= v;
  h *= 0x9E3779B97F4A7C15ull;
  return h ^ (h >> 29);
}

uint64_t hash_bytes(std::string_view w) {
  uint64_t h = w.size();
  while (w.size() >= 8) {
    uint64_t v;
    std::memcpy(&v, w.data(), 8);
    h = mix(h, v);
    w.remove_prefix(8);
  }
  uint64_t v = 0;
  for (size_t i = 0; i < w.size(); ++i) v |= uint64_t(static_cast<unsigned char>(w[i])) << (8 * i);
  return mix(h, v);
}

// Digits at w[i], with the sign that belongs to them ("blk_-12" but not "node-12"); 0: none.
size_t number_length(std::string_view w, size_t i) {
  const size_t begin = i;
  if (w[i] == '-' && (i == 0 || w[i - 1] == '_' || w[i - 1] == '@')) ++i;
  const size_t digits = i;
  while (i < w.size() && is_digit(w[i])) ++i;
  return i > digits ? i - begin : 0;
}

constexpr char ellipsis = '\x01';  // two full stops or more

struct HashReceiver {
  uint64_t hash = 0x243F6A8885A308D3ull;
  void word(std::string_view w, bool) { hash = mix(hash, hash_bytes(w)); }
  void punctuation(char c, bool) { hash = mix(hash, 0x100u + static_cast<unsigned char>(c)); }
  void wildcard(bool) { hash = mix(hash, 0x2A2A2A2A2Aull); }
  void masked_word(std::string_view w, bool) {
    uint64_t h = 77;
    for (size_t i = 0; i < w.size();) {
      if (const size_t n = number_length(w, i)) {
        i += n;
        h = mix(h, 0x1FFu);
      } else {
        h = mix(h, static_cast<unsigned char>(w[i++]));
      }
    }
    hash = mix(hash, h);
  }
};

struct TokenReceiver {
  std::vector<MaskedToken>& out;
  void put(MaskedToken::Kind kind, bool space, std::string text) {
    out.push_back({kind, space, std::move(text)});
  }
  void word(std::string_view w, bool space) { put(MaskedToken::Kind::word, space, std::string(w)); }
  void punctuation(char c, bool space) {
    put(MaskedToken::Kind::punctuation, space, c == ellipsis ? "..." : std::string(1, c));
  }
  void wildcard(bool space) { put(MaskedToken::Kind::wildcard, space, "<*>"); }
  void masked_word(std::string_view w, bool space) {
    std::string text;
    for (size_t i = 0; i < w.size();) {
      if (const size_t n = number_length(w, i)) {
        i += n;
        text += "<*>";
      } else {
        text += w[i++];
      }
    }
    put(MaskedToken::Kind::word, space, std::move(text));
  }
};

// Merges wildcards that one value was cut into: 10.0.0.1:80, 1/2/3, and lists: 1, 2, 3.
template <class Receiver>
class Joiner {
 public:
  explicit Joiner(Receiver& r) : r_(r) {}

  void word(std::string_view w, bool space) {
    release();
    r_.word(w, space);
    last_ = Last::word;
  }
  void masked_word(std::string_view w, bool space) {
    release();
    r_.masked_word(w, space);
    last_ = Last::word;
  }
  void wildcard(bool space) {
    if (last_ == Last::wildcard && held_ != 0) {
      const bool list = held_ == ',' && space;
      const bool tight = !space && !held_space_;
      if (list || tight) {
        held_ = 0;
        return;
      }
    } else if (last_ == Last::wildcard && held_ == 0 && !space) {
      return;
    }
    release();
    r_.wildcard(space);
    last_ = Last::wildcard;
  }
  void punctuation(char c, bool space) {
    release();
    if (last_ == Last::wildcard && (c == ':' || c == ',' || c == '|' || c == ';')) {
      held_ = c;
      held_space_ = space;
      return;
    }
    r_.punctuation(c, space);
    last_ = Last::punctuation;
  }
  void finish() { release(); }
  bool after_wildcard() const { return last_ == Last::wildcard && held_ == 0; }

 private:
  enum class Last : uint8_t { none, word, punctuation, wildcard };
  void release() {
    if (held_ == 0) return;
    r_.punctuation(held_, held_space_);
    held_ = 0;
    last_ = Last::punctuation;
  }
  Receiver& r_;
  Last last_ = Last::none;
  char held_ = 0;
  bool held_space_ = false;
};

// --- the scanner

template <class Receiver>
class Scanner {
 public:
  Scanner(std::string_view text, Receiver& r) : t_(text), out_(r) {}

  void run() {
    while (at_ < t_.size()) {
      const char c = t_[at_];
      switch (class_of(c)) {
        case Class::space:
          space_ = true;
          if (before_ == 'w') before_ = ' ';
          ++at_;
          break;
        case Class::word:
          after_size_ = false;
          take_word();
          space_ = false;
          break;
        case Class::delimiter:
          take_delimiter(c);
          after_size_ = false;
          space_ = false;
          break;
      }
    }
    out_.finish();
  }

 private:
  char peek(size_t ahead) const { return at_ + ahead < t_.size() ? t_[at_ + ahead] : ' '; }

  void wildcard() {
    out_.wildcard(space_);
    before_ = '*';
  }

  // Behind the end of a value that began: blanks and these end it.
  size_t value_end(size_t at, std::string_view stops) const {
    while (at < t_.size() && class_of(t_[at]) != Class::space &&
           stops.find(t_[at]) == std::string_view::npos)
      ++at;
    return at;
  }

  // The same for the right side of key=value, where brackets that close again belong to it: a{1,2}.
  size_t right_side_end(size_t at) const {
    size_t depth = 0, before_bracket = 0;
    for (; at < t_.size(); ++at) {
      const char c = t_[at];
      if (class_of(c) == Class::space) break;
      if (c == '{' || c == '(' || c == '[') {
        if (depth++ == 0) before_bracket = at;
      } else if (c == '}' || c == ')' || c == ']') {
        if (depth == 0) return at;
        --depth;
      } else if (depth == 0 && std::string_view(",;\"'|&").find(c) != std::string_view::npos) {
        return at;
      }
    }
    return depth > 0 ? before_bracket : at;
  }

  void skip_time_unit() {
    size_t at = at_;
    while (at < t_.size() && t_[at] == ' ') ++at;
    for (const std::string_view unit :
         {"seconds", "second", "secs", "sec", "minutes", "min", "ms", "s"}) {
      if (t_.substr(at, unit.size()) != unit) continue;
      const size_t end = at + unit.size();
      if (end == t_.size() || !(flags_of(t_[end]) & (letter | digit))) at_ = end;
      return;
    }
  }

  // MAC and IPv6 addresses from t_[begin]: groups of hexadecimal digits between colons; 0: none
  // there.
  size_t colon_address_length(size_t begin) const {
    size_t at = begin, n_groups = 0, n_digits = 0, in_group = 0;
    for (; at < t_.size(); ++at) {
      const uint8_t f = flags_of(t_[at]);
      if (t_[at] == ':') {
        n_groups += 1;
        in_group = 0;
      } else if (f & (digit | hex_letter)) {
        n_digits += (f & digit) != 0;
        if (++in_group > 4) return 0;
      } else {
        break;
      }
    }
    if (at < t_.size() && class_of(t_[at]) == Class::word && t_[at] != '.' && t_[at] != '/' &&
        t_[at] != '%')
      return 0;
    while (at > begin && t_[at - 1] == ':') --at, --n_groups;
    return n_groups >= 4 || (n_groups >= 2 && n_digits > 0 &&
                             t_.substr(begin, at - begin).find("::") != std::string_view::npos)
               ? at - begin
               : 0;
  }

  void take_delimiter(char c) {
    if (c == '<' && t_.substr(at_, 3) == "<*>") {  // a pattern that was mined before
      at_ += 3;
      wildcard();
      return;
    }
    if ((c == '"' || c == '\'') && (before_ == '=' || before_ == ':')) {
      const size_t close = t_.find(c, at_ + 1);
      if (close != std::string_view::npos && close - at_ < 400) {
        out_.punctuation(c, space_);
        out_.wildcard(false);
        out_.punctuation(c, false);
        at_ = close + 1;
        before_ = c;
        return;
      }
    }
    if (c == '<' && is_digit(peek(1)) && before_ != 'w') {  // "<1 sec" is a duration like 00:05
      at_ = value_end(at_ + 1, ",;)]}>\"'|");
      skip_time_unit();
      wildcard();
      return;
    }
    if (c == '(' && space_ && after_size_) {  // "18846 bytes (18.4 KB)": the same size once more
      if (const size_t n = size_in_brackets_length()) {
        at_ += n;
        return;
      }
    }
    out_.punctuation(c, space_);
    if (c == '(' && space_ && peek(1) == ')') out_.wildcard(false);  // an empty value
    ++at_;
    before_ = c;
    if (c == '=' && at_ < t_.size() && class_of(t_[at_]) == Class::word) {
      space_ = false;
      at_ = right_side_end(at_);
      while (at_ > 0 && t_[at_ - 1] == '.') --at_;
      wildcard();
    }
  }

  // "(18.4 KB)" from the bracket on; 0: something else.
  size_t size_in_brackets_length() const {
    size_t n = 1;
    while (is_digit(peek(n)) || peek(n) == '.' || peek(n) == ',') ++n;
    if (n == 1) return 0;
    if (peek(n) == ' ') ++n;
    const size_t unit = n;
    while (flags_of(peek(n)) & letter) ++n;
    return peek(n) == ')' && is_byte_unit(t_.substr(at_ + unit, n - unit)) ? n + 1 : 0;
  }

  size_t skip_dots() {
    const size_t begin = at_;
    while (at_ < t_.size() && t_[at_] == '.') ++at_;
    return at_ - begin;
  }

  void take_word() {
    if (t_[at_] == '.' && peek(1) == '.') {
      skip_dots();
      out_.punctuation(ellipsis, space_);
      before_ = '.';
      return;
    }
    const size_t begin = at_;
    uint8_t flags = 0;
    while (at_ < t_.size() && class_of(t_[at_]) == Class::word) {
      if (t_[at_] == '.' && peek(1) == '.' && at_ > begin) break;  // "interrupt......0"
      flags |= flags_of(t_[at_++]);
    }
    // A full stop or ellipsis ends a sentence, not the word.
    size_t end = at_;
    while (end > begin + 1 && t_[end - 1] == '.') --end;
    const std::string_view w = t_.substr(begin, end - begin);

    if (w.size() <= 4 && at_ < t_.size() && t_[at_] == ':' && !(flags & (slash | other | dot))) {
      if (const size_t n = colon_address_length(begin)) {
        at_ = begin + n;
        wildcard();
        return;
      }
    }
    if (flags & slash || (at_ < t_.size() && t_[at_] == ':')) {
      if (take_path(begin, w)) return;
    }
    if ((flags & dot) && !(flags & slash) && peek(0) == ':' && end == at_) {
      const size_t n = number_behind_colon();
      if (n > 0 && is_numbered_name(w, flags, t_.substr(at_ + 1, n - 1))) {
        at_ += n;
        wildcard();
        return;
      }
    }
    if (!(flags & digit)) {
      take_plain(w, flags);
    } else if (is_name_with_digits(w)) {
      out_.word(w, space_);
      before_ = 'w';
    } else if (is_value(w, flags)) {
      wildcard();
    } else {
      out_.masked_word(w, space_);
      before_ = 'w';
    }
    if (peek(0) == '.' || end < at_) {
      const size_t n = at_ - end + skip_dots();
      out_.punctuation(n > 1 ? ellipsis : '.', false);
      before_ = '.';
    }
  }

  // ":8080" that a blank or a delimiter ends; 0: none there.
  size_t number_behind_colon() const {
    size_t n = 1;
    while (is_digit(peek(n))) ++n;
    const bool ends = class_of(peek(n)) != Class::word || peek(n) == '.';
    return n > 1 && n <= 6 && ends ? n : 0;
  }

  // https://host/x?y, C:\x\y, /usr/lib, ~/x, a/b/c
  bool take_path(size_t begin, std::string_view w) {
    if (t_.substr(at_, 3) == "://" && at_ > begin) {
      at_ = value_end(at_, "\"'<>)]},;|");
      trim_path_end(begin);
      wildcard();
      return true;
    }
    if (w.size() == 1 && peek(0) == ':' &&
        (peek(1) == '\\' || (peek(1) == '/' && peek(2) != '/'))) {
      at_ = value_end(at_, "\"'<>)]},;|");
      trim_path_end(begin);
      wildcard();
      return true;
    }
    const auto n_slashes =
        std::count_if(w.begin(), w.end(), [](char c) { return c == '/' || c == '\\'; });
    const bool rooted =
        w.size() > 1 && (w[0] == '/' || w[0] == '\\' || w.starts_with("~/") || w.starts_with("./"));
    if (n_slashes < (rooted ? 1 : 2)) return false;
    at_ = value_end(at_, "\"'<>)]},;|:");
    trim_path_end(begin);
    wildcard();
    return true;
  }

  void trim_path_end(size_t begin) {
    while (at_ > begin + 1 && (t_[at_ - 1] == '.' || t_[at_ - 1] == ':')) --at_;
  }

  void take_plain(std::string_view w, uint8_t flags) {
    if (out_.after_wildcard() && is_byte_unit(w)) {  // 93.0 KB is one value
      before_ = '*';
      after_size_ = true;
      return;
    }
    const bool value_place =
        before_ == ':' || before_ == '=' || before_ == '(' || before_ == ',' || before_ == '[';
    const bool flag = w == "true" || w == "false" || (value_place && is_flag_word(w));
    const bool date = (flags & upper) && is_date_name(w) && next_is_date();
    const bool blanked = w.size() >= 3 && w.find_first_not_of('*') == std::string_view::npos;
    const bool host = blanked || ((flags & dot) && is_host_name(w)) ||
                      ((flags & at_sign) && (flags & dot) && w.size() > 3);
    if (flag || date || host) {
      wildcard();
      return;
    }
    out_.word(w, space_);
    before_ = 'w';
  }

  bool next_is_date() const {
    size_t i = at_;
    while (i < t_.size() && (t_[i] == ' ' || t_[i] == ',')) ++i;
    return i < t_.size() && (is_digit(t_[i]) || is_date_name(t_.substr(i, 3)));
  }

  std::string_view t_;
  Joiner<Receiver> out_;
  size_t at_ = 0;
  bool space_ = false;
  bool after_size_ = false;  // right behind a size with its unit as a word
  char before_ = 0;  // the last delimiter, 'w' a word, '*' a wildcard
};

}  // namespace

uint64_t masked_hash(std::string_view message) {
  HashReceiver receiver;
  Scanner<HashReceiver>(message, receiver).run();
  return receiver.hash;
}

void mask(std::string_view message, std::vector<MaskedToken>& out) {
  out.clear();
  TokenReceiver receiver{out};
  Scanner<TokenReceiver>(message, receiver).run();
  if (!out.empty()) out.front().space_before = false;
}

}  // namespace app::logs
