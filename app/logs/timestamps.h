// app/logs/timestamps.h: reads the timestamps that logs use, at the start of a text.
// One hand-written scanner; shapes have names that format files use ("iso", "syslog", ...).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "app/types.h"

namespace app::logs {

enum class TimeShape : uint8_t {
  any,         // whichever of the following fits, uptime and clock excepted
  iso,         // 2026-01-31T10:20:30.123456+02:00 and with ' ', '/', '.', ',', '-' as separators
  compact,     // 20260131-10:20:30:123  20260131T102030Z
  short_year,  // 26/01/31 10:20:30  260131 102030  260131 10:20:30
  syslog,      // Jan 31 10:20:30[.123] [2026]
  weekday,     // Sat Jan 31 10:20:30[.123] [UTC] 2026   Sat, 31 Jan 2026 10:20:30 GMT
  day_month,   // 31/Jan/2026:10:20:30 +0000  31 Jan 2026 10:20:30.123  31-Jan-2026 10:20:30
  month_day,   // 01-31 10:20:30.123  01.31 10:20:30  01/31 10:20:30
  klog,        // 0131 10:20:30.123456
  us_date,     // 01/31/2026 10:20:30 AM
  epoch,       // 1769854830[.123]  1769854830123 (ms), 16 digits (us), 19 digits (ns)
  uptime,      // 12345.678901: seconds since boot
  clock,       // 10:20:30.123: no date
};
std::optional<TimeShape> time_shape_named(std::string_view name);

// What stood there. Fields that were not written are filled in by resolve_time.
struct WrittenTime {
  TimeShape shape = TimeShape::any;
  int year = 0;              // 0: not written
  int month = 0, day = 0;    // 0: not written
  int64_t ticks_of_day = 0;  // uptime, epoch: ticks since boot or since 1970
  bool has_zone = false;
  int utc_offset_minutes = 0;
};

// Reads a timestamp of that shape at the start of text; gives its length in bytes, 0: none there.
size_t scan_time(std::string_view text, TimeShape shape, WrittenTime& out);

Ticks ticks_from_date(int year, int month, int day);  // proleptic Gregorian, years 1..9999
struct Date {
  int year = 1, month = 1, day = 1;
};
Date date_from_ticks(Ticks time);
std::string iso_text(Ticks time);  // 2026-01-31T10:20:30.1230000Z; "" for no_time

// Fills in what a log leaves out, line after line: the zone, the year (with December to January
// passing into the next), the date of a clock time (with midnight passing into the next day), the
// boot time.
class TimeResolver {
 public:
  // reference: when the log ended, as far as known (file time, else now).
  TimeResolver(Ticks reference, int utc_offset_minutes);
  void set_boot_time(Ticks boot) { boot_ = boot; }
  Ticks resolve(const WrittenTime& written);

  // What was assumed so far.
  bool assumed_zone() const { return assumed_zone_; }
  int assumed_year() const { return first_year_; }  // 0: none was needed
  bool year_passed() const { return year_ != first_year_; }
  bool assumed_date() const { return clock_day_ != no_time; }
  bool assumed_boot() const { return assumed_boot_; }
  std::optional<int> written_offset_minutes() const { return written_offset_; }

 private:
  Ticks reference_, boot_;
  int offset_minutes_;
  int year_ = 0, first_year_ = 0, last_month_ = 0;
  Ticks clock_day_ = no_time;
  int64_t last_clock_ = -1;
  bool assumed_zone_ = false, assumed_boot_ = false;
  std::optional<int> written_offset_;
  int cached_year_ = 0, cached_month_ = 0, cached_day_ = 0;
  Ticks cached_date_ = 0;
};

}  // namespace app::logs
