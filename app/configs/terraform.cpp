// Terraform: each resource, data source and provider against the rules of assets/config_rules/
// terraform.json, whose conditions are data; policies and the Kubernetes provider have files of
// their own. The files of one folder are one module: what a resource lacks may be a resource of its
// own, in another file.
#include "app/configs/terraform.h"

#include <algorithm>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "app/configs/hcl_parser.h"
#include "app/configs/kinds.h"
#include "app/configs/terraform_condition.h"

namespace app::configs {
namespace {

// Another resource that says what the first one lacks: it points there with an attribute.
struct Companion {
  std::string type, by;
  std::optional<Condition> good;  // none: that it exists is enough
};

struct AttributeRule {
  std::string id;
  Condition bad;
  std::vector<Companion> companions;  // any of them makes good what is bad
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
      AttributeRule rule{each.at("id"), Condition(each.at("bad").get<std::string>()), {}};
      for (const auto& other : each.value("companions", nlohmann::json::array())) {
        Companion companion{other.at("resource"), other.at("by"), std::nullopt};
        if (other.contains("good")) companion.good.emplace(other.at("good").get<std::string>());
        rule.companions.push_back(std::move(companion));
      }
      index.rules.push_back(std::move(rule));
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

// Whether a value names the resource: by reference, or by a name that both spell out.
Truth refers(const Node& value, const hcl::Block& target) {
  const std::string address = target.labels[0] + "." + target.labels[1];
  if (value.is_unknown()) {
    if (value.text.starts_with(address) &&
        (value.text.size() == address.size() || value.text[address.size()] == '.' ||
         value.text[address.size()] == '['))
      return Truth::yes;
    for (const std::string& other :
         {target.labels[0] + ".", std::string("module."), std::string("data.")}) {
      if (value.text.starts_with(other)) return Truth::no;
    }
    return Truth::unknown;
  }
  if (!value.is_scalar()) return Truth::no;
  for (const char* own : {"bucket", "name", "id"}) {
    if (!value.text.empty() && (*target.body)[own].text == value.text) return Truth::yes;
  }
  return Truth::no;
}

// The blocks of all files of a folder, by type.
using Module = std::map<std::string, std::vector<const hcl::Block*>>;

bool has_companion(const hcl::Block& block, const Companion& companion, const Module& module) {
  const auto found = module.find(companion.type);
  if (found == module.end()) return false;
  return std::any_of(found->second.begin(), found->second.end(), [&](const hcl::Block* other) {
    if (refers(other->body->at(companion.by), block) == Truth::no) return false;
    return !companion.good || companion.good->holds(*other->body) != Truth::no;
  });
}

void check_block(const hcl::Block& block, const Module& module, const RuleIndex& index,
                 Report& report) {
  const std::string subject = subject_of(block);
  if (block.type == "module")
    report.note("The module " + subject.substr(subject.find('.') + 1) + " was not followed.");
  if (const auto found = index.by_type.find(type_of(block)); found != index.by_type.end()) {
    for (size_t i : found->second) {
      const AttributeRule& rule = index.rules[i];
      if (rule.bad.holds(*block.body) != Truth::yes) continue;
      const bool made_good = std::any_of(
          rule.companions.begin(), rule.companions.end(),
          [&](const Companion& companion) { return has_companion(block, companion, module); });
      if (!made_good) report.add(rule.id, rule.bad.place(*block.body), subject);
    }
  }
  terraform::check_policies(block, subject, report);
  terraform::check_kubernetes(block, subject, report);
}

std::string folder_of(const std::string& file) {
  const size_t slash = file.find_last_of("/\\");
  return slash == std::string::npos ? "" : file.substr(0, slash);
}

}  // namespace

void review_terraform_files(std::vector<TextFile>& files) {
  static const RuleIndex index = load();
  std::deque<hcl::File> parsed;  // the modules point into them
  std::map<std::string, Module> modules;
  for (const TextFile& file : files) {
    const hcl::File& hcl = parsed.emplace_back(hcl::parse(file.text));
    for (const ParseError& error : hcl.errors)
      file.report->add("terraform/cannot-parse", error.line, error.column, "", error.message);
    for (const hcl::Block& block : hcl.blocks)
      modules[folder_of(file.report->file())][type_of(block)].push_back(&block);
  }
  for (size_t i = 0; i < files.size(); ++i) {
    const Module& module = modules[folder_of(files[i].report->file())];
    for (const hcl::Block& block : parsed[i].blocks)
      check_block(block, module, index, *files[i].report);
  }
}

}  // namespace app::configs
