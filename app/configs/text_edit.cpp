#include "app/configs/text_edit.h"

#include <re2/re2.h>

#include <algorithm>

#include "engine/base/text.h"

namespace app::configs {
namespace {

using Lines = std::vector<std::string>;

// The physical lines of the instruction that `line` belongs to: those joined by a \ at the end.
std::pair<size_t, size_t> instruction_at(const Lines& lines, size_t line) {
  const auto goes_on = [&](size_t i) { return engine::trim(lines[i]).ends_with('\\'); };
  size_t begin = line, end = line + 1;
  while (begin > 0 && goes_on(begin - 1)) --begin;
  while (end < lines.size() && goes_on(end - 1)) ++end;
  return {begin, end};
}

std::vector<std::string> parts_of(std::string_view path) {
  std::vector<std::string> parts;
  for (const std::string_view part : engine::split(path, '.')) parts.emplace_back(engine::trim(part));
  return parts;
}

// "path: value" into both; `between` stands between them.
std::pair<std::string, std::string> path_and_value(const std::string& text, std::string_view between) {
  const size_t at = text.find(between);
  return {text.substr(0, at), at == std::string::npos ? std::string() : text.substr(at + between.size())};
}

// systemd: in the section around the line, or in [Service].
std::vector<Lines> set_in_sections(const Lines& lines, size_t line, const std::string& assignment) {
  const auto is_section = [&](size_t i) { return lines[i].starts_with('['); };
  const std::string key = assignment.substr(0, assignment.find('=') + 1);
  std::vector<size_t> starts;
  for (size_t i = line + 1; i-- > 0;)
    if (is_section(i)) {
      starts.push_back(i);
      break;
    }
  for (size_t i = 0; i < lines.size(); ++i)
    if (engine::trim(lines[i]) == "[Service]") starts.push_back(i);
  std::vector<Lines> out;
  for (const size_t start : starts) {
    size_t end = start + 1, last = start;
    Lines changed = lines;
    bool there = false;
    for (; end < lines.size() && !is_section(end); ++end) {
      if (!engine::trim(lines[end]).empty()) last = end;
      if (lines[end].starts_with(key)) changed[end] = assignment, there = true;
    }
    if (!there) changed.insert(changed.begin() + std::ptrdiff_t(last) + 1, assignment);
    out.push_back(std::move(changed));
  }
  return out;
}

std::vector<Lines> set(const Edit& edit, std::string_view kind, const Lines& lines, size_t line) {
  if (kind == "systemd-unit") return set_in_sections(lines, line, edit.a);
  if (kind == "nginx") {
    const auto [name, value] = path_and_value(edit.a, " ");
    return set_in_blocks(lines, line, {name}, value, {" ", ";"});
  }
  if (kind == "terraform") {
    const auto [path, value] = path_and_value(edit.a, " = ");
    return set_in_blocks(lines, line, parts_of(path), value, {" = ", ""});
  }
  const auto [path, value] = path_and_value(edit.a, ": ");
  return set_in_yaml(lines, line, parts_of(path), value);
}

bool is_one_directive(const std::string& line) { return engine::trim(line).find_first_of(";{}") == engine::trim(line).size() - 1 && engine::trim(line).ends_with(';'); }

bool is_yaml(std::string_view kind) { return kind == "kubernetes" || kind == "docker-compose" || kind == "prometheus-rules"; }

std::vector<Lines> apply(const Edit& edit, std::string_view kind, Lines lines, size_t line) {
  if (edit.op == Edit::Op::set) return set(edit, kind, lines, line);
  if (edit.op == Edit::Op::remove && is_yaml(kind)) return remove_from_yaml(lines, line);
  const auto [begin, end] = instruction_at(lines, line);
  if (edit.op == Edit::Op::remove && kind == "nginx" && !is_one_directive(lines[line])) return {};
  const auto at = [&](size_t i) { return lines.begin() + std::ptrdiff_t(i); };
  switch (edit.op) {
    case Edit::Op::remove:
      lines.erase(at(begin), at(end));
      return {lines};
    case Edit::Op::append:
      if (lines[end - 1].ends_with('\r')) lines[end - 1].pop_back();
      lines[end - 1] += edit.a;
      return {lines};
    case Edit::Op::before:
      lines.insert(at(begin), edit.a);
      return {lines};
    default: break;
  }
  const re2::RE2 pattern(edit.a, re2::RE2::Quiet);
  // From its own line on, then those before it in the same instruction.
  for (size_t n = 0; n < end - begin; ++n) {
    const size_t i = begin + (line - begin + n) % (end - begin);
    if (re2::RE2::Replace(&lines[i], pattern, edit.b)) return {lines};
  }
  return {};
}

}  // namespace

Lines split_lines(std::string_view text) {
  Lines lines;
  for (const std::string_view line : engine::split(text, '\n')) lines.emplace_back(line);
  return lines;
}

std::string join_lines(const Lines& lines) {
  std::string out;
  for (size_t i = 0; i < lines.size(); ++i) out += (i > 0 ? "\n" : "") + lines[i];
  return out;
}

std::vector<std::string> apply_edit(const Edit& edit, std::string_view kind, std::string_view text, int line) {
  const Lines lines = split_lines(text);
  if (line < 1 || size_t(line) > lines.size()) return {};
  const bool carriage_returns = lines[0].ends_with('\r');
  std::vector<std::string> out;
  for (Lines& changed : apply(edit, kind, lines, size_t(line) - 1)) {
    if (carriage_returns)
      for (size_t i = 0; i + 1 < changed.size(); ++i)
        if (!changed[i].ends_with('\r')) changed[i] += '\r';
    out.push_back(join_lines(changed));
  }
  return out;
}

}  // namespace app::configs
