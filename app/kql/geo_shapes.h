// app/kql/geo_shapes.h: GeoJSON shapes as plain points, and back. Longitudes stand before latitudes,
// in degrees; edges are great circles on a sphere of earth_radius_m.
#pragma once
#include <optional>
#include <string_view>
#include <vector>

#include "app/kql/kernel_help.h"

namespace app::kql::geo {

constexpr double earth_radius_m = 6371010.0;

struct Point {
  double lng = 0, lat = 0;
};
inline bool operator==(const Point& a, const Point& b) { return a.lng == b.lng && a.lat == b.lat; }
using Path = std::vector<Point>;
using Polygon = std::vector<Path>;  // a shell, then its holes; rings repeat their first point

// A longitude at argument k with its latitude behind it; none where one is missing or out of range.
std::optional<Point> point_at(Args a, size_t k);

// LineString or MultiLineString; none where the value is something else or breaks a rule of GeoJSON.
std::optional<std::vector<Path>> lines_of(const Value& value);
std::optional<std::vector<Path>> lines_of(const Json& json);
// Polygon or MultiPolygon. A ring that is open or visits a corner twice is no polygon.
std::optional<std::vector<Polygon>> polygons_of(const Value& value);
std::optional<std::vector<Polygon>> polygons_of(const Json& json);

Json shape_json(const char* type, Json coordinates);
Json point_json(const Point& p);                     // {"type":"Point",...}
Json lines_json(const std::vector<Path>& lines);     // LineString, or MultiLineString of several
Json polygons_json(const std::vector<Polygon>& polygons);
Json empty_collection();                             // a GeometryCollection of nothing

// Well-known text: POINT, LINESTRING, POLYGON, their MULTI forms and GEOMETRYCOLLECTION.
std::optional<Json> from_wkt(std::string_view text);

}  // namespace app::kql::geo
