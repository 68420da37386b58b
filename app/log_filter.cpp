#include "app/log_filter.h"

#include <re2/re2.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>

#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app {
namespace {

using columns::Chunk;
using columns::Column;
using store::LogColumn;

constexpr size_t max_facet_values = 50;
constexpr size_t max_counted_values = 20'000;  // per facet; further values count as others

const Column& column_of(const Chunk& chunk, LogColumn column) {
  return chunk.columns[static_cast<size_t>(column)];
}

// Finds a text in another, ASCII case ignored; memchr on the needle's first letter in both cases.
class TextFinder {
 public:
  explicit TextFinder(const std::string& needle) : lower_(engine::to_lower_ascii(needle)) {}

  bool in(std::string_view text) const {
    if (lower_.empty()) return true;
    if (text.size() < lower_.size()) return false;
    const char first = lower_[0];
    const char upper = first >= 'a' && first <= 'z' ? static_cast<char>(first - 32) : first;
    const size_t last = text.size() - lower_.size();
    for (size_t i = 0; i <= last; ++i) {
      if (text[i] != first && text[i] != upper) continue;
      if (same(text.data() + i)) return true;
    }
    return false;
  }

 private:
  bool same(const char* p) const {
    for (size_t i = 1; i < lower_.size(); ++i) {
      const char c = p[i] >= 'A' && p[i] <= 'Z' ? static_cast<char>(p[i] + 32) : p[i];
      if (c != lower_[i]) return false;
    }
    return true;
  }
  std::string lower_;
};

// A chip made ready to be asked a chunk at a time.
class Matcher {
 public:
  explicit Matcher(const FilterChip& chip) : chip_(chip), text_(chip.value) {
    if (chip.kind == FilterChip::Kind::regex) {
      RE2::Options options;
      options.set_case_sensitive(false);
      options.set_log_errors(false);
      regex_ = std::make_unique<RE2>(chip.value, options);
      if (!regex_->ok()) {
        engine::fail(engine::ErrorKind::invalid_input,
                     "the regular expression \"%s\" cannot be read: %s near \"%s\"; mend it or search for it as text",
                     chip.value.c_str(), regex_->error().c_str(), regex_->error_arg().c_str());
      }
    }
    if (chip.kind == FilterChip::Kind::template_id) {
      char* end = nullptr;
      template_id_ = std::strtoll(chip.value.c_str(), &end, 10);
      if (chip.value.empty() || *end != '\0') {
        engine::fail(engine::ErrorKind::invalid_input, "\"%s\" is not a template number", chip.value.c_str());
      }
    }
  }

  // 1 for each row of the chunk that the chip matches; exclude is applied.
  std::vector<uint8_t> match(const Chunk& chunk) const {
    std::vector<uint8_t> hits(chunk.n_rows);
    using Kind = FilterChip::Kind;
    switch (chip_.kind) {
      case Kind::text: {
        const Column& raw = column_of(chunk, LogColumn::raw);
        for (size_t i = 0; i < chunk.n_rows; ++i) hits[i] = text_.in(raw.text(i));
        break;
      }
      case Kind::regex: {
        const Column& raw = column_of(chunk, LogColumn::raw);
        for (size_t i = 0; i < chunk.n_rows; ++i) {
          const std::string_view text = raw.text(i);
          hits[i] = RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *regex_);
        }
        break;
      }
      case Kind::level: match_text(column_of(chunk, LogColumn::level), hits); break;
      case Kind::host: match_text(column_of(chunk, LogColumn::host), hits); break;
      case Kind::process: match_text(column_of(chunk, LogColumn::process), hits); break;
      case Kind::source: match_text(column_of(chunk, LogColumn::source), hits); break;
      case Kind::template_id: {
        const Column& id = column_of(chunk, LogColumn::template_id);
        for (size_t i = 0; i < chunk.n_rows; ++i) hits[i] = !id.is_null(i) && id.i64(i) == template_id_;
        break;
      }
      case Kind::time_range: {
        const Column& time = column_of(chunk, LogColumn::timestamp);
        for (size_t i = 0; i < chunk.n_rows; ++i) {
          hits[i] = !time.is_null(i) && (chip_.begin == no_time || time.i64(i) >= chip_.begin) &&
                    (chip_.end == no_time || time.i64(i) < chip_.end);
        }
        break;
      }
    }
    if (chip_.exclude) {
      for (uint8_t& hit : hits) hit = !hit;
    }
    return hits;
  }

 private:
  void match_text(const Column& column, std::vector<uint8_t>& hits) const {
    if (!column.is_dictionary()) {
      for (size_t i = 0; i < hits.size(); ++i) hits[i] = column.text(i) == chip_.value;
      return;
    }
    const std::vector<std::string>& values = column.dictionary()->values;
    std::vector<uint8_t> same(values.size());
    for (size_t v = 0; v < values.size(); ++v) same[v] = values[v] == chip_.value;
    for (size_t i = 0; i < hits.size(); ++i) hits[i] = same[column.codes()[i]];
  }

  FilterChip chip_;
  TextFinder text_;
  std::unique_ptr<RE2> regex_;
  int64_t template_id_ = -1;
};

struct FacetColumn {
  const char* name;
  FilterChip::Kind kind;
  LogColumn column;
};
constexpr FacetColumn facet_columns[] = {
    {"Level", FilterChip::Kind::level, LogColumn::level},
    {"Host", FilterChip::Kind::host, LogColumn::host},
    {"Process", FilterChip::Kind::process, LogColumn::process},
    {"Source", FilterChip::Kind::source, LogColumn::source},
};
constexpr size_t n_facets = std::size(facet_columns);

struct ValueCounts {
  std::unordered_map<std::string, uint64_t> counts;
  uint64_t n_others = 0;

  void add(const std::string& value, uint64_t n) {
    if (value.empty() || n == 0) return;
    const auto found = counts.find(value);
    if (found != counts.end()) {
      found->second += n;
    } else if (counts.size() < max_counted_values) {
      counts.emplace(value, n);
    } else {
      n_others += n;
    }
  }
};

// What one chunk gave; chunks are joined in order.
struct ChunkResult {
  std::vector<uint8_t> passes;  // empty: all rows
  std::vector<uint64_t> chip_hits;
  ValueCounts facets[n_facets];
};

void count_values(const Column& column, const std::vector<uint8_t>& passes, ValueCounts& out) {
  if (!column.is_dictionary()) {
    for (size_t i = 0; i < column.n_rows(); ++i) {
      if (passes.empty() || passes[i]) out.add(std::string(column.text(i)), 1);
    }
    return;
  }
  std::vector<uint64_t> counts(column.dictionary()->values.size());
  for (size_t i = 0; i < column.n_rows(); ++i) counts[column.codes()[i]] += passes.empty() || passes[i];
  for (size_t v = 0; v < counts.size(); ++v) out.add(column.dictionary()->values[v], counts[v]);
}

ChunkResult filter_chunk(const Chunk& chunk, const LogFilter& filter, const std::vector<Matcher>& matchers) {
  ChunkResult result;
  result.chip_hits.resize(filter.chips.size());
  for (size_t c = 0; c < filter.chips.size(); ++c) {
    const std::vector<uint8_t> hits = matchers[c].match(chunk);
    result.chip_hits[c] = static_cast<uint64_t>(std::count(hits.begin(), hits.end(), 1));
    if (!filter.chips[c].enabled) continue;
    if (result.passes.empty()) {
      result.passes = hits;
      continue;
    }
    for (size_t i = 0; i < hits.size(); ++i) {
      result.passes[i] = filter.any ? result.passes[i] | hits[i] : result.passes[i] & hits[i];
    }
  }
  for (size_t f = 0; f < n_facets; ++f) {
    count_values(column_of(chunk, facet_columns[f].column), result.passes, result.facets[f]);
  }
  return result;
}

std::vector<Facet> make_facets(const std::vector<ChunkResult>& chunks) {
  std::vector<Facet> facets;
  for (size_t f = 0; f < n_facets; ++f) {
    ValueCounts all;
    for (const ChunkResult& chunk : chunks) {
      for (const auto& [value, count] : chunk.facets[f].counts) all.add(value, count);
      all.n_others += chunk.facets[f].n_others;
    }
    Facet facet;
    facet.name = facet_columns[f].name;
    facet.kind = facet_columns[f].kind;
    for (const auto& [value, count] : all.counts) facet.values.push_back({value, count});
    std::sort(facet.values.begin(), facet.values.end(), [](const FacetValue& a, const FacetValue& b) {
      return a.count != b.count ? a.count > b.count : a.value < b.value;
    });
    facet.n_others = all.n_others;
    for (size_t v = max_facet_values; v < facet.values.size(); ++v) facet.n_others += facet.values[v].count;
    if (facet.values.size() > max_facet_values) facet.values.resize(max_facet_values);
    if (!facet.values.empty()) facets.push_back(std::move(facet));
  }
  return facets;
}

// Calls work(i) for i in [0, n) on a few threads; the first exception is thrown on again.
void for_each_chunk(size_t n, std::stop_token stop, const std::function<void(double)>& on_progress,
                    const std::function<void(size_t)>& work) {
  std::atomic<size_t> next = 0, n_done = 0;
  std::exception_ptr error;
  std::mutex error_mutex;
  const auto loop = [&](bool tells) {
    for (size_t i; (i = next++) < n && !stop.stop_requested();) {
      try {
        work(i);
      } catch (...) {
        const std::lock_guard lock(error_mutex);
        if (!error) error = std::current_exception();
        next = n;
      }
      const size_t done = ++n_done;
      if (tells && on_progress) on_progress(static_cast<double>(done) / static_cast<double>(n));
    }
  };
  {
    std::vector<std::jthread> helpers;
    const size_t n_threads = std::min<size_t>({n, std::max(1u, std::thread::hardware_concurrency()), 8});
    for (size_t t = 1; t < n_threads; ++t) helpers.emplace_back([&] { loop(false); });
    loop(true);
  }
  if (error) std::rethrow_exception(error);
  if (stop.stop_requested()) engine::fail(engine::ErrorKind::cancelled, "filtering was cancelled");
}

}  // namespace

FilterResult apply_filter(const store::LogSnapshot& log, const LogFilter& filter, std::stop_token stop,
                          const std::function<void(double)>& on_progress) {
  std::vector<Matcher> matchers;
  matchers.reserve(filter.chips.size());
  for (const FilterChip& chip : filter.chips) matchers.emplace_back(chip);

  std::vector<ChunkResult> chunks(log.n_chunks());
  for_each_chunk(chunks.size(), stop, on_progress, [&](size_t c) {
    chunks[c] = filter_chunk(*log.chunk(c), filter, matchers);
  });

  FilterResult result;
  result.chip_hits.resize(filter.chips.size());
  for (const ChunkResult& chunk : chunks) {
    for (size_t c = 0; c < chunk.chip_hits.size(); ++c) result.chip_hits[c] += chunk.chip_hits[c];
  }
  const bool filters = std::any_of(filter.chips.begin(), filter.chips.end(),
                                   [](const FilterChip& chip) { return chip.enabled; });
  logs::HistogramOptions histogram;
  if (filters) {
    auto rows = std::make_shared<std::vector<RowId>>();
    for (size_t c = 0; c < chunks.size(); ++c) {
      const RowId first = log.info(c).first_row;
      for (size_t i = 0; i < chunks[c].passes.size(); ++i) {
        if (chunks[c].passes[i]) rows->push_back(first + i);
      }
    }
    result.rows = std::move(rows);
    histogram.filter = [&](size_t c, const Chunk&) { return chunks[c].passes; };
  }
  result.facets = make_facets(chunks);
  result.histogram = logs::build_histogram(log, histogram, stop);
  return result;
}

}  // namespace app
