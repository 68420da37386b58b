// app/jobs.h: work off the UI thread: progress, cancel, result or Error.
//
// A job runs on a lane. Jobs of one lane run one after the other in the order they were started;
// lanes run side by side, a thread each. The runner is one of the three places that catch.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "app/views.h"

namespace app {

class JobRunner;

// What a running job says of itself. Any thread.
class Job {
 public:
  std::stop_token stop() const { return stop_.get_token(); }
  int64_t id() const { return id_; }
  void progress(double fraction, const std::string& stage = {}, const std::string& count = {});

 private:
  friend class JobRunner;
  JobRunner* runner_ = nullptr;
  int64_t id_ = 0;
  std::stop_source stop_;
};

class JobRunner {
 public:
  // on_change is called, from any thread, when a job began, moved on or ended; at most about thirty
  // times a second for progress.
  explicit JobRunner(std::function<void()> on_change);
  ~JobRunner();  // closes
  JobRunner(const JobRunner&) = delete;
  JobRunner& operator=(const JobRunner&) = delete;

  // Cancels all jobs and waits for them. A job may still call start() meanwhile: nothing begins then.
  void close();

  // Starts work on a lane and gives its id; 0 where the runner is closing. An Error it throws becomes the job's error; Error{cancelled}
  // and a stop request mark it cancelled. on_error, where given, is called with the message first.
  // session: that it works for, shown in its view; 0: none.
  int64_t start(const std::string& lane, const std::string& kind, const std::string& title,
                std::function<void(Job&)> work,
                std::function<void(const std::string& message)> on_error = {}, int64_t session = 0);
  void cancel(int64_t id);
  void cancel_kind(const std::string& kind);
  bool is_running(const std::string& kind) const;
  void wait(int64_t id) const;             // until it ended
  std::vector<JobView> views() const;      // running first, then the last few that ended

 private:
  friend class Job;
  struct Entry;
  struct Lane;
  void run_lane(Lane& lane);
  void run_one(Entry& entry);

  std::function<void()> on_change_;
  mutable std::mutex mutex_;
  mutable std::condition_variable ended_;
  std::vector<std::shared_ptr<Entry>> entries_;
  std::map<std::string, std::unique_ptr<Lane>> lanes_;
  int64_t next_id_ = 1;
  bool closing_ = false;
};

}  // namespace app
