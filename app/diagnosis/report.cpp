#include "app/diagnosis/report.h"

#include <chrono>
#include <nlohmann/json.hpp>

#include "app/diagnosis/report_text.h"
#include "app/diagnosis/wording.h"
#include "engine/base/error.h"

namespace app::diagnosis {
namespace {

using nlohmann::json;

// A fence that the text itself does not hold.
std::string fenced(const std::string& text) {
  std::string fence = "```";
  while (text.find(fence) != std::string::npos) fence += "`";
  return fence + "\n" + text + "\n" + fence + "\n";
}

std::string place_of(const LineRef& line) { return line.file + ":" + std::to_string(line.line); }

void add_findings(std::string& out, const ReportInput& input, Mask& mask) {
  out += "\n## Findings\n";
  if (input.findings.empty()) out += "\nNone.\n";
  for (const Finding& finding : input.findings) {
    out += "\n### " + mask(finding.title) + "\n\n" + severity_names[static_cast<int>(finding.severity)] + ", " + counted(finding.n_matches, "line");
    if (finding.first_time != no_time) out += ", first " + time_text(finding.first_time);
    out += "\n\n" + mask(finding.cause) + "\n\n";
    for (const LineRef& line : finding.evidence) out += "- " + place_of(line) + "\n";
    for (const NextStep& step : finding.next_steps)
      out += "- " + std::string(step.changes_state ? "**changes state**: " : "read-only: ") + mask(step.text) + (step.command.empty() ? "" : ": `" + mask(step.command) + "`") + "\n";
  }
}

std::string make_markdown(const ReportInput& input, const ReportOptions& options) {
  Mask mask(options);
  std::string out = "# " + mask(input.title) + "\n";
  if (!input.question.empty()) out += "\nQuestion: " + mask(input.question) + "\n";
  if (input.answer) {
    out += "\n" + mask(input.answer->text) + "\n";
    out += "\n" + std::to_string(input.answer->n_supported) + " of " + counted(input.answer->n_claims, "claim") + " supported by the log.\n";
  }
  add_findings(out, input, mask);
  out += "\n## Evidence\n";
  for (const Evidence& piece : input.evidence) {
    out += "\n### " + piece.id + " (" + piece.reason + ")\n\n";
    std::string lines;
    for (const LineRef& line : piece.lines) lines += (lines.empty() ? "" : "\n") + place_of(line) + ": " + mask(line.text);
    out += fenced(lines);
  }
  if (!input.queries.empty()) out += "\n## Queries\n";
  for (const QueryRecord& query : input.queries) out += "\n" + fenced(mask(query.text)) + "\n" + fenced(mask(query.result));
  out += "\n## Checks\n\n";
  for (const CheckResult& check : input.checks) out += "- " + check.title + ": " + (check.n_found ? counted(check.n_found, "line") : "0 found") + "\n";
  if (input.prompt) {
    out += "\n## Prompt\n";
    for (const engine::ChatMessage& message : input.prompt->messages) out += "\n" + message.role + "\n\n" + fenced(mask(message.content));
  }
  out += "\n## How this was made\n\n";
  for (const std::string& line : manifest_of(input, options)) out += "- " + line + "\n";
  return out;
}

json line_json(const LineRef& line, Mask& mask) {
  return {{"file", line.file}, {"line", line.line}, {"row", line.row}, {"text", mask(line.text)}};
}

std::string make_json(const ReportInput& input, const ReportOptions& options) {
  Mask mask(options);
  json out = {{"title", mask(input.title)}, {"question", mask(input.question)}, {"created", time_text(input.created)}};
  out["findings"] = json::array();
  for (const Finding& f : input.findings) {
    json finding = {{"check", f.check}, {"title", mask(f.title)}, {"cause", mask(f.cause)}, {"severity", severity_names[static_cast<int>(f.severity)]},
                    {"score", f.score}, {"matches", f.n_matches}, {"consequence_of", f.consequence_of}, {"evidence", json::array()}, {"next_steps", json::array()}};
    for (const LineRef& line : f.evidence) finding["evidence"].push_back(line_json(line, mask));
    for (const NextStep& step : f.next_steps)
      finding["next_steps"].push_back({{"text", mask(step.text)}, {"command", mask(step.command)}, {"changes_state", step.changes_state}});
    out["findings"].push_back(std::move(finding));
  }
  out["evidence"] = json::array();
  for (const Evidence& piece : input.evidence) {
    json lines = json::array();
    for (const LineRef& line : piece.lines) lines.push_back(line_json(line, mask));
    out["evidence"].push_back({{"id", piece.id}, {"reason", piece.reason}, {"score", piece.score}, {"lines", std::move(lines)}});
  }
  out["checks"] = json::array();
  for (const CheckResult& check : input.checks) out["checks"].push_back({{"check", check.check}, {"title", check.title}, {"algorithm", check.algorithm}, {"found", check.n_found}});
  out["queries"] = json::array();
  for (const QueryRecord& query : input.queries) out["queries"].push_back({{"text", mask(query.text)}, {"result", mask(query.result)}});
  if (input.answer) {
    json citations = json::array();
    for (const Citation& c : input.answer->citations)
      citations.push_back({{"begin", c.begin}, {"end", c.end}, {"evidence", c.evidence_id}, {"state", citation_state_names[static_cast<int>(c.state)]},
                           {"file", c.line.file}, {"line", c.line.line}});
    out["answer"] = {{"text", mask(input.answer->text)}, {"from_model", input.answer->from_model}, {"inconclusive", input.answer->inconclusive},
                     {"claims", input.answer->n_claims}, {"supported", input.answer->n_supported}, {"citations", std::move(citations)}};
  }
  out["manifest"] = manifest_of(input, options);
  return out.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string time_text(Ticks time) {
  if (time == no_time) return "";
  int64_t seconds = (time - unix_epoch_ticks) / ticks_per_second;
  int64_t days = seconds / 86400, of_day = seconds % 86400;
  if (of_day < 0) {
    of_day += 86400;
    days--;
  }
  std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{days}}};
  return engine::format("%04d-%02u-%02u %02d:%02d:%02d UTC", int(date.year()), unsigned(date.month()), unsigned(date.day()),
                        int(of_day / 3600), int(of_day / 60 % 60), int(of_day % 60));
}

std::vector<std::string> manifest_of(const ReportInput& input, const ReportOptions& options) {
  std::vector<std::string> lines;
  if (!input.program_version.empty()) lines.push_back("Sigma Desk " + input.program_version);
  if (input.created != no_time) lines.push_back("Written " + time_text(input.created));
  for (const Source& source : input.sources)
    lines.push_back((source.path.empty() ? source.name : source.path) + ": " + counted(source.n_lines, "line") + ", " + counted(source.n_bytes, "byte") +
                    ", format " + source.format + ", times " + (source.time_zone.empty() ? "unknown" : source.time_zone));
  if (input.answer && input.answer->from_model)
    lines.push_back("Model " + input.answer->model + ", seed " + std::to_string(input.answer->seed) + ", stopped by " + input.answer->stop_reason + ", " +
                    counted(static_cast<uint64_t>(input.answer->prompt_tokens), "prompt token") + ", " + counted(static_cast<uint64_t>(input.answer->generated_tokens), "token") + " generated");
  else
    lines.push_back("Answer composed from the findings, no model text in it");
  if (input.answer)
    for (const std::string& text : input.answer->left_out) lines.push_back("Left out of the prompt: " + text);
  lines.push_back(options.redact ? "Secrets masked" : "Secrets not masked");
  return lines;
}

std::string make_report(const ReportInput& input, ReportFormat format, const ReportOptions& options) {
  switch (format) {
    case ReportFormat::markdown: return make_markdown(input, options);
    case ReportFormat::html: return make_html_report(input, options);
    case ReportFormat::json: return make_json(input, options);
  }
  engine::fail(engine::ErrorKind::internal, "report format %d does not exist", static_cast<int>(format));
}

}  // namespace app::diagnosis
