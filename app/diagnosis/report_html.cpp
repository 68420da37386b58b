// One HTML file: no script, no link to anywhere but its own anchors.
#include "app/diagnosis/report_text.h"
#include "app/diagnosis/wording.h"

namespace app::diagnosis {
namespace {

const char* const style =
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2430}"
    "pre{background:#f3f5f8;padding:.6rem;overflow-x:auto;white-space:pre-wrap}"
    "code{background:#f3f5f8;padding:0 .2rem}.critical,.error{color:#a11}.warning{color:#8a5a00}.info{color:#456}"
    ".unsupported{color:#777}a{color:#1a5fb4}li{margin:.2rem 0}";

std::string escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '&') out += "&amp;";
    else if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else if (c == '"') out += "&quot;";
    else out += c;
  }
  return out;
}

// "[E3]" becomes a link to the evidence.
std::string with_links(const std::string& html) {
  std::string out;
  for (size_t i = 0; i < html.size();) {
    size_t end = html.compare(i, 2, "[E") == 0 ? html.find(']', i) : std::string::npos;
    bool id = end != std::string::npos && end - i > 2 && end - i < 8 &&
              html.find_first_not_of("0123456789", i + 2) == end;
    if (!id) {
      out += html[i++];
      continue;
    }
    std::string name = html.substr(i + 1, end - i - 1);
    out += "<a href=\"#" + name + "\">[" + name + "]</a>";
    i = end + 1;
  }
  return out;
}

}  // namespace

std::string make_html_report(const ReportInput& input, const ReportOptions& options) {
  Mask mask(options);
  std::string out = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" + escaped(mask(input.title)) + "</title><style>" + style +
                    "</style></head><body>\n<h1>" + escaped(mask(input.title)) + "</h1>\n";
  if (!input.question.empty()) out += "<p>Question: " + escaped(mask(input.question)) + "</p>\n";
  if (input.answer) {
    out += "<h2>Answer</h2>\n<pre>" + with_links(escaped(mask(input.answer->text))) + "</pre>\n<p>" + std::to_string(input.answer->n_supported) + " of " +
           counted(static_cast<uint64_t>(input.answer->n_claims), "claim") + " supported by the log.</p>\n";
  }
  out += "<h2>Findings</h2>\n";
  for (const Finding& finding : input.findings) {
    const char* severity = severity_names[static_cast<int>(finding.severity)];
    out += "<h3 class=\"" + std::string(severity) + "\">" + escaped(mask(finding.title)) + "</h3>\n<p>" + severity + ", " + counted(finding.n_matches, "line") + "</p>\n<p>" +
           escaped(mask(finding.cause)) + "</p>\n<pre>";
    for (const LineRef& line : finding.evidence) out += escaped(line.file + ":" + std::to_string(line.line) + ": " + mask(line.text)) + "\n";
    out += "</pre>\n<ul>\n";
    for (const NextStep& step : finding.next_steps)
      out += "<li>" + std::string(step.changes_state ? "<strong>changes state</strong>: " : "read-only: ") + escaped(mask(step.text)) +
             (step.command.empty() ? "" : " <code>" + escaped(mask(step.command)) + "</code>") + "</li>\n";
    out += "</ul>\n";
  }
  out += "<h2>Evidence</h2>\n";
  for (const Evidence& piece : input.evidence) {
    out += "<h3 id=\"" + escaped(piece.id) + "\">" + escaped(piece.id) + " (" + escaped(piece.reason) + ")</h3>\n<pre>";
    for (const LineRef& line : piece.lines) out += escaped(line.file + ":" + std::to_string(line.line) + ": " + mask(line.text)) + "\n";
    out += "</pre>\n";
  }
  for (const QueryRecord& query : input.queries) out += "<h3>Query</h3>\n<pre>" + escaped(mask(query.text)) + "</pre>\n<pre>" + escaped(mask(query.result)) + "</pre>\n";
  out += "<h2>Checks</h2>\n<ul>\n";
  for (const CheckResult& check : input.checks) out += "<li>" + escaped(check.title) + ": " + (check.n_found ? counted(check.n_found, "line") : "0 found") + "</li>\n";
  out += "</ul>\n";
  if (input.prompt) {
    out += "<h2>Prompt</h2>\n";
    for (const engine::ChatMessage& message : input.prompt->messages) out += "<h3>" + escaped(message.role) + "</h3>\n<pre>" + escaped(mask(message.content)) + "</pre>\n";
  }
  out += "<h2>How this was made</h2>\n<ul>\n";
  for (const std::string& line : manifest_of(input, options)) out += "<li>" + escaped(line) + "</li>\n";
  return out + "</ul>\n</body></html>\n";
}

}  // namespace app::diagnosis
