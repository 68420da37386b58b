// ui/row_cache.h: log rows for drawing, read on a thread of its own.
//
// Decoding a chunk of 64 K rows takes longer than a frame may, so the list draws what is ready and
// asks for the rest; on_ready wakes the window when more came. The same thread answers "where is the
// next error" and counts the marks beside the scroll bar, a chunk at a time, after the reading.
#pragma once
#include <array>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "app/store/log_store.h"
#include "app/types.h"

namespace ui {

// One row as a list shows it. Views are borrowed from chunk.
struct RowText {
  std::shared_ptr<const app::columns::Chunk> chunk;
  app::Ticks time = app::no_time;
  app::Level level = app::Level::none;
  uint64_t line = 0;
  uint32_t n_lines = 1;
  uint32_t template_id = app::no_template;
  uint32_t source = 0;
  int64_t pid = -1;
  std::string_view raw, message, host, process, file, source_name, properties;
};
RowText read_row(const std::shared_ptr<const app::columns::Chunk>& chunk, size_t row_in_chunk);

// What to look for from a place in the list on.
struct FindRequest {
  enum class What { level, text, template_id } what = What::level;
  app::Level level = app::Level::error;   // exactly error or worse; warning: exactly warning
  std::vector<std::string> terms;         // text: any of them; ASCII case does not count
  uint32_t template_id = app::no_template;
  uint64_t from = 0;                      // index in the list; the search begins beside it
  bool backwards = false;
};

constexpr size_t n_scroll_marks = 512;
struct ScrollMarks {
  std::array<uint8_t, n_scroll_marks> worst = {};      // Level, of warnings and worse; 0: none
  std::array<uint32_t, n_scroll_marks> n_bad = {};     // how many of those
  std::array<uint32_t, n_scroll_marks> n_matches = {};  // lines with a search term
  uint64_t n_all_matches = 0;
  bool complete = false, matches_complete = true;
};

class RowCache {
 public:
  using Rows = std::shared_ptr<const std::vector<app::RowId>>;   // null: all rows of the log

  explicit RowCache(std::function<void()> on_ready = {});
  ~RowCache();

  // The log of a session and the rows of it that are listed. Rows never change, so what was read
  // of the session's earlier snapshots stays.
  void show(int64_t session, std::shared_ptr<const app::store::LogSnapshot> log, Rows rows);

  // The row if its chunk is there; else it is asked for and comes in a later frame.
  std::optional<RowText> row(app::RowId row);

  void find(FindRequest request);
  // The answer to the last find(), once: the index found, or none where the search ended without.
  struct Found {
    std::optional<uint64_t> index;
    FindRequest request;
  };
  std::optional<Found> take_found();
  bool finding() const;
  // Words whose lines are counted for the scroll bar; none: nothing is.
  void mark_terms(const std::vector<std::string>& terms);
  ScrollMarks marks() const;

  // Does all that is asked for at once; for tests without waiting.
  void finish_pending();

 private:
  using Snapshot = std::shared_ptr<const app::store::LogSnapshot>;
  struct Kept {
    size_t chunk;
    std::shared_ptr<const app::columns::Chunk> data;
  };

  void work(std::stop_token stop);
  bool step(std::unique_lock<std::mutex>& lock);   // one piece of work; false: nothing to do
  void load_step(std::unique_lock<std::mutex>& lock);
  void find_step(std::unique_lock<std::mutex>& lock);
  void marks_step(std::unique_lock<std::mutex>& lock);
  void matches_step(std::unique_lock<std::mutex>& lock);
  void restart_matches();

  std::function<void()> on_ready_;
  mutable std::mutex mutex_;
  std::condition_variable_any wake_;
  int64_t session_ = -1;
  Snapshot log_;
  Rows rows_;
  uint64_t generation_ = 0;
  std::deque<Kept> kept_;             // most recently used first
  std::deque<size_t> wanted_;         // newest first: what is on screen now
  std::optional<FindRequest> find_;
  uint64_t find_cursor_ = 0;
  std::optional<Found> found_;
  ScrollMarks marks_;
  uint64_t marks_cursor_ = 0, matches_cursor_ = 0;
  std::vector<std::string> terms_;
  uint64_t terms_generation_ = 0;
  std::jthread thread_;               // last: it uses the rest
};

}  // namespace ui
