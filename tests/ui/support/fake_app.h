// tests/ui/support/fake_app.h: app::App without store, jobs and model: shows the views that a test
// sets and writes down what was asked for. Linked instead of the library app.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "app/app.h"

namespace ui_test {

struct FakeApp {
  app::SessionsView sessions;
  app::IncidentView incident;
  app::LogsView logs;
  app::KqlView kql;
  app::QueryHelpView help;
  app::WordsView words;
  app::CompareView compare;
  app::ParametersView parameters;
  app::FormatView format;
  app::EncodingView encodings;
  app::PromptPreview preview;
  app::ReportPreview report;
  std::map<std::string, std::string> view_state;
  app::ConfigsView configs;
  app::ConnectionsView connections;
  app::TasksView tasks;
  app::ModelsView models;
  app::StatusView status;
  app::Settings settings;
  app::LogFilter filter;                  // the last set_filter
  std::vector<std::string> calls;         // "ask What broke?"

  bool called(const std::string& call) const;
};
FakeApp& fake();          // of the App made last

// A log in memory of records "TIME LEVEL process: message", a minute of traffic with a full disk.
std::shared_ptr<const app::store::LogSnapshot> sample_log(size_t n_rows);
// Views with everything in them, over sample_log.
void fill(FakeApp& fake);

}  // namespace ui_test
