// app/diagnosis/findings.h: from hits of patterns to findings, and their order.
#pragma once
#include <string>
#include <vector>

#include "app/diagnosis/check_library.h"
#include "app/diagnosis/code_checks.h"
#include "app/diagnosis/scan.h"

namespace app::diagnosis {

// Findings of the data checks, in no particular order.
std::vector<RawFinding> data_findings(const CheckLibrary& library, const CheckContext& context);

// Root causes before what follows from them, then by severity, how specific a finding is, how early
// its first line is and how much it speaks of the question. A finding that another explains gets a
// sentence that says so, and a lower place; those of one check beyond the fourth are dropped.
std::vector<Finding> rank_findings(std::vector<RawFinding> found, const std::string& question,
                                   const ScanResult& scan);

}  // namespace app::diagnosis
