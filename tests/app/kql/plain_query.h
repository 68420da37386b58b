// tests/app/kql/plain_query.h: random well-typed queries, and what they give by a plain evaluator: rows
// are vectors of values, every operator is a loop.
#pragma once
#include <string>

#include "plain_value.h"

namespace plain {

struct Case {
  std::string query;
  Table expected;
};
// The case of that number: the same one whenever it is asked for.
Case random_case(uint64_t number, const Table& t, const Table& u);

}  // namespace plain
