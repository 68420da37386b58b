// app/diagnosis/report.h: a diagnosis as a document to send: Markdown, HTML (one file, no script,
// nothing fetched) or JSON, each with the evidence lines and a manifest of how it was made.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "app/diagnosis/prompt.h"
#include "app/diagnosis/redact.h"
#include "app/types.h"

namespace app::diagnosis {

struct QueryRecord {
  std::string text;    // KQL
  std::string result;  // a table as plain text
};

struct ReportInput {
  std::string title, question;
  Ticks created = no_time;
  std::span<const Source> sources;
  std::span<const Finding> findings;
  std::span<const CheckResult> checks;
  std::span<const Evidence> evidence;
  const Answer* answer = nullptr;       // none: no answer section
  std::span<const QueryRecord> queries;
  const Prompt* prompt = nullptr;       // none: no model was asked
  std::string program_version;
};

enum class ReportFormat { markdown, html, json };

struct ReportOptions {
  bool redact = true;
  RedactOptions redaction{};
};

std::string make_report(const ReportInput& input, ReportFormat format,
                        const ReportOptions& options = {});

}  // namespace app::diagnosis
