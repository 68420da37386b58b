#include "engine/base/thread_pool.h"

#include <algorithm>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace engine {
namespace {

void pause_briefly() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

// About 50 microseconds: longer than the serial work between two operations of a forward pass,
// shorter than anyone would notice as load of an idle program.
constexpr int n_spins = 2000;

}  // namespace

ThreadPool::ThreadPool(int n_threads) {
  if (n_threads <= 0) n_threads = int(std::thread::hardware_concurrency());
  n_threads = std::clamp(n_threads, 1, 256);
  workers_.reserve(size_t(n_threads - 1));
  for (int thread = 1; thread < n_threads; ++thread) {
    workers_.emplace_back([this, thread] { work(thread); });
  }
}

ThreadPool::~ThreadPool() {
  ends_ = true;
  state_.fetch_add(2);
  state_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::take_items(int thread) {
  for (;;) {
    const int64_t item = next_.fetch_add(1, std::memory_order_relaxed);
    if (item >= n_items_) return;
    call_(context_, item, thread);
  }
}

void ThreadPool::run_loop(int64_t n_items, Call call, void* context) {
  call_ = call;
  context_ = context;
  n_items_ = n_items;
  next_.store(0, std::memory_order_relaxed);
  state_.fetch_add(1);  // opens; publishes the lines above
  if (asleep_.load() > 0) state_.notify_all();

  take_items(0);

  // A worker adds itself to inside_ and then looks at state_; here the order is reversed, so one of
  // the two sees the other (all sequentially consistent).
  state_.fetch_add(1);
  while (inside_.load() != 0) pause_briefly();
}

void ThreadPool::work(int thread) {
  uint32_t seen = 0;
  for (;;) {
    uint32_t state = state_.load();
    for (int spin = 0; spin < n_spins && (state == seen || state % 2 == 0); ++spin) {
      pause_briefly();
      state = state_.load();
    }
    // After state: the destructor sets ends_ and then changes state_, so a wait below is either for a
    // state that it has yet to change or is not reached.
    if (ends_) return;
    if (state == seen || state % 2 == 0) {
      asleep_.fetch_add(1);
      state_.wait(state);
      asleep_.fetch_sub(1);
      continue;
    }
    inside_.fetch_add(1);
    if (state_.load() == state) take_items(thread);
    inside_.fetch_sub(1);
    seen = state;
  }
}

}  // namespace engine
