// app/diagnosis/checks.h: deterministic checks over the records of a session: what broke, with no
// model. A check is data (assets/checks/*.json: patterns, wording, next steps) or, where lines must
// be read together, a function listed in code_checks.h; both give Findings with lines as proof.
//
// One pass over the log: a literal prefilter (Aho-Corasick over all patterns at once) picks the few
// candidate patterns of a line, RE2 decides. Both are linear in the bytes of the log; chunks are
// scanned on several threads and the result does not depend on their number.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "app/types.h"

namespace app::store {
class LogSnapshot;
}

namespace app::diagnosis {

struct CheckLibrary;  // the compiled checks; check_library.h

// All checks of a folder, compiled. Cheap to copy, shared between threads.
class CheckSet {
 public:
  CheckSet();  // the code checks only
  // Every *.json of the folder. Throws Error{not_found} where there is none, Error{invalid_input}
  // naming the file, the check and the fault.
  static CheckSet load(const std::string& folder);
  // One document as a file of that folder would hold it; name is for messages.
  static CheckSet from_json(const std::string& text, const std::string& name);

  size_t n_checks() const;
  std::vector<CheckResult> list() const;  // every check, n_found 0
  const CheckLibrary& library() const { return *library_; }

 private:
  std::shared_ptr<const CheckLibrary> library_;
};

struct CheckOptions {
  std::string question{};           // its words raise the findings that speak of them
  int n_threads = 0;                // 0: one for each core
  std::stop_token stop{};             // looked at once a chunk; ends with partial = true
  std::function<void(double)> on_progress{};  // 0..1, from any thread
  // Checks that read lines together (tables, described objects, manifests) need a source whole in
  // memory, about 200 bytes a record: sources are taken, the small ones first, up to these sums. Of
  // the others each line is checked by itself, and ChecksResult::notes says so.
  uint64_t max_document_rows = 500'000;
  uint64_t max_document_bytes = 192u << 20;
};

struct ChecksResult {
  std::vector<Finding> findings;    // root causes before consequences, best first
  std::vector<CheckResult> checks;  // every check in the set, "0 found" included
  uint64_t n_rows = 0, n_lines = 0;
  uint64_t n_long_lines = 0;        // only their first 64 KiB were looked at
  uint64_t n_in_lines_only = 0;     // records of sources that were too large to be read as a whole
  std::vector<std::string> notes;   // what was not looked at and why, a sentence each
  bool partial = false;             // stopped before the end
};

ChecksResult run_checks(const store::LogSnapshot& log, std::span<const Anomaly> anomalies,
                        const CheckSet& checks, const CheckOptions& options = {});

}  // namespace app::diagnosis
