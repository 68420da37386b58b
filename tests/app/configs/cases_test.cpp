// Walks tests/cases/configs: for each rule texts that it must report, with the line where given,
// and near misses that it must leave alone.
//   === rule-id        --- bad [line]        --- good
// A text may hold YAML document separators: a line is a marker only with a word behind the dashes.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "app/configs/review.h"

namespace configs = app::configs;

namespace {

struct Case {
  std::string rule, text;
  bool bad = false;
  int line = 0;   // 0: any
  int where = 0;  // line in the case file
};

std::vector<Case> read_cases(const std::string& path) {
  std::ifstream in(path);
  std::vector<Case> cases;
  std::string line, rule;
  for (int number = 1; std::getline(in, line); ++number) {
    if (line.starts_with("=== ")) {
      rule = line.substr(4);
    } else if (line.starts_with("--- bad") || line == "--- good") {
      Case each;
      each.rule = rule;
      each.bad = line.starts_with("--- bad");
      each.line = line.size() > 8 && each.bad ? std::stoi(line.substr(8)) : 0;
      each.where = number;
      cases.push_back(each);
    } else if (!cases.empty()) {
      cases.back().text += line + "\n";
    }
  }
  return cases;
}

void check_file(const std::string& name, const std::string& kind) {
  const auto cases = read_cases(std::string(SIGMA_TEST_CASES) + "/configs/" + name + ".cases");
  REQUIRE(!cases.empty());
  for (const Case& each : cases) {
    CAPTURE(each.rule);
    CAPTURE(each.where);
    REQUIRE(configs::find_rule(each.rule) != nullptr);
    const auto result = configs::review("case", each.text, kind);
    const auto found = std::find_if(
        result.findings.begin(), result.findings.end(), [&](const app::ConfigFinding& finding) {
          return finding.rule == each.rule && (each.line == 0 || finding.line == each.line);
        });
    CHECK((found != result.findings.end()) == each.bad);
    if (found == result.findings.end()) continue;
    CHECK(found->line > 0);
    CHECK(!found->message.empty());
    CHECK(!found->fix.empty());
  }
}

}  // namespace

TEST_CASE("configs/cases: kubernetes rules report the bad and leave the good") {
  check_file("kubernetes", "kubernetes");
}
TEST_CASE("configs/cases: nginx rules report the bad and leave the good") {
  check_file("nginx", "nginx");
}
TEST_CASE("configs/cases: dockerfile rules report the bad and leave the good") {
  check_file("dockerfile", "dockerfile");
}
TEST_CASE("configs/cases: compose rules report the bad and leave the good") {
  check_file("docker_compose", "docker-compose");
}
TEST_CASE("configs/cases: systemd rules report the bad and leave the good") {
  check_file("systemd_unit", "systemd-unit");
}
TEST_CASE("configs/cases: prometheus rules report the bad and leave the good") {
  check_file("prometheus_rules", "prometheus-rules");
}
TEST_CASE("configs/cases: terraform rules report the bad and leave the good") {
  check_file("terraform", "terraform");
}
