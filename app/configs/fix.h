// app/configs/fix.h: what a finding's fix does to the text.
//
// assets/config_rules/edits.json has the edits of those rules whose fix needs no knowledge of the
// program: a flag, a switch, a line to leave out. An edit that the review itself does not confirm is
// not offered.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "app/configs/review.h"

namespace app::configs {

// Whether the rule has an edit at all.
bool has_edit(std::string_view rule);
size_t n_rules_with_edits();

// The whole file with the finding mended: reviewed again alone, it has one finding fewer of that rule
// and subject and no finding that it had not. nullopt: no edit does that here.
std::optional<std::string> fixed_text(const File& file, const ConfigFinding& finding);

}  // namespace app::configs
