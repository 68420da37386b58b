#include "app/settings.h"

#include <doctest/doctest.h>

using namespace app;

TEST_CASE("settings: what is written is read back") {
  Settings settings;
  settings.theme = "light";
  settings.ui_scale = 1.5f;
  settings.seed = 42;
  settings.sidebar_open = false;
  std::vector<std::string> notes;
  const Settings back = settings_from_json(to_json(settings), &notes);
  CHECK(back.theme == "light");
  CHECK(back.ui_scale == doctest::Approx(1.5));
  CHECK(back.seed == 42);
  CHECK_FALSE(back.sidebar_open);
  CHECK(notes.empty());
}

TEST_CASE("settings: a bad value falls back to its default and is said") {
  std::vector<std::string> notes;
  const Settings settings = settings_from_json(R"({"ui_scale": 900, "n_ctx": "big", "theme": "dark"})", &notes);
  CHECK(settings.ui_scale == Settings{}.ui_scale);
  CHECK(settings.n_ctx == Settings{}.n_ctx);
  CHECK(settings.theme == "dark");
  CHECK(notes.size() == 2);
}

TEST_CASE("settings: the GPU has three choices, and a switch of older settings is taken for one") {
  CHECK(settings_from_json("{}").gpu == "auto");
  CHECK(settings_from_json(R"({"gpu": "require"})").gpu == "require");
  CHECK(settings_from_json(R"({"use_gpu": false})").gpu == "off");
  CHECK(settings_from_json(R"({"use_gpu": true})").gpu == "auto");
  std::vector<std::string> notes;
  CHECK(settings_from_json(R"({"gpu": "perhaps"})", &notes).gpu == "auto");
  CHECK(notes.size() == 1);
}

TEST_CASE("settings: a model's preset is kept with it, others answer as the settings say for all") {
  Settings settings;
  settings.temperature = 0.2f;
  settings.n_ctx = 8192;
  ModelPreset own;
  own.temperature = 0.9f;
  own.top_p = 0.95f;
  own.seed = 7;
  own.n_ctx = 2048;
  own.cache = "q8_0";
  own.instructions = "Answer in German.";
  settings.model_presets["models/a.gguf"] = own;
  std::vector<std::string> notes;
  const Settings back = settings_from_json(to_json(settings), &notes);
  CHECK(notes.empty());
  CHECK(preset_of(back, "models/a.gguf") == own);
  CHECK(preset_of(back, "models/b.gguf").temperature == doctest::Approx(0.2));
  CHECK(preset_of(back, "models/b.gguf").n_ctx == 8192);
  CHECK(preset_of(back, "models/b.gguf").cache.empty());
}

TEST_CASE("settings: a bad value in a preset falls back alone") {
  std::vector<std::string> notes;
  const Settings settings = settings_from_json(R"({"model_presets": {"a": {"top_p": 7, "seed": 3}, "b": 1}})", &notes);
  CHECK(notes.size() == 2);
  REQUIRE(settings.model_presets.size() == 1);
  CHECK(settings.model_presets.at("a").top_p == 1);
  CHECK(settings.model_presets.at("a").seed == 3);
}

TEST_CASE("settings: text that is not JSON gives the defaults") {
  std::vector<std::string> notes;
  CHECK(settings_from_json("{cut", &notes).theme == Settings{}.theme);
  CHECK(notes.size() == 1);
}

TEST_CASE("settings: a time zone is an offset in minutes, and nonsense is UTC") {
  CHECK(utc_offset_minutes("UTC") == 0);
  CHECK(utc_offset_minutes("+05:30") == 330);
  CHECK(utc_offset_minutes("-03:00") == -180);
  CHECK(utc_offset_minutes("Europe") == 0);
}
