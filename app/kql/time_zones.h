// app/kql/time_zones.h: offsets of local times, from the time zone files of the system (TZif, RFC 8536,
// under /usr/share/zoneinfo). Of a file only its transitions are read: 64-bit seconds since 1970, then a
// byte each for the type that holds from there on, then the types (offset in seconds, summer time, name).
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace app::kql {

class TimeZone {
 public:
  // None where the bytes are no zone file.
  static std::optional<TimeZone> from_bytes(std::string_view bytes);
  int64_t offset_ticks(int64_t utc_ticks) const;
  // Of a time that the clocks show twice, or skip: the offset that holds afterwards.
  int64_t offset_of_local_ticks(int64_t local_ticks) const;

 private:
  std::vector<int64_t> starts_;    // ticks from year 1
  std::vector<int64_t> offsets_;   // from starts_[k] on
  int64_t before_ = 0;             // the first start
};

// By name, "Europe/Paris"; null where the system has no such zone. Files are read once.
std::shared_ptr<const TimeZone> system_time_zone(const std::string& name);

}  // namespace app::kql
