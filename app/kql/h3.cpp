#include "app/kql/h3.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "engine/base/error.h"

namespace app::kql::geo {
namespace {

// ---------------------------------------------------------------- coordinates of a hexagonal grid

struct Ijk {
  int i = 0, j = 0, k = 0;
};
Ijk normal(Ijk c) {
  const int least = std::min({c.i, c.j, c.k});
  return {c.i - least, c.j - least, c.k - least};
}
Ijk operator+(const Ijk& a, const Ijk& b) { return normal({a.i + b.i, a.j + b.j, a.k + b.k}); }
Ijk operator-(const Ijk& a, const Ijk& b) { return normal({a.i - b.i, a.j - b.j, a.k - b.k}); }
Ijk operator*(const Ijk& a, int s) { return {a.i * s, a.j * s, a.k * s}; }

// Where the three unit vectors go.
Ijk mapped(const Ijk& c, const Ijk& to_i, const Ijk& to_j, const Ijk& to_k) { return to_i * c.i + to_j * c.j + to_k * c.k; }
Ijk turned_left(const Ijk& c) { return mapped(c, {1, 1, 0}, {0, 1, 1}, {1, 0, 1}); }
Ijk turned_right(const Ijk& c) { return mapped(c, {1, 0, 1}, {1, 1, 0}, {0, 1, 1}); }
// The centre cell of the next finer grid, which is turned left (odd resolutions) or right.
Ijk finer(const Ijk& c, bool odd) { return odd ? mapped(c, {3, 0, 1}, {1, 3, 0}, {0, 1, 3}) : mapped(c, {3, 1, 0}, {0, 3, 1}, {1, 0, 3}); }
Ijk coarser(const Ijk& c, bool odd) {
  const int i = c.i - c.k, j = c.j - c.k;
  const auto seventh = [](int v) { return static_cast<int>(std::lround(v / 7.0)); };
  return odd ? normal({seventh(3 * i - j), seventh(i + 2 * j), 0}) : normal({seventh(2 * i + j), seventh(3 * j - i), 0});
}
Ijk finer_by_three(const Ijk& c) { return mapped(mapped(c, {2, 0, 1}, {1, 2, 0}, {0, 1, 2}), {2, 1, 0}, {0, 2, 1}, {1, 0, 2}); }

// Digits are directions: bits of i, j, k. 0 stays at the centre.
constexpr int k_digit = 1, i_digit = 4, ik_digit = 5;
Ijk unit(int digit) { return {digit >> 2 & 1, digit >> 1 & 1, digit & 1}; }
int digit_of(const Ijk& c) { return c.i * 4 + c.j * 2 + c.k; }
int left_of(int digit) { return digit_of(turned_left(unit(digit))); }
int right_of(int digit) { return digit_of(turned_right(unit(digit))); }

struct Plane {
  double x = 0, y = 0;
};
constexpr double half_root_3 = 0.86602540378443864676;
Plane on_plane(const Ijk& c) {
  const double i = c.i - c.k, j = c.j - c.k;
  return {i - 0.5 * j, j * half_root_3};
}
Ijk nearest(const Plane& p) {
  const double j = p.y / half_root_3, i = p.x + 0.5 * j;
  Ijk best;
  double least = HUGE_VAL;
  for (int corner = 0; corner < 4; ++corner) {
    const Ijk c = normal({static_cast<int>(std::floor(i)) + (corner & 1), static_cast<int>(std::floor(j)) + (corner >> 1), 0});
    const Plane at = on_plane(c);
    const double d = (at.x - p.x) * (at.x - p.x) + (at.y - p.y) * (at.y - p.y);
    if (d < least) least = d, best = c;
  }
  return best;
}

// ---------------------------------------------------------------- the icosahedron

struct Vec3 {
  double x = 0, y = 0, z = 0;
};
Vec3 operator+(const Vec3& a, const Vec3& b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
Vec3 operator*(const Vec3& a, double s) { return {a.x * s, a.y * s, a.z * s}; }
double dot(const Vec3& a, const Vec3& b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
Vec3 cross(const Vec3& a, const Vec3& b) { return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x}; }
Vec3 unit(const Vec3& a) { return a * (1 / std::sqrt(dot(a, a))); }
Vec3 on_sphere(const Point& p) {
  const double lng = p.lng * M_PI / 180, lat = p.lat * M_PI / 180;
  return {std::cos(lat) * std::cos(lng), std::cos(lat) * std::sin(lng), std::sin(lat)};
}
Point on_map(const Vec3& v) { return {std::atan2(v.y, v.x) * 180 / M_PI, std::atan2(v.z, std::hypot(v.x, v.y)) * 180 / M_PI}; }

// Faces 0-4 stand around the northern corner, 5-9 below them, 10-14 between those from the south, 15-19
// around the southern corner. The orientation puts all corners into the sea; half of the centres say it.
constexpr Vec3 northern_centres[10] = {
    {0.2199307791404606, 0.6583691780274996, 0.7198475378926182},    {-0.2139234834501421, 0.1478171829550703, 0.9656017935214205},
    {0.1092625278784797, -0.4811951572873210, 0.8697775121287253},   {0.7428567301586791, -0.3593941678278028, 0.5648005936517033},
    {0.8112534709140969, 0.3448953237639384, 0.4721387736413930},    {-0.1055498149613921, 0.9794457296411413, 0.1718874610009365},
    {-0.8075407579970092, 0.1533552485898818, 0.5695261994882688},   {-0.2846148069787907, -0.8644080972654206, 0.4144792552473539},
    {0.7405621473854482, -0.6673299564565524, -0.0789837646326737},  {0.8512303986474293, 0.4722343788582681, -0.2289137388687808}};
constexpr int opposite_of_southern[10] = {8, 9, 5, 6, 7, 3, 4, 0, 1, 2};
Vec3 centre_of_face(int face) { return face < 10 ? northern_centres[face] : northern_centres[opposite_of_southern[face - 10]] * -1; }

// The corner on a face's i axis, as the middle of the five faces around it.
Vec3 corner_of_face(int face) {
  const int n = face % 5, before = (n + 4) % 5, after = (n + 1) % 5;
  const std::array<int, 5> around = face < 5    ? std::array{0, 1, 2, 3, 4}
                                    : face < 10 ? std::array{5 + n, 10 + n, 10 + before, 15 + n, 15 + before}
                                    : face < 15 ? std::array{10 + n, n, after, 5 + n, 5 + after}
                                                : std::array{15, 16, 17, 18, 19};
  Vec3 sum;
  for (const int f : around) sum = sum + centre_of_face(f);
  return unit(sum);
}
struct Face {
  Vec3 centre, x, y;  // y is to the left of x, seen from outside
};
const std::array<Face, 20>& faces() {
  static const std::array<Face, 20> all = [] {
    std::array<Face, 20> out;
    for (int f = 0; f < 20; ++f) {
      const Vec3 centre = centre_of_face(f), corner = corner_of_face(f);
      const Vec3 x = unit(corner + centre * -dot(corner, centre));
      out[static_cast<size_t>(f)] = {centre, x, cross(centre, x)};
    }
    return out;
  }();
  return all;
}

// The face behind an edge, and how coordinates go over to it: turn left, then move.
enum class Edge { ij, ki, jk };
struct Beyond {
  int face;
  Ijk move;
  int turns;
};
Beyond beyond(int face, Edge edge) {
  const int n = face % 5, before = (n + 4) % 5, after = (n + 1) % 5;
  if (edge == Edge::jk) return {face < 5 ? face + 5 : face < 10 ? n : face < 15 ? 15 + n : 10 + n, {0, 2, 2}, 3};
  const bool ij = edge == Edge::ij;
  if (face < 5 || face >= 15) {
    const bool lower = (face < 5) == ij;
    return {face - n + (lower ? before : after), ij ? Ijk{2, 0, 2} : Ijk{2, 2, 0}, ij ? 1 : 5};
  }
  return {face < 10 ? 10 + (ij ? n : before) : 5 + (ij ? n : after), ij ? Ijk{2, 2, 0} : Ijk{2, 0, 2}, 3};
}

// ---------------------------------------------------------------- cells on faces

struct Place {
  int face = 0;
  Ijk at;
};

constexpr double res0_size = 0.38196601125010500003;  // of a cell of resolution 0 on the plane that touches a face
const double root_7 = std::sqrt(7.0), odd_turn = std::asin(std::sqrt(3.0 / 28));

double scale_of(int resolution) { return std::pow(root_7, resolution) / res0_size; }
Plane projected(int face, const Vec3& v, int resolution) {
  const Face& f = faces()[static_cast<size_t>(face)];
  const double s = scale_of(resolution) / dot(v, f.centre);
  const Plane p = {dot(v, f.x) * s, dot(v, f.y) * s};
  if (resolution % 2 == 0) return p;
  return {p.x * std::cos(odd_turn) + p.y * std::sin(odd_turn), p.y * std::cos(odd_turn) - p.x * std::sin(odd_turn)};
}
Vec3 lifted(int face, Plane p, int resolution) {
  const Face& f = faces()[static_cast<size_t>(face)];
  if (resolution % 2) p = {p.x * std::cos(odd_turn) - p.y * std::sin(odd_turn), p.x * std::sin(odd_turn) + p.y * std::cos(odd_turn)};
  const double s = 1 / scale_of(resolution);
  return unit(f.centre + f.x * (p.x * s) + f.y * (p.y * s));
}

int sevens(int even_resolution) {
  int out = 1;
  for (int r = 0; r < even_resolution; r += 2) out *= 7;
  return out;
}
enum class Over { no, edge, yes };
// Where coordinates of an even resolution lie beyond an edge of their face: as the next face's. fine is 3
// for the grid of corners. from_pentagon: the cell hangs on the missing sixth of a pentagon.
Over cross_edge(Place& p, int even_resolution, int fine, bool from_pentagon) {
  const int size = 2 * sevens(even_resolution) * fine, sum = p.at.i + p.at.j + p.at.k;
  if (fine > 1 && sum == size) return Over::edge;
  if (sum <= size) return Over::no;
  const Edge edge = p.at.k == 0 ? Edge::ij : p.at.j > 0 ? Edge::jk : Edge::ki;
  if (edge == Edge::ki && from_pentagon) {
    const Ijk corner = {size, 0, 0};
    p.at = turned_right(p.at - corner) + corner;
  }
  const Beyond to = beyond(p.face, edge);
  p.face = to.face;
  for (int k = 0; k < to.turns; ++k) p.at = turned_left(p.at);
  p.at = p.at + to.move * (size / 2);
  return fine > 1 && p.at.i + p.at.j + p.at.k == size ? Over::edge : Over::yes;
}
// Coordinates on one face as the plane of a face beside it goes on there.
std::optional<Place> seen_from(const Place& p, int face, int even_resolution, int fine) {
  for (const Edge edge : {Edge::ij, Edge::ki, Edge::jk}) {
    const Beyond to = beyond(p.face, edge);
    if (to.face != face) continue;
    Ijk at = p.at;
    for (int k = 0; k < to.turns; ++k) at = turned_left(at);
    return Place{face, at + to.move * (sevens(even_resolution) * fine)};
  }
  return std::nullopt;
}
// As cross_edge() for any resolution, over as many edges as it takes.
void settle(Place& p, int resolution, bool pentagon, bool from_pentagon) {
  const bool odd = resolution % 2;
  const Ijk before = p.at;
  if (odd) p.at = finer(p.at, false);
  const int even = resolution + odd;
  bool moved = cross_edge(p, even, 1, pentagon && from_pentagon) != Over::no;
  if (moved) {
    for (int k = 0; k < 8 && cross_edge(p, even, 1, false) != Over::no; ++k) continue;
    if (odd) p.at = coarser(p.at, false);
  } else {
    p.at = before;
  }
}

// ---------------------------------------------------------------- base cells

// Home of each base cell: 27 * face + 9 i + 3 j + k.
constexpr std::array<uint16_t, 122> homes = {
    36, 66, 27, 63, 18, 39, 28, 54, 9, 57, 30, 31, 90, 93, 315, 117, 0, 165, 1, 58, 190, 55, 12, 163, 288, 162,
    81, 306, 120, 84, 4, 108, 138, 3, 192, 309, 189, 279, 342, 172, 199, 109, 82, 85, 111, 171, 297, 217, 136,
    396, 135, 333, 282, 112, 336, 198, 300, 270, 369, 271, 298, 246, 219, 180, 216, 244, 387, 145, 436, 226,
    144, 324, 207, 327, 273, 243, 360, 433, 409, 408, 435, 390, 363, 153, 225, 378, 253, 379, 460, 325, 432,
    463, 406, 442, 252, 405, 351, 234, 354, 469, 516, 381, 517, 462, 352, 459, 441, 261, 415, 414, 490, 487,
    514, 468, 513, 489, 496, 531, 522, 486, 523, 495};
constexpr std::array<int, 12> pentagons = {4, 14, 24, 38, 49, 58, 63, 72, 83, 97, 107, 117};

Place home_of(int base) {
  const int code = homes[static_cast<size_t>(base)];
  return {code / 27, {code % 27 / 9, code % 9 / 3, code % 3}};
}
bool is_pentagon_base(int base) { return std::binary_search(pentagons.begin(), pentagons.end(), base); }

// Base cell at coordinates of resolution 0 on a face, and how often its digits turn left from there to its home.
struct BaseAt {
  int base = 0, turns = 0;
};
int turns_between(int face, const Ijk& at, int base) {
  const Place home = home_of(base);
  if (face == home.face) return 0;
  if (!is_pentagon_base(base)) {
    for (const Edge edge : {Edge::ij, Edge::ki, Edge::jk}) {
      const Beyond to = beyond(face, edge);
      if (to.face == home.face) return to.turns;
    }
    return 0;
  }
  // A pentagon's five faces: around the poles in order; elsewhere by the corner of the face that it is.
  if (at.i > 0) return face < 5 ? face : 19 - face;
  return face >= 5 && face < 15 ? 3 : at.j > 0 ? 1 : 0;
}
const std::array<BaseAt, 540>& bases() {
  static const std::array<BaseAt, 540> all = [] {
    std::array<BaseAt, 540> out;
    std::array<Vec3, 122> centres;
    for (int base = 0; base < 122; ++base) centres[static_cast<size_t>(base)] = lifted(home_of(base).face, on_plane(home_of(base).at), 0);
    for (int n = 0; n < 540; ++n) {
      const Ijk at = {n % 27 / 9, n % 9 / 3, n % 3};
      const Vec3 v = lifted(n / 27, on_plane(at), 0);
      int best = 0;
      for (int base = 1; base < 122; ++base) {
        if (dot(v, centres[static_cast<size_t>(base)]) > dot(v, centres[static_cast<size_t>(best)])) best = base;
      }
      out[static_cast<size_t>(n)] = {best, turns_between(n / 27, normal(at), best)};
    }
    return out;
  }();
  return all;
}

// ---------------------------------------------------------------- the 64 bits

uint64_t make(int resolution, int base) {
  return uint64_t{1} << 59 | static_cast<uint64_t>(resolution) << 52 | static_cast<uint64_t>(base) << 45 | ((uint64_t{1} << 45) - 1);
}
int base_of(uint64_t cell) { return static_cast<int>(cell >> 45 & 127); }
int shift_of(int resolution) { return 3 * (max_h3_resolution - resolution); }
int digit_at(uint64_t cell, int resolution) { return static_cast<int>(cell >> shift_of(resolution) & 7); }
void set_digit(uint64_t& cell, int resolution, int digit) {
  cell = (cell & ~(uint64_t{7} << shift_of(resolution))) | static_cast<uint64_t>(digit) << shift_of(resolution);
}
int leading_digit(uint64_t cell) {
  for (int r = 1; r <= h3_resolution(cell); ++r) {
    if (const int digit = digit_at(cell, r)) return digit;
  }
  return 0;
}
void turn_digits(uint64_t& cell, int (*turn)(int)) {
  for (int r = 1; r <= h3_resolution(cell); ++r) set_digit(cell, r, turn(digit_at(cell, r)));
}
bool is_pentagon(uint64_t cell) { return is_pentagon_base(base_of(cell)) && leading_digit(cell) == 0; }

uint64_t cell_at(const Place& place, int resolution) {
  uint64_t cell = make(resolution, 0);
  Ijk at = place.at;
  for (int r = resolution; r > 0; --r) {
    const Ijk last = at;
    at = coarser(at, r % 2);
    set_digit(cell, r, digit_of(last - finer(at, r % 2)));
  }
  if (at.i > 2 || at.j > 2 || at.k > 2) return 0;
  const BaseAt base = bases()[static_cast<size_t>(place.face * 27 + at.i * 9 + at.j * 3 + at.k)];
  cell |= static_cast<uint64_t>(base.base) << 45;
  const bool pentagon = is_pentagon_base(base.base);
  // A pentagon lacks the cells in direction k: they are its neighbours to one side or the other.
  if (pentagon && leading_digit(cell) == k_digit) turn_digits(cell, at.j > 0 ? right_of : left_of);
  for (int n = 0; n < base.turns; ++n) {
    turn_digits(cell, left_of);
    if (pentagon && leading_digit(cell) == k_digit) turn_digits(cell, left_of);
  }
  return cell;
}

// On the plane of its base cell's home face, maybe beyond the face's edges.
Place unsettled_place(uint64_t cell) {
  if (is_pentagon_base(base_of(cell)) && leading_digit(cell) == ik_digit) turn_digits(cell, right_of);
  Place p = home_of(base_of(cell));
  for (int r = 1; r <= h3_resolution(cell); ++r) p.at = finer(p.at, r % 2) + unit(digit_at(cell, r));
  return p;
}
Place place_of(uint64_t cell) {
  uint64_t turned = cell;
  const bool pentagon = is_pentagon_base(base_of(cell));
  if (pentagon && leading_digit(cell) == ik_digit) turn_digits(turned, right_of);
  Place p = unsettled_place(cell);
  settle(p, h3_resolution(cell), pentagon, leading_digit(turned) == i_digit);
  return p;
}

// Neighbours without the grid: across the middle of each side.
std::vector<uint64_t> around(uint64_t cell) {
  const Path corners = h3_corners(cell);
  const Vec3 centre = on_sphere(h3_centre(cell));
  std::vector<uint64_t> out;
  for (size_t k = 0; k < corners.size(); ++k) {
    const Vec3 middle = unit(on_sphere(corners[k]) + on_sphere(corners[(k + 1) % corners.size()]));
    const Vec3 across = unit(middle * (2 * dot(middle, centre)) + centre * -1);
    const uint64_t other = h3_cell(on_map(across), h3_resolution(cell));
    if (other != cell && std::find(out.begin(), out.end(), other) == out.end()) out.push_back(other);
  }
  return out;
}

}  // namespace

uint64_t h3_cell(const Point& p, int resolution) {
  const Vec3 v = on_sphere(p);
  int best = 0;
  for (int f = 1; f < 20; ++f) {
    if (dot(v, faces()[static_cast<size_t>(f)].centre) > dot(v, faces()[static_cast<size_t>(best)].centre)) best = f;
  }
  return cell_at({best, nearest(projected(best, v, resolution))}, resolution);
}

std::optional<uint64_t> parse_h3(std::string_view text) {
  if (text.empty() || text.size() > 16) return std::nullopt;
  uint64_t cell = 0;
  for (const char c : text) {
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    if (digit < 0) return std::nullopt;
    cell = cell << 4 | static_cast<uint64_t>(digit);
  }
  if (cell >> 56 != 8 || base_of(cell) > 121) return std::nullopt;
  const int resolution = h3_resolution(cell);
  for (int r = 1; r <= max_h3_resolution; ++r) {
    if ((digit_at(cell, r) == 7) != (r > resolution)) return std::nullopt;
  }
  if (is_pentagon_base(base_of(cell)) && leading_digit(cell) == k_digit) return std::nullopt;
  return cell;
}
std::string h3_text(uint64_t cell) { return engine::format("%llx", static_cast<unsigned long long>(cell)); }
int h3_resolution(uint64_t cell) { return static_cast<int>(cell >> 52 & 15); }

Point h3_centre(uint64_t cell) {
  const Place p = place_of(cell);
  return on_map(lifted(p.face, on_plane(p.at), h3_resolution(cell)));
}

Path h3_corners(uint64_t cell) {
  static constexpr Ijk even_corners[6] = {{2, 1, 0}, {1, 2, 0}, {0, 2, 1}, {0, 1, 2}, {1, 0, 2}, {2, 0, 1}};
  static constexpr Ijk odd_corners[6] = {{5, 4, 0}, {1, 5, 0}, {0, 5, 4}, {0, 1, 5}, {4, 0, 5}, {5, 0, 1}};
  const bool odd = h3_resolution(cell) % 2, pentagon = is_pentagon(cell);
  const int even = h3_resolution(cell) + odd, n = pentagon ? 5 : 6;
  const Place centre = place_of(cell);
  Ijk middle = finer_by_three(centre.at);
  if (odd) middle = finer(middle, false);
  struct Corner {
    Place place;
    Over over = Over::no;
  };
  std::vector<Corner> corners;
  for (int k = 0; k < n; ++k) {
    Corner c;
    c.place = {centre.face, middle + (odd ? odd_corners[k] : even_corners[k])};
    c.over = cross_edge(c.place, even, 3, false);
    for (int more = 0; pentagon && c.over == Over::yes && more < 8; ++more) c.over = cross_edge(c.place, even, 3, false);
    corners.push_back(c);
  }
  const auto corner_on_sphere = [&](const Place& p) {
    const Plane plane = on_plane(p.at);
    return lifted(p.face, {plane.x / 3, plane.y / 3}, even);
  };
  // A side of an odd resolution's cell bends where it passes from one face to another: at its point that
  // is equally far from both faces' centres.
  Path path;
  for (int k = 0; k < n; ++k) {
    const Corner &a = corners[static_cast<size_t>(k)], &b = corners[static_cast<size_t>((k + 1) % n)];
    path.push_back(on_map(corner_on_sphere(a.place)));
    if (!odd || a.place.face == b.place.face || a.over == Over::edge || b.over == Over::edge) continue;
    const std::optional<Place> over = seen_from(b.place, a.place.face, even, 3);
    if (!over) continue;
    const Face& f = faces()[static_cast<size_t>(a.place.face)];
    const auto flat = [&](const Ijk& c) {
      const Plane plane = on_plane(c);
      const double s = 1 / (scale_of(even) * 3);
      return f.centre + f.x * (plane.x * s) + f.y * (plane.y * s);
    };
    const Vec3 between = centre_of_face(b.place.face) + f.centre * -1, u = flat(a.place.at), v = flat(over->at);
    const double du = dot(u, between), dv = dot(v, between);
    if (du * dv < 0) path.push_back(on_map(unit(u * (dv / (dv - du)) + v * (-du / (dv - du)))));
  }
  return path;
}

uint64_t h3_parent(uint64_t cell, int resolution) {
  uint64_t parent = (cell & ~(uint64_t{15} << 52)) | static_cast<uint64_t>(resolution) << 52;
  for (int r = resolution + 1; r <= max_h3_resolution; ++r) set_digit(parent, r, 7);
  return parent;
}

std::vector<uint64_t> h3_children(uint64_t cell, int resolution) {
  std::vector<uint64_t> level = {cell};
  for (int r = h3_resolution(cell) + 1; r <= resolution; ++r) {
    std::vector<uint64_t> next;
    for (const uint64_t one : level) {
      for (int digit = 0; digit < 7; ++digit) {
        if (digit == k_digit && is_pentagon(one)) continue;
        uint64_t child = (one & ~(uint64_t{15} << 52)) | static_cast<uint64_t>(r) << 52;
        set_digit(child, r, digit);
        next.push_back(child);
      }
    }
    level = std::move(next);
  }
  return level;
}

std::vector<std::vector<uint64_t>> h3_rings(uint64_t cell, int n_rings) {
  // Away from pentagons the plane of the home face goes on: walk around on it.
  const int resolution = h3_resolution(cell);
  const Place origin = unsettled_place(cell);
  std::vector<std::vector<uint64_t>> rings = {{cell}};
  std::set<uint64_t> seen = {cell};
  bool plain = !is_pentagon_base(base_of(cell));
  for (int n = 1; n <= n_rings && plain; ++n) {
    rings.emplace_back();
    Ijk at = origin.at + unit(i_digit) * n;
    for (const int direction : {2, 3, 1, 5, 4, 6}) {
      for (int step = 0; step < n && plain; ++step) {
        at = at + unit(direction);
        Place p = {origin.face, at};
        settle(p, resolution, false, false);
        const uint64_t other = cell_at(p, resolution);
        plain = other != 0 && !is_pentagon_base(base_of(other)) && seen.insert(other).second;
        rings.back().push_back(other);
      }
    }
  }
  if (plain) return rings;
  rings = {{cell}};
  seen = {cell};
  for (int n = 1; n <= n_rings; ++n) {
    std::vector<uint64_t> ring;
    for (const uint64_t one : rings.back()) {
      for (const uint64_t other : around(one)) {
        if (seen.insert(other).second) ring.push_back(other);
      }
    }
    rings.push_back(std::move(ring));
  }
  return rings;
}

double h3_edge_radians(int resolution) { return 0.2 / std::pow(root_7, resolution); }

}  // namespace app::kql::geo
