// ui/panels/log_details.h: one line of the log in full: its text, every field with what can be done
// with its value, what stood around it, the user's note.
#pragma once
#include <string>

#include "ui/panels/logs.h"

namespace ui {

void draw_details(LogsPanel& panel, const app::LogsView& view, app::RowId current, app::App& app, Ui& ui);

// A KQL string literal.
std::string kql_text(std::string_view value);
// A condition on a parsed field of Logs by its path: Properties.http.status == 500. The value is
// compared as text, which a number is equal to as well.
std::string kql_field_condition(std::string_view path, std::string_view value);

}  // namespace ui
