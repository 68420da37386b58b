// Random queries against the plain evaluator. SIGMA_KQL_CASES says how many (the long run of the slow
// tests), SIGMA_KQL_SEED where they begin; a failure prints the query.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>

#include "app/kql/query.h"
#include "engine/base/error.h"
#include "plain_query.h"

using app::columns::Chunk;
using app::columns::Column;
using app::columns::Dictionary;

namespace {

app::columns::Type type_of(plain::Type type) {
  switch (type) {
    case plain::Type::boolean: return app::columns::Type::boolean;
    case plain::Type::integer: return app::columns::Type::int64;
    case plain::Type::text: return app::columns::Type::string;
    case plain::Type::time: return app::columns::Type::datetime;
  }
  return app::columns::Type::dynamic;
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
        if (v.type == plain::Type::text) {
          column.push_text(v.s);
          const auto at = std::find(dictionary->values.begin(), dictionary->values.end(), v.s);
          codes.push_back(static_cast<uint32_t>(at - dictionary->values.begin()));
          if (at == dictionary->values.end()) dictionary->values.push_back(v.s);
        } else if (v.null) {
          column.push_null();
        } else {
          column.push_i64(v.i);
        }
      }
      chunk->columns.push_back(schema[k].name == "Word" ? Column::from_dictionary(schema[k].type, dictionary, codes) : std::move(column));
    }
    chunks.push_back(std::move(chunk));
  }
  return app::kql::make_memory_table(schema, chunks);
}

std::vector<std::string> rows_of(const plain::Table& table) {
  std::vector<std::string> out;
  for (const auto& row : table.rows) {
    std::string line;
    for (const plain::Value& v : row) line += show(v) + "|";
    out.push_back(line);
  }
  return out;
}

std::vector<std::string> rows_of(const app::kql::ResultTable& table) {
  std::vector<std::string> out;
  for (const auto& chunk : table.chunks) {
    for (size_t row = 0; row < chunk->n_rows; ++row) {
      std::string line;
      for (const Column& c : chunk->columns) {
        line += c.is_null(row) ? "null" : c.type() == app::columns::Type::datetime ? std::to_string(c.i64(row)) : app::kql::cell_text(c, row);
        line += "|";
      }
      out.push_back(line);
    }
  }
  return out;
}

int number_from(const char* variable, int missing) {
  const char* text = std::getenv(variable);
  return text ? std::atoi(text) : missing;
}

}  // namespace

TEST_CASE("kql/random: queries give what a plain evaluator gives") {
  const plain::Table t = plain::make_table("T", 200, 1), u = plain::make_table("U", 25, 2);
  app::kql::Tables tables;
  tables.add("T", engine_table(t, 37));
  tables.add("U", engine_table(u, 25));
  std::mt19937 random(static_cast<uint32_t>(number_from("SIGMA_KQL_SEED", 20260101)));
  const int n_cases = number_from("SIGMA_KQL_CASES", 1500);
  for (int k = 0; k < n_cases; ++k) {
    const plain::Case wanted = plain::random_case(random, t, u);
    CAPTURE(wanted.query);
    app::kql::RunOptions options;
    options.n_threads = 1 + k % 2;
    app::kql::ResultTable got;
    try {
      got = app::kql::run(wanted.query, tables, options);
    } catch (const engine::Error& e) {
      FAIL("the query threw: " << e.what());
    }
    if (got.failed()) FAIL("the query was refused: " << got.diagnostics[0].message);
    std::vector<std::string> a = rows_of(wanted.expected), b = rows_of(got);
    if (!wanted.expected.ordered) std::sort(a.begin(), a.end()), std::sort(b.begin(), b.end());
    REQUIRE(a == b);
  }
}
