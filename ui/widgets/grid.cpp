#include "ui/widgets/grid.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <utility>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/links.h"
#include "ui/widgets/text.h"

namespace ui {
namespace {

using app::columns::Type;
using app::kql::ResultTable;

bool is_number(Type type) {
  return type == Type::int32 || type == Type::int64 || type == Type::real || type == Type::datetime ||
         type == Type::timespan || type == Type::boolean;
}

// Numbers by value, the rest by text; nulls last whatever the direction.
void sort_rows(GridState& state, const ResultTable& table) {
  const uint64_t n = std::min(table.n_rows, max_grid_rows);
  state.order.clear();
  state.filtered_for = state.filter;
  for (uint32_t row = 0; row < n; ++row) {
    bool pass = state.filter.empty();
    for (size_t c = 0; c < table.columns.size() && !pass; ++c) pass = engine::contains_ignoring_case(table.text(row, c), state.filter);
    if (pass) state.order.push_back(row);
  }
  state.at = state.anchor = -1;
  state.statistics = {};
  if (state.sort_column < 0 || size_t(state.sort_column) >= table.columns.size()) return;
  const auto c = size_t(state.sort_column);
  struct Keyed {
    uint32_t row;
    bool null;
    double number;
    std::string text;
  };
  const bool numeric = is_number(table.columns[c].type);
  std::vector<Keyed> keyed;
  keyed.reserve(state.order.size());
  for (const uint32_t row : state.order) {
    Keyed k{row, table.is_null(row, c), 0, {}};
    if (numeric) {
      const auto [chunk, at] = table.locate(row);
      const auto& column = chunk->columns[c];
      k.number = table.columns[c].type == Type::real ? column.f64(at) : double(column.i64(at));
    } else {
      k.text = table.text(row, c);
    }
    keyed.push_back(std::move(k));
  }
  std::stable_sort(keyed.begin(), keyed.end(), [&](const Keyed& a, const Keyed& b) {
    if (a.null != b.null) return b.null;
    if (state.descending) return numeric ? a.number > b.number : a.text > b.text;
    return numeric ? a.number < b.number : a.text < b.text;
  });
  for (size_t i = 0; i < keyed.size(); ++i) state.order[i] = keyed[i].row;
}

void prepare(GridState& state, const ResultTable& table) {
  if (state.shown == &table) {
    if (state.filter != state.filtered_for) sort_rows(state, table);
    return;
  }
  state.filter.clear();
  state.hidden.clear();
  state.shown = &table;
  state.selected_row = -1;
  state.sort_column = -1;
  sort_rows(state, table);
  state.empty_columns.assign(table.columns.size(), true);
  for (size_t c = 0; c < table.columns.size(); ++c)
    for (uint64_t row = 0; row < state.order.size() && state.empty_columns[c]; ++row)
      if (!table.text(row, c).empty()) state.empty_columns[c] = false;
}

// Selects the row that a link leads to; a filter that hides it is taken off.
void take_wanted(GridState& state, const ResultTable& table, Ui& ui) {
  if (state.wanted_row < 0) return;
  const auto wanted = uint32_t(std::exchange(state.wanted_row, -1));
  auto found = std::find(state.order.begin(), state.order.end(), wanted);
  if (found == state.order.end() && !state.filter.empty()) {
    state.filter.clear();
    sort_rows(state, table);
    found = std::find(state.order.begin(), state.order.end(), wanted);
  }
  if (found == state.order.end()) return ui.toast("The result has no row " + with_commas(wanted + 1) + " any more");
  state.at = state.anchor = found - state.order.begin();
  state.at_column = state.anchor_column = 0;
  state.selected_row = wanted;
  state.selected_column = 0;
  state.focus_row = true;
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string out = "\"";
  for (char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

std::string one_line(std::string text, CopyFormat format) {
  for (char& c : text)
    if (c == '\n' || c == '\t' || c == '\r') c = ' ';
  if (format != CopyFormat::markdown) return text;
  std::string out;
  for (char c : text) out += c == '|' ? "\\|" : std::string(1, c);
  return out;
}

std::string json_string(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\', out += c;
    else if (c == '\n') out += "\\n";
    else if (static_cast<unsigned char>(c) < 0x20) out += engine::format("\\u%04x", c);
    else out += c;
  }
  return out + "\"";
}

void copy_menu(Ui& ui, GridState& state, const ResultTable& table) {
  if (!ImGui::BeginPopupContextItem("copy_menu")) return;
  const auto row = uint32_t(std::max<int64_t>(state.selected_row, 0));
  const auto column = size_t(std::max(state.selected_column, 0));
  const std::string cell = table.text(row, column);
  if (menu_item(ui, "Copy cell", "Ctrl+C")) ui.copy(cell);
  const auto entries = [&](const std::vector<uint32_t>& rows) {
    const std::pair<const char*, CopyFormat> formats[] = {{"as TSV", CopyFormat::tsv}, {"as CSV", CopyFormat::csv},
                                                          {"as JSON", CopyFormat::json}, {"as Markdown", CopyFormat::markdown}};
    for (const auto& [name, format] : formats)
      if (menu_item(ui, name)) ui.copy(rows_as(table, format, rows));
  };
  if (ImGui::BeginMenu("Copy row")) {
    entries({row});
    ImGui::EndMenu();
  }
  if (ImGui::BeginMenu("Copy all rows")) {
    std::vector<uint32_t> all(table.n_rows);
    std::iota(all.begin(), all.end(), 0u);
    entries(all);
    ImGui::EndMenu();
  }
  if (state.query > 0 && menu_item(ui, "Copy the reference to the row")) ui.copy(reference_text({Link::Kind::query_row, state.query, int64_t(row) + 1}));
  ImGui::Separator();
  if (menu_item(ui, "Ask about this")) ui.ask({Request::Kind::ask, (state.query > 0 ? "In " + reference_text({Link::Kind::query_row, state.query, int64_t(row) + 1}) + ":\n" : "") + rows_as(table, CopyFormat::markdown, {row})});
  if (menu_item(ui, "Keep rows with this")) state.filter = cell;
  if (menu_item(ui, "Expand the row", "Enter")) state.expanded = true;
  if (menu_item(ui, "Filter the log by this")) ui.ask({Request::Kind::filter_in, cell});
  if (row < table.row_ids.size() && menu_item(ui, "Show in Logs")) ui.jump_to(table.row_ids[row]);
  ImGui::EndPopup();
}

app::Level level_of(const std::string& text) {
  for (int level = 1; level < app::n_levels; ++level)
    if (text == app::level_names[level]) return app::Level(level);
  return app::Level::none;
}

// The part of a selection: rows as places in the order, columns as places among those shown.
struct Range {
  size_t first = 0, last = 0, first_column = 0, last_column = 0;
  bool holds(size_t row, size_t column) const { return row >= first && row <= last && column >= first_column && column <= last_column; }
};
Range range_of(const GridState& state) {
  return {size_t(std::min(state.at, state.anchor)), size_t(std::max(state.at, state.anchor)), size_t(std::min(state.at_column, state.anchor_column)),
          size_t(std::max(state.at_column, state.anchor_column))};
}

void note_selection(GridState& state, const ResultTable& table, const std::vector<size_t>& shown) {
  if (state.at < 0 || state.at >= int64_t(state.order.size()) || state.at_column < 0 || state.at_column >= int(shown.size())) return;
  state.selected_row = state.order[size_t(state.at)];
  state.selected_column = int(shown[size_t(state.at_column)]);
  const Range range = range_of(state);
  const std::vector<size_t> columns(shown.begin() + long(range.first_column), shown.begin() + long(std::min(range.last_column + 1, shown.size())));
  state.statistics = cell_statistics(table, state.order, range.first, range.last, columns);
}

void move_with_keys(GridState& state, const ResultTable& table, const std::vector<size_t>& shown) {
  if (state.at < 0 || state.order.empty()) return;
  const int64_t before = state.at;
  const int column = state.at_column;
  for (const unsigned mods : {unsigned(no_mods), unsigned(shift)}) {
    if (pressed(Key::down, mods, true)) ++state.at;
    if (pressed(Key::up, mods, true)) --state.at;
    if (pressed(Key::page_down, mods, true)) state.at += 20;
    if (pressed(Key::page_up, mods, true)) state.at -= 20;
    if (pressed(Key::right, mods, true)) ++state.at_column;
    if (pressed(Key::left, mods, true)) --state.at_column;
    state.at = std::clamp<int64_t>(state.at, 0, int64_t(state.order.size()) - 1);
    state.at_column = std::clamp(state.at_column, 0, int(shown.size()) - 1);
    if (mods == no_mods && (state.at != before || state.at_column != column)) state.anchor = state.at, state.anchor_column = state.at_column;
  }
  if (pressed(Key::enter, no_mods)) state.expanded = !state.expanded;
  if (state.at == before && state.at_column == column) return;
  state.focus_row = true;
  note_selection(state, table, shown);
}

// The cells of a row below each other, in full.
void draw_row(Ui& ui, GridState& state, const ResultTable& table, ImVec2 size) {
  ImGui::BeginChild("row", size, true);
  const auto row = uint32_t(state.selected_row);
  if (button(ui, "Close the row", ButtonKind::quiet, "Enter closes it too")) state.expanded = false;
  if (row < table.row_ids.size() && table.row_ids[row] != app::no_row) {
    ImGui::SameLine();
    if (button(ui, "Show in Logs")) ui.jump_to(table.row_ids[row]);
  }
  for (size_t c = 0; c < table.columns.size(); ++c) {
    const std::string cell = table.text(row, c);
    const std::string type = std::string(" ") + app::columns::type_name(table.columns[c].type) + "  ";
    const Span spans[] = {{table.columns[c].name, ui.theme.link}, {type, ui.theme.faint}, {table.is_null(row, c) ? "null" : std::string_view(cell), ui.theme.text, Face::mono}};
    ImGui::PushID(int(c));
    rich_text(ui, "cell", spans, {.row = row < table.row_ids.size() ? table.row_ids[row] : app::no_row, .probe = "expanded_cell"});
    ImGui::PopID();
  }
  ImGui::EndChild();
}

// The menu of a column's title.
void column_menu(Ui& ui, GridState& state, const ResultTable& table, const std::vector<size_t>& shown, size_t place, GridResult& result) {
  const size_t column = shown[place];
  if (!ImGui::BeginPopupContextItem("column_menu")) return;
  const std::string& name = table.columns[column].name;
  const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; });
  const std::string in_query = plain ? name : "['" + name + "']";
  if (menu_item(ui, "Statistics of the column") && !state.order.empty()) {
    state.at = 0, state.anchor = int64_t(state.order.size()) - 1;
    state.at_column = state.anchor_column = int(place);
    note_selection(state, table, shown);
  }
  if (menu_item(ui, "Group by: add summarize")) result.add_to_query = "| summarize count() by " + in_query + "\n| sort by count_";
  if (menu_item(ui, "Distinct: add distinct")) result.add_to_query = "| distinct " + in_query;
  if (menu_item(ui, "Hide the column")) state.hidden.push_back(column);
  if (!state.hidden.empty() && menu_item(ui, "Show all columns")) state.hidden.clear();
  if (menu_item(ui, "Copy the name")) ui.copy(name);
  ImGui::EndPopup();
}

}  // namespace

CellStatistics cell_statistics(const ResultTable& table, const std::vector<uint32_t>& order, size_t first, size_t last, const std::vector<size_t>& columns) {
  CellStatistics s;
  std::set<std::string> values;
  constexpr size_t most_values = 20'000;
  for (const size_t c : columns) {
    const Type type = table.columns[c].type;
    const bool number = type == Type::int32 || type == Type::int64 || type == Type::real;
    for (size_t i = first; i <= last && i < order.size(); ++i) {
      ++s.n_cells;
      if (table.is_null(order[i], c)) {
        ++s.n_empty;
        continue;
      }
      const std::string text = table.text(order[i], c);
      if (text.empty()) ++s.n_empty;
      if (values.size() < most_values) values.insert(text);
      if (!number) {
        if (!text.empty() && (s.text_least.empty() || text < s.text_least)) s.text_least = text.substr(0, 60);
        if (text > s.text_greatest) s.text_greatest = text.substr(0, 60);
        continue;
      }
      const auto [chunk, at] = table.locate(order[i]);
      const double value = type == Type::real ? chunk->columns[c].f64(at) : double(chunk->columns[c].i64(at));
      if (std::isnan(value)) continue;
      s.least = s.n_numbers == 0 ? value : std::min(s.least, value);
      s.greatest = s.n_numbers == 0 ? value : std::max(s.greatest, value);
      s.sum += value;
      ++s.n_numbers;
    }
  }
  s.n_distinct = values.size();
  return s;
}

std::string statistics_text(const CellStatistics& s) {
  if (s.n_cells == 0) return {};
  const auto number = [](double v) { return v == std::floor(v) && std::abs(v) < 1e15 ? engine::format("%.0f", v) : engine::format("%.6g", v); };
  std::string text = "count " + with_commas(s.n_cells) + "   distinct " + with_commas(s.n_distinct);
  if (s.n_empty > 0) text += "   empty " + with_commas(s.n_empty);
  if (s.n_numbers > 0) {
    text += "   sum " + number(s.sum) + "   mean " + number(s.sum / double(s.n_numbers)) + "   min " + number(s.least) + "   max " + number(s.greatest);
  } else if (!s.text_least.empty()) {
    text += "   min " + s.text_least + "   max " + s.text_greatest;
  }
  return text;
}

std::string rows_as(const ResultTable& table, CopyFormat format, const std::vector<uint32_t>& rows) {
  std::string out;
  const size_t n = table.columns.size();
  if (format == CopyFormat::json) {
    out = "[";
    for (size_t r = 0; r < rows.size(); ++r) {
      out += r == 0 ? "\n  {" : ",\n  {";
      const auto [chunk, at] = table.locate(rows[r]);
      for (size_t c = 0; c < n; ++c)
        out += (c == 0 ? "" : ", ") + json_string(table.columns[c].name) + ": " +
               app::kql::cell_json(chunk->columns[c], at);
      out += "}";
    }
    return out + "\n]\n";
  }
  const bool markdown = format == CopyFormat::markdown;
  const char* separator = markdown ? " | " : format == CopyFormat::csv ? "," : "\t";
  const auto line = [&](const auto& cell) {
    if (markdown) out += "| ";
    for (size_t c = 0; c < n; ++c) {
      const std::string text = cell(c);
      out += (c == 0 ? "" : separator) + (format == CopyFormat::csv ? csv_cell(text) : one_line(text, format));
    }
    out += markdown ? " |\n" : "\n";
  };
  line([&](size_t c) { return table.columns[c].name; });
  if (markdown) line([&](size_t) { return std::string("---"); });
  for (uint32_t row : rows) line([&](size_t c) { return table.text(row, c); });
  return out;
}

GridResult grid(Ui& ui, const char* id, GridState& state, const ResultTable& table, ImVec2 size) {
  GridResult result;
  prepare(state, table);
  take_wanted(state, table, ui);
  const bool links = !table.row_ids.empty();
  std::vector<size_t> shown;
  for (size_t c = 0; c < table.columns.size() && shown.size() < max_grid_columns; ++c)
    if (!(state.hide_empty && state.empty_columns[c]) && std::find(state.hidden.begin(), state.hidden.end(), c) == state.hidden.end()) shown.push_back(c);
  if (shown.empty()) {
    text(ui, "all_hidden", "All columns are hidden or empty; hide fewer to see rows.", ui.theme.warning);
    if (!state.hidden.empty() && button(ui, "Show all columns")) state.hidden.clear();
    return result;
  }
  const int n_columns = int(shown.size()) + (links ? 1 : 0);
  constexpr ImGuiTableFlags flags = ImGuiTableFlags_ScrollX | ImGuiTableFlags_ScrollY | ImGuiTableFlags_Resizable |
                                    ImGuiTableFlags_Reorderable | ImGuiTableFlags_RowBg | ImGuiTableFlags_BordersInnerV |
                                    ImGuiTableFlags_Sortable | ImGuiTableFlags_SortTristate | ImGuiTableFlags_NoSavedSettings |
                                    ImGuiTableFlags_SizingFixedFit;
  ImGui::PushID(id);
  // Another table or other columns: ImGui must not reuse the widths.
  ImGui::PushID(&table);
  ImGui::PushID(int(shown.size()));
  const ImVec2 room = ImGui::GetContentRegionAvail();
  const float footer = ImGui::GetTextLineHeightWithSpacing() + ui.theme.px(2);
  const bool with_row = state.expanded && state.selected_row >= 0;
  const float below = with_row ? std::min(room.y * 0.45f, ui.theme.px(260)) : 0;
  if (size.y <= 0) size.y = std::max(room.y - footer - below, ui.theme.px(60));
  bool focused = false;
  if (ImGui::BeginTable("grid", n_columns, flags, size)) {
    ImGui::TableSetupScrollFreeze(links ? 1 : 0, 1);
    if (links) ImGui::TableSetupColumn("line", ImGuiTableColumnFlags_NoSort);
    for (size_t c : shown) {
      const bool wide = table.columns[c].name == "Message" || table.columns[c].name == "message" ||
                        table.columns[c].name == "Raw" || table.columns[c].name == "raw";
      ui.fonts.note_text(table.columns[c].name);
      ImGui::TableSetupColumn(table.columns[c].name.c_str(), ImGuiTableColumnFlags_WidthFixed,
                              wide ? ui.theme.px(520) : 0, ImGuiID(c));
    }
    ImGui::TableNextRow(ImGuiTableRowFlags_Headers);
    for (int i = 0; i < n_columns; ++i) {
      if (!ImGui::TableSetColumnIndex(i)) continue;
      const bool link_column = links && i == 0;
      const size_t place = size_t(i - (links ? 1 : 0));
      ImGui::PushID(i);
      ImGui::TableHeader(link_column ? "" : table.columns[shown[place]].name.c_str());
      if (!link_column) {
        const app::columns::ColumnInfo& column = table.columns[shown[place]];
        ui.note_drawn(column.name);
        ui.probe("grid_header", column.name, ImGui::GetItemRectMin(), ImGui::GetItemRectMax());
        if (ImGui::IsItemHovered()) ImGui::SetTooltip("%s: %s\nClick sorts, right-click: statistics, group by, hide", column.name.c_str(), app::columns::type_name(column.type));
        column_menu(ui, state, table, shown, place, result);
      }
      ImGui::PopID();
    }
    if (ImGuiTableSortSpecs* specs = ImGui::TableGetSortSpecs(); specs != nullptr && specs->SpecsDirty) {
      state.sort_column = specs->SpecsCount > 0 ? int(specs->Specs[0].ColumnUserID) : -1;
      state.descending = specs->SpecsCount > 0 && specs->Specs[0].SortDirection == ImGuiSortDirection_Descending;
      sort_rows(state, table);
      specs->SpecsDirty = false;
    }
    focused = ImGui::IsWindowFocused(ImGuiFocusedFlags_ChildWindows);
    const bool chosen = state.at >= 0 && state.at_column >= 0 && state.anchor >= 0;
    const Range range = chosen ? range_of(state) : Range{};
    ImGuiListClipper clipper;
    clipper.Begin(int(state.order.size()));
    if (state.focus_row && state.at >= 0) {
      const float row_height = ImGui::GetTextLineHeight() + ImGui::GetStyle().CellPadding.y * 2;
      const float y = row_height * float(state.at), top = ImGui::GetScrollY(), bottom = top + size.y - row_height * 3;
      if (y < top || y > bottom) ImGui::SetScrollY(std::max(0.f, y - size.y * 0.4f));
      state.focus_row = false;
    }
    while (clipper.Step()) {
      for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i) {
        const uint32_t row = state.order[size_t(i)];
        ImGui::TableNextRow();
        ImGui::PushID(int(row));
        if (links) {
          ImGui::TableNextColumn();
          const app::RowId link = row < table.row_ids.size() ? table.row_ids[row] : app::no_row;
          if (link != app::no_row && chip(ui, "link", "→", ui.theme.link, "query_row", link)) ui.jump_to(link);
        }
        for (size_t place = 0; place < shown.size(); ++place) {
          const size_t c = shown[place];
          if (!ImGui::TableNextColumn()) continue;
          ImGui::PushID(int(c));
          const std::string cell = table.text(row, c);
          const bool is_selected = chosen && range.holds(size_t(i), place);
          const ImVec2 at = ImGui::GetCursorScreenPos();
          const std::string line = one_line(cell.substr(0, 500), CopyFormat::tsv);
          const app::Level level = level_of(line);
          const bool null = table.is_null(row, c);
          const float width = text_width(ui, null ? std::string_view("null") : std::string_view(line), Face::mono);
          const float indent = level != app::Level::none ? ui.theme.px(14) : 0;
          const bool clicked = ImGui::Selectable("##cell", is_selected, ImGuiSelectableFlags_AllowDoubleClick,
                                                 {std::max(width + indent, ImGui::GetContentRegionAvail().x), ImGui::GetTextLineHeight()});
          const bool right = ImGui::IsItemHovered() && ImGui::IsMouseClicked(1);
          if (clicked || right) {
            state.at = i;
            state.at_column = int(place);
            const bool keep = right && is_selected;
            if (!(clicked && ImGui::GetIO().KeyShift && state.anchor >= 0) && !keep) state.anchor = state.at, state.anchor_column = state.at_column;
            note_selection(state, table, shown);
            if (clicked && ImGui::IsMouseDoubleClicked(0)) state.expanded = true;
          }
          ui.probe("cell", line, at, ImGui::GetItemRectMax());
          draw_link_flash(ui, {Link::Kind::query_row, state.query, int64_t(row) + 1}, at, ImGui::GetItemRectMax());
          copy_menu(ui, state, table);
          if (cell.size() > 80 && ImGui::IsItemHovered()) {
            ui.fonts.note_text(cell);
            ImGui::BeginTooltip();
            ImGui::PushTextWrapPos(ImGui::GetFontSize() * 45);
            ImGui::TextUnformatted(cell.substr(0, 2000).c_str());
            ImGui::PopTextWrapPos();
            ImGui::EndTooltip();
          }
          if (level != app::Level::none)
            draw_level_mark(*ImGui::GetWindowDrawList(), {at.x + ui.theme.px(5), at.y + ImGui::GetTextLineHeight() / 2},
                            ui.theme.px(4), level, ui.theme);
          draw_text(ui, *ImGui::GetWindowDrawList(), {at.x + indent, at.y},
                    null ? ui.theme.faint : ui.theme.text, null ? "null" : line, Face::mono);
          ImGui::PopID();
        }
        ImGui::PopID();
      }
    }
    if (focused && !ImGui::GetIO().WantTextInput) move_with_keys(state, table, shown);
    if (state.selected_row >= 0 && focused && ui.take(Command::copy_selection)) {
      if (chosen && (range.first != range.last || range.first_column != range.last_column)) {
        std::string out;
        for (size_t i = range.first; i <= range.last && i < state.order.size(); ++i)
          for (size_t place = range.first_column; place <= range.last_column && place < shown.size(); ++place)
            out += one_line(table.text(state.order[i], shown[place]), CopyFormat::tsv) + (place == range.last_column ? "\n" : "\t");
        ui.copy(out);
      } else {
        ui.copy(table.text(uint64_t(state.selected_row), size_t(std::max(state.selected_column, 0))));
      }
    }
    ImGui::EndTable();
  }
  const std::string facts = state.statistics.n_cells > 1 ? statistics_text(state.statistics) : "";
  text(ui, "statistics", facts.empty() ? "Shift+click chooses cells: count, sum, min, max. Enter opens the row. Right-click: copy, export." : facts,
       facts.empty() ? ui.theme.faint : ui.theme.text, Face::regular, {.wrap = false, .probe = "statistics"});
  if (with_row) draw_row(ui, state, table, {0, 0});
  ImGui::PopID();
  ImGui::PopID();
  ImGui::PopID();
  return result;
}

}  // namespace ui
