// engine/generate/step_batcher.h: steps of decoding that several sessions want at the same time go through the model in one
// pass (forward_batch). Each session calls from its own thread; whoever finds no pass being prepared runs the next one for
// all that wait. An answer is the same, to the last bit, as without company.
#pragma once
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <span>
#include <stop_token>
#include <utility>
#include <vector>

#include "engine/model/sigma.h"

namespace engine {

class StepBatcher {
 public:
  // While one lives a session decodes: a pass then waits for its step, though never for long.
  class Member {
   public:
    explicit Member(std::shared_ptr<StepBatcher> batcher) : batcher_(std::move(batcher)) { batcher_->change_members(1); }
    ~Member() { batcher_->change_members(-1); }
    Member(const Member&) = delete;
    Member& operator=(const Member&) = delete;
    const std::shared_ptr<StepBatcher>& batcher() const { return batcher_; }

   private:
    std::shared_ptr<StepBatcher> batcher_;
  };

  // As forward_exact. All caches of one batcher are of one model and one pool. Safe from any thread.
  void step(const SigmaModel& model, KvCache& cache, std::span<const int32_t> tokens, std::span<float> logits,
            std::stop_token stop);

  // Passes so far, and the steps that went in them.
  struct Usage {
    uint64_t n_passes = 0, n_steps = 0;
  };
  Usage usage() const;

 private:
  struct Request {
    BatchStep step;
    std::stop_token stop;
    enum class State { waiting, running, done } state = State::waiting;
    std::exception_ptr error = nullptr;
  };
  // What became of a request in a pass.
  struct Outcome {
    bool done = false;
    std::exception_ptr error = nullptr;
  };
  void change_members(int by);
  bool all_wait() const;  // every session that decodes is here, or there is no room for more
  std::vector<Request*> take();
  void lead(const SigmaModel& model, std::unique_lock<std::mutex>& lock);
  static std::vector<Outcome> run(const SigmaModel& model, std::span<Request* const> requests);

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<Request*> waiting_;
  bool leading_ = false;  // someone gathers or runs a pass
  int n_members_ = 0;
  std::chrono::steady_clock::duration last_pass_{};
  Usage usage_;
};

}  // namespace engine
