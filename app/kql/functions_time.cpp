#include <algorithm>
#include <cmath>

#include "app/kql/datetime.h"
#include "app/kql/kernel_help.h"
#include "app/kql/time_zones.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::kql {
namespace {

void plus(CallState&, Args a, Value& out) {
  if (__builtin_add_overflow(a[0].i, a[1].i, &out.i) || out.i < 0 || out.i > max_datetime) set_null(out);
}
void minus(CallState&, Args a, Value& out) {
  if (__builtin_sub_overflow(a[0].i, a[1].i, &out.i) || out.i < 0 || out.i > max_datetime) set_null(out);
}

enum class Period { day, week, month, year };
// Start of the period that holds ticks, moved on by a number of periods; none outside the calendar.
std::optional<int64_t> start_of(Period period, int64_t ticks, int64_t offset) {
  constexpr int64_t most = 4'000'000;
  if (offset > most || offset < -most) return std::nullopt;
  const Civil c = civil(ticks);
  int64_t out = floor_to(ticks, ticks_per_day);
  switch (period) {
    case Period::day: out += offset * ticks_per_day; break;
    case Period::week: out += (offset * 7 - day_of_week(ticks)) * ticks_per_day; break;
    case Period::month: {
      const int64_t month = c.year * 12 + c.month - 1 + offset;
      return ticks_of(month / 12, static_cast<int>(month % 12) + 1, 1);
    }
    case Period::year: return ticks_of(c.year + offset, 1, 1);
  }
  if (out < 0 || out > max_datetime) return std::nullopt;
  return out;
}
template <Period period, bool end>
void boundary(CallState&, Args a, Value& out) {
  const Value time = convert(a[0], Type::datetime);
  if (time.null) return set_null(out);
  int64_t offset = integer_at(a, 1, 0);
  if (end && __builtin_add_overflow(offset, 1, &offset)) return set_null(out);
  const std::optional<int64_t> t = start_of(period, time.i, offset);
  t ? void(out.i = *t - (end ? 1 : 0)) : set_null(out);
}

template <typename Get>
void part(Args a, Value& out, Get get_part) {
  const Value time = convert(a[0], Type::datetime);
  time.null ? set_null(out) : void(out.i = get_part(civil(time.i)));
}
void getyear(CallState&, Args a, Value& out) { part(a, out, [](const Civil& c) { return c.year; }); }
void getmonth(CallState&, Args a, Value& out) { part(a, out, [](const Civil& c) { return c.month; }); }
void hourofday(CallState&, Args a, Value& out) { part(a, out, [](const Civil& c) { return c.hour; }); }
void dayofmonth(CallState&, Args a, Value& out) { part(a, out, [](const Civil& c) { return c.day; }); }
// From 1.
int64_t day_of_year(int64_t ticks) {
  const Civil c = civil(ticks);
  int64_t day = c.day;
  for (int month = 1; month < c.month; ++month) day += days_in_month(c.year, month);
  return day;
}
void dayofyear(CallState&, Args a, Value& out) { out.i = day_of_year(a[0].i); }
void dayofweek(CallState&, Args a, Value& out) { out.i = day_of_week(a[0].i) * ticks_per_day; }
// ISO 8601 week.
int64_t iso_week(int64_t ticks) {
  const int64_t day = floor_to(ticks, ticks_per_day);
  const int64_t thursday = day + (3 - (day_of_week(ticks) + 6) % 7) * ticks_per_day;
  return (day_of_year(thursday) - 1) / 7 + 1;
}
void week_of_year(CallState&, Args a, Value& out) { out.i = iso_week(a[0].i); }

std::string singular(std::string unit) {
  unit = engine::to_lower_ascii(unit);
  if (unit.size() > 3 && unit.back() == 's') unit.pop_back();
  return unit;
}
int64_t unit_ticks(const std::string& unit) {
  if (unit == "week") return 7 * ticks_per_day;
  if (unit == "day" || unit == "dayofyear" || unit == "dayofmonth") return ticks_per_day;
  if (unit == "hour") return ticks_per_hour;
  if (unit == "minute") return ticks_per_minute;
  if (unit == "second") return ticks_per_sec;
  if (unit == "millisecond") return ticks_per_ms;
  if (unit == "microsecond") return 10;
  return 0;
}
// The Sunday that a week begins with; that of the first week lies before the calendar.
int64_t first_of_week(int64_t ticks) { return floor_to(ticks, ticks_per_day) - day_of_week(ticks) * ticks_per_day; }
void datetime_diff(CallState&, Args a, Value& out) {
  const std::string unit = singular(to_text(a[0]));
  const int64_t x = a[1].i, y = a[2].i;
  const Civil c = civil(x), d = civil(y);
  if (unit == "year") out.i = c.year - d.year;
  else if (unit == "quarter") out.i = (c.year * 4 + (c.month - 1) / 3) - (d.year * 4 + (d.month - 1) / 3);
  else if (unit == "month") out.i = (c.year * 12 + c.month) - (d.year * 12 + d.month);
  else if (unit == "week") out.i = (first_of_week(x) - first_of_week(y)) / (7 * ticks_per_day);
  else if (unit == "nanosecond") {
    if (__builtin_mul_overflow(x - y, int64_t{100}, &out.i)) set_null(out);
  }
  else if (const int64_t ticks = unit_ticks(unit)) out.i = (floor_to(x, ticks) - floor_to(y, ticks)) / ticks;
  else set_null(out);
}
void datetime_add(CallState&, Args a, Value& out) {
  const std::string unit = singular(to_text(a[0]));
  const int64_t n = integer_at(a, 1, 0);
  const Civil c = civil(a[2].i);
  constexpr int64_t most = 4'000'000'000'000;
  if (n > most || n < -most) return set_null(out);
  int64_t months = unit == "year" ? n * 12 : unit == "quarter" ? n * 3 : unit == "month" ? n : 0;
  if (months != 0 || unit == "year" || unit == "quarter" || unit == "month") {
    months += c.year * 12 + c.month - 1;
    if (months < 12 || months >= 120'000) return set_null(out);
    const int month = static_cast<int>(months % 12) + 1;
    const int day = std::min(c.day, days_in_month(months / 12, month));
    const std::optional<int64_t> t = ticks_of(months / 12, month, day, c.hour, c.minute, c.second, c.fraction);
    return t ? void(out.i = *t) : set_null(out);
  }
  if (unit == "nanosecond") {
    out.i = a[2].i + n / 100;
  } else {
    int64_t by = 0;
    if (unit_ticks(unit) == 0 || __builtin_mul_overflow(n, unit_ticks(unit), &by) || __builtin_add_overflow(a[2].i, by, &out.i)) return set_null(out);
  }
  if (out.i < 0 || out.i > max_datetime) set_null(out);
}
void datetime_part(CallState&, Args a, Value& out) {
  const std::string unit = singular(to_text(a[0]));
  const Civil c = civil(a[1].i);
  if (unit == "year") out.i = c.year;
  else if (unit == "quarter") out.i = (c.month - 1) / 3 + 1;
  else if (unit == "month") out.i = c.month;
  else if (unit == "week_of_year" || unit == "weekofyear") out.i = iso_week(a[1].i);
  else if (unit == "day") out.i = c.day;
  else if (unit == "dayofyear") out.i = day_of_year(a[1].i);
  else if (unit == "hour") out.i = c.hour;
  else if (unit == "minute") out.i = c.minute;
  else if (unit == "second") out.i = c.second;
  else if (unit == "millisecond") out.i = c.fraction / ticks_per_ms;
  else if (unit == "microsecond") out.i = c.fraction / 10;
  else if (unit == "nanosecond") out.i = c.fraction * 100;
  else set_null(out);
}
// A field of a date; beyond what any can be it is out of range.
int field_at(Args a, size_t k, int64_t missing) { return static_cast<int>(std::clamp<int64_t>(integer_at(a, k, missing), -1, 100)); }
void make_datetime(CallState&, Args a, Value& out) {
  if (a.size() == 1) return void(out = convert(a[0], Type::datetime));
  const double seconds = real_at(a, 5, 0);
  if (!(seconds >= 0 && seconds < 60)) return set_null(out);
  const auto whole = static_cast<int>(seconds);
  const std::optional<int64_t> t = ticks_of(integer_at(a, 0, 0), field_at(a, 1, 0), field_at(a, 2, 1), field_at(a, 3, 0), field_at(a, 4, 0), whole,
                                            std::llround((seconds - whole) * 1e7));
  t && *t <= max_datetime ? void(out.i = *t) : set_null(out);
}
void make_timespan(CallState&, Args a, Value& out) {
  if (a.size() == 1) return void(out = convert(a[0], Type::timespan));
  const size_t first = a.size() == 4 ? 1 : 0;
  const double seconds = a.size() > 2 ? real_at(a, first + 2, 0) : 0;
  const int64_t hours = integer_at(a, first, 0), minutes = integer_at(a, first + 1, 0), days = first ? integer_at(a, 0, 0) : 0;
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || !(seconds >= 0 && seconds < 60) || days > 10'000'000 || days < -10'000'000) return set_null(out);
  out.i = days * ticks_per_day + hours * ticks_per_hour + minutes * ticks_per_minute + std::llround(seconds * 1e7);
}
void format_datetime_(CallState&, Args a, Value& out) { out.s = format_datetime(a[0].i, to_text(a[1])); }
void format_timespan_(CallState&, Args a, Value& out) { out.s = format_timespan(a[0].i, to_text(a[1])); }

template <int64_t numerator, int64_t denominator>
void unixtime(CallState&, Args a, Value& out) {
  if (a[0].type == Type::real) {
    const double ticks = a[0].d * static_cast<double>(numerator) / static_cast<double>(denominator);
    if (!(std::fabs(ticks) < 4e18)) return set_null(out);
    out.i = unix_epoch_ticks + static_cast<int64_t>(ticks);
  } else {
    const std::optional<int64_t> n = to_int64(a[0]);
    int64_t ticks = 0;
    if (!n || __builtin_mul_overflow(*n, numerator, &ticks)) return set_null(out);
    if (__builtin_add_overflow(unix_epoch_ticks, ticks / denominator, &out.i)) return set_null(out);
  }
  if (out.i < 0 || out.i > max_datetime) set_null(out);
}

// Time zones with summer time by rule (the current rules of the European Union and the United States).
struct Zone {
  const char* name;
  int minutes;
  char rule;  // E: European Union, U: United States, -: none
};
constexpr Zone zones[] = {
    {"UTC", 0, '-'}, {"Etc/UTC", 0, '-'}, {"Europe/London", 0, 'E'}, {"Europe/Dublin", 0, 'E'}, {"Europe/Lisbon", 0, 'E'},
    {"Europe/Berlin", 60, 'E'}, {"Europe/Paris", 60, 'E'}, {"Europe/Madrid", 60, 'E'}, {"Europe/Rome", 60, 'E'}, {"Europe/Vienna", 60, 'E'},
    {"Europe/Zurich", 60, 'E'}, {"Europe/Amsterdam", 60, 'E'}, {"Europe/Brussels", 60, 'E'}, {"Europe/Copenhagen", 60, 'E'}, {"Europe/Oslo", 60, 'E'},
    {"Europe/Stockholm", 60, 'E'}, {"Europe/Prague", 60, 'E'}, {"Europe/Warsaw", 60, 'E'}, {"Europe/Budapest", 60, 'E'}, {"Europe/Athens", 120, 'E'},
    {"Europe/Helsinki", 120, 'E'}, {"Europe/Kiev", 120, 'E'}, {"Europe/Bucharest", 120, 'E'}, {"Europe/Sofia", 120, 'E'}, {"Europe/Istanbul", 180, '-'},
    {"Europe/Moscow", 180, '-'}, {"America/New_York", -300, 'U'}, {"US/Eastern", -300, 'U'}, {"America/Toronto", -300, 'U'}, {"America/Chicago", -360, 'U'},
    {"US/Central", -360, 'U'}, {"America/Denver", -420, 'U'}, {"US/Mountain", -420, 'U'}, {"America/Phoenix", -420, '-'}, {"America/Los_Angeles", -480, 'U'},
    {"US/Pacific", -480, 'U'}, {"America/Vancouver", -480, 'U'}, {"America/Anchorage", -540, 'U'}, {"Pacific/Honolulu", -600, '-'}, {"US/Hawaii", -600, '-'},
    {"America/Sao_Paulo", -180, '-'}, {"America/Bogota", -300, '-'}, {"America/Lima", -300, '-'}, {"Asia/Tokyo", 540, '-'}, {"Japan", 540, '-'}, {"Asia/Seoul", 540, '-'},
    {"Asia/Shanghai", 480, '-'}, {"Asia/Hong_Kong", 480, '-'}, {"Asia/Singapore", 480, '-'}, {"Asia/Kolkata", 330, '-'}, {"Asia/Calcutta", 330, '-'},
    {"Asia/Dubai", 240, '-'}, {"Asia/Jakarta", 420, '-'}, {"Asia/Bangkok", 420, '-'}, {"Asia/Karachi", 300, '-'}, {"Australia/Brisbane", 600, '-'},
    {"Africa/Johannesburg", 120, '-'}, {"Africa/Nairobi", 180, '-'}, {"Africa/Lagos", 60, '-'}, {"Africa/Cairo", 120, '-'}, {"Asia/Riyadh", 180, '-'}};

// The nth (or last: 5) Sunday of a month.
int64_t sunday(int64_t year, int month, int n) {
  const int64_t first = *ticks_of(year, month, 1);
  int day = 1 + (7 - day_of_week(first)) % 7 + (n - 1) * 7;
  while (day > days_in_month(year, month)) day -= 7;
  return *ticks_of(year, month, day);
}
int64_t offset_of(const Zone& zone, int64_t utc) {
  const int64_t year = civil(utc).year;
  bool summer = false;
  if (zone.rule == 'E') summer = utc >= sunday(year, 3, 5) + ticks_per_hour && utc < sunday(year, 10, 5) + ticks_per_hour;
  if (zone.rule == 'U') {
    const int64_t shift = zone.minutes * ticks_per_minute;
    summer = utc >= sunday(year, 3, 2) + 2 * ticks_per_hour - shift && utc < sunday(year, 11, 1) + ticks_per_hour - shift;
  }
  return zone.minutes * ticks_per_minute + (summer ? ticks_per_hour : 0);
}
const Zone& zone_named(const std::string& name) {
  for (const Zone& z : zones) {
    if (name == z.name) return z;
  }
  engine::fail(engine::ErrorKind::unsupported, "the time zone '%s' is not known here; use an offset: + 2h", name.c_str());
}
void set_shifted(Value& out, int64_t time, int64_t by) {
  out.i = time + by;
  if (out.i < 0 || out.i > max_datetime) set_null(out);
}
// By the system's time zone files; by the table above where there are none.
void utc_to_local(CallState&, Args a, Value& out) {
  const std::string name = to_text(a[1]);
  const auto zone = system_time_zone(name);
  set_shifted(out, a[0].i, zone ? zone->offset_ticks(a[0].i) : offset_of(zone_named(name), a[0].i));
}
void local_to_utc(CallState&, Args a, Value& out) {
  const std::string name = to_text(a[1]);
  if (const auto zone = system_time_zone(name)) return set_shifted(out, a[0].i, -zone->offset_of_local_ticks(a[0].i));
  const Zone& known = zone_named(name);
  set_shifted(out, a[0].i, -offset_of(known, std::clamp<int64_t>(a[0].i - known.minutes * ticks_per_minute, 0, max_datetime)));
}

constexpr Function table[] = {
    {"datetime_plus", "tp", Result::datetime, plus}, {"datetime_minus", "tp", Result::datetime, minus},
    {"startofday", "t?i", Result::datetime, boundary<Period::day, false>}, {"endofday", "t?i", Result::datetime, boundary<Period::day, true>},
    {"startofweek", "t?i", Result::datetime, boundary<Period::week, false>}, {"endofweek", "t?i", Result::datetime, boundary<Period::week, true>},
    {"startofmonth", "t?i", Result::datetime, boundary<Period::month, false>}, {"endofmonth", "t?i", Result::datetime, boundary<Period::month, true>},
    {"startofyear", "t?i", Result::datetime, boundary<Period::year, false>}, {"endofyear", "t?i", Result::datetime, boundary<Period::year, true>},
    {"getyear", "t", Result::int32, getyear}, {"getmonth", "t", Result::int32, getmonth}, {"monthofyear", "t", Result::int32, getmonth},
    {"hourofday", "t", Result::int32, hourofday}, {"dayofmonth", "t", Result::int32, dayofmonth}, {"dayofyear", "t", Result::int32, dayofyear},
    {"dayofweek", "t", Result::timespan, dayofweek}, {"week_of_year", "t", Result::int32, week_of_year}, {"weekofyear", "t", Result::int32, week_of_year},
    {"datetime_diff", "stt", Result::int64, datetime_diff}, {"datetime_add", "sit", Result::datetime, datetime_add}, {"datetime_part", "st", Result::int64, datetime_part}, {"datepart", "st", Result::int32, datetime_part},
    {"make_datetime", "*?nnnnn", Result::datetime, make_datetime}, {"make_timespan", "*?nnn", Result::timespan, make_timespan},
    {"format_datetime", "ts", Result::string, format_datetime_}, {"format_timespan", "ps", Result::string, format_timespan_},
    {"unixtime_seconds_todatetime", "n", Result::datetime, unixtime<10'000'000, 1>}, {"unixtime_milliseconds_todatetime", "n", Result::datetime, unixtime<10'000, 1>},
    {"unixtime_microseconds_todatetime", "n", Result::datetime, unixtime<10, 1>}, {"unixtime_nanoseconds_todatetime", "n", Result::datetime, unixtime<1, 100>},
    {"datetime_utc_to_local", "ts", Result::datetime, utc_to_local}, {"datetime_local_to_utc", "ts", Result::datetime, local_to_utc},
};

}  // namespace

std::span<const Function> time_functions() { return table; }

}  // namespace app::kql
