// app/kql/describe.h: the documentation behind names of the query language, for hover texts, the
// completion list and the help on arguments. Own words, one sentence or two each.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace app::kql {

struct Doc {
  const char* name;
  const char* usage;   // operators: how it is written; functions: the names of the arguments
  const char* text;    // what it does
};

// Null where a name has no documentation. Operators also under their other spelling (order, limit).
const Doc* find_doc(std::string_view name);

// Functions that only the binder writes: they are not offered and have no words.
bool is_internal_function(std::string_view name);

// A function with its arguments' names and types and what it gives:
// "indexof(text: string, part: string, [start: long])" and "long". Empty name: no such function.
struct CallShape {
  std::string name, result;
  std::vector<std::string> parameters;
  bool repeats = false;   // the last parameter may come again
};
CallShape call_shape(std::string_view function);
std::string call_text(const CallShape& shape);

// The parts of the documentation; a file each.
std::span<const Doc> operator_docs();
std::span<const Doc> aggregate_docs();
std::span<const Doc> text_docs();
std::span<const Doc> value_docs();
std::span<const Doc> collection_docs();
std::span<const Doc> field_docs();

}  // namespace app::kql
