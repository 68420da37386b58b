#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

#include "app/aimicius/scorers.h"
#include "app/aimicius/task.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::aimicius {
namespace {

using nlohmann::json;

constexpr const char* scorer_version = "1";
constexpr size_t batch_size = 256;  // samples stored at a time, so that a killed run keeps them

std::string read_all(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in)
    engine::fail(engine::ErrorKind::not_found,
                 "%s cannot be read; check the path and its permissions", path.c_str());
  return {std::istreambuf_iterator<char>(in), {}};
}

// FNV-1a, 64 bit: tells one version of a file from another; not a protection against forgery.
std::string hash_of(const std::string& bytes) {
  uint64_t hash = 14695981039346656037ULL;
  for (unsigned char c : bytes) hash = (hash ^ c) * 1099511628211ULL;
  return engine::format("fnv1a64:%016llx", static_cast<unsigned long long>(hash));
}

Ticks now() {
  using namespace std::chrono;
  return unix_epoch_ticks + duration_cast<duration<int64_t, std::ratio<1, 10'000'000>>>(
                                system_clock::now().time_since_epoch())
                                .count();
}

const Scorer& find_scorer(const std::string& task) {
  std::string known;
  for (const Scorer& scorer : scorers()) {
    if (task == scorer.task) return scorer;
    known += std::string(known.empty() ? "" : ", ") + scorer.task;
  }
  engine::fail(engine::ErrorKind::unsupported, "there is no task \"%s\"; use one of %s",
               task.c_str(), known.c_str());
}

std::string id_of(const json& object) {
  if (!object.contains("id")) return "";
  return object["id"].is_string() ? object["id"].get<std::string>() : object["id"].dump();
}

struct Predictions {
  std::map<size_t, json> by_number;
  std::vector<std::string> notes;
};

std::string counted(size_t n, const char* what, const std::string& first) {
  return std::to_string(n) + " " + what + " (the first: " + first + ")";
}

const json* answer_in(const json& line) {
  for (const char* key : {"prediction", "output", "answer", "command"}) {
    if (line.contains(key)) return &line[key];
  }
  return nullptr;
}

Predictions match(const std::vector<json>& items, const std::string& path) {
  std::map<std::string, size_t> numbers;
  for (size_t i = 0; i < items.size(); ++i) numbers.emplace(id_of(items[i]), i);
  Predictions predictions;
  std::vector<std::string> unknown, repeated;
  const std::vector<json> lines = read_json_lines(path);
  for (size_t i = 0; i < lines.size(); ++i) {
    const json* answer = answer_in(lines[i]);
    if (!answer)
      engine::fail(engine::ErrorKind::invalid_input,
                   "%s:%zu has neither \"prediction\" nor \"output\"", path.c_str(), i + 1);
    const bool indexed = lines[i].contains("index") && lines[i]["index"].is_number_unsigned();
    if (!indexed && !lines[i].contains("id"))
      engine::fail(engine::ErrorKind::invalid_input,
                   "%s:%zu has neither \"id\" nor \"index\"; say which sample it answers",
                   path.c_str(), i + 1);
    const std::string id = lines[i].contains("id") ? id_of(lines[i]) : lines[i]["index"].dump();
    size_t number = items.size();
    if (lines[i].contains("id"))
      number = numbers.contains(id) ? numbers[id] : items.size();
    else
      number = lines[i]["index"].get<size_t>();
    if (number >= items.size())
      unknown.push_back(id);
    else if (!predictions.by_number.emplace(number, *answer).second)
      repeated.push_back(id);
  }
  if (!unknown.empty())
    predictions.notes.push_back(counted(
        unknown.size(), "predictions are for samples that the data does not have", unknown[0]));
  if (!repeated.empty())
    predictions.notes.push_back(
        counted(repeated.size(), "predictions repeat a sample; the first one counts", repeated[0]));
  std::vector<std::string> missing;
  for (size_t i = 0; i < items.size(); ++i) {
    if (!predictions.by_number.contains(i))
      missing.push_back(items[i].contains("id") ? id_of(items[i]) : std::to_string(i));
  }
  if (!missing.empty())
    predictions.notes.push_back(
        counted(missing.size(), "samples have no prediction and count as wrong", missing[0]));
  return predictions;
}

// Values that are only ever 0 or 1 are shares, the others means.
std::map<std::string, Metric> metrics_of(const std::vector<Scored>& samples,
                                         const char* main_metric) {
  std::map<std::string, std::vector<double>> values;
  for (const Scored& scored : samples) {
    for (const auto& [name, value] : scored.values) values[name].push_back(value);
    if (!scored.group.empty())
      values[std::string(main_metric) + "/" + scored.group].push_back(scored.right);
  }
  std::map<std::string, Metric> metrics;
  for (const auto& [name, list] : values) {
    const bool is_share = std::all_of(list.begin(), list.end(),
                                      [](double value) { return value == 0 || value == 1; });
    const auto n_right = static_cast<size_t>(std::count(list.begin(), list.end(), 1.0));
    metrics[name] = is_share ? share(n_right, list.size()) : mean(list);
  }
  return metrics;
}

}  // namespace

const std::vector<Scorer>& scorers() {
  static const std::vector<Scorer> all = {cmdgen, infrawise, optiflow};
  return all;
}

const std::vector<TaskInfo>& tasks() {
  static const std::vector<TaskInfo> all = [] {
    std::vector<TaskInfo> infos;
    for (const Scorer& scorer : scorers())
      infos.push_back({scorer.task, scorer.title, scorer.input_format});
    return infos;
  }();
  return all;
}

std::vector<json> read_json_lines(const std::string& path) {
  std::vector<json> objects;
  const std::string text = read_all(path);
  size_t number = 0;
  for (std::string_view line : engine::split(text, '\n')) {
    ++number;
    if (engine::trim(line).empty()) continue;
    json object = json::parse(line, nullptr, false);
    if (!object.is_object())
      engine::fail(engine::ErrorKind::invalid_input,
                   "%s:%zu is not a JSON object; the file needs one object a line", path.c_str(),
                   number);
    objects.push_back(std::move(object));
  }
  if (objects.empty())
    engine::fail(engine::ErrorKind::invalid_input, "%s holds no samples", path.c_str());
  return objects;
}

store::TaskRun run_task(const RunRequest& request, store::RunStore& runs) {
  const Scorer& scorer = find_scorer(request.task);
  const std::vector<json> items = scorer.read(request.data_path);
  const Predictions predictions = match(items, request.predictions_path);

  store::TaskRun run;
  run.task = scorer.task;
  run.dataset = request.data_path;
  run.dataset_hash = hash_of(read_all(request.data_path));
  run.model = "predictions " + request.predictions_path;
  run.started = now();
  run.n_samples = items.size();
  run.manifest = json{{"dataset_hash", run.dataset_hash},
                      {"predictions", request.predictions_path},
                      {"predictions_hash", hash_of(read_all(request.predictions_path))},
                      {"scorer_version", scorer_version},
                      {"notes", predictions.notes}}
                     .dump();
  run.id = runs.create(run);

  std::vector<Scored> scored;
  std::vector<store::TaskSample> batch;
  for (size_t i = 0; i < items.size() && !request.stop.stop_requested(); ++i) {
    const auto found = predictions.by_number.find(i);
    scored.push_back(
        scorer.score(items[i], found == predictions.by_number.end() ? nullptr : &found->second));
    scored.back().sample.number = i;
    batch.push_back(scored.back().sample);
    if (batch.size() == batch_size || i + 1 == items.size()) {
      runs.add_samples(run.id, batch);
      batch.clear();
    }
  }
  if (!batch.empty()) runs.add_samples(run.id, batch);
  run.n_done = scored.size();
  run.finished = now();
  run.metrics = to_json(metrics_of(scored, scorer.main_metric));
  run.state = request.stop.stop_requested() ? "cancelled" : "done";
  runs.update(run);
  if (run.state == "cancelled")
    engine::fail(engine::ErrorKind::cancelled,
                 "scoring was cancelled after %zu of %zu samples; run %lld keeps them",
                 scored.size(), items.size(), static_cast<long long>(run.id));
  return run;
}

Comparison compare(const store::TaskRun& a, const store::TaskRun& b, const store::RunStore& runs) {
  if (a.task != b.task || a.dataset_hash != b.dataset_hash) {
    engine::fail(
        engine::ErrorKind::invalid_input,
        "runs %lld and %lld are of different tasks or data; compare runs over the same file",
        static_cast<long long>(a.id), static_cast<long long>(b.id));
  }
  std::map<uint64_t, bool> right;
  for (const store::TaskSample& sample : runs.samples(a.id))
    right[sample.number] = sample.failure.empty();
  Comparison comparison;
  for (const store::TaskSample& sample : runs.samples(b.id)) {
    const auto before = right.find(sample.number);
    if (before == right.end()) continue;
    const bool after = sample.failure.empty();
    if (after && before->second)
      ++comparison.n_both;
    else if (after)
      comparison.fixed.push_back(sample.number);
    else if (before->second)
      comparison.broken.push_back(sample.number);
    else
      ++comparison.n_neither;
  }
  return comparison;
}

}  // namespace app::aimicius
