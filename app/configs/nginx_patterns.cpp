// Patterns: what they let pass and what they cost.
#include <algorithm>
#include <cctype>

#include "app/configs/nginx_checks.h"
#include "engine/base/text.h"

namespace app::configs::nginx {

// --- patterns ------------------------------------------------------------------------------------

void check_origin_pattern(const Directive& at, std::string_view pattern, Report& report) {
  const std::string fault = loose_origin_pattern(pattern);
  if (!fault.empty()) add(report, "nginx/loose-origin-pattern", at, "the pattern " + fault);
}

namespace {

bool is_nested_quantifier(const RegexNode& node, bool inside) {
  const bool repeats = node.max == -1;
  if (repeats && inside && node.kind == RegexNode::Kind::chars) return true;
  // A separator that the inner part cannot match keeps the two loops apart.
  if (repeats && node.kind == RegexNode::Kind::group &&
      node.children.front()->kind == RegexNode::Kind::alternation) {
    for (const auto& sequence : node.children.front()->children) {
      bool separated = false;
      CharSet loops;
      for (const auto& child : sequence->children) {
        if (child->max == -1) loops |= possible_chars(*child);
      }
      for (const auto& child : sequence->children) {
        separated |= child->kind == RegexNode::Kind::chars && child->min > 0 && child->max != -1 &&
                     (child->chars & loops).none();
      }
      if (!separated && is_nested_quantifier(*sequence, true)) return true;
    }
    if (node.children.front()->children.size() > 1) {
      const auto& branches = node.children.front()->children;
      for (size_t i = 0; i < branches.size(); ++i) {
        for (size_t j = i + 1; j < branches.size(); ++j) {
          const auto first = [](const RegexNode& sequence) {
            return sequence.children.empty() ? CharSet()
                                             : possible_chars(*sequence.children.front());
          };
          if ((first(*branches[i]) & first(*branches[j])).any()) return true;
        }
      }
    }
    return false;
  }
  return std::any_of(node.children.begin(), node.children.end(),
                     [&](const auto& child) { return is_nested_quantifier(*child, inside); });
}

void check_pattern_cost(const Directive& at, std::string_view pattern, Report& report) {
  const RegexShape shape = read_regex(pattern);
  if (shape.root && is_nested_quantifier(*shape.root, false)) add(report, "nginx/slow-pattern", at);
}

bool is_alphanumeric(const CharSet& chars) {
  for (size_t c = 0; c < 256; ++c) {
    if (chars.test(c) && (c >= 128 || !std::isalnum(static_cast<int>(c)))) return false;
  }
  return chars.any();
}

// The sequence stops after a file extension (a dot, then letters) without saying that the path
// ends.
bool ends_in_open_extension(const std::vector<RegexAtom>& sequence) {
  size_t i = sequence.size();
  while (i > 0 && sequence[i - 1].kind == RegexNode::Kind::chars && sequence[i - 1].min > 0 &&
         is_alphanumeric(sequence[i - 1].chars))
    --i;
  CharSet dot;
  dot.set('.');
  return i > 0 && i < sequence.size() && sequence[i - 1].chars == dot;
}

}  // namespace

void check_location_pattern(const Directive& directive, Report& report) {
  const Location location = location_of(directive);
  if (!location.is_regex()) return;
  check_pattern_cost(directive, location.path, report);
  const RegexShape shape = read_regex(location.path);
  if (!shape.root) return;
  const auto sequences = expand_regex(*shape.root);
  if (std::any_of(sequences.begin(), sequences.end(), ends_in_open_extension))
    add(report, "nginx/unanchored-location", directive);
  const auto literal = [](const RegexAtom& atom) {
    return atom.kind != RegexNode::Kind::chars ||
           (atom.chars.count() == 1 && atom.min == 1 && atom.max == 1);
  };
  if (sequences.size() == 1 && location.modifier == "~" && sequences[0].size() > 2 &&
      sequences[0].front().kind == RegexNode::Kind::begin &&
      sequences[0].back().kind == RegexNode::Kind::end &&
      std::all_of(sequences[0].begin(), sequences[0].end(), literal)) {
    add(report, "nginx/pattern-is-exact", directive);
  }
}

void check_condition(const Directive& directive, Report& report) {
  const Condition condition = condition_of(directive);
  const std::string variable = lower(condition.variable);
  if (condition.is_regex()) {
    if (variable == "$http_origin" || variable == "$http_referer")
      check_origin_pattern(directive, condition.value, report);
    if (variable == "$http_referrer")
      add(report, "nginx/loose-origin-pattern", directive,
          "the header is spelled $http_referer; this variable is always empty");
    check_pattern_cost(directive, condition.value, report);
  }
  if (!directive.parent || directive.parent->name != "location") return;
  for (const Directive* child : directive.children) {
    const std::string& flag = child->args.empty() ? child->name : child->args.back();
    const bool safe_rewrite = child->name == "rewrite" && child->args.size() >= 3 &&
                              (flag == "last" || flag == "redirect" || flag == "permanent");
    if (child->name != "return" && !safe_rewrite) add(report, "nginx/if-in-location", *child);
  }
}

namespace {

void check_captures(const Directive& at, std::string_view pattern, std::string_view replacement,
                    Report& report) {
  const RegexShape shape = read_regex(pattern);
  if (!shape.root) return;
  for (const Part& part : split_variables(replacement)) {
    if (part.name.empty() || !std::isdigit(static_cast<unsigned char>(part.name[0])) ||
        part.name[0] == '0')
      continue;
    if (std::atoi(part.name.c_str()) > shape.n_captures) {
      add(report, "nginx/missing-capture", at,
          "$" + part.name + " is used, but the pattern has " + std::to_string(shape.n_captures) +
              " groups");
      return;
    }
  }
}

}  // namespace

void check_rewrite(const Directive& directive, Report& report) {
  check_header_splitting(directive, report);
  check_captures(directive, directive.arg(0), directive.arg(1), report);
  check_pattern_cost(directive, directive.arg(0), report);
}

void check_set(const Directive& directive, Report& report) {
  const Directive* condition = directive.parent ? directive.parent->ancestor("if") : nullptr;
  if (condition && condition_of(*condition).op.starts_with('~'))
    check_captures(directive, condition_of(*condition).value, directive.arg(1), report);
}

void check_map(const Directive& directive, Report& report) {
  const bool has_default = directive.child("default");
  size_t entries = 0;
  for (const Directive* child : directive.children)
    entries += child->name != "default" && child->name != "include" && child->name != "hostnames" &&
               child->name != "volatile";
  if (!has_default && (directive.name == "geo" || entries > 1))
    add(report, "nginx/map-without-default", directive);
  for (const Directive* child : directive.children) {
    if (child->name.starts_with('~'))
      check_pattern_cost(
          *child, std::string_view(child->name).substr(child->name.starts_with("~*") ? 2 : 1),
          report);
  }
}

}  // namespace app::configs::nginx
