// app/log_matcher.h: one filter chip made ready to be asked a chunk of the log at a time, and the loop
// over chunks that filters and counts share.
#pragma once
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "app/log_filter.h"
#include "app/logs/parameters.h"
#include "app/logs/text_finder.h"

namespace re2 {
class RE2;
}

namespace app {

inline const columns::Column& column_of(const columns::Chunk& chunk, store::LogColumn column) {
  return chunk.columns[static_cast<size_t>(column)];
}

class LogMatcher {
 public:
  // Throws Error{invalid_input} for a regular expression, a number or a parameter that cannot be read.
  LogMatcher(const FilterChip& chip, const std::vector<Template>& templates);
  ~LogMatcher();
  LogMatcher(LogMatcher&&) noexcept;

  store::LogColumnSet columns() const;   // that match() looks at
  // 1 for each row of the chunk that the chip matches; exclude is applied.
  std::vector<uint8_t> match(const columns::Chunk& chunk) const;

 private:
  store::LogColumn text_column() const;
  void match_value(const columns::Column& column, std::vector<uint8_t>& hits) const;
  void match_text(const columns::Column& column, std::vector<uint8_t>& hits) const;
  void match_field(const columns::Column& properties, std::vector<uint8_t>& hits) const;
  void match_parameter(const columns::Chunk& chunk, std::vector<uint8_t>& hits) const;

  FilterChip chip_;
  logs::TextFinder text_;
  std::unique_ptr<re2::RE2> regex_;
  std::unordered_set<uint32_t> template_ids_;
  std::unique_ptr<logs::ParameterReader> reader_;
  size_t parameter_ = 0;
};

// Calls work(i) for i in [0, n) on a few threads; the first exception is thrown on again,
// Error{cancelled} after a stop request. on_progress gets 0..1 on the calling thread.
void for_each_chunk(size_t n, std::stop_token stop, const std::function<void(double)>& on_progress,
                    const std::function<void(size_t)>& work);

}  // namespace app
