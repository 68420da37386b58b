// Dates, and what timestamps leave out: the second half of timestamps.h.
#include "app/logs/timestamps.h"
#include "engine/base/error.h"

namespace app::logs {
namespace {

bool is_leap(int year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

}  // namespace

Ticks ticks_from_date(int year, int month, int day) {
  constexpr int before[12] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
  const int64_t y = year - 1;
  int64_t days = y * 365 + y / 4 - y / 100 + y / 400 + before[month - 1] + day - 1;
  if (month > 2 && is_leap(year)) ++days;
  return days * 86400 * ticks_per_second;
}

Date date_from_ticks(Ticks time) {
  // Days to civil date, from 0000-03-01 in eras of 400 years.
  const int64_t z = time / (86400 * ticks_per_second) + 306;
  const int64_t era = z / 146097, doe = z - era * 146097;
  const int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  const int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
  const int64_t month = mp < 10 ? mp + 3 : mp - 9;
  return {int(yoe + era * 400 + (month <= 2)), int(month), int(doy - (153 * mp + 2) / 5 + 1)};
}

std::string iso_text(Ticks time) {
  if (time == no_time) return {};
  const Date d = date_from_ticks(time);
  const int64_t in_day = time % (86400 * ticks_per_second), s = in_day / ticks_per_second;
  return engine::format("%04d-%02d-%02dT%02d:%02d:%02d.%07dZ", d.year, d.month, d.day,
                        int(s / 3600), int(s / 60 % 60), int(s % 60),
                        int(in_day % ticks_per_second));
}

TimeResolver::TimeResolver(Ticks reference, int utc_offset_minutes)
    : reference_(reference), boot_(no_time), offset_minutes_(utc_offset_minutes) {}

Ticks TimeResolver::resolve(const WrittenTime& w) {
  if (w.shape == TimeShape::epoch) return unix_epoch_ticks + w.ticks_of_day;
  if (w.shape == TimeShape::uptime) {
    if (boot_ == no_time) boot_ = reference_ - w.ticks_of_day;
    assumed_boot_ = true;
    return boot_ + w.ticks_of_day;
  }

  const int offset = w.has_zone ? w.utc_offset_minutes : offset_minutes_;
  if (w.has_zone) {
    written_offset_ = offset;
  } else {
    assumed_zone_ = true;
  }
  const Ticks offset_ticks = Ticks(offset) * 60 * ticks_per_second;

  if (w.shape == TimeShape::clock) {
    const Ticks day = 86400 * ticks_per_second;
    if (clock_day_ == no_time) {
      clock_day_ = (reference_ + offset_ticks) / day * day;
      if (clock_day_ + w.ticks_of_day - offset_ticks > reference_) clock_day_ -= day;
    } else if (last_clock_ - w.ticks_of_day > day / 2) {
      clock_day_ += day;
    }
    last_clock_ = w.ticks_of_day;
    return clock_day_ + w.ticks_of_day - offset_ticks;
  }

  int year = w.year;
  if (year == 0) {
    if (year_ == 0) {
      // A day of slack: the zones of the log and of the file's time may differ.
      const Ticks latest = reference_ + 86400 * ticks_per_second;
      year_ = date_from_ticks(reference_).year;
      if (ticks_from_date(year_, w.month, w.day) + w.ticks_of_day > latest) --year_;
      first_year_ = year_;
    } else if (last_month_ >= 11 && w.month <= 2) {
      ++year_;
    } else if (last_month_ <= 2 && w.month >= 11) {
      --year_;  // a line out of order around New Year
    }
    last_month_ = w.month;
    year = year_;
  }
  if (year != cached_year_ || w.month != cached_month_ || w.day != cached_day_) {
    cached_year_ = year;
    cached_month_ = w.month;
    cached_day_ = w.day;
    cached_date_ = ticks_from_date(year, w.month, w.day);
  }
  return cached_date_ + w.ticks_of_day - offset_ticks;
}

}  // namespace app::logs
