// Plugins that look rows up by place or address: geo_polygon_lookup, geo_line_lookup, ipv6_lookup.
#include <algorithm>

#include "app/kql/functions.h"
#include "app/kql/geo_shapes.h"
#include "app/kql/plugins.h"

namespace app::kql {
namespace {

// The input's columns, then the lookup table's, but for one that may be left out.
NodePtr joined(PluginCall& call, const columns::Schema& lookup_schema, const Batch& lookup, const Rows& left, const Rows& right, std::optional<size_t> left_out) {
  columns::Schema schema;
  std::vector<ColumnPtr> out;
  const auto add = [&](const columns::ColumnInfo& info, const ColumnPtr& column, const Rows& rows) {
    std::string name = info.name;
    const auto taken = [&] { return std::any_of(schema.begin(), schema.end(), [&](const columns::ColumnInfo& c) { return c.name == name; }); };
    for (int n = 1; taken(); ++n) name = info.name + std::to_string(n);
    schema.push_back({name, info.type});
    out.push_back(share(column->take(rows)));
  };
  const Batch& rows = call.rows();
  for (size_t k = 0; k < call.schema().size(); ++k) add(call.schema()[k], rows.column(k), left);
  for (size_t k = 0; k < lookup_schema.size(); ++k) if (k != left_out) add(lookup_schema[k], lookup.column(k), right);
  return make_rows(std::move(schema), Batch::of(std::move(out), left.size()));
}

// One function of the table of functions over whole columns of values.
Value called(const char* function, std::vector<Value> args, Type type, CallState& state) {
  const Function& f = *find_function(function);
  Value out = Value::none(type);
  out.null = false;
  state.type = type;
  f.row(state, args, out);
  return out;
}

// Each row with the shapes that hold its point, or lie within a radius in meters of it.
NodePtr geo_lookup(PluginCall& call, bool polygons) {
  const NodePtr lookup = call.table(0);
  const size_t shape = call.column_of(lookup->schema, 1), lng = call.column(2), lat = call.column(3);
  std::optional<double> radius;
  if (const auto named = call.option("radius")) radius = to_real(*named);
  else if (call.has(4) && call.constant(4).type != Type::boolean) radius = call.constant(4, Type::real, "radius").d;
  if (!polygons && !radius) call.fail("geo_line_lookup() needs a radius in meters", "add it behind the latitude");
  if (radius && !(*radius >= 0)) call.fail("the radius of " + call.name() + "() must not be negative");
  const bool keep_unmatched = call.flag("return_unmatched", call.has(5) && call.constant(5).i != 0);
  const bool keep_key = call.flag("return_lookup_key", false);
  const Batch& rows = call.rows();
  const Batch shapes = call.run(lookup);
  const char* distance = polygons ? "geo_distance_point_to_polygon" : "geo_distance_point_to_line";
  std::vector<CallState> states(shapes.n_rows());
  Rows left, right;
  for (uint32_t row = 0; row < rows.n_rows(); ++row) {
    const Value x = get(*rows.column(lng), row), y = get(*rows.column(lat), row);
    bool any = false;
    for (uint32_t k = 0; k < shapes.n_rows() && !x.null && !y.null; ++k) {
      const Value d = called(distance, {x, y, get(*shapes.column(shape), k)}, Type::real, states[k]);
      if (d.null || d.d > radius.value_or(0)) continue;
      left.push_back(row), right.push_back(k);
      any = true;
    }
    if (!any && keep_unmatched) left.push_back(row), right.push_back(UINT32_MAX);
  }
  return joined(call, lookup->schema, shapes, left, right, keep_key ? std::nullopt : std::optional<size_t>(shape));
}
NodePtr geo_polygon_lookup(PluginCall& call) { return geo_lookup(call, true); }
NodePtr geo_line_lookup(PluginCall& call) { return geo_lookup(call, false); }

// Each row with the networks that hold its address.
NodePtr ipv6_lookup(PluginCall& call) {
  const NodePtr lookup = call.table(0);
  const size_t address = call.column(1), network = call.column_of(lookup->schema, 2);
  const bool keep_unmatched = call.flag("return_unmatched", call.has(3) && call.constant(3).i != 0);
  const Batch& rows = call.rows();
  const Batch networks = call.run(lookup);
  CallState state;
  Rows left, right;
  for (uint32_t row = 0; row < rows.n_rows(); ++row) {
    bool any = false;
    for (uint32_t k = 0; k < networks.n_rows(); ++k) {
      const Value hit = called("ipv6_is_in_range", {get(*rows.column(address), row), get(*networks.column(network), k)}, Type::boolean, state);
      if (hit.null || !hit.i) continue;
      left.push_back(row), right.push_back(k);
      any = true;
    }
    if (!any && keep_unmatched) left.push_back(row), right.push_back(UINT32_MAX);
  }
  return joined(call, lookup->schema, networks, left, right, std::nullopt);
}

constexpr Plugin table[] = {{"geo_polygon_lookup", geo_polygon_lookup}, {"geo_line_lookup", geo_line_lookup}, {"ipv6_lookup", ipv6_lookup}};

}  // namespace

std::span<const Plugin> lookup_plugins() { return table; }

}  // namespace app::kql
