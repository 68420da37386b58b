#include "engine/tokenizer/pre_tokenizer.h"

#include "engine/base/text.h"
#include "engine/tokenizer/unicode.h"

namespace engine {
namespace {

constexpr char32_t kLongS = 0x17F;  // folds to s, so (?i:'s) takes it

// A position in the text and what stands there. Malformed bytes are `other`, one byte each.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) { load(); }

  bool done() const { return at_ >= text_.size(); }
  size_t at() const { return at_; }
  char32_t c() const { return c_; }              // only where not done
  CharClass cls() const { return class_; }       // other at the end
  bool is(CharClass wanted) const { return !done() && class_ == wanted; }
  bool is_newline() const { return !done() && (c_ == '\r' || c_ == '\n'); }

  void next() {
    at_ = next_;
    load();
  }
  void go_to(size_t at) {
    at_ = at;
    load();
  }
  void skip(CharClass wanted) {
    while (is(wanted)) next();
  }
  Scanner peek() const {  // one character on
    Scanner later = *this;
    later.next();
    return later;
  }

 private:
  void load() {
    next_ = at_;
    if (done()) {
      class_ = CharClass::other;
      c_ = 0;
      return;
    }
    c_ = decode_utf8(text_, next_);
    class_ = char_class(c_);
  }

  std::string_view text_;
  size_t at_ = 0, next_ = 0;
  char32_t c_ = 0;
  CharClass class_ = CharClass::other;
};

char32_t fold(char32_t c) {
  if (c == kLongS) return 's';
  return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

// 's 't 're 've 'm 'll 'd at the scanner: moves behind it.
bool take_contraction(Scanner& s, bool ignore_case) {
  if (s.done() || s.c() != '\'') return false;
  Scanner first = s.peek();
  if (first.done()) return false;
  const char32_t a = ignore_case ? fold(first.c()) : first.c();
  if (a == 's' || a == 't' || a == 'm' || a == 'd') {
    first.next();
    s = first;
    return true;
  }
  Scanner second = first.peek();
  if (second.done()) return false;
  const char32_t b = ignore_case ? fold(second.c()) : second.c();
  if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l')) {
    second.next();
    s = second;
    return true;
  }
  return false;
}

// \s+(?!\S)|\s+ : a run of white space without its last character where text follows.
void take_spaces(Scanner& s) {
  const size_t begin = s.at();
  size_t last = begin;
  while (s.is(CharClass::space)) {
    last = s.at();
    s.next();
  }
  if (!s.done() && last > begin) s.go_to(last);
}

void take_gpt2(Scanner& s) {
  if (take_contraction(s, false)) return;
  if (s.c() == ' ') {
    const Scanner after = s.peek();
    if (!after.done() && after.cls() != CharClass::space) s = after;
  }
  if (s.is(CharClass::space)) {
    take_spaces(s);
  } else {
    s.skip(s.cls());
  }
}

void take_llama3(Scanner& s, int max_digits) {
  if (take_contraction(s, true)) return;
  if (s.is(CharClass::letter)) return s.skip(CharClass::letter);
  if (s.is(CharClass::number)) {
    for (int i = 0; i < max_digits && s.is(CharClass::number); ++i) s.next();
    return;
  }
  const Scanner after = s.peek();
  if (!s.is_newline() && after.is(CharClass::letter)) {
    s = after;
    return s.skip(CharClass::letter);
  }
  const bool spaced = s.c() == ' ' && !after.done() && after.cls() == CharClass::other;
  if (spaced || s.is(CharClass::other)) {
    if (spaced) s = after;
    s.skip(CharClass::other);
    while (s.is_newline()) s.next();
    return;
  }
  // A run of white space: up to its last line end, else as take_spaces.
  Scanner run = s;
  size_t behind_newline = 0;
  while (run.is(CharClass::space)) {
    const bool newline = run.is_newline();
    run.next();
    if (newline) behind_newline = run.at();
  }
  if (behind_newline > 0) return s.go_to(behind_newline);
  take_spaces(s);
}

void take_digits(Scanner& s, bool individual) {
  if (!s.is(CharClass::number)) {
    while (!s.done() && !s.is(CharClass::number)) s.next();
  } else if (individual) {
    s.next();
  } else {
    s.skip(CharClass::number);
  }
}

void split_piece(std::string_view text, size_t base, SplitStep step, std::vector<size_t>& ends) {
  Scanner s(text);
  while (!s.done()) {
    switch (step) {
      case SplitStep::gpt2: take_gpt2(s); break;
      case SplitStep::llama3: take_llama3(s, 3); break;
      case SplitStep::qwen2: take_llama3(s, 1); break;
      case SplitStep::digits_individual: take_digits(s, true); break;
      case SplitStep::digits_together: take_digits(s, false); break;
    }
    ends.push_back(base + s.at());
  }
}

}  // namespace

std::optional<PreTokenizer> pre_tokenizer_by_name(std::string_view name) {
  static const struct {
    std::string_view name;
    PreTokenizer steps;
  } known[] = {
      {"gpt-2", {SplitStep::gpt2}},
      {"gpt2", {SplitStep::gpt2}},
      {"olmo", {SplitStep::gpt2}},
      {"phi-2", {SplitStep::gpt2}},
      {"mpt", {SplitStep::gpt2}},
      {"smollm", {SplitStep::digits_individual, SplitStep::gpt2}},
      {"starcoder", {SplitStep::digits_individual, SplitStep::gpt2}},
      {"refact", {SplitStep::digits_individual, SplitStep::gpt2}},
      {"command-r", {SplitStep::digits_individual, SplitStep::gpt2}},
      {"codeshell", {SplitStep::digits_individual, SplitStep::gpt2}},
      {"llama-bpe", {SplitStep::llama3}},
      {"llama3", {SplitStep::llama3}},
      {"llama-v3", {SplitStep::llama3}},
      {"falcon3", {SplitStep::llama3}},
      {"dbrx", {SplitStep::llama3}},
      {"smaug-bpe", {SplitStep::llama3}},
      {"qwen2", {SplitStep::qwen2}},
      {"deepseek-r1-qwen", {SplitStep::qwen2}},
      {"stablelm2", {SplitStep::qwen2}},
  };
  for (const auto& entry : known) {
    if (entry.name == name) return entry.steps;
  }
  return std::nullopt;
}

std::optional<SplitStep> split_step_by_regex(std::string_view pattern) {
  static constexpr struct {
    std::string_view pattern;
    SplitStep step;
  } known[] = {
      {R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", SplitStep::gpt2},
      {R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", SplitStep::gpt2},
      {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
       SplitStep::llama3},
      {R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
       SplitStep::llama3},
      {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
       SplitStep::qwen2},
      {R"(\p{N})", SplitStep::digits_individual},
      {R"([0-9])", SplitStep::digits_individual},
      {R"(\p{N}+)", SplitStep::digits_together},
  };
  for (const auto& entry : known) {
    if (entry.pattern == pattern) return entry.step;
  }
  return std::nullopt;
}

void split_words(std::string_view text, const PreTokenizer& steps, std::vector<size_t>& word_ends) {
  word_ends.clear();
  if (text.empty()) return;
  if (steps.empty()) return word_ends.push_back(text.size());
  if (steps.size() == 1) return split_piece(text, 0, steps[0], word_ends);
  std::vector<size_t> pieces = {text.size()};
  for (const SplitStep step : steps) {
    word_ends.clear();
    size_t begin = 0;
    for (const size_t end : pieces) {
      split_piece(text.substr(begin, end - begin), begin, step, word_ends);
      begin = end;
    }
    pieces.swap(word_ends);
  }
  pieces.swap(word_ends);
}

}  // namespace engine
