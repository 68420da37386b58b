// H3 cells by name.
#include <algorithm>
#include <cmath>
#include <set>

#include "app/kql/geo_s2.h"
#include "app/kql/h3.h"

namespace app::kql {
namespace {

using namespace geo;

constexpr int default_resolution = 6, max_rings = 142, max_child_levels = 5;

std::optional<int> resolution_at(Args a, size_t k, int missing) {
  if (k >= a.size()) return missing;
  const std::optional<int64_t> r = to_int64(a[k]);
  if (!r || *r < 0 || *r > max_h3_resolution) return std::nullopt;
  return static_cast<int>(*r);
}
std::optional<uint64_t> cell_of(const Value& value) { return parse_h3(to_text(value)); }
Json names_of(const std::vector<uint64_t>& cells) {
  Json json = Json::array();
  for (const uint64_t cell : cells) json.items.push_back(Json::of(h3_text(cell)));
  return json;
}

void point_to_h3cell(CallState&, Args a, Value& out) {
  const auto p = point_at(a, 0);
  const auto resolution = resolution_at(a, 2, default_resolution);
  if (p && resolution) out.s = h3_text(h3_cell(*p, *resolution));
}
void h3cell_to_central_point(CallState&, Args a, Value& out) {
  const auto cell = cell_of(a[0]);
  cell ? set(out, point_json(h3_centre(*cell))) : set_null(out);
}
void h3cell_to_polygon(CallState&, Args a, Value& out) {
  const auto cell = cell_of(a[0]);
  if (!cell) return set_null(out);
  Path ring = h3_corners(*cell);
  ring.push_back(ring.front());
  set(out, polygons_json({{ring}}));
}
void h3cell_level(CallState&, Args a, Value& out) {
  const auto cell = cell_of(a[0]);
  cell ? void(out.i = h3_resolution(*cell)) : set_null(out);
}
void h3cell_parent(CallState&, Args a, Value& out) {
  const auto cell = cell_of(a[0]);
  if (!cell) return;
  const auto resolution = resolution_at(a, 1, h3_resolution(*cell) - 1);
  if (resolution && *resolution >= 0 && *resolution <= h3_resolution(*cell)) out.s = h3_text(h3_parent(*cell, *resolution));
}
void h3cell_children(CallState&, Args a, Value& out) {
  const auto cell = cell_of(a[0]);
  if (!cell) return set_null(out);
  const auto resolution = resolution_at(a, 1, h3_resolution(*cell) + 1);
  const int levels = resolution ? *resolution - h3_resolution(*cell) : -1;
  if (levels < 0 || levels > max_child_levels || *resolution > max_h3_resolution) return set_null(out);
  set(out, names_of(h3_children(*cell, *resolution)));
}
void h3cell_neighbors(CallState&, Args a, Value& out) {
  const auto cell = cell_of(a[0]);
  cell ? set(out, names_of(h3_rings(*cell, 1)[1])) : set_null(out);
}
void h3cell_rings(CallState&, Args a, Value& out) {
  const auto cell = cell_of(a[0]);
  const int64_t n = integer_at(a, 1, -1);
  if (!cell || n < 0 || n > max_rings) return set_null(out);
  Json json = Json::array();
  for (const std::vector<uint64_t>& ring : h3_rings(*cell, static_cast<int>(n))) json.items.push_back(names_of(ring));
  set(out, json);
}

// Cells with their centre in the polygon, in the order of their numbers.
void polygon_to_h3cells(CallState& s, Args a, Value& out) {
  constexpr size_t max_cells = 65536;
  const auto polygon = polygon_at(s, a[0]);
  const auto resolution = resolution_at(a, 1, default_resolution);
  const auto shapes = polygons_of(a[0]);
  if (!polygon || !resolution || !shapes) return set_null(out);
  // From the cells along every ring inwards.
  std::vector<uint64_t> open, cells;
  std::set<uint64_t> seen;
  const auto note = [&](uint64_t cell) {
    if (seen.insert(cell).second) open.push_back(cell);
  };
  const double step = h3_edge_radians(*resolution);
  for (const Polygon& shape : *shapes) {
    for (const Path& ring : shape) {
      for (size_t k = 0; k + 1 < ring.size(); ++k) {
        const double dx = ring[k + 1].lng - ring[k].lng, dy = ring[k + 1].lat - ring[k].lat;
        const double n = std::ceil(std::hypot(dx, dy) * M_PI / 180 / step) + 1;
        if (n > 4.0 * max_cells) return set_null(out);
        for (double j = 0; j < n; ++j) note(h3_cell({ring[k].lng + dx * j / n, ring[k].lat + dy * j / n}, *resolution));
      }
    }
  }
  std::set<uint64_t> border(open.begin(), open.end());
  for (size_t k = 0; k < open.size(); ++k) {
    const uint64_t cell = open[k];
    const bool inside = holds(*polygon, h3_centre(cell));
    if (inside) cells.push_back(cell);
    if (cells.size() > max_cells || seen.size() > 4 * max_cells) return set_null(out);
    if (!inside && border.count(cell) == 0) continue;
    const auto rings = h3_rings(cell, 1);
    for (const uint64_t other : rings[1]) note(other);
  }
  std::sort(cells.begin(), cells.end());
  set(out, names_of(cells));
}

constexpr Function table[] = {
    {"geo_point_to_h3cell", "nn?n", Result::string, point_to_h3cell, sees_nulls},
    {"geo_h3cell_to_central_point", "s", Result::dynamic, h3cell_to_central_point},
    {"geo_h3cell_to_polygon", "s", Result::dynamic, h3cell_to_polygon},
    {"geo_h3cell_level", "s", Result::int32, h3cell_level},
    {"geo_h3cell_parent", "s?n", Result::string, h3cell_parent},
    {"geo_h3cell_children", "s?n", Result::dynamic, h3cell_children},
    {"geo_h3cell_neighbors", "s", Result::dynamic, h3cell_neighbors},
    {"geo_h3cell_rings", "sn", Result::dynamic, h3cell_rings},
    {"geo_polygon_to_h3cells", "y?nn", Result::dynamic, polygon_to_h3cells},
};

}  // namespace

std::span<const Function> geo_h3_functions() { return table; }

}  // namespace app::kql
