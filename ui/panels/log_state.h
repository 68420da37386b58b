// ui/panels/log_state.h: what the user did with a log, as texts that are kept with the session:
// filter, bookmarks, notes, saved views, names of templates.
#pragma once
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "app/log_filter.h"
#include "app/types.h"

namespace ui {

// Fields are parted by tabs and lines; both are escaped inside, so that any text survives.
std::string escaped(const std::string& text);
std::string unescaped(const std::string& text);

std::string filter_to_text(const app::LogFilter& filter);
// Lines that cannot be read are left out.
app::LogFilter filter_from_text(const std::string& text);

std::string rows_to_text(const std::set<app::RowId>& rows);
std::set<app::RowId> rows_from_text(const std::string& text);

// "key<tab>value" a line: notes by row, names by template.
std::string map_to_text(const std::map<uint64_t, std::string>& map);
std::map<uint64_t, std::string> map_from_text(const std::string& text);

struct SavedView {
  std::string name;
  app::LogFilter filter;
};
std::string views_to_text(const std::vector<SavedView>& views);
std::vector<SavedView> views_from_text(const std::string& text);

}  // namespace ui
