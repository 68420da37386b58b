#include "engine/generate/step_batcher.h"

#include <algorithm>
#include <functional>

#include "engine/base/error.h"

namespace engine {
namespace {

// Rows of logits that one product computes; more in a pass would read the head's weights twice.
constexpr size_t most_tokens = prompt_block_logits;
// Of a pass's time, what is waited for sessions that choose their next token: choosing mostly takes less.
constexpr int patience = 4;
constexpr std::chrono::milliseconds longest_wait(20);
using Clock = std::chrono::steady_clock;

}  // namespace

void StepBatcher::change_members(int by) {
  const std::lock_guard<std::mutex> lock(mutex_);
  n_members_ += by;
  changed_.notify_all();
}

StepBatcher::Usage StepBatcher::usage() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return usage_;
}

bool StepBatcher::all_wait() const {
  size_t n_tokens = 0;
  for (const Request* r : waiting_) n_tokens += r->step.tokens.size();
  return int(waiting_.size()) >= n_members_ || n_tokens >= most_tokens;
}

// The first ones that fit together; one alone always does.
std::vector<StepBatcher::Request*> StepBatcher::take() {
  std::vector<Request*> taken;
  size_t n_tokens = 0;
  while (!waiting_.empty()) {
    Request* const next = waiting_.front();
    if (!taken.empty() && n_tokens + next->step.tokens.size() > most_tokens) break;
    n_tokens += next->step.tokens.size();
    next->state = Request::State::running;
    taken.push_back(next);
    waiting_.erase(waiting_.begin());
  }
  return taken;
}

void StepBatcher::step(const SigmaModel& model, KvCache& cache, std::span<const int32_t> tokens, std::span<float> logits,
                       std::stop_token stop) {
  Request mine{.step = {&cache, tokens, logits}, .stop = stop};
  std::unique_lock<std::mutex> lock(mutex_);
  waiting_.push_back(&mine);
  changed_.notify_all();
  while (mine.state != Request::State::done) {
    if (!leading_) {
      lead(model, lock);
    } else if (mine.state == Request::State::running) {
      changed_.wait(lock);  // a stop ends the pass that it is in
    } else if (!changed_.wait(lock, stop, [&] { return !leading_ || mine.state != Request::State::waiting; })) {
      std::erase(waiting_, &mine);
      fail(ErrorKind::cancelled, "the computation was cancelled");
    }
  }
  if (mine.error) std::rethrow_exception(mine.error);
}

void StepBatcher::lead(const SigmaModel& model, std::unique_lock<std::mutex>& lock) {
  leading_ = true;
  changed_.wait_for(lock, std::min<Clock::duration>(last_pass_ / patience, longest_wait), [&] { return all_wait(); });
  const std::vector<Request*> requests = take();
  lock.unlock();
  const auto start = Clock::now();
  const std::vector<Outcome> outcomes = run(model, requests);
  lock.lock();
  last_pass_ = Clock::now() - start;
  ++usage_.n_passes;
  for (size_t i = requests.size(); i-- > 0;) {  // those that try again keep their turn
    Request& r = *requests[i];
    if (outcomes[i].done) {
      r.error = outcomes[i].error;
      r.state = Request::State::done;
      ++usage_.n_steps;
    } else {
      r.state = Request::State::waiting;
      waiting_.insert(waiting_.begin(), &r);
    }
  }
  leading_ = false;
  changed_.notify_all();
}

// One that is stopped ends the pass: it is done then, and the others try again. After any other error each runs alone, and has
// its own.
std::vector<StepBatcher::Outcome> StepBatcher::run(const SigmaModel& model, std::span<Request* const> requests) {
  std::stop_source any;
  using OnStop = std::stop_callback<std::function<void()>>;
  std::vector<std::unique_ptr<OnStop>> callbacks;
  std::vector<BatchStep> steps;
  for (const Request* r : requests) {
    callbacks.push_back(std::make_unique<OnStop>(r->stop, [&any] { any.request_stop(); }));
    steps.push_back(r->step);
  }
  std::vector<Outcome> outcomes(requests.size(), {.done = true});
  try {
    forward_batch(model, steps, any.get_token());
  } catch (const Error& e) {
    for (size_t i = 0; i < requests.size(); ++i) {
      if (e.kind() == ErrorKind::cancelled) {
        outcomes[i].done = requests[i]->stop.stop_requested();
        outcomes[i].error = outcomes[i].done ? std::current_exception() : nullptr;
      } else if (requests.size() == 1) {
        outcomes[i].error = std::current_exception();
      } else {
        outcomes[i] = run(model, requests.subspan(i, 1))[0];
      }
    }
  } catch (...) {
    for (Outcome& outcome : outcomes) outcome.error = std::current_exception();
  }
  return outcomes;
}

}  // namespace engine
