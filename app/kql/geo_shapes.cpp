#include "app/kql/geo_shapes.h"

#include <algorithm>
#include <cmath>

namespace app::kql::geo {
namespace {

bool valid(const Point& p) { return std::fabs(p.lng) <= 180 && std::fabs(p.lat) <= 90; }

std::optional<Path> path_of(const Json& json, size_t least) {
  if (!json.is_array() || json.items.size() < least) return std::nullopt;
  Path path;
  for (const Json& item : json.items) {
    if (item.items.size() < 2 || !item.items[0].is_number() || !item.items[1].is_number()) return std::nullopt;
    path.push_back({item.items[0].number(), item.items[1].number()});
    if (!valid(path.back())) return std::nullopt;
  }
  return path;
}

bool add_line(const Json& json, std::vector<Path>& lines) {
  std::optional<Path> path = path_of(json, 2);
  if (!path) return false;
  // A line of one place only has no length and no direction.
  if (std::all_of(path->begin(), path->end(), [&](const Point& p) { return p == path->front(); })) return false;
  lines.push_back(std::move(*path));
  return true;
}

bool add_polygon(const Json& rings, std::vector<Polygon>& out) {
  Polygon polygon;
  for (const Json& ring : rings.items) {
    std::optional<Path> path = path_of(ring, 4);
    if (!path || !(path->front() == path->back())) return false;
    for (size_t k = 0; k + 1 < path->size(); ++k) {
      if ((*path)[k] == (*path)[k + 1]) return false;
    }
    polygon.push_back(std::move(*path));
  }
  if (polygon.empty()) return false;
  out.push_back(std::move(polygon));
  return true;
}

Json pair_json(const Point& p) {
  Json pair = Json::array();
  for (const double v : {p.lng, p.lat}) pair.items.push_back(v == std::floor(v) ? Json::of(static_cast<int64_t>(v)) : Json::of(v));
  return pair;
}
Json path_json(const Path& path) {
  Json json = Json::array();
  for (const Point& p : path) json.items.push_back(pair_json(p));
  return json;
}

// ---------------------------------------------------------------- well-known text

class WktReader {
 public:
  explicit WktReader(std::string_view text) : text_(text) {}
  std::optional<Json> shape() {
    std::optional<Json> json = one(0);
    skip();
    return at_ == text_.size() ? json : std::nullopt;
  }

 private:
  void skip() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }
  bool take(char c) {
    skip();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::string word() {
    skip();
    std::string out;
    while (at_ < text_.size() && std::isalpha(static_cast<unsigned char>(text_[at_]))) out += static_cast<char>(std::toupper(static_cast<unsigned char>(text_[at_++])));
    return out;
  }
  std::optional<double> number() {
    skip();
    const size_t begin = at_;
    while (at_ < text_.size() && (std::isdigit(static_cast<unsigned char>(text_[at_])) || std::string_view("+-.eE").find(text_[at_]) != std::string_view::npos)) ++at_;
    return parse_real(text_.substr(begin, at_ - begin));
  }
  std::optional<Json> pair() {
    const std::optional<double> lng = number(), lat = lng ? number() : std::nullopt;
    if (!lat || !valid({*lng, *lat})) return std::nullopt;
    return pair_json({*lng, *lat});
  }
  // "(a, b, ...)" of what one() reads.
  template <typename One>
  std::optional<Json> list(One read) {
    Json json = Json::array();
    if (!take('(')) return std::nullopt;
    do {
      std::optional<Json> item = read();
      if (!item) return std::nullopt;
      json.items.push_back(std::move(*item));
    } while (take(','));
    return take(')') ? std::optional<Json>(std::move(json)) : std::nullopt;
  }
  std::optional<Json> path() {
    return list([this] { return pair(); });
  }
  std::optional<Json> rings() {
    return list([this] { return path(); });
  }
  std::optional<Json> bare_or_wrapped_pair() {  // MULTIPOINT (1 2, 3 4) or ((1 2), (3 4))
    if (!take('(')) return pair();
    std::optional<Json> p = pair();
    return p && take(')') ? p : std::nullopt;
  }
  std::optional<Json> one(int depth) {
    const std::string kind = word();
    if (depth > 8) return std::nullopt;
    const auto made = [](const char* type, std::optional<Json> coordinates) {
      return coordinates ? std::optional<Json>(shape_json(type, std::move(*coordinates))) : std::nullopt;
    };
    if (kind == "POINT") {
      if (!take('(')) return std::nullopt;
      std::optional<Json> p = pair();
      return p && take(')') ? made("Point", std::move(p)) : std::nullopt;
    }
    if (kind == "LINESTRING") return made("LineString", path());
    if (kind == "POLYGON") return made("Polygon", rings());
    if (kind == "MULTIPOINT") return made("MultiPoint", list([this] { return bare_or_wrapped_pair(); }));
    if (kind == "MULTILINESTRING") return made("MultiLineString", rings());
    if (kind == "MULTIPOLYGON") return made("MultiPolygon", list([this] { return rings(); }));
    if (kind != "GEOMETRYCOLLECTION") return std::nullopt;
    std::optional<Json> geometries = list([this, depth] { return one(depth + 1); });
    if (!geometries) return std::nullopt;
    Json json = empty_collection();
    json.set("geometries", std::move(*geometries));
    return json;
  }
  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

std::optional<Point> point_at(Args a, size_t k) {
  const std::optional<double> lng = to_real(a[k]), lat = to_real(a[k + 1]);
  if (!lng || !lat || !valid({*lng, *lat})) return std::nullopt;
  return Point{*lng, *lat};
}

std::optional<std::vector<Path>> lines_of(const Json& json) {
  const Json *type = json.find("type"), *coordinates = json.find("coordinates");
  if (!type || !coordinates) return std::nullopt;
  std::vector<Path> lines;
  if (type->s == "LineString") {
    if (!add_line(*coordinates, lines)) return std::nullopt;
  } else if (type->s == "MultiLineString") {
    for (const Json& one : coordinates->items) if (!add_line(one, lines)) return std::nullopt;
  }
  if (lines.empty()) return std::nullopt;
  return lines;
}
std::optional<std::vector<Path>> lines_of(const Value& value) { return lines_of(dynamic_value(value)); }

std::optional<std::vector<Polygon>> polygons_of(const Json& json) {
  const Json *type = json.find("type"), *coordinates = json.find("coordinates");
  if (!type || !coordinates || !coordinates->is_array()) return std::nullopt;
  std::vector<Polygon> out;
  if (type->s == "Polygon") {
    if (!add_polygon(*coordinates, out)) return std::nullopt;
  } else if (type->s == "MultiPolygon") {
    for (const Json& one : coordinates->items) if (!add_polygon(one, out)) return std::nullopt;
  }
  if (out.empty()) return std::nullopt;
  return out;
}
std::optional<std::vector<Polygon>> polygons_of(const Value& value) { return polygons_of(dynamic_value(value)); }

Json shape_json(const char* type, Json coordinates) {
  Json json = Json::object();
  json.set("type", Json::of(std::string(type)));
  json.set("coordinates", std::move(coordinates));
  return json;
}
Json point_json(const Point& p) { return shape_json("Point", pair_json(p)); }
Json lines_json(const std::vector<Path>& lines) {
  if (lines.size() == 1) return shape_json("LineString", path_json(lines[0]));
  Json all = Json::array();
  for (const Path& line : lines) all.items.push_back(path_json(line));
  return shape_json("MultiLineString", std::move(all));
}
Json polygons_json(const std::vector<Polygon>& polygons) {
  Json all = Json::array();
  for (const Polygon& polygon : polygons) {
    Json rings = Json::array();
    for (const Path& ring : polygon) rings.items.push_back(path_json(ring));
    all.items.push_back(std::move(rings));
  }
  if (polygons.size() == 1) return shape_json("Polygon", std::move(all.items[0]));
  return shape_json("MultiPolygon", std::move(all));
}
Json empty_collection() {
  Json json = Json::object();
  json.set("type", Json::of(std::string("GeometryCollection")));
  json.set("geometries", Json::array());
  return json;
}

std::optional<Json> from_wkt(std::string_view text) { return WktReader(text).shape(); }

}  // namespace app::kql::geo
