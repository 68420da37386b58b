// engine/base/thread_pool.h: a few threads that share the items of one loop after another, built
// for loops of some ten microseconds: threads spin briefly for the next loop before they sleep, and
// a thread that is late (asleep, or descheduled on a busy machine) is not waited for.
#pragma once
#include <atomic>
#include <cstdint>
#include <thread>
#include <type_traits>
#include <vector>

namespace engine {

class ThreadPool {
 public:
  // n_threads counts the caller; 0: one for each core this process may use.
  explicit ThreadPool(int n_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int n_threads() const { return int(workers_.size()) + 1; }

  // Calls function(item, thread) once for each item in [0, n_items), in any order, on the caller's
  // thread (0) and the pool's (1..); returns when all are done. The function must not throw, nor
  // call run() of the same pool. One caller at a time.
  template <class Function>
  void run(int64_t n_items, Function&& function) {
    if (n_items <= 1 || workers_.empty()) {
      for (int64_t item = 0; item < n_items; ++item) function(item, 0);
      return;
    }
    run_loop(n_items, [](void* context, int64_t item, int thread) {
      (*static_cast<std::remove_reference_t<Function>*>(context))(item, thread);
    }, &function);
  }

 private:
  using Call = void (*)(void* context, int64_t item, int thread);
  void run_loop(int64_t n_items, Call call, void* context);
  void work(int thread);
  void take_items(int thread);

  std::vector<std::thread> workers_;
  // The loop in progress: written while closed, read by threads that are inside.
  Call call_ = nullptr;
  void* context_ = nullptr;
  int64_t n_items_ = 0;
  // Each on its own cache line.
  alignas(64) std::atomic<uint32_t> state_{0};   // odd: a loop is open; counts up
  alignas(64) std::atomic<int64_t> next_{0};     // first item not taken
  alignas(64) std::atomic<int> inside_{0};       // workers that may touch the loop
  alignas(64) std::atomic<int> asleep_{0};
  std::atomic<bool> ends_{false};
};

}  // namespace engine
