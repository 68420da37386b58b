#include <algorithm>
#include <chrono>
#include <exception>
#include <fstream>
#include <iterator>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <thread>

#include "app/aimicius/scorers.h"
#include "app/aimicius/task.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::aimicius {
namespace {

using nlohmann::json;

constexpr const char* scorer_version = "1";
constexpr size_t batch_size = 256;  // samples stored at a time, so that a killed run keeps them
constexpr auto longest_wait = std::chrono::milliseconds(500);

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

// Samples on their way to the database: many at a time where they come fast, at once where a model takes its time.
class RunWriter {
 public:
  RunWriter(store::RunStore& runs, int64_t run) : runs_(runs), run_(run) {}

  void add(const store::TaskSample& sample) {
    waiting_.push_back(sample);
    if (waiting_.size() >= batch_size || std::chrono::steady_clock::now() - stored_ > longest_wait) flush();
  }
  void flush() {
    if (!waiting_.empty()) runs_.add_samples(run_, waiting_);
    waiting_.clear();
    stored_ = std::chrono::steady_clock::now();
  }

 private:
  store::RunStore& runs_;
  int64_t run_;
  std::vector<store::TaskSample> waiting_;
  std::chrono::steady_clock::time_point stored_ = std::chrono::steady_clock::now();
};

store::TaskRun begin_run(const RunRequest& request, const Scorer& scorer, size_t n_samples, const std::vector<std::string>& notes) {
  store::TaskRun run;
  run.task = scorer.task;
  run.dataset = request.data_path;
  run.dataset_hash = hash_of(read_all(request.data_path));
  run.model = request.answer ? request.model : "predictions " + request.predictions_path;
  run.started = now();
  run.n_samples = n_samples;
  json manifest = {{"dataset_hash", run.dataset_hash}, {"scorer_version", scorer_version}, {"notes", notes}};
  if (request.limit > 0) manifest["limit"] = request.limit;
  if (request.similarity) manifest["encoder"] = request.encoder;
  if (request.answer) {
    manifest["model"] = request.model;
    manifest["settings"] = json::parse(request.settings.empty() ? "{}" : request.settings);
  } else {
    manifest["predictions"] = request.predictions_path;
    manifest["predictions_hash"] = hash_of(read_all(request.predictions_path));
  }
  run.manifest = manifest.dump();
  return run;
}

Scored score_given(const Scorer& scorer, const json& item, size_t number, const Predictions& predictions) {
  const auto found = predictions.by_number.find(number);
  return scorer.score(item, found == predictions.by_number.end() ? nullptr : &found->second);
}

void add_similarity(const RunRequest& request, Scored& scored) {
  if (!request.similarity || scored.accepted.empty()) return;
  double nearest = 0;
  for (const std::string& accepted : scored.accepted) {
    if (!scored.answer.empty()) nearest = std::max(nearest, request.similarity(accepted, scored.answer));
  }
  scored.values["cmd_score"] = nearest;
  json details = json::parse(scored.sample.details);
  details["values"] = scored.values;
  scored.sample.details = details.dump();
}

// Samples through the model or the predictions, n_parallel at a time; each is kept as it comes.
class SampleLoop {
 public:
  SampleLoop(const RunRequest& request, const Scorer& scorer, const std::vector<json>& items, const Predictions& predictions, RunWriter& writer)
      : request_(request), scorer_(scorer), items_(items), predictions_(predictions), writer_(writer), scored_(items.size()) {}

  // Until all are done, or a stop, or an error, which it throws when the others have ended their samples.
  void run() {
    const auto wanted = static_cast<size_t>(request_.answer ? std::max(1, request_.n_parallel) : 1);
    std::vector<std::thread> others;
    for (size_t i = 1; i < std::min(wanted, items_.size()); ++i) others.emplace_back([this] { work(); });
    work();
    for (std::thread& thread : others) thread.join();
    writer_.flush();
    if (error_) std::rethrow_exception(error_);
  }
  // Those there are, in the data's order.
  std::vector<Scored> take() {
    std::vector<Scored> all;
    for (std::optional<Scored>& one : scored_) {
      if (one) all.push_back(std::move(*one));
    }
    return all;
  }

 private:
  void work() {
    std::unique_lock<std::mutex> lock(mutex_);
    try {
      while (next_ < items_.size() && !ended_ && !request_.stop.stop_requested()) {
        const size_t number = next_++;
        std::optional<Scored> one = request_.answer ? ask_and_score(items_[number], lock)
                                                    : score_given(scorer_, items_[number], number, predictions_);
        if (!one) break;  // stopped in the middle of an answer
        one->sample.number = number;
        add_similarity(request_, *one);
        writer_.add(one->sample);
        scored_[number] = std::move(one);
        if (request_.on_progress) request_.on_progress(++n_done_, items_.size());
      }
    } catch (...) {
      if (!lock.owns_lock()) lock.lock();
      if (!error_) error_ = std::current_exception();
    }
    ended_ = ended_ || error_ != nullptr;
  }

  // Nothing where the answer was stopped half-way. Only the model is asked without the lock.
  std::optional<Scored> ask_and_score(const json& item, std::unique_lock<std::mutex>& lock) {
    lock.unlock();
    const auto start = std::chrono::steady_clock::now();
    TaskAnswer said;
    std::string refused;
    try {
      said = request_.answer(scorer_.prompt(item));
    } catch (const engine::Error& e) {
      if (e.kind() != engine::ErrorKind::invalid_input) throw;
      refused = e.what();
    }
    const double ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    lock.lock();
    if (!said.complete) return std::nullopt;
    const json prediction = said.text;
    Scored scored = scorer_.score(item, refused.empty() ? &prediction : nullptr);
    if (!refused.empty()) {
      scored.sample.parse_state = "not asked";
      scored.sample.failure = refused;
    }
    scored.sample.ms = ms;
    scored.sample.prompt_tokens = said.prompt_tokens;
    scored.sample.generated_tokens = said.generated_tokens;
    return scored;
  }

  const RunRequest& request_;
  const Scorer& scorer_;
  const std::vector<json>& items_;
  const Predictions& predictions_;
  RunWriter& writer_;
  std::mutex mutex_;  // of all below, the writer, the scorer and the callbacks
  std::vector<std::optional<Scored>> scored_;
  size_t next_ = 0, n_done_ = 0;
  bool ended_ = false;
  std::exception_ptr error_ = nullptr;
};

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
  if (request.predictions_path.empty() == (request.answer == nullptr)) {
    engine::fail(engine::ErrorKind::usage, "a run of %s needs either predictions to score or a model to ask", scorer.task);
  }
  std::vector<json> items = scorer.read(request.data_path);
  if (request.limit > 0 && request.limit < items.size()) items.resize(request.limit);
  Predictions predictions;
  if (!request.answer) predictions = match(items, request.predictions_path);

  store::TaskRun run = begin_run(request, scorer, items.size(), predictions.notes);
  run.id = runs.create(run);
  RunWriter writer(runs, run.id);
  SampleLoop loop(request, scorer, items, predictions, writer);
  try {
    loop.run();
  } catch (const engine::Error& e) {
    run.state = "failed";
    run.error = e.what();
    run.finished = now();
    run.metrics = to_json(metrics_of(loop.take(), scorer.main_metric));
    runs.update(run);
    throw;
  }
  const std::vector<Scored> scored = loop.take();
  run.n_done = scored.size();
  run.finished = now();
  run.metrics = to_json(metrics_of(scored, scorer.main_metric));
  run.state = scored.size() < items.size() ? "cancelled" : "done";
  runs.update(run);
  if (run.state == "cancelled")
    engine::fail(engine::ErrorKind::cancelled, "the run was cancelled after %zu of %zu samples; run %lld keeps them",
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
