#include "app/log_filter.h"

#include <algorithm>
#include <utility>

#include "app/log_facets.h"
#include "app/log_matcher.h"

namespace app {
namespace {

using columns::Chunk;

// What one chunk gave; chunks are joined in order.
struct ChunkResult {
  std::vector<uint8_t> passes;  // empty: all rows
  std::vector<uint64_t> chip_hits;
  ColumnFacets facets;
};

ChunkResult filter_chunk(const Chunk& chunk, const LogFilter& filter, const std::vector<LogMatcher>& matchers) {
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
  result.facets.add(chunk, result.passes);
  return result;
}

}  // namespace

FilterResult apply_filter(const store::LogSnapshot& log, const LogFilter& filter, std::stop_token stop,
                          const std::function<void(double)>& on_progress) {
  std::vector<LogMatcher> matchers;
  matchers.reserve(filter.chips.size());
  store::LogColumnSet columns = ColumnFacets::columns();
  for (const FilterChip& chip : filter.chips) {
    matchers.emplace_back(chip, log.templates());
    columns |= matchers.back().columns();
  }

  std::vector<ChunkResult> chunks(log.n_chunks());
  for_each_chunk(chunks.size(), stop, on_progress, [&](size_t c) {
    chunks[c] = filter_chunk(*log.partial_chunk(c, columns), filter, matchers);
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
    histogram.filter_columns = 0;
  }
  ColumnFacets facets;
  for (const ChunkResult& chunk : chunks) facets.add(chunk.facets);
  result.facets = facets.facets();
  result.histogram = logs::build_histogram(log, histogram, stop);
  return result;
}

std::vector<uint8_t> passing(const std::vector<RowId>& rows, RowId first_row, size_t n_rows) {
  std::vector<uint8_t> passes(n_rows);
  for (auto at = std::lower_bound(rows.begin(), rows.end(), first_row); at != rows.end() && *at < first_row + n_rows; ++at)
    passes[static_cast<size_t>(*at - first_row)] = 1;
  return passes;
}

}  // namespace app
