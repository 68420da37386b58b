// app/aimicius/scorers.h: one scorer a task; run.cpp lists them.
#pragma once
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "app/aimicius/metrics.h"
#include "app/aimicius/task.h"
#include "app/store/run_store.h"

namespace app::aimicius {

// A scored sample: what is stored, and what the metrics are made of.
struct Scored {
  store::TaskSample sample;              // number is set by the caller
  bool right = false;                    // counts for the task's main metric
  std::map<std::string, double> values;  // shares as 0 or 1, others as they are
  std::string group;                     // category the sample belongs to, or ""
  std::string answer;                    // cmdgen: the command found in the prediction, or ""
  std::vector<std::string> accepted;     // cmdgen: commands that are right
};

struct Scorer {
  const char* task;
  const char* title;
  const char* input_format;
  const char* main_metric;  // name of the share of right samples
  // The samples of a data file, each an object with "id". Throws Error{invalid_input}.
  std::vector<nlohmann::json> (*read)(const std::string& path);
  // prediction is null where none was given.
  Scored (*score)(const nlohmann::json& item, const nlohmann::json* prediction);
  TaskPrompt (*prompt)(const nlohmann::json& item);
};
const std::vector<Scorer>& scorers();

// The objects of a JSON Lines file. Throws Error{invalid_input} naming the line, Error{not_found}.
std::vector<nlohmann::json> read_json_lines(const std::string& path);

extern const Scorer cmdgen, infrawise, optiflow;

}  // namespace app::aimicius
