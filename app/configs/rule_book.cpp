#include "app/configs/rule_book.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "engine/base/error.h"

namespace app::configs {
namespace {

Severity severity_of(const std::string& name) {
  for (int i = 0; i < 4; ++i) {
    if (name == severity_names[i]) return static_cast<Severity>(i);
  }
  engine::fail(engine::ErrorKind::internal, "config rule has the unknown severity %s",
               name.c_str());
}

std::vector<Rule> load_rules() {
  std::vector<Rule> rules;
  for (const RuleText& text : rule_texts()) {
    const auto file = nlohmann::json::parse(text.json);
    for (const auto& each : file.at("rules")) {
      Rule rule;
      rule.id = each.at("id");
      rule.kind = file.at("kind");
      rule.covers = each.value("covers", std::vector<std::string>{});
      rule.severity = severity_of(each.value("severity", "warning"));
      rule.title = each.at("title");
      rule.fix = each.value("fix", "");
      rule.docs = each.value("docs", "");
      rules.push_back(std::move(rule));
    }
  }
  std::sort(rules.begin(), rules.end(), [](const Rule& a, const Rule& b) { return a.id < b.id; });
  return rules;
}

auto place_of(const ConfigFinding& f) {
  return std::tie(f.line, f.column, f.rule, f.subject, f.message);
}

}  // namespace

const std::vector<Rule>& rules() {
  static const std::vector<Rule> all = load_rules();
  return all;
}

const Rule* find_rule(std::string_view id) {
  const auto& all = rules();
  const auto at =
      std::lower_bound(all.begin(), all.end(), id,
                       [](const Rule& rule, std::string_view name) { return rule.id < name; });
  return at != all.end() && at->id == id ? &*at : nullptr;
}

void Report::add(std::string_view rule_id, int line, int column, std::string_view subject,
                 std::string_view detail) {
  const Rule* rule = find_rule(rule_id);
  if (!rule) {
    engine::fail(engine::ErrorKind::internal,
                 "config rule %.*s has no entry in assets/config_rules", int(rule_id.size()),
                 rule_id.data());
  }
  ConfigFinding finding;
  finding.file = file_;
  finding.line = line;
  finding.column = column;
  finding.kind = kind_;
  finding.rule = rule->id;
  finding.covers = rule->covers;
  finding.severity = rule->severity;
  finding.message = detail.empty() ? rule->title : std::string(detail);
  if (!subject.empty()) finding.message = std::string(subject) + ": " + finding.message;
  finding.fix = rule->fix;
  finding.subject = subject;
  findings_.push_back(std::move(finding));
}

void Report::note(std::string text) {
  if (std::find(notes_.begin(), notes_.end(), text) == notes_.end())
    notes_.push_back(std::move(text));
}

ReviewResult Report::take() {
  std::stable_sort(
      findings_.begin(), findings_.end(),
      [](const ConfigFinding& a, const ConfigFinding& b) { return place_of(a) < place_of(b); });
  findings_.erase(std::unique(findings_.begin(), findings_.end(),
                              [](const ConfigFinding& a, const ConfigFinding& b) {
                                return place_of(a) == place_of(b);
                              }),
                  findings_.end());
  return {kind_, std::move(findings_), std::move(notes_)};
}

const Node& placed(std::initializer_list<const Node*> nodes) {
  for (const Node* node : nodes) {
    if (node->line > 0) return *node;
  }
  return Node::missing();
}

}  // namespace app::configs
