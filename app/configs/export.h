// app/configs/export.h: findings of a review as files for others: Markdown for people, JSON and
// SARIF 2.1.0 for tools. What the user suppressed stays in them, with the reason.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "app/types.h"

namespace app::configs {

// A finding that the user does not want to see: it names the rule and what it is about, not the
// line's number, which changes with every edit above it.
struct Suppression {
  std::string file, rule, subject;
  std::string line_text;   // the finding's line without blanks at its ends; empty: the whole file
  std::string reason;
  Ticks until = no_time;   // it shows again from then on; no_time: for good
};

struct ReviewedFile {
  std::string name, kind, text;
  std::vector<ConfigFinding> findings;
};

Suppression suppress(const ReviewedFile& file, const ConfigFinding& finding, const std::string& reason, Ticks until);
// The one that holds for the finding at this time, or nullptr.
const Suppression* suppression_of(const ReviewedFile& file, const ConfigFinding& finding,
                                  const std::vector<Suppression>& suppressions, Ticks now);

struct ExportOptions {
  std::vector<Suppression> suppressions;
  Ticks now = no_time;
  std::string version;     // of the program
};
std::string to_markdown(const std::vector<ReviewedFile>& files, const ExportOptions& options);
std::string to_json(const std::vector<ReviewedFile>& files, const ExportOptions& options);
std::string to_sarif(const std::vector<ReviewedFile>& files, const ExportOptions& options);

// Suppressions as text, one a line, for the session; lines that cannot be read are left out.
std::string suppressions_to_text(const std::vector<Suppression>& suppressions);
std::vector<Suppression> suppressions_from_text(std::string_view text);

}  // namespace app::configs
