#include "ui/panels/sidebar.h"

#include <algorithm>

#include "engine/base/error.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/text.h"

namespace ui {
namespace {

std::string group_of(const app::SessionInfo& session, app::Ticks today) {
  if (session.archived) return "Archived";
  if (session.pinned) return "Pinned";
  constexpr app::Ticks day = 86400 * app::ticks_per_second;
  const app::Ticks at = session.changed != app::no_time ? session.changed : session.created;
  if (at == app::no_time) return "Undated";
  if (at >= today) return "Today";
  if (at >= today - day) return "Yesterday";
  return day_text(at);
}

std::string counts_text(const app::SessionInfo& session) {
  std::string tags;
  for (const std::string& tag : session.tags) tags += "#" + tag + " ";
  std::string text = tags + with_commas(session.n_records) + " lines";
  if (session.n_findings > 0) text += "  ·  " + with_commas(session.n_findings) + " findings";
  if (session.n_queries > 0) text += "  ·  " + with_commas(session.n_queries) + " queries";
  return text;
}

void remove_with_undo(const app::SessionInfo& session, app::App& app, Ui& ui) {
  app.delete_session(session.id);
  const int64_t id = session.id;
  ui.toast("Deleted \"" + session.title + "\"", [&app] { app.undo_delete_session(); }, [&app, id] { app.delete_session(id); });
}

void session_menu(SidebarPanel& panel, const app::SessionInfo& session, app::App& app, Ui& ui) {
  if (!ImGui::BeginPopupContextItem("session_menu")) return;
  if (menu_item(ui, "Rename", "F2")) {
    panel.renaming = session.id;
    panel.new_title = session.title;
    panel.focus_rename = true;
  }
  if (menu_item(ui, session.pinned ? "Unpin" : "Pin")) app.pin_session(session.id, !session.pinned);
  if (menu_item(ui, "Duplicate")) app.duplicate_session(session.id);
  if (menu_item(ui, "Tags…")) {
    panel.tagging = session.id;
    panel.tags.clear();
    for (const std::string& tag : session.tags) panel.tags += (panel.tags.empty() ? "" : ", ") + tag;
    panel.focus_tags = true;
  }
  if (menu_item(ui, "Export the session…")) panel.exporting = session.id;
  if (menu_item(ui, "Export a report…")) {
    app.open_session(session.id);
    ui.give(Command::export_report);
  }
  if (menu_item(ui, session.archived ? "Back from archive" : "Archive")) {
    const int64_t id = session.id;
    const bool archived = session.archived;
    app.archive_session(id, !archived);
    ui.toast(archived ? "Back from the archive: " + session.title : "Archived: " + session.title, [&app, id, archived] { app.archive_session(id, archived); },
             [&app, id, archived] { app.archive_session(id, !archived); });
  }
  if (menu_item(ui, "Copy title")) ui.copy(session.title);
  ImGui::Separator();
  if (menu_item(ui, "Delete")) remove_with_undo(session, app, ui);
  ImGui::EndPopup();
}

void draw_rename(SidebarPanel& panel, int64_t id, app::App& app, float width) {
  if (panel.focus_rename) {
    ImGui::SetKeyboardFocusHere();
    panel.focus_rename = false;
  }
  const bool done = input_text("##title", "Title", &panel.new_title, width,
                               ImGuiInputTextFlags_EnterReturnsTrue | ImGuiInputTextFlags_AutoSelectAll);
  const bool left = ImGui::IsItemDeactivated();
  if (done && !panel.new_title.empty()) app.rename_session(id, panel.new_title);
  if (done || left) panel.renaming = 0;
}

void draw_tagging(SidebarPanel& panel, int64_t id, app::App& app, Ui& ui, float width) {
  if (panel.focus_tags) {
    ImGui::SetKeyboardFocusHere();
    panel.focus_tags = false;
  }
  const bool entered = input_text("##tags", "Tags, parted by commas", &panel.tags, width, ImGuiInputTextFlags_EnterReturnsTrue | ImGuiInputTextFlags_AutoSelectAll);
  ui.probe("tags", panel.tags, ImGui::GetItemRectMin(), ImGui::GetItemRectMax());
  if (!entered && !ImGui::IsItemDeactivated()) return;
  std::vector<std::string> tags;
  for (size_t at = 0; at <= panel.tags.size();) {
    const size_t end = std::min(panel.tags.find(',', at), panel.tags.size());
    std::string tag = panel.tags.substr(at, end - at);
    while (!tag.empty() && tag.front() == ' ') tag.erase(0, 1);
    while (!tag.empty() && tag.back() == ' ') tag.pop_back();
    if (!tag.empty()) tags.push_back(tag);
    at = end + 1;
  }
  if (entered) app.tag_session(id, tags);
  panel.tagging = 0;
}

void draw_session(SidebarPanel& panel, const app::SessionInfo& session, bool current, bool running,
                  app::App& app, Ui& ui) {
  const float width = ImGui::GetContentRegionAvail().x;
  const float line = ImGui::GetTextLineHeight();
  const float height = line * 2 + ui.theme.px(14);
  ImGui::PushID(int(session.id));
  if (panel.renaming == session.id) {
    draw_rename(panel, session.id, app, width);
    ImGui::PopID();
    return;
  }
  if (panel.tagging == session.id) {
    draw_tagging(panel, session.id, app, ui, width);
    ImGui::PopID();
    return;
  }
  const ImVec2 at = ImGui::GetCursorScreenPos();
  if (ImGui::InvisibleButton("row", {width, height})) app.open_session(session.id);
  const bool hovered = ImGui::IsItemHovered();
  session_menu(panel, session, app, ui);
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const ImVec2 end{at.x + width, at.y + height};
  if (current || hovered)
    list.AddRectFilled(at, end, current ? ui.theme.selected : ui.theme.hovered, ui.theme.px(5));

  const ImVec2 dot{at.x + ui.theme.px(12), at.y + ui.theme.px(6) + line / 2};
  if (running) {
    list.AddCircleFilled(dot, ui.theme.px(4), ui.theme.accent);
  } else if (session.n_findings > 0) {
    draw_level_mark(list, dot, ui.theme.px(4), severity_level(session.worst), ui.theme);
  } else {
    list.AddCircle(dot, ui.theme.px(3.5f), ui.theme.faint);
  }
  const float x = at.x + ui.theme.px(24);
  float room = width - ui.theme.px(30);
  if (session.pinned) {
    draw_text(ui, list, {end.x - ui.theme.px(20), at.y + ui.theme.px(6)}, ui.theme.warning, "★");
    room -= ui.theme.px(18);
  }
  draw_text(ui, list, {x, at.y + ui.theme.px(6)}, ui.theme.text, fit_text(ui, session.title, room));
  draw_text(ui, list, {x, at.y + ui.theme.px(8) + line}, ui.theme.dim,
            fit_text(ui, running ? "working…" : counts_text(session), width - ui.theme.px(30)));
  if (hovered)
    ImGui::SetTooltip("%s\n%s\n%llu messages, changed %s", session.title.c_str(),
                      counts_text(session).c_str(), static_cast<unsigned long long>(session.n_messages),
                      time_text(session.changed).substr(0, 16).c_str());
  ui.probe("session", session.title, at, end);
  ImGui::PopID();
}

}  // namespace

void draw(SidebarPanel& panel, const app::SessionsView& view, const app::StatusView& status,
          app::App& app, Ui& ui, app::Ticks today) {
  heading(ui, "Sessions", with_commas(view.sessions.size()));
  if (button(ui, "+ New", ButtonKind::primary, "A new, empty session", Command::new_session))
    ui.give(Command::new_session);
  ImGui::SameLine();
  if (panel.focus_search) {
    ImGui::SetKeyboardFocusHere();
    panel.focus_search = false;
  }
  if (input_text("##search", "Search", &panel.search, ImGui::GetContentRegionAvail().x))
    app.search_sessions(panel.search);
  tooltip(ui, "Words of questions, log names and queries; also tag:, file:, has:evidence, before:2026-07-31");
  ui.probe("search", panel.search, ImGui::GetItemRectMin(), ImGui::GetItemRectMax());

  if (ui.take(Command::rename)) {
    for (const app::SessionInfo& session : view.sessions)
      if (session.id == view.current) {
        panel.renaming = session.id;
        panel.new_title = session.title;
        panel.focus_rename = true;
      }
  }
  const bool running = std::any_of(status.jobs.begin(), status.jobs.end(),
                                   [](const app::JobView& job) { return job.running && job.kind != "model"; });
  ImGui::BeginChild("list", {0, 0}, false);
  if (view.sessions.empty()) {
    const bool searched = !view.search.empty();
    const int clicked = draw_empty(
        ui, "none",
        {searched ? "Nothing found" : "No sessions",
         searched ? "No session matches \"" + view.search + "\"." : "Paste a log to begin one.",
         searched ? std::vector<const char*>{"Clear search"} : std::vector<const char*>{"Open the sample"}});
    if (clicked == 0 && searched) {
      panel.search.clear();
      app.search_sessions("");
    } else if (clicked == 0) {
      app.open_sample();
    }
  }
  std::string group;
  uint64_t n_archived = 0;
  const auto draw_group_title = [&](const std::string& title) {
    if (title == group) return;
    group = title;
    ImGui::Dummy({1, ui.theme.px(2)});
    label(ui, title.c_str(), title, ui.theme.faint, ImGui::GetContentRegionAvail().x);
  };
  for (const app::SessionInfo& session : view.sessions) {
    if (session.archived) {
      ++n_archived;
      continue;
    }
    draw_group_title(group_of(session, today));
    draw_session(panel, session, session.id == view.current, running && session.id == view.current,
                 app, ui);
  }
  if (n_archived > 0) {
    if (button(ui, panel.show_archived ? "▾ Archived" : "▸ Archived", ButtonKind::quiet))
      panel.show_archived = !panel.show_archived;
    if (panel.show_archived)
      for (const app::SessionInfo& session : view.sessions)
        if (session.archived)
          draw_session(panel, session, session.id == view.current, false, app, ui);
  }
  ImGui::EndChild();
}

}  // namespace ui
