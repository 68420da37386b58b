#include "app/configs/compare.h"

#include <map>
#include <tuple>

#include "app/configs/diff.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::configs {
namespace {

using Key = std::tuple<std::string, std::string, std::string>;  // rule, subject, line

std::string_view line_text(const std::vector<std::string_view>& lines, int line) {
  return line < 1 || size_t(line) > lines.size() ? std::string_view() : engine::trim(lines[size_t(line) - 1]);
}

// Takes the findings off both sides that have the same key.
void pair_off(const ReviewedFile& before, const ReviewedFile& after, bool with_line, Comparison& c) {
  const auto before_lines = engine::split(before.text, '\n'), after_lines = engine::split(after.text, '\n');
  const auto key = [&](const ConfigFinding& f, const std::vector<std::string_view>& lines) {
    return Key(f.rule, f.subject, with_line ? line_text(lines, f.line) : std::string_view());
  };
  std::multimap<Key, size_t> left;
  for (const size_t i : c.gone) left.emplace(key(before.findings[i], before_lines), i);
  std::vector<size_t> added;
  for (const size_t i : c.added) {
    const auto same = left.find(key(after.findings[i], after_lines));
    if (same == left.end()) {
      added.push_back(i);
      continue;
    }
    std::erase(c.gone, same->second);
    left.erase(same);
    ++c.n_kept;
  }
  c.added = std::move(added);
}

void list(std::string& out, const char* title, const ReviewedFile& file, const std::vector<size_t>& findings) {
  for (const size_t i : findings) {
    const ConfigFinding& f = file.findings[i];
    out += engine::format("%s %s:%d: %s: %s [%s]\n", title, file.name.c_str(), f.line, severity_names[int(f.severity)], f.message.c_str(), f.rule.c_str());
  }
}

}  // namespace

Comparison compare(const ReviewedFile& before, const ReviewedFile& after) {
  Comparison c;
  for (size_t i = 0; i < before.findings.size(); ++i) c.gone.push_back(i);
  for (size_t i = 0; i < after.findings.size(); ++i) c.added.push_back(i);
  pair_off(before, after, true, c);
  pair_off(before, after, false, c);
  return c;
}

std::string to_text(const ReviewedFile& before, const ReviewedFile& after, const Comparison& c) {
  std::string out = engine::format("%zu findings gone, %zu new, %zu in both\n", c.gone.size(), c.added.size(), c.n_kept);
  list(out, "gone", before, c.gone);
  list(out, "new ", after, c.added);
  return out + unified_diff(before.name, after.name, before.text, after.text);
}

}  // namespace app::configs
