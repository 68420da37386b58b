// sigmactl task: AIMicius-style tasks, scored and kept.
#include "app/aimicius/model_answer.h"
#include "app/aimicius/task.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/settings.h"
#include "app/store/database.h"
#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/generate/generation.h"
#include "engine/generate/sentence_encoder.h"
#include "tools/ctl/command.h"
#include "tools/ctl/gpu_option.h"

namespace ctl {
namespace {

using nlohmann::json;

// Ctrl+C ends a run in the middle of an answer; what was answered before stays stored.
std::stop_source interrupt;
void on_interrupt(int) { interrupt.request_stop(); }

struct Options {
  std::string task, data, predictions, model, encoder, gpu = "auto";
  size_t limit = 0;
  int n_ctx = 4096, n_threads = 0, n_parallel = 4;
  float temperature = 0;
  uint64_t seed = 1;
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

// How far it is, on standard error where someone watches.
void show_progress(const std::string& task, size_t done, size_t total) {
  if (::isatty(STDERR_FILENO) == 0) return;
  std::fprintf(stderr, "\r%s: %zu of %zu%s", task.c_str(), done, total, done == total ? "\n" : "");
}

app::aimicius::RunRequest request_of(const Options& options, const std::string& task) {
  app::aimicius::RunRequest request;
  request.task = task;
  request.data_path = options.data;
  request.predictions_path = options.predictions;
  request.limit = options.limit;
  request.on_progress = [task](size_t done, size_t total) { show_progress(task, done, total); };
  return request;
}

int run_tasks(const Program& program, const Options& options) {
  if (options.predictions.empty() == options.model.empty()) {
    engine::fail(engine::ErrorKind::usage, "task run needs either --model FILE to ask or --predictions FILE to score");
  }
  auto database = open_database(program);
  app::store::RunStore runs(database);
  app::aimicius::AnswerTask answer;
  app::aimicius::AnswerOptions settings{.n_ctx = options.n_ctx, .temperature = options.temperature, .seed = options.seed, .stop = interrupt.get_token()};
  std::signal(SIGINT, on_interrupt);
  if (!options.model.empty()) {
    engine::LoadOptions load;
    load.n_threads = options.n_threads;
    load.gpu = engine::gpu_mode(options.gpu);
    answer = app::aimicius::answer_with(engine::LanguageModel::load(options.model, load, interrupt.get_token()), settings);
  }
  std::unique_ptr<engine::SentenceEncoder> encoder;
  if (!options.encoder.empty()) encoder = engine::SentenceEncoder::load(options.encoder, options.n_threads);
  json all = json::array();
  for (const std::string_view task : engine::split(options.task, ',')) {
    app::aimicius::RunRequest request = request_of(options, std::string(engine::trim(task)));
    request.answer = answer;
    request.n_parallel = options.n_parallel;
    request.stop = interrupt.get_token();
    request.model = options.model;
    if (encoder) {
      request.encoder = options.encoder;
      request.similarity = [&](const std::string& a, const std::string& b) {
        return engine::similarity(encoder->embed(a), encoder->embed(b));
      };
    }
    request.settings = app::aimicius::settings_of(settings);
    const app::store::TaskRun run = app::aimicius::run_task(request, runs);
    if (!options.as_json) print_metrics(run);
    all.push_back(to_json(run));
  }
  if (options.as_json) print(all.size() == 1 ? all.front() : json{{"runs", all}});
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
      "task", "Run CMDGen, Infrawise and Optiflow samples with a model or score given answers; list and compare the runs");
  group->require_subcommand(1);
  auto options = std::make_shared<Options>();
  CLI::App* run = group->add_subcommand(
      "run", "Ask a model, or score a predictions file, over a data file and store the run");
  run->add_option("TASK", options->task, "cmdgen, infrawise or optiflow; several with commas where they share a data file")->required();
  run->add_option("--data", options->data, "The samples (JSON Lines; optiflow: a JSON list)")
      ->required();
  run->add_option("--predictions", options->predictions,
                  "Score these answers: {\"id\", \"prediction\"} a line");
  run->add_option("-m,--model", options->model, "Ask this model (GGUF file or HF folder)");
  run->add_option("--encoder", options->encoder,
                  "Folder of a sentence encoder (all-MiniLM-L6-v2): cmdgen then has a CMD Score, the cosine of the answer and the nearest accepted command");
  run->add_option("--limit", options->limit, "Only the first samples; 0: all");
  run->add_option("--context", options->n_ctx, "Tokens of context for the model")->check(CLI::Range(256, 1 << 20));
  run->add_option("--parallel", options->n_parallel, "Samples answered at the same time, in one pass through the model; answers do not depend on it")
      ->check(CLI::Range(1, 64));
  run->add_option("--temperature", options->temperature, "0: greedy")->check(CLI::Range(0.0, 2.0));
  run->add_option("--seed", options->seed, "Seed of the model's sampling");
  run->add_option("--threads", options->n_threads, "Threads; 0: one for each core");
  add_gpu_option(*run, options->gpu);
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
