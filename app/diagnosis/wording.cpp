#include "app/diagnosis/wording.h"

#include <algorithm>
#include <cctype>

#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::diagnosis {
namespace {

constexpr size_t max_different = 64;
constexpr size_t max_listed = 4;

bool is_plain_word(std::string_view value) {
  if (value.empty() || value.size() > 200 || value[0] == '-') return false;
  return std::all_of(value.begin(), value.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || std::string_view("._:/@=-+%,").find(c) != std::string_view::npos;
  });
}

// "name", "name*", "name|...": anything else in braces, as in an awk program, is plain text.
bool names_a_value(std::string_view inside) {
  std::string_view name = inside.substr(0, inside.find('|'));
  if (!name.empty() && name.back() == '*') name.remove_suffix(1);
  return !name.empty() && std::isalpha(static_cast<unsigned char>(name[0])) &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) || c == '_'; });
}

std::string render_part(std::string_view wording, const Values& values, Escape escape, bool& missing);

// The brace that closes the one at `begin`, or npos; braces nest in "{pod|{object|a pod}}".
size_t closing_brace(std::string_view wording, size_t begin) {
  int depth = 0;
  for (size_t i = begin; i < wording.size(); ++i) {
    depth += wording[i] == '{' ? 1 : wording[i] == '}' ? -1 : 0;
    if (depth == 0) return i;
  }
  return std::string_view::npos;
}

// What stands in braces: "name", "name*" or "name|otherwise", which is wording itself. Empty and
// missing where there is none.
std::string value_of(std::string_view inside, const Values& values, Escape escape, bool& missing) {
  size_t bar = inside.find('|');
  std::string name(inside.substr(0, bar));
  bool all = !name.empty() && name.back() == '*';
  if (all) name.pop_back();
  std::string value = all ? values.list(name) : values.first(name);
  if (value.empty()) {
    if (bar != std::string_view::npos) return render_part(inside.substr(bar + 1), values, escape, missing);
    missing = true;
    return escape == Escape::shell ? "<" + name + ">" : "";
  }
  if (escape == Escape::shell && !is_plain_word(value)) return "<" + name + ">";
  return value;
}

std::string render_part(std::string_view wording, const Values& values, Escape escape, bool& missing) {
  std::string out;
  for (size_t i = 0; i < wording.size();) {
    if (wording.substr(i, 2) == "[[") {
      size_t end = wording.find("]]", i);
      if (end != std::string_view::npos) {
        bool part_missing = false;
        std::string part = render_part(wording.substr(i + 2, end - i - 2), values, escape, part_missing);
        if (!part_missing) out += part;
        i = end + 2;
        continue;
      }
    }
    size_t end = wording[i] == '{' ? closing_brace(wording, i) : std::string_view::npos;
    bool is_name = end != std::string_view::npos && names_a_value(wording.substr(i + 1, end - i - 1));
    if (!is_name) {
      out += wording[i++];
      continue;
    }
    out += value_of(wording.substr(i + 1, end - i - 1), values, escape, missing);
    i = end + 1;
  }
  return out;
}

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

}  // namespace

void Values::add(const std::string& name, std::string_view value) {
  value = engine::trim(value);
  if (name.empty() || value.empty()) return;
  auto& seen = values_[name];
  for (auto& [text, count] : seen)
    if (text == value) {
      count++;
      return;
    }
  if (seen.size() < max_different) seen.emplace_back(std::string(value), 1);
}

void Values::set(const std::string& name, std::string value) {
  if (value.empty()) return;
  values_[name] = {{std::move(value), 1}};
}

void Values::add_missing(const Values& other) { values_.insert(other.values_.begin(), other.values_.end()); }

bool Values::has(const std::string& name) const { return values_.contains(name); }

std::string Values::first(const std::string& name) const {
  auto it = values_.find(name);
  if (it == values_.end()) return "";
  auto best = std::max_element(it->second.begin(), it->second.end(),
                               [](const auto& a, const auto& b) { return a.second < b.second; });
  return best->first;
}

std::string Values::list(const std::string& name) const {
  auto it = values_.find(name);
  if (it == values_.end()) return "";
  std::string out;
  size_t n = it->second.size(), shown = std::min(n, max_listed);
  for (size_t i = 0; i < shown; i++) {
    if (i > 0) out += i + 1 == n ? " and " : ", ";
    out += it->second[i].first;
  }
  if (n > shown) out += " and " + std::to_string(n - shown) + " more";
  return out;
}

size_t Values::n_different(const std::string& name) const {
  auto it = values_.find(name);
  return it == values_.end() ? 0 : it->second.size();
}

std::string render(std::string_view wording, const Values& values, Escape escape) {
  bool missing = false;
  return render_part(wording, values, escape, missing);
}

std::string excerpt(std::string_view line, size_t begin, size_t length, size_t max_bytes) {
  size_t leading = line.size() - engine::trim(line).size();
  if (line.size() - leading <= max_bytes) return std::string(engine::trim(line));
  length = std::min(length, max_bytes);
  size_t margin = (max_bytes - length) / 2;
  size_t from = begin > margin ? begin - margin : 0;
  from = std::min(from, line.size() - max_bytes);
  size_t to = from + max_bytes;
  while (from < line.size() && is_continuation(line[from])) from++;
  while (to < line.size() && to > from && is_continuation(line[to])) to--;
  std::string out(engine::trim(line.substr(from, to - from)));
  return (from > 0 ? "..." : "") + out + (to < line.size() ? "..." : "");
}

std::string counted(uint64_t n, const char* noun) {
  return std::to_string(n) + " " + noun + (n == 1 ? "" : "s");
}

}  // namespace app::diagnosis
