// Runs whose answers are asked for, one prompt a sample.
#include <doctest/doctest.h>

#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>

#include "app/aimicius/task.h"
#include "app/store/database.h"
#include "engine/base/error.h"
#include "tests/support/temporary_folder.h"

using namespace app;
using nlohmann::json;

namespace {

constexpr const char* commands = R"({"id": "a", "question": "list files", "command": "ls -l"}
{"id": "b", "question": "name the devices", "command": "nvidia-smi -L"}
{"id": "c", "question": "succeed", "command": "true"}
)";

struct Bench {
  TemporaryFolder folder;
  std::unique_ptr<store::Database> database = store::Database::in_memory();
  store::RunStore runs{*database};

  aimicius::RunRequest request(aimicius::AnswerTask answer) {
    aimicius::RunRequest request;
    request.task = "cmdgen";
    request.data_path = folder.write("data.jsonl", commands);
    request.answer = std::move(answer);
    request.model = "some.gguf";
    request.settings = R"({"seed": 7})";
    return request;
  }
};

}  // namespace

TEST_CASE("aimicius/model run: each sample is asked, scored and stored with its tokens") {
  Bench bench;
  std::vector<std::string> asked;
  const auto run = aimicius::run_task(bench.request([&](const aimicius::TaskPrompt& prompt) {
    asked.push_back(prompt.user);
    return aimicius::TaskAnswer{.text = prompt.user == "list files" ? "`ls -l`" : "reboot", .prompt_tokens = 40, .generated_tokens = 3};
  }), bench.runs);
  CHECK(asked == std::vector<std::string>{"list files", "name the devices", "succeed"});
  CHECK(run.model == "some.gguf");
  CHECK(json::parse(run.metrics)["exact_match"]["value"].get<double>() == doctest::Approx(1.0 / 3));
  CHECK(json::parse(run.manifest)["settings"]["seed"] == 7);
  const auto samples = bench.runs.samples(run.id);
  REQUIRE(samples.size() == 3);
  CHECK(samples[0].failure.empty());
  CHECK(samples[1].failure == "other program");
  CHECK(samples[2].generated_tokens == 3);
}

TEST_CASE("aimicius/model run: a limit asks the first samples and is in the manifest") {
  Bench bench;
  auto request = bench.request([](const aimicius::TaskPrompt&) { return aimicius::TaskAnswer{.text = "true"}; });
  request.limit = 2;
  const auto run = aimicius::run_task(request, bench.runs);
  CHECK(run.n_samples == 2);
  CHECK(run.n_done == 2);
  CHECK(json::parse(run.manifest)["limit"] == 2);
}

TEST_CASE("aimicius/model run: an answer cut off by a stop does not count, those before it stay") {
  Bench bench;
  int n = 0;
  const auto request = bench.request([&](const aimicius::TaskPrompt&) {
    return aimicius::TaskAnswer{.text = "ls -l", .complete = ++n < 2};
  });
  CHECK_THROWS_WITH_AS(aimicius::run_task(request, bench.runs), doctest::Contains("after 1 of 3 samples"), engine::Error);
  const auto run = bench.runs.list().front();
  CHECK(run.state == "cancelled");
  CHECK(bench.runs.samples(run.id).size() == 1);
}

TEST_CASE("aimicius/model run: a prompt that cannot be asked is a wrong answer with its reason") {
  Bench bench;
  const auto run = aimicius::run_task(bench.request([](const aimicius::TaskPrompt& prompt) -> aimicius::TaskAnswer {
    if (prompt.user == "succeed") engine::fail(engine::ErrorKind::invalid_input, "the prompt has 9000 tokens");
    return {.text = "ls -l"};
  }), bench.runs);
  CHECK(run.state == "done");
  CHECK(bench.runs.samples(run.id)[2].failure == "the prompt has 9000 tokens");
}

TEST_CASE("aimicius/model run: a fault of the model ends the run as failed and is passed on") {
  Bench bench;
  const auto request = bench.request([](const aimicius::TaskPrompt&) -> aimicius::TaskAnswer {
    engine::fail(engine::ErrorKind::out_of_memory, "no memory for the cache");
  });
  CHECK_THROWS_WITH_AS(aimicius::run_task(request, bench.runs), doctest::Contains("no memory"), engine::Error);
  const auto run = bench.runs.list().front();
  CHECK(run.state == "failed");
  CHECK(run.error == "no memory for the cache");
}

TEST_CASE("aimicius/model run: samples asked at the same time are stored as those asked in turn") {
  Bench bench;
  std::mutex mutex;
  std::condition_variable changed;
  int n_at_work = 0;
  auto request = bench.request([&](const aimicius::TaskPrompt& prompt) {
    std::unique_lock<std::mutex> lock(mutex);
    ++n_at_work;
    changed.notify_all();
    changed.wait(lock, [&] { return n_at_work == 3; });  // all three, or this never ends
    return aimicius::TaskAnswer{.text = prompt.user == "list files" ? "ls -l" : "reboot"};
  });
  request.n_parallel = 3;
  std::vector<size_t> progress;
  request.on_progress = [&](size_t done, size_t) { progress.push_back(done); };
  const auto run = aimicius::run_task(request, bench.runs);
  CHECK(run.n_done == 3);
  CHECK(progress == std::vector<size_t>{1, 2, 3});
  const auto samples = bench.runs.samples(run.id);
  REQUIRE(samples.size() == 3);
  for (size_t i = 0; i < 3; ++i) CHECK(samples[i].number == i);
  CHECK(samples[0].failure.empty());
  CHECK_FALSE(samples[1].failure.empty());
}

TEST_CASE("aimicius/model run: of samples asked at the same time a fault ends the run, and those answered stay") {
  Bench bench;
  auto request = bench.request([](const aimicius::TaskPrompt& prompt) -> aimicius::TaskAnswer {
    if (prompt.user == "succeed") engine::fail(engine::ErrorKind::out_of_memory, "no memory for the cache");
    return {.text = "ls -l"};
  });
  request.n_parallel = 2;
  CHECK_THROWS_WITH_AS(aimicius::run_task(request, bench.runs), doctest::Contains("no memory"), engine::Error);
  const auto run = bench.runs.list().front();
  CHECK(run.state == "failed");
  CHECK(bench.runs.samples(run.id).size() == 2);
}

TEST_CASE("aimicius/model run: neither predictions nor a model is wrong usage") {
  Bench bench;
  CHECK_THROWS_WITH_AS(aimicius::run_task(bench.request(nullptr), bench.runs), doctest::Contains("either predictions"), engine::Error);
}

TEST_CASE("aimicius/model run: infrawise and optiflow hold the answer to a schema") {
  Bench bench;
  std::string schema;
  auto request = bench.request([&](const aimicius::TaskPrompt& prompt) {
    schema = prompt.json_schema;
    return aimicius::TaskAnswer{.text = R"({"Design": {"Target": "H100", "Baseline": ""}, "Criterion": "latency", "Workload": "bert"})"};
  });
  request.task = "infrawise";
  request.data_path = bench.folder.write("q.jsonl", R"({"id": "q", "question": "?", "dcw": {"Design": {"Target": "H100", "Baseline": ""}, "Criterion": "latency", "Workload": "bert"}})");
  const auto run = aimicius::run_task(request, bench.runs);
  CHECK(json::parse(schema)["required"].size() == 3);
  CHECK(json::parse(run.metrics)["dcw_all"]["value"] == 1.0);
}
