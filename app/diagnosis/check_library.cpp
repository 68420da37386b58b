#include "app/diagnosis/check_library.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "app/diagnosis/checks.h"
#include "app/diagnosis/code_checks.h"
#include "engine/base/error.h"

namespace app::diagnosis {
namespace {

using nlohmann::json;
using engine::ErrorKind;
using engine::fail;

std::vector<std::string> strings(const json& value) {
  if (value.is_string()) return {value.get<std::string>()};
  return value.get<std::vector<std::string>>();
}

template <typename T>
T field(const json& object, const char* key, T otherwise) {
  auto it = object.find(key);
  return it == object.end() ? otherwise : it->get<T>();
}

Severity severity_of(const std::string& name) {
  for (int i = 0; i < 4; i++)
    if (name == severity_names[i]) return static_cast<Severity>(i);
  fail(ErrorKind::invalid_input, "severity `%s` is none of info, warning, error, critical", name.c_str());
}

Level level_of(const std::string& name) {
  for (int i = 0; i < n_levels; i++)
    if (name == level_names[i]) return static_cast<Level>(i);
  fail(ErrorKind::invalid_input, "level `%s` is none of TRACE ... CRITICAL", name.c_str());
}

std::vector<Regex> regexes(const json& object, const char* key) {
  std::vector<Regex> compiled;
  if (auto it = object.find(key); it != object.end())
    for (const std::string& text : strings(*it)) compiled.emplace_back(text);
  return compiled;
}

void add_pattern(CheckLibrary& library, size_t check, const json& value) {
  CheckPattern pattern;
  pattern.check = check;
  std::string regex;
  if (value.is_string()) {
    regex = value.get<std::string>();
  } else {
    regex = value.at("regex").get<std::string>();
    pattern.unless = regexes(value, "unless");
    pattern.title = field<std::string>(value, "title", "");
    pattern.cause = field<std::string>(value, "cause", "");
    pattern.support = field(value, "support", false);
    if (value.contains("severity")) pattern.severity = severity_of(value["severity"]);
    if (value.contains("specific")) pattern.specific = value["specific"].get<double>();
    if (value.contains("min_level")) pattern.min_level = level_of(value["min_level"]);
  }
  int index = library.pattern_set.add(regex);
  CHECK_INVARIANT(index == static_cast<int>(library.patterns.size()));
  library.patterns.push_back(std::move(pattern));
  library.checks[check].patterns.push_back(index);
}

void add_check(CheckLibrary& library, const json& value) {
  DataCheck check;
  check.id = value.at("id").get<std::string>();
  if (library.find(check.id) >= 0) fail(ErrorKind::invalid_input, "this id is used twice");
  check.area = field<std::string>(value, "area", "");
  check.name = value.at("name").get<std::string>();
  check.title = value.at("title").get<std::string>();
  check.cause = value.at("cause").get<std::string>();
  check.algorithm = value.at("algorithm").get<std::string>();
  check.severity = severity_of(value.at("severity"));
  check.specific = field(value, "specific", 0.6);
  check.unless = regexes(value, "unless");
  check.min_count = field<uint64_t>(value, "min_count", 1);
  check.min_share = field(value, "min_share", 0.0);
  check.window_seconds = field(value, "window_seconds", 0.0);
  check.group_by = field<std::string>(value, "group_by", "");
  check.trust_level = field(value, "trust_level", false);
  if (auto it = value.find("lookup"); it != value.end()) {
    check.lookup_table = it->at("table").get<std::string>();
    check.lookup_key = it->at("key").get<std::string>();
  }
  if (value.contains("explains")) check.explains = strings(value["explains"]);
  if (value.contains("topics")) check.topics = strings(value["topics"]);
  for (const json& step : value.at("next_steps"))
    check.next_steps.push_back({.text = step.at("text").get<std::string>(),
                                .command = field<std::string>(step, "command", ""),
                                .changes_state = field(step, "changes_state", false)});
  if (auto it = value.find("samples"); it != value.end()) {
    check.positive = field<std::vector<std::string>>(*it, "positive", {});
    check.negative = field<std::vector<std::string>>(*it, "negative", {});
  }
  library.checks.push_back(std::move(check));
  for (const json& pattern : value.at("patterns")) add_pattern(library, library.checks.size() - 1, pattern);
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) fail(ErrorKind::io, "%s: cannot be read", path.c_str());
  return text.str();
}

}  // namespace

bool fits_check_id(const std::string& pattern, const std::string& id) {
  if (!pattern.empty() && pattern.back() == '*') return id.starts_with(pattern.substr(0, pattern.size() - 1));
  return pattern == id;
}

int CheckLibrary::find(const std::string& id) const {
  for (size_t i = 0; i < checks.size(); i++)
    if (checks[i].id == id) return static_cast<int>(i);
  return -1;
}

void CheckLibrary::add_json(const std::string& text, const std::string& name) {
  std::string where = name;
  try {
    json document = json::parse(text);
    if (auto it = document.find("tables"); it != document.end())
      for (const auto& [table, rows] : it->items())
        for (const auto& [key, row] : rows.items()) {
          where = name + ": table " + table + ", row " + key;
          tables[table][key] = row.get<Row>();
        }
    if (auto it = document.find("checks"); it != document.end())
      for (const json& check : *it) {
        where = name + ": check " + check.value("id", "without id");
        add_check(*this, check);
      }
  } catch (const json::exception& e) {
    fail(ErrorKind::invalid_input, "%s: %s", where.c_str(), e.what());
  } catch (const engine::Error& e) {
    fail(e.kind(), "%s: %s", where.c_str(), e.what());
  }
}

void CheckLibrary::compile() {
  for (const DataCheck& check : checks)
    if (!check.lookup_table.empty() && !tables.contains(check.lookup_table))
      fail(ErrorKind::invalid_input, "check %s: there is no table `%s`", check.id.c_str(),
           check.lookup_table.c_str());
  pattern_set.compile();
}

CheckSet::CheckSet() {
  auto library = std::make_shared<CheckLibrary>();
  library->compile();
  library_ = library;
}

CheckSet CheckSet::load(const std::string& folder) {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error))
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  if (files.empty())
    fail(ErrorKind::not_found, "%s: no checks (*.json) here; the package's assets are incomplete, install it again",
         folder.c_str());
  std::sort(files.begin(), files.end());
  auto library = std::make_shared<CheckLibrary>();
  for (const auto& path : files) library->add_json(read_file(path), path.filename().string());
  library->compile();
  CheckSet set;
  set.library_ = library;
  return set;
}

CheckSet CheckSet::from_json(const std::string& text, const std::string& name) {
  auto library = std::make_shared<CheckLibrary>();
  library->add_json(text, name);
  library->compile();
  CheckSet set;
  set.library_ = library;
  return set;
}

size_t CheckSet::n_checks() const { return library_->checks.size() + code_checks().size(); }

std::vector<CheckResult> CheckSet::list() const {
  std::vector<CheckResult> results;
  for (const DataCheck& check : library_->checks)
    results.push_back({.check = check.id, .title = check.name, .algorithm = check.algorithm});
  for (const CodeCheck& check : code_checks())
    results.push_back({.check = check.id, .title = check.title, .algorithm = check.algorithm});
  return results;
}

}  // namespace app::diagnosis
