// Reading and joining the sketches that hll() and tdigest() make.
#include "app/kql/kernel_help.h"
#include "app/kql/sketches.h"

namespace app::kql {
namespace {

void dcount_hll(CallState&, Args a, Value& out) {
  const auto hll = Hll::from_json(dynamic_value(a[0]));
  hll ? void(out.i = hll->count()) : set_null(out);
}
void hll_merge(CallState&, Args a, Value& out) {
  std::optional<Hll> all;
  for (const Value& v : a) {
    const auto one = Hll::from_json(dynamic_value(v));
    if (!one) continue;
    all ? all->merge(*one) : void(all = one);
  }
  all ? set(out, all->to_json()) : set_null(out);
}
void hll_isvalid(CallState&, Args a, Value& out) { out.i = Hll::from_json(dynamic_value(a[0])).has_value(); }

void tdigest_merge(CallState&, Args a, Value& out) {
  std::optional<Digest> all;
  for (const Value& v : a) {
    const auto one = Digest::from_json(dynamic_value(v));
    if (!one) continue;
    all ? all->merge(*one) : void(all = one);
  }
  all ? set(out, all->to_json()) : set_null(out);
}
void tdigest_isvalid(CallState&, Args a, Value& out) { out.i = Digest::from_json(dynamic_value(a[0])).has_value(); }
bool is_percent(double p) { return p >= 0 && p <= 100; }
void percentile_tdigest(CallState&, Args a, Value& out) {
  auto digest = Digest::from_json(dynamic_value(a[0]));
  const double percent = real_at(a, 1, -1);
  if (!digest || digest->empty() || !is_percent(percent)) return set_null(out);
  set(out, to_json(digest->percentile(percent)));
}
// Percents one by one or in an array; a type behind them is the binder's.
void percentiles_array_tdigest(CallState&, Args a, Value& out) {
  auto digest = Digest::from_json(dynamic_value(a[0]));
  if (!digest || digest->empty()) return set_null(out);
  Json json = Json::array();
  for (size_t k = 1; k < a.size(); ++k) {
    if (a[k].type == Type::string) continue;
    const Json given = a[k].type == Type::dynamic ? dynamic_value(a[k]) : to_json(a[k]);
    for (const Json& percent : given.is_array() ? given.items : std::vector<Json>{given}) {
      if (!percent.is_number() || !is_percent(percent.number())) return set_null(out);
      json.items.push_back(to_json(digest->percentile(percent.number())));
    }
  }
  set(out, json);
}
std::optional<double> plain_number(const Value& v) {
  if (v.type == Type::datetime || v.type == Type::timespan) return static_cast<double>(v.i);
  return to_real(v);
}
void rank_tdigest(CallState&, Args a, Value& out) {
  auto digest = Digest::from_json(dynamic_value(a[0]));
  const auto value = plain_number(a[1]);
  digest && value ? void(out.d = digest->rank(*value)) : set_null(out);
}
void percentrank_tdigest(CallState&, Args a, Value& out) {
  auto digest = Digest::from_json(dynamic_value(a[0]));
  const auto value = plain_number(a[1]);
  digest && value && !digest->empty() ? void(out.d = 100 * digest->rank(*value) / digest->total()) : set_null(out);
}

constexpr Function table[] = {
    {"dcount_hll", "y", Result::int64, dcount_hll},
    {"hll_merge", "y+", Result::dynamic, hll_merge, sees_nulls},
    {"hll_isvalid", "y", Result::boolean, hll_isvalid},
    {"tdigest_merge", "y+", Result::dynamic, tdigest_merge, sees_nulls},
    {"merge_tdigest", "y+", Result::dynamic, tdigest_merge, sees_nulls},
    {"tdigest_isvalid", "y", Result::boolean, tdigest_isvalid},
    {"percentile_tdigest", "yn?T", Result::dynamic, percentile_tdigest},
    {"percentiles_array_tdigest", "y*+", Result::dynamic, percentiles_array_tdigest},
    {"rank_tdigest", "y*", Result::real, rank_tdigest},
    {"percentrank_tdigest", "y*", Result::real, percentrank_tdigest},
};

}  // namespace

std::span<const Function> sketch_functions() { return table; }

}  // namespace app::kql
