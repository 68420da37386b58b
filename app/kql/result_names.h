// app/kql/result_names.h: what an unnamed result of a call is called: strlen(x) is strlen_x, round(x, 2) is x.
#pragma once
#include <cstddef>
#include <string_view>

namespace app::kql {

struct NameRule {
  enum class Kind {
    none,         // the operator gives a name: Column1, print_0
    first,        // the first argument's name
    only,         // the same, where there is one argument
    with_first,   // prefix, and the first argument's name behind it
    fixed,        // prefix
  };
  Kind kind = Kind::none;
  std::string_view prefix = {};
};

// The rule of a scalar or aggregate function; none for one that has no rule or does not exist. The number
// of arguments tells hll_merge of one row (two or more) from that of many rows.
NameRule name_rule(std::string_view function, size_t n_args);

}  // namespace app::kql
