#include "app/diagnosis/checks.h"

#include <map>

#include "app/diagnosis/check_library.h"
#include "app/diagnosis/code_checks.h"
#include "app/diagnosis/findings.h"
#include "app/diagnosis/manifest.h"
#include "app/store/log_store.h"

namespace app::diagnosis {

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
  result.checks = checks.list();
  std::map<std::string, uint64_t> n_found;
  for (const RawFinding& raw : found) n_found[raw.finding.check] += std::max<uint64_t>(raw.finding.n_matches, 1);
  for (CheckResult& check : result.checks)
    if (auto it = n_found.find(check.check); it != n_found.end()) check.n_found = it->second;
  result.findings = rank_findings(std::move(found), options.question, scanned);
  return result;
}

}  // namespace app::diagnosis
