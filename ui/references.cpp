#include "ui/references.h"

#include <cctype>
#include <limits>
#include <optional>

#include "engine/base/error.h"

namespace ui {
namespace {

using Kind = Link::Kind;

constexpr std::string_view en_dash = "–";

// A kind as it is written: begin, number, and between two numbers a middle.
struct Form {
  std::string_view begin, middle;   // middle empty: one number
  Kind kind;
};
constexpr Form forms[] = {
    {"L", "", Kind::line},         {"T", "", Kind::template_},  {"F", "", Kind::finding},       {"E", "", Kind::evidence},
    {"Q", ":row ", Kind::query_row}, {"A", ":", Kind::claim}, {"C", ":", Kind::config_line}, {"run ", " #", Kind::run_sample},
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || (c & 0x80) != 0; }

class Scanner {
 public:
  Scanner(std::string_view text, size_t at) : text_(text), at_(at) {}
  bool take(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  // Up to 18 digits: those fit.
  bool number(int64_t& value) {
    size_t end = at_;
    value = 0;
    for (; end < text_.size() && is_digit(text_[end]) && end - at_ < 18; ++end) value = value * 10 + (text_[end] - '0');
    const bool any = end > at_;
    at_ = end;
    return any;
  }
  size_t at() const { return at_; }
  char next(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : ' '; }

 private:
  std::string_view text_;
  size_t at_;
};

// "L3.5", "T4-based", "C2:18:3", "L12/x" are something else.
bool ends_word(const Scanner& scanner) {
  const char next = scanner.next();
  if (is_name(next) || next == '/') return false;
  return !((next == '.' || next == ':' || next == '-') && is_name(scanner.next(1)));
}

std::optional<Reference> reference_at(std::string_view text, size_t at) {
  for (const Form& form : forms) {
    Scanner scanner(text, at);
    Reference found{at, at, {form.kind, 0, 0}};
    if (!scanner.take(form.begin) || !scanner.number(found.link.id)) continue;
    if (!form.middle.empty() && (!scanner.take(form.middle) || !scanner.number(found.link.part))) continue;
    if (form.kind == Kind::line) {
      found.link.part = found.link.id;
      Scanner range = scanner;
      int64_t last = 0;
      if (range.take(en_dash) || range.take("-")) {
        range.take("L");
        if (range.number(last) && last >= found.link.id) {
          found.link.part = last;
          scanner = range;
        }
      }
    }
    if (!ends_word(scanner)) continue;
    found.end = scanner.at();
    return found;
  }
  return std::nullopt;
}

// A reference begins a word; "[E3]", "(T17)" do, "db.L3", "/L3", "#T1" do not.
bool begins_word(std::string_view text, size_t at) {
  if (at == 0) return true;
  const char before = text[at - 1];
  return !is_name(before) && before != '.' && before != '/' && before != ':' && before != '-' && before != '#' && before != '\\' && before != '@';
}

}  // namespace

std::string reference_text(const Link& link) {
  const auto id = static_cast<long long>(link.id), part = static_cast<long long>(link.part);
  if (link.kind == Kind::line && part > id) return engine::format("L%lld–%lld", id, part);
  for (const Form& form : forms) {
    if (form.kind != link.kind) continue;
    std::string out = std::string(form.begin) + std::to_string(id);
    return form.middle.empty() ? out : out + std::string(form.middle) + std::to_string(part);
  }
  return {};
}

std::vector<Reference> find_references(std::string_view text) {
  std::vector<Reference> found;
  bool code = false;
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '`') code = !code;
    if (c == '\n') code = false;
    const bool may_begin = !code && ((c >= 'A' && c <= 'T') || c == 'r');
    if (const auto reference = may_begin && begins_word(text, at) ? reference_at(text, at) : std::nullopt) {
      at = reference->end;
      found.push_back(*reference);
      // "[E3]" is one as a whole.
      Reference& last = found.back();
      if (last.begin > 0 && text[last.begin - 1] == '[' && last.end < text.size() && text[last.end] == ']') --last.begin, ++last.end;
    } else {
      ++at;
    }
  }
  return found;
}

}  // namespace ui
