// ui/automation_log.h: what the window shows, as JSON lines in a file: for tests that drive the
// program from outside and for reports of faults. A line is written when something changed.
//
//   {"ms":812,"event":"state","frame":5,"screen":"incident","session":1,"title":"...","records":412,"listed":412,
//    "findings":["Disk full on /var"],"answers":1,"claims":"2 of 2","answering":false,"running_jobs":0,
//    "selected_line":203,"selected_text":"...","flashed_line":203,"flashed_text":"...","model":"",
//    "items":[{"kind":"finding_line","text":"L203","x":1003,"y":420,"row":202}]}
//
// ms counts from the start of the program; x and y are the middle of the item in window pixels.
#pragma once
#include <chrono>
#include <cstdio>
#include <string>

#include "ui/shell.h"

namespace ui {

class AutomationLog {
 public:
  // Throws Error{io} where the file cannot be written.
  AutomationLog(const std::string& path, std::chrono::steady_clock::time_point started);
  ~AutomationLog();
  AutomationLog(const AutomationLog&) = delete;
  AutomationLog& operator=(const AutomationLog&) = delete;

  void event(const char* name);                 // {"ms":..,"event":"first_frame"}
  void state(Shell& shell, uint64_t frame);     // after Shell::draw; written if it changed
  uint64_t ms() const;

 private:
  std::FILE* file_;
  std::chrono::steady_clock::time_point started_;
  std::string last_;
};

// The state without ms, frame and event, as one JSON object's inside.
std::string state_json(Shell& shell);

}  // namespace ui
