#include <bit>
#include <cmath>
#include <limits>

#include "app/kql/datetime.h"
#include "app/kql/decimal.h"
#include "app/kql/kernel_help.h"
#include "engine/base/error.h"

namespace app::kql {
namespace {

using RealFunction = double (*)(double);
template <RealFunction f>
void real_fn(CallState&, Args a, Value& out) {
  const std::optional<double> x = to_real(a[0]);
  x ? void(out.d = f(*x)) : set_null(out);
}
double d_sqrt(double x) { return std::sqrt(x); }
double d_exp(double x) { return std::exp(x); }
double d_exp2(double x) { return std::exp2(x); }
double d_exp10(double x) { return std::pow(10.0, x); }
double d_log2(double x) { return std::log2(x); }
double d_log10(double x) { return std::log10(x); }
double d_sin(double x) { return std::sin(x); }
double d_cos(double x) { return std::cos(x); }
double d_tan(double x) { return std::tan(x); }
double d_asin(double x) { return std::asin(x); }
double d_acos(double x) { return std::acos(x); }
double d_atan(double x) { return std::atan(x); }
double d_cot(double x) { return 1 / std::tan(x); }
double d_gamma(double x) { return std::tgamma(x); }
double d_lgamma(double x) { return std::lgamma(x); }
double d_erf(double x) { return std::erf(x); }
double d_erfc(double x) { return std::erfc(x); }
double d_radians(double x) { return x * M_PI / 180; }
double d_degrees(double x) { return x * 180 / M_PI; }

void atan2_(CallState&, Args a, Value& out) { out.d = std::atan2(real_at(a, 0, NAN), real_at(a, 1, NAN)); }
void pow_(CallState&, Args a, Value& out) { out.d = std::pow(real_at(a, 0, NAN), real_at(a, 1, NAN)); }
void pi_(CallState&, Args, Value& out) { out.d = M_PI; }
void log_base(CallState&, Args a, Value& out) {
  out.d = a.size() > 1 ? std::log(real_at(a, 0, NAN)) / std::log(real_at(a, 1, NAN)) : std::log(real_at(a, 0, NAN));
}
void abs_(CallState& s, Args a, Value& out) {
  if (s.type == Type::real) out.d = std::fabs(real_at(a, 0, NAN));
  else if (s.type == Type::decimal) out.s = a[0].s.substr(a[0].s.substr(0, 1) == "-" ? 1 : 0);
  else out.i = a[0].i < 0 ? static_cast<int64_t>(0 - static_cast<uint64_t>(a[0].i)) : a[0].i;
}
void sign(CallState&, Args a, Value& out) {
  const std::optional<double> x = to_real(a[0]);
  x ? void(out.i = *x > 0 ? 1 : *x < 0 ? -1 : 0) : set_null(out);
}
void set_integral(CallState& s, double v, Value& out) {
  if (s.type == Type::real) out.d = v;
  else if (s.type == Type::decimal) out = convert(Value::real(v), Type::decimal);
  else if (std::fabs(v) < 9.2e18) out.i = static_cast<int64_t>(v);
  else set_null(out);
}
void ceiling(CallState& s, Args a, Value& out) { set_integral(s, std::ceil(real_at(a, 0, NAN)), out); }
void floor1(CallState& s, Args a, Value& out) { set_integral(s, std::floor(real_at(a, 0, NAN)), out); }
double rounded(Args a) {
  const double x = real_at(a, 0, NAN);
  const auto precision = static_cast<double>(integer_at(a, 1, 0));
  const double scale = std::pow(10.0, precision);
  const double scaled = x * scale;
  // Halves go away from zero, as decimal digits show them: 2.5 is 3.
  if (std::fabs(scaled - std::trunc(scaled)) == 0.5) return (scaled + (scaled > 0 ? 0.5 : -0.5)) / scale;
  return std::isfinite(scaled) ? std::nearbyint(scaled) / scale : x;
}
// Of the argument's type: round(5) / 2 divides integers.
void round_(CallState& s, Args a, Value& out) {
  if (is_integer(s.type) && integer_at(a, 1, 0) >= 0) out.i = a[0].i;
  else if (s.type == Type::real) out.d = rounded(a);
  else out = convert(Value::real(rounded(a)), s.type);
}
void isnan_(CallState&, Args a, Value& out) { out.i = std::isnan(real_at(a, 0, 0)); }
void isinf_(CallState&, Args a, Value& out) { out.i = std::isinf(real_at(a, 0, 0)); }
void isfinite_(CallState&, Args a, Value& out) { out.i = std::isfinite(real_at(a, 0, 0)); }
void not_(CallState&, Args a, Value& out) { out.i = a[0].i == 0; }

// bin(value, step): down to a multiple of step; times count from 0001-01-01.
void bin(CallState& s, Args a, Value& out) {
  if (s.type == Type::real) {
    const double x = a[0].d, step = a[1].d;
    if (step <= 0) return set_null(out);
    out.d = std::floor(x / step) * step;
    return;
  }
  const std::optional<int64_t> step = to_int64(a[1]);
  if (!step || *step <= 0) return set_null(out);
  out.i = floor_to(a[0].i, *step);
}
Vec bin_vec(CallState& s, std::span<const Vec> args, size_t n) {
  const columns::Column& a = *args[0].column;
  if (s.type == Type::real || columns::is_text(a.type()) || !args[1].constant || args[1].column->is_null(0) ||
      columns::is_text(args[1].column->type()) || args[1].column->type() == Type::real || args[1].column->i64(0) <= 0) {
    return {};
  }
  const int64_t step = args[1].column->i64(0);
  std::vector<int64_t> out(n);
  int64_t low = 1, high = 0;  // the bin of the row before: neighbours share it most of the time
  for (size_t k = 0; k < n; ++k) {
    const int64_t v = a.i64(args[0].at(k));
    if (v < low || v >= high) {
      low = floor_to(v, step);
      high = low > INT64_MAX - step ? INT64_MAX : low + step;
    }
    out[k] = low;
  }
  std::vector<uint8_t> valid = args[0].constant && a.has_nulls() ? std::vector<uint8_t>(n, a.valid()[0]) : a.valid();
  return {share(columns::Column::from_i64(s.type, std::move(out), std::move(valid))), false};
}
void bin_at(CallState& s, Args a, Value& out) {
  if (s.type == Type::real) {
    if (!(a[1].d > 0)) return set_null(out);
    out.d = std::floor((a[0].d - a[2].d) / a[1].d) * a[1].d + a[2].d;
    return;
  }
  if (a[1].i <= 0) return set_null(out);
  int64_t from = 0;
  if (__builtin_sub_overflow(a[0].i, a[2].i, &from) || __builtin_add_overflow(floor_to(from, a[1].i), a[2].i, &out.i)) set_null(out);
}

void max_of(CallState&, Args a, Value& out) {
  bool any = false;
  for (const Value& v : a) {
    if (!v.null && (!any || compare(v, out) > 0)) out = v, any = true;
  }
  if (!any) set_null(out);
}
void min_of(CallState&, Args a, Value& out) {
  bool any = false;
  for (const Value& v : a) {
    if (!v.null && (!any || compare(v, out) < 0)) out = v, any = true;
  }
  if (!any) set_null(out);
}
void case_(CallState&, Args a, Value& out) {
  for (size_t k = 0; k + 1 < a.size(); k += 2) {
    if (!a[k].null && a[k].i) return void(out = a[k + 1]);
  }
  out = a.back();
}
// Branches whole columns where the result is text from a dictionary or numbers: one pass over the conditions.
Vec case_vec(CallState& s, std::span<const Vec> args, size_t n) {
  columns::Column out(s.type);
  out.reserve(n);
  for (size_t row = 0; row < n; ++row) {
    size_t chosen = args.size() - 1;
    for (size_t k = 0; k + 1 < args.size(); k += 2) {
      if (!args[k].is_null(row) && args[k].column->i64(args[k].at(row))) {
        chosen = k + 1;
        break;
      }
    }
    const columns::Column& c = *args[chosen].column;
    const size_t at = args[chosen].at(row);
    if (c.is_null(at)) out.push_null();
    else if (columns::is_text(s.type)) out.push_text(c.text(at));
    else if (s.type == Type::real) out.push_f64(c.f64(at));
    else out.push_i64(c.i64(at));
  }
  return {share(std::move(out)), false};
}
void coalesce(CallState&, Args a, Value& out) {
  for (const Value& v : a) {
    if (!is_null(v) && !(v.type == Type::string && v.s.empty())) return void(out = v);
  }
  set_null(out);
}

void around(CallState&, Args a, Value& out) {
  if (a[0].type == Type::real || a[1].type == Type::real || a[2].type == Type::real) {
    out.i = std::fabs(real_at(a, 0, NAN) - real_at(a, 1, NAN)) <= real_at(a, 2, NAN);
  } else {
    const auto between = [&](__int128 v) { return v >= __int128{a[1].i} - a[2].i && v <= __int128{a[1].i} + a[2].i; };
    out.i = between(a[0].i);
  }
}

using BitOp = int64_t (*)(int64_t, int64_t);
template <BitOp op>
void bits(CallState&, Args a, Value& out) {
  const std::optional<int64_t> x = to_int64(a[0]), y = to_int64(a[1]);
  x && y ? void(out.i = op(*x, *y)) : set_null(out);
}
int64_t b_and(int64_t x, int64_t y) { return x & y; }
int64_t b_or(int64_t x, int64_t y) { return x | y; }
int64_t b_xor(int64_t x, int64_t y) { return x ^ y; }
int64_t b_left(int64_t x, int64_t y) { return static_cast<int64_t>(static_cast<uint64_t>(x) << (y & 63)); }
int64_t b_right(int64_t x, int64_t y) { return x >> (y & 63); }
void binary_not(CallState&, Args a, Value& out) { out.i = ~integer_at(a, 0, 0); }
void bitset_count_ones(CallState&, Args a, Value& out) { out.i = std::popcount(static_cast<uint64_t>(integer_at(a, 0, 0))); }

uint64_t next_random(CallState& s) {
  s.random += 0x9E3779B97F4A7C15ull;
  uint64_t z = s.random;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}
void rand_(CallState& s, Args a, Value& out) {
  const double unit = static_cast<double>(next_random(s) >> 11) * 0x1p-53;
  const int64_t n = integer_at(a, 0, 0);
  out.d = n > 0 ? std::floor(unit * static_cast<double>(n)) : unit;
}
void new_guid(CallState& s, Args, Value& out) {
  out.s = engine::format("%016llx%016llx", static_cast<unsigned long long>(next_random(s)), static_cast<unsigned long long>(next_random(s)));
  out.s[12] = '4';
  out.s[16] = "89ab"[next_random(s) & 3];
  out.s = *parse_guid(out.s);
}

// ---------------------------------------------------------------- conversions

template <Type type>
void to(CallState&, Args a, Value& out) {
  out = convert(a[0], type);
}
void totimespan(CallState&, Args a, Value& out) { out = convert(a[0], Type::timespan); }
void gettype(CallState&, Args a, Value& out) {
  const Json json = dynamic_value(a[0]);
  const char* names[] = {"null", "bool", "long", "double", "string", "array", "dictionary"};
  out.s = names[static_cast<int>(json.kind)];
}

// ---------------------------------------------------------------- distributions

// Continued fraction of the incomplete beta function (Numerical recipe of Lentz).
double beta_fraction(double a, double b, double x) {
  constexpr double tiny = 1e-300;
  double c = 1, d = 1 - (a + b) * x / (a + 1);
  if (std::fabs(d) < tiny) d = tiny;
  d = 1 / d;
  double h = d;
  for (int m = 1; m <= 500; ++m) {
    double n = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 + n * d, c = 1 + n / c;
    if (std::fabs(d) < tiny) d = tiny;
    if (std::fabs(c) < tiny) c = tiny;
    d = 1 / d;
    h *= d * c;
    n = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 + n * d, c = 1 + n / c;
    if (std::fabs(d) < tiny) d = tiny;
    if (std::fabs(c) < tiny) c = tiny;
    d = 1 / d;
    const double delta = d * c;
    h *= delta;
    if (std::fabs(delta - 1) < 1e-16) break;
  }
  return h;
}
double beta_cumulative(double x, double a, double b) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double front = std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x));
  return x < (a + 1) / (a + b + 2) ? front * beta_fraction(a, b, x) / a : 1 - front * beta_fraction(b, a, 1 - x) / b;
}
void beta_cdf(CallState&, Args a, Value& out) {
  const double x = real_at(a, 0, NAN), alpha = real_at(a, 1, 0), beta = real_at(a, 2, 0);
  if (alpha <= 0 || beta <= 0 || !(x >= 0 && x <= 1)) return void(out.d = NAN);
  out.d = beta_cumulative(x, alpha, beta);
}
void beta_pdf(CallState&, Args a, Value& out) {
  const double x = real_at(a, 0, NAN), alpha = real_at(a, 1, 0), beta = real_at(a, 2, 0);
  if (alpha <= 0 || beta <= 0 || !(x >= 0 && x <= 1)) return void(out.d = NAN);
  out.d = std::exp(std::lgamma(alpha + beta) - std::lgamma(alpha) - std::lgamma(beta)) * std::pow(x, alpha - 1) * std::pow(1 - x, beta - 1);
}
void beta_inv(CallState&, Args a, Value& out) {
  const double p = real_at(a, 0, NAN), alpha = real_at(a, 1, 0), beta = real_at(a, 2, 0);
  if (alpha <= 0 || beta <= 0) return void(out.d = NAN);
  if (!(p >= 0 && p <= 1)) return set_null(out);
  double low = 0, high = 1;
  for (int k = 0; k < 200; ++k) {
    const double mid = (low + high) / 2;
    (beta_cumulative(mid, alpha, beta) < p ? low : high) = mid;
  }
  out.d = (low + high) / 2;
}

// welch_test(mean, variance, count, mean, variance, count): how likely two samples have one mean.
void welch_test(CallState&, Args a, Value& out) {
  const double v1 = real_at(a, 1, NAN) / real_at(a, 2, NAN), v2 = real_at(a, 4, NAN) / real_at(a, 5, NAN);
  const double n1 = real_at(a, 2, NAN), n2 = real_at(a, 5, NAN);
  if (!(n1 > 1) || !(n2 > 1) || !(v1 + v2 > 0)) return set_null(out);
  const double t = (real_at(a, 0, NAN) - real_at(a, 3, NAN)) / std::sqrt(v1 + v2);
  const double freedom = (v1 + v2) * (v1 + v2) / (v1 * v1 / (n1 - 1) + v2 * v2 / (n2 - 1));
  out.d = beta_cumulative(freedom / (freedom + t * t), freedom / 2, 0.5);
}

// ---------------------------------------------------------------- units

struct Unit {
  const char* name;
  double in_base;
};
void convert_unit(Args a, std::span<const Unit> units, Value& out) {
  const std::string from = to_text(a[1]), to_name = to_text(a[2]);
  const Unit *f = nullptr, *t = nullptr;
  for (const Unit& u : units) {
    if (from == u.name) f = &u;
    if (to_name == u.name) t = &u;
  }
  if (!f || !t) return set_null(out);
  out.d = real_at(a, 0, NAN) * f->in_base / t->in_base;
}
constexpr Unit lengths[] = {{"Kilometer", 1000}, {"Hectometer", 100}, {"Decameter", 10}, {"Meter", 1}, {"Decimeter", 0.1}, {"Centimeter", 0.01}, {"Millimeter", 1e-3}, {"Micrometer", 1e-6}, {"Nanometer", 1e-9}, {"Inch", 0.0254}, {"Foot", 0.3048}, {"Yard", 0.9144}, {"Mile", 1609.344}, {"NauticalMile", 1852}, {"Angstrom", 1e-10}, {"LightYear", 9.46073047258e15}, {"Parsec", 3.08567758128e16}, {"AstronomicalUnit", 1.4959787070e11}, {"Fathom", 1.8288}, {"Chain", 20.1168}, {"Hand", 0.1016}, {"Mil", 2.54e-5}};
constexpr Unit masses[] = {{"Kilogram", 1}, {"Gram", 1e-3}, {"Milligram", 1e-6}, {"Microgram", 1e-9}, {"Nanogram", 1e-12}, {"Tonne", 1000}, {"Pound", 0.45359237}, {"Ounce", 0.028349523125}, {"Stone", 6.35029318}, {"ShortTon", 907.18474}, {"LongTon", 1016.0469088}, {"Grain", 6.479891e-5}, {"Hectogram", 0.1}, {"Decagram", 0.01}, {"Decigram", 1e-4}, {"Centigram", 1e-5}, {"Kilotonne", 1e6}, {"Megatonne", 1e9}, {"Slug", 14.593903}};
constexpr Unit speeds[] = {{"MeterPerSecond", 1}, {"MeterPerMinute", 1.0 / 60}, {"MeterPerHour", 1.0 / 3600}, {"KilometerPerHour", 1.0 / 3.6}, {"KilometerPerSecond", 1000}, {"KilometerPerMinute", 1000.0 / 60}, {"CentimeterPerSecond", 0.01}, {"CentimeterPerMinute", 0.01 / 60}, {"CentimeterPerHour", 0.01 / 3600}, {"MillimeterPerSecond", 1e-3}, {"MillimeterPerMinute", 1e-3 / 60}, {"MillimeterPerHour", 1e-3 / 3600}, {"FootPerSecond", 0.3048}, {"FootPerMinute", 0.3048 / 60}, {"FootPerHour", 0.3048 / 3600}, {"InchPerSecond", 0.0254}, {"InchPerMinute", 0.0254 / 60}, {"InchPerHour", 0.0254 / 3600}, {"YardPerSecond", 0.9144}, {"YardPerMinute", 0.9144 / 60}, {"YardPerHour", 0.9144 / 3600}, {"MilePerHour", 0.44704}, {"Knot", 0.514444444444444}, {"MicrometerPerSecond", 1e-6}, {"NanometerPerSecond", 1e-9}, {"DecimeterPerSecond", 0.1}, {"Mach", 340.29}};
constexpr Unit volumes[] = {{"CubicMeter", 1}, {"CubicDecimeter", 1e-3}, {"CubicCentimeter", 1e-6}, {"CubicMillimeter", 1e-9}, {"CubicMicrometer", 1e-18}, {"CubicKilometer", 1e9}, {"CubicHectometer", 1e6}, {"Liter", 1e-3}, {"Kiloliter", 1}, {"Megaliter", 1e3}, {"Hectoliter", 0.1}, {"Decaliter", 0.01}, {"Deciliter", 1e-4}, {"Centiliter", 1e-5}, {"Milliliter", 1e-6}, {"Microliter", 1e-9}, {"Nanoliter", 1e-12}, {"CubicInch", 1.6387064e-5}, {"CubicFoot", 0.028316846592}, {"CubicYard", 0.764554857984}, {"CubicMile", 4168181825.44058}, {"UsGallon", 0.003785411784}, {"ImperialGallon", 0.00454609}, {"UsQuart", 9.46352946e-4}, {"UsPint", 4.73176473e-4}, {"UsOunce", 2.95735295625e-5}, {"ImperialOunce", 2.84130625e-5}, {"ImperialPint", 5.6826125e-4}, {"OilBarrel", 0.158987294928}, {"UsTablespoon", 1.478676478125e-5}, {"UsTeaspoon", 4.92892159375e-6}, {"AcreFoot", 1233.48183754752}};
constexpr Unit energies[] = {{"Joule", 1}, {"Kilojoule", 1e3}, {"Megajoule", 1e6}, {"Gigajoule", 1e9}, {"Terajoule", 1e12}, {"Petajoule", 1e15}, {"Millijoule", 1e-3}, {"Microjoule", 1e-6}, {"Nanojoule", 1e-9}, {"Calorie", 4.184}, {"Kilocalorie", 4184}, {"Megacalorie", 4184000}, {"WattHour", 3600}, {"KilowattHour", 3.6e6}, {"MegawattHour", 3.6e9}, {"GigawattHour", 3.6e12}, {"TerawattHour", 3.6e15}, {"KilowattDay", 8.64e7}, {"WattDay", 8.64e4}, {"MegawattDay", 8.64e10}, {"BritishThermalUnit", 1055.05585262}, {"ElectronVolt", 1.602176565e-19}, {"Erg", 1e-7}, {"FootPound", 1.355817948}, {"HorsepowerHour", 2684519.53769617}};
constexpr Unit forces[] = {{"Newton", 1}, {"Kilonewton", 1e3}, {"Meganewton", 1e6}, {"Decanewton", 10}, {"Millinewton", 1e-3}, {"Micronewton", 1e-6}, {"Dyn", 1e-5}, {"KilogramForce", 9.80665}, {"PoundForce", 4.4482216152605}, {"KilopoundForce", 4448.2216152605}, {"OunceForce", 0.278013850953781}, {"Poundal", 0.138254954376}, {"TonneForce", 9806.65}, {"ShortTonForce", 8896.4432305210}, {"KiloPond", 9.80665}};
void convert_length(CallState&, Args a, Value& out) { convert_unit(a, lengths, out); }
void convert_mass(CallState&, Args a, Value& out) { convert_unit(a, masses, out); }
void convert_speed(CallState&, Args a, Value& out) { convert_unit(a, speeds, out); }
void convert_volume(CallState&, Args a, Value& out) { convert_unit(a, volumes, out); }
void convert_energy(CallState&, Args a, Value& out) { convert_unit(a, energies, out); }
void convert_force(CallState&, Args a, Value& out) { convert_unit(a, forces, out); }
constexpr Unit angles[] = {{"Radian", 1}, {"Degree", 0.0174532925199433}, {"Gradian", 0.015707963267949}, {"Arcminute", 2.90888208665722e-4}, {"Arcsecond", 4.84813681109536e-6}, {"Revolution", 6.28318530717959}, {"Milliradian", 1e-3}, {"Turn", 6.28318530717959}};
void convert_angle(CallState&, Args a, Value& out) { convert_unit(a, angles, out); }
void convert_temperature(CallState&, Args a, Value& out) {
  const double x = real_at(a, 0, NAN);
  const std::string from = to_text(a[1]), to_name = to_text(a[2]);
  const double kelvin = from == "Kelvin" ? x : from == "DegreeCelsius" ? x + 273.15 : from == "DegreeFahrenheit" ? (x + 459.67) * 5 / 9 : from == "DegreeRankine" ? x * 5 / 9 : NAN;
  out.d = to_name == "Kelvin" ? kelvin : to_name == "DegreeCelsius" ? kelvin - 273.15 : to_name == "DegreeFahrenheit" ? kelvin * 9 / 5 - 459.67 : to_name == "DegreeRankine" ? kelvin * 9 / 5 : NAN;
  if (std::isnan(out.d)) set_null(out);
}

constexpr Function table[] = {
    {"sqrt", "n", Result::real, real_fn<d_sqrt>}, {"exp", "n", Result::real, real_fn<d_exp>}, {"exp2", "n", Result::real, real_fn<d_exp2>},
    {"exp10", "n", Result::real, real_fn<d_exp10>}, {"log", "n?n", Result::real, log_base}, {"log2", "n", Result::real, real_fn<d_log2>},
    {"log10", "n", Result::real, real_fn<d_log10>}, {"sin", "n", Result::real, real_fn<d_sin>}, {"cos", "n", Result::real, real_fn<d_cos>},
    {"tan", "n", Result::real, real_fn<d_tan>}, {"asin", "n", Result::real, real_fn<d_asin>}, {"acos", "n", Result::real, real_fn<d_acos>},
    {"atan", "n", Result::real, real_fn<d_atan>}, {"cot", "n", Result::real, real_fn<d_cot>}, {"gamma", "n", Result::real, real_fn<d_gamma>},
    {"loggamma", "n", Result::real, real_fn<d_lgamma>}, {"erf", "n", Result::real, real_fn<d_erf>}, {"erfc", "n", Result::real, real_fn<d_erfc>},
    {"radians", "n", Result::real, real_fn<d_radians>}, {"degrees", "n", Result::real, real_fn<d_degrees>}, {"atan2", "nn", Result::real, atan2_},
    {"pow", "nn", Result::real, pow_}, {"pi", "", Result::real, pi_}, {"abs", "m", Result::first, abs_}, {"sign", "n", Result::int32, sign},
    {"ceiling", "n", Result::first, ceiling}, {"floor", "n", Result::first, floor1}, {"round", "n?i", Result::first, round_},
    {"isnan", "*", Result::boolean, isnan_}, {"isinf", "*", Result::boolean, isinf_}, {"isfinite", "*", Result::boolean, isfinite_},
    {"not", "b", Result::boolean, not_}, {"bin", "**", Result::first, bin, no_flags, bin_vec}, {"bin_at", "***", Result::first, bin_at},
    {"max_of", "*+", Result::first, max_of, sees_nulls}, {"min_of", "*+", Result::first, min_of, sees_nulls},
    {"case", "*+", Result::special, case_, sees_nulls, case_vec}, {"coalesce", "*+", Result::first, coalesce, sees_nulls},
    {"around", "***", Result::boolean, around}, {"binary_and", "ii", Result::int64, bits<b_and>}, {"binary_or", "ii", Result::int64, bits<b_or>}, {"binary_xor", "ii", Result::int64, bits<b_xor>},
    {"binary_shift_left", "ii", Result::int64, bits<b_left>}, {"binary_shift_right", "ii", Result::int64, bits<b_right>},
    {"binary_not", "i", Result::int64, binary_not}, {"bitset_count_ones", "i", Result::int64, bitset_count_ones},
    {"rand", "?i", Result::real, rand_, impure}, {"new_guid", "", Result::guid, new_guid, impure},
    {"tobool", "*", Result::boolean, to<Type::boolean>}, {"toboolean", "*", Result::boolean, to<Type::boolean>},
    {"toint", "*", Result::int32, to<Type::int32>}, {"tolong", "*", Result::int64, to<Type::int64>},
    {"toreal", "*", Result::real, to<Type::real>}, {"todouble", "*", Result::real, to<Type::real>},
    {"todecimal", "*", Result::decimal, to<Type::decimal>}, {"tostring", "*", Result::string, to<Type::string>},
    {"todatetime", "*", Result::datetime, to<Type::datetime>}, {"totimespan", "*", Result::timespan, totimespan}, {"totime", "*", Result::timespan, totimespan},
    {"toguid", "*", Result::guid, to<Type::guid>}, {"todynamic_value", "*", Result::dynamic, to<Type::dynamic>},
    {"gettype", "*", Result::string, gettype, sees_nulls},
    {"welch_test", "nnnnnn", Result::real, welch_test},
    {"beta_cdf", "nnn", Result::real, beta_cdf}, {"beta_pdf", "nnn", Result::real, beta_pdf}, {"beta_inv", "nnn", Result::real, beta_inv},
    {"convert_length", "nss", Result::real, convert_length}, {"convert_mass", "nss", Result::real, convert_mass}, {"convert_speed", "nss", Result::real, convert_speed},
    {"convert_volume", "nss", Result::real, convert_volume}, {"convert_energy", "nss", Result::real, convert_energy}, {"convert_force", "nss", Result::real, convert_force},
    {"convert_angle", "nss", Result::real, convert_angle}, {"convert_temperature", "nss", Result::real, convert_temperature},
};

}  // namespace

std::span<const Function> math_functions() { return table; }

}  // namespace app::kql
