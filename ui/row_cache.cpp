#include "ui/row_cache.h"

#include <algorithm>

#include "app/logs/text_finder.h"
#include "engine/base/error.h"
#include "engine/base/log.h"

namespace ui {
namespace {

using app::RowId;
using app::columns::Chunk;
using app::store::LogColumn;

constexpr size_t max_kept_chunks = 12;
constexpr size_t max_wanted_chunks = 4;

const app::columns::Column& column(const Chunk& chunk, LogColumn which) {
  return chunk.columns[size_t(which)];
}

app::Level level_from_text(std::string_view text) {
  for (int level = 1; level < app::n_levels; ++level)
    if (text == app::level_names[level]) return app::Level(level);
  return app::Level::none;
}

app::Level level_at(const Chunk& chunk, size_t row) {
  return level_from_text(column(chunk, LogColumn::level).text(row));
}

using Finders = std::vector<app::logs::TextFinder>;
Finders finders_of(const std::vector<std::string>& terms) { return {terms.begin(), terms.end()}; }
bool holds_any(std::string_view text, const Finders& finders) {
  return std::any_of(finders.begin(), finders.end(), [&](const app::logs::TextFinder& finder) { return finder.in(text); });
}

// What matches() looks at: of 10 million rows the levels fit in memory, the text does not.
app::store::LogColumnSet columns_of(const FindRequest& request) {
  switch (request.what) {
    case FindRequest::What::level: return app::store::column_bit(LogColumn::level);
    case FindRequest::What::text: return app::store::column_bit(LogColumn::raw);
    case FindRequest::What::template_id: return app::store::column_bit(LogColumn::template_id);
  }
  return app::store::all_log_columns;
}

bool matches(const FindRequest& request, const Finders& finders, const Chunk& chunk, size_t row) {
  switch (request.what) {
    case FindRequest::What::level: {
      const app::Level level = level_at(chunk, row);
      return request.level == app::Level::error ? level >= app::Level::error
                                                : level == request.level;
    }
    case FindRequest::What::text: return holds_any(column(chunk, LogColumn::raw).text(row), finders);
    case FindRequest::What::template_id: {
      const auto& ids = column(chunk, LogColumn::template_id);
      return !ids.is_null(row) && uint32_t(ids.i64(row)) == request.template_id;
    }
  }
  return false;
}

bool chunk_may_match(const FindRequest& request, const app::store::ChunkInfo& info) {
  if (request.what != FindRequest::What::level) return true;
  const uint32_t wanted = request.level == app::Level::error
                              ? (1u << int(app::Level::error)) | (1u << int(app::Level::critical))
                              : 1u << int(request.level);
  return (info.levels & wanted) != 0;
}

}  // namespace

RowText read_row(const std::shared_ptr<const Chunk>& chunk, size_t row) {
  RowText out;
  out.chunk = chunk;
  const Chunk& c = *chunk;
  const auto& time = column(c, LogColumn::timestamp);
  out.time = time.is_null(row) ? app::no_time : time.i64(row);
  out.level = level_at(c, row);
  out.line = uint64_t(column(c, LogColumn::line).i64(row));
  out.n_lines = uint32_t(std::max<int64_t>(column(c, LogColumn::n_lines).i64(row), 1));
  const auto& ids = column(c, LogColumn::template_id);
  out.template_id = ids.is_null(row) ? app::no_template : uint32_t(ids.i64(row));
  out.source = uint32_t(column(c, LogColumn::source_id).i64(row));
  const auto& pid = column(c, LogColumn::pid);
  out.pid = pid.is_null(row) ? -1 : pid.i64(row);
  out.raw = column(c, LogColumn::raw).text(row);
  out.message = column(c, LogColumn::message).text(row);
  out.host = column(c, LogColumn::host).text(row);
  out.process = column(c, LogColumn::process).text(row);
  out.file = column(c, LogColumn::file).text(row);
  out.source_name = column(c, LogColumn::source).text(row);
  out.properties = column(c, LogColumn::properties).text(row);
  return out;
}

RowCache::RowCache(std::function<void()> on_ready)
    : on_ready_(std::move(on_ready)), thread_([this](std::stop_token stop) { work(stop); }) {}

RowCache::~RowCache() {
  thread_.request_stop();
  wake_.notify_all();
}

void RowCache::show(int64_t session, Snapshot log, Rows rows) {
  const std::lock_guard lock(mutex_);
  if (session == session_ && log == log_ && rows == rows_) return;
  if (session != session_ || !log || !log_ || log->n_rows() < log_->n_rows()) {
    kept_.clear();
  } else if (log != log_ && log_->n_chunks() > 0) {
    // The last chunk may have grown since.
    std::erase_if(kept_, [last = log_->n_chunks() - 1](const Kept& k) { return k.chunk >= last; });
  }
  session_ = session;
  log_ = std::move(log);
  rows_ = std::move(rows);
  ++generation_;
  wanted_.clear();
  find_.reset();
  marks_ = {};
  marks_cursor_ = 0;
  restart_matches();
  wake_.notify_all();
}

void RowCache::restart_matches() {
  matches_cursor_ = 0;
  ++terms_generation_;
  marks_.n_matches = {};
  marks_.n_all_matches = 0;
  marks_.matches_complete = terms_.empty();
}

void RowCache::mark_terms(const std::vector<std::string>& terms) {
  const std::lock_guard lock(mutex_);
  if (terms == terms_) return;
  terms_ = terms;
  restart_matches();
  wake_.notify_all();
}

std::optional<RowText> RowCache::row(RowId row) {
  const std::lock_guard lock(mutex_);
  if (!log_ || row >= log_->n_rows()) return std::nullopt;
  const size_t chunk = log_->chunk_of(row);
  for (size_t i = 0; i < kept_.size(); ++i) {
    if (kept_[i].chunk != chunk) continue;
    if (i > 0) std::swap(kept_[i], kept_[i - 1]);
    const size_t at = i > 0 ? i - 1 : 0;
    return read_row(kept_[at].data, size_t(row - log_->info(chunk).first_row));
  }
  if (std::find(wanted_.begin(), wanted_.end(), chunk) == wanted_.end()) {
    wanted_.push_front(chunk);
    if (wanted_.size() > max_wanted_chunks) wanted_.pop_back();
    wake_.notify_all();
  }
  return std::nullopt;
}

void RowCache::find(FindRequest request) {
  const std::lock_guard lock(mutex_);
  find_cursor_ = request.from;
  find_ = std::move(request);
  found_.reset();
  wake_.notify_all();
}

std::optional<RowCache::Found> RowCache::take_found() {
  const std::lock_guard lock(mutex_);
  auto found = std::move(found_);
  found_.reset();
  return found;
}

bool RowCache::finding() const {
  const std::lock_guard lock(mutex_);
  return find_.has_value();
}

ScrollMarks RowCache::marks() const {
  const std::lock_guard lock(mutex_);
  return marks_;
}

void RowCache::finish_pending() {
  std::unique_lock lock(mutex_);
  while (step(lock)) {
  }
}

void RowCache::work(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    bool busy = false;
    try {
      busy = step(lock);
    } catch (const std::exception& error) {
      // A damaged chunk must not end the program; the row stays empty and the log says why.
      if (!lock.owns_lock()) lock.lock();
      engine::log_error("cannot read log rows: %s", error.what());
      wanted_.clear();
      find_.reset();
      marks_.complete = marks_.matches_complete = true;
    }
    if (!busy)
      wake_.wait(lock, stop, [this] {
        return log_ && (!wanted_.empty() || find_ || !marks_.complete || !marks_.matches_complete);
      });
  }
}

bool RowCache::step(std::unique_lock<std::mutex>& lock) {
  if (!log_) return false;
  if (!wanted_.empty()) {
    load_step(lock);
  } else if (find_) {
    find_step(lock);
  } else if (!marks_.complete) {
    marks_step(lock);
  } else if (!marks_.matches_complete) {
    matches_step(lock);
  } else {
    return false;
  }
  return true;
}

void RowCache::load_step(std::unique_lock<std::mutex>& lock) {
  const size_t chunk = wanted_.front();
  wanted_.pop_front();
  const Snapshot log = log_;
  const uint64_t generation = generation_;
  lock.unlock();
  auto data = log->chunk(chunk);
  lock.lock();
  if (generation == generation_) {
    kept_.push_front({chunk, std::move(data)});
    if (kept_.size() > max_kept_chunks) kept_.pop_back();
  }
  if (on_ready_) on_ready_();
}

// Searches one chunk's rows of the list, from find_cursor_ on.
void RowCache::find_step(std::unique_lock<std::mutex>& lock) {
  const Snapshot log = log_;
  const Rows rows = rows_;
  const FindRequest request = *find_;
  const uint64_t generation = generation_;
  uint64_t cursor = find_cursor_;
  const uint64_t n = rows ? rows->size() : log->n_rows();
  const auto row_at = [&](uint64_t index) { return rows ? (*rows)[index] : RowId(index); };
  lock.unlock();

  const Finders finders = finders_of(request.terms);
  std::optional<uint64_t> hit;
  bool ended = false;
  std::shared_ptr<const Chunk> data;
  size_t chunk = size_t(-1);
  RowId first_row = 0;
  bool skip = false;
  while (!hit) {
    if (request.backwards ? cursor == 0 : cursor + 1 >= n) {
      ended = true;
      break;
    }
    const uint64_t next = request.backwards ? cursor - 1 : cursor + 1;
    const RowId row = row_at(next);
    const size_t its_chunk = log->chunk_of(row);
    if (its_chunk != chunk) {
      if (chunk != size_t(-1)) break;   // the next chunk is the next step's
      chunk = its_chunk;
      const app::store::ChunkInfo info = log->info(chunk);
      first_row = info.first_row;
      skip = !chunk_may_match(request, info);
      if (!skip) data = log->partial_chunk(chunk, columns_of(request));
      if (skip && !rows) {
        cursor = request.backwards ? first_row : first_row + info.n_rows - 1;
        break;
      }
    }
    cursor = next;
    if (!skip && matches(request, finders, *data, size_t(row - first_row))) hit = next;
  }

  lock.lock();
  if (generation != generation_ || !find_) return;
  find_cursor_ = cursor;
  if (!hit && !ended) return;
  find_.reset();
  found_ = Found{hit, request};
  if (on_ready_) on_ready_();
}

// Counts the marks of one chunk.
void RowCache::marks_step(std::unique_lock<std::mutex>& lock) {
  const Snapshot log = log_;
  const Rows rows = rows_;
  const uint64_t generation = generation_;
  uint64_t cursor = marks_cursor_;
  const uint64_t n = rows ? rows->size() : log->n_rows();
  lock.unlock();

  ScrollMarks found;
  constexpr uint32_t marked = (1u << int(app::Level::warning)) | (1u << int(app::Level::error)) |
                              (1u << int(app::Level::critical));
  if (cursor < n) {
    const size_t chunk = log->chunk_of(rows ? (*rows)[cursor] : cursor);
    const app::store::ChunkInfo info = log->info(chunk);
    const RowId end = info.first_row + info.n_rows;
    std::shared_ptr<const app::columns::Column> levels;
    if ((info.levels & marked) != 0) levels = log->column(chunk, LogColumn::level);
    for (; cursor < n; ++cursor) {
      const RowId row = rows ? (*rows)[cursor] : cursor;
      if (row >= end || row < info.first_row) break;
      if (!levels) continue;
      const auto level = uint8_t(level_from_text(levels->text(size_t(row - info.first_row))));
      if (level < uint8_t(app::Level::warning)) continue;
      const auto slot = size_t(cursor * n_scroll_marks / n);
      found.worst[slot] = std::max(found.worst[slot], level);
      ++found.n_bad[slot];
    }
  }

  lock.lock();
  if (generation != generation_) return;
  marks_cursor_ = cursor;
  for (size_t i = 0; i < n_scroll_marks; ++i) {
    marks_.worst[i] = std::max(marks_.worst[i], found.worst[i]);
    marks_.n_bad[i] += found.n_bad[i];
  }
  marks_.complete = cursor >= n;
  if (marks_.complete && n > 0 && on_ready_) on_ready_();
}

// Counts the lines of one chunk that hold a search term.
void RowCache::matches_step(std::unique_lock<std::mutex>& lock) {
  const Snapshot log = log_;
  const Rows rows = rows_;
  const Finders finders = finders_of(terms_);
  const uint64_t generation = generation_, terms_generation = terms_generation_;
  uint64_t cursor = matches_cursor_;
  const uint64_t n = rows ? rows->size() : log->n_rows();
  lock.unlock();

  std::array<uint32_t, n_scroll_marks> found = {};
  uint64_t n_found = 0;
  if (cursor < n) {
    const size_t chunk = log->chunk_of(rows ? (*rows)[cursor] : cursor);
    const app::store::ChunkInfo info = log->info(chunk);
    const RowId end = info.first_row + info.n_rows;
    const auto raw = log->column(chunk, LogColumn::raw);
    for (; cursor < n; ++cursor) {
      const RowId row = rows ? (*rows)[cursor] : cursor;
      if (row >= end || row < info.first_row) break;
      if (!holds_any(raw->text(size_t(row - info.first_row)), finders)) continue;
      ++found[size_t(cursor * n_scroll_marks / n)];
      ++n_found;
    }
  }

  lock.lock();
  if (generation != generation_ || terms_generation != terms_generation_) return;
  matches_cursor_ = cursor;
  for (size_t i = 0; i < n_scroll_marks; ++i) marks_.n_matches[i] += found[i];
  marks_.n_all_matches += n_found;
  marks_.matches_complete = cursor >= n;
  if (on_ready_) on_ready_();
}

}  // namespace ui
