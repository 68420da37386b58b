#include "app/configs/systemd_options.h"

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "app/configs/rule_book.h"

namespace app::configs::systemd {
namespace {

using nlohmann::json;
using Strings = std::vector<std::string>;

ValueShape shape_of(const json& each) {
  ValueShape shape;
  shape.kind = each.at("kind");
  shape.min = each.value("min", 0.0);
  shape.max = each.value("max", 1e13 - 1);
  shape.base = each.value("base", 10);
  shape.multiple = each.value("multiple", 1);
  shape.words = each.value("words", Strings{});
  shape.suffixes = each.value("suffixes", Strings{});
  shape.prefixes = each.value("prefixes", Strings{});
  shape.separator = each.value("separator", std::string(" "))[0];
  for (const json& part : each.value("of", json::array())) shape.of.push_back(shape_of(part));
  return shape;
}

std::vector<OptionLink> links_of(const json& option, const char* key) {
  std::vector<OptionLink> links;
  for (const json& each : option.value(key, json::array()))
    links.push_back({each.at("option"), each.value("values", Strings{})});
  return links;
}

struct Table {
  std::vector<Option> options;
  std::map<std::pair<std::string, std::string>, const Option*, std::less<>> by_name;
  std::set<std::string, std::less<>> sections;
  std::map<std::string, Strings, std::less<>> mandatory;
};

Table load() {
  Table table;
  for (const RuleText& text : rule_texts()) {
    if (std::string_view(text.file) != "systemd_options.json") continue;
    const json file = json::parse(text.json);
    table.mandatory = file.at("mandatory").get<std::map<std::string, Strings, std::less<>>>();
    for (const json& each : file.at("options")) {
      Option option;
      option.name = each.at("option");
      option.sections = each.at("sections").get<Strings>();
      option.value = shape_of(each.at("value"));
      option.since = each.value("since", 0);
      option.until = each.value("until", 0);
      option.when = each.value("when", Strings{});
      option.needs = links_of(each, "requires");
      option.bars = links_of(each, "restricted");
      table.options.push_back(std::move(option));
    }
  }
  for (const Option& option : table.options) {
    for (const std::string& section : option.sections) {
      table.by_name.emplace(std::pair(section, option.name), &option);
      table.sections.insert(section);
    }
  }
  table.sections.insert("Install");
  return table;
}

const Table& table() {
  static const Table loaded = load();
  return loaded;
}

}  // namespace

const Option* find_option(std::string_view section, std::string_view name) {
  const auto found = table().by_name.find(std::pair(std::string(section), std::string(name)));
  return found == table().by_name.end() ? nullptr : found->second;
}

bool is_section(std::string_view section) { return table().sections.contains(section); }

const std::vector<std::string>& mandatory_options(std::string_view section) {
  static const Strings none;
  const auto found = table().mandatory.find(section);
  return found == table().mandatory.end() ? none : found->second;
}

}  // namespace app::configs::systemd
