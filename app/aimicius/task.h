// app/aimicius/task.h: AIMicius-style tasks, scored from given answers or a model's, and kept as runs.
// A data file is JSON Lines (optiflow: one JSON list); a predictions file is JSON Lines with an
// object a line: {"id": ..., "prediction": ...}; "index" (from 0) may stand for "id" and "output"
// for "prediction". Samples without a prediction count as wrong and are said, as are predictions
// for samples that do not exist and repeated ones (the first counts).
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "app/store/run_store.h"

namespace app::aimicius {

struct TaskInfo {
  std::string name;          // cmdgen
  std::string title;         // CMDGen: a question to a command line
  std::string input_format;  // what a data line and a prediction look like, for the screen
};
const std::vector<TaskInfo>& tasks();

// What a model is asked for one sample.
struct TaskPrompt {
  std::string system, user;
  std::string json_schema;  // the answer is held to it; empty: free text
  int max_tokens = 96;
};

struct TaskAnswer {
  std::string text;
  int prompt_tokens = 0, generated_tokens = 0;
  bool complete = true;  // false: it was stopped, and does not count
};

// Answers one prompt; called from several threads where a run asks several at a time. Error{invalid_input} means this one cannot be answered (too long, say) and counts as a wrong
// answer with that reason; any other error ends the run.
using AnswerTask = std::function<TaskAnswer(const TaskPrompt&)>;

struct RunRequest {
  std::string task;
  std::string data_path, predictions_path{};  // without predictions `answer` is asked
  std::stop_token stop{};
  AnswerTask answer{};
  std::string model{};                        // what answers: kept with the run
  std::string settings{};                     // JSON object of what it takes to answer so again: kept in the manifest
  size_t limit = 0;                           // only the first samples; 0: all
  int n_parallel = 1;                         // samples that are asked at the same time
  // How near two texts are in meaning, at most 1 (the cosine of a sentence encoder's vectors): cmdgen then
  // has a cmd_score, that of its command and the nearest accepted one, 0 where there is none.
  std::function<double(const std::string&, const std::string&)> similarity{};
  std::string encoder{};                      // what similarity comes from: kept in the manifest
  std::function<void(size_t done, size_t total)> on_progress{};
};

// Scores predictions, or the answers it asks for, against the data and stores the run with a sample for each data line.
// metrics: name -> {"value", "n", "low", "high"} (95 % interval); manifest: hashes of both files,
// scorer version, notes. Throws Error{invalid_input} naming file and line, Error{unsupported} for
// an unknown task, Error{cancelled} (the run is then stored as cancelled; one that failed otherwise as failed).
store::TaskRun run_task(const RunRequest& request, store::RunStore& runs);

// What differs between two runs of one task over the same data.
struct Comparison {
  std::vector<uint64_t> fixed, broken;  // sample numbers wrong in a and right in b, and the reverse
  uint64_t n_both = 0, n_neither = 0;
};
// Throws Error{invalid_input} where the runs are of different tasks or data.
Comparison compare(const store::TaskRun& a, const store::TaskRun& b, const store::RunStore& runs);

}  // namespace app::aimicius
