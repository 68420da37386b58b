// Variables and patterns of an nginx configuration: who decides what they hold.
#include "app/configs/nginx.h"

#include <algorithm>
#include <cctype>

#include "engine/base/text.h"

namespace app::configs::nginx {
namespace {

constexpr int max_depth = 8;  // variables set from variables

CharSet all_but(std::string_view excluded) {
  CharSet set;
  set.set();
  for (char c : excluded) set.reset(static_cast<unsigned char>(c));
  return set;
}

constexpr const char* white_space = " \t\n\v\f\r";

std::optional<Content> built_in(const std::string& name) {
  Content content;
  if (name == "uri" || name == "document_uri") {
    content.chars = all_but(" \t");  // decoded, so that %0a has become a line break
    content.starts_with_slash = content.contains_slash = true;
  } else if (name == "request_uri") {
    content.chars = all_but(white_space);
    content.starts_with_slash = content.contains_slash = true;
  } else if (name == "args" || name == "query_string") {
    content.chars = all_but(white_space);
  } else if (name.starts_with("arg_")) {
    content.chars = all_but(std::string(white_space) + "&");
  } else if (name.starts_with("http_")) {
    for (size_t c = 0x21; c <= 0x7e; ++c) content.chars.set(c);
  } else {
    return std::nullopt;
  }
  return content;
}

Content content_of(const RegexNode& group) {
  return {possible_chars(group), must_start_with(group, '/'), must_contain(group, '/')};
}

// The group of a pattern that gives the variable its value: $1, $2 or (?<name>...).
std::optional<Content> captured(std::string_view pattern, const std::string& name) {
  const RegexShape shape = read_regex(pattern);
  const bool numbered = !name.empty() && std::isdigit(static_cast<unsigned char>(name[0]));
  const RegexNode* group = numbered ? shape.capture(std::atoi(name.c_str())) : shape.capture(name);
  if (!group) return std::nullopt;
  return content_of(*group);
}

Content joined(const Content& a, const Content& b) {
  return {a.chars | b.chars, a.starts_with_slash && b.starts_with_slash,
          a.contains_slash && b.contains_slash};
}

std::optional<Content> from_map(const Directive& map, const Directive& user, int depth) {
  std::optional<Content> all;
  for (const Directive* entry : map.children) {
    const std::string& value = entry->arg(0);
    const bool pattern = entry->name.starts_with('~');
    Content content = script_content(value, user, depth + 1);
    for (const Part& part : split_variables(value)) {
      if (!pattern || part.name.empty()) continue;
      if (auto group =
              captured(std::string_view(entry->name).substr(entry->name.starts_with("~*") ? 2 : 1),
                       part.name))
        content = *group;
    }
    all = all ? joined(*all, content) : content;
  }
  return all;
}

std::optional<Content> from_block(const Directive& block, const std::string& name,
                                  const Directive& user, int depth) {
  for (const Directive* child : block.children) {
    if (child->name == "set" && child->arg(0) == "$" + name)
      return script_content(child->arg(1), user, depth + 1);
    if (child->name == "map" && child->arg(1) == "$" + name) return from_map(*child, user, depth);
    // What a rewrite captures is escaped again before it is used.
    if (child->name == "rewrite" && captured(child->arg(0), name)) return Content{};
    if (child->name != "server_name") continue;
    for (const std::string& host : child->args) {
      if (!host.starts_with('~')) continue;
      if (auto group = captured(std::string_view(host).substr(1), name)) return group;
    }
  }
  return std::nullopt;
}

}  // namespace

Condition condition_of(const Directive& directive) {
  std::vector<std::string> words = directive.args;
  if (!words.empty() && words.front().starts_with('(')) words.front().erase(0, 1);
  if (!words.empty() && words.front().empty()) words.erase(words.begin());
  if (!words.empty() && words.back() == ")")
    words.pop_back();
  else if (!words.empty() && words.back().ends_with(')') && !directive.quoted.back())
    words.back().pop_back();
  Condition condition;
  if (!words.empty()) condition.variable = words[0];
  if (words.size() > 1) condition.op = words[1];
  if (words.size() > 2) condition.value = words[2];
  return condition;
}

Location location_of(const Directive& directive) {
  if (directive.args.size() >= 2) return {directive.args[0], directive.args[1]};
  const std::string& only = directive.arg(0);
  for (const char* modifier : {"^~", "~*", "~", "="}) {  // "location ~regex" without a space
    if (only.starts_with(modifier) && only.size() > std::string_view(modifier).size()) {
      return {modifier, only.substr(std::string_view(modifier).size())};
    }
  }
  return {"", only};
}

std::vector<Part> split_variables(std::string_view script) {
  std::vector<Part> parts;
  std::string plain;
  const auto flush = [&] {
    if (!plain.empty()) parts.push_back({"", plain});
    plain.clear();
  };
  for (size_t i = 0; i < script.size();) {
    const bool braces = script.substr(i).starts_with("${");
    size_t begin = i + (braces ? 2 : 1), end = begin;
    while (script[i] == '$' && end < script.size() &&
           (std::isalnum(static_cast<unsigned char>(script[end])) || script[end] == '_'))
      ++end;
    if (script[i] != '$' || end == begin) {
      plain += script[i++];
      continue;
    }
    if (std::isdigit(static_cast<unsigned char>(script[begin])) && !braces)
      end = begin + 1;  // $12 is $1 and "2"
    flush();
    parts.push_back({engine::to_lower_ascii(script.substr(begin, end - begin)), ""});
    i = end + (braces && end < script.size() ? 1 : 0);
  }
  flush();
  return parts;
}

std::optional<Content> variable_content(const std::string& name, const Directive& user, int depth) {
  if (depth > max_depth) return std::nullopt;
  for (const Directive* block = user.parent; block; block = block->parent) {
    if (auto found = from_block(*block, name, user, depth)) return found;
    if (block->name == "if" && condition_of(*block).is_regex()) {
      if (auto group = captured(condition_of(*block).value, name)) return group;
    }
    if (block->name == "location" && location_of(*block).is_regex()) {
      if (auto group = captured(location_of(*block).path, name)) return group;
    }
  }
  return built_in(name);
}

Content script_content(std::string_view script, const Directive& user, int depth) {
  Content all;
  bool first = true;
  for (const Part& part : split_variables(script)) {
    Content content;
    if (part.name.empty()) {
      content.starts_with_slash = part.text.starts_with('/');
      content.contains_slash = part.text.find('/') != std::string::npos;
    } else if (auto known = variable_content(part.name, user, depth)) {
      content = *known;
    }
    all.chars |= content.chars;
    all.contains_slash |= content.contains_slash;
    if (first) all.starts_with_slash = content.starts_with_slash;
    first = false;
  }
  return all;
}

namespace {

bool is_single(const RegexAtom& atom, char c) {
  return atom.kind == RegexNode::Kind::chars && atom.min == 1 && atom.max == 1 &&
         atom.chars.count() == 1 && atom.chars.test(static_cast<unsigned char>(c));
}

bool is_literal(const RegexAtom& atom) {
  return atom.kind == RegexNode::Kind::chars && atom.min == atom.max && atom.chars.count() == 1;
}

bool within(const CharSet& chars, std::string_view allowed) {
  CharSet set;
  for (char c : allowed) set.set(static_cast<unsigned char>(c));
  return chars.any() && (chars & ~set).none();
}

// Chars that may stand in a host name; anything else can end it early (evil.com/?.example.com).
bool fits_host(const CharSet& chars) {
  for (size_t c = 0; c < 256; ++c) {
    const bool allowed =
        std::isalnum(static_cast<int>(c)) || c == '-' || c == '.' || c == '_' || c >= 128;
    if (chars.test(c) && !allowed) return false;
  }
  return true;
}

std::string check_host(const std::vector<RegexAtom>& host) {
  size_t dots = 0, start = 0;  // start: where the last two labels begin
  for (size_t i = host.size(); i-- > 0;) {
    if (!fits_host(host[i].chars))
      return "lets characters through that end the host name early (an unescaped '.', or a class "
             "that is too wide)";
    if (is_single(host[i], '.') && ++dots == 2) {
      start = i + 1;
      break;
    }
    if (!is_literal(host[i])) return "leaves the registered domain itself open";
  }
  for (size_t i = 0; i < start; ++i) {
    if (!fits_host(host[i].chars))
      return "lets characters through that end the host name early (an unescaped '.', or a class "
             "that is too wide)";
  }
  return "";
}

std::string check_sequence(const std::vector<RegexAtom>& atoms) {
  size_t i = 0;
  if (atoms.empty() || atoms[0].kind != RegexNode::Kind::begin)
    return "is not anchored with '^', so that the host may stand anywhere in the header";
  ++i;
  // The scheme: everything up to "//".
  while (i + 1 < atoms.size() && !(is_single(atoms[i], '/') && is_single(atoms[i + 1], '/'))) ++i;
  if (i + 1 >= atoms.size()) return "names no scheme and host";
  i += 2;
  std::vector<RegexAtom> host;
  for (; i < atoms.size(); ++i) {
    if (atoms[i].kind == RegexNode::Kind::end) return check_host(host);
    if (atoms[i].kind == RegexNode::Kind::chars && atoms[i].min > 0 &&
        within(atoms[i].chars, "/:?#"))
      return check_host(host);
    if (atoms[i].kind == RegexNode::Kind::chars) host.push_back(atoms[i]);
  }
  return "does not end the host name, so that example.com.evil.com passes";
}

}  // namespace

std::string loose_origin_pattern(std::string_view pattern) {
  const RegexShape shape = read_regex(pattern);
  if (!shape.root) return "";
  for (const auto& sequence : expand_regex(*shape.root)) {
    const std::string fault = check_sequence(sequence);
    if (!fault.empty()) return fault;
  }
  return "";
}

}  // namespace app::configs::nginx
