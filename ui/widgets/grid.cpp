#include "ui/widgets/grid.h"

#include <algorithm>
#include <numeric>

#include "engine/base/error.h"
#include "ui/widgets/basics.h"
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
  state.order.resize(n);
  std::iota(state.order.begin(), state.order.end(), 0u);
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
  keyed.reserve(n);
  for (uint32_t row = 0; row < n; ++row) {
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
  if (state.shown == &table) return;
  state.shown = &table;
  state.selected_row = -1;
  state.sort_column = -1;
  sort_rows(state, table);
  state.empty_columns.assign(table.columns.size(), true);
  for (size_t c = 0; c < table.columns.size(); ++c)
    for (uint64_t row = 0; row < state.order.size() && state.empty_columns[c]; ++row)
      if (!table.text(row, c).empty()) state.empty_columns[c] = false;
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

void copy_menu(Ui& ui, const GridState& state, const ResultTable& table) {
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
  ImGui::Separator();
  if (menu_item(ui, "Ask about this")) ui.ask({Request::Kind::ask, rows_as(table, CopyFormat::markdown, {row})});
  if (menu_item(ui, "Filter the log by this")) ui.ask({Request::Kind::filter_in, cell});
  if (row < table.row_ids.size() && menu_item(ui, "Show in Logs")) ui.jump_to(table.row_ids[row]);
  ImGui::EndPopup();
}

app::Level level_of(const std::string& text) {
  for (int level = 1; level < app::n_levels; ++level)
    if (text == app::level_names[level]) return app::Level(level);
  return app::Level::none;
}

}  // namespace

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

void grid(Ui& ui, const char* id, GridState& state, const ResultTable& table, ImVec2 size) {
  prepare(state, table);
  const bool links = !table.row_ids.empty();
  std::vector<size_t> shown;
  for (size_t c = 0; c < table.columns.size() && shown.size() < max_grid_columns; ++c)
    if (!(state.hide_empty && state.empty_columns[c])) shown.push_back(c);
  if (shown.empty()) return;
  const int n_columns = int(shown.size()) + (links ? 1 : 0);
  constexpr ImGuiTableFlags flags = ImGuiTableFlags_ScrollX | ImGuiTableFlags_ScrollY | ImGuiTableFlags_Resizable |
                                    ImGuiTableFlags_Reorderable | ImGuiTableFlags_RowBg | ImGuiTableFlags_BordersInnerV |
                                    ImGuiTableFlags_Sortable | ImGuiTableFlags_SortTristate | ImGuiTableFlags_NoSavedSettings |
                                    ImGuiTableFlags_SizingFixedFit;
  ImGui::PushID(id);
  // Another table has other columns: ImGui must not reuse the widths.
  ImGui::PushID(&table);
  if (ImGui::BeginTable("grid", n_columns, flags, size)) {
    ImGui::TableSetupScrollFreeze(links ? 1 : 0, 1);
    if (links) ImGui::TableSetupColumn("line", ImGuiTableColumnFlags_NoSort);
    for (size_t c : shown) {
      const bool wide = table.columns[c].name == "Message" || table.columns[c].name == "message" ||
                        table.columns[c].name == "Raw" || table.columns[c].name == "raw";
      ImGui::TableSetupColumn(table.columns[c].name.c_str(), ImGuiTableColumnFlags_WidthFixed,
                              wide ? ui.theme.px(520) : 0, ImGuiID(c));
    }
    ImGui::TableHeadersRow();
    if (ImGuiTableSortSpecs* specs = ImGui::TableGetSortSpecs(); specs != nullptr && specs->SpecsDirty) {
      state.sort_column = specs->SpecsCount > 0 ? int(specs->Specs[0].ColumnUserID) : -1;
      state.descending = specs->SpecsCount > 0 && specs->Specs[0].SortDirection == ImGuiSortDirection_Descending;
      sort_rows(state, table);
      specs->SpecsDirty = false;
    }
    ImGuiListClipper clipper;
    clipper.Begin(int(state.order.size()));
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
        for (size_t c : shown) {
          ImGui::TableNextColumn();
          ImGui::PushID(int(c));
          const std::string cell = table.text(row, c);
          const bool is_selected = state.selected_row == int64_t(row) && state.selected_column == int(c);
          const ImVec2 at = ImGui::GetCursorScreenPos();
          const std::string line = one_line(cell.substr(0, 500), CopyFormat::tsv);
          const app::Level level = level_of(line);
          const float width = text_width(ui, line, Face::mono);
          const float indent = level != app::Level::none ? ui.theme.px(14) : 0;
          const bool clicked = ImGui::Selectable("##cell", is_selected, ImGuiSelectableFlags_None,
                                                 {std::max(width + indent, ImGui::GetContentRegionAvail().x), ImGui::GetTextLineHeight()});
          if (clicked || (ImGui::IsItemHovered() && ImGui::IsMouseClicked(1))) {
            state.selected_row = int64_t(row);
            state.selected_column = int(c);
          }
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
                    table.is_null(row, c) ? ui.theme.faint : ui.theme.text, table.is_null(row, c) ? "null" : line, Face::mono);
          ImGui::PopID();
        }
        ImGui::PopID();
      }
    }
    if (state.selected_row >= 0 && ImGui::IsWindowFocused(ImGuiFocusedFlags_ChildWindows) && ui.take(Command::copy_selection))
      ui.copy(table.text(uint64_t(state.selected_row), size_t(std::max(state.selected_column, 0))));
    ImGui::EndTable();
  }
  ImGui::PopID();
  ImGui::PopID();
}

}  // namespace ui
