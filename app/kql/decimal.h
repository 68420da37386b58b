// app/kql/decimal.h: the decimal type: 38 digits at most, an exponent of ten, exact where it fits.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace app::kql {

struct Decimal {
  __extension__ typedef __int128 Digits;
  Digits digits = 0;
  int scale = 0;  // value = digits / 10^scale
};

std::optional<Decimal> parse_decimal(std::string_view text);
std::string decimal_text(const Decimal& value);  // canonical: no trailing zeros
double decimal_to_real(const Decimal& value);
std::optional<Decimal> add(const Decimal& a, const Decimal& b);       // none: too large
std::optional<Decimal> subtract(const Decimal& a, const Decimal& b);
std::optional<Decimal> multiply(const Decimal& a, const Decimal& b);
std::optional<Decimal> divide(const Decimal& a, const Decimal& b);    // 28 digits; none for / 0
int compare(const Decimal& a, const Decimal& b);

}  // namespace app::kql
