#include "app/kql/functions.h"

#include <algorithm>
#include <map>

namespace app::kql {
namespace {

const std::map<std::string_view, const Function*>& all_functions() {
  static const std::map<std::string_view, const Function*> table = [] {
    std::map<std::string_view, const Function*> out;
    for (const std::span<const Function> part :
         {operator_functions(), any_column_functions(), string_functions(), parse_functions(), math_functions(), time_functions(), dynamic_functions(), net_functions(),
          series_functions(), geo_functions(), geo_shape_functions(), geo_cell_functions(),
          geo_h3_functions(), hash_functions(), codec_functions(), series_model_functions(), sketch_functions(), misc_functions(), window_functions()}) {
      for (const Function& f : part) out.emplace(f.name, &f);
    }
    return out;
  }();
  return table;
}

}  // namespace

const Function* find_function(std::string_view name) {
  const auto at = all_functions().find(name);
  return at == all_functions().end() ? nullptr : at->second;
}

std::string function_refusal(std::string_view name) {
  static constexpr std::pair<const char*, const char*> reasons[] = {
      {"geo_info_from_ip_address", "it needs a database of places; load a table of networks and use evaluate ipv4_lookup"},
      {"hash_combine", "its result is not published; use hash(strcat(a, b))"},
      {"hash_many", "its result is not published; use hash(strcat(a, b))"},
      {"current_principal", "nobody signs in here"},
      {"current_principal_details", "nobody signs in here"},
      {"current_principal_is_member_of", "nobody signs in here"},
      {"current_cluster_endpoint", "there is no cluster; name the tables directly"},
      {"current_database", "there are no databases; name the tables directly"},
      {"current_node_id", "there is no cluster"},
      {"cursor_after", "there are no cursors; filter by time"},
      {"cursor_before_or_at", "there are no cursors; filter by time"},
      {"cursor_current", "there are no cursors; filter by time"},
      {"current_cursor", "there are no cursors; filter by time"},
      {"extent_id", "data has no extents here"},
      {"extentid", "data has no extents here"},
      {"extent_tags", "data has no extents here"},
      {"row_id", "number the rows with serialize and row_number()"},
      {"row_rank", "use row_rank_dense() or row_rank_min()"},
      {"rowstore_ordinal_range", "there is no row store"},
      {"external_table", "load the file as a table"},
      {"materialized_view", "name the table directly"},
      {"stored_query_result", "save the query as a function"},
      {"entity_group", "name the tables in a union"},
      {"graph", "there are no stored graphs; use make-graph or join on the edges"}};
  for (const auto& [function, reason] : reasons) {
    if (name == function) return reason;
  }
  return {};
}

std::vector<std::string> function_names() {
  std::vector<std::string> names;
  for (const auto& [name, f] : all_functions()) {
    const bool callable = std::all_of(name.begin(), name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; });
    const bool is_operator = std::any_of(operator_functions().begin(), operator_functions().end(), [f = f](const Function& o) { return &o == f; });
    if (callable && !is_operator) names.emplace_back(name);
  }
  for (const char* special : {"bin_auto", "iff", "iif", "now", "ago", "toscalar", "materialize", "pack_all", "column_ifexists"}) names.emplace_back(special);
  return names;
}

bool fits(char letter, Type type) {
  if (type == Type::dynamic) return true;
  switch (letter) {
    case 's': return type == Type::string || type == Type::guid;
    case 'i': return is_integer(type) || type == Type::boolean;
    case 'n': return is_number(type) || type == Type::boolean;
    case 'm': return is_number(type) || type == Type::boolean || type == Type::timespan;
    case 'b': return type == Type::boolean;
    case 't': return type == Type::datetime;
    case 'p': return type == Type::timespan;
    case 'y': return false;
    default: return true;
  }
}

Type widest(Type a, Type b) {
  if (a == Type::decimal || b == Type::decimal) return a == Type::real || b == Type::real ? Type::real : Type::decimal;
  if (a == Type::real || b == Type::real) return Type::real;
  return a == Type::int64 || b == Type::int64 ? Type::int64 : Type::int32;
}

}  // namespace app::kql
