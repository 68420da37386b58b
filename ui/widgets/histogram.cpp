#include "ui/widgets/histogram.h"

#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/text.h"

namespace ui {
namespace {

using app::Ticks;
using app::logs::Histogram;
using app::logs::LevelCounts;

// The wheel zooms no further: more is one line a bucket.
constexpr Ticks least_zoom = app::ticks_per_second / 10;

uint64_t sum(const LevelCounts& counts) {
  uint64_t total = 0;
  for (uint64_t n : counts) total += n;
  return total;
}

struct Axis {
  Ticks begin, end;     // shown
  float x0, x1;
  float x_of(Ticks t) const {
    return x0 + float(double(t - begin) / double(std::max<Ticks>(end - begin, 1)) * double(x1 - x0));
  }
  Ticks time_at(float x) const {
    const double share = double(x - x0) / double(std::max(x1 - x0, 1.f));
    return begin + Ticks(std::clamp(share, 0.0, 1.0) * double(end - begin));
  }
};

void draw_bar(Ui& ui, ImDrawList& list, const LevelCounts& counts, uint64_t most, float x0,
              float x1, float y0, float y1) {
  // Worst at the bottom, where bars begin: a few errors below many lines must still show.
  float y = y1;
  const uint64_t total = sum(counts);
  if (total == 0) return;
  // A square root keeps a bucket of 3 visible beside one of 30,000.
  const float height = (y1 - y0) * std::sqrt(float(double(total) / double(most)));
  const float least = ui.theme.px(2);
  const float bar = std::max(height, least);
  for (int level = app::n_levels - 1; level >= 0; --level) {
    const uint64_t n = counts[size_t(level)];
    if (n == 0) continue;
    float h = bar * float(double(n) / double(total));
    if (level >= int(app::Level::warning)) h = std::max(h, least);
    h = std::min(h, y - (y1 - bar));
    if (h <= 0) break;
    const ImU32 color = level >= int(app::Level::warning)
                            ? ui.theme.levels[level]
                            : with_alpha(ui.theme.levels[level], 0.75f);
    list.AddRectFilled({x0, y - h}, {x1, y}, color);
    y -= h;
  }
}

void hatch(Ui& ui, ImDrawList& list, ImVec2 a, ImVec2 b) {
  const float step = ui.theme.px(7);
  list.PushClipRect(a, b, true);
  for (float x = a.x - (b.y - a.y); x < b.x; x += step)
    list.AddLine({x, b.y}, {x + (b.y - a.y), a.y}, with_alpha(ui.theme.border, 0.8f));
  list.PopClipRect();
}

// whole: lines of the bucket without the filter; 0: the same.
void count_tooltip(Ui& ui, Ticks begin, Ticks end, const LevelCounts& counts, uint64_t whole) {
  ImGui::BeginTooltip();
  ImGui::TextUnformatted(begin == app::no_time ? "Lines without a time"
                                               : range_text(begin, end).c_str());
  for (int level = app::n_levels - 1; level >= 0; --level) {
    if (counts[size_t(level)] == 0) continue;
    const ImVec2 at = ImGui::GetCursorScreenPos();
    draw_level_mark(*ImGui::GetWindowDrawList(),
                    {at.x + ui.theme.px(5), at.y + ImGui::GetFontSize() / 2}, ui.theme.px(4),
                    app::Level(level), ui.theme);
    ImGui::SetCursorPosX(ImGui::GetCursorPosX() + ui.theme.px(16));
    ImGui::Text("%s  %s", with_commas(counts[size_t(level)]).c_str(),
                level == 0 ? "no level" : app::level_names[level]);
  }
  if (sum(counts) == 0) ImGui::TextDisabled("no lines");
  if (whole > sum(counts)) ImGui::TextDisabled("of %s lines without the filter", with_commas(whole).c_str());
  ImGui::EndTooltip();
}

void draw_axis(Ui& ui, ImDrawList& list, const Axis& axis, float y) {
  const float label_width = text_width(ui, "00:00:00.000") + ui.theme.px(18);
  const auto n = size_t(std::max(1.f, (axis.x1 - axis.x0) / label_width));
  const Ticks step = app::logs::nice_bucket_ticks(axis.end - axis.begin, n);
  if (step <= 0) return;
  std::string last_day;
  const Ticks first = (axis.begin + step - 1) / step * step;
  for (Ticks t = first; t <= axis.end; t += step) {
    const float x = axis.x_of(t);
    list.AddLine({x, y}, {x, y + ui.theme.px(3)}, ui.theme.border_strong);
    std::string shown = short_time_text(t);
    if (step % app::ticks_per_second == 0) shown.resize(8);
    if (step % (60 * app::ticks_per_second) == 0) shown.resize(5);
    // The day with its year stands at the first tick and wherever it changes.
    const std::string day = day_text(t);
    if (day != last_day) shown = step >= 86400 * app::ticks_per_second ? day : day + " " + shown;
    const float width = text_width(ui, shown);
    if (x + width > axis.x1) break;
    if (day != last_day && !last_day.empty() && width > axis.x_of(t + step) - x - 4)
      shown = day.substr(5);
    last_day = day;
    draw_text(ui, list, {x + ui.theme.px(2), y + ui.theme.px(3)}, ui.theme.faint, shown);
    if (width > axis.x_of(t + step) - x - 4) t += step * Ticks(width / std::max(axis.x_of(t + step) - x, 1.f));
  }
}

// Lines that the filter hides, behind those that it lets through.
void draw_whole(Ui& ui, ImDrawList& list, uint64_t total, uint64_t most, float x0, float x1, float y0, float y1) {
  if (total == 0) return;
  const float height = std::max((y1 - y0) * std::sqrt(float(double(total) / double(most))), ui.theme.px(2));
  list.AddRectFilled({x0, y1 - height}, {x1, y1}, with_alpha(ui.theme.faint, 0.25f));
}

uint64_t most_of(const Histogram& counts, size_t begin, size_t end) {
  uint64_t most = 1;
  for (size_t i = begin; i < std::min(end, counts.buckets.size()); ++i) most = std::max(most, sum(counts.buckets[i]));
  return most;
}

// Bars; an empty bucket is a line at the bottom; runs of them longer than a tenth are hatched.
void draw_bars(Ui& ui, ImDrawList& list, const Axis& axis, const Histogram& counts, const Histogram* whole, float y0, float y1) {
  const Histogram& highest = whole != nullptr ? *whole : counts;
  const auto index_of = [&](Ticks t) { return size_t(std::clamp<int64_t>((t - counts.begin) / counts.bucket_ticks, 0, int64_t(counts.buckets.size()))); };
  const size_t first = index_of(axis.begin), last = std::min(index_of(axis.end) + 1, counts.buckets.size());
  const uint64_t most = most_of(highest, first, last);
  list.PushClipRect({axis.x0, y0}, {axis.x1, y1 + 1}, true);
  const size_t long_gap = std::max<size_t>((last - first) / 10, 3);
  for (size_t i = first; i < last;) {
    const Ticks begin = counts.begin + counts.bucket_ticks * Ticks(i);
    if (sum(highest.buckets[i]) == 0) {
      size_t end = i;
      while (end < last && sum(highest.buckets[end]) == 0) ++end;
      const float a = axis.x_of(begin), b = axis.x_of(begin + counts.bucket_ticks * Ticks(end - i));
      if (end - i >= long_gap) hatch(ui, list, {a, y0}, {b, y1});
      list.AddLine({a, y1 - 1}, {b, y1 - 1}, ui.theme.border_strong);
      i = end;
      continue;
    }
    const float a = axis.x_of(begin), b = std::max(axis.x_of(begin + counts.bucket_ticks) - 1, a + 1);
    if (whole != nullptr) draw_whole(ui, list, sum(whole->buckets[i]), most, a, b, y0 + ui.theme.px(4), y1);
    draw_bar(ui, list, counts.buckets[i], most, a, b, y0 + ui.theme.px(4), y1);
    ++i;
  }
  list.PopClipRect();
}

}  // namespace

HistogramResult histogram(Ui& ui, const char* id, HistogramState& state, const HistogramCounts& shown,
                          Ticks marked_begin, Ticks marked_end, Ticks at, ImVec2 size) {
  HistogramResult result;
  const ImVec2 origin = ImGui::GetCursorScreenPos();
  ImGui::InvisibleButton(id, size);
  const bool hovered = ImGui::IsItemHovered();
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const float axis_height = ImGui::GetFontSize() + ui.theme.px(6);
  const float y0 = origin.y, y1 = origin.y + size.y - axis_height;
  const Histogram& all = shown.counts;
  ui.probe("histogram", with_commas(all.n_records), origin, {origin.x + size.x, origin.y + size.y});

  // Lines without a time have a bar of their own at the left.
  const uint64_t untimed = sum(shown.whole != nullptr ? shown.whole->without_time : all.without_time);
  float x0 = origin.x;
  if (untimed > 0 && !all.buckets.empty()) x0 += ui.theme.px(64);
  const float x1 = origin.x + size.x;
  list.AddRectFilled({origin.x, y0}, {x1, y1}, ui.theme.raised, ui.theme.px(3));
  const ImVec2 mouse = ImGui::GetIO().MousePos;

  if (untimed > 0) {
    const float bar_end = all.buckets.empty() ? x1 : x0 - ui.theme.px(8);
    const uint64_t most = std::max(most_of(all, 0, all.buckets.size()), untimed);
    if (shown.whole != nullptr) draw_whole(ui, list, untimed, most, origin.x + ui.theme.px(2), bar_end, y0 + ui.theme.px(4), y1);
    draw_bar(ui, list, all.without_time, most, origin.x + ui.theme.px(2), bar_end, y0 + ui.theme.px(4), y1);
    draw_text(ui, list, {origin.x + ui.theme.px(2), y1 + ui.theme.px(3)}, ui.theme.faint, fit_text(ui, "no time", bar_end - origin.x));
    if (hovered && mouse.x < bar_end) count_tooltip(ui, app::no_time, app::no_time, all.without_time, shown.whole != nullptr ? untimed : 0);
  }
  if (all.buckets.empty() || all.bucket_ticks <= 0) return result;

  const Ticks all_end = all.begin + all.bucket_ticks * Ticks(all.buckets.size());
  Axis axis{all.begin, all_end, x0, x1};
  if (state.view_begin != app::no_time && state.view_end > state.view_begin) {
    axis.begin = std::max(state.view_begin, all.begin);
    axis.end = std::min(state.view_end, all_end);
    if (axis.end <= axis.begin) axis.begin = all.begin, axis.end = all_end;
  }
  // A zoom that was counted anew shows finer buckets; until it is there the coarse ones are stretched.
  const bool fine = shown.zoomed != nullptr && !shown.zoomed->buckets.empty() && shown.zoomed->begin <= axis.begin &&
                    shown.zoomed->begin + shown.zoomed->bucket_ticks * Ticks(shown.zoomed->buckets.size()) >= axis.end;
  const Histogram& counts = fine ? *shown.zoomed : all;
  const Histogram* whole = !fine && shown.whole != nullptr && shown.whole->begin == counts.begin && shown.whole->bucket_ticks == counts.bucket_ticks &&
                                   shown.whole->buckets.size() == counts.buckets.size() && shown.whole->n_records > counts.n_records
                               ? shown.whole
                               : nullptr;
  draw_bars(ui, list, axis, counts, whole, y0, y1);
  if (at != app::no_time) {
    const float x = axis.x_of(at);
    list.AddLine({x, y0}, {x, y1}, ui.theme.accent, ui.theme.px(1.5f));
    list.AddTriangleFilled({x - ui.theme.px(4), y0}, {x + ui.theme.px(4), y0}, {x, y0 + ui.theme.px(5)}, ui.theme.accent);
  }
  list.PushClipRect({x0, y0}, {x1, y1 + 1}, true);
  if (marked_begin != app::no_time) {
    const float a = axis.x_of(marked_begin), b = std::max(axis.x_of(marked_end), a + 2);
    list.AddRectFilled({a, y0}, {b, y1}, with_alpha(ui.theme.accent, 0.18f));
    list.AddRect({a, y0}, {b, y1}, ui.theme.accent);
  }

  // The mouse: drag to select, wheel to zoom around the pointer, double click to see all.
  if (ImGui::IsItemClicked(0) && !ImGui::IsMouseDoubleClicked(0)) {
    state.dragging = true;
    state.drag_from = mouse.x;
  }
  if (state.dragging) {
    const float a = std::clamp(std::min(state.drag_from, mouse.x), x0, x1);
    const float b = std::clamp(std::max(state.drag_from, mouse.x), x0, x1);
    list.AddRectFilled({a, y0}, {b, y1}, ui.theme.selection);
    if (!ImGui::IsMouseDown(0)) {
      state.dragging = false;
      if (b - a >= ui.theme.px(3)) {
        result.selected = true;
        // Whole buckets: what the user covered is what was counted.
        const auto down = [&](Ticks t) { return counts.begin + (t - counts.begin) / counts.bucket_ticks * counts.bucket_ticks; };
        result.begin = down(axis.time_at(a));
        result.end = down(axis.time_at(b)) + counts.bucket_ticks;
      }
    }
  }
  list.PopClipRect();
  if (hovered && ImGui::IsMouseDoubleClicked(0)) {
    state.view_begin = state.view_end = app::no_time;
    state.dragging = false;
    result.cleared = true;
  }
  const float wheel = hovered ? ImGui::GetIO().MouseWheel : 0;
  if (wheel != 0) {
    const double span = double(axis.end - axis.begin) * (wheel > 0 ? 0.7 : 1 / 0.7);
    const double share = std::clamp(double(mouse.x - x0) / double(std::max(x1 - x0, 1.f)), 0.0, 1.0);
    const double center = double(axis.time_at(mouse.x) - all.begin);
    const double longest = double(all_end - all.begin);
    const double wanted = std::clamp(span, std::min(double(least_zoom), longest), longest);
    const double begin = std::clamp(center - wanted * share, 0.0, longest - wanted);
    state.view_begin = all.begin + Ticks(begin);
    state.view_end = all.begin + Ticks(begin + wanted);
    if (wanted >= longest) state.view_begin = state.view_end = app::no_time;
  }
  draw_axis(ui, list, axis, y1);
  if (hovered && !state.dragging && mouse.x >= x0 && mouse.y < y1) {
    const auto bucket = size_t(std::clamp<int64_t>((axis.time_at(mouse.x) - counts.begin) / counts.bucket_ticks, 0, int64_t(counts.buckets.size()) - 1));
    const Ticks begin = counts.begin + counts.bucket_ticks * Ticks(bucket);
    count_tooltip(ui, begin, begin + counts.bucket_ticks, counts.buckets[bucket], whole != nullptr ? sum(whole->buckets[bucket]) : 0);
  }
  return result;
}

}  // namespace ui
