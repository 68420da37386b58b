#include "ui/widgets/line_list.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "app/logs/parameters.h"
#include "engine/base/error.h"
#include "engine/base/text.h"
#include "imgui_internal.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/text.h"

namespace ui {
namespace {

using app::RowId;

// A line longer than this is drawn cut, with its length said; the details pane has all of it.
constexpr size_t max_drawn_bytes = 16 * 1024;
constexpr uint32_t max_unfolded_units = 2000;

struct Columns {
  float mark, number, time, source, text;   // x of each, from the left edge
  float bar;                                // width of the scroll bar
  bool has_time;
};

ImU32 evidence_color(const Theme& theme) { return theme.series[4]; }

class List {
 public:
  List(Ui& ui, LineListState& state, const LineListInput& input, ImVec2 origin, ImVec2 size)
      : ui_(ui), state_(state), input_(input), origin_(origin), size_(size),
        list_(*ImGui::GetWindowDrawList()), n_(n_listed(input)) {
    line_height_ = std::round(ImGui::GetFontSize() * (ui.compact_rows ? 1.18f : 1.42f));
    char_width_ = text_width(ui, "0", Face::mono);
  }

  LineListResult run(bool hovered, bool active);

 private:
  void prepare();
  void layout_columns();
  void take_keys();
  void move_by(double pixels);
  void move_to_offset(double pixels);
  double offset() const;
  double total() const { return double(state_.heights.total_units()) * line_height_; }
  double view_height() const { return size_.y; }
  void scroll_to_middle(uint64_t index);
  void show_selected();

  uint32_t units_of(const RowText& row, RowId id);
  std::vector<std::string_view> visual_lines(const RowText& row, std::string_view text, RowId id, bool& cut);
  void draw_row(uint64_t index, float y, uint32_t& units);
  void draw_line_text(std::string_view line, size_t header_bytes, float x, float y, ImU32 color);
  void draw_scroll_bar();
  void draw_legend(const ScrollMarks& marks, ImU32 match_color);
  void handle_mouse(bool hovered);
  void copy_selected();

  Ui& ui_;
  LineListState& state_;
  const LineListInput& input_;
  ImVec2 origin_, size_;
  ImDrawList& list_;
  uint64_t n_;
  float line_height_, char_width_;
  Columns columns_{};
  LineListResult result_;
  std::optional<uint64_t> hovered_;
  RowId hovered_row_ = app::no_row;
  std::string hovered_text_;
  float fold_x0_ = 0, fold_x1_ = 0;
};

void List::prepare() {
  const float text_room = size_.x - columns_.text - columns_.bar;
  const void* rows = input_.rows;
  if (state_.session != input_.session || rows != state_.measured_rows) {
    // Another list: heights and places belong to the old one. The shell brings the row back.
    const bool other_session = state_.session != input_.session;
    state_.session = input_.session;
    state_.measured_rows = rows;
    state_.heights.clear();
    state_.anchor = std::min(state_.anchor, n_ == 0 ? 0 : n_ - 1);
    state_.longest = 0;
    if (other_session) {
      state_.anchor = 0;
      state_.anchor_pixels = 0;
      // A link may have chosen a row of the new log before the list was first drawn.
      if (!state_.scroll_to) state_.has_selection = false;
      state_.unfolded.clear();
      state_.scroll_x = 0;
    }
  }
  if (state_.wrap && std::abs(text_room - state_.measured_width) > 0.5f) state_.heights.clear();
  state_.measured_width = text_room;
  state_.heights.resize(n_);
  if (n_ == 0) {
    state_.anchor = 0;
    state_.anchor_pixels = 0;
    state_.has_selection = false;
  } else {
    state_.anchor = std::min(state_.anchor, n_ - 1);
    state_.selected = std::min(state_.selected, n_ - 1);
    state_.selected_from = std::min(state_.selected_from, n_ - 1);
  }
}

void List::layout_columns() {
  uint64_t most_lines = 1;
  bool has_time = false;
  for (const app::Source& source : input_.log.sources()) {
    most_lines = std::max(most_lines, source.n_lines);
    has_time |= source.first_time != app::no_time;
  }
  most_lines = std::max<uint64_t>(most_lines, input_.log.n_rows());
  const float gap = ui_.theme.px(10);
  const auto digits = float(std::to_string(most_lines).size());
  // Where the lines carry their time themselves, a column of it would only repeat it.
  if (has_time && n_ > 0)
    if (const auto row = input_.cache.row(row_at(input_, std::min(state_.anchor, n_ - 1))); row && row->time != app::no_time) {
      const std::string minutes = short_time_text(row->time).substr(3, 5);
      has_time = (!state_.raw && !readable(*row).empty()) || first_line(row->raw).substr(0, 64).find(minutes) == std::string_view::npos;
    }
  columns_.mark = ui_.theme.px(10);
  columns_.number = columns_.mark + ui_.theme.px(12);
  columns_.time = columns_.number + char_width_ * digits + gap;
  columns_.has_time = has_time;
  columns_.source = columns_.time + (has_time ? char_width_ * 12 + gap : 0);
  columns_.text = columns_.source + (input_.show_source ? char_width_ * 14 + gap : 0);
  columns_.bar = ui_.theme.px(14);
}

double List::offset() const {
  return double(state_.heights.offset_of(state_.anchor)) * line_height_ + state_.anchor_pixels;
}

void List::move_to_offset(double pixels) {
  const double most = std::max(0.0, total() - view_height());
  pixels = std::clamp(pixels, 0.0, most);
  const auto unit = uint64_t(pixels / line_height_);
  const HeightIndex::Position at = state_.heights.at(unit);
  state_.anchor = at.row;
  state_.anchor_pixels =
      double(at.unit) * line_height_ + (pixels - double(unit) * line_height_);
}

void List::move_by(double pixels) {
  if (pixels != 0) move_to_offset(offset() + pixels);
}

void List::scroll_to_middle(uint64_t index) {
  if (index >= n_) return;
  const double top = double(state_.heights.offset_of(index)) * line_height_;
  move_to_offset(top - (view_height() - line_height_) / 2);
}

void List::show_selected() {
  const double top = double(state_.heights.offset_of(state_.selected)) * line_height_;
  const double bottom = top + double(state_.heights.units(state_.selected)) * line_height_;
  const double now = offset();
  if (top < now) move_to_offset(top);
  else if (bottom > now + view_height()) move_to_offset(bottom - view_height());
}

void List::take_keys() {
  if (n_ == 0) return;
  const auto page = uint64_t(std::max(1.0, view_height() / line_height_ - 1));
  const auto go = [&](uint64_t index) {
    state_.selected = std::min(index, n_ - 1);
    if (!ImGui::GetIO().KeyShift) state_.selected_from = state_.selected;
    state_.has_selection = true;
    result_.selection_changed = true;
    show_selected();
  };
  const uint64_t at = state_.selected;
  for (unsigned mods : {unsigned(no_mods), unsigned(shift)}) {
    if (pressed(Key::down, mods, true)) go(at + 1);
    if (pressed(Key::up, mods, true)) go(at > 0 ? at - 1 : 0);
    if (pressed(Key::page_down, mods, true)) go(at + page);
    if (pressed(Key::page_up, mods, true)) go(at > page ? at - page : 0);
    if (pressed(Key::home, mods)) go(0);
    if (pressed(Key::end, mods)) go(n_ - 1);
  }
  if (pressed(Key::a, ctrl)) {
    state_.selected_from = 0;
    state_.selected = n_ - 1;
    state_.has_selection = true;
  }
  if (pressed(Key::enter, no_mods) && state_.has_selection) result_.activated = true;
  if (ui_.take(Command::copy_selection)) copy_selected();
}

void List::copy_selected() {
  if (!state_.has_selection) return;
  const auto [from, to] = std::minmax(state_.selected, state_.selected_from);
  constexpr uint64_t most_copied = 100'000;
  std::string out;
  uint64_t n_missing = 0;
  for (uint64_t i = from; i <= std::min(to, from + most_copied - 1); ++i) {
    const auto row = input_.cache.row(row_at(input_, i));
    if (row) {
      out += row->raw;
      out += '\n';
    } else {
      ++n_missing;
    }
  }
  if (to - from + 1 > most_copied) n_missing += to - from + 1 - most_copied;
  ui_.copy(out);
  const uint64_t n = to - from + 1;
  ui_.toast(n_missing == 0
                ? engine::format("Copied %s line%s", with_commas(n).c_str(), n == 1 ? "" : "s")
                : engine::format("Copied %s of %s lines: the rest is not in memory; export a query "
                                 "result to get all",
                                 with_commas(n - n_missing).c_str(), with_commas(n).c_str()));
}

std::vector<std::string_view> List::visual_lines(const RowText& row, std::string_view text, RowId id, bool& cut) {
  std::vector<std::string_view> lines;
  const bool open = (row.n_lines > 1 || text.find('\n') != std::string_view::npos) && state_.unfolded.count(id) > 0;
  std::string_view rest = open ? text : first_line(text);
  cut = rest.size() > max_drawn_bytes && !open;
  if (cut) {
    size_t end = max_drawn_bytes;
    while (end > 0 && (static_cast<unsigned char>(rest[end]) & 0xC0) == 0x80) --end;
    rest = rest.substr(0, end);
  }
  ImFont* font = font_of(ui_, Face::mono);
  const float room = std::max(state_.measured_width - ui_.theme.px(8), char_width_ * 8);
  while (lines.size() < max_unfolded_units) {
    const size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    if (!state_.wrap) {
      lines.push_back(line.substr(0, max_drawn_bytes));
    } else {
      do {
        const char* stop = nullptr;
        font->CalcTextSizeA(ImGui::GetFontSize(), room, 0, line.data(), line.data() + line.size(),
                            &stop);
        size_t n = stop == nullptr ? line.size() : size_t(stop - line.data());
        if (n == 0 && !line.empty()) n = 1;
        // Break after a blank where there is one in the last third.
        if (n < line.size()) {
          const size_t blank = line.substr(0, n).find_last_of(" ,;/");
          if (blank != std::string_view::npos && blank > n * 2 / 3) n = blank + 1;
        }
        lines.push_back(line.substr(0, n));
        line.remove_prefix(n);
      } while (!line.empty() && lines.size() < max_unfolded_units);
    }
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  if (lines.empty()) lines.emplace_back();
  return lines;
}

// header_bytes: the part before the message (time, level, host), drawn dim.
void List::draw_line_text(std::string_view line, size_t header_bytes, float x, float y, ImU32 color) {
  // Search terms behind the text, each in its colour.
  for (const SearchTerm& term : input_.terms) {
    if (term.text.empty()) continue;
    const std::string lower = engine::to_lower_ascii(line);
    const std::string wanted = engine::to_lower_ascii(term.text);
    for (size_t at = lower.find(wanted); at != std::string::npos;
         at = lower.find(wanted, at + wanted.size())) {
      const float a = x + text_width(ui_, line.substr(0, at), Face::mono);
      const float b = a + text_width(ui_, line.substr(at, wanted.size()), Face::mono);
      list_.AddRectFilled({a, y}, {b, y + line_height_}, with_alpha(term.color, 0.38f),
                          ui_.theme.px(2));
    }
  }
  const float dy = std::round((line_height_ - ImGui::GetFontSize()) / 2);
  const std::string_view header = line.substr(0, header_bytes);
  draw_text(ui_, list_, {x, y + dy}, ui_.theme.dim, header, Face::mono);
  draw_text(ui_, list_, {x + text_width(ui_, header, Face::mono), y + dy}, color, line.substr(header.size()), Face::mono);
}

void List::draw_row(uint64_t index, float y, uint32_t& units) {
  const RowId id = row_at(input_, index);
  const float dy = std::round((line_height_ - ImGui::GetFontSize()) / 2);
  const auto row = input_.cache.row(id);
  units = state_.heights.units(index);
  if (!row) {
    // Not read yet: the place is kept, the text comes in a later frame.
    list_.AddRectFilled({origin_.x + columns_.text, y + line_height_ * 0.35f},
                        {origin_.x + columns_.text + size_.x * 0.3f, y + line_height_ * 0.65f},
                        with_alpha(ui_.theme.border, 0.6f), ui_.theme.px(3));
    return;
  }
  bool cut = false;
  const std::string own = state_.raw ? std::string() : readable(*row);
  const std::string_view text = own.empty() ? row->raw : std::string_view(own);
  const auto lines = visual_lines(*row, text, id, cut);
  units = uint32_t(lines.size());
  state_.heights.set_units(index, units);
  const float height = float(units) * line_height_;
  const ImVec2 a{origin_.x, y}, b{origin_.x + size_.x - columns_.bar, y + height};

  // Background: selection, evidence, flash.
  const auto [from, to] = std::minmax(state_.selected, state_.selected_from);
  const bool is_selected = state_.has_selection && index >= from && index <= to;
  if (is_selected) list_.AddRectFilled(a, b, ui_.theme.selected);
  else if (hovered_ == index) list_.AddRectFilled(a, b, with_alpha(ui_.theme.hovered, 0.6f));
  else if (row->level >= app::Level::error)
    list_.AddRectFilled(a, b, with_alpha(ui_.theme.levels[int(row->level)], 0.07f));
  if (const float share = ui_.flash_share(id); share > 0) {
    list_.AddRectFilled(a, b, with_alpha(ui_.theme.flash, share));
    ui_.probe("flashed_line", row->raw, a, b, id);
  }
  const bool in_checks = input_.checks != nullptr && input_.checks->count(id) > 0;
  const bool in_evidence = input_.evidence != nullptr && input_.evidence->count(id) > 0;
  if (in_checks || in_evidence)
    list_.AddRectFilled(a, {a.x + ui_.theme.px(3), b.y}, in_checks ? ui_.theme.accent : evidence_color(ui_.theme));
  if (input_.bookmarks != nullptr && input_.bookmarks->count(id) > 0)
    draw_text(ui_, list_, {a.x + ui_.theme.px(1), y + dy}, ui_.theme.warning, "★");

  draw_level_mark(list_, {a.x + columns_.mark, y + line_height_ / 2}, ui_.theme.px(4), row->level,
                  ui_.theme);
  const std::string number = std::to_string(row->line);
  const float number_x =
      origin_.x + columns_.time - ui_.theme.px(10) - text_width(ui_, number, Face::mono);
  draw_text(ui_, list_, {number_x, y + dy}, ui_.theme.faint, number, Face::mono);
  if (columns_.has_time && row->time != app::no_time)
    draw_text(ui_, list_, {origin_.x + columns_.time, y + dy}, ui_.theme.dim,
              short_time_text(row->time), Face::mono);
  if (input_.show_source)
    draw_text(ui_, list_, {origin_.x + columns_.source, y + dy}, ui_.theme.dim,
              fit_text(ui_, row->source_name, char_width_ * 14, Face::mono), Face::mono);

  // The text, moved by the horizontal scroll and clipped to its column.
  const float text_x = origin_.x + columns_.text;
  list_.PushClipRect({text_x, std::max(y, origin_.y)},
                     {b.x, std::min(y + height, origin_.y + size_.y)}, true);
  const ImU32 color = row->level >= app::Level::warning
                          ? mix(ui_.theme.text, ui_.theme.levels[int(row->level)], 0.45f)
                      : row->level == app::Level::debug || row->level == app::Level::trace
                          ? ui_.theme.dim
                          : ui_.theme.text;
  float line_y = y;
  size_t header = text.find(row->message);
  if (header == std::string_view::npos || row->message.empty()) header = 0;
  for (std::string_view line : lines) {
    draw_line_text(line, std::exchange(header, 0), text_x - state_.scroll_x, line_y, color);
    line_y += line_height_;
  }
  // Unwrapped: the fold badge stands behind the first line.
  const float first_width = text_width(ui_, lines.front(), Face::mono);
  if (!state_.wrap) state_.longest = std::max(state_.longest, first_width);
  std::string badge;
  const auto n_more = uint32_t(own.empty() ? row->n_lines - 1 : std::count(own.begin(), own.end(), '\n'));
  if (n_more > 0) badge = state_.unfolded.count(id) > 0 ? "▾ fold" : engine::format(n_more == 1 ? "▸ +%u line" : "▸ +%u lines", n_more);
  if (cut)
    badge = engine::format("… %s more", bytes_text(first_line(text).size() - max_drawn_bytes).c_str());
  if (!badge.empty()) {
    const float width = text_width(ui_, badge) + ui_.theme.px(12);
    const float last_width = state_.wrap ? text_width(ui_, lines.back(), Face::mono) : first_width;
    const float badge_y = state_.wrap ? line_y - line_height_ : y;
    const float x = std::min(text_x - state_.scroll_x + last_width + ui_.theme.px(10), b.x - width);
    list_.AddRectFilled({x, badge_y + 1}, {x + width, badge_y + line_height_ - 1}, ui_.theme.chip,
                        ui_.theme.px(4));
    draw_text(ui_, list_, {x + ui_.theme.px(6), badge_y + dy}, ui_.theme.link, badge);
    ui_.probe("fold", badge, {x, badge_y}, {x + width, badge_y + line_height_}, id);
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    if (hovered_ == index && mouse.x >= x && mouse.x < x + width && mouse.y >= badge_y &&
        mouse.y < badge_y + line_height_) {
      ImGui::SetMouseCursor(ImGuiMouseCursor_Hand);
      fold_x0_ = x, fold_x1_ = x + width;
    }
  }
  list_.PopClipRect();
  if (hovered_ == index) {
    hovered_row_ = id;
    if (ImGui::IsMouseClicked(1)) hovered_text_ = row->raw.substr(0, 64 * 1024);
  }
  ui_.probe("line", std::to_string(row->line), a, b, id);
}

void List::draw_scroll_bar() {
  const float x0 = origin_.x + size_.x - columns_.bar, x1 = origin_.x + size_.x;
  const float y0 = origin_.y, y1 = origin_.y + size_.y;
  list_.AddRectFilled({x0, y0}, {x1, y1}, with_alpha(ui_.theme.raised, 0.6f));
  if (n_ == 0) return;
  const double all = std::max(total(), view_height());
  const float least = ui_.theme.px(28);
  const float grab = std::max(least, float(view_height() / all) * size_.y);
  const double movable = std::max(all - view_height(), 1e-9);
  const float y = y0 + float(offset() / movable) * (size_.y - grab);
  const ImVec2 mouse = ImGui::GetIO().MousePos;
  const bool over = mouse.x >= x0 && mouse.x < x1 && mouse.y >= y0 && mouse.y < y1;
  if (over && ImGui::IsItemClicked(0)) state_.dragging_bar = true;
  if (!ImGui::IsMouseDown(0)) state_.dragging_bar = false;
  if (state_.dragging_bar && size_.y > grab) {
    const double share = double((mouse.y - y0 - grab / 2) / (size_.y - grab));
    move_to_offset(std::clamp(share, 0.0, 1.0) * movable);
  }
  if (total() > view_height())
    list_.AddRectFilled({x0 + ui_.theme.px(2), y}, {x1 - ui_.theme.px(2), y + grab},
                        state_.dragging_bar || over ? ui_.theme.border_strong
                                                    : with_alpha(ui_.theme.border_strong, 0.85f),
                        ui_.theme.px(5));
  // Ticks over the grab, in three lanes: lines that matter, search terms, levels. What is crowded is
  // drawn stronger, so that a log full of errors still shows where most are.
  const ScrollMarks marks = input_.cache.marks();
  const float lane = std::floor(columns_.bar / 3);
  const float tick = std::max(2.f, size_.y / float(n_scroll_marks));
  uint32_t most_bad = 1, most_matches = 1;
  for (size_t i = 0; i < n_scroll_marks; ++i) {
    most_bad = std::max(most_bad, marks.n_bad[i]);
    most_matches = std::max(most_matches, marks.n_matches[i]);
  }
  const auto strength = [](uint32_t n, uint32_t most) { return 0.35f + 0.65f * std::sqrt(float(n) / float(most)); };
  const ImU32 match_color = input_.terms.empty() ? ui_.theme.series[1] : input_.terms.front().color;
  for (size_t i = 0; i < n_scroll_marks; ++i) {
    const float ty = y0 + size_.y * float(i) / float(n_scroll_marks);
    if (marks.worst[i] != 0)
      list_.AddRectFilled({x1 - lane, ty}, {x1, ty + tick}, with_alpha(ui_.theme.levels[marks.worst[i]], strength(marks.n_bad[i], most_bad)));
    if (marks.n_matches[i] != 0)
      list_.AddRectFilled({x0 + lane, ty}, {x1 - lane, ty + tick}, with_alpha(match_color, strength(marks.n_matches[i], most_matches)));
  }
  const auto mark_rows = [&](const std::set<RowId>* rows, ImU32 color) {
    if (rows == nullptr) return;
    for (RowId row : *rows)
      if (const auto index = index_of(input_, row)) {
        const float ty = y0 + size_.y * float(double(*index) / double(n_));
        list_.AddRectFilled({x0, ty}, {x0 + lane, ty + ui_.theme.px(3)}, color);
      }
  };
  mark_rows(input_.evidence, evidence_color(ui_.theme));
  mark_rows(input_.checks, ui_.theme.accent);
  mark_rows(input_.bookmarks, ui_.theme.warning);
  ui_.probe("scroll_marks", engine::format("%s matches", with_commas(marks.n_all_matches).c_str()), {x0, y0}, {x1, y1});
  if (over && !state_.dragging_bar) draw_legend(marks, match_color);
}

// What the colours beside the scroll bar mean, with counts where they are known.
void List::draw_legend(const ScrollMarks& marks, ImU32 match_color) {
  ImGui::BeginTooltip();
  const auto row = [&](ImU32 color, const std::string& name) {
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float side = ImGui::GetFontSize() * 0.6f, dy = ImGui::GetFontSize() * 0.2f;
    ImGui::GetWindowDrawList()->AddRectFilled({at.x, at.y + dy}, {at.x + side, at.y + dy + side}, color);
    ImGui::SetCursorPosX(ImGui::GetCursorPosX() + side + ui_.theme.px(8));
    ImGui::TextUnformatted(name.c_str());
    ui_.note_drawn(name);
  };
  const auto count = [](const std::set<RowId>* rows) { return rows == nullptr ? std::string("0") : with_commas(rows->size()); };
  row(ui_.theme.accent, "lines of findings: " + count(input_.checks));
  row(evidence_color(ui_.theme), "evidence of the answer: " + count(input_.evidence));
  row(ui_.theme.warning, "bookmarks: " + count(input_.bookmarks));
  if (!input_.terms.empty())
    row(match_color, "lines with a search term: " + with_commas(marks.n_all_matches) + (marks.matches_complete ? "" : " so far"));
  row(ui_.theme.levels[int(app::Level::error)], "errors");
  row(ui_.theme.levels[int(app::Level::warning)], "warnings");
  ImGui::EndTooltip();
}

void List::handle_mouse(bool hovered) {
  const ImGuiIO& io = ImGui::GetIO();
  if (hovered && !io.KeyCtrl) {
    move_by(-double(io.MouseWheel) * line_height_ * 3);
    const float sideways = io.MouseWheelH + (io.KeyShift ? io.MouseWheel : 0);
    if (!state_.wrap) state_.scroll_x -= sideways * char_width_ * 8;
  }
  const float text_room = size_.x - columns_.text - columns_.bar;
  state_.scroll_x = state_.wrap
                        ? 0
                        : std::clamp(state_.scroll_x, 0.f, std::max(0.f, state_.longest + char_width_ * 16 - text_room));
}

LineListResult List::run(bool hovered, bool active) {
  layout_columns();
  prepare();
  if (state_.scroll_to) {
    scroll_to_middle(*state_.scroll_to);
    state_.scroll_to.reset();
  }
  handle_mouse(hovered);
  if (ImGui::IsWindowFocused() && !ImGui::GetIO().WantTextInput) {
    result_.focused = true;
    take_keys();
  }
  move_to_offset(offset());

  // Which row is under the mouse.
  const ImVec2 mouse = ImGui::GetIO().MousePos;
  const bool over_text = mouse.x < origin_.x + size_.x - columns_.bar;
  if (hovered && over_text && n_ > 0 && mouse.y >= origin_.y) {
    const double pixels = offset() + double(mouse.y - origin_.y);
    if (pixels < total()) hovered_ = state_.heights.at(uint64_t(pixels / line_height_)).row;
  }

  list_.PushClipRect(origin_, {origin_.x + size_.x, origin_.y + size_.y}, true);
  float y = origin_.y - float(state_.anchor_pixels);
  for (uint64_t index = state_.anchor; index < n_ && y < origin_.y + size_.y; ++index) {
    uint32_t units = 1;
    draw_row(index, y, units);
    y += float(units) * line_height_;
  }
  draw_scroll_bar();
  list_.PopClipRect();

  if (hovered_ && ImGui::IsItemClicked(0) && !state_.dragging_bar) {
    const bool on_badge = mouse.x >= fold_x0_ && mouse.x < fold_x1_ && hovered_row_ != app::no_row;
    if (on_badge) {
      if (state_.unfolded.erase(hovered_row_) == 0) state_.unfolded.insert(hovered_row_);
    } else {
      state_.selected = *hovered_;
      if (!ImGui::GetIO().KeyShift) state_.selected_from = *hovered_;
      state_.has_selection = true;
      result_.selection_changed = true;
      if (ImGui::IsMouseDoubleClicked(0)) result_.activated = true;
    }
  } else if (active && hovered_ && !state_.dragging_bar && ImGui::IsMouseDragging(0, 4)) {
    state_.selected = *hovered_;
    result_.selection_changed = true;
  }
  if (hovered_ && hovered && ImGui::IsMouseClicked(1)) {
    if (!state_.has_selection || state_.selected_from == state_.selected)
      select(state_, *hovered_, false);
  }
  if (state_.has_selection && n_ > 0) result_.current = row_at(input_, state_.selected);
  return result_;
}

}  // namespace

std::string readable(const RowText& row) {
  if (row.message.empty() || row.raw.empty() || row.raw.front() != '{') return {};
  // What would not fit a screen's width anyway.
  constexpr size_t most_fields_bytes = 400;
  std::string out;
  if (!row.process.empty()) out = std::string(row.process) + ": ";
  out += row.message;
  // Behind the message's first line, so that a stack trace in it still folds.
  std::string fields;
  app::logs::each_field(row.properties, [&](std::string_view path, std::string_view value) {
    if (fields.size() > most_fields_bytes) return;
    fields += "  ";
    fields += path;
    fields += '=';
    fields += value.substr(0, std::min(value.find('\n'), most_fields_bytes));
  });
  out.insert(std::min(out.find('\n'), out.size()), fields);
  return out;
}

std::string_view first_line(std::string_view raw) { return raw.substr(0, raw.find('\n')); }

uint64_t n_listed(const LineListInput& input) {
  return input.rows != nullptr ? input.rows->size() : input.log.n_rows();
}

RowId row_at(const LineListInput& input, uint64_t index) {
  return input.rows != nullptr ? (*input.rows)[index] : RowId(index);
}

std::optional<uint64_t> index_of(const LineListInput& input, RowId row) {
  if (input.rows == nullptr)
    return row < input.log.n_rows() ? std::optional<uint64_t>(row) : std::nullopt;
  const auto found = std::lower_bound(input.rows->begin(), input.rows->end(), row);
  if (found == input.rows->end() || *found != row) return std::nullopt;
  return uint64_t(found - input.rows->begin());
}

void select(LineListState& state, uint64_t index, bool bring_to_middle) {
  state.selected = state.selected_from = index;
  state.has_selection = true;
  if (bring_to_middle) state.scroll_to = index;
}

LineListResult line_list(Ui& ui, const char* id, LineListState& state, const LineListInput& input,
                         ImVec2 size) {
  size.x = std::max(size.x, ui.theme.px(60));
  size.y = std::max(size.y, ImGui::GetTextLineHeight());
  const ImVec2 origin = ImGui::GetCursorScreenPos();
  ImGui::PushID(id);
  ImGui::InvisibleButton("lines", size);
  const bool hovered = ImGui::IsItemHovered();
  const bool active = ImGui::IsItemActive();
  List list(ui, state, input, origin, size);
  LineListResult result = list.run(hovered, active);
  if (state.has_selection && result.current != app::no_row) {
    if (const auto row = input.cache.row(result.current))
      item_menu(ui, "menu", row->raw.substr(0, 64 * 1024), result.current, "L" + std::to_string(row->line));
  }
  ImGui::PopID();
  return result;
}

}  // namespace ui
