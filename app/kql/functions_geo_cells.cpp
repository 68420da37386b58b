// S2 cells: squares of a sphere cut into ever smaller quarters, named by hexadecimal tokens.
#include <s2/mutable_s2shape_index.h>
#include <s2/s2cell.h>
#include <s2/s2cell_id.h>
#include <s2/s2cell_union.h>
#include <s2/s2latlng.h>
#include <s2/s2metrics.h>
#include <s2/s2polygon.h>
#include <s2/s2polyline.h>
#include <s2/s2region_coverer.h>
#include <s2/s2shape_index_buffered_region.h>


#include "app/kql/geo_s2.h"

namespace app::kql {
namespace {

using namespace geo;

constexpr int default_level = 11;
constexpr size_t max_cells = 65536;  // of a covering: more gives null

S2LatLng s2_at(const Point& p) { return S2LatLng::FromDegrees(p.lat, p.lng); }
Point map_point(const S2Point& p) {
  const S2LatLng at(p);
  return {at.lng().degrees(), at.lat().degrees()};
}
std::optional<int> level_at(Args a, size_t k) {
  if (k >= a.size()) return default_level;
  const std::optional<int64_t> level = to_int64(a[k]);
  if (!level || *level < 0 || *level > S2CellId::kMaxLevel) return std::nullopt;
  return static_cast<int>(*level);
}
// A token is up to 16 lower-case hexadecimal digits without the zeros at the end.
std::optional<S2CellId> cell_of(const Value& value) {
  const std::string text = to_text(value);
  if (text.empty() || text.size() > 16 || text.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) return std::nullopt;
  const S2CellId cell = S2CellId::FromToken(text);
  return cell.is_valid() ? std::optional<S2CellId>(cell) : std::nullopt;
}

void point_to_s2cell(CallState&, Args a, Value& out) {
  const auto p = point_at(a, 0);
  const auto level = level_at(a, 2);
  if (p && level) out.s = S2CellId(s2_at(*p)).parent(*level).ToToken();
}
void s2cell_to_central_point(CallState&, Args a, Value& out) {
  const auto cell = cell_of(a[0]);
  cell ? set(out, point_json(map_point(cell->ToPoint()))) : set_null(out);
}
void s2cell_to_polygon(CallState&, Args a, Value& out) {
  const auto id = cell_of(a[0]);
  if (!id) return set_null(out);
  const S2Cell cell(*id);
  Path ring;
  for (int k = 0; k <= 4; ++k) ring.push_back(map_point(cell.GetVertex(k % 4)));
  set(out, polygons_json({{ring}}));
}
// The eight cells around (seven at a corner of the cube), in the order the service gives them.
void s2cell_neighbors(CallState&, Args a, Value& out) {
  const auto cell = cell_of(a[0]);
  if (!cell) return set_null(out);
  std::vector<S2CellId> around;
  cell->AppendAllNeighbors(cell->level(), &around);
  if (around.size() == 8) {  // S2 gives them from the lower left, columns at a time
    std::vector<S2CellId> ordered;
    for (const size_t k : {7, 0, 1, 2, 3, 5, 4, 6}) ordered.push_back(around[k]);
    around = std::move(ordered);
  }
  Json json = Json::array();
  for (const S2CellId other : around) json.items.push_back(Json::of(other.ToToken()));
  set(out, json);
}

// Cells of one level that cover the shapes of an index and radius meters around them.
void cover(MutableS2ShapeIndex& index, double area_estimate, Args a, Value& out) {
  const auto level = level_at(a, 1);
  const double radius = real_at(a, 2, 0);
  if (!level || !(radius >= 0) || radius > 1e7) return set_null(out);
  if (area_estimate / S2::kAvgArea.GetValue(*level) > 4.0 * max_cells) return set_null(out);
  S2RegionCoverer::Options options;
  options.set_fixed_level(*level);
  S2RegionCoverer coverer(options);
  const S2ShapeIndexBufferedRegion region(&index, S1ChordAngle(S1Angle::Radians(radius / earth_radius_m)));
  std::vector<S2CellId> cells;
  coverer.GetCovering(region, &cells);
  if (cells.size() > max_cells) return set_null(out);
  Json json = Json::array();
  for (const S2CellId cell : cells) json.items.push_back(Json::of(cell.ToToken()));
  set(out, json);
}
void polygon_to_s2cells(CallState& s, Args a, Value& out) {
  const auto polygon = polygon_at(s, a[0]);
  if (!polygon) return set_null(out);
  MutableS2ShapeIndex index;
  index.Add(std::make_unique<S2Polygon::Shape>(polygon.get()));
  const double around = real_at(a, 2, 0) / earth_radius_m;
  cover(index, polygon->GetArea() + 4 * around, a, out);
}
void line_to_s2cells(CallState&, Args a, Value& out) {
  const auto paths = lines_of(a[0]);
  if (!paths) return set_null(out);
  std::vector<std::shared_ptr<S2Polyline>> lines;
  MutableS2ShapeIndex index;
  double length = 0;
  for (const Path& path : *paths) {
    lines.push_back(to_s2(path));
    if (!lines.back()) return set_null(out);
    length += lines.back()->GetLength().radians();
    index.Add(std::make_unique<S2Polyline::Shape>(lines.back().get()));
  }
  const auto level = level_at(a, 1);
  const double width = (level ? S2::kAvgEdge.GetValue(*level) : 0) + 2 * real_at(a, 2, 0) / earth_radius_m;
  cover(index, length * width, a, out);
}

constexpr Function table[] = {
    {"geo_point_to_s2cell", "nn?n", Result::string, point_to_s2cell, sees_nulls},
    {"geo_s2cell_to_central_point", "s", Result::dynamic, s2cell_to_central_point},
    {"geo_s2cell_to_polygon", "s", Result::dynamic, s2cell_to_polygon},
    {"geo_s2cell_neighbors", "s", Result::dynamic, s2cell_neighbors},
    {"geo_polygon_to_s2cells", "y?nn", Result::dynamic, polygon_to_s2cells},
    {"geo_line_to_s2cells", "y?nn", Result::dynamic, line_to_s2cells},
};

}  // namespace

std::span<const Function> geo_cell_functions() { return table; }

}  // namespace app::kql
