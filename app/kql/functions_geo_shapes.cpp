// Shapes made of shapes: intersection, union, buffer, simplify, densify, centre, area, angles.
#include <s2/s2boolean_operation.h>
#include <s2/s2buffer_operation.h>
#include <s2/s2builder.h>
#include <s2/s2builderutil_s2polygon_layer.h>
#include <s2/s2builderutil_s2polyline_vector_layer.h>
#include <s2/s2builderutil_snap_functions.h>
#include <s2/s2edge_crossings.h>
#include <s2/s2edge_distances.h>
#include <s2/s2latlng.h>
#include <s2/s2polygon.h>
#include <s2/s2polyline.h>

#include <cmath>
#include <set>

#include "app/kql/geo_s2.h"

namespace app::kql {
namespace {

using namespace geo;  // the whole file is about shapes

S1Angle angle_of(double meters) { return S1Angle::Radians(meters / earth_radius_m); }
S2Point sphere_point(const Point& p) { return S2LatLng::FromDegrees(p.lat, p.lng).Normalized().ToPoint(); }
Point map_point(const S2Point& p) {
  const S2LatLng at(p);
  return {at.lng().degrees(), at.lat().degrees()};
}
void set_polygon(Value& out, const S2Polygon& polygon) {
  const std::vector<Polygon> polygons = from_s2(polygon);
  polygons.empty() ? set(out, empty_collection()) : set(out, polygons_json(polygons));
}
// In [0.1, 10000] meters, 10 unless given.
std::optional<double> tolerance_at(Args a, size_t k) {
  if (k >= a.size()) return 10;
  const std::optional<double> t = to_real(a[k]);
  return t && *t >= 0.1 && *t <= 10000 ? t : std::nullopt;
}
std::optional<std::vector<std::shared_ptr<S2Polyline>>> s2_lines(const std::optional<std::vector<Path>>& paths) {
  if (!paths) return std::nullopt;
  std::vector<std::shared_ptr<S2Polyline>> out;
  for (const Path& path : *paths) {
    out.push_back(to_s2(path));
    if (!out.back()) return std::nullopt;
  }
  return out;
}

// ---------------------------------------------------------------- intersections

// Points where two sets of lines cross, and edges that both have.
struct Meeting {
  std::vector<Point> points;
  std::vector<Path> lines;
};
Meeting meeting_of(const std::vector<Path>& x, const std::vector<Path>& y) {
  std::set<std::pair<S2Point, S2Point>> edges;
  std::set<S2Point> corners;
  for (const Path& path : y) {
    for (size_t k = 0; k < path.size(); ++k) {
      corners.insert(sphere_point(path[k]));
      if (k == 0) continue;
      const S2Point a = sphere_point(path[k - 1]), b = sphere_point(path[k]);
      edges.emplace(std::min(a, b), std::max(a, b));
    }
  }
  Meeting out;
  std::set<S2Point> on_shared, found;
  const auto note = [&](const S2Point& at) {
    if (!on_shared.count(at) && found.insert(at).second) out.points.push_back(map_point(at));
  };
  for (const Path& path : x) {
    bool open = false;  // the last shared edge ends where the next one starts
    for (size_t k = 1; k < path.size(); ++k) {
      const S2Point a = sphere_point(path[k - 1]), b = sphere_point(path[k]);
      const bool shared = edges.count({std::min(a, b), std::max(a, b)}) > 0;
      if (shared) {
        if (!open) out.lines.push_back({path[k - 1]});
        out.lines.back().push_back(path[k]);
        on_shared.insert(a), on_shared.insert(b);
      }
      open = shared;
    }
  }
  for (const Path& path : x) {
    for (size_t k = 0; k < path.size(); ++k) {
      const S2Point b = sphere_point(path[k]);
      if (corners.count(b)) note(b);
      if (k == 0) continue;
      const S2Point a = sphere_point(path[k - 1]);
      for (const Path& other : y) {
        for (size_t j = 1; j < other.size(); ++j) {
          const S2Point c = sphere_point(other[j - 1]), d = sphere_point(other[j]);
          if (S2::CrossingSign(a, b, c, d) > 0) note(S2::GetIntersection(a, b, c, d));
        }
      }
    }
  }
  return out;
}
Json meeting_json(const Meeting& meeting) {
  Json json = empty_collection();
  Json& geometries = json.items.back();
  if (!meeting.lines.empty()) geometries.items.push_back(lines_json(meeting.lines));
  if (meeting.points.size() == 1) geometries.items.push_back(point_json(meeting.points[0]));
  if (meeting.points.size() > 1) {
    Json all = Json::array();
    for (const Point& p : meeting.points) all.items.push_back(*point_json(p).find("coordinates"));
    geometries.items.push_back(shape_json("MultiPoint", std::move(all)));
  }
  if (geometries.items.size() == 1) return Json(geometries.items[0]);
  return json;
}
void intersection_2lines(CallState&, Args a, Value& out) {
  const auto x = lines_of(a[0]), y = lines_of(a[1]);
  x && y ? set(out, meeting_json(meeting_of(*x, *y))) : set_null(out);
}
void intersection_line_with_polygon(CallState& s, Args a, Value& out) {
  const auto lines = s2_lines(lines_of(a[0]));
  const auto polygon = polygon_at(s, a[1]);
  if (!lines || !polygon) return set_null(out);
  std::vector<Path> parts;
  for (const auto& line : *lines) {
    for (const auto& part : polygon->IntersectWithPolyline(*line)) parts.push_back(from_s2(*part));
  }
  parts.empty() ? set(out, empty_collection()) : set(out, lines_json(parts));
}
std::shared_ptr<S2Polygon> polygon_of(const Value& value) {
  const auto polygons = polygons_of(value);
  return polygons ? to_s2(*polygons) : nullptr;
}
void intersection_2polygons(CallState&, Args a, Value& out) {
  const auto x = polygon_of(a[0]), y = polygon_of(a[1]);
  if (!x || !y) return set_null(out);
  S2Polygon both;
  both.InitToIntersection(*x, *y);
  set_polygon(out, both);
}
void intersects_2polygons(CallState&, Args a, Value& out) {
  const auto x = polygon_of(a[0]), y = polygon_of(a[1]);
  x && y ? void(out.i = x->Intersects(*y)) : set_null(out);
}

// ---------------------------------------------------------------- unions

void union_polygons_array(CallState&, Args a, Value& out) {
  const Json json = dynamic_value(a[0]);
  std::vector<std::unique_ptr<S2Polygon>> all;
  for (const Json& item : json.items) {
    const auto polygons = polygons_of(item);
    const auto one = polygons ? to_s2(*polygons) : nullptr;
    if (!one) return set_null(out);
    all.push_back(std::unique_ptr<S2Polygon>(one->Clone()));
  }
  if (!json.is_array() || all.empty()) return set_null(out);
  set_polygon(out, *S2Polygon::DestructiveUnion(std::move(all)));
}
void union_lines_array(CallState&, Args a, Value& out) {
  const Json json = dynamic_value(a[0]);
  if (!json.is_array() || json.items.empty()) return set_null(out);
  std::vector<std::unique_ptr<S2Polyline>> joined;
  s2builderutil::S2PolylineVectorLayer::Options options;
  options.set_duplicate_edges(s2builderutil::S2PolylineVectorLayer::Options::DuplicateEdges::MERGE);
  options.set_sibling_pairs(s2builderutil::S2PolylineVectorLayer::Options::SiblingPairs::DISCARD);
  options.set_polyline_type(S2Builder::Graph::PolylineType::WALK);
  S2Builder::Options build;
  build.set_split_crossing_edges(true);
  S2Builder builder(build);
  builder.StartLayer(std::make_unique<s2builderutil::S2PolylineVectorLayer>(&joined, options));
  for (const Json& item : json.items) {
    const auto lines = s2_lines(lines_of(item));
    if (!lines) return set_null(out);
    for (const auto& line : *lines) builder.AddPolyline(*line);
  }
  S2Error error;
  if (!builder.Build(&error) || joined.empty()) return set_null(out);
  std::vector<Path> paths;
  for (const auto& line : joined) paths.push_back(from_s2(*line));
  set(out, lines_json(paths));
}

// ---------------------------------------------------------------- buffers

// Around what add() puts in; null where the radius or the tolerance (meters) is out of range.
template <typename Add>
void buffer(Args a, size_t radius_at, Value& out, Add add) {
  const double radius = real_at(a, radius_at, 0);
  const std::optional<double> tolerance = tolerance_at(a, radius_at + 1);
  if (!(radius > 0) || radius > 1e7 || !tolerance) return set_null(out);
  S2BufferOperation::Options options(angle_of(radius));
  options.set_error_fraction(std::min(1.0, std::max(1e-5, *tolerance / radius)));
  S2Polygon polygon;
  S2BufferOperation operation(std::make_unique<s2builderutil::S2PolygonLayer>(&polygon), options);
  add(operation);
  S2Error error;
  operation.Build(&error) ? set_polygon(out, polygon) : set_null(out);
}
void point_buffer(CallState&, Args a, Value& out) {
  const auto p = point_at(a, 0);
  if (!p) return set_null(out);
  buffer(a, 2, out, [&](S2BufferOperation& o) { o.AddPoint(sphere_point(*p)); });
}
void line_buffer(CallState&, Args a, Value& out) {
  const auto lines = s2_lines(lines_of(a[0]));
  if (!lines) return set_null(out);
  buffer(a, 1, out, [&](S2BufferOperation& o) {
    for (const auto& line : *lines) o.AddPolyline(line->vertices_span());
  });
}
void polygon_buffer(CallState&, Args a, Value& out) {
  const auto polygon = polygon_of(a[0]);
  if (!polygon) return set_null(out);
  buffer(a, 1, out, [&](S2BufferOperation& o) { o.AddShape(S2Polygon::Shape(polygon.get())); });
}

// ---------------------------------------------------------------- fewer and more corners

void line_simplify(CallState&, Args a, Value& out) {
  const auto lines = s2_lines(lines_of(a[0]));
  const auto tolerance = tolerance_at(a, 1);
  if (!lines || !tolerance) return set_null(out);
  std::vector<Path> paths;
  for (const auto& line : *lines) {
    std::vector<int> kept;
    line->SubsampleVertices(angle_of(*tolerance), &kept);
    Path path;
    for (const int k : kept) path.push_back(map_point(line->vertex(k)));
    if (path.size() == 1) path.push_back(map_point(line->vertex(line->num_vertices() - 1)));
    paths.push_back(std::move(path));
  }
  set(out, lines_json(paths));
}
void polygon_simplify(CallState&, Args a, Value& out) {
  const auto polygon = polygon_of(a[0]);
  const auto tolerance = tolerance_at(a, 1);
  if (!polygon || !tolerance) return set_null(out);
  S2Polygon simple;
  simple.InitToSimplified(*polygon, s2builderutil::IdentitySnapFunction(angle_of(*tolerance)));
  simple.is_empty() ? set_null(out) : set_polygon(out, simple);
}
// All together, so that a border that two of them share stays shared.
void simplify_polygons_array(CallState&, Args a, Value& out) {
  const Json json = dynamic_value(a[0]);
  const auto tolerance = tolerance_at(a, 1);
  if (!json.is_array() || json.items.empty() || !tolerance) return set_null(out);
  S2Builder::Options options((s2builderutil::IdentitySnapFunction(angle_of(*tolerance))));
  options.set_simplify_edge_chains(true);
  S2Builder builder(options);
  std::vector<std::unique_ptr<S2Polygon>> simple;
  for (const Json& item : json.items) {
    const auto polygons = polygons_of(item);
    const auto one = polygons ? to_s2(*polygons) : nullptr;
    if (!one) return set_null(out);
    simple.push_back(std::make_unique<S2Polygon>());
    builder.StartLayer(std::make_unique<s2builderutil::S2PolygonLayer>(simple.back().get()));
    builder.AddPolygon(*one);
    builder.AddIsFullPolygonPredicate(S2Builder::IsFullPolygon(false));
  }
  S2Error error;
  if (!builder.Build(&error)) return set_null(out);
  std::vector<Polygon> all;
  for (const auto& one : simple) {
    for (Polygon& polygon : from_s2(*one)) all.push_back(std::move(polygon));
  }
  all.empty() ? set_null(out) : set(out, polygons_json(all));
}

// Cuts the straight edges of a flat map until the great circle between cuts stays within the tolerance.
class Densifier {
 public:
  Densifier(double tolerance_m, bool wraps) : limit_(0.8383 * tolerance_m / earth_radius_m), wraps_(wraps) {}
  Path path(const Path& in) const {
    Path out = {in.front()};
    for (size_t k = 1; k < in.size(); ++k) {
      Point end = in[k];
      if (wraps_ && end.lng - in[k - 1].lng > 180) end.lng -= 360;
      if (wraps_ && end.lng - in[k - 1].lng < -180) end.lng += 360;
      cut(in[k - 1], end, out, 0);
      out.back() = in[k];
    }
    return out;
  }

 private:
  static Point between(const Point& a, const Point& b, double t) { return {a.lng + t * (b.lng - a.lng), a.lat + t * (b.lat - a.lat)}; }
  double error(const Point& a, const Point& b) const {
    const S2Point p = sphere_point(a), q = sphere_point(b);
    if (p.DotProd(q) < -1e-14) return HUGE_VAL;
    double worst = 0;
    for (const double t : {0.3121569, 0.6878431}) {  // where the distance is close to its greatest for short and long edges
      worst = std::max(worst, S1Angle(S2::Interpolate(p, q, t), sphere_point(between(a, b, t))).radians());
    }
    return worst;
  }
  void cut(const Point& a, const Point& b, Path& out, int depth) const {
    if (depth < 14 && error(a, b) > limit_) {
      const Point middle = between(a, b, 0.5);
      cut(a, middle, out, depth + 1);
      cut(middle, b, out, depth + 1);
    } else {
      out.push_back({std::remainder(b.lng, 360), b.lat});
    }
  }
  double limit_;
  bool wraps_;
};
std::optional<Densifier> densifier_of(Args a) {
  const auto tolerance = tolerance_at(a, 1);
  if (!tolerance) return std::nullopt;
  return Densifier(*tolerance, bool_at(a, 2, false));
}
void line_densify(CallState&, Args a, Value& out) {
  const auto densifier = densifier_of(a);
  const auto lines = lines_of(a[0]);
  if (!densifier || !lines) return set_null(out);
  std::vector<Path> paths;
  for (const Path& path : *lines) paths.push_back(densifier->path(path));
  set(out, lines_json(paths));
}
void polygon_densify(CallState&, Args a, Value& out) {
  const auto densifier = densifier_of(a);
  auto polygons = polygons_of(a[0]);
  if (!densifier || !polygons) return set_null(out);
  for (Polygon& polygon : *polygons) {
    for (Path& ring : polygon) ring = densifier->path(ring);
  }
  set(out, polygons_json(*polygons));
}

// ---------------------------------------------------------------- measures

void polygon_area(CallState&, Args a, Value& out) {
  const auto polygon = polygon_of(a[0]);
  polygon ? void(out.d = polygon->GetArea() * earth_radius_m * earth_radius_m) : set_null(out);
}
void polygon_centroid(CallState&, Args a, Value& out) {
  const auto polygon = polygon_of(a[0]);
  if (!polygon) return set_null(out);
  const S2Point centre = polygon->GetCentroid();
  centre.Norm() > 0 ? set(out, point_json(map_point(centre.Normalize()))) : set_null(out);
}
void line_centroid(CallState&, Args a, Value& out) {
  const auto lines = s2_lines(lines_of(a[0]));
  if (!lines) return set_null(out);
  S2Point centre;
  for (const auto& line : *lines) centre += line->GetCentroid();
  centre.Norm() > 0 ? set(out, point_json(map_point(centre.Normalize()))) : set_null(out);
}
void line_locate_point(CallState&, Args a, Value& out) {
  const auto lines = s2_lines(lines_of(a[0]));
  const auto p = point_at(a, 1);
  if (!lines || lines->size() != 1 || !p) return set_null(out);
  int next = 0;
  const S2Polyline& line = *(*lines)[0];
  const S2Point near = line.Project(sphere_point(*p), &next);
  out.d = line.UnInterpolate(near, next);
}
// Clockwise from north, 0 to 2 pi.
std::optional<double> azimuth(const Point& from, const Point& to) {
  if (from == to) return std::nullopt;
  const double a = from.lat * M_PI / 180, b = to.lat * M_PI / 180, d = (to.lng - from.lng) * M_PI / 180;
  const double angle = std::atan2(std::sin(d) * std::cos(b), std::cos(a) * std::sin(b) - std::sin(a) * std::cos(b) * std::cos(d));
  return angle < 0 ? angle + 2 * M_PI : angle;
}
void geo_azimuth(CallState&, Args a, Value& out) {
  const auto from = point_at(a, 0), to = point_at(a, 2);
  from && to ? set(out, azimuth(*from, *to)) : set_null(out);
}
void geo_angle(CallState&, Args a, Value& out) {
  const auto x = point_at(a, 0), middle = point_at(a, 2), y = point_at(a, 4);
  if (!x || !middle || !y) return set_null(out);
  const auto first = azimuth(*middle, *x), second = azimuth(*middle, *y);
  if (!first || !second) return set_null(out);
  out.d = *second - *first;
  if (out.d < 0) out.d += 2 * M_PI;
}
void geo_from_wkt(CallState&, Args a, Value& out) {
  const Json json = dynamic_value(a[0]);
  if (!json.is_array()) {
    const std::optional<Json> shape = from_wkt(to_text(a[0]));
    return shape ? set(out, *shape) : set_null(out);
  }
  Json all = Json::array();
  for (const Json& item : json.items) all.items.push_back(from_wkt(item.s).value_or(Json{}));
  set(out, all);
}

constexpr Function table[] = {
    {"geo_intersection_2lines", "yy", Result::dynamic, intersection_2lines},
    {"geo_intersection_line_with_polygon", "yy", Result::dynamic, intersection_line_with_polygon},
    {"geo_intersection_2polygons", "yy", Result::dynamic, intersection_2polygons},
    {"geo_intersects_2polygons", "yy", Result::boolean, intersects_2polygons},
    {"geo_union_polygons_array", "y", Result::dynamic, union_polygons_array},
    {"geo_union_lines_array", "y", Result::dynamic, union_lines_array},
    {"geo_point_buffer", "nnn?n", Result::dynamic, point_buffer},
    {"geo_line_buffer", "yn?n", Result::dynamic, line_buffer},
    {"geo_polygon_buffer", "yn?n", Result::dynamic, polygon_buffer},
    {"geo_line_simplify", "y?n", Result::dynamic, line_simplify},
    {"geo_polygon_simplify", "y?n", Result::dynamic, polygon_simplify},
    {"geo_simplify_polygons_array", "y?n", Result::dynamic, simplify_polygons_array},
    {"geo_line_densify", "y?nn", Result::dynamic, line_densify},
    {"geo_polygon_densify", "y?nn", Result::dynamic, polygon_densify},
    {"geo_polygon_area", "y", Result::real, polygon_area},
    {"geo_polygon_centroid", "y", Result::dynamic, polygon_centroid},
    {"geo_line_centroid", "y", Result::dynamic, line_centroid},
    {"geo_line_locate_point", "ynn?n", Result::real, line_locate_point},
    {"geo_azimuth", "nnnn", Result::real, geo_azimuth},
    {"geo_angle", "nnnnnn", Result::real, geo_angle},
    {"geo_from_wkt", "*", Result::dynamic, geo_from_wkt},
};

}  // namespace

std::span<const Function> geo_shape_functions() { return table; }

}  // namespace app::kql
