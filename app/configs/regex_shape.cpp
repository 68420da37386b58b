#include "app/configs/regex_shape.h"

#include <cctype>
#include <functional>

namespace app::configs {
namespace {

constexpr size_t max_pattern = 4096;
constexpr int max_depth = 50;
constexpr size_t max_sequences = 64, max_atoms = 400;

CharSet range(int from, int to) {
  CharSet set;
  for (int c = from; c <= to; ++c) set.set(static_cast<size_t>(c));
  return set;
}

CharSet one(char c) { return range(static_cast<unsigned char>(c), static_cast<unsigned char>(c)); }

CharSet class_of(char letter) {
  const CharSet digits = range('0', '9');
  CharSet words = digits | range('a', 'z') | range('A', 'Z') | one('_');
  const CharSet spaces = one(' ') | range('\t', '\r');
  switch (letter) {
    case 'd':
      return digits;
    case 'D':
      return ~digits;
    case 'w':
      return words;
    case 'W':
      return ~words;
    case 's':
      return spaces;
    case 'S':
      return ~spaces;
    case 'n':
      return one('\n');
    case 'r':
      return one('\r');
    case 't':
      return one('\t');
    case 'h':
      return one(' ') | one('\t');
    default:
      return one(letter);
  }
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  RegexShape read() {
    RegexShape shape;
    shape.root = alternation(0);
    if (failed_ || at_ != text_.size()) shape.root = nullptr;
    shape.n_captures = n_captures_;
    return shape;
  }

 private:
  using Node = std::unique_ptr<RegexNode>;

  static Node make(RegexNode::Kind kind) {
    auto node = std::make_unique<RegexNode>();
    node->kind = kind;
    return node;
  }

  bool more() const { return at_ < text_.size() && !failed_; }

  Node alternation(int depth) {
    if (depth > max_depth) {
      failed_ = true;
      return nullptr;
    }
    Node all = make(RegexNode::Kind::alternation);
    all->children.push_back(sequence(depth));
    while (more() && text_[at_] == '|') {
      ++at_;
      all->children.push_back(sequence(depth));
    }
    return all;
  }

  Node sequence(int depth) {
    Node list = make(RegexNode::Kind::sequence);
    while (more() && text_[at_] != '|' && text_[at_] != ')') {
      Node node = atom(depth);
      if (failed_) break;
      if (!node) continue;  // an option like (?i), or a look-around: matches no text of its own
      quantifier(*node);
      list->children.push_back(std::move(node));
    }
    return list;
  }

  Node atom(int depth) {
    const char c = text_[at_++];
    if (c == '(') return group(depth);
    if (c == '^') return make(RegexNode::Kind::begin);
    if (c == '$') return make(RegexNode::Kind::end);
    Node node = make(RegexNode::Kind::chars);
    if (c == '[')
      node->chars = bracket();
    else if (c == '.')
      node->chars = ~one('\n');
    else if (c == '\\')
      return escape();
    else
      node->chars = one(c);
    return node;
  }

  Node escape() {
    if (!more()) {
      failed_ = true;
      return nullptr;
    }
    const char c = text_[at_++];
    if (c == 'A') return make(RegexNode::Kind::begin);
    if (c == 'z' || c == 'Z') return make(RegexNode::Kind::end);
    if (c == 'b' || c == 'B' || c == 'K' || c == 'G') return nullptr;
    Node node = make(RegexNode::Kind::chars);
    const bool back_reference = c >= '1' && c <= '9';
    node->chars = back_reference ? ~CharSet() : class_of(c);
    if (back_reference) node->min = 0, node->max = -1;
    return node;
  }

  Node group(int depth) {
    Node node = make(RegexNode::Kind::group);
    bool look_around = false;
    if (more() && text_[at_] == '?') {
      ++at_;
      const std::string_view rest = text_.substr(at_);
      if (rest.starts_with(":") || rest.starts_with(">") || rest.starts_with("|")) {
        ++at_;
      } else if (rest.starts_with("=") || rest.starts_with("!") || rest.starts_with("<=") ||
                 rest.starts_with("<!")) {
        look_around = true;
        at_ += rest[0] == '<' ? 2 : 1;
      } else if (rest.starts_with("P<") || rest.starts_with("<") || rest.starts_with("'")) {
        at_ += rest[0] == 'P' ? 2 : 1;
        while (more() && text_[at_] != '>' && text_[at_] != '\'') node->name += text_[at_++];
        ++at_;
        node->capture = ++n_captures_;
      } else {  // options: (?i) or (?i:...)
        while (more() && text_[at_] != ')' && text_[at_] != ':') ++at_;
        if (more() && text_[at_++] == ')') return nullptr;
      }
    } else {
      node->capture = ++n_captures_;
    }
    node->children.push_back(alternation(depth + 1));
    if (!more() || text_[at_] != ')') failed_ = true;
    ++at_;
    return look_around ? nullptr : std::move(node);
  }

  CharSet bracket() {
    CharSet set;
    bool negated = false;
    if (more() && text_[at_] == '^') negated = true, ++at_;
    bool first = true;
    while (more() && (text_[at_] != ']' || first)) {
      first = false;
      if (text_.substr(at_).starts_with("[:")) {
        const size_t end = text_.find(":]", at_);
        if (end != std::string_view::npos) {
          set |= posix(text_.substr(at_ + 2, end - at_ - 2));
          at_ = end + 2;
          continue;
        }
      }
      const bool escaped = text_[at_] == '\\' && at_ + 1 < text_.size();
      if (escaped) ++at_;
      const char from = text_[at_++];
      const CharSet single = escaped ? class_of(from) : one(from);
      if (single.count() == 1 && at_ + 1 < text_.size() && text_[at_] == '-' &&
          text_[at_ + 1] != ']') {
        ++at_;
        if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
        set |= range(static_cast<unsigned char>(from), static_cast<unsigned char>(text_[at_++]));
      } else {
        set |= single;
      }
    }
    if (!more()) failed_ = true;
    ++at_;
    return negated ? ~set : set;
  }

  static CharSet posix(std::string_view name) {
    CharSet set;
    const std::pair<std::string_view, int (*)(int)> classes[] = {
        {"alpha", std::isalpha}, {"digit", std::isdigit},   {"alnum", std::isalnum},
        {"upper", std::isupper}, {"lower", std::islower},   {"space", std::isspace},
        {"punct", std::ispunct}, {"xdigit", std::isxdigit}, {"print", std::isprint},
        {"graph", std::isgraph}, {"cntrl", std::iscntrl}};
    for (const auto& [known, test] : classes) {
      for (int c = 0; name == known && c < 128; ++c) set.set(static_cast<size_t>(c), test(c) != 0);
    }
    return set;
  }

  void quantifier(RegexNode& node) {
    if (!more()) return;
    const char c = text_[at_];
    if (c == '*' || c == '+' || c == '?') {
      ++at_;
      node.min = c == '+' ? 1 : 0;
      node.max = c == '?' ? 1 : -1;
    } else if (c == '{') {
      const size_t end = text_.find('}', at_);
      if (end == std::string_view::npos || at_ + 1 >= text_.size() ||
          !std::isdigit(static_cast<unsigned char>(text_[at_ + 1])))
        return;
      const std::string body(text_.substr(at_ + 1, end - at_ - 1));
      node.min = std::atoi(body.c_str());
      const size_t comma = body.find(',');
      node.max = comma == std::string::npos ? node.min
                 : comma + 1 < body.size()  ? std::atoi(body.c_str() + comma + 1)
                                            : -1;
      at_ = end + 1;
    } else {
      return;
    }
    if (more() && (text_[at_] == '?' || text_[at_] == '+')) ++at_;
  }

  std::string_view text_;
  size_t at_ = 0;
  int n_captures_ = 0;
  bool failed_ = false;
};

const RegexNode* find_node(const RegexNode* node,
                           const std::function<bool(const RegexNode&)>& test) {
  if (!node || test(*node)) return node;
  for (const auto& child : node->children) {
    if (const RegexNode* found = find_node(child.get(), test)) return found;
  }
  return nullptr;
}

using Sequences = std::vector<std::vector<RegexAtom>>;

Sequences expand(const RegexNode& node);

// Each of `heads` followed by each of `tails`.
Sequences product(const Sequences& heads, const Sequences& tails) {
  Sequences out;
  for (const auto& head : heads) {
    for (const auto& tail : tails) {
      if (out.size() >= max_sequences) return out;
      out.push_back(head);
      if (out.back().size() < max_atoms)
        out.back().insert(out.back().end(), tail.begin(), tail.end());
    }
  }
  return out;
}

Sequences expand(const RegexNode& node) {
  switch (node.kind) {
    case RegexNode::Kind::alternation: {
      Sequences out;
      for (const auto& child : node.children) {
        for (auto& each : expand(*child)) {
          if (out.size() < max_sequences) out.push_back(std::move(each));
        }
      }
      return out;
    }
    case RegexNode::Kind::sequence: {
      Sequences out = {{}};
      for (const auto& child : node.children) out = product(out, expand(*child));
      return out;
    }
    case RegexNode::Kind::group: {
      Sequences once = expand(*node.children.front());
      if (node.min > 0) return once;
      once.insert(once.begin(), std::vector<RegexAtom>());
      return once;
    }
    default:
      return {{RegexAtom{node.kind, node.chars, node.min, node.max}}};
  }
}

}  // namespace

RegexShape read_regex(std::string_view pattern) {
  if (pattern.size() > max_pattern) return {};
  return Reader(pattern).read();
}

const RegexNode* RegexShape::capture(int number) const {
  return find_node(root.get(),
                   [&](const RegexNode& node) { return node.capture == number && number > 0; });
}

const RegexNode* RegexShape::capture(std::string_view name) const {
  return find_node(root.get(),
                   [&](const RegexNode& node) { return !name.empty() && node.name == name; });
}

CharSet possible_chars(const RegexNode& node) {
  if (node.max == 0) return {};
  CharSet set = node.chars;
  for (const auto& child : node.children) set |= possible_chars(*child);
  return set;
}

bool must_start_with(const RegexNode& node, char c) {
  if (node.kind == RegexNode::Kind::chars) return node.min > 0 && node.chars == one(c);
  if (node.min == 0 || node.children.empty()) return false;
  if (node.kind == RegexNode::Kind::alternation) {
    for (const auto& child : node.children) {
      if (!must_start_with(*child, c)) return false;
    }
    return true;
  }
  for (const auto& child : node.children) {
    if (child->kind != RegexNode::Kind::begin) return must_start_with(*child, c);
  }
  return false;
}

bool must_contain(const RegexNode& node, char c) {
  if (node.min == 0) return false;
  if (node.kind == RegexNode::Kind::chars) return node.chars == one(c);
  const bool all = node.kind == RegexNode::Kind::alternation;
  for (const auto& child : node.children) {
    if (must_contain(*child, c) != all) return !all;
  }
  return all && !node.children.empty();
}

std::vector<std::vector<RegexAtom>> expand_regex(const RegexNode& root) { return expand(root); }

}  // namespace app::configs
