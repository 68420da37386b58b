#include "tests/support/ptx/findings.h"

#include <utility>

namespace ptx {

const char* finding_name(FindingKind kind) {
  switch (kind) {
    case FindingKind::shared_race: return "race in shared memory";
    case FindingKind::global_race: return "race in global memory";
    case FindingKind::barrier: return "barrier not reached by all";
    case FindingKind::out_of_bounds: return "out of bounds";
    case FindingKind::use_after_free: return "use after free";
    case FindingKind::host_pointer: return "pointer of the other side";
    case FindingKind::misaligned: return "misaligned";
    case FindingKind::unwritten_shared: return "reads unwritten shared memory";
    case FindingKind::unwritten_global: return "reads unwritten global memory";
    case FindingKind::async_copy: return "cp.async not waited for";
    case FindingKind::undefined_result: return "undefined result";
    case FindingKind::hang: return "does not end";
    case FindingKind::trap: return "trap";
    case FindingKind::unsupported: return "not simulated";
    case FindingKind::free_in_flight: return "freed in flight";
    case FindingKind::leak: return "leak";
    case FindingKind::misuse: return "misuse";
  }
  return "?";
}

std::string Finding::text() const {
  std::string line = finding_name(kind);
  if (!kernel.empty()) line += " in " + kernel;
  if (!where.empty()) line += " at " + where;
  if (!instruction.empty()) line += ": " + instruction;
  if (!detail.empty()) line += ": " + detail;
  if (count > 1) line += " (" + std::to_string(count) + " times)";
  return line;
}

void Findings::add(Finding finding) {
  const std::lock_guard lock(mutex_);
  for (Finding& known : all_) {
    const bool same = known.kind == finding.kind && known.kernel == finding.kernel && known.pc == finding.pc;
    if (same && (finding.pc >= 0 || known.detail == finding.detail)) {
      ++known.count;
      return;
    }
  }
  all_.push_back(std::move(finding));
}

std::vector<Finding> Findings::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(all_, {});
}

bool Findings::empty() const {
  const std::lock_guard lock(mutex_);
  return all_.empty();
}

}  // namespace ptx
