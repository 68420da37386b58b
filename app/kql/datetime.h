// app/kql/datetime.h: text of datetimes and timespans. All times are UTC, in ticks of 100 ns.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace app::kql {

constexpr int64_t ticks_per_ms = 10'000, ticks_per_sec = 10'000'000, ticks_per_minute = 600'000'000,
                  ticks_per_hour = 36'000'000'000, ticks_per_day = 864'000'000'000,
                  max_datetime = 3'155'378'975'999'999'999;

struct Civil {
  int64_t year = 1;
  int month = 1, day = 1, hour = 0, minute = 0, second = 0;
  int64_t fraction = 0;  // ticks
};
Civil civil(int64_t ticks);
// None where a field is out of its range (years 1 to 9999).
std::optional<int64_t> ticks_of(int64_t year, int month, int day, int hour = 0, int minute = 0,
                                int second = 0, int64_t fraction = 0);
int days_in_month(int64_t year, int month);
int day_of_week(int64_t ticks);  // Sunday 0

// ISO 8601, RFC 822 and the other spellings the language reads; none where the text is no time.
std::optional<int64_t> parse_datetime(std::string_view text);
std::string datetime_text(int64_t ticks);  // 2017-01-01T00:00:00.0000000Z
// "1.02:03:04.5", "5m", "12" (days).
std::optional<int64_t> parse_timespan(std::string_view text);
std::string timespan_text(int64_t ticks);  // [-][d.]hh:mm:ss[.fffffff]

// format_datetime() and format_timespan(); characters that are no specifier are copied.
std::string format_datetime(int64_t ticks, std::string_view format);
std::string format_timespan(int64_t ticks, std::string_view format);

int64_t floor_to(int64_t value, int64_t step);  // towards minus infinity; step > 0

}  // namespace app::kql
