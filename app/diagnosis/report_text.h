// app/diagnosis/report_text.h: what the formats of a report share.
#pragma once
#include <string>
#include <vector>

#include "app/diagnosis/report.h"

namespace app::diagnosis {

// "2026-03-02 10:00:04 UTC", or "" for no_time.
std::string time_text(Ticks time);

// Masks secrets where the options ask for it, one mapping for the whole report.
class Mask {
 public:
  explicit Mask(const ReportOptions& options) : on_(options.redact), redactor_(options.redaction) {}
  std::string operator()(std::string_view text) { return on_ ? redactor_.redact(text) : std::string(text); }
  size_t n_secrets() const { return redactor_.redactions().size(); }

 private:
  bool on_;
  Redactor redactor_;
};

// How the report was made, line by line: sources, model, seed, prompt, program.
std::vector<std::string> manifest_of(const ReportInput& input, const ReportOptions& options);

std::string make_html_report(const ReportInput& input, const ReportOptions& options);

}  // namespace app::diagnosis
