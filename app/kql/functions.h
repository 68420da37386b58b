// app/kql/functions.h: every scalar function and operator of the language: one table row each.
//
// A signature is one letter an argument: s string, i integer, n number, b bool, t datetime,
// p timespan, y dynamic, * anything, T typeof(); ? before the optional ones, + repeats the last
// letter. dynamic fits every letter. Conversions inside a kernel follow value.h.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/kql/expr.h"

namespace app::kql {

// What a function returns: a type, or one derived from the arguments.
enum class Result : uint8_t {
  boolean, int32, int64, real, decimal, string, datetime, timespan, guid, dynamic,
  first,    // the first argument's
  widest,   // of the numeric arguments
  common,   // the one type that all arguments have or convert to
  special,  // the binder decides
};

// A vec kernel may decline (a null column): then the row kernel runs.
using RowKernel = void (*)(CallState& state, std::span<const Value> args, Value& out);
using VecKernel = Vec (*)(CallState& state, std::span<const Vec> args, size_t n_rows);

enum FunctionFlags : uint32_t {
  no_flags = 0,
  sees_nulls = 1,    // called with null arguments too; otherwise a null argument gives null
  impure = 2,        // rand(), new_guid(): never folded, called for every row
  window = 4,        // needs all rows in order
};

struct Function {
  const char* name;
  const char* signature;
  Result result;
  RowKernel row;
  uint32_t flags = no_flags;
  VecKernel vec = nullptr;
};

// Null where there is none. Operators are found under their signs: "+", "==", "has".
const Function* find_function(std::string_view name);
// What to do instead of a function that the language has and that cannot work here; empty for others.
std::string function_refusal(std::string_view name);
std::vector<std::string> function_names();  // those that can be called by name

// Each file of functions gives its rows.
std::span<const Function> operator_functions();
std::span<const Function> any_column_functions();
std::span<const Function> string_functions();
std::span<const Function> parse_functions();
std::span<const Function> math_functions();
std::span<const Function> time_functions();
std::span<const Function> dynamic_functions();
std::span<const Function> net_functions();
std::span<const Function> series_functions();
std::span<const Function> geo_functions();
std::span<const Function> geo_shape_functions();
std::span<const Function> geo_cell_functions();
std::span<const Function> geo_h3_functions();
std::span<const Function> hash_functions();
std::span<const Function> codec_functions();
std::span<const Function> series_model_functions();
std::span<const Function> sketch_functions();
std::span<const Function> misc_functions();
std::span<const Function> window_functions();

// True where the letter of a signature takes a type.
bool fits(char letter, Type type);
// Numeric type of a + b.
Type widest(Type a, Type b);

}  // namespace app::kql
