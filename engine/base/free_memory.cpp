#include "engine/base/free_memory.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

#include "engine/base/text.h"

namespace engine {
namespace {

std::string read_text(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::optional<uint64_t> number(std::string_view text) {
  text = trim(text);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return value;  // "max" gives nothing
}

// The number behind "name" in lines of "name 123" or "name: 123 kB".
std::optional<uint64_t> field(const std::string& text, std::string_view name) {
  for (std::string_view line : split(text, '\n')) {
    if (line.substr(0, name.size()) != name) continue;
    line.remove_prefix(name.size());
    if (line.empty() || (line[0] != ':' && line[0] != ' ')) continue;
    return number(line.substr(1));
  }
  return std::nullopt;
}

// What a group leaves: its limit less what it uses, page cache that can be dropped given back.
std::optional<uint64_t> room_in_group(const std::string& folder, const char* limit_file, const char* usage_file) {
  const auto limit = number(read_text(folder + "/" + limit_file));
  const auto usage = number(read_text(folder + "/" + usage_file));
  if (!limit || !usage) return std::nullopt;
  const uint64_t cache = field(read_text(folder + "/memory.stat"), "inactive_file").value_or(0);
  const uint64_t used = *usage - std::min(*usage, cache);
  return *limit - std::min(*limit, used);
}

// The path of this process in the hierarchy of a controller; v2's line has none.
std::string group_path(const std::string& proc_root, std::string_view controller) {
  const std::string text = read_text(proc_root + "/self/cgroup");
  for (const std::string_view line : split(text, '\n')) {
    const auto parts = split(line, ':');
    if (parts.size() < 3) continue;
    const auto names = split(parts[1], ',');
    if (std::find(names.begin(), names.end(), controller) == names.end()) continue;
    return std::string(line.substr(static_cast<size_t>(parts[2].data() - line.data())));
  }
  return "";
}

}  // namespace

uint64_t free_memory_bytes(const std::string& proc_root, const std::string& cgroup_root) {
  const auto available = field(read_text(proc_root + "/meminfo"), "MemAvailable");
  uint64_t room = available ? *available * 1024 : unknown_memory;
  const auto walk_up = [&](const std::string& root, std::string path, const char* limit, const char* usage) {
    for (;;) {
      if (const auto left = room_in_group(root + path, limit, usage)) room = std::min(room, *left);
      const size_t slash = path.rfind('/');
      if (path.empty() || slash == std::string::npos) return;
      path.resize(slash);
    }
  };
  walk_up(cgroup_root, group_path(proc_root, ""), "memory.max", "memory.current");
  walk_up(cgroup_root + "/memory", group_path(proc_root, "memory"), "memory.limit_in_bytes", "memory.usage_in_bytes");
  return room;
}

ResidentMemory resident_memory() {
  const std::string status = read_text("/proc/self/status");
  const auto bytes = [&](std::string_view name) { return field(status, name).value_or(0) * 1024; };
  return {.peak = bytes("VmHWM"), .now = bytes("VmRSS"), .mapped_now = bytes("RssFile")};
}

bool reset_resident_peak() {
  std::ofstream out("/proc/self/clear_refs");
  out << "5";
  return bool(out.flush());
}

uint64_t free_memory_bytes() { return free_memory_bytes("/proc", "/sys/fs/cgroup"); }

}  // namespace engine
