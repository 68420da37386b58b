#include "app/configs/export.h"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "app/configs/review.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::configs {
namespace {

using nlohmann::json;

std::string line_of(const ReviewedFile& file, int line) {
  if (line < 1) return {};
  const auto lines = engine::split(std::string_view(file.text), '\n');
  if (size_t(line) > lines.size()) return {};
  return std::string(engine::trim(lines[size_t(line) - 1]));
}

// Fields are parted by tabs; tabs and line ends in them are not worth keeping.
std::string field(std::string text) {
  std::replace_if(text.begin(), text.end(), [](char c) { return c == '\t' || c == '\n' || c == '\r'; }, ' ');
  return text;
}

std::string cell(std::string text) {
  std::string out;
  for (const char c : text) out += c == '|' ? std::string("\\|") : c == '\n' ? std::string(" ") : std::string(1, c);
  return out;
}

const char* sarif_level(Severity severity) {
  return severity >= Severity::error ? "error" : severity == Severity::warning ? "warning" : "note";
}

// A URI reference: what a path may hold and a URI may not is written as %NN.
std::string uri_of(const std::string& path) {
  std::string out;
  for (const char c : path) {
    const bool plain = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || std::string_view("/-._~").find(c) != std::string_view::npos;
    if (plain) out += c;
    else out += engine::format("%%%02X", static_cast<unsigned>(static_cast<unsigned char>(c)));
  }
  return out;
}

std::string dumped(const json& value) { return value.dump(2, ' ', false, json::error_handler_t::replace) + "\n"; }

}  // namespace

Suppression suppress(const ReviewedFile& file, const ConfigFinding& finding, const std::string& reason, Ticks until) {
  return {file.name, finding.rule, finding.subject, line_of(file, finding.line), reason, until};
}

const Suppression* suppression_of(const ReviewedFile& file, const ConfigFinding& finding, const std::vector<Suppression>& suppressions, Ticks now) {
  for (const Suppression& s : suppressions) {
    if (s.file != file.name || s.rule != finding.rule || s.subject != finding.subject) continue;
    if (s.until != no_time && now >= s.until) continue;
    if (s.line_text == line_of(file, finding.line)) return &s;
  }
  return nullptr;
}

std::string to_markdown(const std::vector<ReviewedFile>& files, const ExportOptions& options) {
  std::string out = "# Review of configuration files\n";
  for (const ReviewedFile& file : files) {
    out += "\n## " + file.name + " (" + (file.kind.empty() ? "unknown kind" : file.kind) + ")\n\n";
    std::string rows, suppressed;
    for (const ConfigFinding& f : file.findings) {
      const std::string place = f.line > 0 ? std::to_string(f.line) : "file";
      const Suppression* s = suppression_of(file, f, options.suppressions, options.now);
      if (s != nullptr) suppressed += "- line " + place + ", `" + f.rule + "`: " + s->reason + "\n";
      else rows += "| " + place + " | " + severity_names[int(f.severity)] + " | `" + f.rule + "` | " + cell(f.message) + " | " + cell(f.fix) + " |\n";
    }
    out += rows.empty() ? "No finding.\n" : "| line | severity | rule | finding | fix |\n| --- | --- | --- | --- | --- |\n" + rows;
    if (!suppressed.empty()) out += "\nSuppressed:\n\n" + suppressed;
  }
  return out;
}

std::string to_json(const std::vector<ReviewedFile>& files, const ExportOptions& options) {
  json findings = json::array();
  for (const ReviewedFile& file : files) {
    for (const ConfigFinding& f : file.findings) {
      json one = {{"file", file.name}, {"line", f.line}, {"column", f.column}, {"kind", f.kind.empty() ? file.kind : f.kind}, {"rule", f.rule},
                  {"severity", severity_names[int(f.severity)]}, {"message", f.message}, {"fix", f.fix}, {"subject", f.subject}, {"covers", f.covers}};
      if (const Suppression* s = suppression_of(file, f, options.suppressions, options.now)) one["suppressed"] = s->reason;
      findings.push_back(std::move(one));
    }
  }
  return dumped({{"version", options.version}, {"findings", std::move(findings)}});
}

std::string to_sarif(const std::vector<ReviewedFile>& files, const ExportOptions& options) {
  json rules = json::array(), results = json::array();
  std::vector<std::string> rule_ids;
  for (const ReviewedFile& file : files) {
    for (const ConfigFinding& f : file.findings) {
      auto known = std::find(rule_ids.begin(), rule_ids.end(), f.rule);
      if (known == rule_ids.end()) {
        json rule = {{"id", f.rule}, {"defaultConfiguration", {{"level", sarif_level(f.severity)}}}};
        if (const Rule* data = find_rule(f.rule)) {
          rule["shortDescription"] = {{"text", data->title}};
          if (!data->docs.empty()) rule["fullDescription"] = {{"text", data->docs}};
          if (!data->fix.empty()) rule["help"] = {{"text", data->fix}};
        }
        rules.push_back(std::move(rule));
        known = rule_ids.insert(rule_ids.end(), f.rule);
      }
      json place = {{"artifactLocation", {{"uri", uri_of(file.name)}}}};
      if (f.line > 0) {
        place["region"] = {{"startLine", f.line}};
        if (f.column > 0) place["region"]["startColumn"] = f.column;
      }
      json result = {{"ruleId", f.rule},
                     {"ruleIndex", known - rule_ids.begin()},
                     {"level", sarif_level(f.severity)},
                     {"message", {{"text", f.fix.empty() ? f.message : f.message + " Fix: " + f.fix}}},
                     {"locations", json::array({{{"physicalLocation", std::move(place)}}})}};
      if (const Suppression* s = suppression_of(file, f, options.suppressions, options.now))
        result["suppressions"] = json::array({{{"kind", "external"}, {"status", "accepted"}, {"justification", s->reason}}});
      results.push_back(std::move(result));
    }
  }
  const json driver = {{"name", "Sigma Desk"}, {"version", options.version.empty() ? "0" : options.version}, {"rules", std::move(rules)}};
  const json run = {{"tool", {{"driver", driver}}}, {"columnKind", "unicodeCodePoints"}, {"results", std::move(results)}};
  return dumped({{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"}, {"version", "2.1.0"}, {"runs", json::array({run})}});
}

std::string suppressions_to_text(const std::vector<Suppression>& suppressions) {
  std::string out;
  for (const Suppression& s : suppressions)
    out += field(s.file) + "\t" + field(s.rule) + "\t" + field(s.subject) + "\t" + field(s.line_text) + "\t" + field(s.reason) + "\t" +
           (s.until == no_time ? "-" : std::to_string(s.until)) + "\n";
  return out;
}

std::vector<Suppression> suppressions_from_text(std::string_view text) {
  std::vector<Suppression> out;
  for (const std::string_view line : engine::split(text, '\n')) {
    const auto fields = engine::split(line, '\t');
    if (fields.size() != 6) continue;
    const auto at = [&](size_t i) { return std::string(fields[i]); };
    out.push_back({at(0), at(1), at(2), at(3), at(4), fields[5] == "-" ? no_time : std::strtoll(at(5).c_str(), nullptr, 10)});
  }
  return out;
}

}  // namespace app::configs
