#include "app/configs/terraform_condition.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <utility>

#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::configs {

struct Condition::Term {
  enum class Kind {
    all_of,
    any_of,
    negation,
    equals,
    exists,
    empty,
    less,
    more,
    contains,
    part,
    walk_any,
    walk_all,
    count_less,
    spans,
    same
  } kind = Kind::exists;
  std::vector<std::string> path;
  std::vector<std::string> values;
  double number = 0;
  std::vector<std::unique_ptr<Term>> terms;
};

namespace {

using Term = Condition::Term;

Truth negated(Truth truth) {
  return truth == Truth::unknown ? truth : truth == Truth::yes ? Truth::no : Truth::yes;
}
Truth from(bool value) { return value ? Truth::yes : Truth::no; }

// Follows a path, lists by their first item. A step into an unknown value stays there.
const Node& walk(const Node& start, const std::vector<std::string>& path) {
  const Node* node = &start;
  for (const std::string& step : path) {
    if (node->is_unknown()) return *node;
    if (node->is_list()) node = &node->first();
    if (node->is_unknown()) return *node;
    node = &(*node)[step];
  }
  return *node;
}

bool same_value(const Node& node, const std::string& wanted) {
  if (node.is_true()) return engine::to_lower_ascii(wanted) == "true";
  if (node.is_false()) return engine::to_lower_ascii(wanted) == "false";
  return node.text == wanted;
}

Truth equals(const Node& found, const std::vector<std::string>& values) {
  const Node& node = found.is_list() && found.items.size() == 1 ? found.first() : found;
  if (node.is_unknown()) return Truth::unknown;
  if (node.is_list()) {  // one of the items
    Truth truth = Truth::no;
    for (const Node* item : node.items) {
      if (item->is_unknown()) truth = Truth::unknown;
      for (const std::string& value : values) {
        if (item->is_scalar() && same_value(*item, value)) return Truth::yes;
      }
    }
    return truth;
  }
  if (!node.is_scalar()) return Truth::no;
  if (node.text.find("${") != std::string::npos) return Truth::unknown;
  return from(std::any_of(values.begin(), values.end(),
                          [&](const std::string& value) { return same_value(node, value); }));
}

Truth contains(const Node& node, const std::vector<std::string>& values, bool part) {
  if (node.is_unknown()) return Truth::unknown;
  std::vector<const Node*> items = node.items;
  if (node.is_scalar()) items.push_back(&node);
  Truth truth = Truth::no;
  for (const Node* item : items) {
    if (item->is_unknown()) truth = Truth::unknown;
    for (const std::string& value : values) {
      if (!item->is_scalar()) continue;
      if (part ? item->text.find(value) != std::string::npos : same_value(*item, value))
        return Truth::yes;
    }
  }
  return truth;
}

Truth compare(const Node& found, double number, bool less) {
  const Node& node = found.first();
  if (node.is_unknown()) return Truth::unknown;
  const auto value = node.number();
  if (!value) return node.is_scalar() ? Truth::unknown : Truth::no;
  return from(less ? *value < number : *value > number);
}

// A port among "22", "20-25" and "*".
Truth spans(const Node& node, double port) {
  if (node.is_unknown()) return Truth::unknown;
  for (const std::string& text : node.strings()) {
    const size_t dash = text.find('-', 1);
    const double first = std::atof(text.c_str());
    const double last = dash == std::string::npos ? first : std::atof(text.c_str() + dash + 1);
    if (text == "*" || (first <= port && port <= last)) return Truth::yes;
  }
  return Truth::no;
}

Truth evaluate(const Term& term, const Node& body);

Truth over(const Term& term, const Node& body, bool any) {
  const Node& node = walk(body, term.path);
  if (node.is_unknown()) return Truth::unknown;
  std::vector<const Node*> items = node.items;
  if (node.is_map() || node.is_scalar()) items.push_back(&node);
  Truth truth = any ? Truth::no : Truth::yes;
  for (const Node* item : items) {
    const Truth one = evaluate(*term.terms[0], *item);
    if (one == from(any)) return one;
    if (one == Truth::unknown) truth = Truth::unknown;
  }
  return truth;
}

Truth evaluate(const Term& term, const Node& body) {
  const Node& node = walk(body, term.path);
  switch (term.kind) {
    case Term::Kind::all_of:
    case Term::Kind::any_of: {
      const Truth decides = from(term.kind == Term::Kind::any_of);
      Truth truth = negated(decides);
      for (const auto& each : term.terms) {
        const Truth one = evaluate(*each, body);
        if (one == decides) return one;
        if (one == Truth::unknown) truth = one;
      }
      return truth;
    }
    case Term::Kind::negation:
      return negated(evaluate(*term.terms[0], body));
    case Term::Kind::equals:
      return equals(node, term.values);
    case Term::Kind::exists:
      return from(node.exists() && !node.is_null());
    case Term::Kind::empty:
      return from(node.empty() || (node.is_list() && node.items.size() == 1 &&
                                   node.items[0]->empty() && !node.items[0]->is_map()));
    case Term::Kind::less:
      return compare(node, term.number, true);
    case Term::Kind::more:
      return compare(node, term.number, false);
    case Term::Kind::contains:
      return contains(node, term.values, false);
    case Term::Kind::part:
      return contains(node, term.values, true);
    case Term::Kind::same: {
      const Node& other = walk(body, term.values);
      return from(!node.is_null() && !other.is_null() && !node.text.empty() &&
                  node.text == other.text);
    }
    case Term::Kind::spans:
      return spans(node, term.number);
    case Term::Kind::walk_any:
      return over(term, body, true);
    case Term::Kind::walk_all:
      return over(term, body, false);
    case Term::Kind::count_less: {
      if (node.is_unknown()) return Truth::unknown;
      const size_t count = node.is_list() ? node.items.size() : node.exists() && !node.is_null();
      return from(static_cast<double>(count) < term.number);
    }
  }
  return Truth::unknown;
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::unique_ptr<Term> read() {
    auto term = either();
    skip();
    if (at_ != text_.size()) fail("something is left over");
    return term;
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    engine::fail(engine::ErrorKind::internal, "terraform rule: %s at %zu of: %.*s", what, at_,
                 int(text_.size()), text_.data());
  }
  void skip() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool take(std::string_view word) {
    skip();
    if (!text_.substr(at_).starts_with(word)) return false;
    const size_t end = at_ + word.size();
    const bool letters = std::isalpha(static_cast<unsigned char>(word.back())) != 0;
    if (letters && end < text_.size() &&
        (std::isalnum(static_cast<unsigned char>(text_[end])) || text_[end] == '_' ||
         text_[end] == '.'))
      return false;
    at_ = end;
    return true;
  }
  void expect(std::string_view word) {
    if (!take(word)) fail("a word is missing");
  }

  static std::unique_ptr<Term> make(Term::Kind kind) {
    auto term = std::make_unique<Term>();
    term->kind = kind;
    return term;
  }

  std::unique_ptr<Term> either() {
    auto first = both();
    if (!take("or")) return first;
    auto term = make(Term::Kind::any_of);
    term->terms.push_back(std::move(first));
    do term->terms.push_back(both());
    while (take("or"));
    return term;
  }

  std::unique_ptr<Term> both() {
    auto first = one();
    if (!take("and")) return first;
    auto term = make(Term::Kind::all_of);
    term->terms.push_back(std::move(first));
    do term->terms.push_back(one());
    while (take("and"));
    return term;
  }

  std::unique_ptr<Term> one() {
    if (take("not")) {
      auto term = make(Term::Kind::negation);
      term->terms.push_back(one());
      return term;
    }
    if (take("any(")) return over(Term::Kind::walk_any);
    if (take("all(")) return over(Term::Kind::walk_all);
    if (take("count(")) {
      auto term = make(Term::Kind::count_less);
      term->path = path();
      expect(")");
      expect("<");
      term->number = number();
      return term;
    }
    if (take("(")) {
      auto term = either();
      expect(")");
      return term;
    }
    return test();
  }

  std::unique_ptr<Term> over(Term::Kind kind) {
    auto term = make(kind);
    term->path = path();
    expect(":");
    term->terms.push_back(either());
    expect(")");
    return term;
  }

  std::unique_ptr<Term> test() {
    auto term = make(Term::Kind::exists);
    term->path = path();
    if (take("exists")) return term;
    if (take("empty")) {
      term->kind = Term::Kind::empty;
    } else if (take("=")) {
      term->kind = Term::Kind::equals;
      term->values.push_back(value());
    } else if (take("in")) {
      term->kind = Term::Kind::equals;
      term->values = values();
    } else if (take("contains")) {
      term->kind = Term::Kind::contains;
      term->values = take("(") ? (--at_, values()) : std::vector<std::string>{value()};
    } else if (take("~")) {
      term->kind = Term::Kind::part;
      term->values = take("(") ? (--at_, values()) : std::vector<std::string>{value()};
    } else if (take("<")) {
      term->kind = Term::Kind::less;
      term->number = number();
    } else if (take("is")) {
      term->kind = Term::Kind::same;
      term->values = path();
    } else if (take("spans")) {
      term->kind = Term::Kind::spans;
      term->number = number();
    } else if (take(">")) {
      term->kind = Term::Kind::more;
      term->number = number();
    } else {
      fail("a test is missing");
    }
    return term;
  }

  std::vector<std::string> path() {
    skip();
    std::vector<std::string> steps;
    std::string step;
    while (at_ < text_.size() &&
           (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_' ||
            text_[at_] == '-' || text_[at_] == '.' || text_[at_] == '*')) {
      if (text_[at_] == '.') {
        if (!step.empty()) steps.push_back(std::exchange(step, ""));
      } else {
        step += text_[at_];
      }
      ++at_;
    }
    if (!step.empty()) steps.push_back(step);
    return steps;
  }

  std::string value() {
    skip();
    std::string out;
    if (at_ < text_.size() && text_[at_] == '"') {
      for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) out += text_[at_];
      ++at_;
      return out;
    }
    while (at_ < text_.size() && text_[at_] != ' ' && text_[at_] != ')' && text_[at_] != ',')
      out += text_[at_++];
    if (out.empty()) fail("a value is missing");
    return out;
  }

  std::vector<std::string> values() {
    std::vector<std::string> all;
    expect("(");
    do all.push_back(value());
    while (take(","));
    expect(")");
    return all;
  }

  double number() { return std::atof(value().c_str()); }

  std::string_view text_;
  size_t at_ = 0;
};

const Term* first_with_path(const Term& term) {
  if (!term.path.empty()) return &term;
  for (const auto& each : term.terms) {
    if (const Term* found = first_with_path(*each)) return found;
  }
  return nullptr;
}

}  // namespace

Condition::Condition(std::string_view text) : root_(Reader(text).read()) {}
Condition::Condition(Condition&&) noexcept = default;
Condition::~Condition() = default;

Truth Condition::holds(const Node& body) const { return evaluate(*root_, body); }

const Node& Condition::place(const Node& body) const {
  const Term* term = first_with_path(*root_);
  if (!term) return body;
  // The deepest part of the path that stands in the text.
  std::vector<std::string> path = term->path;
  for (; !path.empty(); path.pop_back()) {
    const Node& node = walk(body, path);
    if (node.line > 0) return node;
  }
  return body;
}

}  // namespace app::configs
