#include "app/settings.h"

#include <sys/stat.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "engine/base/error.h"

namespace app {
namespace {

using nlohmann::json;

// One row a setting, so that writing and reading cannot disagree.
template <typename S, typename Visit>
void visit_settings(S& s, const Visit& visit) {
  visit("theme", s.theme, 0.0, 0.0);
  visit("ui_scale", s.ui_scale, 0.75, 3.0);
  visit("font_size", s.font_size, 8.0, 40.0);
  visit("compact_rows", s.compact_rows, 0.0, 0.0);
  visit("wrap_lines", s.wrap_lines, 0.0, 0.0);
  visit("reduce_motion", s.reduce_motion, 0.0, 0.0);
  visit("time_zone", s.time_zone, 0.0, 0.0);
  visit("log_memory_mb", s.log_memory_mb, 32.0, 1e6);
  visit("model_path", s.model_path, 0.0, 0.0);
  visit("n_ctx", s.n_ctx, 256.0, 1048576.0);
  visit("n_threads", s.n_threads, 0.0, 1024.0);
  visit("gpu", s.gpu, 0.0, 0.0);
  visit("temperature", s.temperature, 0.0, 5.0);
  visit("max_answer_tokens", s.max_answer_tokens, 1.0, 65536.0);
  visit("seed", s.seed, 0.0, 1.8e19);
  visit("mask_secrets", s.mask_secrets, 0.0, 0.0);
  visit("sidebar_width", s.sidebar_width, 120.0, 1000.0);
  visit("sidebar_open", s.sidebar_open, 0.0, 0.0);
  visit("window_width", s.window_width, 320.0, 32768.0);
  visit("window_height", s.window_height, 240.0, 32768.0);
  visit("keys", s.keys, 0.0, 0.0);
}

template <typename P, typename Visit>
void visit_preset(P& p, const Visit& visit) {
  visit("temperature", p.temperature, 0.0, 5.0);
  visit("top_p", p.top_p, 0.01, 1.0);
  visit("max_answer_tokens", p.max_answer_tokens, 1.0, 65536.0);
  visit("seed", p.seed, 0.0, 1.8e19);
  visit("n_ctx", p.n_ctx, 256.0, 1048576.0);
  visit("cache", p.cache, 0.0, 0.0);
  visit("instructions", p.instructions, 0.0, 0.0);
}

// Reads what is there and good; refuse() says what is not.
template <typename T, typename Refuse>
void read_value(const json& in, const char* name, T& value, double low, double high, const Refuse& refuse) {
  const auto found = in.find(name);
  if (found == in.end()) return;
  if constexpr (std::is_same_v<T, std::string>) {
    found->is_string() ? (void)(value = found->get<std::string>()) : refuse(name);
  } else if constexpr (std::is_same_v<T, bool>) {
    found->is_boolean() ? (void)(value = found->get<bool>()) : refuse(name);
  } else {
    if (!found->is_number()) return refuse(name);
    const double number = found->get<double>();
    if (!std::isfinite(number) || number < low || number > high) return refuse(name);
    value = found->get<T>();
  }
}

bool is_folder(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}

}  // namespace

std::string to_json(const Settings& settings) {
  json out = json::object();
  visit_settings(settings, [&](const char* name, const auto& value, double, double) { out[name] = value; });
  for (const auto& [path, preset] : settings.model_presets) {
    json& written = out["model_presets"][path];
    visit_preset(preset, [&](const char* name, const auto& value, double, double) { written[name] = value; });
  }
  return out.dump(2, ' ', false, json::error_handler_t::replace);
}

Settings settings_from_json(const std::string& text, std::vector<std::string>* notes) {
  Settings settings;
  const auto note = [&](const std::string& what) {
    if (notes != nullptr) notes->push_back(what);
  };
  const json in = json::parse(text, nullptr, false);
  if (!in.is_object()) {
    note("the settings are not a JSON object; the defaults are used");
    return settings;
  }
  const auto refuse = [&](const char* name) { note(engine::format("setting \"%s\" has a bad value; the default is used", name)); };
  visit_settings(settings, [&](const char* name, auto& value, double low, double high) { read_value(in, name, value, low, high, refuse); });
  if (const auto presets = in.find("model_presets"); presets != in.end() && presets->is_object()) {
    for (const auto& entry : presets->items()) {
      const json& written = entry.value();
      if (!written.is_object()) {
        refuse("model_presets");
        continue;
      }
      visit_preset(settings.model_presets[entry.key()], [&](const char* name, auto& value, double low, double high) { read_value(written, name, value, low, high, refuse); });
    }
  }
  if (settings.gpu != "auto" && settings.gpu != "off" && settings.gpu != "require") {
    note("setting \"gpu\" has a bad value; the default is used");
    settings.gpu = Settings{}.gpu;
  }
  // Written so before there were three choices.
  if (!in.contains("gpu") && in.value("use_gpu", json()) == json(false)) settings.gpu = "off";
  return settings;
}

ModelPreset preset_of(const Settings& settings, const std::string& model_path) {
  if (const auto own = settings.model_presets.find(model_path); own != settings.model_presets.end()) return own->second;
  ModelPreset preset;
  preset.temperature = settings.temperature;
  preset.max_answer_tokens = settings.max_answer_tokens;
  preset.seed = settings.seed;
  preset.n_ctx = settings.n_ctx;
  return preset;
}

int utc_offset_minutes(const std::string& time_zone) {
  int hours = 0, minutes = 0;
  char sign = 0;
  if (std::sscanf(time_zone.c_str(), "%c%2d:%2d", &sign, &hours, &minutes) != 3 || hours > 14 || minutes > 59) return 0;
  if (sign != '+' && sign != '-') return 0;
  return (sign == '-' ? -1 : 1) * (hours * 60 + minutes);
}

std::string default_data_folder() {
  if (const char* own = std::getenv("SIGMADESK_DATA"); own != nullptr && *own != '\0') return own;
  if (const char* xdg = std::getenv("XDG_DATA_HOME"); xdg != nullptr && *xdg == '/') {
    return std::string(xdg) + "/sigmadesk";
  }
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') {
    engine::fail(engine::ErrorKind::not_found,
                 "HOME is not set, so there is no place for sessions; give --data-folder FOLDER");
  }
  return std::string(home) + "/.local/share/sigmadesk";
}

std::string find_assets_folder() {
  if (const char* own = std::getenv("SIGMADESK_ASSETS"); own != nullptr && *own != '\0') {
    if (is_folder(own)) return own;
    engine::fail(engine::ErrorKind::not_found, "SIGMADESK_ASSETS is %s, which is not a folder", own);
  }
  std::error_code ignored;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", ignored);
  const std::filesystem::path beside = program.parent_path();
  std::string tried;
  for (const std::filesystem::path& place :
       {beside / "../share/sigmadesk/assets", beside / "assets", std::filesystem::path(SIGMA_SOURCE_ASSETS)}) {
    if (is_folder(place / "log_formats")) return place.lexically_normal().string();
    tried += "\n  " + place.lexically_normal().string();
  }
  engine::fail(engine::ErrorKind::not_found,
               "the program's data files (log formats, checks) were not found; install the package again or "
               "set SIGMADESK_ASSETS. Looked in:%s", tried.c_str());
}

std::vector<std::string> model_folders(const std::string& data_folder, const std::string& assets_folder) {
  return {data_folder + "/models", (std::filesystem::path(assets_folder) / "../models").lexically_normal().string()};
}

}  // namespace app
