// tests/app/kql/plain_aggregates.h: random aggregates, each a loop over the rows of its group.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "plain_expr.h"

namespace plain {

struct Aggregate {
  std::string text;
  Type type = Type::integer;
  bool rounded = false;
  std::function<Value(const std::vector<const Row*>&)> eval;
};
// ordered: the rows come in an order that the query sets, so lists have one too.
Aggregate random_aggregate(Dice& dice, Expressions& expressions, bool ordered);

}  // namespace plain
