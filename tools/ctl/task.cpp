// sigmactl task: AIMicius-style tasks, scored and kept.
#include "app/aimicius/task.h"

#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/settings.h"
#include "app/store/database.h"
#include "engine/base/error.h"
#include "tools/ctl/command.h"

namespace ctl {
namespace {

using nlohmann::json;

struct Options {
  std::string task, data, predictions;
  std::vector<int64_t> runs;
  bool as_json = false;
};

app::store::Database open_database(const Program& program) {
  const std::string folder =
      program.data_folder.empty() ? app::default_data_folder() : program.data_folder;
  return app::store::Database(folder + "/sigmadesk.db");
}

json to_json(const app::store::TaskRun& run) {
  return {{"run", run.id},
          {"task", run.task},
          {"dataset", run.dataset},
          {"dataset_hash", run.dataset_hash},
          {"model", run.model},
          {"state", run.state},
          {"samples", run.n_samples},
          {"done", run.n_done},
          {"metrics", json::parse(run.metrics)},
          {"manifest", json::parse(run.manifest)}};
}

json to_json(const app::store::TaskSample& sample) {
  return {{"number", sample.number},
          {"input", sample.input},
          {"expected", sample.expected},
          {"output", sample.output},
          {"parse_state", sample.parse_state},
          {"failure", sample.failure},
          {"score", sample.score},
          {"details", json::parse(sample.details)}};
}

void print(const json& document) {
  std::cout << document.dump(2, ' ', false, json::error_handler_t::replace) << "\n";
}

void print_metrics(const app::store::TaskRun& run) {
  std::printf("run %lld  %s  %s  %llu samples  %s\n", static_cast<long long>(run.id),
              run.task.c_str(), run.dataset.c_str(), static_cast<unsigned long long>(run.n_samples),
              run.state.c_str());
  const json metrics = json::parse(run.metrics);
  for (const auto& [name, metric] : metrics.items()) {
    std::printf("  %-32s %.4f  (95 %%: %.4f to %.4f, n = %d)\n", name.c_str(),
                metric.value("value", 0.0), metric.value("low", 0.0), metric.value("high", 0.0),
                metric.value("n", 0));
  }
  const json manifest = json::parse(run.manifest);
  for (const json& note : manifest.value("notes", json::array()))
    std::printf("  note: %s\n", note.get<std::string>().c_str());
}

app::store::TaskRun find_run(const app::store::RunStore& runs, int64_t id) {
  const auto run = runs.run(id);
  if (!run)
    engine::fail(engine::ErrorKind::not_found,
                 "there is no run %lld; `sigmactl task list` shows those there are",
                 static_cast<long long>(id));
  return *run;
}

int run_tasks(const Program& program, const Options& options) {
  auto database = open_database(program);
  app::store::RunStore runs(database);
  const app::store::TaskRun run =
      app::aimicius::run_task({options.task, options.data, options.predictions, {}}, runs);
  if (options.as_json)
    print(to_json(run));
  else
    print_metrics(run);
  return 0;
}

int list(const Program& program, const Options& options) {
  auto database = open_database(program);
  const app::store::RunStore runs(database);
  json all = json::array();
  for (const app::store::TaskRun& run : runs.list()) {
    if (options.as_json)
      all.push_back(to_json(run));
    else
      print_metrics(run);
  }
  if (options.as_json) print({{"runs", all}});
  return 0;
}

int show(const Program& program, const Options& options) {
  auto database = open_database(program);
  const app::store::RunStore runs(database);
  const app::store::TaskRun run = find_run(runs, options.runs[0]);
  if (!options.as_json) print_metrics(run);
  json samples = json::array();
  for (const app::store::TaskSample& sample : runs.samples(run.id)) {
    if (options.as_json)
      samples.push_back(to_json(sample));
    else if (!sample.failure.empty())
      std::printf("  #%llu %s: expected `%s`, got `%s`\n",
                  static_cast<unsigned long long>(sample.number), sample.failure.c_str(),
                  sample.expected.c_str(), sample.output.c_str());
  }
  if (options.as_json) {
    json document = to_json(run);
    document["sample_list"] = samples;
    print(document);
  }
  return 0;
}

int compare(const Program& program, const Options& options) {
  auto database = open_database(program);
  const app::store::RunStore runs(database);
  const app::store::TaskRun a = find_run(runs, options.runs[0]),
                            b = find_run(runs, options.runs[1]);
  const app::aimicius::Comparison comparison = app::aimicius::compare(a, b, runs);
  if (options.as_json) {
    print({{"runs", {to_json(a), to_json(b)}},
           {"fixed", comparison.fixed},
           {"broken", comparison.broken},
           {"both_right", comparison.n_both},
           {"both_wrong", comparison.n_neither}});
    return 0;
  }
  print_metrics(a);
  print_metrics(b);
  std::printf("fixed %zu, broken %zu, right in both %llu, wrong in both %llu\n",
              comparison.fixed.size(), comparison.broken.size(),
              static_cast<unsigned long long>(comparison.n_both),
              static_cast<unsigned long long>(comparison.n_neither));
  return 0;
}

}  // namespace

void add_task(Program& program) {
  CLI::App* group = program.cli.add_subcommand(
      "task", "Score answers to CMDGen, Infrawise and Optiflow samples; list and compare the runs");
  group->require_subcommand(1);
  auto options = std::make_shared<Options>();
  CLI::App* run = group->add_subcommand(
      "run", "Score a predictions file against a data file and store the run");
  run->add_option("TASK", options->task, "cmdgen, infrawise or optiflow")->required();
  run->add_option("--data", options->data, "The samples (JSON Lines; optiflow: a JSON list)")
      ->required();
  run->add_option("--predictions", options->predictions,
                  "The answers: {\"id\", \"prediction\"} a line")
      ->required();
  run->callback(chosen(program, [&program, options] { return run_tasks(program, *options); }));
  CLI::App* listing = group->add_subcommand("list", "All runs, newest first");
  listing->callback(chosen(program, [&program, options] { return list(program, *options); }));
  CLI::App* showing = group->add_subcommand("show", "One run with the samples that went wrong");
  showing->add_option("RUN", options->runs, "Number of the run")->required()->expected(1);
  showing->callback(chosen(program, [&program, options] { return show(program, *options); }));
  CLI::App* comparing = group->add_subcommand("compare", "What a second run fixed and broke");
  comparing->add_option("RUN", options->runs, "Numbers of two runs")->required()->expected(2);
  comparing->callback(chosen(program, [&program, options] { return compare(program, *options); }));
  for (CLI::App* command : {run, listing, showing, comparing})
    command->add_flag("--json", options->as_json, "Print one JSON document");
}

}  // namespace ctl
