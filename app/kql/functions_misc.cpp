// Functions that belong to no family: sizes, time zones' names, older names, user agents.
#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>

#include "app/kql/kernel_help.h"
#include "engine/base/text.h"

namespace app::kql {
namespace {

// Bytes that a value takes: 8 for numbers and times, 16 for guid and decimal, UTF-8 for texts.
void estimate_data_size(CallState&, Args a, Value& out) {
  for (const Value& v : a) {
    if (v.null) continue;
    if (v.type == Type::string || v.type == Type::dynamic) out.i += static_cast<int64_t>(v.s.size());
    else out.i += v.type == Type::boolean ? 1 : v.type == Type::int32 ? 4 : v.type == Type::guid || v.type == Type::decimal ? 16 : 8;
  }
}

// Names of the time zones that this machine knows, sorted.
void zones_under(const std::string& folder, const std::string& prefix, int depth, std::vector<std::string>& names) {
  DIR* dir = opendir(folder.c_str());
  if (!dir) return;
  while (const dirent* entry = readdir(dir)) {
    const std::string name = entry->d_name;
    // Areas and zones begin with a capital; posix/ and right/ repeat them.
    if (name[0] < 'A' || name[0] > 'Z' || name.find('.') != std::string::npos) continue;
    const std::string path = folder + "/" + name;
    struct stat info{};
    if (stat(path.c_str(), &info) != 0) continue;
    if (S_ISDIR(info.st_mode) && depth < 3) zones_under(path, prefix + name + "/", depth + 1, names);
    else if (S_ISREG(info.st_mode)) names.push_back(prefix + name);
  }
  closedir(dir);
}
void datetime_list_timezones(CallState&, Args, Value& out) {
  std::vector<std::string> names;
  zones_under("/usr/share/zoneinfo", "", 0, names);
  std::sort(names.begin(), names.end());
  Json json = Json::array();
  for (std::string& name : names) json.items.push_back(Json::of(std::move(name)));
  set(out, json);
}

// ---------------------------------------------------------------- user agents

struct Pattern {
  const char* token;   // what a user agent holds before the version
  const char* family;
};
// In order: a browser names those that it claims to be like, too.
constexpr Pattern browsers[] = {
    {"Edg/", "Edge"}, {"Edge/", "Edge"}, {"EdgA/", "Edge Mobile"}, {"OPR/", "Opera"}, {"Opera/", "Opera"}, {"Vivaldi/", "Vivaldi"},
    {"SamsungBrowser/", "Samsung Internet"}, {"YaBrowser/", "Yandex Browser"}, {"CriOS/", "Chrome Mobile iOS"}, {"FxiOS/", "Firefox iOS"},
    {"Firefox/", "Firefox"}, {"HeadlessChrome/", "HeadlessChrome"}, {"Chrome/", "Chrome"}, {"MSIE ", "IE"}, {"Googlebot/", "Googlebot"},
    {"bingbot/", "bingbot"}, {"curl/", "curl"}, {"Wget/", "Wget"}, {"python-requests/", "Python Requests"}, {"okhttp/", "okhttp"}, {"Go-http-client/", "Go-http-client"}};

std::string digits_and(std::string_view text, std::string_view also) {
  size_t end = 0;
  while (end < text.size() && (std::isdigit(static_cast<unsigned char>(text[end])) || also.find(text[end]) != std::string_view::npos)) ++end;
  return std::string(text.substr(0, end));
}
Json version_json(const std::string& family, std::string_view version, bool with_build) {
  std::vector<std::string_view> parts = engine::split(version, '.');
  const auto part = [&](size_t k) { return k < parts.size() ? std::string(parts[k]) : std::string(); };
  Json json = Json::object();
  json.set("Family", Json::of(family));
  json.set("MajorVersion", Json::of(part(0)));
  json.set("MinorVersion", Json::of(part(1)));
  json.set("Patch", Json::of(part(2)));
  if (with_build) json.set("PatchMinor", Json::of(part(3)));
  return json;
}
Json browser_of(const std::string& agent) {
  for (const Pattern& p : browsers) {
    const size_t at = agent.find(p.token);
    if (at == std::string::npos) continue;
    std::string family = p.family;
    const bool mobile = agent.find("Mobile") != std::string::npos && agent.find("Android") != std::string::npos;
    if (mobile && (family == "Chrome" || family == "Firefox")) family += " Mobile";
    return version_json(family, digits_and(agent.substr(at + std::string_view(p.token).size()), "."), false);
  }
  if (agent.find("Trident/") != std::string::npos) {
    const size_t at = agent.find("rv:");
    return version_json("IE", at == std::string::npos ? "" : digits_and(agent.substr(at + 3), "."), false);
  }
  if (const size_t at = agent.find("Version/"); at != std::string::npos && agent.find("Safari/") != std::string::npos) {
    return version_json(agent.find("Mobile/") != std::string::npos ? "Mobile Safari" : "Safari", digits_and(agent.substr(at + 8), "."), false);
  }
  return version_json("Other", "", false);
}
Json system_of(const std::string& agent) {
  const auto behind = [&](std::string_view token, std::string_view also) -> std::optional<std::string> {
    const size_t at = agent.find(token);
    if (at == std::string::npos) return std::nullopt;
    std::string version = digits_and(agent.substr(at + token.size()), also);
    std::replace(version.begin(), version.end(), '_', '.');
    return version;
  };
  if (const auto v = behind("Windows NT ", ".")) {
    static constexpr std::pair<const char*, const char*> names[] = {{"10.0", "10"}, {"6.3", "8.1"}, {"6.2", "8"}, {"6.1", "7"}, {"6.0", "Vista"}, {"5.1", "XP"}};
    for (const auto& [number, name] : names) if (*v == number) return version_json("Windows", name, true);
    return version_json("Windows", *v, true);
  }
  if (const auto v = behind("CPU iPhone OS ", "_")) return version_json("iOS", *v, true);
  if (const auto v = behind("CPU OS ", "_")) return version_json("iOS", *v, true);
  if (const auto v = behind("Android ", ".")) return version_json("Android", *v, true);
  if (const auto v = behind("Mac OS X ", "_.")) return version_json("Mac OS X", *v, true);
  if (agent.find("CrOS ") != std::string::npos) return version_json("Chrome OS", "", true);
  if (agent.find("Ubuntu") != std::string::npos) return version_json("Ubuntu", "", true);
  if (agent.find("Linux") != std::string::npos) return version_json("Linux", "", true);
  return version_json("Other", "", true);
}
Json device_of(const std::string& agent) {
  std::string family = "Other", brand, model;
  for (const char* apple : {"iPhone", "iPad", "iPod"}) {
    if (agent.find(apple) != std::string::npos && family == "Other") family = model = apple, brand = "Apple";
  }
  if (agent.find("Macintosh") != std::string::npos) family = model = "Mac", brand = "Apple";
  if (family == "Other" && (agent.find("bot/") != std::string::npos || agent.find("Googlebot") != std::string::npos)) family = model = "Spider";
  Json json = Json::object();
  json.set("Family", Json::of(family));
  json.set("Brand", Json::of(brand));
  json.set("Model", Json::of(model));
  return json;
}
// parse_user_agent(text, "browser" | "os" | "device", or an array of them)
void parse_user_agent(CallState&, Args a, Value& out) {
  const std::string agent = to_text(a[0]);
  std::vector<std::string> wanted = {"browser", "os", "device"};
  if (a.size() > 1) {
    const Json json = dynamic_value(a[1]);
    wanted.clear();
    if (!json.is_array()) wanted.push_back(to_text(a[1]));
    for (const Json& item : json.items) wanted.push_back(item.s);
  }
  Json bag = Json::object();
  for (const std::string& what : wanted) {
    if (what == "browser") bag.set("Browser", browser_of(agent));
    else if (what == "os") bag.set("OperatingSystem", system_of(agent));
    else if (what == "device") bag.set("Device", device_of(agent));
    else return set_null(out);
  }
  set(out, bag);
}

constexpr Function table[] = {
    {"estimate_data_size", "*+", Result::int64, estimate_data_size, sees_nulls},
    {"datetime_list_timezones", "", Result::dynamic, datetime_list_timezones},
    {"parse_user_agent", "s?*", Result::dynamic, parse_user_agent},
};

}  // namespace

std::span<const Function> misc_functions() { return table; }

}  // namespace app::kql
