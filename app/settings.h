// app/settings.h: the user's choices and the places of files.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace app {

struct Settings {
  std::string theme = "system";      // system, dark, light, high_contrast
  float ui_scale = 1.0f;             // 0.75..3
  float font_size = 15.0f;           // pixels at scale 1
  bool compact_rows = false;
  bool wrap_lines = false;
  bool reduce_motion = false;
  std::string time_zone = "UTC";     // shown and assumed where a log gives none: "UTC" or "+02:00"
  int log_memory_mb = 512;           // decoded chunks kept
  std::string model_path;            // last loaded; empty: the default one if it is there
  int n_ctx = 4096;
  int n_threads = 0;                 // 0: one for each core
  std::string gpu = "auto";          // auto: where there is one and the model fits; off; require
  float temperature = 0;
  int max_answer_tokens = 256;
  uint64_t seed = 0;
  bool mask_secrets = true;
  float sidebar_width = 260;         // pixels at scale 1
  bool sidebar_open = true;
  int window_width = 1400, window_height = 900;
  std::string keys;                  // changed keys: "find=Ctrl+F;stop=Esc"; empty: the usual ones
};

// JSON text and back; unknown keys are kept out, bad values fall back to the default and are said.
std::string to_json(const Settings& settings);
Settings settings_from_json(const std::string& text, std::vector<std::string>* notes = nullptr);

// "UTC" is 0, "+02:00" is 120; other text is 0.
int utc_offset_minutes(const std::string& time_zone);

std::string default_data_folder();   // SIGMADESK_DATA, else XDG_DATA_HOME/sigmadesk, else ~/.local/share/sigmadesk
// SIGMADESK_ASSETS, else assets/ beside the program, ../share/sigmadesk, or the source tree it was
// built from. Throws Error{not_found} that lists the places looked at.
std::string find_assets_folder();
// Where model files are looked for: the user's folder first, then the one a package brings.
std::vector<std::string> model_folders(const std::string& data_folder, const std::string& assets_folder);

}  // namespace app
