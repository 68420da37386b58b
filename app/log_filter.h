// app/log_filter.h: which rows of the log the filter chips let through, with the histogram and the
// facets of those rows. One pass over the chunks, on several threads.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "app/logs/histogram.h"
#include "app/store/log_store.h"
#include "app/types.h"

namespace app {

// One condition on log rows.
struct FilterChip {
  enum class Kind : uint8_t { text, regex, level, template_id, host, process, source, time_range };
  Kind kind = Kind::text;
  std::string value;                   // level: its name; template_id: its number
  Ticks begin = no_time, end = no_time;  // time_range: begin <= time < end
  bool exclude = false, enabled = true;
  uint64_t n_hits = 0;                 // rows that this chip alone matches; set by App
};
struct LogFilter {
  std::vector<FilterChip> chips;
  bool any = false;                    // false: all enabled chips must hold; true: one is enough
};

struct FacetValue {
  std::string value;
  uint64_t count = 0;                  // under the current filter
};
struct Facet {
  std::string name;                    // Level, Host, Process, Source
  FilterChip::Kind kind = FilterChip::Kind::text;
  std::vector<FacetValue> values;      // up to 50, most frequent first
  uint64_t n_others = 0;               // rows with further values
};

struct FilterResult {
  std::shared_ptr<const std::vector<RowId>> rows;  // that pass, ascending; null: all rows do
  std::vector<uint64_t> chip_hits;                 // rows that each chip alone matches
  logs::Histogram histogram;                       // of the rows that pass
  std::vector<Facet> facets;                       // likewise
};

// Throws Error{invalid_input} for a regular expression that cannot be read, naming the place;
// Error{cancelled}. on_progress gets 0..1 on the calling thread.
FilterResult apply_filter(const store::LogSnapshot& log, const LogFilter& filter,
                          std::stop_token stop = {},
                          const std::function<void(double)>& on_progress = {});

}  // namespace app
