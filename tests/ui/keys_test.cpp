// The table of keys: each has one meaning where it acts, and acts only there.
#include <doctest/doctest.h>

#include <set>

#include "tests/ui/support/headless.h"
#include "ui/keys.h"
#include "ui/panels/palette.h"

using namespace ui;

TEST_CASE("ui/keys: no chord has two meanings in one place") {
  std::set<std::string> seen;
  const auto claim = [&](const Binding& binding, Key key, unsigned mods) {
    if (key == Key::none) return;
    // What acts anywhere or in the app must not be claimed by a list either.
    const bool list = binding.where != Where::anywhere && binding.where != Where::app;
    const std::string chord = std::to_string(int(key)) + "+" + std::to_string(mods);
    CAPTURE(binding.text);
    CHECK(seen.insert(chord + (list ? where_name(binding.where) : "")).second);
    if (list) CHECK(seen.count(chord) == 0);
  };
  for (const Binding& binding : all_bindings()) {
    claim(binding, binding.key, binding.mods);
    claim(binding, binding.key2, binding.mods2);
  }
}

TEST_CASE("ui/keys: every command has one row, a name, and a text for its keys") {
  std::set<Command> commands;
  for (const Binding& binding : all_bindings()) {
    CAPTURE(binding.text);
    CHECK(commands.insert(binding.command).second);
    CHECK(std::string(binding.text).size() > 2);
    if (binding.key != Key::none) CHECK_FALSE(keys_text(binding).empty());
  }
  CHECK(keys_text(Command::palette) == "Ctrl+Shift+P, F1");
  CHECK(keys_text(Command::next_error) == "e");
  CHECK(keys_text(Command::previous_error) == "E");
  CHECK(keys_text(Command::show_keys) == "?");
}

TEST_CASE("ui/keys: single letters act only where a list has the keyboard") {
  ui_test::Headless h;
  std::optional<Command> in_list, typing, elsewhere;
  h.show([&] {
    if (auto c = pressed_command(Where::logs, false)) in_list = c;
    if (auto c = pressed_command(Where::logs, true)) typing = c;
    if (auto c = pressed_command(Where::app, false)) elsewhere = c;
  });
  h.press(Key::e);
  CHECK(in_list == Command::next_error);
  CHECK_FALSE(typing.has_value());
  CHECK_FALSE(elsewhere.has_value());
  h.press(Key::e, shift);
  CHECK(in_list == Command::previous_error);
  h.press(Key::p, ctrl | shift);
  CHECK(typing == Command::palette);
}

TEST_CASE("ui/palette: the best match stands first") {
  CHECK(match_score("Show Logs", "logs") > match_score("Last session", "logs"));
  CHECK(match_score("Next error", "xyz") == -1);
  CHECK(match_score("Next error", "ne") > match_score("Open the sample incident", "ne"));
  CHECK(match_score("anything", "") == 0);
}
