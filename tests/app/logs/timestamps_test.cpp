#include "app/logs/timestamps.h"

#include <doctest/doctest.h>

using namespace app;
using namespace app::logs;

namespace {

const Ticks reference = ticks_from_date(2026, 6, 30);

std::string read(std::string_view text, TimeShape shape = TimeShape::any, Ticks until = reference) {
  WrittenTime written;
  if (scan_time(text, shape, written) == 0) return "none";
  TimeResolver resolver(until, 0);
  return iso_text(resolver.resolve(written)).substr(0, 23);
}

}  // namespace

TEST_CASE("logs/timestamps: the usual shapes all give the same instant") {
  const std::string expected = "2026-01-31T10:20:30.000";
  for (const char* text : {"2026-01-31T10:20:30Z",
                           "2026-01-31 10:20:30",
                           "2026/01/31 10:20:30",
                           "2026/01/31 - 10:20:30",
                           "2026.01.31 10:20:30",
                           "2026-01-31T12:20:30+02:00",
                           "2026-01-31T12:20:30+0200",
                           "2026-01-31 05:50:30 -0430",
                           "2026-01-31 10:20:30 UTC",
                           "2026-01-31-10.20.30.000000",
                           "20260131-10:20:30",
                           "20260131T102030Z",
                           "26/01/31 10:20:30",
                           "260131 102030",
                           "Jan 31 10:20:30",
                           "Jan 31 2026 10:20:30",
                           "Sat Jan 31 10:20:30 2026",
                           "Sat Jan 31 10:20:30 UTC 2026",
                           "Sat, 31 Jan 2026 10:20:30 GMT",
                           "31/Jan/2026:11:20:30 +0100",
                           "31 Jan 2026 10:20:30",
                           "31-Jan-2026 10:20:30",
                           "01-31 10:20:30",
                           "01.31 10:20:30",
                           "1/31/2026 10:20:30 AM",
                           "1769854830",
                           "1769854830000",
                           "1769854830000000",
                           "1769854830000000000"}) {
    CAPTURE(text);
    CHECK(read(text) == expected);
  }
}

TEST_CASE("logs/timestamps: fractions are kept to a millisecond and beyond") {
  CHECK(read("2026-01-31T10:20:30.1234567Z") == "2026-01-31T10:20:30.123");
  CHECK(read("2026-01-31 10:20:30,5") == "2026-01-31T10:20:30.500");
  CHECK(read("20260131-1:2:3:42") == "2026-01-31T01:02:03.042");
  CHECK(read("1769854830.25") == "2026-01-31T10:20:30.250");
}

TEST_CASE("logs/timestamps: what is no date is not read as one") {
  for (const char* text :
       {"", "x", "2026-13-01 00:00:00", "2026-01-32 00:00:00", "2026-01-01 25:00:00", "2026-01-01",
        "Foo 31 10:20:30", "Jan 41 10:20:30", "12345", "99/99/99 10:20:30", "20261301-10:20:30",
        "2026-01-01T10:2", "0000000000"}) {
    CAPTURE(text);
    CHECK(read(text) == "none");
  }
}

TEST_CASE("logs/timestamps: noon and midnight of the twelve-hour clock") {
  CHECK(read("1/31/2026 12:00:00 AM") == "2026-01-31T00:00:00.000");
  CHECK(read("1/31/2026 12:00:00 PM") == "2026-01-31T12:00:00.000");
  CHECK(read("1/31/2026 1:00:00 PM") == "2026-01-31T13:00:00.000");
}

TEST_CASE("logs/timestamps: a date without a year lies before the end of the log") {
  CHECK(read("Jun 29 10:00:00") == "2026-06-29T10:00:00.000");
  CHECK(read("Aug  1 10:00:00") == "2025-08-01T10:00:00.000");
}

TEST_CASE("logs/timestamps: December passes into January of the next year") {
  TimeResolver resolver(ticks_from_date(2026, 1, 5), 0);
  WrittenTime w;
  scan_time("Dec 31 23:59:59", TimeShape::syslog, w);
  CHECK(iso_text(resolver.resolve(w)).substr(0, 10) == "2025-12-31");
  scan_time("Jan  1 00:00:01", TimeShape::syslog, w);
  CHECK(iso_text(resolver.resolve(w)).substr(0, 10) == "2026-01-01");
  CHECK(resolver.year_passed());
  CHECK(resolver.assumed_year() == 2025);
}

TEST_CASE("logs/timestamps: a clock without a date passes midnight") {
  TimeResolver resolver(ticks_from_date(2026, 1, 5) + 3600 * ticks_per_second, 0);
  WrittenTime w;
  scan_time("23:59:59", TimeShape::clock, w);
  const Ticks before = resolver.resolve(w);
  scan_time("00:00:01", TimeShape::clock, w);
  CHECK(resolver.resolve(w) - before == 2 * ticks_per_second);
}

TEST_CASE("logs/timestamps: the default zone moves times that have none, and only those") {
  TimeResolver resolver(reference, 120);
  WrittenTime w;
  scan_time("2026-01-31 10:20:30", TimeShape::iso, w);
  CHECK(iso_text(resolver.resolve(w)).substr(11, 8) == "08:20:30");
  scan_time("2026-01-31T10:20:30Z", TimeShape::iso, w);
  CHECK(iso_text(resolver.resolve(w)).substr(11, 8) == "10:20:30");
}

TEST_CASE("logs/timestamps: days and dates agree over four centuries") {
  Ticks expected = ticks_from_date(1900, 1, 1);
  for (int year = 1900; year < 2300; ++year) {
    for (int month = 1; month <= 12; ++month) {
      const int n_days = month == 2
                             ? (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28)
                             : (month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31);
      REQUIRE(ticks_from_date(year, month, 1) == expected);
      const Date back = date_from_ticks(expected + (n_days - 1) * 86400 * ticks_per_second);
      REQUIRE(back.year == year);
      REQUIRE(back.month == month);
      REQUIRE(back.day == n_days);
      expected += n_days * 86400 * ticks_per_second;
    }
  }
  CHECK(ticks_from_date(1970, 1, 1) == unix_epoch_ticks);
}
