// app/configs/compare.h: two versions of a config, or two files that should be alike: which findings
// came and which went.
#pragma once
#include <string>
#include <vector>

#include "app/configs/export.h"

namespace app::configs {

struct Comparison {
  // Indices into the findings of one side or the other. A finding is the same where rule, subject and
  // text of its line are; what is left is paired by rule and subject, since an edit of the line alone
  // neither mends nor brings it.
  std::vector<size_t> gone;  // of before
  std::vector<size_t> added; // of after
  size_t n_kept = 0;
};
Comparison compare(const ReviewedFile& before, const ReviewedFile& after);

// Text for a person: the findings that came and went, then the unified diff.
std::string to_text(const ReviewedFile& before, const ReviewedFile& after, const Comparison& comparison);

}  // namespace app::configs
