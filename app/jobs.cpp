#include "app/jobs.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <new>
#include <utility>

#include "engine/base/error.h"
#include "engine/base/log.h"

namespace app {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto progress_interval = std::chrono::milliseconds(33);
constexpr size_t n_ended_kept = 20;

double seconds_between(Clock::time_point begin, Clock::time_point end) {
  return std::chrono::duration<double>(end - begin).count();
}

}  // namespace

struct JobRunner::Entry {
  Job job;
  JobView view;
  std::function<void(Job&)> work;
  std::function<void(const std::string&)> on_error;
  Clock::time_point began, ended, shown;
};

struct JobRunner::Lane {
  std::deque<std::shared_ptr<Entry>> queue;
  std::condition_variable wake;
  std::thread thread;
};

void Job::progress(double fraction, const std::string& stage, const std::string& count) {
  bool tell = false;
  {
    const std::lock_guard lock(runner_->mutex_);
    for (const auto& entry : runner_->entries_) {
      if (entry->job.id_ != id_) continue;
      const bool new_stage = !stage.empty() && stage != entry->view.stage;
      entry->view.fraction = fraction;
      if (!stage.empty()) entry->view.stage = stage;
      entry->view.count = count;
      tell = new_stage || Clock::now() - entry->shown > progress_interval;
      if (tell) entry->shown = Clock::now();
    }
  }
  if (tell) runner_->on_change_();
}

JobRunner::JobRunner(std::function<void()> on_change) : on_change_(std::move(on_change)) {
  if (!on_change_) on_change_ = [] {};
}

JobRunner::~JobRunner() { close(); }

void JobRunner::close() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    for (const auto& entry : entries_) entry->job.stop_.request_stop();
    for (const auto& [name, lane] : lanes_) lane->wake.notify_all();
  }
  // No lane is added from here on.
  for (const auto& [name, lane] : lanes_)
    if (lane->thread.joinable()) lane->thread.join();
}

int64_t JobRunner::start(const std::string& lane_name, const std::string& kind,
                         const std::string& title, std::function<void(Job&)> work,
                         std::function<void(const std::string&)> on_error, int64_t session) {
  auto entry = std::make_shared<Entry>();
  entry->work = std::move(work);
  entry->on_error = std::move(on_error);
  entry->began = entry->shown = Clock::now();
  {
    const std::lock_guard lock(mutex_);
    if (closing_) return 0;
    entry->job.runner_ = this;
    entry->job.id_ = entry->view.id = next_id_++;
    entry->view.kind = kind;
    entry->view.title = title;
    entry->view.session = session;
    entries_.push_back(entry);
    std::unique_ptr<Lane>& lane = lanes_[lane_name];
    if (!lane) {
      lane = std::make_unique<Lane>();
      lane->thread = std::thread([this, &lane = *lane] { run_lane(lane); });
    }
    lane->queue.push_back(entry);
    lane->wake.notify_one();
  }
  on_change_();
  return entry->view.id;
}

void JobRunner::run_lane(Lane& lane) {
  for (;;) {
    std::shared_ptr<Entry> entry;
    {
      std::unique_lock lock(mutex_);
      lane.wake.wait(lock, [&] { return closing_ || !lane.queue.empty(); });
      if (lane.queue.empty()) return;
      entry = lane.queue.front();
      lane.queue.pop_front();
    }
    run_one(*entry);
  }
}

void JobRunner::run_one(Entry& entry) {
  std::string error;
  bool cancelled = entry.job.stop_.stop_requested();
  try {
    if (!cancelled) entry.work(entry.job);
    cancelled = entry.job.stop_.stop_requested();
  } catch (const engine::Error& e) {
    if (e.kind() == engine::ErrorKind::cancelled) {
      cancelled = true;
    } else {
      error = e.what();
    }
  } catch (const std::bad_alloc&) {
    error = "out of memory; close other programs or work on a part of the log";
  } catch (const std::exception& e) {
    error = std::string("internal fault: ") + e.what() + "; please report it";
  }
  if (!error.empty()) {
    engine::log_error("%s: %s", entry.view.title.c_str(), error.c_str());
    if (entry.on_error) entry.on_error(error);
  }
  // What the work captured is released before anyone learns that it ended.
  entry.work = nullptr;
  entry.on_error = nullptr;
  {
    const std::lock_guard lock(mutex_);
    entry.view.running = false;
    entry.view.cancelled = cancelled;
    entry.view.error = error;
    entry.ended = Clock::now();
    size_t n_ended = 0;
    for (size_t i = entries_.size(); i-- > 0;) {
      if (!entries_[i]->view.running && ++n_ended > n_ended_kept) {
        entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(i));
      }
    }
  }
  ended_.notify_all();
  on_change_();
}

void JobRunner::cancel(int64_t id) {
  const std::lock_guard lock(mutex_);
  for (const auto& entry : entries_) {
    if (entry->view.id == id) entry->job.stop_.request_stop();
  }
}

void JobRunner::cancel_kind(const std::string& kind) {
  const std::lock_guard lock(mutex_);
  for (const auto& entry : entries_) {
    if (entry->view.kind == kind && entry->view.running) entry->job.stop_.request_stop();
  }
}

bool JobRunner::is_running(const std::string& kind) const {
  const std::lock_guard lock(mutex_);
  return std::any_of(entries_.begin(), entries_.end(), [&](const auto& entry) {
    return entry->view.running && entry->view.kind == kind;
  });
}

void JobRunner::wait(int64_t id) const {
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [&] {
    return std::none_of(entries_.begin(), entries_.end(), [&](const auto& entry) {
      return entry->view.id == id && entry->view.running;
    });
  });
}

std::vector<JobView> JobRunner::views() const {
  const std::lock_guard lock(mutex_);
  std::vector<JobView> views;
  for (const bool running : {true, false}) {
    for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
      if ((*entry)->view.running != running) continue;
      views.push_back((*entry)->view);
      views.back().seconds = seconds_between((*entry)->began, running ? Clock::now() : (*entry)->ended);
    }
  }
  return views;
}

}  // namespace app
