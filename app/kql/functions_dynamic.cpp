// Functions of dynamic values: arrays, bags, sets, JSON.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "app/kql/datetime.h"
#include "app/kql/kernel_help.h"
#include "engine/base/text.h"

namespace app::kql {
namespace {

void parse_json_(CallState&, Args a, Value& out) {
  if (a[0].type != Type::string) return void(out = convert(a[0], Type::dynamic));
  const std::string_view text = engine::trim(a[0].s);
  if (text.empty()) return set_null(out);
  const std::optional<Json> json = parse_json(text);
  out = json ? from_json(*json) : Value::dynamic(json_text(Json::of(a[0].s)));
}
void dynamic_to_json(CallState&, Args a, Value& out) { out.s = a[0].type == Type::dynamic ? a[0].s : json_text(to_json(a[0])); }

// $.a.b[0]['c']
const Json* follow_path(const Json& root, std::string_view path) {
  const Json* at = &root;
  size_t k = !path.empty() && path[0] == '$' ? 1 : 0;
  while (k < path.size() && at) {
    if (path[k] == '.') {
      size_t end = ++k;
      while (end < path.size() && path[end] != '.' && path[end] != '[') ++end;
      at = at->is_object() ? at->find(path.substr(k, end - k)) : nullptr;
      k = end;
    } else if (path[k] == '[') {
      const size_t end = path.find(']', k);
      if (end == std::string_view::npos) return nullptr;
      std::string_view index = path.substr(k + 1, end - k - 1);
      if (index.size() > 1 && (index[0] == '\'' || index[0] == '"')) {
        at = at->is_object() ? at->find(index.substr(1, index.size() - 2)) : nullptr;
      } else {
        const std::optional<int64_t> n = parse_int64(index);
        at = n && at->is_array() && *n >= 0 && *n < static_cast<int64_t>(at->items.size()) ? &at->items[static_cast<size_t>(*n)] : nullptr;
      }
      k = end + 1;
    } else {
      return nullptr;
    }
  }
  return at;
}
void extractjson(CallState&, Args a, Value& out) {
  const std::optional<Json> json = parse_json(to_text(a[1]));
  if (!json) return;
  const Json* found = follow_path(*json, to_text(a[0]));
  if (found && !found->is_null()) out.s = found->is_string() ? found->s : json_text(*found);
}

void pack_array(CallState&, Args a, Value& out) {
  Json json = Json::array();
  for (const Value& v : a) json.items.push_back(to_json(v));
  set(out, json);
}
void bag_pack(CallState&, Args a, Value& out) {
  Json json = Json::object();
  for (size_t k = 0; k + 1 < a.size(); k += 2) json.set(to_text(a[k]), to_json(a[k + 1]));
  set(out, json);
}
// pack_named(ignore nulls and empties, name, value, ...)
void pack_named(CallState&, Args a, Value& out) {
  Json json = Json::object();
  for (size_t k = 1; k + 1 < a.size(); k += 2) {
    const bool empty = is_null(a[k + 1]) || (a[k + 1].type == Type::string && a[k + 1].s.empty());
    if (!(a[0].i && empty)) json.set(to_text(a[k]), to_json(a[k + 1]));
  }
  set(out, json);
}

void array_length(CallState&, Args a, Value& out) {
  const Json json = dynamic_value(a[0]);
  json.is_array() ? void(out.i = static_cast<int64_t>(json.items.size())) : set_null(out);
}
void array_sum(CallState&, Args a, Value& out) {
  const Json json = dynamic_value(a[0]);
  if (!json.is_array()) return set_null(out);
  out.d = 0;
  for (const Json& item : json.items) {
    if (item.is_number()) out.d += item.number();
    else if (!item.is_null()) return set_null(out);
  }
}
void array_concat(CallState&, Args a, Value& out) {
  Json json = Json::array();
  for (const Value& v : a) {
    Json one = dynamic_value(v);
    if (one.is_array()) for (Json& item : one.items) json.items.push_back(std::move(item));
  }
  set(out, json);
}
void array_reverse(CallState&, Args a, Value& out) {
  Json json = dynamic_value(a[0]);
  if (!json.is_array()) return set_null(out);
  std::reverse(json.items.begin(), json.items.end());
  set(out, json);
}
void array_slice(CallState&, Args a, Value& out) {
  Json json = dynamic_value(a[0]);
  if (!json.is_array()) return set_null(out);
  const auto n = static_cast<int64_t>(json.items.size());
  int64_t begin = integer_at(a, 1, 0), end = integer_at(a, 2, -1);
  if (begin < 0) begin = std::max<int64_t>(0, begin + n);
  if (end < 0) end += n;
  Json part = Json::array();
  for (int64_t k = begin; k <= end && k < n; ++k) part.items.push_back(std::move(json.items[static_cast<size_t>(k)]));
  set(out, part);
}
void array_index_of(CallState&, Args a, Value& out) {
  const Json json = dynamic_value(a[0]), item = to_json(a[1]);
  if (!json.is_array()) return set_null(out);
  const auto n = static_cast<int64_t>(json.items.size());
  int64_t start = integer_at(a, 2, 0);
  if (start < 0) start = std::max<int64_t>(0, start + n);
  const int64_t length = integer_at(a, 3, -1), occurrence = integer_at(a, 4, 1);
  const int64_t end = length < 0 || start > n ? n : start + std::min(length, n - start);
  out.i = -1;
  int64_t seen = 0;
  for (int64_t k = start; k < end; ++k) {
    if (json.items[static_cast<size_t>(k)] == item && ++seen == occurrence) return void(out.i = k);
  }
}
void array_split(CallState&, Args a, Value& out) {
  const Json json = dynamic_value(a[0]), at = dynamic_value(a[1]);
  if (!json.is_array()) return set_null(out);
  const auto n = static_cast<int64_t>(json.items.size());
  std::vector<int64_t> cuts = {0};
  for (const Json& cut : at.is_array() ? at.items : std::vector<Json>{at}) {
    const int64_t c = cut.i < 0 ? std::max<int64_t>(0, cut.i + n) : std::min(cut.i, n);
    cuts.push_back(std::max(c, cuts.back()));
  }
  cuts.push_back(n);
  Json all = Json::array();
  for (size_t k = 0; k + 1 < cuts.size(); ++k) {
    Json part = Json::array();
    part.items.assign(json.items.begin() + cuts[k], json.items.begin() + cuts[k + 1]);
    all.items.push_back(std::move(part));
  }
  set(out, all);
}
template <bool rotate>
void array_move(Args a, Value& out, int64_t by) {  // to the left
  const Json json = dynamic_value(a[0]);
  if (!json.is_array()) return set_null(out);
  const auto n = static_cast<int64_t>(json.items.size());
  const Json fill = !rotate && a.size() > 2 ? to_json(a[2]) : Json{};
  Json moved = Json::array();
  for (int64_t k = 0; k < n; ++k) {
    int64_t from = 0;
    if (rotate) from = ((k + by) % n + n) % n;
    else if (__builtin_add_overflow(k, by, &from)) from = -1;
    moved.items.push_back(from >= 0 && from < n ? json.items[static_cast<size_t>(from)] : fill);
  }
  set(out, moved);
}
void rotate_left(CallState&, Args a, Value& out) { array_move<true>(a, out, integer_at(a, 1, 0) % 1'000'000'000); }
void rotate_right(CallState&, Args a, Value& out) { array_move<true>(a, out, -(integer_at(a, 1, 0) % 1'000'000'000)); }
void shift_left(CallState&, Args a, Value& out) { array_move<false>(a, out, integer_at(a, 1, 0)); }
void shift_right(CallState&, Args a, Value& out) { array_move<false>(a, out, -std::max<int64_t>(integer_at(a, 1, 0), -INT64_MAX)); }
void array_iff(CallState&, Args a, Value& out) {
  const Json conditions = dynamic_value(a[0]), yes = dynamic_value(a[1]), no = dynamic_value(a[2]);
  if (!conditions.is_array()) return set_null(out);
  Json json = Json::array();
  const auto pick = [](const Json& from, size_t k) { return !from.is_array() ? from : k < from.items.size() ? from.items[k] : Json{}; };
  for (size_t k = 0; k < conditions.items.size(); ++k) {
    const Json& c = conditions.items[k];
    if (c.is_null()) json.items.emplace_back();
    else json.items.push_back(pick((c.kind == Json::Kind::boolean || c.is_number()) && (c.is_number() ? c.number() != 0 : c.i != 0) ? yes : no, k));
  }
  set(out, json);
}

bool json_less(const Json& a, const Json& b) {
  if (a.kind == Json::Kind::integer && b.kind == Json::Kind::integer) return a.i < b.i;  // beyond 2^53 reals are alike
  if (a.is_number() && b.is_number()) return a.number() < b.number();
  if (a.kind != b.kind) return static_cast<int>(a.kind) < static_cast<int>(b.kind);
  return a.is_string() ? a.s < b.s : a.i < b.i;
}
// array_sort(array, more arrays..., nulls last): sorts by the first, the others along with it.
void array_sort(Args a, Value& out, bool descending) {
  bool nulls_last = true;
  size_t n_arrays = a.size();
  if (n_arrays > 1 && a.back().type == Type::boolean) nulls_last = a.back().i != 0, --n_arrays;
  std::vector<Json> arrays;
  for (size_t k = 0; k < n_arrays; ++k) arrays.push_back(dynamic_value(a[k]));
  if (!arrays[0].is_array()) return set_null(out);
  std::vector<size_t> order(arrays[0].items.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t x, size_t y) {
    const Json &l = arrays[0].items[x], &r = arrays[0].items[y];
    if (l.is_null() || r.is_null()) return l.is_null() != r.is_null() && l.is_null() != nulls_last;
    return descending ? json_less(r, l) : json_less(l, r);
  });
  Json all = Json::array();
  for (const Json& array : arrays) {
    Json sorted = Json::array();
    if (array.items.size() == order.size()) for (const size_t k : order) sorted.items.push_back(array.items[k]);
    else sorted = Json{};
    all.items.push_back(std::move(sorted));
  }
  set(out, n_arrays == 1 ? all.items[0] : all);
}
void array_sort_asc(CallState&, Args a, Value& out) { array_sort(a, out, false); }
void array_sort_desc(CallState&, Args a, Value& out) { array_sort(a, out, true); }

void strcat_array(CallState&, Args a, Value& out) {
  const Json json = dynamic_value(a[0]);
  const std::string delimiter = to_text(a[1]);
  for (size_t k = 0; k < json.items.size(); ++k) {
    if (k) out.s += delimiter;
    if (!json.items[k].is_null()) out.s += json.items[k].is_string() ? json.items[k].s : json_text(json.items[k]);
  }
}
// range(from, to, step) as an array.
void range_(CallState&, Args a, Value& out) {
  constexpr size_t max_items = 1'048'576;
  Json json = Json::array();
  const Value& from = a[0];
  const auto item = [&](int64_t v) { return to_json(Value{from.type, false, v, 0, {}}); };
  if (from.type == Type::real || (a.size() > 2 && a[2].type == Type::real) || a[1].type == Type::real) {
    const double low = real_at(a, 0, NAN), high = real_at(a, 1, NAN), step = real_at(a, 2, 1);
    if (step == 0) return set_null(out);
    for (size_t k = 0; k < max_items; ++k) {
      const double v = low + static_cast<double>(k) * step;
      if (!(step > 0 ? v <= high + 1e-9 * std::fabs(step) : v >= high - 1e-9 * std::fabs(step))) break;
      json.items.push_back(Json::of(v));
    }
    return set(out, json);
  }
  const int64_t high = integer_at(a, 1, 0);
  const int64_t step = a.size() > 2 ? integer_at(a, 2, 1) : from.type == Type::datetime || from.type == Type::timespan ? ticks_per_hour : 1;
  if (step == 0) return set_null(out);
  int64_t v = from.type == Type::dynamic ? integer_at(a, 0, 0) : from.i;
  while ((step > 0 ? v <= high : v >= high) && json.items.size() < max_items) {
    json.items.push_back(from.type == Type::dynamic ? Json::of(v) : item(v));
    if (__builtin_add_overflow(v, step, &v)) break;
  }
  set(out, json);
}
void repeat_(CallState&, Args a, Value& out) {
  Json json = Json::array();
  const int64_t n = std::clamp<int64_t>(integer_at(a, 1, 0), 0, 1'048'576);
  const Json item = to_json(a[0]);
  for (int64_t k = 0; k < n; ++k) json.items.push_back(item);
  set(out, json);
}
void zip_(CallState&, Args a, Value& out) {
  std::vector<Json> arrays;
  size_t n = 0;
  for (const Value& v : a) {
    arrays.push_back(dynamic_value(v));
    n = std::max(n, arrays.back().items.size());
  }
  Json json = Json::array();
  for (size_t k = 0; k < n; ++k) {
    Json one = Json::array();
    for (const Json& array : arrays) one.items.push_back(k < array.items.size() ? array.items[k] : Json{});
    json.items.push_back(std::move(one));
  }
  set(out, json);
}

// ---------------------------------------------------------------- bags

void bag_keys(CallState&, Args a, Value& out) {
  const Json json = dynamic_value(a[0]);
  if (!json.is_object()) return set_null(out);
  Json keys = Json::array();
  for (const std::string& key : json.keys) keys.items.push_back(Json::of(key));
  set(out, keys);
}
void bag_has_key(CallState&, Args a, Value& out) {
  const Json json = dynamic_value(a[0]);
  const std::string key = to_text(a[1]);
  if (!json.is_object()) return set_null(out);
  out.i = key.substr(0, 1) == "$" ? follow_path(json, key) != nullptr : json.find(key) != nullptr;
}
void bag_merge(CallState&, Args a, Value& out) {
  Json json = Json::object();
  bool any = false;
  for (const Value& v : a) {
    const Json one = dynamic_value(v);
    any |= one.is_object();
    for (size_t k = 0; k < one.keys.size(); ++k) {
      if (!json.find(one.keys[k])) json.set(one.keys[k], one.items[k]);
    }
  }
  any ? set(out, json) : set_null(out);
}
void remove_path(Json& json, std::string_view path) {
  if (path.substr(0, 2) == "$.") path.remove_prefix(2);
  for (size_t k = 0; k < json.keys.size(); ++k) {
    if (json.keys[k] == path) {
      json.keys.erase(json.keys.begin() + static_cast<int64_t>(k));
      json.items.erase(json.items.begin() + static_cast<int64_t>(k));
      return;
    }
    if (path.size() > json.keys[k].size() && path.substr(0, json.keys[k].size()) == json.keys[k] && path[json.keys[k].size()] == '.') {
      return remove_path(json.items[k], path.substr(json.keys[k].size() + 1));
    }
  }
}
void bag_remove_keys(CallState&, Args a, Value& out) {
  Json json = dynamic_value(a[0]);
  if (!json.is_object()) return set_null(out);
  for (const Json& key : dynamic_value(a[1]).items) remove_path(json, key.s);
  set(out, json);
}
void bag_set_key(CallState&, Args a, Value& out) {
  Json json = dynamic_value(a[0]);
  if (!json.is_object()) return set_null(out);
  json.set(to_text(a[1]), to_json(a[2]));
  set(out, json);
}
void bag_zip(CallState&, Args a, Value& out) {
  const Json keys = dynamic_value(a[0]), values = dynamic_value(a[1]);
  if (!keys.is_array()) return set_null(out);
  Json json = Json::object();
  for (size_t k = 0; k < keys.items.size(); ++k) {
    if (keys.items[k].is_string()) json.set(keys.items[k].s, k < values.items.size() ? values.items[k] : Json{});
  }
  set(out, json);
}
void treepath_into(const Json& json, const std::string& path, Json& out) {
  if (!path.empty()) out.items.push_back(Json::of(path));
  if (json.is_object()) {
    for (size_t k = 0; k < json.keys.size(); ++k) treepath_into(json.items[k], path + "['" + json.keys[k] + "']", out);
  } else if (json.is_array() && !json.items.empty()) {
    treepath_into(json.items[0], path + "[0]", out);
  }
}
void treepath(CallState&, Args a, Value& out) {
  Json paths = Json::array();
  treepath_into(dynamic_value(a[0]), "", paths);
  set(out, paths);
}

// ---------------------------------------------------------------- sets

bool holds(const std::vector<Json>& items, const Json& item) { return std::find(items.begin(), items.end(), item) != items.end(); }
void set_difference(CallState&, Args a, Value& out) {
  const Json first = dynamic_value(a[0]);
  if (!first.is_array()) return set_null(out);
  Json json = Json::array();
  for (const Json& item : first.items) {
    bool elsewhere = holds(json.items, item);
    for (size_t k = 1; k < a.size() && !elsewhere; ++k) elsewhere = holds(dynamic_value(a[k]).items, item);
    if (!elsewhere) json.items.push_back(item);
  }
  set(out, json);
}
void set_intersect(CallState&, Args a, Value& out) {
  const Json first = dynamic_value(a[0]);
  if (!first.is_array()) return set_null(out);
  Json json = Json::array();
  for (const Json& item : first.items) {
    bool everywhere = !holds(json.items, item);
    for (size_t k = 1; k < a.size() && everywhere; ++k) everywhere = holds(dynamic_value(a[k]).items, item);
    if (everywhere) json.items.push_back(item);
  }
  set(out, json);
}
void set_union(CallState&, Args a, Value& out) {
  Json json = Json::array();
  for (const Value& v : a) {
    for (const Json& item : dynamic_value(v).items) if (!holds(json.items, item)) json.items.push_back(item);
  }
  set(out, json);
}
void set_has_element(CallState&, Args a, Value& out) {
  const Json json = dynamic_value(a[0]);
  if (!json.is_array()) return set_null(out);
  out.i = holds(json.items, to_json(a[1]));
}
void set_equals(CallState&, Args a, Value& out) {
  const Json x = dynamic_value(a[0]), y = dynamic_value(a[1]);
  const auto within = [](const Json& l, const Json& r) { return std::all_of(l.items.begin(), l.items.end(), [&](const Json& i) { return holds(r.items, i); }); };
  out.i = within(x, y) && within(y, x);
}

constexpr Function table[] = {
    {"parse_json", "*", Result::dynamic, parse_json_}, {"parsejson", "*", Result::dynamic, parse_json_},
    {"todynamic", "*", Result::dynamic, parse_json_}, {"toobject", "*", Result::dynamic, parse_json_},
    {"dynamic_to_json", "*", Result::string, dynamic_to_json}, {"extractjson", "ss", Result::string, extractjson}, {"extract_json", "ss", Result::string, extractjson},
    {"pack_array", "*+", Result::dynamic, pack_array, sees_nulls}, {"bag_pack", "?*+", Result::dynamic, bag_pack, sees_nulls},
    {"pack", "?*+", Result::dynamic, bag_pack, sees_nulls}, {"pack_dictionary", "?*+", Result::dynamic, bag_pack, sees_nulls},
    {"pack_named", "?*+", Result::dynamic, pack_named, sees_nulls}, {"array_length", "y", Result::int64, array_length},
    {"arraylength", "y", Result::int64, array_length}, {"array_sum", "y", Result::real, array_sum}, {"array_concat", "y+", Result::dynamic, array_concat, sees_nulls},
    {"array_reverse", "y", Result::dynamic, array_reverse}, {"array_slice", "y?ii", Result::dynamic, array_slice}, {"array_index_of", "y*?iii", Result::int64, array_index_of},
    {"array_split", "y*", Result::dynamic, array_split}, {"array_rotate_left", "yi", Result::dynamic, rotate_left}, {"array_rotate_right", "yi", Result::dynamic, rotate_right},
    {"array_shift_left", "yi?*", Result::dynamic, shift_left, sees_nulls}, {"array_shift_right", "yi?*", Result::dynamic, shift_right, sees_nulls},
    {"array_iff", "y**", Result::dynamic, array_iff, sees_nulls}, {"array_iif", "y**", Result::dynamic, array_iff, sees_nulls},
    {"array_sort_asc", "*+", Result::dynamic, array_sort_asc}, {"array_sort_desc", "*+", Result::dynamic, array_sort_desc},
    {"strcat_array", "y*", Result::string, strcat_array}, {"array_strcat", "y*", Result::string, strcat_array}, {"range", "**?*", Result::dynamic, range_}, {"repeat", "*i", Result::dynamic, repeat_, sees_nulls},
    {"zip", "y+", Result::dynamic, zip_, sees_nulls}, {"bag_keys", "y", Result::dynamic, bag_keys}, {"bag_has_key", "ys", Result::boolean, bag_has_key},
    {"bag_merge", "y+", Result::dynamic, bag_merge, sees_nulls}, {"bag_remove_keys", "yy", Result::dynamic, bag_remove_keys}, {"bag_set_key", "ys*", Result::dynamic, bag_set_key, sees_nulls},
    {"bag_zip", "yy", Result::dynamic, bag_zip, sees_nulls}, {"treepath", "y", Result::dynamic, treepath}, {"set_difference", "y+", Result::dynamic, set_difference},
    {"set_intersect", "y+", Result::dynamic, set_intersect}, {"set_union", "y+", Result::dynamic, set_union, sees_nulls}, {"set_has_element", "y*", Result::boolean, set_has_element},
    {"set_equals", "yy", Result::boolean, set_equals},
};

}  // namespace

std::span<const Function> dynamic_functions() { return table; }

}  // namespace app::kql
