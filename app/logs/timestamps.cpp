#include "app/logs/timestamps.h"

#include <array>

namespace app::logs {
namespace {

// A place in the text; every read_ function either moves on and says true, or stays and says false.
struct Cursor {
  const char* at;
  const char* end;

  size_t left() const { return size_t(end - at); }
  char peek(size_t ahead = 0) const { return left() > ahead ? at[ahead] : '\0'; }
  bool skip(char c) {
    if (at == end || *at != c) return false;
    ++at;
    return true;
  }
  bool skip_any(std::string_view set) {
    if (at == end || set.find(*at) == std::string_view::npos) return false;
    ++at;
    return true;
  }
  bool skip_blanks() {
    const char* begin = at;
    while (at != end && *at == ' ') ++at;
    return at != begin;
  }
};

bool is_digit(char c) { return unsigned(c - '0') < 10; }
bool is_letter(char c) { return unsigned((c | 32) - 'a') < 26; }

bool read_digits(Cursor& c, size_t n, int& out) {
  if (c.left() < n) return false;
  int value = 0;
  for (size_t i = 0; i < n; ++i) {
    if (!is_digit(c.at[i])) return false;
    value = value * 10 + (c.at[i] - '0');
  }
  c.at += n;
  out = value;
  return true;
}

// One or two digits, the first may be a blank where the second is not.
bool read_day(Cursor& c, int& out) {
  const Cursor start = c;
  if (is_digit(c.peek()) && is_digit(c.peek(1)))
    return read_digits(c, 2, out) && out >= 1 && out <= 31;
  c.skip(' ');
  if (read_digits(c, 1, out) && out >= 1 && !is_digit(c.peek())) return true;
  c = start;
  return false;
}

// .123456 or ,123 as ticks; digits beyond the seventh are dropped.
bool read_fraction(Cursor& c, std::string_view separators, int64_t& ticks) {
  const Cursor start = c;
  if (!c.skip_any(separators) || !is_digit(c.peek())) {
    c = start;
    return false;
  }
  int64_t unit = ticks_per_second / 10;
  for (; is_digit(c.peek()); ++c.at) {
    ticks += (*c.at - '0') * unit;
    unit /= 10;
  }
  return true;
}

// 10:20:30 with an optional fraction; the separator between the parts is given.
bool read_clock(Cursor& c, char separator, std::string_view fraction_separators, int64_t& ticks) {
  const Cursor start = c;
  int h = 0, m = 0, s = 0;
  const bool two = is_digit(c.peek()) && is_digit(c.peek(1));
  const bool ok = read_digits(c, two ? 2 : 1, h) && c.skip(separator) && read_digits(c, 2, m) &&
                  c.skip(separator) && read_digits(c, 2, s) && h < 24 && m < 60 && s <= 60;
  if (!ok || is_digit(c.peek())) {
    c = start;
    return false;
  }
  ticks = (int64_t(h) * 3600 + m * 60 + s) * ticks_per_second;
  read_fraction(c, fraction_separators, ticks);
  return true;
}

// Z, UTC, GMT, +02:00, +0200, +02; a blank may stand before. Words only where followed by no
// letter.
void read_zone(Cursor& c, WrittenTime& out) {
  const Cursor start = c;
  if (c.skip('Z') && !is_letter(c.peek()) && !is_digit(c.peek())) {
    out.has_zone = true;
    return;
  }
  c = start;
  c.skip(' ');
  for (const std::string_view word : {"UTC", "GMT"}) {
    if (c.left() >= 3 && std::string_view(c.at, 3) == word && !is_letter(c.peek(3)) &&
        !is_digit(c.peek(3))) {
      c.at += 3;
      out.has_zone = true;
      return;
    }
  }
  const char sign = c.peek();
  int h = 0, m = 0;
  if ((sign == '+' || sign == '-') && (++c.at, read_digits(c, 2, h)) && h <= 14) {
    const Cursor hours = c;
    c.skip(':');
    if (!read_digits(c, 2, m) || m >= 60) {
      c = hours;
      m = 0;
      // "+02" alone; "-17 ..." with a blank before is more likely a number of the text.
      if (start.peek() == ' ' || c.peek() == ':') {
        c = start;
        return;
      }
    }
    if (!is_digit(c.peek()) && !is_letter(c.peek())) {
      out.has_zone = true;
      out.utc_offset_minutes = (sign == '-' ? -1 : 1) * (h * 60 + m);
      return;
    }
  }
  c = start;
}

constexpr std::array<std::string_view, 12> months = {"jan", "feb", "mar", "apr", "may", "jun",
                                                     "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> weekdays = {"mon", "tue", "wed", "thu",
                                                      "fri", "sat", "sun"};

template <size_t N>
int read_name(Cursor& c, const std::array<std::string_view, N>& names) {
  if (c.left() < 3) return 0;
  const char word[3] = {char(c.at[0] | 32), char(c.at[1] | 32), char(c.at[2] | 32)};
  for (size_t i = 0; i < N; ++i) {
    if (names[i] == std::string_view(word, 3)) {
      c.at += 3;
      return int(i) + 1;
    }
  }
  return 0;
}

bool valid_date(int month, int day) { return month >= 1 && month <= 12 && day >= 1 && day <= 31; }

bool read_iso(Cursor& c, WrittenTime& out) {
  const char separator = c.peek(4);
  if (separator != '-' && separator != '/' && separator != '.') return false;
  if (!read_digits(c, 4, out.year) || out.year < 1970 || !c.skip(separator)) return false;
  if (!read_digits(c, 2, out.month) || !c.skip(separator) || !read_digits(c, 2, out.day))
    return false;
  if (!valid_date(out.month, out.day)) return false;
  char between = c.peek();
  if (between == ',') {
    ++c.at;
    between = c.peek();
  }
  if (between == 'T' || between == 't' || between == '_' || between == ':') {
    ++c.at;
  } else if (between == '-') {  // 2005-06-03-15.42.50.675872
    ++c.at;
    if (read_clock(c, '.', ".", out.ticks_of_day)) return true;
    return read_clock(c, ':', ".,", out.ticks_of_day);
  } else if (!c.skip_blanks()) {
    return false;
  } else if (c.peek() == '-' && c.peek(1) == ' ') {  // 2026/01/31 - 10:20:30
    c.at += 2;
  }
  if (!read_clock(c, ':', ".,:", out.ticks_of_day)) return false;
  read_zone(c, out);
  return true;
}

// 7:5:3:42: parts without leading zeros, as some programs print them; milliseconds at the end.
bool read_loose_clock(Cursor& c, int64_t& ticks) {
  int part[4] = {};
  for (int i = 0; i < 4; ++i) {
    if (i > 0 && !(i == 3 ? c.skip_any(":.,") : c.skip(':'))) {
      if (i == 3) break;
      return false;
    }
    size_t n = 0;
    while (n < (i == 3 ? 9u : 2u) && is_digit(c.peek(n))) ++n;
    if (n == 0 || !read_digits(c, n, part[i])) return false;
    for (; i == 3 && n > 3; --n) part[3] /= 10;
  }
  if (part[0] > 23 || part[1] > 59 || part[2] > 60) return false;
  ticks = ((int64_t(part[0]) * 3600 + part[1] * 60 + part[2]) * 1000 + part[3]) *
          (ticks_per_second / 1000);
  return true;
}

bool read_compact(Cursor& c, WrittenTime& out) {
  if (!read_digits(c, 4, out.year) || out.year < 1970 || out.year > 2200) return false;
  if (!read_digits(c, 2, out.month) || !read_digits(c, 2, out.day)) return false;
  if (!valid_date(out.month, out.day) || !c.skip_any("-T _")) return false;
  if (is_digit(c.peek()) && is_digit(c.peek(1)) && is_digit(c.peek(2))) {
    int h = 0, m = 0, s = 0;
    if (!read_digits(c, 2, h) || !read_digits(c, 2, m) || !read_digits(c, 2, s)) return false;
    if (h > 23 || m > 59 || s > 60) return false;
    out.ticks_of_day = (int64_t(h) * 3600 + m * 60 + s) * ticks_per_second;
    read_fraction(c, ".,", out.ticks_of_day);
    if (is_digit(c.peek())) return false;
  } else if (!read_loose_clock(c, out.ticks_of_day)) {
    return false;
  }
  read_zone(c, out);
  return true;
}

bool read_short_year(Cursor& c, WrittenTime& out) {
  const bool slashes = c.peek(2) == '/' || c.peek(2) == '-';
  const char separator = c.peek(2);
  if (!read_digits(c, 2, out.year) || (slashes && !c.skip(separator))) return false;
  if (!read_digits(c, 2, out.month) || (slashes && !c.skip(separator))) return false;
  if (!read_digits(c, 2, out.day) || !valid_date(out.month, out.day)) return false;
  out.year += out.year < 70 ? 2000 : 1900;
  if (!c.skip_blanks()) return false;
  if (read_clock(c, ':', ".,", out.ticks_of_day)) return true;
  int h = 0, m = 0, s = 0;
  if (slashes || !read_digits(c, 2, h) || !read_digits(c, 2, m) || !read_digits(c, 2, s))
    return false;
  out.ticks_of_day = (int64_t(h) * 3600 + m * 60 + s) * ticks_per_second;
  return h < 24 && m < 60 && s <= 60 && !is_digit(c.peek());
}

// A year on its own, where no clock follows.
bool read_year(Cursor& c, int& year) {
  const Cursor start = c;
  c.skip(',');
  int value = 0;
  if (c.skip_blanks() && read_digits(c, 4, value) && value >= 1970 && value < 2200 &&
      !is_digit(c.peek()) && !is_letter(c.peek()) && c.peek() != ':' && c.peek() != '.') {
    year = value;
    return true;
  }
  c = start;
  return false;
}

bool read_syslog(Cursor& c, WrittenTime& out) {
  out.month = read_name(c, months);
  if (out.month == 0 || !c.skip(' ') || !read_day(c, out.day)) return false;
  Cursor before_clock = c;
  if (read_year(c, out.year)) before_clock = c;  // Jan 31, 2026 10:20:30
  c = before_clock;
  c.skip(',');
  if (!c.skip_blanks() || !read_clock(c, ':', ".,", out.ticks_of_day)) return false;
  return true;
}

bool read_weekday(Cursor& c, WrittenTime& out) {
  if (read_name(c, weekdays) == 0) return false;
  if (c.skip(',')) {  // Sat, 31 Jan 2026 10:20:30 GMT
    if (!c.skip_blanks() || !read_day(c, out.day) || !c.skip_any(" -")) return false;
    out.month = read_name(c, months);
    if (out.month == 0 || !c.skip_any(" -") || !read_digits(c, 4, out.year)) return false;
    if (!c.skip_blanks() || !read_clock(c, ':', ".,", out.ticks_of_day)) return false;
    read_zone(c, out);
    return true;
  }
  if (!c.skip_blanks() || !read_syslog(c, out)) return false;
  if (out.year != 0) return true;
  const Cursor after_clock = c;
  read_zone(c, out);
  if (!out.has_zone && c.skip(' ')) {  // a zone's name whose offset we cannot know: CEST
    int n = 0;
    while (is_letter(c.peek()) && n < 5) ++c.at, ++n;
    if (n < 3) c = after_clock;
  }
  if (!read_year(c, out.year)) c = after_clock;
  return true;
}

bool read_day_month(Cursor& c, WrittenTime& out) {
  int day = 0;
  const bool two = is_digit(c.peek()) && is_digit(c.peek(1));
  if (!read_digits(c, two ? 2 : 1, day) || day < 1 || day > 31) return false;
  out.day = day;
  const char separator = c.peek();
  if (!c.skip_any("/- ")) return false;
  out.month = read_name(c, months);
  if (out.month == 0 || !c.skip(separator)) return false;
  if (!read_digits(c, 4, out.year) || out.year < 1970) return false;
  if (!c.skip_any(": ,")) return false;
  c.skip_blanks();
  if (!read_clock(c, ':', ".,", out.ticks_of_day)) return false;
  read_zone(c, out);
  return true;
}

bool read_month_day(Cursor& c, WrittenTime& out) {
  if (!read_digits(c, 2, out.month)) return false;
  const char separator = c.peek();
  if (!c.skip_any("-./") || !read_digits(c, 2, out.day)) return false;
  if (!valid_date(out.month, out.day) || !c.skip_any(" -T")) return false;
  return read_clock(c, ':', ".,", out.ticks_of_day) && separator != '\0';
}

bool read_klog(Cursor& c, WrittenTime& out) {
  if (!read_digits(c, 2, out.month) || !read_digits(c, 2, out.day)) return false;
  return valid_date(out.month, out.day) && c.skip_blanks() &&
         read_clock(c, ':', ".", out.ticks_of_day);
}

bool read_us_date(Cursor& c, WrittenTime& out) {
  const auto one_or_two = [&c](int& value) {
    return read_digits(c, is_digit(c.peek()) && is_digit(c.peek(1)) ? 2 : 1, value);
  };
  if (!one_or_two(out.month) || !c.skip('/') || !one_or_two(out.day) || !c.skip('/')) return false;
  if (!read_digits(c, 4, out.year) || !valid_date(out.month, out.day)) return false;
  c.skip(',');
  if (!c.skip_blanks() || !read_clock(c, ':', ".", out.ticks_of_day)) return false;
  const Cursor clock_end = c;
  c.skip(' ');
  const char half = char(c.peek() & ~32);
  if ((half == 'A' || half == 'P') && (c.peek(1) & ~32) == 'M' && !is_letter(c.peek(2))) {
    c.at += 2;
    const int64_t hour = out.ticks_of_day / (3600 * ticks_per_second);
    const int64_t twelve_hours = 12 * 3600 * ticks_per_second;
    if (half == 'A' && hour == 12) out.ticks_of_day -= twelve_hours;
    if (half == 'P' && hour < 12) out.ticks_of_day += twelve_hours;
  } else {
    c = clock_end;
  }
  return true;
}

bool read_epoch(Cursor& c, WrittenTime& out) {
  size_t n = 0;
  int64_t value = 0;
  for (; n < 20 && is_digit(c.peek(n)); ++n) value = n < 18 ? value * 10 + (c.at[n] - '0') : value;
  if (is_letter(c.peek(n)) || c.peek(n) == '_' || c.peek() == '0') return false;
  out.has_zone = true;
  if (n == 10) {
    out.ticks_of_day = value * ticks_per_second;
    c.at += n;
    read_fraction(c, ".", out.ticks_of_day);
    return true;
  }
  if (n == 13) out.ticks_of_day = value * (ticks_per_second / 1000);
  if (n == 16) out.ticks_of_day = value * 10;
  if (n == 19) out.ticks_of_day = value / 10;  // 18 of the 19 digits were kept
  if (n != 13 && n != 16 && n != 19) return false;
  c.at += n;
  return true;
}

bool read_uptime(Cursor& c, WrittenTime& out) {
  c.skip_blanks();
  int64_t seconds = 0;
  size_t n = 0;
  for (; n < 11 && is_digit(c.peek()); ++n, ++c.at) seconds = seconds * 10 + (*c.at - '0');
  if (n == 0 || n > 10) return false;
  out.ticks_of_day = seconds * ticks_per_second;
  return read_fraction(c, ".", out.ticks_of_day);
}

bool read_bare_clock(Cursor& c, WrittenTime& out) {
  return read_clock(c, ':', ".,", out.ticks_of_day);
}

using Reader = bool (*)(Cursor&, WrittenTime&);
struct Shape {
  std::string_view name;
  TimeShape shape;
  Reader read;
};
constexpr Shape shapes[] = {
    {"any", TimeShape::any, nullptr},
    {"iso", TimeShape::iso, read_iso},
    {"compact", TimeShape::compact, read_compact},
    {"short_year", TimeShape::short_year, read_short_year},
    {"syslog", TimeShape::syslog, read_syslog},
    {"weekday", TimeShape::weekday, read_weekday},
    {"day_month", TimeShape::day_month, read_day_month},
    {"month_day", TimeShape::month_day, read_month_day},
    {"klog", TimeShape::klog, read_klog},
    {"us_date", TimeShape::us_date, read_us_date},
    {"epoch", TimeShape::epoch, read_epoch},
    {"uptime", TimeShape::uptime, read_uptime},
    {"clock", TimeShape::clock, read_bare_clock},
};

size_t scan_shape(std::string_view text, const Shape& shape, WrittenTime& out) {
  WrittenTime read;
  read.shape = shape.shape;
  Cursor c{text.data(), text.data() + text.size()};
  if (!shape.read(c, read)) return 0;
  out = read;
  return size_t(c.at - text.data());
}

}  // namespace

std::optional<TimeShape> time_shape_named(std::string_view name) {
  for (const Shape& s : shapes) {
    if (s.name == name) return s.shape;
  }
  return std::nullopt;
}

size_t scan_time(std::string_view text, TimeShape shape, WrittenTime& out) {
  if (text.size() < 3) return 0;
  if (shape != TimeShape::any) return scan_shape(text, shapes[size_t(shape)], out);
  if (is_letter(text[0])) {
    for (const TimeShape s : {TimeShape::weekday, TimeShape::syslog}) {
      if (const size_t n = scan_shape(text, shapes[size_t(s)], out)) return n;
    }
    return 0;
  }
  if (!is_digit(text[0])) return 0;
  for (const TimeShape s :
       {TimeShape::iso, TimeShape::compact, TimeShape::short_year, TimeShape::day_month,
        TimeShape::us_date, TimeShape::month_day, TimeShape::klog, TimeShape::epoch}) {
    if (const size_t n = scan_shape(text, shapes[size_t(s)], out)) return n;
  }
  return 0;
}

}  // namespace app::logs
