// Points, circles, lines, polygons on a sphere, and geohash. Longitudes before latitudes, in degrees.
// Edges of lines and polygons are great circles.
#include <algorithm>
#include <array>
#include <cmath>

#include "app/kql/geo_shapes.h"

namespace app::kql {
namespace {

using geo::earth_radius_m, geo::lines_of, geo::Path, geo::Point, geo::point_at, geo::point_json, geo::Polygon, geo::polygons_of;

struct Vec3 {
  double x = 0, y = 0, z = 0;
};
Vec3 operator+(const Vec3& a, const Vec3& b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
Vec3 operator*(const Vec3& a, double s) { return {a.x * s, a.y * s, a.z * s}; }
Vec3 cross(const Vec3& a, const Vec3& b) { return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x}; }
double dot(const Vec3& a, const Vec3& b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
double length(const Vec3& a) { return std::sqrt(dot(a, a)); }
Vec3 unit(const Vec3& a) { return a * (1 / length(a)); }
double angle(const Vec3& a, const Vec3& b) { return std::atan2(length(cross(a, b)), dot(a, b)); }

Vec3 on_sphere(const Point& p) {
  const double lng = p.lng * M_PI / 180, lat = p.lat * M_PI / 180;
  return {std::cos(lat) * std::cos(lng), std::cos(lat) * std::sin(lng), std::sin(lat)};
}

// The nearest place to p on the great circle arc a-b.
Vec3 nearest_on_arc(const Vec3& p, const Vec3& a, const Vec3& b) {
  const Vec3 normal = cross(a, b);
  if (length(normal) > 1e-15) {
    const Vec3 n = unit(normal);
    const Vec3 foot = p + n * -dot(p, n);
    if (length(foot) > 1e-15) {
      const Vec3 f = unit(foot);
      if (dot(cross(n, a), f) >= 0 && dot(cross(f, b), n) >= 0) return f;
    }
  }
  return angle(p, a) <= angle(p, b) ? a : b;
}
Vec3 nearest_on_paths(const Vec3& p, const std::vector<Path>& paths) {
  Vec3 best;
  double best_angle = HUGE_VAL;
  for (const Path& path : paths) {
    for (size_t k = 0; k + 1 < path.size(); ++k) {
      const Vec3 near = nearest_on_arc(p, on_sphere(path[k]), on_sphere(path[k + 1]));
      if (const double d = angle(p, near); d < best_angle) best_angle = d, best = near;
    }
  }
  return best;
}
Point on_map(const Vec3& v) { return {std::atan2(v.y, v.x) * 180 / M_PI, std::atan2(v.z, std::hypot(v.x, v.y)) * 180 / M_PI}; }

// Winding of a ring as seen from p: around it or not, by the sum of angles.
bool in_ring(const Vec3& p, const Path& ring) {
  double total = 0;
  const auto direction = [&](const Point& to) {
    const Vec3 v = on_sphere(to);
    return v + p * -dot(v, p);  // in the plane that touches the sphere at p
  };
  for (size_t k = 0; k + 1 < ring.size(); ++k) {
    const Vec3 a = direction(ring[k]), b = direction(ring[k + 1]);
    total += std::atan2(dot(p, cross(a, b)), dot(a, b));
  }
  return std::fabs(total) > M_PI;
}
bool in_polygons(const Vec3& p, const std::vector<Polygon>& polygons) {
  for (const Polygon& polygon : polygons) {
    bool inside = in_ring(p, polygon[0]);
    for (size_t k = 1; k < polygon.size(); ++k) inside &= !in_ring(p, polygon[k]);
    if (inside) return true;
  }
  return false;
}

void distance_2points(CallState&, Args a, Value& out) {
  const std::optional<Point> p = point_at(a, 0), q = point_at(a, 2);
  p && q ? void(out.d = angle(on_sphere(*p), on_sphere(*q)) * earth_radius_m) : set_null(out);
}
void point_in_circle(CallState&, Args a, Value& out) {
  const std::optional<Point> p = point_at(a, 0), q = point_at(a, 2);
  const double radius = real_at(a, 4, -1);
  if (!p || !q || !(radius >= 0) || !std::isfinite(radius)) return set_null(out);
  out.i = angle(on_sphere(*p), on_sphere(*q)) * earth_radius_m <= radius;
}
void point_in_polygon(CallState&, Args a, Value& out) {
  const std::optional<Point> p = point_at(a, 0);
  const auto polygons = polygons_of(a[2]);
  p && polygons ? void(out.i = in_polygons(on_sphere(*p), *polygons)) : set_null(out);
}
void distance_point_to_line(CallState&, Args a, Value& out) {
  const std::optional<Point> p = point_at(a, 0);
  const auto lines = lines_of(a[2]);
  if (!p || !lines) return set_null(out);
  const Vec3 v = on_sphere(*p);
  out.d = angle(v, nearest_on_paths(v, *lines)) * earth_radius_m;
}
void distance_point_to_polygon(CallState&, Args a, Value& out) {
  const std::optional<Point> p = point_at(a, 0);
  const auto polygons = polygons_of(a[2]);
  if (!p || !polygons) return set_null(out);
  const Vec3 v = on_sphere(*p);
  if (in_polygons(v, *polygons)) return void(out.d = 0);
  double best = HUGE_VAL;
  for (const Polygon& polygon : *polygons) best = std::min(best, angle(v, nearest_on_paths(v, polygon)));
  out.d = best * earth_radius_m;
}
void closest_point_on_line(CallState&, Args a, Value& out) {
  const std::optional<Point> p = point_at(a, 0);
  const auto lines = lines_of(a[2]);
  if (!p || !lines) return set_null(out);
  set(out, point_json(on_map(nearest_on_paths(on_sphere(*p), *lines))));
}
void closest_point_on_polygon(CallState&, Args a, Value& out) {
  const std::optional<Point> p = point_at(a, 0);
  const auto polygons = polygons_of(a[2]);
  if (!p || !polygons) return set_null(out);
  const Vec3 v = on_sphere(*p);
  Point best = *p;
  if (!in_polygons(v, *polygons)) {
    std::vector<Path> rings;
    for (const Polygon& polygon : *polygons) rings.insert(rings.end(), polygon.begin(), polygon.end());
    best = on_map(nearest_on_paths(v, rings));
  }
  set(out, point_json(best));
}
double path_length(const Path& path) {
  double sum = 0;
  for (size_t k = 0; k + 1 < path.size(); ++k) sum += angle(on_sphere(path[k]), on_sphere(path[k + 1]));
  return sum * earth_radius_m;
}
void line_length(CallState&, Args a, Value& out) {
  const auto lines = lines_of(a[0]);
  if (!lines) return set_null(out);
  for (const Path& path : *lines) out.d += path_length(path);
}
void polygon_perimeter(CallState&, Args a, Value& out) {
  const auto polygons = polygons_of(a[0]);
  if (!polygons) return set_null(out);
  for (const Polygon& polygon : *polygons) for (const Path& ring : polygon) out.d += path_length(ring);
}
void line_interpolate_point(CallState&, Args a, Value& out) {
  const auto lines = lines_of(a[0]);
  const double fraction = real_at(a, 1, -1);
  if (!lines || lines->size() != 1 || !(fraction >= 0 && fraction <= 1)) return set_null(out);
  const Path& path = (*lines)[0];
  double left = path_length(path) / earth_radius_m * fraction;
  for (size_t k = 0; k + 1 < path.size(); ++k) {
    const Vec3 u = on_sphere(path[k]), v = on_sphere(path[k + 1]);
    const double arc = angle(u, v);
    if (left <= arc || k + 2 == path.size()) {
      const double t = std::min(left, arc);
      const Vec3 tangent = unit(cross(cross(u, v), u));
      return set(out, point_json(on_map(u * std::cos(t) + tangent * std::sin(t))));
    }
    left -= arc;
  }
}

// Two arcs cross where their great circles do, inside both.
std::optional<Vec3> crossing(const Point& a, const Point& b, const Point& c, const Point& d) {
  const Vec3 p = on_sphere(a), q = on_sphere(b), r = on_sphere(c), s = on_sphere(d);
  const Vec3 n = cross(p, q), m = cross(r, s);
  const Vec3 line = cross(n, m);
  for (const Vec3& end : {p, q}) if (angle(end, nearest_on_arc(end, r, s)) < 1e-14) return end;
  for (const Vec3& end : {r, s}) if (angle(end, nearest_on_arc(end, p, q)) < 1e-14) return end;
  if (length(line) < 1e-18) return std::nullopt;
  for (const double sign : {1.0, -1.0}) {
    const Vec3 x = unit(line) * sign;
    const bool in_first = dot(cross(p, x), n) >= 0 && dot(cross(x, q), n) >= 0;
    const bool in_second = dot(cross(r, x), m) >= 0 && dot(cross(x, s), m) >= 0;
    if (in_first && in_second) return x;
  }
  return std::nullopt;
}
bool paths_cross(const std::vector<Path>& x, const std::vector<Path>& y) {
  for (const Path& p : x) {
    for (const Path& q : y) {
      for (size_t j = 0; j + 1 < p.size(); ++j) {
        for (size_t k = 0; k + 1 < q.size(); ++k) if (crossing(p[j], p[j + 1], q[k], q[k + 1])) return true;
      }
    }
  }
  return false;
}
void intersects_2lines(CallState&, Args a, Value& out) {
  const auto x = lines_of(a[0]), y = lines_of(a[1]);
  x && y ? void(out.i = paths_cross(*x, *y)) : set_null(out);
}
void intersects_line_with_polygon(CallState&, Args a, Value& out) {
  const auto lines = lines_of(a[0]);
  const auto polygons = polygons_of(a[1]);
  if (!lines || !polygons) return set_null(out);
  out.i = in_polygons(on_sphere((*lines)[0][0]), *polygons);
  for (const Polygon& polygon : *polygons) out.i |= paths_cross(*lines, polygon);
}

// ---------------------------------------------------------------- geohash

constexpr std::string_view geohash_letters = "0123456789bcdefghjkmnpqrstuvwxyz";

struct Box {
  double west = -180, east = 180, south = -90, north = 90;
};
std::optional<Box> geohash_box(const std::string& hash) {
  Box box;
  bool lng = true;
  if (hash.empty() || hash.size() > 18) return std::nullopt;
  for (const char c : hash) {
    const size_t value = geohash_letters.find(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
    if (value == std::string_view::npos) return std::nullopt;
    for (int bit = 4; bit >= 0; --bit, lng = !lng) {
      double &low = lng ? box.west : box.south, &high = lng ? box.east : box.north;
      const double middle = (low + high) / 2;
      (value >> bit & 1 ? low : high) = middle;
    }
  }
  return box;
}
std::string geohash_of(const Point& p, size_t n) {
  std::string hash;
  Box box;
  bool lng = true;
  while (hash.size() < n) {
    size_t value = 0;
    for (int bit = 0; bit < 5; ++bit, lng = !lng) {
      double &low = lng ? box.west : box.south, &high = lng ? box.east : box.north;
      const double middle = (low + high) / 2;
      const bool upper = (lng ? p.lng : p.lat) >= middle;
      value = value << 1 | (upper ? 1 : 0);
      (upper ? low : high) = middle;
    }
    hash += geohash_letters[value];
  }
  return hash;
}
void point_to_geohash(CallState&, Args a, Value& out) {
  const std::optional<Point> p = point_at(a, 0);
  const int64_t n = integer_at(a, 2, 5);
  if (!p || n < 1 || n > 18 || (a.size() > 2 && a[2].null)) return;
  out.s = geohash_of(*p, static_cast<size_t>(n));
}
void geohash_to_central_point(CallState&, Args a, Value& out) {
  const std::optional<Box> box = geohash_box(to_text(a[0]));
  if (!box) return set_null(out);
  set(out, point_json({(box->west + box->east) / 2, (box->south + box->north) / 2}));
}
void geohash_to_polygon(CallState&, Args a, Value& out) {
  const std::optional<Box> b = geohash_box(to_text(a[0]));
  if (!b) return set_null(out);
  const Path ring = {{b->west, b->south}, {b->east, b->south}, {b->east, b->north}, {b->west, b->north}, {b->west, b->south}};
  set(out, geo::polygons_json({{ring}}));
}
void geohash_neighbors(CallState&, Args a, Value& out) {
  const std::string hash = to_text(a[0]);
  const std::optional<Box> b = geohash_box(hash);
  if (!b) return set_null(out);
  const double w = b->east - b->west, h = b->north - b->south, x = (b->west + b->east) / 2, y = (b->south + b->north) / 2;
  Json json = Json::array();
  constexpr std::array<std::pair<int, int>, 8> around = {{{-1, -1}, {-1, 1}, {1, -1}, {0, 1}, {-1, 0}, {1, 1}, {1, 0}, {0, -1}}};
  for (const auto& [dx, dy] : around) {
    double lng = x + dx * w;
    const double lat = y + dy * h;
    if (lng > 180) lng -= 360;
    if (lng < -180) lng += 360;
    if (std::fabs(lat) <= 90) json.items.push_back(Json::of(geohash_of({lng, lat}, hash.size())));
  }
  set(out, json);
}

constexpr Function table[] = {
    {"geo_distance_2points", "nnnn", Result::real, distance_2points}, {"geo_point_in_circle", "nnnnn", Result::boolean, point_in_circle},
    {"geo_point_in_polygon", "nny", Result::boolean, point_in_polygon}, {"geo_distance_point_to_line", "nny", Result::real, distance_point_to_line},
    {"geo_distance_point_to_polygon", "nny", Result::real, distance_point_to_polygon}, {"geo_closest_point_on_line", "nny", Result::dynamic, closest_point_on_line},
    {"geo_closest_point_on_polygon", "nny", Result::dynamic, closest_point_on_polygon}, {"geo_line_length", "y", Result::real, line_length},
    {"geo_polygon_perimeter", "y", Result::real, polygon_perimeter}, {"geo_line_interpolate_point", "yn", Result::dynamic, line_interpolate_point},
    {"geo_intersects_2lines", "yy", Result::boolean, intersects_2lines}, {"geo_intersects_line_with_polygon", "yy", Result::boolean, intersects_line_with_polygon},
    {"geo_point_to_geohash", "nn?i", Result::string, point_to_geohash, sees_nulls}, {"geo_geohash_to_central_point", "s", Result::dynamic, geohash_to_central_point},
    {"geo_geohash_to_polygon", "s", Result::dynamic, geohash_to_polygon}, {"geo_geohash_neighbors", "s", Result::dynamic, geohash_neighbors},
};

}  // namespace

std::span<const Function> geo_functions() { return table; }

}  // namespace app::kql
