#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "app/aimicius/task.h"
#include "app/store/database.h"
#include "engine/base/error.h"

using namespace app;
using nlohmann::json;

namespace {

// A folder of its own for each test, gone at the end.
struct Folder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("aimicius-" + std::to_string(getpid()));
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string write(const char* name, const std::string& text) const {
    std::ofstream(path / name) << text;
    return (path / name).string();
  }
};

constexpr const char* commands =
    R"({"id": "a", "question": "list", "command": "ls -l", "alternatives": ["ls --long"], "category": "files"}
{"id": "b", "description": "devices", "command": "nvidia-smi -L"}
{"id": "c", "question": "x", "command": "true"}
)";

}  // namespace

TEST_CASE("aimicius/run: cmdgen counts exact matches, alternatives and says what is missing") {
  const Folder folder;
  const auto database = store::Database::in_memory();
  store::RunStore runs(*database);
  const std::string predictions =
      folder.write("p", R"({"id": "a", "prediction": "```\nls   --long\n```"}
{"id": "b", "output": "nvidia-smi -q"}
{"id": "b", "output": "nvidia-smi -L"}
{"id": "z", "output": "x"}
)");
  const store::TaskRun run =
      aimicius::run_task({"cmdgen", folder.write("d", commands), predictions}, runs);
  CHECK(run.state == "done");
  const json metrics = json::parse(run.metrics);
  CHECK(metrics["exact_match"]["value"].get<double>() == doctest::Approx(1.0 / 3));
  CHECK(metrics["exact_match"]["n"] == 3);
  CHECK(metrics["command_tool"]["value"].get<double>() == doctest::Approx(2.0 / 3));
  CHECK(metrics["exact_match/files"]["value"] == 1.0);
  CHECK(json::parse(run.manifest)["notes"].size() == 3);
  const auto samples = runs.samples(run.id);
  REQUIRE(samples.size() == 3);
  CHECK(samples[0].failure.empty());
  CHECK(samples[1].failure == "other options");
  CHECK(samples[2].failure == "no prediction");
}

TEST_CASE("aimicius/run: with an encoder cmdgen has the score of the nearest accepted command") {
  const Folder folder;
  const auto database = store::Database::in_memory();
  store::RunStore runs(*database);
  aimicius::RunRequest request;
  request.task = "cmdgen";
  request.data_path = folder.write("d", commands);
  request.predictions_path = folder.write("p", R"({"id": "a", "prediction": "ls --long"}
{"id": "b", "prediction": "nvidia-smi -q"}
)");
  // As near as the share of equal characters at equal places.
  request.similarity = [](const std::string& a, const std::string& b) {
    size_t n = 0;
    for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) n += a[i] == b[i];
    return double(n) / double(std::max(a.size(), b.size()));
  };
  request.encoder = "test";
  const store::TaskRun run = aimicius::run_task(request, runs);
  const json metrics = json::parse(run.metrics);
  // The alternative itself, 12 of 13 characters, and no answer.
  CHECK(metrics["cmd_score"]["value"].get<double>() == doctest::Approx((1 + 12.0 / 13 + 0) / 3));
  CHECK(json::parse(run.manifest)["encoder"] == "test");
  CHECK(json::parse(runs.samples(run.id)[1].details)["values"]["cmd_score"].get<double>() == doctest::Approx(12.0 / 13));
  request.similarity = nullptr;
  CHECK_FALSE(json::parse(aimicius::run_task(request, runs).metrics).contains("cmd_score"));
}

TEST_CASE("aimicius/run: predictions by index, and two runs compared") {
  const Folder folder;
  const auto database = store::Database::in_memory();
  store::RunStore runs(*database);
  const std::string data = folder.write("d", commands);
  const auto a = aimicius::run_task(
      {"cmdgen", data, folder.write("p", "{\"index\": 0, \"output\": \"ls -l\"}\n"), {}}, runs);
  const auto b = aimicius::run_task(
      {"cmdgen", data, folder.write("q", "{\"index\": 2, \"output\": \"true\"}\n"), {}}, runs);
  const auto comparison = aimicius::compare(a, b, runs);
  CHECK(comparison.fixed == std::vector<uint64_t>{2});
  CHECK(comparison.broken == std::vector<uint64_t>{0});
  CHECK(comparison.n_neither == 1);
}

TEST_CASE("aimicius/run: bad files are refused with file and line") {
  const Folder folder;
  const auto database = store::Database::in_memory();
  store::RunStore runs(*database);
  const std::string data = folder.write("d", commands);
  const auto refused = [&](const std::string& task, const std::string& d, const std::string& p,
                           const char* part) {
    CAPTURE(part);
    try {
      aimicius::run_task({task, d, p}, runs);
      FAIL("nothing was thrown");
    } catch (const engine::Error& error) {
      CHECK(std::string(error.what()).find(part) != std::string::npos);
    }
  };
  refused("cmdgen", data, folder.write("p", "{}\n"), "p:1");
  refused("cmdgen", data, folder.write("p", "{\"output\": \"x\"}\n"),
          "neither \"id\" nor \"index\"");
  refused("cmdgen", data, folder.write("p", "{\"id\": 1,\n"), "p:1");
  refused("cmdgen", data, (folder.path / "none").string(), "none");
  refused("cmdgen", folder.write("e", ""), data, "no samples");
  refused("cmdgen", folder.write("e", "{\"id\": 1}\n"), data, "command");
  refused("chess", data, data, "cmdgen");
  CHECK(runs.list().empty());
}

TEST_CASE("aimicius/run: optiflow plans are simulated under the cost model") {
  const Folder folder;
  const auto database = store::Database::in_memory();
  store::RunStore runs(*database);
  const std::string data = folder.write(
      "t",
      R"([{"id": "pair", "n_gpus": 2, "bandwidth_GBps": [[0, 1], [1, 0]], "latency_us": [[0, 2], [2, 0]],
    "sharing": "per-link", "reference": [{"bytes_per_gpu": 1000, "lower_bound_us": 3}]}])");
  const auto good =
      aimicius::run_task({"optiflow",
                          data,
                          folder.write("p",
                                       "{\"id\": \"pair/1000\", \"prediction\": {\"chunks\": 1, "
                                       "\"steps\": [[0,0,0,1],[1,0,1,0]]}}\n"),
                          {}},
                         runs);
  CHECK(json::parse(good.metrics)["valid"]["value"] == 1.0);
  CHECK(json::parse(runs.samples(good.id)[0].details)["latency_us"] ==
        3.0);  // 2 us + 1000 bytes at 1000 bytes/us
  const auto bad = aimicius::run_task(
      {"optiflow",
       data,
       folder.write("p", "{\"id\": \"pair/1000\", \"prediction\": {\"steps\": [[0,0,0,1]]}}\n"),
       {}},
      runs);
  CHECK(runs.samples(bad.id)[0].failure == "1 chunks never arrive");
  const auto early = aimicius::run_task(
      {"optiflow",
       data,
       folder.write("p", "{\"id\": \"pair/1000\", \"prediction\": {\"steps\": [[0,0,1,0]]}}\n"),
       {}},
      runs);
  CHECK(runs.samples(early.id)[0].failure.find("does not have that chunk") != std::string::npos);
}

TEST_CASE("aimicius/run: infrawise compares design, criterion and workload") {
  const Folder folder;
  const auto database = store::Database::in_memory();
  store::RunStore runs(*database);
  const std::string data = folder.write(
      "q",
      R"({"id": "q", "question": "?", "dcw": {"Design": {"Target": "H100 SXM", "Baseline": ""}, "Criterion": "throughput", "Workload": "bert"}, "relevant": [1, 2]})");
  const auto run = aimicius::run_task(
      {"infrawise",
       data,
       folder.write(
           "p",
           R"({"id": "q", "prediction": {"dcw": {"Design": {"Target": "NVIDIA H100-SXM", "Baseline": ""}, "Criterion": "Throughput", "Workload": "resnet"}, "relevant": [2]}})"),
       {}},
      runs);
  const json metrics = json::parse(run.metrics);
  CHECK(metrics["dcw_target"]["value"] == 1.0);
  CHECK(metrics["dcw_workload"]["value"] == 0.0);
  CHECK(metrics["rows_recall"]["value"] == 0.5);
  CHECK(runs.samples(run.id)[0].failure == "wrong: workload");
}
