#include "app/jobs.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "engine/base/error.h"

using namespace app;

namespace {

JobView view_of(const JobRunner& runner, int64_t id) {
  for (const JobView& view : runner.views()) {
    if (view.id == id) return view;
  }
  return {};
}

}  // namespace

TEST_CASE("jobs: an Error becomes the job's error and reaches on_error") {
  JobRunner runner({});
  std::string told;
  const int64_t id = runner.start(
      "a", "ingest", "Reading x", [](Job&) { engine::fail(engine::ErrorKind::io, "x: disk full"); },
      [&](const std::string& message) { told = message; });
  runner.wait(id);
  CHECK(view_of(runner, id).error == "x: disk full");
  CHECK(told == "x: disk full");
  CHECK_FALSE(view_of(runner, id).running);
}

TEST_CASE("jobs: a cancelled job ends without an error, within 100 ms") {
  JobRunner runner({});
  std::atomic<bool> begun = false;
  const int64_t id = runner.start("a", "query", "Q", [&](Job& job) {
    begun = true;
    while (!job.stop().stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    engine::fail(engine::ErrorKind::cancelled, "stopped");
  });
  while (!begun) std::this_thread::yield();
  const auto start = std::chrono::steady_clock::now();
  runner.cancel(id);
  runner.wait(id);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::milliseconds(100));
  CHECK(view_of(runner, id).cancelled);
  CHECK(view_of(runner, id).error.empty());
}

TEST_CASE("jobs: one lane keeps the order, another lane does not wait for it") {
  JobRunner runner({});
  std::atomic<bool> release = false;
  std::string order;
  const int64_t first = runner.start("a", "x", "1", [&](Job&) {
    while (!release) std::this_thread::yield();
    order += "1";
  });
  const int64_t second = runner.start("a", "x", "2", [&](Job&) { order += "2"; });
  const int64_t other = runner.start("b", "y", "3", [&](Job&) {});
  runner.wait(other);
  CHECK(runner.is_running("x"));
  release = true;
  runner.wait(first);
  runner.wait(second);
  CHECK(order == "12");
}

TEST_CASE("jobs: closing the runner cancels a job that waits in its lane") {
  std::atomic<int> n_run = 0;
  {
    JobRunner runner({});
    runner.start("a", "x", "1", [&](Job& job) {
      ++n_run;
      while (!job.stop().stop_requested()) std::this_thread::yield();
    });
    runner.start("a", "x", "2", [&](Job&) { ++n_run; });
    while (n_run == 0) std::this_thread::yield();
  }
  CHECK(n_run == 1);
}

TEST_CASE("jobs: a job that starts another one while the runner closes starts nothing, and nothing breaks") {
  std::atomic<bool> ran = false;
  std::atomic<int64_t> id = -1;
  JobRunner runner({});
  std::atomic<bool> began = false;
  runner.start("a", "x", "1", [&](Job& job) {
    began = true;
    while (!job.stop().stop_requested()) std::this_thread::yield();
    id = runner.start("new lane", "y", "2", [&](Job&) { ran = true; });
  });
  while (!began) std::this_thread::yield();
  runner.close();
  CHECK(id == 0);
  CHECK_FALSE(ran);
}
