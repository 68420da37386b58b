// Any text as a query: parsed, checked, and run with small limits. Errors are fine, crashes are not.
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

#include "app/kql/query.h"
#include "engine/base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 4096) return 0;
  const std::string text(reinterpret_cast<const char*>(data), size);
  app::kql::check_syntax(text);
  app::kql::complete(text, size / 2, app::kql::Tables());
  try {
    // A query may count to the end of the numbers: it gets 0.3 seconds.
    std::stop_source stop;
    std::mutex mutex;
    std::condition_variable_any done;
    const std::jthread timer([&](const std::stop_token& over) {
      std::unique_lock lock(mutex);
      if (!done.wait_for(lock, over, std::chrono::milliseconds(300), [] { return false; }) && !over.stop_requested()) stop.request_stop();
    });
    app::kql::RunOptions options;
    options.row_limit = 1000;
    options.memory_limit_bytes = 16 << 20;
    options.n_threads = 1;
    options.stop = stop.get_token();
    options.now = app::unix_epoch_ticks;
    app::kql::run(text, app::kql::Tables(), options);
  } catch (const engine::Error& e) {
    if (e.kind() == engine::ErrorKind::internal) throw;
  }
  return 0;
}
