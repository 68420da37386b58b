// tests/app/app/app_fixture.h: an App over a folder of its own, without a model, and waiting for its work.
#pragma once
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <thread>

#include "app/app.h"
#include "tests/support/temporary_folder.h"

inline app::AppOptions options_for(const TemporaryFolder& folder, bool sample = false) {
  app::AppOptions options;
  options.data_folder = folder.path();
  options.assets_folder = SIGMA_ASSETS;
  options.open_sample = sample;
  options.load_model = false;
  return options;
}

inline bool idle(const app::App& app) {
  const auto status = app.status();
  return std::none_of(status->jobs.begin(), status->jobs.end(), [](const app::JobView& job) { return job.running; }) &&
         !app.incident()->answering;
}

// False where it did not come within a minute.
inline bool wait_until(const std::function<bool()>& done) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (std::chrono::steady_clock::now() < end) {
    if (done()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
  }
  return false;
}

// The same, with what the frame's thread does meanwhile.
inline bool wait_until(app::App& app, const std::function<bool()>& done) {
  return wait_until([&] {
    app.finish_jobs();
    return done();
  });
}

// Until the session that is being opened is shown.
inline void wait_for_opening(app::App& app) {
  REQUIRE(wait_until(app, [&] { return app.sessions()->opening == 0 && app.incident()->session != 0; }));
}
