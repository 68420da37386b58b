// ui/panels/config_diff.h: a finding's fix as a diff in its card, and two versions of a config, or two
// files, side by side with the findings that came and went.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "app/app.h"
#include "app/configs/compare.h"
#include "app/configs/diff.h"
#include "ui/ui.h"

namespace ui {

// Two texts compared, kept from frame to frame.
struct ShownDiff {
  std::string before, after;                       // that the lines point into
  std::vector<app::configs::DiffLine> lines;
  std::vector<std::pair<int, int>> rows;           // side by side
  std::string patch;
};
std::shared_ptr<const ShownDiff> make_diff(const std::string& before_name, const std::string& after_name, std::string before, std::string after);

struct ConfigDiffs {
  std::map<std::string, std::shared_ptr<const ShownDiff>> made;   // by what it is of
  int64_t compared = 0;                            // review on the left of the comparison; 0: none
  std::string compared_file;
  bool only_changes = true;                        // unchanged stretches are folded
};

// The button that asks for the fix, or the fix as a diff with Apply, Copy and Save.
void draw_fix(ConfigDiffs& diffs, const app::ConfigReview& review, size_t finding, bool show_secrets, float width, app::App& app, Ui& ui);
// The button that chooses what the shown review is compared with.
void draw_compare_button(ConfigDiffs& diffs, const app::ConfigReview& shown, const app::ConfigsView& view, Ui& ui);
// The review that shown is compared with, or null.
const app::ConfigReview* compared_with(const ConfigDiffs& diffs, const app::ConfigReview& shown, const app::ConfigsView& view);
void draw_comparison(ConfigDiffs& diffs, const app::ConfigReview& before, const app::ConfigReview& after, bool show_secrets, Ui& ui);

}  // namespace ui
