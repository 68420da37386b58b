// Reads GBNF into rules over bytes.
#include "engine/generate/grammar.h"

#include <algorithm>
#include <map>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/generate/grammar_rules.h"

namespace engine {
namespace {

constexpr int kMaxNesting = 64;
constexpr size_t kMaxItems = 200'000;
constexpr int kMaxRepetitions = 10'000;

struct CodeRange {
  char32_t low, high;
};

// The UTF-8 encodings of a range of code points as runs of byte ranges: cut where the length or the
// last bytes' range changes.
using ByteRun = std::vector<std::pair<uint8_t, uint8_t>>;

void add_utf8_runs(char32_t low, char32_t high, std::vector<ByteRun>& out) {
  std::vector<CodeRange> open = {{low, high}};
  while (!open.empty()) {
    const CodeRange r = open.back();
    open.pop_back();
    if (r.low > r.high) continue;
    bool cut = false;
    for (const char32_t edge : {0x7Fu, 0x7FFu, 0xD7FFu, 0xDFFFu, 0xFFFFu}) {
      if (!cut && r.low <= edge && r.high > edge) {
        open.push_back({r.low, edge});
        open.push_back({edge + 1, r.high});
        cut = true;
      }
    }
    if (cut || (r.low >= 0xD800 && r.high <= 0xDFFF)) continue;  // surrogates have no encoding
    const int n = r.low < 0x80 ? 1 : r.low < 0x800 ? 2 : r.low < 0x10000 ? 3 : 4;
    // All but a common lead must run over full ranges of their last bytes.
    for (int tail = 1; tail < n && !cut; ++tail) {
      const char32_t mask = (1u << (6 * tail)) - 1;
      if ((r.low & ~mask) == (r.high & ~mask)) continue;
      if ((r.low & mask) != 0) {
        open.push_back({r.low, r.low | mask});
        open.push_back({(r.low | mask) + 1, r.high});
        cut = true;
      } else if ((r.high & mask) != mask) {
        open.push_back({r.low, (r.high & ~mask) - 1});
        open.push_back({r.high & ~mask, r.high});
        cut = true;
      }
    }
    if (cut) continue;
    std::string a, b;
    append_utf8(a, r.low);
    append_utf8(b, r.high);
    ByteRun run;
    for (size_t i = 0; i < a.size(); ++i) run.emplace_back(static_cast<uint8_t>(a[i]), static_cast<uint8_t>(b[i]));
    out.push_back(std::move(run));
  }
}

class GbnfReader {
 public:
  GbnfReader(std::string_view text, const std::string& name) : text_(text), rules_(std::make_shared<GrammarRules>()) {
    rules_->name = name;
  }

  std::shared_ptr<const GrammarRules> read() {
    skip_space(true);
    while (!done()) {
      read_rule();
      skip_space(true);
    }
    const auto root = by_name_.find("root");
    if (root == by_name_.end()) bad("there is no rule called root");
    rules_->root = root->second;
    for (size_t i = 0; i < rules_->alternatives.size(); ++i) {
      if (rules_->alternatives[i].empty()) bad("rule " + rules_->rule_names[i] + " is used but not defined");
    }
    return rules_;
  }

 private:
  using Sequence = std::vector<GrammarItem>;

  bool done() const { return at_ >= text_.size(); }
  char c() const { return done() ? '\0' : text_[at_]; }
  bool take(std::string_view wanted) {
    if (text_.substr(at_, wanted.size()) != wanted) return false;
    at_ += wanted.size();
    return true;
  }

  [[noreturn]] void bad(const std::string& cause) const {
    size_t line = 1;
    for (size_t i = 0; i < at_ && i < text_.size(); ++i) line += text_[i] == '\n';
    fail(ErrorKind::invalid_input, "%s, line %zu: %s", rules_->name.c_str(), line, escape_invalid_utf8(cause).c_str());
  }

  void skip_space(bool over_lines) {
    while (!done()) {
      if (c() == '#') {
        while (!done() && c() != '\n') ++at_;
      } else if (c() == ' ' || c() == '\t' || (over_lines && (c() == '\n' || c() == '\r'))) {
        ++at_;
      } else {
        return;
      }
    }
  }

  static bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  }

  std::string read_name() {
    const size_t begin = at_;
    while (is_name_char(c())) ++at_;
    if (at_ == begin) bad("a rule name belongs here");
    return std::string(text_.substr(begin, at_ - begin));
  }

  uint32_t rule_of(const std::string& name) {
    const auto [at, is_new] = by_name_.try_emplace(name, rules_->alternatives.size());
    if (is_new) add_rule(name);
    return at->second;
  }
  uint32_t add_rule(const std::string& name) {
    rules_->alternatives.emplace_back();
    rules_->rule_names.push_back(name);
    return static_cast<uint32_t>(rules_->alternatives.size() - 1);
  }

  void add_alternative(uint32_t rule, const Sequence& sequence) {
    if (rules_->items.size() + sequence.size() >= kMaxItems) bad("the grammar is too large once repetitions are written out");
    rules_->alternatives[rule].push_back(static_cast<uint32_t>(rules_->items.size()));
    rules_->items.insert(rules_->items.end(), sequence.begin(), sequence.end());
    rules_->items.push_back({});
  }

  GrammarItem bytes_item(const ByteSet& set) {
    rules_->sets.push_back(set);
    return {GrammarItem::Kind::bytes, static_cast<uint32_t>(rules_->sets.size() - 1)};
  }
  static GrammarItem rule_item(uint32_t rule) { return {GrammarItem::Kind::rule, rule}; }

  void read_rule() {
    const uint32_t rule = rule_of(read_name());
    if (!rules_->alternatives[rule].empty()) bad("rule " + rules_->rule_names[rule] + " is defined twice");
    skip_space(false);
    if (!take("::=")) bad("::= belongs behind a rule's name");
    read_alternatives(rule, 0);
    skip_space(false);
    if (!done() && c() != '\n' && c() != '\r') bad(std::string("unexpected ") + c());
  }

  void read_alternatives(uint32_t rule, int depth) {
    if (depth > kMaxNesting) bad("brackets are nested too deep");
    // Alternatives are kept apart until all are read: groups inside add items of their own.
    std::vector<Sequence> all;
    do {
      skip_space(true);
      all.push_back(read_sequence(depth));
      skip_space(depth > 0);
    } while (take("|"));
    for (const Sequence& one : all) add_alternative(rule, one);
  }

  Sequence read_sequence(int depth) {
    Sequence out;
    for (;;) {
      skip_space(depth > 0);
      const size_t before = out.size();
      if (c() == '"') {
        read_literal(out);
      } else if (c() == '[') {
        out.push_back(read_class());
      } else if (c() == '.') {
        ++at_;
        out.push_back(class_item({{0, 0x10FFFF}}, false));
      } else if (c() == '(') {
        ++at_;
        const uint32_t group = add_rule("");
        read_alternatives(group, depth + 1);
        skip_space(true);
        if (!take(")")) bad("a bracket is not closed");
        out.push_back(rule_item(group));
      } else if (is_name_char(c())) {
        out.push_back(rule_item(rule_of(read_name())));
      } else {
        return out;
      }
      read_repetition(out, before);
    }
  }

  // What stands in out from `begin` on is one operand.
  void read_repetition(Sequence& out, size_t begin) {
    int low = 1, high = 1;  // high -1: no end
    if (take("*")) {
      low = 0, high = -1;
    } else if (take("+")) {
      low = 1, high = -1;
    } else if (take("?")) {
      low = 0, high = 1;
    } else if (take("{")) {
      low = read_count();
      high = low;
      if (take(",")) high = c() == '}' ? -1 : read_count();
      if (!take("}") || (high >= 0 && high < low)) bad("a repetition is written {2}, {2,} or {2,5}");
    } else {
      return;
    }
    const Sequence operand(out.begin() + static_cast<std::ptrdiff_t>(begin), out.end());
    out.resize(begin);
    if (operand.size() * static_cast<size_t>(std::max(low, high)) > kMaxItems) bad("a repetition is too large");
    for (int i = 0; i < low; ++i) out.insert(out.end(), operand.begin(), operand.end());
    if (high < 0) {
      out.push_back(rule_item(star(operand)));
    } else if (high > low) {
      out.push_back(rule_item(at_most(operand, high - low)));
    }
  }

  int read_count() {
    int n = 0;
    const size_t begin = at_;
    while (c() >= '0' && c() <= '9' && n <= kMaxRepetitions) n = n * 10 + (text_[at_++] - '0');
    if (at_ == begin || n > kMaxRepetitions) bad("a count from 0 to 10000 belongs here");
    return n;
  }

  uint32_t star(const Sequence& operand) {  // s ::= operand s | nothing
    const uint32_t rule = add_rule("");
    Sequence again = operand;
    again.push_back(rule_item(rule));
    add_alternative(rule, again);
    add_alternative(rule, {});
    return rule;
  }

  uint32_t at_most(const Sequence& operand, int n) {  // s1 ::= operand s2 | nothing, ...
    uint32_t next = 0;
    rules_->countdowns.push_back({static_cast<uint32_t>(rules_->alternatives.size()), static_cast<uint32_t>(n)});
    for (int i = 0; i < n; ++i) {
      const uint32_t rule = add_rule("");
      Sequence one = operand;
      if (i > 0) one.push_back(rule_item(next));
      add_alternative(rule, one);
      add_alternative(rule, {});
      next = rule;
    }
    return next;
  }

  char32_t read_character() {
    if (c() != '\\') {
      const size_t here = at_;
      const char32_t code = decode_utf8(text_, at_);
      if (code == replacement_character && at_ - here == 1) bad("the grammar is not valid UTF-8");
      return code;
    }
    ++at_;
    const char escape = c();
    ++at_;
    switch (escape) {
      case 'n': return '\n';
      case 'r': return '\r';
      case 't': return '\t';
      case 'x': return read_hex(2);
      case 'u': return read_hex(4);
      case 'U': return read_hex(8);
      case '\\':
      case '"':
      case '[':
      case ']':
      case '-':
      case '^': return static_cast<char32_t>(escape);
      default: bad("there is no such escape");
    }
  }

  char32_t read_hex(int n) {
    char32_t value = 0;
    for (int i = 0; i < n; ++i, ++at_) {
      const char h = c();
      const int digit = h >= '0' && h <= '9' ? h - '0' : h >= 'a' && h <= 'f' ? h - 'a' + 10 : h >= 'A' && h <= 'F' ? h - 'A' + 10 : -1;
      if (digit < 0 || value > 0x10FFFF) bad("an escape has too few or too large hex digits");
      value = value * 16 + static_cast<char32_t>(digit);
    }
    if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) bad("an escape is no Unicode character");
    return value;
  }

  void read_literal(Sequence& out) {
    ++at_;
    std::string bytes;
    while (c() != '"') {
      if (done() || c() == '\n') bad("a literal is not closed");
      append_utf8(bytes, read_character());
    }
    ++at_;
    if (bytes.empty()) {  // an operand that matches nothing but itself
      const uint32_t rule = add_rule("");
      add_alternative(rule, {});
      out.push_back(rule_item(rule));
      return;
    }
    Sequence items;
    for (const char byte : bytes) items.push_back(bytes_item(ByteSet().set(static_cast<unsigned char>(byte))));
    out.insert(out.end(), items.begin(), items.end());
  }

  GrammarItem read_class() {
    ++at_;
    const bool negated = take("^");
    std::vector<CodeRange> ranges;
    while (c() != ']') {
      if (done() || c() == '\n') bad("a [ is not closed");
      const char32_t low = read_character();
      char32_t high = low;
      if (c() == '-' && at_ + 1 < text_.size() && text_[at_ + 1] != ']') {
        ++at_;
        high = read_character();
      }
      if (high < low) bad("a range runs backwards");
      ranges.push_back({low, high});
    }
    ++at_;
    return class_item(std::move(ranges), negated);
  }

  GrammarItem class_item(std::vector<CodeRange> ranges, bool negated) {
    if (negated) ranges = complement(std::move(ranges));
    std::vector<ByteRun> runs;
    for (const CodeRange& r : ranges) add_utf8_runs(r.low, r.high, runs);
    ByteSet single;
    bool longer = false;
    for (const ByteRun& run : runs) {
      longer = longer || run.size() > 1;
      for (int b = run[0].first; run.size() == 1 && b <= run[0].second; ++b) single.set(static_cast<size_t>(b));
    }
    if (!longer) return bytes_item(single);
    const uint32_t rule = add_rule("");
    if (single.any()) add_alternative(rule, {bytes_item(single)});
    for (const ByteRun& run : runs) {
      if (run.size() == 1) continue;
      Sequence items;
      for (const auto& [low, high] : run) {
        ByteSet set;
        for (int b = low; b <= high; ++b) set.set(static_cast<size_t>(b));
        items.push_back(bytes_item(set));
      }
      add_alternative(rule, items);
    }
    return rule_item(rule);
  }

  static std::vector<CodeRange> complement(std::vector<CodeRange> ranges) {
    std::sort(ranges.begin(), ranges.end(), [](const CodeRange& a, const CodeRange& b) { return a.low < b.low; });
    std::vector<CodeRange> out;
    char32_t next = 0;
    for (const CodeRange& r : ranges) {
      if (r.low > next) out.push_back({next, r.low - 1});
      next = std::max(next, static_cast<char32_t>(r.high + 1));
    }
    if (next <= 0x10FFFF) out.push_back({next, 0x10FFFF});
    return out;
  }

  std::string_view text_;
  size_t at_ = 0;
  std::shared_ptr<GrammarRules> rules_;
  std::map<std::string, uint32_t> by_name_;
};

}  // namespace

Grammar Grammar::from_gbnf(std::string_view text, const std::string& name) {
  return Grammar(GbnfReader(text, name).read());
}

Grammar Grammar::from_json_schema(std::string_view schema, const std::string& name) {
  return from_gbnf(json_schema_to_gbnf(schema, name), name);
}

}  // namespace engine
