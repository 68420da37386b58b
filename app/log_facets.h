// app/log_facets.h: counts of values over log rows, with a bound on how many are kept apart.
#pragma once
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "app/log_filter.h"

namespace app {

// Counts values; those beyond most_values different ones are counted together.
class ValueCounts {
 public:
  explicit ValueCounts(size_t most_values = 20'000) : most_values_(most_values) {}
  void add(std::string_view value, uint64_t n);   // empty values are not counted
  void add(const ValueCounts& other);
  bool full() const { return counts_.size() >= most_values_; }
  size_t n_values() const { return counts_.size(); }
  uint64_t n_rows() const;
  uint64_t n_others() const { return n_others_; }
  const std::unordered_map<std::string, uint64_t>& counts() const { return counts_; }
  // The most frequent ones, then by value; the rest is added to n_others.
  std::vector<FacetValue> top(size_t n, uint64_t& n_others) const;

 private:
  size_t most_values_;
  std::unordered_map<std::string, uint64_t> counts_;
  std::string key_;
  uint64_t n_others_ = 0;
};

// The facets that every log has: level, host, process, source.
class ColumnFacets {
 public:
  static store::LogColumnSet columns();
  void add(const columns::Chunk& chunk, const std::vector<uint8_t>& passes);   // passes empty: all rows
  void add(const ColumnFacets& other);
  std::vector<Facet> facets() const;   // without those that no row has

 private:
  ValueCounts counts_[4];
};

}  // namespace app
