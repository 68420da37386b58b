// ui/panels/palette.h: all commands by name, the table of keys, and the file dialog.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "app/app.h"
#include "ui/ui.h"

namespace ui {

struct PalettePanel {
  bool open = false, keys_open = false;
  std::string text;
  int chosen = 0;
};
// sessions: listed behind the commands, so that the palette searches everything.
void draw(PalettePanel& panel, const app::SessionsView& sessions, app::App& app, Ui& ui);

// Fuzzy match: all characters of wanted in order; higher is better, -1 for none.
int match_score(const std::string& name, const std::string& wanted);

struct FileDialogPanel {
  bool open = false;
  std::string title, folder, name;
  bool saving = false;                             // asks for a name to write
  std::function<void(const std::string&)> chosen;  // gets the path
  struct Entry {
    std::string name;
    bool is_folder = false;
    uint64_t n_bytes = 0;
  };
  std::vector<Entry> entries;
  std::string error, listed;                       // folder that entries are of
};
void open_dialog(FileDialogPanel& panel, std::string title, bool saving, std::string name,
                 std::function<void(const std::string&)> chosen);
void draw(FileDialogPanel& panel, Ui& ui);

}  // namespace ui
