// ui/panels/log_state.h: what the user did with a log, as texts that are kept with the session:
// filter, bookmarks, notes, saved views, names of templates, templates merged and split.
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

// Templates as the user wants them: some shown as one, some parted by a parameter's values. The mined
// templates stay as they are; a merged one filters by all its parts, a part by template and value.
struct TemplateSplit {
  uint32_t id = 0, parameter = 0;
  uint64_t n_rows = 0;          // of the template when it was parted: the counts below are of that day
  std::vector<std::pair<std::string, uint64_t>> values;   // most frequent first
};
struct TemplateEdits {
  std::vector<std::vector<uint32_t>> merged;              // each with two or more, the first leads
  std::vector<TemplateSplit> split;
  // Makes one of the groups that a and b belong to.
  void merge(uint32_t a, uint32_t b);
  void take_apart(uint32_t id);                           // no longer merged nor split
  const std::vector<uint32_t>* group_of(uint32_t id) const;   // null: it stands alone
  const TemplateSplit* split_of(uint32_t id) const;
};
std::string edits_to_text(const TemplateEdits& edits);
TemplateEdits edits_from_text(const std::string& text);

struct SavedView {
  std::string name;
  app::LogFilter filter;
};
std::string views_to_text(const std::vector<SavedView>& views);
std::vector<SavedView> views_from_text(const std::string& text);

}  // namespace ui
