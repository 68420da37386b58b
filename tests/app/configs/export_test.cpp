#include "app/configs/export.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "app/configs/review.h"

using namespace app;
using namespace app::configs;

namespace {

ReviewedFile reviewed() {
  ReviewedFile file{"conf/my app.Dockerfile", "dockerfile", "FROM debian\nRUN  apt-get install curl | tee log\n", {}};
  file.findings = review("Dockerfile", file.text, "dockerfile").findings;
  return file;
}

}  // namespace

TEST_CASE("configs/export: a suppression holds for its line wherever it moves, and only until its day") {
  ReviewedFile file = reviewed();
  REQUIRE(!file.findings.empty());
  ConfigFinding& finding = file.findings.back();
  REQUIRE(finding.line > 0);
  const std::vector<Suppression> list = {suppress(file, finding, "build image only", 1000)};
  CHECK(suppression_of(file, finding, list, 999) != nullptr);
  CHECK(suppression_of(file, finding, list, 1000) == nullptr);
  file.text = "# moved\n" + file.text;
  ++finding.line;
  CHECK(suppression_of(file, finding, list, 0) != nullptr);
  file.text = "# moved\nRUN something else\nRUN again\n";
  CHECK(suppression_of(file, finding, list, 0) == nullptr);
  const std::vector<Suppression> again = suppressions_from_text(suppressions_to_text(list) + "damaged\tline\n");
  REQUIRE(again.size() == 1);
  CHECK(again[0].reason == "build image only");
  CHECK(again[0].until == 1000);
  CHECK(again[0].line_text == list[0].line_text);
}

TEST_CASE("configs/export: SARIF names each rule once, the place as a URI, and why a finding is suppressed") {
  const ReviewedFile file = reviewed();
  ExportOptions options;
  options.version = "1.2";
  options.suppressions = {suppress(file, file.findings[0], "known", no_time)};
  const auto sarif = nlohmann::json::parse(to_sarif({file, file}, options));
  CHECK(sarif["version"] == "2.1.0");
  const auto& run = sarif["runs"][0];
  CHECK(run["results"].size() == 2 * file.findings.size());
  CHECK(run["tool"]["driver"]["rules"].size() <= file.findings.size());
  const auto& first = run["results"][0];
  CHECK(first["suppressions"][0]["justification"] == "known");
  CHECK(first["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "conf/my%20app.Dockerfile");
  CHECK(run["tool"]["driver"]["rules"][first["ruleIndex"].get<size_t>()]["id"] == first["ruleId"]);
  const std::string level = first["level"];
  CHECK((level == "error" || level == "warning" || level == "note"));
}

TEST_CASE("configs/export: Markdown and JSON say the same, bars in a cell are escaped") {
  ReviewedFile file = reviewed();
  file.findings[0].message = "a | b";
  const std::string markdown = to_markdown({file}, {});
  CHECK(markdown.find("a \\| b") != std::string::npos);
  CHECK(markdown.find("| line | severity |") != std::string::npos);
  const auto json = nlohmann::json::parse(to_json({file}, {}));
  CHECK(json["findings"].size() == file.findings.size());
  CHECK(json["findings"][0]["message"] == "a | b");
  CHECK(to_markdown({{"x", "", "", {}}}, {}).find("No finding.") != std::string::npos);
}
