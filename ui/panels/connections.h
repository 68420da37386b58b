// ui/panels/connections.h: servers that queries can name: add, change, test, remove. Nothing is asked
// of one but by Test and by a query that names it.
#pragma once
#include <string>

#include "app/app.h"
#include "ui/ui.h"

namespace ui {

struct ConnectionsPanel {
  bool asked = false;                 // for the list
  bool open_form = false;
  std::string replaces;               // name of the connection being changed; empty: a new one
  app::connectors::Connection edited;
  std::string secret;                 // being typed; never shown
  bool forget_secret = false;         // of the one being changed
};
void draw(ConnectionsPanel& panel, const app::ConnectionsView& view, app::App& app, Ui& ui);

}  // namespace ui
