#include "app/kql/datetime.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <vector>

#include "app/kql/lexer.h"
#include "app/types.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::kql {
namespace {

// Days since 0001-01-01 of a proleptic Gregorian date.
int64_t days_of(int64_t year, int month, int day) {
  const int64_t y = month <= 2 ? year - 1 : year;
  const int64_t era = (y >= 0 ? y : y - 399) / 400;
  const int64_t yoe = y - era * 400;
  const int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
  return era * 146097 + doe - 306;
}

constexpr const char* month_names[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                       "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr const char* day_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

// Reads a time text from left to right; every step says whether it matched.
class TimeReader {
 public:
  explicit TimeReader(std::string_view text) : text_(text) {}

  std::optional<int64_t> read() {
    skip_spaces();
    if (!read_date()) return std::nullopt;
    if (at_ < text_.size() && (text_[at_] == 'T' || text_[at_] == 't' || text_[at_] == ' ' || text_[at_] == ',')) {
      ++at_;
      skip_spaces();
      if (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])) && !read_time()) return std::nullopt;
    }
    skip_spaces();
    if (!read_zone()) return std::nullopt;
    skip_spaces();
    if (at_ != text_.size()) return std::nullopt;
    const auto ticks = ticks_of(year_, month_, day_, hour_, minute_, second_, fraction_);
    if (!ticks) return std::nullopt;
    const int64_t utc = *ticks + (hour_24_ ? ticks_per_day : 0) - zone_minutes_ * ticks_per_minute;
    if (utc < 0 || utc > max_datetime) return std::nullopt;
    return utc;
  }

 private:
  void skip_spaces() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool digit(size_t at) const { return at < text_.size() && text_[at] >= '0' && text_[at] <= '9'; }
  int number(int max_digits, int* n_digits = nullptr) {
    int value = 0, n = 0;
    while (n < max_digits && digit(at_)) value = value * 10 + (text_[at_++] - '0'), ++n;
    if (n_digits) *n_digits = n;
    return n == 0 ? -1 : value;
  }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  int month_name() {
    const std::string word = engine::to_lower_ascii(text_.substr(at_, 3));
    for (int m = 0; m < 12; ++m) {
      if (word != month_names[m]) continue;
      while (at_ < text_.size() && std::isalpha(static_cast<unsigned char>(text_[at_]))) ++at_;
      return m + 1;
    }
    return 0;
  }
  void skip_day_name() {
    const std::string word = engine::to_lower_ascii(text_.substr(at_, 3));
    for (const char* name : day_names) {
      if (word != name) continue;
      while (at_ < text_.size() && std::isalpha(static_cast<unsigned char>(text_[at_]))) ++at_;
      take(',');
      skip_spaces();
    }
  }

  bool read_date() {
    skip_day_name();
    if (at_ < text_.size() && std::isalpha(static_cast<unsigned char>(text_[at_]))) {  // Jan 5 2020
      month_ = month_name();
      if (month_ == 0) return false;
      take('-') || (skip_spaces(), true);
      day_ = number(2);
      take(',') || take('-');
      skip_spaces();
      year_ = number(4);
      return day_ > 0 && year_ > 0;
    }
    int n = 0;
    const int first = number(4, &n);
    if (first < 0) return false;
    if (n == 4) {
      year_ = first;
      if (digit(at_)) {  // 20200131
        month_ = number(2);
        day_ = number(2);
        return month_ > 0 && day_ > 0;
      }
      const char separator = at_ < text_.size() ? text_[at_] : '\0';
      if (separator != '-' && separator != '/' && separator != '.') return at_ == text_.size();
      ++at_;
      month_ = digit(at_) ? number(2) : month_name();
      if (!take(separator)) return month_ > 0 && separator == '-';  // 2020-05
      day_ = number(2);
      return month_ > 0 && day_ > 0;
    }
    const char separator = at_ < text_.size() ? text_[at_] : '\0';
    if (separator == '/' || separator == '-' || separator == '.' || separator == ' ') {
      ++at_;
      if (digit(at_)) {  // 12/31/2020: month first
        month_ = first;
        day_ = number(2);
        if (separator == ' ' || !take(separator)) return false;
      } else {  // 31 Dec 2020
        day_ = first;
        month_ = month_name();
        if (month_ == 0) return false;
        if (!take('-') && !take('/')) skip_spaces();
      }
      year_ = number(4, &n);
      if (n == 2) year_ += year_ < 50 ? 2000 : 1900;
      return year_ > 0 && day_ > 0;
    }
    return false;
  }

  bool read_time() {
    hour_ = number(2);
    if (hour_ < 0 || !take(':')) return false;
    minute_ = number(2);
    if (minute_ < 0) return false;
    if (take(':')) {
      second_ = number(2);
      if (second_ < 0) return false;
      if (take('.') || take(',')) {
        int64_t scale = 1'000'000;
        if (!digit(at_)) return false;
        while (digit(at_)) fraction_ += (text_[at_++] - '0') * scale, scale /= 10;
      }
    }
    skip_spaces();
    const std::string half = engine::to_lower_ascii(text_.substr(at_, 2));
    if (half == "am" || half == "pm") {
      at_ += 2;
      if (hour_ < 1 || hour_ > 12) return false;
      hour_ = hour_ % 12 + (half == "pm" ? 12 : 0);
    }
    if (hour_ == 24 && minute_ == 0 && second_ == 0) hour_ = 0, hour_24_ = true;
    return true;
  }

  bool read_zone() {
    if (at_ == text_.size()) return true;
    if (take('Z') || take('z')) return true;
    const std::string word = engine::to_lower_ascii(text_.substr(at_, 3));
    if (word == "gmt" || word == "utc") return at_ += 3, true;
    const bool minus = text_[at_] == '-';
    if (!minus && text_[at_] != '+') return false;
    ++at_;
    const int hours = number(2);
    take(':');
    const int minutes = digit(at_) ? number(2) : 0;
    if (hours < 0 || hours > 14 || minutes > 59) return false;
    zone_minutes_ = (minus ? -1 : 1) * (hours * 60 + minutes);
    return true;
  }

  std::string_view text_;
  size_t at_ = 0;
  int year_ = 1, month_ = 1, day_ = 1, hour_ = 0, minute_ = 0, second_ = 0;
  int64_t fraction_ = 0, zone_minutes_ = 0;
  bool hour_24_ = false;
};

// The run of the same letter at format[at].
size_t run_length(std::string_view format, size_t at) {
  size_t n = 1;
  while (at + n < format.size() && format[at + n] == format[at]) ++n;
  return n;
}

std::string padded(int64_t value, size_t width) {
  std::string text = std::to_string(value);
  return text.size() < width ? std::string(width - text.size(), '0') + text : text;
}

// f: digits of the fraction; F: the same without trailing zeros.
std::string fraction_digits(int64_t fraction, size_t n, bool trim) {
  std::string digits = padded(fraction, 7).substr(0, std::min<size_t>(n, 7));
  while (trim && !digits.empty() && digits.back() == '0') digits.pop_back();
  return digits;
}

}  // namespace

int64_t floor_to(int64_t value, int64_t step) {
  int64_t rest = value % step;
  if (rest < 0) rest += step;
  return static_cast<int64_t>(static_cast<uint64_t>(value) - static_cast<uint64_t>(rest));  // beyond the least long it wraps, as all sums do
}

int days_in_month(int64_t year, int month) {
  constexpr int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : days[month - 1];
}

std::optional<int64_t> ticks_of(int64_t year, int month, int day, int hour, int minute, int second, int64_t fraction) {
  if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) || hour < 0 ||
      hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) {
    return std::nullopt;
  }
  return days_of(year, month, day) * ticks_per_day + hour * ticks_per_hour + minute * ticks_per_minute +
         second * ticks_per_sec + fraction;
}

Civil civil(int64_t ticks) {
  const int64_t start = floor_to(ticks, ticks_per_day);
  int64_t z = start / ticks_per_day + 306;
  const int64_t era = (z >= 0 ? z : z - 146096) / 146097;
  const int64_t doe = z - era * 146097;
  const int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  const int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const int64_t mp = (5 * doy + 2) / 153;
  Civil c;
  c.day = static_cast<int>(doy - (153 * mp + 2) / 5 + 1);
  c.month = static_cast<int>(mp < 10 ? mp + 3 : mp - 9);
  c.year = yoe + era * 400 + (c.month <= 2 ? 1 : 0);
  int64_t rest = ticks - start;
  c.hour = static_cast<int>(rest / ticks_per_hour), rest %= ticks_per_hour;
  c.minute = static_cast<int>(rest / ticks_per_minute), rest %= ticks_per_minute;
  c.second = static_cast<int>(rest / ticks_per_sec);
  c.fraction = rest % ticks_per_sec;
  return c;
}

int day_of_week(int64_t ticks) {  // 0001-01-01 was a Monday
  return static_cast<int>((floor_to(ticks, ticks_per_day) / ticks_per_day + 1) % 7);
}

std::optional<int64_t> parse_datetime(std::string_view text) {
  text = engine::trim(text);
  if (text.size() >= 2 && (text.front() == '\'' || text.front() == '"') && text.back() == text.front()) {
    text = text.substr(1, text.size() - 2);
  }
  if (text.size() < 4 || text.size() > 64) return std::nullopt;
  if (text.find(',') != std::string_view::npos && text.find_first_not_of("0123456789, ") == std::string_view::npos) {
    std::vector<int> fields;  // year, month, day, hour, minute, second
    for (const std::string_view part : engine::split(text, ',')) fields.push_back(std::atoi(std::string(engine::trim(part)).c_str()));
    fields.resize(std::max<size_t>(fields.size(), 6));
    return ticks_of(fields[0], fields[1], fields[2], fields[3], fields[4], fields[5]);
  }
  return TimeReader(text).read();
}

std::string datetime_text(int64_t ticks) {
  const Civil c = civil(ticks);
  std::string text = "0000-00-00T00:00:00.0000000Z";
  const auto put = [&](size_t begin, size_t end, int64_t value) {
    for (; end > begin; value /= 10) text[--end] = static_cast<char>('0' + value % 10);
  };
  put(0, 4, c.year);
  put(5, 7, c.month);
  put(8, 10, c.day);
  put(11, 13, c.hour);
  put(14, 16, c.minute);
  put(17, 19, c.second);
  put(20, 27, c.fraction);
  return text;
}

std::optional<int64_t> parse_timespan(std::string_view text) {
  text = engine::trim(text);
  if (text.size() >= 2 && (text.front() == '\'' || text.front() == '"') && text.back() == text.front()) {
    text = text.substr(1, text.size() - 2);
  }
  if (text.empty() || text.size() > 40) return std::nullopt;
  const bool negative = text[0] == '-';
  if (negative || text[0] == '+') text.remove_prefix(1);
  const size_t letters = text.find_first_not_of("0123456789.");
  if (letters != std::string_view::npos && text.find(':') == std::string_view::npos) {  // 5m, 1.5d
    const double unit = timespan_unit_ticks(engine::trim(text.substr(letters)));
    if (unit == 0 || letters == 0) return std::nullopt;
    const double ticks = std::atof(std::string(text.substr(0, letters)).c_str()) * unit;
    if (ticks > 9e18) return std::nullopt;
    const auto whole = static_cast<int64_t>(std::llround(ticks));
    return negative ? -whole : whole;
  }
  // [d.]hh:mm[:ss[.fffffff]], or days alone.
  int64_t days = 0, fields[3] = {0, 0, 0}, fraction = 0;
  size_t at = 0;
  const auto number = [&]() -> int64_t {
    int64_t value = 0;
    const size_t begin = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9' && at - begin < 9) value = value * 10 + (text[at++] - '0');
    return at == begin ? -1 : value;
  };
  int64_t first = number();
  if (first < 0) return std::nullopt;
  if (at == text.size()) {
    days = first;
  } else {
    if (text[at] == '.') {
      days = first;
      ++at;
      first = number();
      if (first < 0) return std::nullopt;
    }
    fields[0] = first;
    for (int f = 1; f < 3 && at < text.size() && text[at] == ':'; ++f) {
      ++at;
      if ((fields[f] = number()) < 0) return std::nullopt;
    }
    if (at < text.size() && text[at] == '.') {
      int64_t scale = 1'000'000;
      ++at;
      while (at < text.size() && text[at] >= '0' && text[at] <= '9') fraction += (text[at++] - '0') * scale, scale /= 10;
    }
    if (at != text.size() || fields[0] > 23 || fields[1] > 59 || fields[2] > 59) return std::nullopt;
  }
  int64_t ticks = 0;
  if (__builtin_mul_overflow(days, ticks_per_day, &ticks) ||
      __builtin_add_overflow(ticks, fields[0] * ticks_per_hour + fields[1] * ticks_per_minute + fields[2] * ticks_per_sec + fraction, &ticks))
    return std::nullopt;
  return negative ? -ticks : ticks;
}

std::string timespan_text(int64_t ticks) {
  std::string text = ticks < 0 ? "-" : "";
  uint64_t rest = ticks < 0 ? 0 - static_cast<uint64_t>(ticks) : static_cast<uint64_t>(ticks);
  const auto day = static_cast<uint64_t>(ticks_per_day);
  if (rest >= day) text += std::to_string(rest / day) + ".";
  rest %= day;
  const auto seconds = static_cast<int>(rest / 10'000'000);
  text += engine::format("%02d:%02d:%02d", seconds / 3600, seconds / 60 % 60, seconds % 60);
  if (rest % 10'000'000) text += engine::format(".%07d", static_cast<int>(rest % 10'000'000));
  return text;
}

std::string format_datetime(int64_t ticks, std::string_view format) {
  const Civil c = civil(ticks);
  std::string out;
  for (size_t at = 0; at < format.size();) {
    const size_t n = run_length(format, at);
    switch (format[at]) {
      case 'y': out += padded(n <= 2 ? c.year % 100 : c.year, n == 1 ? 1 : n); break;
      case 'M': out += padded(c.month, n); break;
      case 'd': out += padded(c.day, n); break;
      case 'H': out += padded(c.hour, n); break;
      case 'h': out += padded(c.hour % 12 == 0 ? 12 : c.hour % 12, n); break;
      case 'm': out += padded(c.minute, n); break;
      case 's': out += padded(c.second, n); break;
      case 'f': out += fraction_digits(c.fraction, n, false); break;
      case 'F': out += fraction_digits(c.fraction, n, true); break;
      case 't': out += c.hour < 12 ? "AM" : "PM"; break;
      default: out += format.substr(at, n);
    }
    at += n;
  }
  return out;
}

std::string format_timespan(int64_t ticks, std::string_view format) {
  const uint64_t t = ticks < 0 ? 0 - static_cast<uint64_t>(ticks) : static_cast<uint64_t>(ticks);
  const auto days = static_cast<int64_t>(t / static_cast<uint64_t>(ticks_per_day));
  const auto rest = static_cast<int64_t>(t % static_cast<uint64_t>(ticks_per_day));
  std::string out;
  for (size_t at = 0; at < format.size();) {
    const size_t n = run_length(format, at);
    switch (format[at]) {
      case 'd': out += padded(days, n); break;
      case 'H': case 'h': out += padded(rest / ticks_per_hour, n); break;
      case 'm': out += padded(rest / ticks_per_minute % 60, n); break;
      case 's': out += padded(rest / ticks_per_sec % 60, n); break;
      case 'f': out += fraction_digits(rest % ticks_per_sec, n, false); break;
      case 'F': out += fraction_digits(rest % ticks_per_sec, n, true); break;
      default: out += format.substr(at, n);
    }
    at += n;
  }
  return out;
}

}  // namespace app::kql
