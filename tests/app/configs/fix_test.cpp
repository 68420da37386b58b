// Walks tests/cases/configs/fixes.cases: a text with a finding of the rule, and the text that its fix
// makes of it, or none.
//   === kind rule-id    --- before    --- after | --- none
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "app/configs/diff.h"
#include "app/configs/fix.h"
#include "app/configs/rule_book.h"

namespace configs = app::configs;

namespace {

struct Case {
  std::string kind, rule, before, after;
  bool none = false;
  int where = 0;
};

std::vector<Case> read_cases() {
  std::ifstream in(std::string(SIGMA_TEST_CASES) + "/configs/fixes.cases");
  std::vector<Case> cases;
  std::string line;
  std::string* text = nullptr;
  for (int number = 1; std::getline(in, line); ++number) {
    if (line.starts_with("=== ")) {
      const size_t space = line.find(' ', 4);
      cases.push_back({line.substr(4, space - 4), line.substr(space + 1), {}, {}, false, number});
    } else if (line == "--- before") {
      text = &cases.back().before;
    } else if (line == "--- after") {
      text = &cases.back().after;
    } else if (line == "--- none") {
      cases.back().none = true;
    } else {
      *text += line + "\n";
    }
  }
  return cases;
}

const app::ConfigFinding* find(const configs::ReviewResult& result, const std::string& rule) {
  for (const app::ConfigFinding& f : result.findings)
    if (f.rule == rule) return &f;
  return nullptr;
}

// Every text in the case files that a rule must report, with its kind.
std::vector<configs::File> bad_texts() {
  std::vector<configs::File> texts;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(SIGMA_TEST_CASES) + "/configs")) {
    std::string kind = entry.path().stem().string();
    if (kind == "fixes") continue;
    std::replace(kind.begin(), kind.end(), '_', '-');
    std::ifstream in(entry.path());
    std::string line;
    for (bool bad = false; std::getline(in, line);) {
      if (line.starts_with("=== ") || line == "--- good") bad = false;
      else if (line.starts_with("--- bad")) bad = true, texts.push_back({"case", "", kind});
      else if (bad) texts.back().text += line + "\n";
    }
  }
  return texts;
}

}  // namespace

TEST_CASE("configs/fix: the edit of a rule changes these lines and no others") {
  const auto cases = read_cases();
  REQUIRE(cases.size() > 15);
  for (const Case& each : cases) {
    CAPTURE(each.rule);
    CAPTURE(each.where);
    const auto found = configs::review("case", each.before, each.kind);
    const app::ConfigFinding* finding = find(found, each.rule);
    REQUIRE(finding != nullptr);
    const auto fixed = configs::fixed_text({"case", each.before, each.kind}, *finding);
    CHECK(fixed.has_value() == !each.none);
    if (fixed) CHECK(*fixed == each.after);
  }
}

TEST_CASE("configs/fix: in any text a fix takes its finding away, brings no other and touches few lines") {
  size_t n_fixed = 0;
  for (const configs::File& file : bad_texts()) {
    CAPTURE(file.text);
    const auto before = configs::review(file.name, file.text, file.kind).findings;
    for (const app::ConfigFinding& finding : before) {
      const auto fixed = configs::fixed_text(file, finding);
      if (!fixed) continue;
      ++n_fixed;
      CAPTURE(finding.rule);
      CAPTURE(*fixed);
      CHECK(configs::review(file.name, *fixed, file.kind).findings.size() < before.size());
      const auto diff = configs::diff_lines(file.text, *fixed);
      CHECK(std::count_if(diff.begin(), diff.end(), [](const auto& line) { return line.kind != configs::DiffLine::Kind::same; }) <= 6);
    }
  }
  CHECK(n_fixed > 80);
}

TEST_CASE("configs/fix: every rule in the table of edits is in the rule book, and some rules have none") {
  size_t n_with = 0, n_without = 0;
  for (const configs::Rule& rule : configs::rules()) ++(configs::has_edit(rule.id) ? n_with : n_without);
  CHECK(n_with == configs::n_rules_with_edits());
  CHECK(n_with > 400);
  CHECK(n_without > 0);
}

TEST_CASE("configs/fix: line ends stay those of the file") {
  const std::string text = "http {\r\n  server {\r\n    listen 80 default_server;\r\n  }\r\n}\r\n";
  const auto found = configs::review("nginx.conf", text, "nginx");
  const app::ConfigFinding* finding = find(found, "nginx/version-shown");
  REQUIRE(finding != nullptr);
  const auto fixed = configs::fixed_text({"nginx.conf", text, "nginx"}, *finding);
  REQUIRE(fixed.has_value());
  CHECK(fixed->find("server_tokens off;\r\n") != std::string::npos);
  CHECK(std::count(fixed->begin(), fixed->end(), '\r') == std::count(fixed->begin(), fixed->end(), '\n'));
}

TEST_CASE("configs/fix: a finding that the text alone does not have has no fix") {
  app::ConfigFinding finding;
  finding.rule = "k8s/host-pid";
  finding.line = 1;
  CHECK(!configs::fixed_text({"a.yaml", "apiVersion: v1\nkind: Pod\n", "kubernetes"}, finding));
}
