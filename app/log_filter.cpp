#include "app/log_filter.h"

#include <algorithm>
#include <map>
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
  std::vector<uint64_t> template_counts;
};

void count_templates(const columns::Column& ids, const std::vector<uint8_t>& passes, std::vector<uint64_t>& counts) {
  for (size_t i = 0; i < ids.n_rows(); ++i) {
    if (ids.is_null(i) || (!passes.empty() && passes[i] == 0)) continue;
    const auto id = static_cast<size_t>(ids.i64(i));
    if (id >= counts.size()) counts.resize(id + 1);
    ++counts[id];
  }
}

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
  count_templates(chunk.columns[static_cast<size_t>(store::LogColumn::template_id)], result.passes, result.template_counts);
  return result;
}

}  // namespace

FilterResult apply_filter(const store::LogSnapshot& log, const LogFilter& filter, std::stop_token stop,
                          const std::function<void(double)>& on_progress) {
  std::vector<LogMatcher> matchers;
  matchers.reserve(filter.chips.size());
  store::LogColumnSet columns = ColumnFacets::columns() | store::column_bit(store::LogColumn::template_id);
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
  for (const ChunkResult& chunk : chunks) {
    facets.add(chunk.facets);
    if (result.template_counts.size() < chunk.template_counts.size()) result.template_counts.resize(chunk.template_counts.size());
    for (size_t id = 0; id < chunk.template_counts.size(); ++id) result.template_counts[id] += chunk.template_counts[id];
  }
  result.facets = facets.facets();
  result.histogram = logs::build_histogram(log, histogram, stop);
  return result;
}

Facet template_facet(const std::vector<uint64_t>& counts, const TemplateGroups& groups) {
  Facet facet;
  facet.name = "Template";
  facet.kind = FilterChip::Kind::template_id;
  std::map<uint32_t, uint64_t> by_leader;
  for (size_t id = 0; id < counts.size(); ++id)
    if (counts[id] > 0) by_leader[groups.leader_of(static_cast<uint32_t>(id))] += counts[id];
  std::vector<std::pair<uint32_t, uint64_t>> order(by_leader.begin(), by_leader.end());
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  constexpr size_t most_values = 50;
  for (const auto& [leader, n] : order) {
    if (facet.values.size() < most_values) facet.values.push_back({groups.ids_text(leader), n});
    else facet.n_others += n;
  }
  return facet;
}

std::vector<uint8_t> passing(const std::vector<RowId>& rows, RowId first_row, size_t n_rows) {
  std::vector<uint8_t> passes(n_rows);
  for (auto at = std::lower_bound(rows.begin(), rows.end(), first_row); at != rows.end() && *at < first_row + n_rows; ++at)
    passes[static_cast<size_t>(*at - first_row)] = 1;
  return passes;
}

}  // namespace app
