#include "app/nl2kql/facts.h"

#include <algorithm>

#include "app/kql/complete.h"

namespace app::nl2kql {
namespace {

constexpr size_t most_tables = 12;
constexpr size_t most_values = 20;

class Gatherer {
 public:
  Gatherer(const kql::Tables& tables, std::stop_token stop) : tables_(tables) { options_.stop = std::move(stop); }

  LogFacts run() {
    if (tables_.find("Logs") != nullptr) {
      add_table("Logs");
      times();
      facts_.hosts = values("Host");
      facts_.processes = values("Process");
      facts_.sources = values("Source");
      keep_in_facts("Host", facts_.hosts);
      keep_in_facts("Process", facts_.processes);
      keep_in_facts("Source", facts_.sources);
    }
    if (tables_.find("Templates") != nullptr) facts_.templates = column_of("Templates | top 20 by Count | project Pattern");
    for (const std::string& name : tables_.names()) {
      const kql::TableEntry& entry = *tables_.find(name);
      if (name == "Logs" || entry.apart || !entry.part_of.empty() || facts_.tables.size() >= most_tables) continue;
      add_table(name);
    }
    std::erase_if(facts_.tables, [](const TableFacts& t) { return t.n_rows == 0; });
    return std::move(facts_);
  }

 private:
  kql::ResultTable query(const std::string& text) { return kql::run(text, tables_, options_); }

  std::vector<std::string> column_of(const std::string& text) {
    std::vector<std::string> list;
    const kql::ResultTable result = query(text);
    for (uint64_t row = 0; row < result.n_rows; ++row) list.push_back(result.text(row, 0));
    return list;
  }
  std::vector<std::string> values(const std::string& column) {
    return column_of("Logs | where isnotempty(" + column + ") | summarize n = count() by " + column + " | top 50 by n");
  }

  void times() {
    const kql::ResultTable range = query("Logs | summarize min(Timestamp), max(Timestamp)");
    if (range.n_rows != 1 || range.is_null(0, 0)) return;
    const auto [chunk, row] = range.locate(0);
    facts_.first_time = chunk->columns[0].i64(row);
    facts_.last_time = chunk->columns[1].i64(row);
  }

  void add_table(const std::string& name) {
    const kql::TableEntry& entry = *tables_.find(name);
    TableFacts table{name, 0, {}};
    for (size_t i = 0; i < entry.table->n_chunks() && table.n_rows == 0; ++i) {
      const std::optional<size_t> n = entry.table->n_rows(i);
      table.n_rows = n ? *n : entry.table->chunk(i)->n_rows;
    }
    const kql::SampleValues sampled = kql::sample_values(*entry.table, options_.stop);
    for (const columns::ColumnInfo& column : entry.table->schema()) {
      ColumnFacts facts{column.name, column.type, {}};
      if (const auto found = sampled.find(column.name); found != sampled.end()) facts.values = found->second;
      if (facts.values.size() > most_values) facts.values.resize(most_values);
      table.columns.push_back(std::move(facts));
    }
    facts_.tables.push_back(std::move(table));
  }

  // What the whole log holds is better than what a sample of it held.
  void keep_in_facts(const std::string& column, const std::vector<std::string>& values) {
    for (ColumnFacts& c : facts_.tables.front().columns) {
      if (c.name != column || values.empty()) continue;
      c.values.assign(values.begin(), values.begin() + static_cast<long>(std::min(values.size(), most_values)));
    }
  }

  const kql::Tables& tables_;
  kql::RunOptions options_;
  LogFacts facts_;
};

}  // namespace

LogFacts gather_facts(const kql::Tables& tables, std::stop_token stop) { return Gatherer(tables, std::move(stop)).run(); }

}  // namespace app::nl2kql
