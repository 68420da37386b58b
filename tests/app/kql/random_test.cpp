// Some random queries against the plain evaluator; random_run.cpp runs any number of them.
#include <doctest/doctest.h>

#include "random_check.h"

TEST_CASE("kql/random: queries give what a plain evaluator gives") {
  const RandomCheck random;
  for (uint64_t number = 0; number < 2000; ++number) {
    const std::string problem = random.check(number);
    if (!problem.empty()) FAIL_CHECK(problem);
  }
}

TEST_CASE("kql/random: a number is one query") {
  const RandomCheck random, again;
  for (uint64_t number = 0; number < 20; ++number) CHECK(random.query(number) == again.query(number));
}

TEST_CASE("kql/random: most queries have an answer that can be wrong") {
  const RandomCheck random;
  int n_with_rows = 0;
  for (uint64_t number = 0; number < 200; ++number) n_with_rows += random.n_rows(number) > 0;
  CHECK(n_with_rows > 120);
}
