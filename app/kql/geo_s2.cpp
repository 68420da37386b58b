#include "app/kql/geo_s2.h"

#include <s2/s2error.h>
#include <s2/s2latlng.h>
#include <s2/s2loop.h>
#include <s2/s2polygon.h>
#include <s2/s2polyline.h>

namespace app::kql::geo {
namespace {

S2Point s2_point(const Point& p) { return S2LatLng::FromDegrees(p.lat, p.lng).Normalized().ToPoint(); }
Point plain_point(const S2Point& p) {
  const S2LatLng at(p);
  return {at.lng().degrees(), at.lat().degrees()};
}

// The side with the smaller area is the inside, whichever way the ring runs.
std::unique_ptr<S2Loop> loop_of(const Path& ring) {
  std::vector<S2Point> corners;
  for (size_t k = 0; k + 1 < ring.size(); ++k) corners.push_back(s2_point(ring[k]));
  auto loop = std::make_unique<S2Loop>();
  loop->set_s2debug_override(S2Debug::DISABLE);
  loop->Init(corners);
  S2Error error;
  if (loop->FindValidationError(&error)) return nullptr;
  loop->Normalize();
  return loop;
}

}  // namespace

std::shared_ptr<S2Polygon> to_s2(const Polygon& polygon) {
  std::vector<std::unique_ptr<S2Loop>> loops;
  for (const Path& ring : polygon) {
    loops.push_back(loop_of(ring));
    if (!loops.back()) return nullptr;
  }
  auto out = std::make_shared<S2Polygon>();
  out->set_s2debug_override(S2Debug::DISABLE);
  out->InitNested(std::move(loops));
  S2Error error;
  if (out->FindValidationError(&error)) return nullptr;
  return out;
}

std::shared_ptr<S2Polygon> to_s2(const std::vector<Polygon>& polygons) {
  if (polygons.size() == 1) return to_s2(polygons[0]);
  std::vector<std::unique_ptr<S2Polygon>> all;
  for (const Polygon& polygon : polygons) {
    const std::shared_ptr<S2Polygon> one = to_s2(polygon);
    if (!one) return nullptr;
    all.push_back(std::unique_ptr<S2Polygon>(one->Clone()));
  }
  return S2Polygon::DestructiveUnion(std::move(all));
}

std::shared_ptr<S2Polyline> to_s2(const Path& path) {
  std::vector<S2Point> points;
  for (const Point& p : path) {
    const S2Point next = s2_point(p);
    if (points.empty() || (points.back() - next).Norm2() != 0) points.push_back(next);  // a place twice in a row is one place
  }
  if (points.size() < 2) return nullptr;
  auto line = std::make_shared<S2Polyline>();
  line->set_s2debug_override(S2Debug::DISABLE);
  line->Init(points);
  S2Error error;
  if (line->FindValidationError(&error)) return nullptr;
  return line;
}

std::vector<Polygon> from_s2(const S2Polygon& polygon) {
  std::vector<Polygon> out;
  // A hole follows the shell that it lies in; a shell inside a hole is a polygon of its own.
  for (int k = 0; k < polygon.num_loops(); ++k) {
    const S2Loop& loop = *polygon.loop(k);
    if (loop.is_empty_or_full()) continue;
    Path ring;
    for (int i = 0; i < loop.num_vertices(); ++i) ring.push_back(plain_point(loop.oriented_vertex(i)));
    ring.push_back(ring.front());
    if (!loop.is_hole()) out.emplace_back();
    if (!out.empty()) out.back().push_back(std::move(ring));
  }
  return out;
}

Path from_s2(const S2Polyline& line) {
  Path path;
  for (int k = 0; k < line.num_vertices(); ++k) path.push_back(plain_point(line.vertex(k)));
  return path;
}

bool holds(const S2Polygon& polygon, const Point& p) { return polygon.Contains(s2_point(p)); }

std::shared_ptr<S2Polygon> polygon_at(CallState& state, const Value& value) {
  if (state.cache_key.empty() || state.cache_key != value.s) {
    const std::optional<std::vector<Polygon>> polygons = polygons_of(value);
    state.cache = polygons ? to_s2(*polygons) : nullptr;
    state.cache_key = value.s;
  }
  return std::static_pointer_cast<S2Polygon>(state.cache);
}

}  // namespace app::kql::geo
