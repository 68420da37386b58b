#include "app/ingest.h"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <filesystem>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "app/logs/templates.h"
#include "engine/base/error.h"

namespace app {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

// Batches that may wait between parsing and appending: enough to even out both, a few MB of text.
constexpr size_t max_waiting_batches = 8;
constexpr auto template_interval = std::chrono::seconds(5);

// The second half of the pipeline, on its own thread: templates, activity, append.
class Appender {
 public:
  Appender(store::LogStore& store, const IngestOptions& options)
      : store_(store), options_(options), first_row_(store.snapshot()->n_rows()),
        miner_({.first_row = first_row_}) {
    const auto before = store.snapshot();
    if (options_.mine_templates && !before->templates().empty()) miner_.restore(before->templates());
    thread_ = std::thread([this] { run(); });
  }
  ~Appender() {
    close();
    if (thread_.joinable()) thread_.join();
  }

  // Waits while too much is waiting. Throws what the thread failed with.
  void push(RecordBatch&& batch) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_.size() < max_waiting_batches || failure_; });
    if (failure_) std::rethrow_exception(failure_);
    waiting_.push_back(std::move(batch));
    changed_.notify_all();
  }

  // Appends what is left, templates too. Throws what the thread failed with.
  void finish() {
    close();
    thread_.join();
    if (failure_) std::rethrow_exception(failure_);
  }

  RowId first_row() const { return first_row_; }
  uint64_t n_records() const { return n_records_; }  // after finish()
  std::vector<Anomaly> anomalies() const {
    if (!options_.find_anomalies || !options_.mine_templates) return {};
    return activity_.find(store_.snapshot()->templates(), options_.anomalies);
  }

 private:
  void close() {
    const std::lock_guard guard(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

  std::optional<RecordBatch> next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !waiting_.empty() || closed_; });
    if (waiting_.empty()) return std::nullopt;
    RecordBatch batch = std::move(waiting_.front());
    waiting_.pop_front();
    changed_.notify_all();
    return batch;
  }

  void run() {
    try {
      const auto append = [this](RecordBatch&& batch) { this->append(batch.records); };
      while (std::optional<RecordBatch> batch = next()) {
        options_.mine_templates ? miner_.add(std::move(*batch), append) : append(std::move(*batch));
      }
      if (!options_.mine_templates) return;
      miner_.flush(append);
      store_.set_templates(miner_.templates());
    } catch (...) {
      const std::lock_guard guard(mutex_);
      failure_ = std::current_exception();
      changed_.notify_all();
    }
  }

  void append(const std::vector<Record>& records) {
    const RowId first = store_.append(records);
    if (options_.find_anomalies) activity_.add(records, first);
    n_records_ += records.size();
    // So that views of a long ingest, and what is left of a killed one, have templates.
    const auto now = steady_clock::now();
    if (!options_.mine_templates || now - last_templates_ < template_interval) return;
    last_templates_ = now;
    store_.set_templates(miner_.templates());
  }

  store::LogStore& store_;
  const IngestOptions& options_;
  const RowId first_row_;
  logs::TemplateMiner miner_;
  logs::ActivityCounter activity_;
  uint64_t n_records_ = 0;
  steady_clock::time_point last_templates_ = steady_clock::now();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<RecordBatch> waiting_;
  bool closed_ = false;
  std::exception_ptr failure_;
  std::thread thread_;
};

// Progress over several inputs; the members of one archive share the bytes of one file.
class Meter {
 public:
  Meter(const OnIngestProgress& on_progress, uint64_t n_bytes_total) : on_progress_(on_progress) {
    progress_.n_bytes_total = n_bytes_total;
  }

  void begin(const logs::LogInput& input) {
    const std::string file = input.path.substr(0, input.path.find('!'));
    if (file != file_) {
      n_bytes_before_ += n_bytes_of_file_;
      n_bytes_of_file_ = input.size_bytes;
      file_ = file;
    }
    n_lines_before_ = progress_.n_lines;
    n_records_before_ = progress_.n_records;
    progress_.source = input.name;
  }
  void update(const logs::ParseProgress& now) {
    progress_.n_bytes_done = n_bytes_before_ + now.n_bytes_done;
    progress_.n_lines = n_lines_before_ + now.n_lines;
    progress_.n_records = n_records_before_ + now.n_records;
    if (on_progress_) on_progress_(progress_);
  }
  // Of the input that is being read.
  uint64_t n_lines() const { return progress_.n_lines - n_lines_before_; }
  uint64_t n_records() const { return progress_.n_records - n_records_before_; }

 private:
  const OnIngestProgress& on_progress_;
  IngestProgress progress_;
  std::string file_;
  uint64_t n_bytes_before_ = 0, n_bytes_of_file_ = 0, n_lines_before_ = 0, n_records_before_ = 0;
};

// Bytes that lie behind the paths, or 0 where that cannot be known beforehand.
uint64_t total_bytes(const std::vector<std::string>& paths) {
  uint64_t sum = 0;
  std::error_code error;
  for (const std::string& path : paths) {
    if (fs::is_regular_file(path, error)) {
      sum += fs::file_size(path, error);
    } else if (fs::is_directory(path, error)) {
      const auto options = fs::directory_options::skip_permission_denied;
      for (fs::recursive_directory_iterator it(path, options, error), end; !error && it != end;
           it.increment(error)) {
        if (it->is_regular_file(error)) sum += it->file_size(error);
      }
    } else {
      return 0;
    }
  }
  return sum;
}

// One ingest: what it reads from, what it writes to, what came of it.
class Ingest {
 public:
  Ingest(store::LogStore& store, const logs::FormatSet& formats, const IngestOptions& options,
         const OnIngestProgress& on_progress, std::stop_token stop, uint64_t n_bytes_total)
      : store_(store), formats_(formats), options_(options), stop_(std::move(stop)),
        meter_(on_progress, n_bytes_total), appender_(store, options) {
    summary_.first_row = appender_.first_row();
  }

  void read_all(std::vector<std::string> paths);
  void read(logs::LogInput& input);
  IngestSummary finish();

 private:
  void input_failed(const engine::Error& error);
  void count(const Source& source);

  store::LogStore& store_;
  const logs::FormatSet& formats_;
  const IngestOptions& options_;
  std::stop_token stop_;
  steady_clock::time_point start_ = steady_clock::now();
  IngestSummary summary_;
  std::exception_ptr first_error_;  // of an input
  std::exception_ptr store_error_;  // ends the whole
  Meter meter_;
  Appender appender_;
};

void Ingest::read_all(std::vector<std::string> paths) {
  logs::InputList inputs(std::move(paths), options_.limits);
  while (!summary_.cancelled && !stop_.stop_requested()) {
    try {
      std::optional<logs::LogInput> input = inputs.next();
      if (!input) break;
      read(*input);
    } catch (const engine::Error& e) {
      if (store_error_) throw;
      input_failed(e);
    }
  }
  summary_.cancelled |= stop_.stop_requested();
  summary_.notes.insert(summary_.notes.end(), inputs.notes().begin(), inputs.notes().end());
}

void Ingest::input_failed(const engine::Error& error) {
  if (!first_error_) first_error_ = std::current_exception();
  summary_.notes.emplace_back(error.what());
}

// What was read before an input failed, or the reading was cancelled, stays; its source says so.
void Ingest::read(logs::LogInput& input) {
  Source source;
  source.name = input.name;
  source.path = input.path;
  source.kind = input.kind;
  source.id = store_.add_source(source);
  summary_.sources.push_back(source.id);
  meter_.begin(input);
  const logs::ParseOptions parse_options{.utc_offset_minutes = options_.utc_offset_minutes,
                                         .reference_time = options_.reference_time,
                                         .source_id = source.id,
                                         .encoding = options_.encoding,
                                         .format = options_.format,
                                         .join_lines = options_.join_lines};
  const auto on_batch = [&](RecordBatch&& batch) {
    try {
      appender_.push(std::move(batch));
    } catch (...) {
      store_error_ = std::current_exception();
      throw;
    }
  };
  const auto on_progress = [&](const logs::ParseProgress& now) { meter_.update(now); };
  try {
    source = logs::parse(input, formats_, parse_options, on_batch, on_progress, stop_);
  } catch (const engine::Error& e) {
    if (store_error_) throw;
    source.n_lines = meter_.n_lines();
    source.n_records = meter_.n_records();
    if (e.kind() == engine::ErrorKind::cancelled) {
      summary_.cancelled = true;
      source.notes.emplace_back("Partial: reading was cancelled; what follows is missing.");
    } else {
      source.notes.push_back("Partial: " + std::string(e.what()));
      input_failed(e);
    }
  }
  count(source);
  store_.update_source(source);
}

void Ingest::count(const Source& source) {
  summary_.n_lines += source.n_lines;
  summary_.n_bytes += source.n_bytes;
  for (const std::string& note : source.notes) summary_.notes.push_back(source.name + ": " + note);
}

IngestSummary Ingest::finish() {
  appender_.finish();
  summary_.n_records = appender_.n_records();
  if (summary_.n_records == 0 && first_error_ && !summary_.cancelled) {
    std::rethrow_exception(first_error_);
  }
  summary_.n_templates = store_.snapshot()->templates().size();
  summary_.anomalies = appender_.anomalies();
  store_.flush();
  summary_.seconds = std::chrono::duration<double>(steady_clock::now() - start_).count();
  return std::move(summary_);
}

}  // namespace

IngestSummary ingest(store::LogStore& store, const std::vector<std::string>& paths,
                     const logs::FormatSet& formats, const IngestOptions& options,
                     const OnIngestProgress& on_progress, std::stop_token stop) {
  Ingest ingest(store, formats, options, on_progress, std::move(stop), total_bytes(paths));
  ingest.read_all(paths);
  return ingest.finish();
}

IngestSummary ingest_text(store::LogStore& store, std::string text, const std::string& name,
                          const logs::FormatSet& formats, const IngestOptions& options,
                          const OnIngestProgress& on_progress, std::stop_token stop) {
  Ingest ingest(store, formats, options, on_progress, std::move(stop), text.size());
  logs::LogInput input = logs::pasted_text(std::move(text), name);
  ingest.read(input);
  return ingest.finish();
}

}  // namespace app
