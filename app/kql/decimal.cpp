#include "app/kql/decimal.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "engine/base/text.h"

namespace app::kql {
namespace {

using Digits = Decimal::Digits;
constexpr int max_scale = 28;
constexpr Digits least = static_cast<Digits>(static_cast<unsigned __int128>(1) << 127);  // has no positive twin, so no decimal is it

bool grow(Digits& digits, int by) {
  for (; by > 0; --by) {
    if (__builtin_mul_overflow(digits, Digits{10}, &digits)) return false;
  }
  return true;
}

void shrink(Decimal& value) {
  while (value.scale > 0 && value.digits % 10 == 0) value.digits /= 10, --value.scale;
}

bool same_scale(Decimal& a, Decimal& b) {
  const int scale = std::max(a.scale, b.scale);
  const bool ok = grow(a.digits, scale - a.scale) && grow(b.digits, scale - b.scale);
  a.scale = b.scale = scale;
  return ok;
}

}  // namespace

std::optional<Decimal> parse_decimal(std::string_view text) {
  text = engine::trim(text);
  Decimal out;
  const bool negative = !text.empty() && text[0] == '-';
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  bool point = false, any = false;
  size_t at = 0;
  for (; at < text.size() && (text[at] == '.' || (text[at] >= '0' && text[at] <= '9')); ++at) {
    if (text[at] == '.') {
      if (point) return std::nullopt;
      point = true;
      continue;
    }
    any = true;
    if (point && out.scale >= max_scale) continue;
    if (!grow(out.digits, 1) || __builtin_add_overflow(out.digits, Digits{text[at] - '0'}, &out.digits)) return std::nullopt;
    out.scale += point;
  }
  if (!any) return std::nullopt;
  if (at < text.size()) {
    if ((text[at] | 32) != 'e') return std::nullopt;
    const std::string rest(text.substr(at + 1));
    char* end = nullptr;
    const long exponent = std::strtol(rest.c_str(), &end, 10);
    if (rest.empty() || *end != '\0' || exponent > 40 || exponent < -60) return std::nullopt;
    out.scale -= static_cast<int>(exponent);
    if (out.scale < 0) {
      if (!grow(out.digits, -out.scale)) return std::nullopt;
      out.scale = 0;
    }
    while (out.scale > max_scale) out.digits /= 10, --out.scale;
  }
  if (negative) out.digits = -out.digits;
  shrink(out);
  return out;
}

std::string decimal_text(const Decimal& value) {
  Decimal v = value;
  shrink(v);
  const bool negative = v.digits < 0;
  std::string text;
  for (int n = 0; v.digits != 0 || n <= v.scale; ++n) {
    if (n == v.scale && v.scale > 0) text += '.';
    const int digit = static_cast<int>(v.digits % 10);
    text += static_cast<char>('0' + (digit < 0 ? -digit : digit));
    v.digits /= 10;
  }
  if (negative) text += '-';
  std::reverse(text.begin(), text.end());
  return text;
}

double decimal_to_real(const Decimal& value) { return std::strtod(decimal_text(value).c_str(), nullptr); }

std::optional<Decimal> add(const Decimal& x, const Decimal& y) {
  Decimal a = x, b = y;
  if (!same_scale(a, b) || __builtin_add_overflow(a.digits, b.digits, &a.digits) || a.digits == least) return std::nullopt;
  shrink(a);
  return a;
}

std::optional<Decimal> subtract(const Decimal& a, const Decimal& b) {
  Decimal negated = b;
  negated.digits = -negated.digits;
  return add(a, negated);
}

std::optional<Decimal> multiply(const Decimal& a, const Decimal& b) {
  Decimal out;
  if (__builtin_mul_overflow(a.digits, b.digits, &out.digits) || out.digits == least) return std::nullopt;
  out.scale = a.scale + b.scale;
  while (out.scale > max_scale) out.digits /= 10, --out.scale;
  shrink(out);
  return out;
}

std::optional<Decimal> divide(const Decimal& x, const Decimal& y) {
  if (y.digits == 0) return std::nullopt;
  Decimal a = x, b = y;
  if (!same_scale(a, b)) return std::nullopt;
  Decimal out;
  out.digits = a.digits / b.digits;
  Digits rest = a.digits % b.digits;
  while (rest != 0 && out.scale < max_scale - 8) {
    Digits next = out.digits;
    if (__builtin_mul_overflow(rest, Digits{10}, &rest) || !grow(next, 1)) break;
    if (__builtin_add_overflow(next, rest / b.digits, &next) || next == least) break;
    out.digits = next;
    rest %= b.digits;
    ++out.scale;
  }
  shrink(out);
  return out;
}

int compare(const Decimal& a, const Decimal& b) {
  Decimal x = a, y = b;
  if (!same_scale(x, y)) {
    const double l = decimal_to_real(a), r = decimal_to_real(b);
    return l < r ? -1 : l > r;
  }
  return x.digits < y.digits ? -1 : x.digits > y.digits;
}

}  // namespace app::kql
