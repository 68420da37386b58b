// Texts that have parts: records of CSV, command lines, paths, URLs, XML.
#include <cmath>

#include "app/kql/kernel_help.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::kql {
namespace {

// parse_csv of one record.
void parse_csv(CallState&, Args a, Value& out) {
  const std::string text = to_text(a[0]);
  Json json = Json::array();
  std::string field;
  bool quoted = false;
  for (size_t k = 0; k < text.size(); ++k) {
    const char c = text[k];
    if (quoted) {
      if (c == '"' && k + 1 < text.size() && text[k + 1] == '"') field += '"', ++k;
      else if (c == '"') quoted = false;
      else field += c;
    } else if (c == '"' && field.empty()) {
      quoted = true;
    } else if (c == ',') {
      json.items.push_back(Json::of(field));
      field.clear();
    } else if (c == '\n' || c == '\r') {
      break;
    } else {
      field += c;
    }
  }
  json.items.push_back(Json::of(field));
  set(out, json);
}
// Windows rules: quotes group, \" is a quote.
void parse_command_line(CallState&, Args a, Value& out) {
  const std::string text = to_text(a[0]);
  Json json = Json::array();
  std::string word;
  bool quoted = false, any = false;
  for (size_t k = 0; k < text.size(); ++k) {
    const char c = text[k];
    if (c == '\\') {
      size_t n = 0;
      while (k + n < text.size() && text[k + n] == '\\') ++n;
      if (k + n < text.size() && text[k + n] == '"') {
        word.append(n / 2, '\\');
        k += n - 1;
        if (n % 2) word += '"', ++k;
      } else {
        word.append(n, '\\');
        k += n - 1;
      }
      any = true;
    } else if (c == '"') {
      quoted = !quoted;
      any = true;
    } else if ((c == ' ' || c == '\t') && !quoted) {
      if (any) json.items.push_back(Json::of(word));
      word.clear();
      any = false;
    } else {
      word += c;
      any = true;
    }
  }
  if (any) json.items.push_back(Json::of(word));
  json.items.empty() ? set_null(out) : set(out, json);
}
void parse_path(CallState&, Args a, Value& out) {
  const std::string path = to_text(a[0]);
  Json json = Json::object();
  std::string scheme, rest = path, root, stream;
  if (const size_t at = path.find("://"); at != std::string::npos && at > 1) scheme = path.substr(0, at), rest = path.substr(at + 3);
  std::string before = rest;
  if (const size_t colon = rest.rfind(':'); colon != std::string::npos && colon > 1) stream = rest.substr(colon + 1), before = rest.substr(0, colon);
  const size_t slash = before.find_last_of("/\\");
  const std::string file = slash == std::string::npos ? before : before.substr(slash + 1);
  const std::string directory = slash == std::string::npos ? "" : before.substr(0, slash);
  const size_t dot = file.rfind('.');
  if (before.size() > 1 && before[1] == ':') root = before.substr(0, 2);
  else if (!scheme.empty()) root = before.substr(0, before.find_first_of("/\\"));
  else if (before.size() > 2 && before.substr(0, 2) == "\\\\") root = before.substr(0, before.find('\\', 2));
  const size_t last = directory.find_last_of("/\\");
  json.set("Scheme", Json::of(scheme));
  json.set("RootPath", Json::of(root));
  json.set("DirectoryPath", Json::of(directory));
  json.set("DirectoryName", Json::of(last == std::string::npos ? directory : directory.substr(last + 1)));
  json.set("Filename", Json::of(file));
  json.set("Extension", Json::of(dot == std::string::npos ? "" : file.substr(dot + 1)));
  json.set("AlternateDataStreamName", Json::of(stream));
  set(out, json);
}
std::string url_part(const std::string& text) {
  std::string out;
  for (size_t k = 0; k < text.size(); ++k) {
    if (text[k] == '%' && k + 2 < text.size() && std::isxdigit(static_cast<unsigned char>(text[k + 1])) && std::isxdigit(static_cast<unsigned char>(text[k + 2]))) {
      out += static_cast<char>(std::stoi(text.substr(k + 1, 2), nullptr, 16));
      k += 2;
    } else {
      out += text[k];
    }
  }
  return engine::is_valid_utf8(out) ? out : text;
}
Json query_bag(const std::string& query) {
  Json bag = Json::object();
  for (const std::string_view pair : engine::split(query, '&')) {
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    bag.set(url_part(std::string(pair.substr(0, equals))), Json::of(equals == std::string_view::npos ? "" : url_part(std::string(pair.substr(equals + 1)))));
  }
  return bag;
}
void parse_url(CallState&, Args a, Value& out) {
  std::string rest = to_text(a[0]);
  Json json = Json::object();
  std::string scheme, host, port, path, user, password, fragment;
  Json query = Json::object();
  if (const size_t at = rest.find("://"); at != std::string::npos) scheme = rest.substr(0, at), rest = rest.substr(at + 3);
  else if (const size_t colon = rest.find(':'); colon != std::string::npos) scheme = rest.substr(0, colon), rest = rest.substr(colon + 1);
  if (const size_t at = rest.find('#'); at != std::string::npos) fragment = rest.substr(at + 1), rest.resize(at);
  if (const size_t at = rest.find('?'); at != std::string::npos) query = query_bag(rest.substr(at + 1)), rest.resize(at);
  const size_t slash = rest.find('/');
  if (slash != std::string::npos) path = rest.substr(slash);
  std::string authority = rest.substr(0, slash);
  if (const size_t at = authority.rfind('@'); at != std::string::npos) {
    user = authority.substr(0, at);
    authority = authority.substr(at + 1);
    if (const size_t colon = user.find(':'); colon != std::string::npos) password = user.substr(colon + 1), user.resize(colon);
  }
  if (const size_t colon = authority.rfind(':'); colon != std::string::npos && authority.find(']', colon) == std::string::npos) port = authority.substr(colon + 1), authority.resize(colon);
  host = authority;
  json.set("Scheme", Json::of(scheme));
  json.set("Host", Json::of(host));
  json.set("Port", Json::of(port));
  json.set("Path", Json::of(path));
  json.set("Username", Json::of(user));
  json.set("Password", Json::of(password));
  json.set("Query Parameters", query);
  json.set("Fragment", Json::of(fragment));
  set(out, json);
}
void parse_urlquery(CallState&, Args a, Value& out) {
  std::string text = to_text(a[0]);
  if (!text.empty() && text[0] == '?') text.erase(0, 1);
  Json json = Json::object();
  json.set("Query Parameters", query_bag(text));
  set(out, json);
}

// ---------------------------------------------------------------- XML

class XmlReader {
 public:
  explicit XmlReader(const std::string& text) : text_(text) {}
  std::optional<Json> document() {
    skip_misc();
    std::string name;
    Json content;
    if (!element(name, content, 0)) return std::nullopt;
    Json root = Json::object();
    root.set(name, std::move(content));
    return root;
  }

 private:
  void skip_misc() {
    while (at_ < text_.size()) {
      if (std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
      else if (starts("<?")) skip_past("?>");
      else if (starts("<!--")) skip_past("-->");
      else if (starts("<!")) skip_past(">");
      else return;
    }
  }
  bool starts(std::string_view s) const { return std::string_view(text_).substr(at_, s.size()) == s; }
  void skip_past(std::string_view s) {
    const size_t at = text_.find(s, at_);
    at_ = at == std::string::npos ? text_.size() : at + s.size();
  }
  std::string name() {
    const size_t begin = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) || std::string_view("_-.:").find(text_[at_]) != std::string_view::npos)) ++at_;
    return text_.substr(begin, at_ - begin);
  }
  static std::string unescape(std::string text) {
    static const std::pair<const char*, const char*> pairs[] = {{"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&apos;", "'"}, {"&amp;", "&"}};
    for (const auto& [from, to] : pairs) {
      for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + 1)) text.replace(at, std::string_view(from).size(), to);
    }
    return text;
  }
  static Json scalar(const std::string& text) {
    const Value value = Value::text(text);
    if (const std::optional<int64_t> i = parse_int64(text)) return Json::of(*i);
    if (const std::optional<double> d = parse_real(text); d && std::isfinite(*d)) return Json::of(*d);
    return Json::of(value.s);
  }
  static void add(Json& bag, const std::string& key, Json item) {
    if (Json* known = const_cast<Json*>(bag.find(key))) {
      if (!known->is_array()) {
        Json list = Json::array();
        list.items.push_back(std::move(*known));
        *known = std::move(list);
      }
      known->items.push_back(std::move(item));
    } else {
      bag.set(key, std::move(item));
    }
  }
  bool element(std::string& tag, Json& out, int depth) {
    if (depth > 100 || !starts("<")) return false;
    ++at_;
    tag = name();
    if (tag.empty()) return false;
    Json bag = Json::object();
    std::string content;
    bool children = false;
    while (at_ < text_.size()) {
      while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
      if (starts("/>")) {
        at_ += 2;
        out = bag.keys.empty() ? Json{} : bag;
        return true;
      }
      if (starts(">")) {
        ++at_;
        break;
      }
      const std::string key = name();
      if (key.empty() || !starts("=")) return false;
      ++at_;
      const char quote = at_ < text_.size() ? text_[at_] : '\0';
      if (quote != '"' && quote != '\'') return false;
      const size_t end = text_.find(quote, at_ + 1);
      if (end == std::string::npos) return false;
      bag.set("@" + key, scalar(unescape(text_.substr(at_ + 1, end - at_ - 1))));
      at_ = end + 1;
    }
    while (at_ < text_.size()) {
      if (starts("</")) {
        at_ += 2;
        if (name() != tag) return false;
        skip_past(">");
        const std::string text(engine::trim(unescape(content)));
        if (bag.keys.empty() && !children) {
          out = text.empty() ? Json{} : scalar(text);
        } else {
          if (!text.empty()) bag.set("#text", scalar(text));
          out = std::move(bag);
        }
        return true;
      }
      if (starts("<!--")) {
        skip_past("-->");
      } else if (starts("<![CDATA[")) {
        const size_t end = text_.find("]]>", at_);
        if (end == std::string::npos) return false;
        content += text_.substr(at_ + 9, end - at_ - 9);
        at_ = end + 3;
      } else if (starts("<")) {
        std::string child_name;
        Json child;
        if (!element(child_name, child, depth + 1)) return false;
        add(bag, child_name, std::move(child));
        children = true;
      } else {
        content += text_[at_++];
      }
    }
    return false;
  }
  const std::string& text_;
  size_t at_ = 0;
};
void parse_xml(CallState&, Args a, Value& out) {
  const std::string text = to_text(a[0]);
  const std::optional<Json> json = XmlReader(text).document();
  json ? set(out, *json) : set_null(out);
}

constexpr Function table[] = {
    {"parse_csv", "s", Result::dynamic, parse_csv},
    {"parse_command_line", "s?s", Result::dynamic, parse_command_line},
    {"parse_path", "s", Result::dynamic, parse_path},
    {"parse_url", "s", Result::dynamic, parse_url},
    {"parseurl", "s", Result::dynamic, parse_url},
    {"parse_urlquery", "s", Result::dynamic, parse_urlquery},
    {"parseurlquery", "s", Result::dynamic, parse_urlquery},
    {"parse_xml", "s", Result::dynamic, parse_xml},
};

}  // namespace

std::span<const Function> parse_functions() { return table; }

}  // namespace app::kql
