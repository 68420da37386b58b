// tests/app/kql/plain_expr.h: random well-typed expressions, each with its text and what it is for a row.
#pragma once
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "plain_value.h"

namespace plain {

struct Expr {
  std::string text;
  Type type = Type::integer;
  std::function<Value(const Row&)> eval;
};

// What random choices are made with.
class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}
  int below(int n) { return static_cast<int>(random_() % static_cast<uint64_t>(n)); }
  bool one_in(int n) { return below(n) == 0; }
  template <typename T>
  const T& one_of(const std::vector<T>& list) { return list[random_() % list.size()]; }
  std::mt19937_64& random() { return random_; }

 private:
  std::mt19937_64 random_;
};

// A let function of the query: its body over the row of its arguments.
struct UserFunction {
  std::string name;
  std::vector<Type> params;
  Expr body;
};

class Expressions {
 public:
  // Both must live on; the columns are the table's when an expression is made.
  Expressions(Dice& dice, const Table& table) : dice_(dice), table_(table) {}
  void add(UserFunction function) { functions_.push_back(std::move(function)); }
  void add_constant(Expr constant) { constants_.push_back(std::move(constant)); }

  Expr any(Type type, int depth);
  Expr column(size_t k) const;
  Expr literal(Type type);  // a constant of it, seldom its null
  Type any_type();
  Type key_type();          // one to group or join by
  // Columns of a type that expressions may read.
  std::vector<size_t> columns_of(Type type) const;

 private:
  using Kernel = std::function<Value(const std::vector<Value>&)>;
  // A call of args: null where one of them is, unless it sees nulls.
  static Expr call(Type type, std::string text, std::vector<Expr> args, Kernel kernel, bool sees_nulls = false);
  Expr leaf(Type type);
  Expr conditional(Type type, int depth);
  Expr user_call(const UserFunction& function, int depth);
  Expr boolean(int depth);
  Expr comparison(int depth);
  Expr text_test(int depth);
  Expr membership(int depth);
  Expr integer(int depth);
  Expr arithmetic(int depth);
  Expr int32(int depth);
  Expr real(int depth);
  Expr decimal(int depth);
  Expr text(int depth);
  Expr time(int depth);
  Expr span(int depth);
  Expr guid(int depth);
  Expr dynamic(int depth);
  Expr array(int depth);

  Dice& dice_;
  const Table& table_;
  std::vector<UserFunction> functions_;
  std::vector<Expr> constants_;
};

}  // namespace plain
