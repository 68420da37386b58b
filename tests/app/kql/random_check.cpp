#include "random_check.h"

#include <algorithm>
#include <cmath>

#include "engine/base/error.h"

using app::columns::Chunk;
using app::columns::Column;
using app::columns::Dictionary;
using EngineType = app::columns::Type;

namespace {

EngineType type_of(plain::Type type) {
  static const EngineType types[] = {EngineType::boolean, EngineType::int32, EngineType::int64, EngineType::real, EngineType::decimal,
                                     EngineType::string, EngineType::datetime, EngineType::timespan, EngineType::guid, EngineType::dynamic};
  return types[static_cast<int>(type)];
}

void push(Column& column, const plain::Value& v) {
  if (v.null) column.push_null();
  else if (app::columns::is_text(column.type())) column.push_text(plain::show(v));
  else if (column.type() == EngineType::real) column.push_f64(v.d);
  else column.push_i64(v.i);
}

// Words as codes, other texts as slices, in chunks of unequal size.
std::shared_ptr<const app::kql::Table> engine_table(const plain::Table& table, size_t chunk_size) {
  app::columns::Schema schema;
  for (const plain::Column& c : table.columns) schema.push_back({c.name, type_of(c.type)});
  std::vector<std::shared_ptr<const Chunk>> chunks;
  for (size_t begin = 0; begin < table.rows.size(); begin += chunk_size) {
    const size_t end = std::min(begin + chunk_size, table.rows.size());
    auto chunk = std::make_shared<Chunk>();
    chunk->n_rows = end - begin;
    for (size_t k = 0; k < schema.size(); ++k) {
      Column column(schema[k].type);
      auto dictionary = std::make_shared<Dictionary>();
      std::vector<uint32_t> codes;
      for (size_t row = begin; row < end; ++row) {
        const plain::Value& v = table.rows[row][k];
        push(column, v);
        if (schema[k].name != "Word") continue;
        const auto at = std::find(dictionary->values.begin(), dictionary->values.end(), v.s);
        codes.push_back(static_cast<uint32_t>(at - dictionary->values.begin()));
        if (at == dictionary->values.end()) dictionary->values.push_back(v.s);
      }
      chunk->columns.push_back(schema[k].name == "Word" ? Column::from_dictionary(schema[k].type, dictionary, codes) : std::move(column));
    }
    chunks.push_back(std::move(chunk));
  }
  return app::kql::make_memory_table(schema, chunks);
}

// A cell to compare: reals as numbers, all else as text.
struct Cell {
  std::string text;
  double real = NAN;
};
using Line = std::vector<Cell>;

bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)) || std::fabs(a - b) <= 1e-9 * std::max(std::fabs(a), std::fabs(b)) + 1e-12; }
bool same(const Line& a, const Line& b) {
  for (size_t k = 0; k < a.size(); ++k) {
    if (a[k].text != b[k].text || !same(a[k].real, b[k].real)) return false;
  }
  return a.size() == b.size();
}
bool before(const Line& a, const Line& b) {
  for (size_t k = 0; k < a.size(); ++k) {
    if (a[k].text != b[k].text) return a[k].text < b[k].text;
  }
  for (size_t k = 0; k < a.size(); ++k) {
    if (!same(a[k].real, b[k].real)) return a[k].real < b[k].real;
  }
  return false;
}

std::vector<Line> lines_of(const plain::Table& table) {
  std::vector<Line> out;
  for (const plain::Row& row : table.rows) {
    Line line;
    for (const plain::Value& v : row) line.push_back(v.type == plain::Type::real && !v.null ? Cell{"", v.d} : Cell{plain::show(v), NAN});
    out.push_back(std::move(line));
  }
  return out;
}

std::vector<Line> lines_of(const app::kql::ResultTable& table) {
  std::vector<Line> out;
  for (const auto& chunk : table.chunks) {
    for (size_t row = 0; row < chunk->n_rows; ++row) {
      Line line;
      for (const Column& c : chunk->columns) {
        if (c.is_null(row) && c.type() != EngineType::string) line.push_back({"null", NAN});
        else if (c.type() == EngineType::real) line.push_back({"", c.f64(row)});
        else line.push_back({app::kql::cell_text(c, row), NAN});
      }
      out.push_back(std::move(line));
    }
  }
  return out;
}

std::string text_of(const Line& line) {
  std::string out;
  for (const Cell& c : line) out += (c.text.empty() && !std::isnan(c.real) ? std::to_string(c.real) : c.text) + " | ";
  return out;
}

std::string difference(const plain::Table& wanted, const app::kql::ResultTable& got) {
  std::string names, wanted_names;
  for (const auto& c : got.columns) names += c.name + ":" + app::columns::type_name(c.type) + " ";
  for (const auto& c : wanted.columns) wanted_names += c.name + ":" + plain::type_name(c.type) + " ";
  if (names != wanted_names) return "columns\n  " + names + "\nand not\n  " + wanted_names;
  std::vector<Line> a = lines_of(wanted), b = lines_of(got);
  if (!wanted.ordered) std::sort(a.begin(), a.end(), before), std::sort(b.begin(), b.end(), before);
  if (a.size() != b.size()) return std::to_string(b.size()) + " rows and not " + std::to_string(a.size());
  for (size_t k = 0; k < a.size(); ++k) {
    if (!same(a[k], b[k])) return "row " + std::to_string(k) + " is\n  " + text_of(b[k]) + "\nand not\n  " + text_of(a[k]);
  }
  return {};
}

}  // namespace

RandomCheck::RandomCheck() : t_(plain::make_table("T", 60, 1)), u_(plain::make_table("U", 18, 2)) {
  tables_.add("T", engine_table(t_, 17));
  tables_.add("U", engine_table(u_, 18));
}

std::string RandomCheck::query(uint64_t number) const { return plain::random_case(number, t_, u_).query; }

size_t RandomCheck::n_rows(uint64_t number) const { return plain::random_case(number, t_, u_).expected.rows.size(); }

std::string RandomCheck::check(uint64_t number) const {
  const plain::Case wanted = plain::random_case(number, t_, u_);
  app::kql::RunOptions options;
  options.n_threads = number % 16 == 0 ? 2 : 1;  // starting a thread costs as much as a case
  std::string problem;
  try {
    const app::kql::ResultTable got = app::kql::run(wanted.query, tables_, options);
    problem = got.failed() ? "refused: " + got.diagnostics[0].message : difference(wanted.expected, got);
  } catch (const engine::Error& e) {
    problem = std::string("thrown: ") + e.what();
  }
  return problem.empty() ? problem : "case " + std::to_string(number) + "\n" + wanted.query + "\n" + problem;
}
