#include "app/configs/fix.h"

#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "app/configs/rule_book.h"
#include "app/configs/text_edit.h"
#include "engine/base/error.h"

namespace app::configs {
namespace {

using Counts = std::map<std::pair<std::string, std::string>, int>;  // by rule and subject

Edit edit_from(const nlohmann::json& json) {
  if (json.contains("set")) return {Edit::Op::set, json["set"], {}};
  if (json.contains("remove")) return {Edit::Op::remove, {}, {}};
  if (json.contains("append")) return {Edit::Op::append, json["append"], {}};
  if (json.contains("before")) return {Edit::Op::before, json["before"], {}};
  return {Edit::Op::replace, json.at("replace").at(0), json.at("replace").at(1)};
}

std::map<std::string, std::vector<Edit>, std::less<>> load_edits() {
  std::map<std::string, std::vector<Edit>, std::less<>> all;
  for (const RuleText& text : rule_texts()) {
    if (std::string_view(text.file) != "edits.json") continue;
    const auto file = nlohmann::json::parse(text.json);
    for (const auto& [rule, edits] : file.at("edits").items())
      for (const auto& edit : edits) all[rule].push_back(edit_from(edit));
  }
  return all;
}

const auto& all_edits() {
  static const auto all = load_edits();
  return all;
}

const std::vector<Edit>& edits_of(std::string_view rule) {
  static const std::vector<Edit> nothing;
  const auto at = all_edits().find(rule);
  return at == all_edits().end() ? nothing : at->second;
}

Counts counts_of(const File& file) {
  Counts counts;
  for (const ConfigFinding& f : review(file.name, file.text, file.kind).findings) ++counts[{f.rule, f.subject}];
  return counts;
}

bool is_mended(const Counts& before, const Counts& after, const ConfigFinding& finding) {
  const auto in = [](const Counts& counts, const auto& key) {
    const auto at = counts.find(key);
    return at == counts.end() ? 0 : at->second;
  };
  const std::pair<std::string, std::string> its = {finding.rule, finding.subject};
  if (in(after, its) >= in(before, its)) return false;
  for (const auto& [key, n] : after)
    if (n > in(before, key)) return false;
  return true;
}

}  // namespace

bool has_edit(std::string_view rule) { return !edits_of(rule).empty(); }
size_t n_rules_with_edits() { return all_edits().size(); }

std::optional<std::string> fixed_text(const File& file, const ConfigFinding& finding) {
  if (!has_edit(finding.rule)) return std::nullopt;
  const std::string kind = file.kind.empty() ? detect_kind(file.name, file.text) : file.kind;
  const Counts before = counts_of({file.name, file.text, kind});
  for (const Edit& edit : edits_of(finding.rule)) {
    for (std::string& text : apply_edit(edit, kind, file.text, finding.line)) {
      if (is_mended(before, counts_of({file.name, text, kind}), finding)) return std::move(text);
    }
  }
  return std::nullopt;
}

}  // namespace app::configs
