#include "ui/panels/config_diff.h"

#include <algorithm>
#include <cmath>

#include "app/configs/fix.h"
#include "engine/base/error.h"
#include "engine/base/text.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/text.h"

namespace ui {
namespace {

using app::configs::DiffLine;
using Kind = DiffLine::Kind;

constexpr int context_lines = 2;
constexpr size_t most_kept = 64;   // diffs of earlier frames

std::string_view without_end(std::string_view line) {
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::shared_ptr<const ShownDiff> diff_of(ConfigDiffs& diffs, const std::string& key, const std::string& before_name, const std::string& after_name, const std::string& before,
                                         const std::string& after) {
  auto& kept = diffs.made[key];
  if (kept == nullptr || kept->before != before || kept->after != after) {
    if (diffs.made.size() > most_kept) diffs.made = {};
    return diffs.made[key] = make_diff(before_name, after_name, before, after);
  }
  return kept;
}

const std::string& text_of(const app::ConfigReview& review, bool show_secrets) { return show_secrets || review.masked.empty() ? review.text : review.masked; }

ImU32 color_of(Kind kind, const Ui& ui) { return kind == Kind::added ? ui.theme.good : kind == Kind::removed ? ui.theme.bad : ui.theme.dim; }
const char* sign_of(Kind kind) { return kind == Kind::added ? "+ " : kind == Kind::removed ? "- " : "  "; }

// For each line whether it is a change or near one.
std::vector<bool> near_changes(const std::vector<DiffLine>& lines) {
  std::vector<bool> near(lines.size());
  for (int i = 0; i < int(lines.size()); ++i) {
    if (lines[size_t(i)].kind == Kind::same) continue;
    for (int j = std::max(i - context_lines, 0); j <= std::min(i + context_lines, int(lines.size()) - 1); ++j) near[size_t(j)] = true;
  }
  return near;
}

// Blanks that all the lines shown begin with.
size_t common_indent(const std::vector<DiffLine>& lines, const std::vector<bool>& shown) {
  size_t least = std::string_view::npos;
  for (size_t i = 0; i < lines.size(); ++i)
    if (shown[i]) least = std::min(least, without_end(lines[i].text).find_first_not_of(' '));
  return least == std::string_view::npos ? 0 : least;
}

// The changed lines with those around them, moved to the left, wrapped, selectable.
void draw_lines(const ShownDiff& diff, float width, Ui& ui) {
  const std::vector<bool> near = near_changes(diff.lines);
  const size_t indent = common_indent(diff.lines, near);
  bool gap = false;
  for (size_t i = 0; i < diff.lines.size(); ++i) {
    const DiffLine& line = diff.lines[i];
    if (!near[i]) {
      gap = i > 0;
      continue;
    }
    ImGui::PushID(int(i));
    if (gap) text(ui, "gap", "…", ui.theme.faint);
    gap = false;
    const std::string shown = sign_of(line.kind) + std::string(without_end(line.text).substr(std::min(indent, without_end(line.text).size())));
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float height = text_height(ui, shown, width, Face::mono);
    if (line.kind != Kind::same) ImGui::GetWindowDrawList()->AddRectFilled(at, {at.x + width, at.y + height}, with_alpha(color_of(line.kind, ui), 0.12f));
    text(ui, "line", shown, color_of(line.kind, ui), Face::mono, {.width = width, .probe = line.kind == Kind::same ? "fix_context" : "fix_line"});
    ImGui::PopID();
  }
}

void draw_patch_buttons(const ShownDiff& diff, const std::string& file, Ui& ui) {
  if (button(ui, "Copy patch", ButtonKind::quiet, "As patch(1) takes it, as it is shown")) ui.copy(diff.patch);
  ImGui::SameLine();
  if (button(ui, "Save patch", ButtonKind::quiet)) {
    const size_t slash = file.rfind('/');
    ui.ask({.kind = Request::Kind::save, .text = file.substr(slash == std::string::npos ? 0 : slash + 1) + ".patch", .make = [patch = diff.patch] { return patch; }});
  }
}

std::string version_label(const app::ConfigReview& review) {
  const std::string when = review.time == app::no_time ? "" : ", " + time_text(review.time).substr(0, 19);
  return engine::format("%s%s  (%zu findings)", review.file.c_str(), when.c_str(), review.findings.size());
}

void list_findings(const char* id, const char* word, ImU32 color, const app::ConfigReview& review, const std::vector<size_t>& findings, Ui& ui) {
  ImGui::PushID(id);
  for (const size_t i : findings) {
    const app::ConfigFinding& f = review.findings[i];
    const std::string place = engine::format("  L%d  ", f.line);
    const Span spans[] = {{word, color, Face::bold}, {place, ui.theme.dim}, {f.rule, ui.theme.dim, Face::mono}, {"  "}, {f.message}};
    ImGui::PushID(int(i));
    rich_text(ui, "finding", spans, {.probe = "compared_finding"});
    ImGui::PopID();
  }
  ImGui::PopID();
}

// A side of a row: its number and its line, cut at the column's width.
void draw_side(const DiffLine* line, bool left, ImVec2 at, float width, float height, Ui& ui) {
  ImDrawList& list = *ImGui::GetWindowDrawList();
  if (line == nullptr) return list.AddRectFilled(at, {at.x + width, at.y + height}, with_alpha(ui.theme.border, 0.25f));
  if (line->kind != Kind::same) list.AddRectFilled(at, {at.x + width, at.y + height}, with_alpha(color_of(line->kind, ui), 0.12f));
  const float char_width = text_width(ui, "0", Face::mono), gutter = char_width * 6;
  const float y = at.y + std::round((height - ImGui::GetFontSize()) / 2);
  const std::string number = std::to_string(left ? line->before : line->after);
  draw_text(ui, list, {at.x + gutter - text_width(ui, number, Face::mono) - char_width, y}, ui.theme.faint, number, Face::mono);
  const std::string shown = fit_text(ui, without_end(line->text).substr(0, 4000), width - gutter - char_width, Face::mono);
  draw_text(ui, list, {at.x + gutter, y}, line->kind == Kind::same ? ui.theme.text : color_of(line->kind, ui), shown, Face::mono);
  if (line->kind != Kind::same) ui.probe(left ? "side_before" : "side_after", shown, at, {at.x + width, at.y + height});
}

void draw_sides(const ShownDiff& diff, bool only_changes, Ui& ui) {
  const std::vector<bool> near = near_changes(diff.lines);
  std::vector<size_t> shown;   // rows
  for (size_t i = 0; i < diff.rows.size(); ++i) {
    const auto& [left, right] = diff.rows[i];
    if (!only_changes || near[size_t(left >= 0 ? left : right)]) shown.push_back(i);
  }
  ImGui::BeginChild("sides", {0, 0}, false);
  const float height = std::round(ImGui::GetFontSize() * 1.4f), width = std::floor(ImGui::GetContentRegionAvail().x / 2) - ui.theme.px(4);
  ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
  ImGuiListClipper clipper;
  clipper.Begin(int(shown.size()), height);
  while (clipper.Step()) {
    for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i) {
      const auto row = diff.rows[shown[size_t(i)]];
      const ImVec2 at = ImGui::GetCursorScreenPos();
      ImGui::PushID(i);
      for (const bool left : {true, false}) {
        const int index = left ? row.first : row.second;
        const DiffLine* line = index < 0 ? nullptr : &diff.lines[size_t(index)];
        if (!left) ImGui::SameLine(0, ui.theme.px(8));
        ImGui::PushID(left);
        ImGui::InvisibleButton("line", {width, height});
        draw_side(line, left, {left ? at.x : at.x + width + ui.theme.px(8), at.y}, width, height, ui);
        if (line != nullptr) item_menu(ui, "menu", without_end(line->text));
        ImGui::PopID();
      }
      // A stretch is left out between this row and the one above.
      if (i > 0 && shown[size_t(i)] != shown[size_t(i) - 1] + 1) ImGui::GetWindowDrawList()->AddLine(at, {at.x + 2 * width, at.y}, ui.theme.faint);
      ImGui::PopID();
    }
  }
  ImGui::PopStyleVar();
  ImGui::EndChild();
}

}  // namespace

std::shared_ptr<const ShownDiff> make_diff(const std::string& before_name, const std::string& after_name, std::string before, std::string after) {
  auto diff = std::make_shared<ShownDiff>();
  diff->before = std::move(before);
  diff->after = std::move(after);
  diff->lines = app::configs::diff_lines(diff->before, diff->after);
  diff->rows = app::configs::side_by_side(diff->lines);
  diff->patch = app::configs::unified_diff(before_name, after_name, diff->before, diff->after);
  return diff;
}

void draw_fix(ConfigDiffs& diffs, const app::ConfigReview& review, size_t finding, bool show_secrets, float width, app::App& app, Ui& ui) {
  const auto made = review.fixes.find(finding);
  if (made == review.fixes.end()) {
    if (!app::configs::has_edit(review.findings[finding].rule)) return;
    if (button(ui, "Show the fix", ButtonKind::quiet, "What it changes, as a diff; the edited file is reviewed before it is shown")) app.make_fix(review.id, review.file, finding);
    ImGui::SameLine();
    return;
  }
  const app::ConfigFix& fix = made->second;
  if (fix.text.empty()) {
    text(ui, "no_fix", "No edit by itself mends it here: the review of the edited file still has the finding, or has a new one.", ui.theme.dim, Face::regular, {.width = width});
    return;
  }
  const std::string key = engine::format("fix %lld %zu %d ", static_cast<long long>(review.id), finding, int(show_secrets)) + review.file;
  const std::string& after = show_secrets || fix.masked.empty() ? fix.text : fix.masked;
  const auto diff = diff_of(diffs, key, review.file, review.file, text_of(review, show_secrets), after);
  draw_lines(*diff, width, ui);
  if (button(ui, "Apply", ButtonKind::quiet, "Reviews the mended text as a new version in this session; the file on disk stays as it is until you save it")) {
    const auto review_as = [&app, file = review.file, kind = review.kind](const std::string& content) { app.review_config_text(file, content, kind); };
    review_as(fix.text);
    ui.toast("Applied: " + review.findings[finding].rule, [review_as, text = review.text] { review_as(text); }, [review_as, text = fix.text] { review_as(text); });
  }
  ImGui::SameLine();
  draw_patch_buttons(*diff, review.file, ui);
  ImGui::SameLine();
}

void draw_compare_button(ConfigDiffs& diffs, const app::ConfigReview& shown, const app::ConfigsView& view, Ui& ui) {
  const bool any = view.reviews.size() > 1 || std::any_of(view.earlier.begin(), view.earlier.end(), [&](const auto& r) { return r.file == shown.file; });
  if (button(ui, "Compare", ButtonKind::normal, "With an earlier version of this file, or with another file", Command::none,
             any ? nullptr : "There is no earlier version and no other file"))
    ImGui::OpenPopup("compare");
  if (!ImGui::BeginPopup("compare")) return;
  int n = 0;
  const auto offer = [&](const app::ConfigReview& review) {
    ImGui::PushID(n++);
    if (menu_item(ui, version_label(review).c_str())) {
      diffs.compared = review.id;
      diffs.compared_file = review.file;
    }
    ImGui::PopID();
  };
  for (const app::ConfigReview& review : view.earlier)
    if (review.file == shown.file) offer(review);
  for (const app::ConfigReview& review : view.reviews)
    if (&review != &shown) offer(review);
  ImGui::EndPopup();
}

const app::ConfigReview* compared_with(const ConfigDiffs& diffs, const app::ConfigReview& shown, const app::ConfigsView& view) {
  if (diffs.compared == 0) return nullptr;
  for (const auto* list : {&view.earlier, &view.reviews})
    for (const app::ConfigReview& review : *list)
      if (review.id == diffs.compared && review.file == diffs.compared_file && &review != &shown) return &review;
  return nullptr;
}

void draw_comparison(ConfigDiffs& diffs, const app::ConfigReview& before, const app::ConfigReview& after, bool show_secrets, Ui& ui) {
  const app::configs::ReviewedFile old_file{before.file, before.kind, before.text, before.findings}, new_file{after.file, after.kind, after.text, after.findings};
  const app::configs::Comparison c = app::configs::compare(old_file, new_file);
  heading(ui, version_label(before) + "  →  " + version_label(after));
  const std::string key = engine::format("versions %lld %lld %d ", static_cast<long long>(before.id), static_cast<long long>(after.id), int(show_secrets)) + before.file + " " + after.file;
  const auto diff = diff_of(diffs, key, before.file, after.file, text_of(before, show_secrets), text_of(after, show_secrets));
  const auto n = [&](Kind kind) { return size_t(std::count_if(diff->lines.begin(), diff->lines.end(), [&](const DiffLine& l) { return l.kind == kind; })); };
  const std::string sum = engine::format("%zu findings gone, %zu new, %zu in both;  %zu lines removed, %zu added", c.gone.size(), c.added.size(), c.n_kept, n(Kind::removed), n(Kind::added));
  text(ui, "sum", sum, ui.theme.dim, Face::regular, {.probe = "compare_sum"});
  if (button(ui, "Close the comparison")) diffs.compared = 0;
  ImGui::SameLine();
  ImGui::Checkbox("Only changes", &diffs.only_changes);
  ImGui::SameLine();
  draw_patch_buttons(*diff, after.file, ui);
  list_findings("gone", "gone", ui.theme.good, before, c.gone, ui);
  list_findings("new", "new", ui.theme.bad, after, c.added, ui);
  if (diff->patch.empty()) return (void)text(ui, "same", "The two texts are the same.", ui.theme.dim);
  draw_sides(*diff, diffs.only_changes, ui);
}

}  // namespace ui
