// tests/app/kql/plain_query.h: random well-typed queries, and what they give by a plain evaluator: rows
// are vectors of values, every operator is a loop. It shares no code with the engine that it judges.
#pragma once
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace plain {

enum class Type { boolean, integer, text, time };

struct Value {
  Type type = Type::integer;
  bool null = false;
  int64_t i = 0;
  std::string s;
};
bool operator<(const Value& a, const Value& b);   // any order that is one
bool operator==(const Value& a, const Value& b);
std::string show(const Value& value);             // as a result table shows it; null as "null"

struct Column {
  std::string name;
  Type type;
};
struct Table {
  std::vector<Column> columns;
  std::vector<std::vector<Value>> rows;
  bool ordered = false;  // the query says in which order its rows come
};

// Two tables to ask, of n_rows rows: T (times, texts, numbers with nulls) and U (a smaller one).
Table make_table(const std::string& name, size_t n_rows, uint32_t seed);

struct Case {
  std::string query;
  Table expected;
};
Case random_case(std::mt19937& random, const Table& t, const Table& u);

}  // namespace plain
