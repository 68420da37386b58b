#include "app/log_facets.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <utility>

#include "app/log_matcher.h"

namespace app {
namespace {

using columns::Chunk;
using columns::Column;
using store::column_bit;
using store::LogColumn;

constexpr size_t max_facet_values = 50;
constexpr size_t max_fields = 24;          // facets of parsed fields that are given
constexpr size_t max_counted_fields = 200;  // different paths that are counted
constexpr size_t max_field_values = 5'000;

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

bool passes_row(const std::vector<uint8_t>& passes, size_t row) { return passes.empty() || passes[row] != 0; }

void count_column(const Column& column, const std::vector<uint8_t>& passes, ValueCounts& out) {
  if (!column.is_dictionary()) {
    for (size_t i = 0; i < column.n_rows(); ++i)
      if (passes_row(passes, i)) out.add(column.text(i), 1);
    return;
  }
  std::vector<uint64_t> counts(column.dictionary()->values.size());
  for (size_t i = 0; i < column.n_rows(); ++i) counts[column.codes()[i]] += passes_row(passes, i);
  for (size_t v = 0; v < counts.size(); ++v) out.add(column.dictionary()->values[v], counts[v]);
}

// Counts of the parsed fields of some rows.
struct FieldCounts {
  std::map<std::string, ValueCounts, std::less<>> fields;

  void add(std::string_view path, std::string_view value, uint64_t n) {
    auto found = fields.find(path);
    if (found == fields.end()) {
      if (fields.size() >= max_counted_fields) return;
      found = fields.emplace(std::string(path), ValueCounts(max_field_values)).first;
    }
    found->second.add(value, n);
  }
  void add(const Column& properties, const std::vector<uint8_t>& passes) {
    const auto add_row = [&](std::string_view json, uint64_t n) {
      logs::each_field(json, [&](std::string_view path, std::string_view value) { add(path, value, n); });
    };
    if (!properties.is_dictionary()) {
      for (size_t i = 0; i < properties.n_rows(); ++i)
        if (passes_row(passes, i) && !properties.is_null(i)) add_row(properties.text(i), 1);
      return;
    }
    std::vector<uint64_t> counts(properties.dictionary()->values.size());
    for (size_t i = 0; i < properties.n_rows(); ++i) counts[properties.codes()[i]] += passes_row(passes, i) && !properties.is_null(i);
    for (size_t v = 0; v < counts.size(); ++v)
      if (counts[v] > 0) add_row(properties.dictionary()->values[v], counts[v]);
  }
  void add(const FieldCounts& other) {
    for (const auto& [path, counts] : other.fields) {
      auto found = fields.find(path);
      if (found == fields.end()) {
        if (fields.size() >= max_counted_fields) continue;
        found = fields.emplace(path, ValueCounts(max_field_values)).first;
      }
      found->second.add(counts);
    }
  }
};

bool read_number(const std::string& text, double& value) {
  if (text.empty() || (text[0] != '-' && text[0] != '.' && (text[0] < '0' || text[0] > '9'))) return false;
  char* end = nullptr;
  value = std::strtod(text.c_str(), &end);
  return end == text.c_str() + text.size() && text.find_first_of("xXpP") == std::string::npos;
}

// Least, median and most where every value is a number and none was left out of the counts.
void add_range(const ValueCounts& counts, ParameterValues::Parameter& parameter) {
  std::vector<std::pair<double, uint64_t>> numbers;
  uint64_t total = 0;
  for (const auto& [text, n] : counts.counts()) {
    double value = 0;
    if (!read_number(text, value)) return;
    numbers.emplace_back(value, n);
    total += n;
  }
  if (numbers.empty() || counts.n_others() > 0) return;
  std::sort(numbers.begin(), numbers.end());
  parameter.numeric = true;
  parameter.least = numbers.front().first;
  parameter.most = numbers.back().first;
  uint64_t seen = 0;
  for (const auto& [value, n] : numbers) {
    seen += n;
    parameter.median = value;
    if (seen * 2 >= total) break;
  }
}

// One template while its values are counted.
struct Counting {
  uint64_t n_rows = 0, n_unread = 0;
  std::vector<ValueCounts> parameters;

  void add(const Counting& other) {
    n_rows += other.n_rows;
    n_unread += other.n_unread;
    if (parameters.size() < other.parameters.size()) parameters.resize(other.parameters.size());
    for (size_t p = 0; p < other.parameters.size(); ++p) parameters[p].add(other.parameters[p]);
  }
};

}  // namespace

void ValueCounts::add(std::string_view value, uint64_t n) {
  if (value.empty() || n == 0) return;
  key_.assign(value);
  const auto found = counts_.find(key_);
  if (found != counts_.end()) found->second += n;
  else if (counts_.size() < most_values_) counts_.emplace(key_, n);
  else n_others_ += n;
}

void ValueCounts::add(const ValueCounts& other) {
  for (const auto& [value, n] : other.counts_) add(value, n);
  n_others_ += other.n_others_;
}

uint64_t ValueCounts::n_rows() const {
  uint64_t n = n_others_;
  for (const auto& [value, count] : counts_) n += count;
  return n;
}

std::vector<FacetValue> ValueCounts::top(size_t n, uint64_t& n_others) const {
  std::vector<FacetValue> values;
  values.reserve(counts_.size());
  for (const auto& [value, count] : counts_) values.push_back({value, count});
  std::sort(values.begin(), values.end(), [](const FacetValue& a, const FacetValue& b) { return a.count != b.count ? a.count > b.count : a.value < b.value; });
  n_others = n_others_;
  for (size_t v = n; v < values.size(); ++v) n_others += values[v].count;
  if (values.size() > n) values.resize(n);
  return values;
}

store::LogColumnSet ColumnFacets::columns() {
  store::LogColumnSet set = 0;
  for (const FacetColumn& facet : facet_columns) set |= column_bit(facet.column);
  return set;
}

void ColumnFacets::add(const Chunk& chunk, const std::vector<uint8_t>& passes) {
  for (size_t f = 0; f < std::size(facet_columns); ++f) count_column(column_of(chunk, facet_columns[f].column), passes, counts_[f]);
}

void ColumnFacets::add(const ColumnFacets& other) {
  for (size_t f = 0; f < std::size(facet_columns); ++f) counts_[f].add(other.counts_[f]);
}

std::vector<Facet> ColumnFacets::facets() const {
  std::vector<Facet> facets;
  for (size_t f = 0; f < std::size(facet_columns); ++f) {
    Facet facet;
    facet.name = facet_columns[f].name;
    facet.kind = facet_columns[f].kind;
    facet.values = counts_[f].top(max_facet_values, facet.n_others);
    if (!facet.values.empty()) facets.push_back(std::move(facet));
  }
  return facets;
}

std::vector<Facet> count_fields(const store::LogSnapshot& log, const std::vector<RowId>* rows, std::stop_token stop) {
  FieldCounts all;
  std::mutex mutex;
  for_each_chunk(log.n_chunks(), stop, {}, [&](size_t c) {
    const store::ChunkInfo info = log.info(c);
    const std::vector<uint8_t> passes = rows ? passing(*rows, info.first_row, info.n_rows) : std::vector<uint8_t>();
    if (rows && std::find(passes.begin(), passes.end(), 1) == passes.end()) return;
    FieldCounts here;
    here.add(*log.column(c, LogColumn::properties), passes);
    const std::lock_guard lock(mutex);
    all.add(here);
  });
  std::vector<Facet> facets;
  for (const auto& [path, counts] : all.fields) {
    Facet facet;
    facet.name = path;
    facet.kind = FilterChip::Kind::field;
    facet.n_rows = counts.n_rows();
    facet.values = counts.top(max_facet_values, facet.n_others);
    if (!facet.values.empty()) facets.push_back(std::move(facet));
  }
  // What most rows have first; of those, few values tell more than many.
  std::stable_sort(facets.begin(), facets.end(), [](const Facet& a, const Facet& b) { return a.n_rows != b.n_rows ? a.n_rows > b.n_rows : a.values.size() < b.values.size(); });
  if (facets.size() > max_fields) facets.resize(max_fields);
  return facets;
}

std::vector<ParameterValues> count_parameters(const store::LogSnapshot& log, const std::vector<RowId>* rows,
                                              const std::vector<uint32_t>& template_ids, std::stop_token stop,
                                              const std::function<void(double)>& on_progress) {
  std::map<uint32_t, logs::ParameterReader> readers;
  std::map<uint32_t, Counting> all;
  for (const uint32_t id : template_ids)
    if (id < log.templates().size()) readers.emplace(id, logs::ParameterReader(log.templates()[id].pattern));
  std::mutex mutex;
  for_each_chunk(log.n_chunks(), stop, on_progress, [&](size_t c) {
    const store::ChunkInfo info = log.info(c);
    const auto ids = log.column(c, LogColumn::template_id);
    std::vector<uint8_t> wanted = rows ? passing(*rows, info.first_row, info.n_rows) : std::vector<uint8_t>(info.n_rows, 1);
    bool any = false;
    for (size_t i = 0; i < info.n_rows; ++i) {
      if (wanted[i] != 0 && (ids->is_null(i) || readers.count(static_cast<uint32_t>(ids->i64(i))) == 0)) wanted[i] = 0;
      any |= wanted[i] != 0;
    }
    if (!any) return;
    const auto messages = log.column(c, LogColumn::message);
    std::map<uint32_t, Counting> here;
    std::vector<std::string_view> values;
    for (size_t i = 0; i < info.n_rows; ++i) {
      if (wanted[i] == 0) continue;
      const auto id = static_cast<uint32_t>(ids->i64(i));
      Counting& counting = here[id];
      ++counting.n_rows;
      if (!readers.at(id).read(logs::template_part(messages->text(i)), values)) {
        ++counting.n_unread;
        continue;
      }
      if (counting.parameters.size() < values.size()) counting.parameters.resize(values.size());
      for (size_t p = 0; p < values.size(); ++p) counting.parameters[p].add(values[p], 1);
    }
    const std::lock_guard lock(mutex);
    for (const auto& [id, counting] : here) all[id].add(counting);
  });
  std::vector<ParameterValues> out;
  for (const auto& [id, reader] : readers) {
    const Counting& counting = all[id];
    ParameterValues values;
    values.template_id = id;
    values.pattern = log.templates()[id].pattern;
    values.n_rows = counting.n_rows;
    values.n_unread = counting.n_unread;
    for (size_t p = 0; p < counting.parameters.size(); ++p) {
      const ValueCounts& counts = counting.parameters[p];
      ParameterValues::Parameter parameter;
      parameter.context = reader.context(p);
      parameter.top = counts.top(max_facet_values, parameter.n_others);
      parameter.n_values = counts.n_values() + (counts.n_others() > 0 ? 1 : 0);
      add_range(counts, parameter);
      values.parameters.push_back(std::move(parameter));
    }
    out.push_back(std::move(values));
  }
  return out;
}

}  // namespace app
