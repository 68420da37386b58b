// app/store/run_store.h: task runs (CMDGen, Infrawise, Optiflow, NL2KQL) and their samples.
// A run is written as it goes, so a killed one can be resumed or shown as partial.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/types.h"

namespace app::store {

class Database;

struct TaskRun {
  int64_t id = 0;
  std::string task;                  // cmdgen, infrawise, optiflow, nl2kql
  std::string dataset, dataset_hash;
  std::string model;                 // file, or "predictions FILE"
  std::string state = "running";     // running, done, cancelled, failed
  std::string error;                 // why it failed, or empty
  Ticks started = no_time, finished = no_time;
  uint64_t n_samples = 0;            // of the dataset; n_done of them are stored
  uint64_t n_done = 0;
  std::string metrics = "{}";        // one JSON object: name -> number (or an object with intervals)
  std::string manifest = "{}";       // one JSON object: what it takes to run this again
  friend bool operator==(const TaskRun&, const TaskRun&) = default;
};

struct TaskSample {
  uint64_t number = 0;               // position in the dataset, from 0
  std::string input, expected, output;
  std::string parse_state;           // "ok", or how the output could not be read
  std::string failure;               // class of the failure, or empty
  std::string details = "{}";        // JSON object of what the task measured beside the score
  double score = 0;
  double ms = 0;
  int prompt_tokens = 0, generated_tokens = 0;
  friend bool operator==(const TaskSample&, const TaskSample&) = default;
};

class RunStore {
 public:
  explicit RunStore(Database& database);

  int64_t create(const TaskRun& run);            // id and n_done are ignored
  void update(const TaskRun& run);               // by id; n_done is ignored
  void add_samples(int64_t run, const std::vector<TaskSample>& samples);  // a known number is replaced
  std::vector<TaskRun> list(const std::string& task = {}) const;          // newest first
  std::optional<TaskRun> run(int64_t id) const;
  std::vector<TaskSample> samples(int64_t run) const;                     // by number
  std::optional<TaskSample> sample(int64_t run, uint64_t number) const;
  void remove(int64_t run);
  // Runs that say "running" though no process runs them (after a crash) become "cancelled"; how many.
  size_t close_interrupted();

 private:
  Database& database_;
};

}  // namespace app::store
