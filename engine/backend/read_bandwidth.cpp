#include "engine/backend/read_bandwidth.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>

#include "engine/backend/backend.h"
#include "engine/backend/host_memory.h"
#include "engine/base/free_memory.h"
#include "engine/base/thread_pool.h"

namespace engine {
namespace {

constexpr size_t chunk_bytes = size_t(1) << 20;

// Eight sums, so that loads don't wait for additions.
uint64_t sum_of(const std::byte* data) {
  uint64_t sums[8] = {};
  for (size_t at = 0; at < chunk_bytes; at += sizeof sums) {
    uint64_t numbers[8];
    std::memcpy(numbers, data + at, sizeof numbers);
    for (int i = 0; i < 8; ++i) sums[i] += numbers[i];
  }
  uint64_t sum = 0;
  for (const uint64_t s : sums) sum += s;
  return sum;
}

}  // namespace

struct ReadBandwidth::State {
  ThreadPool pool;
  std::unique_ptr<Buffer> memory;
  int64_t n_chunks = 0;
  std::atomic<uint64_t> sum{0};  // so that nothing is left out

  explicit State(int n_threads) : pool(n_threads) {}
};

ReadBandwidth::ReadBandwidth(int n_threads) : state_(std::make_unique<State>(n_threads)) {
  const uint64_t most = std::min<uint64_t>(uint64_t(512) << 20, free_memory_bytes() / 4);
  state_->n_chunks = int64_t(std::max<uint64_t>(8, most / chunk_bytes));
  state_->memory = allocate_host_memory(size_t(state_->n_chunks) * chunk_bytes, "the memory to read from");
  std::byte* data = state_->memory->data();
  state_->pool.run(state_->n_chunks, [&](int64_t chunk, int) { std::memset(data + size_t(chunk) * chunk_bytes, 1, chunk_bytes); });
}

ReadBandwidth::~ReadBandwidth() = default;

double ReadBandwidth::measure() {
  using Clock = std::chrono::steady_clock;
  const std::byte* data = state_->memory->data();
  double best = 0;
  for (int pass = 0; pass < 3; ++pass) {
    const Clock::time_point start = Clock::now();
    state_->pool.run(state_->n_chunks, [&](int64_t chunk, int) { state_->sum += sum_of(data + size_t(chunk) * chunk_bytes); });
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    best = std::max(best, double(state_->n_chunks) * double(chunk_bytes) / seconds);
  }
  return best;
}

}  // namespace engine
