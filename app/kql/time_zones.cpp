#include "app/kql/time_zones.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>

#include "app/kql/datetime.h"

namespace app::kql {
namespace {

constexpr int64_t unix_epoch = 621'355'968'000'000'000;        // ticks of 1970-01-01
constexpr int64_t calendar_cycle = 28 * 1461 / 4 * ticks_per_day;  // after 28 years weekdays and leap years are as before

uint64_t big_endian(std::string_view bytes, size_t at, size_t n) {
  uint64_t v = 0;
  for (size_t k = 0; k < n; ++k) v = v << 8 | static_cast<uint8_t>(bytes[at + k]);
  return v;
}
struct Counts {
  size_t utc = 0, standard = 0, leaps = 0, times = 0, types = 0, letters = 0;
};
constexpr size_t header_bytes = 44;
std::optional<Counts> header_at(std::string_view bytes, size_t at) {
  if (bytes.size() < at + header_bytes || bytes.substr(at, 4) != "TZif") return std::nullopt;
  const auto count = [&](size_t k) { return static_cast<size_t>(big_endian(bytes, at + 20 + 4 * k, 4)); };
  const Counts c = {count(0), count(1), count(2), count(3), count(4), count(5)};
  for (const size_t n : {c.utc, c.standard, c.leaps, c.times, c.types, c.letters}) if (n > 100'000) return std::nullopt;
  return c;
}
size_t body_bytes(const Counts& c, size_t time_bytes) {
  return c.times * (time_bytes + 1) + c.types * 6 + c.letters + c.leaps * (time_bytes + 4) + c.standard + c.utc;
}

}  // namespace

std::optional<TimeZone> TimeZone::from_bytes(std::string_view bytes) {
  std::optional<Counts> c = header_at(bytes, 0);
  if (!c || bytes[4] < '2') return std::nullopt;
  const size_t second = header_bytes + body_bytes(*c, 4);  // the part with 64-bit times
  c = header_at(bytes, second);
  if (!c || c->types == 0 || bytes.size() < second + header_bytes + body_bytes(*c, 8)) return std::nullopt;
  const size_t times = second + header_bytes, kinds = times + 8 * c->times, types = kinds + c->times;
  const auto offset_of_type = [&](size_t type) { return int64_t{static_cast<int32_t>(big_endian(bytes, types + 6 * type, 4))} * ticks_per_sec; };
  TimeZone zone;
  zone.before_ = offset_of_type(0);
  for (size_t k = 0; k < c->times; ++k) {
    const auto seconds = static_cast<int64_t>(big_endian(bytes, times + 8 * k, 8));
    const size_t type = static_cast<uint8_t>(bytes[kinds + k]);
    if (type >= c->types) return std::nullopt;
    const int64_t start = std::clamp<int64_t>(seconds, -62'135'596'800, 253'402'300'799) * ticks_per_sec + unix_epoch;
    if (!zone.starts_.empty() && start < zone.starts_.back()) return std::nullopt;
    zone.starts_.push_back(start);
    zone.offsets_.push_back(offset_of_type(type));
  }
  // A short file leaves its later transitions to the rule in its last line, which is not read here.
  const std::string_view rule = bytes.substr(types + 6 * c->types + c->letters + 12 * c->leaps + c->standard + c->utc);
  const bool long_file = !zone.starts_.empty() && zone.starts_.back() > unix_epoch + 66 * 365 * ticks_per_day;
  if (rule.find(',') != std::string_view::npos && !long_file) return std::nullopt;
  return zone;
}

int64_t TimeZone::offset_ticks(int64_t t) const {
  if (starts_.empty() || t < starts_.front()) return before_;
  // Files end in 2037: later years go by the same rules as those 28 years before.
  const int64_t known = starts_.back() - ticks_per_day;
  if (t > known && known > unix_epoch + 60 * 365 * ticks_per_day) t -= (t - known + calendar_cycle - 1) / calendar_cycle * calendar_cycle;
  const auto after = std::upper_bound(starts_.begin(), starts_.end(), t);
  return after == starts_.begin() ? before_ : offsets_[static_cast<size_t>(after - starts_.begin()) - 1];
}
int64_t TimeZone::offset_of_local_ticks(int64_t local) const {
  // Offsets stay within a day: that of a day after holds, or that of a day before does.
  const int64_t before = offset_ticks(std::max<int64_t>(local - ticks_per_day, 0)), after = offset_ticks(std::min(local + ticks_per_day, max_datetime));
  const auto holds = [&](int64_t offset) { return offset_ticks(std::clamp<int64_t>(local - offset, 0, max_datetime)) == offset; };
  return holds(after) || !holds(before) ? after : before;
}

std::shared_ptr<const TimeZone> system_time_zone(const std::string& name) {
  static std::mutex mutex;
  static std::map<std::string, std::shared_ptr<const TimeZone>> known;
  const bool plain = !name.empty() && name.size() < 64 && name[0] != '/' && name.find("..") == std::string::npos &&
                     name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-_/") == std::string::npos;
  if (!plain) return nullptr;
  const std::lock_guard lock(mutex);
  const auto at = known.find(name);
  if (at != known.end()) return at->second;
  std::ifstream in("/usr/share/zoneinfo/" + name, std::ios::binary);
  std::string bytes;
  if (in) bytes.assign(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  const std::optional<TimeZone> zone = bytes.size() < 1'000'000 ? TimeZone::from_bytes(bytes) : std::nullopt;
  std::shared_ptr<const TimeZone> out = zone ? std::make_shared<const TimeZone>(*zone) : nullptr;
  if (out || known.size() < 1000) known[name] = out;
  return out;
}

}  // namespace app::kql
