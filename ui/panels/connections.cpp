#include "ui/panels/connections.h"

#include <algorithm>

#include "engine/base/error.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/text.h"

namespace ui {
namespace {

using app::ConnectionTest;
using app::connectors::Connection;

struct KindText {
  const char *kind, *shown, *url, *user, *database;
};
constexpr KindText kind_texts[] = {{"clickhouse", "ClickHouse", "https://host:8443", "User", "Database"},
                                   {"kusto", "Azure Data Explorer", "https://cluster.region.kusto.windows.net", "User (empty: a token)", "Database"},
                                   {"loganalytics", "Log Analytics", "https://api.loganalytics.io", "User (empty: a token)", "Workspace id"},
                                   {"loki", "Loki", "https://host:3100", "User (empty: a token)", "Label whose value is the table (empty: app)"},
                                   {"elasticsearch", "Elasticsearch, OpenSearch", "https://host:9200", "User (empty: an API key)", "Not used"}};

const KindText& text_of(const std::string& kind) {
  const auto* found = std::find_if(std::begin(kind_texts), std::end(kind_texts), [&](const KindText& k) { return kind == k.kind; });
  return found == std::end(kind_texts) ? kind_texts[0] : *found;
}

void open_form(ConnectionsPanel& panel, const Connection& connection, const std::string& replaces) {
  panel.edited = connection;
  if (panel.edited.kind.empty()) panel.edited.kind = "clickhouse";
  panel.replaces = replaces;
  panel.secret.clear();
  panel.forget_secret = false;
  panel.open_form = true;
}

const char* problem_of(const ConnectionsPanel& panel, const app::ConnectionsView& view) {
  if (panel.edited.name.empty()) return "Give it a name";
  if (panel.edited.url.find("://") == std::string::npos) return "Write the address as https://host:port";
  for (const app::ConnectionView& item : view.items)
    if (item.connection.name == panel.edited.name && item.connection.name != panel.replaces) return "There is a connection of this name already";
  return nullptr;
}

void draw_form(ConnectionsPanel& panel, const app::ConnectionsView& view, app::App& app, Ui& ui) {
  if (panel.open_form) ImGui::OpenPopup("Connection");
  panel.open_form = false;
  ImGui::SetNextWindowSize({ui.theme.px(560), 0}, ImGuiCond_Appearing);
  bool open = true;
  if (!ImGui::BeginPopupModal("Connection", &open, ImGuiWindowFlags_NoSavedSettings)) return;
  Connection& c = panel.edited;
  const KindText& kind = text_of(c.kind);
  ImGui::SetNextItemWidth(-1);
  if (ImGui::BeginCombo("##kind", kind.shown)) {
    for (const KindText& each : kind_texts)
      if (ImGui::Selectable(each.shown, c.kind == each.kind)) c.kind = each.kind;
    ImGui::EndCombo();
  }
  input_text("##name", "Name: queries call it cluster(\"name\")", &c.name, -1);
  input_text("##url", kind.url, &c.url, -1);
  input_text("##user", kind.user, &c.user, -1);
  const app::ConnectionView* before = nullptr;
  for (const app::ConnectionView& item : view.items)
    if (item.connection.name == panel.replaces) before = &item;
  const bool kept = before != nullptr && before->has_secret && !panel.forget_secret;
  input_text("##secret", kept ? "Password or token: the one that is kept" : "Password or token", &panel.secret, -1, ImGuiInputTextFlags_Password);
  if (before != nullptr && before->has_secret) ImGui::Checkbox("Forget the password that is kept", &panel.forget_secret);
  input_text("##database", kind.database, &c.database, -1);
  input_text("##ca", "PEM file of the authorities to trust (empty: the system's)", &c.ca_file, -1);
  if (c.url.rfind("http://", 0) == 0) ImGui::Checkbox("Let the password go over http:// to another machine", &c.plain_secret);
  text(ui, "keyring", "The password is kept in keyring.json of the data folder, which only you can read (mode 0600).", ui.theme.dim);
  if (button(ui, "Save", ButtonKind::primary, nullptr, Command::none, problem_of(panel, view))) {
    std::optional<std::string> secret;
    if (!panel.secret.empty() || panel.forget_secret || before == nullptr) secret = panel.secret;
    app.save_connection(panel.replaces, c, secret);
    panel.secret.clear();
    ImGui::CloseCurrentPopup();
  }
  ImGui::SameLine();
  if (button(ui, "Close") || ui.take(Command::stop)) {
    panel.secret.clear();
    ImGui::CloseCurrentPopup();
  }
  ImGui::EndPopup();
}

void draw_test(const ConnectionTest& test, float width, Ui& ui) {
  using State = ConnectionTest::State;
  if (test.state == State::none) return;
  const ImU32 color = test.state == State::good ? ui.theme.good : test.state == State::failed ? ui.theme.bad : ui.theme.dim;
  text(ui, "test", test.state == State::running ? "asking ..." : test.text, color, Face::regular, {.width = width, .probe = "connection_test"});
}

void draw_item(ConnectionsPanel& panel, const app::ConnectionView& item, app::App& app, Ui& ui) {
  const Connection& c = item.connection;
  ImGui::PushID(c.name.c_str());
  {
    const Card card(ui, "connection", item.leaves_machine ? ui.theme.warning : 0);
    const float width = card.inner_width();
    const Span head[] = {{c.name, ui.theme.text, Face::bold}, {"   "}, {text_of(c.kind).shown, ui.theme.dim}, {item.leaves_machine ? "   on another machine" : "   on this machine", item.leaves_machine ? ui.theme.warning : ui.theme.dim}};
    rich_text(ui, "head", head, {.width = width, .probe = "connection"});
    std::string facts = c.url;
    if (!c.user.empty()) facts += "  ·  user " + c.user;
    if (!c.database.empty()) facts += "  ·  " + c.database;
    facts += item.has_secret ? "  ·  password kept" : "  ·  no password";
    text(ui, "facts", facts, ui.theme.dim, Face::regular, {.width = width});
    draw_test(item.test, width, ui);
    if (button(ui, "Test", ButtonKind::normal, "Asks the server who it is", Command::none, item.test.state == ConnectionTest::State::running ? "It is being asked" : nullptr)) app.test_connection(c.name);
    ImGui::SameLine();
    if (button(ui, "Change")) open_form(panel, c, c.name);
    ImGui::SameLine();
    if (button(ui, "Remove", ButtonKind::quiet, "Forgets it and its password")) {
      app.remove_connection(c.name);
      ui.toast("Removed " + c.name, [&app] { app.restore_connection(); });
    }
    ImGui::SameLine();
    if (button(ui, "Use in KQL", ButtonKind::quiet, "Puts its name into the editor"))
      ui.ask({.kind = Request::Kind::query, .text = "cluster(\"" + c.name + "\")" + (c.database.empty() ? ".database(\"\")" : ".database(\"" + c.database + "\")") + "."});
  }
  ImGui::PopID();
  ImGui::Dummy({1, 1});
}

}  // namespace

void draw(ConnectionsPanel& panel, const app::ConnectionsView& view, app::App& app, Ui& ui) {
  const Pane pane(ui, "connections", {0, 0});
  if (!panel.asked) app.refresh_connections();
  panel.asked = true;
  heading(ui, "Connections", view.items.empty() ? "" : with_commas(view.items.size()));
  if (!view.items.empty() && button(ui, "Add a connection", ButtonKind::primary)) open_form(panel, {}, {});
  if (!view.error.empty()) draw_notice(ui, "error", view.error, ui.theme.bad);
  if (view.items.empty()) {
    const int clicked = draw_empty(ui, "none",
                                   {"No connection", "Queries read the log and files on this machine. A connection makes the tables of a server tables of KQL: ClickHouse, Azure Data Explorer, Log Analytics, Loki, Elasticsearch. "
                                    "Nothing is asked of a server before a query names it.",
                                    {"Add a connection"}});
    if (clicked == 0) open_form(panel, {}, {});
  } else {
    text(ui, "how", "A query names a server as cluster(\"name\").database(\"...\").Table. While one on another machine is asked, the badge below is amber.", ui.theme.dim);
    ImGui::BeginChild("list", {0, 0}, false);
    for (const app::ConnectionView& item : view.items) draw_item(panel, item, app, ui);
    ImGui::EndChild();
  }
  draw_form(panel, view, app, ui);
}

}  // namespace ui
