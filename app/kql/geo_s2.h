// app/kql/geo_s2.h: shapes in the form that the S2 geometry library computes with, and back. Only the
// .cpp files of the geo functions include S2's own headers.
#pragma once
#include <memory>
#include <vector>

#include "app/kql/geo_shapes.h"

class S2Polygon;
class S2Polyline;

namespace app::kql::geo {

// Null where loops cross, touch along an edge or visit a corner twice.
std::shared_ptr<S2Polygon> to_s2(const Polygon& polygon);
// The union of all; null where one is invalid.
std::shared_ptr<S2Polygon> to_s2(const std::vector<Polygon>& polygons);
// Null where two neighbouring points are the same place or opposite each other.
std::shared_ptr<S2Polyline> to_s2(const Path& path);

std::vector<Polygon> from_s2(const S2Polygon& polygon);
Path from_s2(const S2Polyline& line);

bool holds(const S2Polygon& polygon, const Point& p);

// As above from a value, remembered at the call site: the shape is mostly the same for every row.
std::shared_ptr<S2Polygon> polygon_at(CallState& state, const Value& value);

}  // namespace app::kql::geo
