// tests/app/kql/random_check.h: random queries run by the engine and held against the plain evaluator.
#pragma once
#include <cstdint>
#include <string>

#include "app/kql/query.h"
#include "plain_query.h"

class RandomCheck {
 public:
  RandomCheck();
  // Empty where the engine gives what the plain evaluator does; otherwise what differs, with the query.
  std::string check(uint64_t number) const;
  std::string query(uint64_t number) const;
  size_t n_rows(uint64_t number) const;  // of its answer

 private:
  plain::Table t_, u_;
  app::kql::Tables tables_;
};
