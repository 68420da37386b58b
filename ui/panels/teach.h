// ui/panels/teach.h: a log format taught by marking the parts of one line.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "app/app.h"
#include "ui/ui.h"

namespace ui {

struct TeachPanel {
  bool open = false;
  std::string line;                // the example
  uint32_t source = 0;
  struct Mark {
    size_t begin = 0, end = 0;     // bytes of the line
    std::string field;             // time, level, host, process, pid, message, or a name
  };
  std::vector<Mark> marks;         // by place, not overlapping
  std::string name = "my-format", pattern, field;
  std::string time_zone, year;     // of times that carry none, as typed
  int selection[2] = {0, 0};       // of the line's field
  double try_at = 0;
};
// Opens it with a line of the log.
void teach(TeachPanel& panel, const std::string& line, uint32_t source);
void draw(TeachPanel& panel, const app::FormatView& view, app::App& app, Ui& ui);

// The pattern that the marks make of the line: fixed text between the fields.
std::string pattern_of(const std::string& line, const std::vector<TeachPanel::Mark>& marks);

}  // namespace ui
