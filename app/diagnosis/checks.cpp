#include "app/diagnosis/checks.h"

#include <algorithm>
#include <map>

#include "app/diagnosis/check_library.h"
#include "app/diagnosis/code_checks.h"
#include "app/diagnosis/findings.h"
#include "app/diagnosis/manifest.h"
#include "app/diagnosis/wording.h"
#include "app/store/log_store.h"

namespace app::diagnosis {

namespace {

void note_limits(const store::LogSnapshot& log, const ScanResult& scanned, const CheckOptions& options, ChecksResult& result) {
  std::string names;
  size_t n = 0;
  for (const Source& source : log.sources()) {
    if (!std::binary_search(scanned.in_lines_only.begin(), scanned.in_lines_only.end(), source.id)) continue;
    result.n_in_lines_only += source.n_records;
    if (n++ < 2) names += (names.empty() ? "" : ", ") + source.name;
  }
  if (n > 2) names += " and " + std::to_string(n - 2) + " more";
  const auto checks = code_checks();
  const auto n_checks = std::count_if(checks.begin(), checks.end(), [](const CodeCheck& check) { return check.whole_sources; });
  if (n > 0)
    result.notes.push_back("Every line of " + names + " was checked, but the " + counted(static_cast<uint64_t>(n_checks), "check") +
                           " that read lines together (tables, described objects, manifests, changes before errors) left out " +
                           counted(result.n_in_lines_only, "record") + ": they take sources of up to " +
                           counted(options.max_document_rows, "record") + " in all, for their memory.");
  if (scanned.n_long_lines > 0)
    result.notes.push_back("Of " + counted(scanned.n_long_lines, "line") + " longer than 64 KiB the checks read only the beginning.");
  if (result.partial)
    result.notes.push_back("The checks were stopped before the end: what they found until then is shown.");
}

}  // namespace

ChecksResult run_checks(const store::LogSnapshot& log, std::span<const Anomaly> anomalies,
                        const CheckSet& checks, const CheckOptions& options) {
  ScanResult scanned = scan(log, checks.library(), options);
  CheckContext context{.log = log, .anomalies = anomalies, .scan = scanned};
  for (const Document& document : scanned.documents) context.described.push_back(parse_described(document));

  Manifests manifests = parse_manifests(scanned);
  context.manifests = &manifests;

  context.found = data_findings(checks.library(), context);
  std::vector<RawFinding> by_code;
  for (const CodeCheck& check : code_checks()) {
    if (options.stop.stop_requested()) break;
    size_t before = by_code.size();
    check.run(context, by_code);
    for (size_t i = before; i < by_code.size(); i++) by_code[i].finding.check = check.id;
  }
  std::vector<RawFinding> found = std::move(context.found);
  for (RawFinding& raw : by_code) found.push_back(std::move(raw));

  ChecksResult result;
  result.n_rows = scanned.n_rows;
  result.n_lines = scanned.n_lines;
  result.n_long_lines = scanned.n_long_lines;
  result.partial = scanned.partial || options.stop.stop_requested();
  note_limits(log, scanned, options, result);
  result.checks = checks.list();
  std::map<std::string, uint64_t> n_found;
  for (const RawFinding& raw : found) n_found[raw.finding.check] += std::max<uint64_t>(raw.finding.n_matches, 1);
  for (CheckResult& check : result.checks)
    if (auto it = n_found.find(check.check); it != n_found.end()) check.n_found = it->second;
  result.findings = rank_findings(std::move(found), options.question, scanned);
  return result;
}

}  // namespace app::diagnosis
