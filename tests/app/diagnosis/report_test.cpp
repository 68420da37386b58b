#include "app/diagnosis/report.h"

#include <nlohmann/json.hpp>

#include "app/diagnosis/diagnose.h"
#include "tests/app/diagnosis/memory_log.h"

using namespace app;
using namespace app::diagnosis;

namespace {

struct Made {
  std::shared_ptr<const store::LogSnapshot> log =
      log_of({{"a.log", "INFO ok\nERROR <b>write</b> /data/x failed: No space left on device password=hunter2pass\n"}});
  Diagnosis diagnosis = diagnose(*log, {}, bundled_checks());
  std::string report(ReportFormat format, bool redact = true) const {
    ReportInput input;
    input.title = "Incident & more";
    input.question = "what broke?";
    input.sources = log->sources();
    input.findings = diagnosis.checks.findings;
    input.checks = diagnosis.checks.checks;
    input.evidence = diagnosis.evidence;
    input.answer = &diagnosis.answer;
    ReportOptions options;
    options.redact = redact;
    return make_report(input, format, options);
  }
};

}  // namespace

TEST_CASE("diagnosis/report: each format holds the finding and the line that proves it, secrets masked") {
  Made made;
  for (ReportFormat format : {ReportFormat::markdown, ReportFormat::html, ReportFormat::json}) {
    std::string text = made.report(format);
    CHECK(text.find("No space left on device") != std::string::npos);
    CHECK(text.find("hunter2pass") == std::string::npos);
    CHECK(made.report(format, false).find("hunter2pass") != std::string::npos);
  }
}

TEST_CASE("diagnosis/report: HTML escapes the log, fetches nothing and links citations to evidence") {
  std::string html = Made().report(ReportFormat::html);
  CHECK(html.find("<b>write") == std::string::npos);
  CHECK(html.find("Incident &amp; more") != std::string::npos);
  CHECK(html.find("http") == std::string::npos);
  CHECK(html.find("<script") == std::string::npos);
  CHECK(html.find("href=\"#E1\"") != std::string::npos);
  CHECK(html.find("id=\"E1\"") != std::string::npos);
}

TEST_CASE("diagnosis/report: JSON parses and lists evidence with file and line") {
  auto json = nlohmann::json::parse(Made().report(ReportFormat::json));
  CHECK(json["evidence"][0]["lines"][0]["file"] == "a.log");
  CHECK(json["evidence"][0]["lines"][0]["line"] == 2);
  CHECK(json["findings"][0]["check"] == "disk_full");
}

TEST_CASE("diagnosis/report: an empty one is still a document") {
  for (ReportFormat format : {ReportFormat::markdown, ReportFormat::html, ReportFormat::json})
    CHECK_FALSE(make_report({}, format).empty());
}
