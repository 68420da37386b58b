// app/settings.h: the user's choices and the places of files.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace app {

// How a model answers, and what its context takes.
struct ModelPreset {
  float temperature = 0;             // 0: the most likely token each time
  float top_p = 1;                   // 1: off
  int max_answer_tokens = 256;
  uint64_t seed = 0;
  int n_ctx = 4096;
  std::string cache;                 // number format of the context: f16, q8_0, q4_0; empty: the engine's choice
  std::string instructions;          // put behind the program's own
  friend bool operator==(const ModelPreset&, const ModelPreset&) = default;
};

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
  std::map<std::string, ModelPreset> model_presets;   // by path of the model file; others answer as said above
};

// What holds for a model: its own preset, or else what the settings say for all.
ModelPreset preset_of(const Settings& settings, const std::string& model_path);

// Ready-made ways to choose the next token; they leave the rest of a preset alone.
struct SamplingChoice {
  const char *name, *about;
  float temperature, top_p;
};
constexpr SamplingChoice sampling_choices[] = {{"Precise", "The most likely word each time; the same question gives the same answer.", 0, 1},
                                               {"Balanced", "Likely words, with some variety.", 0.4f, 0.9f},
                                               {"Creative", "Also less likely words: more ideas, more of them wrong.", 0.9f, 0.95f}};

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
