// app/kql/expr.h: expressions after binding (names are column numbers, every node has a type) and
// their evaluation, a column at a time.
#pragma once
#include <memory>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "app/kql/batch.h"
#include "app/kql/diagnostic.h"
#include "app/kql/value.h"

namespace app::kql {

struct Function;
struct Bound;
using BoundPtr = std::shared_ptr<const Bound>;

struct Bound {
  enum class Kind : uint8_t { constant, column, call } kind = Kind::constant;
  Type type = Type::string;
  Value value;                 // of a constant
  size_t column = 0;           // of a column
  const Function* function = nullptr;
  std::vector<BoundPtr> args;  // of a call
  bool window = false;         // needs all rows in order: prev(), row_number() ...
  Span span;
};

BoundPtr bound_constant(Value value, Span span = {});
BoundPtr bound_column(size_t column, Type type, Span span = {});
bool is_constant(const Bound& e);
bool is_pure(const Bound& e);  // the same value for the same row, whenever and wherever
void collect_columns(const Bound& e, std::vector<size_t>& out);  // sorted, each once

// A column of values, or one value that stands for every row.
struct Vec {
  ColumnPtr column;
  bool constant = false;
  size_t at(size_t row) const { return constant ? 0 : row; }
  bool is_null(size_t row) const { return column->is_null(at(row)); }
};

// What a call site keeps between rows and chunks: a compiled pattern, a set of values.
struct CallState {
  Type type = Type::string;    // of the result
  std::shared_ptr<void> cache;
  std::string cache_key;
  int64_t now = 0;
  uint64_t random = 0;         // state of rand()
  std::stop_token stop;        // looked at by kernels that may take long over a chunk
};

// Throws Error{cancelled} where a stop is asked for.
void check_stop(const std::stop_token& stop);
// How often this process has looked at a stop token: for tests, which count looks where time would tell of
// the machine.
uint64_t n_stop_checks();
// Looks at the token once in so many rows.
inline void check_stop(const std::stop_token& stop, size_t row) {
  if ((row & 0x3FF) == 0) check_stop(stop);
}

// One per thread: holds the call sites' states.
class Evaluator {
 public:
  explicit Evaluator(int64_t now, std::stop_token stop = {}) : now_(now), stop_(std::move(stop)) {}
  Vec eval(const Bound& e, const Batch& batch);
  ColumnPtr column(const Bound& e, const Batch& batch);  // expanded to n_rows values
  const std::stop_token& stop() const { return stop_; }
  // Rows where a bool expression is true.
  Rows filter(const Bound& e, const Batch& batch);

 private:
  Vec call(const Bound& e, const Batch& batch);
  Vec logical(const Bound& e, const Batch& batch);
  CallState& state(const Bound& e);

  int64_t now_;
  std::stop_token stop_;
  std::unordered_map<const Bound*, CallState> states_;
};

// The value of an expression without columns.
Value constant_value(const Bound& e, int64_t now);

}  // namespace app::kql
