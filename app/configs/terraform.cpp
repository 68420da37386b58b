// Terraform: each resource, data source and provider against the rules of assets/config_rules/
// terraform.json, whose conditions are data; policies and the Kubernetes provider have files of
// their own.
#include "app/configs/terraform.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "app/configs/hcl_parser.h"
#include "app/configs/kinds.h"
#include "app/configs/terraform_condition.h"

namespace app::configs {
namespace {

struct AttributeRule {
  std::string id;
  Condition bad;
};

struct RuleIndex {
  std::vector<AttributeRule> rules;
  std::map<std::string, std::vector<size_t>>
      by_type;  // "aws_s3_bucket", "data.aws_ami", "provider.aws"
};

RuleIndex load() {
  RuleIndex index;
  for (const RuleText& text : rule_texts()) {
    if (std::string_view(text.file) != "terraform.json") continue;
    const auto file = nlohmann::json::parse(text.json);
    for (const auto& each : file.at("rules")) {
      if (!each.contains("bad")) continue;
      index.rules.push_back({each.at("id"), Condition(each.at("bad").get<std::string>())});
      for (const std::string type : each.at("resources"))
        index.by_type[type].push_back(index.rules.size() - 1);
    }
  }
  return index;
}

std::string type_of(const hcl::Block& block) {
  if (block.type == "resource" && block.labels.size() == 2) return block.labels[0];
  if (block.type == "data" && block.labels.size() == 2) return "data." + block.labels[0];
  if (block.type == "provider" && !block.labels.empty()) return "provider." + block.labels[0];
  return block.type == "module" ? "module" : "";
}

std::string subject_of(const hcl::Block& block) {
  std::string subject = block.type == "resource" ? "" : block.type;
  for (const std::string& label : block.labels) subject += (subject.empty() ? "" : ".") + label;
  return subject;
}

}  // namespace

void review_terraform(std::string_view text, Report& report) {
  static const RuleIndex index = load();
  const hcl::File file = hcl::parse(text);
  for (const ParseError& error : file.errors)
    report.add("terraform/cannot-parse", error.line, error.column, "", error.message);
  for (const hcl::Block& block : file.blocks) {
    const std::string subject = subject_of(block);
    if (block.type == "module")
      report.note("The module " + subject.substr(subject.find('.') + 1) + " was not followed.");
    const auto found = index.by_type.find(type_of(block));
    if (found != index.by_type.end()) {
      for (size_t i : found->second) {
        const AttributeRule& rule = index.rules[i];
        if (rule.bad.holds(*block.body) != Truth::yes) continue;
        report.add(rule.id, rule.bad.place(*block.body), subject);
      }
    }
    terraform::check_policies(block, subject, report);
    terraform::check_kubernetes(block, subject, report);
  }
}

}  // namespace app::configs
