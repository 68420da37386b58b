#include "app/kql/result_names.h"

#include <algorithm>
#include <array>

#include "app/kql/aggregates.h"

namespace app::kql {
namespace {

constexpr std::array first_argument = {
    "abs", "acos", "asin", "atan", "atan2", "bin", "bin_at", "bin_auto", "binary_and", "binary_not", "binary_or",
    "binary_shift_left", "binary_shift_right", "binary_xor", "bitset_count_ones", "ceiling", "cos", "erf", "erfc", "exp",
    "exp10", "exp2", "floor", "format_bytes", "format_datetime", "format_timespan", "gamma", "log", "log10", "log2",
    "loggamma", "parse_csv", "parse_json", "parse_xml", "parsejson", "pow", "rand", "round", "series_fill_backward",
    "series_fill_const", "series_fill_forward", "series_fill_linear", "series_fir", "series_iir", "series_outliers", "sin",
    "split", "sqrt", "startofday", "tan", "tobool", "toboolean", "todatetime", "todecimal", "todouble", "todynamic", "toguid",
    "tohex", "toint", "tolong", "toobject", "toreal", "tostring", "totime", "totimespan"};

struct Prefixed {
  std::string_view function, prefix;
};

constexpr std::array with_first_argument = {
    Prefixed{"dcount_hll", "dcount_hll_"}, Prefixed{"gettype", "type_"}, Prefixed{"percentile_tdigest", "percentile_tdigest_"},
    Prefixed{"percentiles_array_tdigest", "percentile_tdigest_"}, Prefixed{"repeat", "repeat_"}, Prefixed{"string_size", "string_size_"},
    Prefixed{"strlen", "strlen_"}, Prefixed{"treepath", "tree_"}};

// merge of sketches of one row; over many rows it is an aggregate, which has its own prefix
constexpr std::array fixed_names = {Prefixed{"hll_merge", "hll_merged_result"}, Prefixed{"merge_tdigest", "tdigests_merge_result"},
                                    Prefixed{"tdigest_merge", "tdigests_merge_result"}};

template <typename Names>
bool has(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

template <typename Table>
const Prefixed* entry(const Table& table, std::string_view name) {
  const auto at = std::find_if(table.begin(), table.end(), [&](const Prefixed& p) { return p.function == name; });
  return at == table.end() ? nullptr : &*at;
}

// Aggregates of several results, one for each argument, are named where they are bound.
NameRule aggregate_rule(const AggregateFunction& f) {
  if (!f.prefix) return {f.result == Result::special && std::string_view(f.signature) != "*b" ? NameRule::Kind::none : NameRule::Kind::first};
  if (f.result == Result::special) return {};
  return {NameRule::Kind::with_first, f.prefix};
}

}  // namespace

NameRule name_rule(std::string_view function, size_t n_args) {
  if (has(first_argument, function)) return {NameRule::Kind::first};
  if (function == "make_datetime" || function == "make_timespan") return {NameRule::Kind::only};
  if (const Prefixed* p = entry(with_first_argument, function)) return {NameRule::Kind::with_first, p->prefix};
  if (const Prefixed* p = entry(fixed_names, function); p && n_args > 1) return {NameRule::Kind::fixed, p->prefix};
  const AggregateFunction* f = find_aggregate(function);
  return f ? aggregate_rule(*f) : NameRule{};
}

}  // namespace app::kql
