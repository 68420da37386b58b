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

// What a session's jobs do now, or empty.
std::string activity_of(const app::StatusView& status, int64_t session) {
  for (const app::JobView& job : status.jobs) {
    const bool shown = job.kind == "ingest" || job.kind == "checks" || job.kind == "answer" || job.kind == "copy" || job.kind == "open";
    if (!job.running || job.session != session || !shown) continue;
    std::string what = job.kind == "answer" ? "answering" : job.kind == "copy" ? "copying" : job.kind == "open" ? "opening" : job.kind == "checks" || job.stage == "checks" ? "checking" : "reading";
    if (job.fraction >= 0) what += engine::format(" %.0f %%", job.fraction * 100);
    if (!job.count.empty()) what += "  ·  " + job.count;
    return what + "…";
  }
  return {};
}

void rename_with_undo(const app::SessionInfo& session, const std::string& title, app::App& app, Ui& ui) {
  if (title.empty() || title == session.title) return;
  app.rename_session(session.id, title);
  const int64_t id = session.id;
  const std::string before = session.title;
  ui.toast("Renamed to \"" + title + "\"", [&app, id, before] { app.rename_session(id, before); }, [&app, id, title] { app.rename_session(id, title); });
}

void archive_with_undo(const app::SessionInfo& session, app::App& app, Ui& ui) {
  const int64_t id = session.id;
  const bool archived = session.archived;
  app.archive_session(id, !archived);
  ui.toast(archived ? "Back from the archive: " + session.title : "Archived: " + session.title, [&app, id, archived] { app.archive_session(id, archived); },
           [&app, id, archived] { app.archive_session(id, !archived); });
}

void remove_with_undo(const app::SessionInfo& session, app::App& app, Ui& ui) {
  app.delete_session(session.id);
  const int64_t id = session.id;
  ui.toast("Deleted \"" + session.title + "\"", [&app] { app.undo_delete_session(); }, [&app, id] { app.delete_session(id); });
}

void toggle(SidebarPanel& panel, int64_t id) {
  if (panel.chosen.erase(id) == 0) panel.chosen.insert(id);
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
  if (menu_item(ui, session.archived ? "Back from archive" : "Archive")) archive_with_undo(session, app, ui);
  if (menu_item(ui, panel.chosen.contains(session.id) ? "Take out of the choice" : "Choose with others", "Ctrl+click")) toggle(panel, session.id);
  if (menu_item(ui, "Copy title")) ui.copy(session.title);
  ImGui::Separator();
  if (menu_item(ui, "Delete")) remove_with_undo(session, app, ui);
  ImGui::EndPopup();
}

void draw_rename(SidebarPanel& panel, const app::SessionInfo& session, app::App& app, Ui& ui, float width) {
  if (panel.focus_rename) {
    ImGui::SetKeyboardFocusHere();
    panel.focus_rename = false;
  }
  const bool done = input_text("##title", "Title", &panel.new_title, width,
                               ImGuiInputTextFlags_EnterReturnsTrue | ImGuiInputTextFlags_AutoSelectAll);
  const bool left = ImGui::IsItemDeactivated();
  if (done) rename_with_undo(session, panel.new_title, app, ui);
  if (done || left) panel.renaming = 0;
}

void draw_tagging(SidebarPanel& panel, const app::SessionInfo& session, app::App& app, Ui& ui, float width) {
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
  if (entered && tags != session.tags) {
    app.tag_session(session.id, tags);
    const int64_t id = session.id;
    const std::vector<std::string> before = session.tags;
    ui.toast("Tags of \"" + session.title + "\" changed", [&app, id, before] { app.tag_session(id, before); }, [&app, id, tags] { app.tag_session(id, tags); });
  }
  panel.tagging = 0;
}

// Running, failed, findings of some severity, or nothing yet.
void draw_state_dot(const app::SessionInfo& session, bool running, bool failed, ImVec2 dot, Ui& ui) {
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const float r = ui.theme.px(4);
  if (running) {
    list.AddCircleFilled(dot, r, ui.theme.accent);
  } else if (failed) {
    list.AddLine({dot.x - r, dot.y - r}, {dot.x + r, dot.y + r}, ui.theme.bad, ui.theme.px(2));
    list.AddLine({dot.x - r, dot.y + r}, {dot.x + r, dot.y - r}, ui.theme.bad, ui.theme.px(2));
  } else if (session.n_findings > 0) {
    draw_level_mark(list, dot, r, severity_level(session.worst), ui.theme);
  } else {
    list.AddCircle(dot, ui.theme.px(3.5f), ui.theme.faint);
  }
}

const std::string* find_text(const std::map<int64_t, std::string>& texts, int64_t session) {
  const auto found = texts.find(session);
  return found == texts.end() ? nullptr : &found->second;
}

void draw_session(SidebarPanel& panel, const app::SessionInfo& session, const app::SessionsView& view, const app::StatusView& status,
                  app::App& app, Ui& ui) {
  const float width = ImGui::GetContentRegionAvail().x;
  const float line = ImGui::GetTextLineHeight();
  const std::string running = activity_of(status, session.id);
  const std::string* error = find_text(view.errors, session.id);
  const std::string* hit = view.search.empty() ? nullptr : find_text(view.hits, session.id);
  const float height = line * (hit != nullptr ? 3 : 2) + ui.theme.px(hit != nullptr ? 16 : 14);
  ImGui::PushID(int(session.id));
  if (panel.renaming == session.id) {
    draw_rename(panel, session, app, ui, width);
    ImGui::PopID();
    return;
  }
  if (panel.tagging == session.id) {
    draw_tagging(panel, session, app, ui, width);
    ImGui::PopID();
    return;
  }
  const ImVec2 at = ImGui::GetCursorScreenPos();
  if (ImGui::InvisibleButton("row", {width, height})) {
    if (ImGui::GetIO().KeyCtrl) toggle(panel, session.id);
    else app.open_session(session.id);
  }
  const bool hovered = ImGui::IsItemHovered();
  session_menu(panel, session, app, ui);
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const ImVec2 end{at.x + width, at.y + height};
  // The one that is being opened is marked at once.
  const bool current = session.id == (view.opening != 0 ? view.opening : view.current);
  if (current || hovered) list.AddRectFilled(at, end, current ? ui.theme.selected : ui.theme.hovered, ui.theme.px(5));
  if (panel.chosen.contains(session.id)) list.AddRect(at, end, ui.theme.accent, ui.theme.px(5), 0, ui.theme.px(2));

  draw_state_dot(session, !running.empty(), error != nullptr, {at.x + ui.theme.px(12), at.y + ui.theme.px(6) + line / 2}, ui);
  const float x = at.x + ui.theme.px(24);
  float room = width - ui.theme.px(30);
  if (session.pinned) {
    draw_text(ui, list, {end.x - ui.theme.px(20), at.y + ui.theme.px(6)}, ui.theme.warning, "★");
    room -= ui.theme.px(18);
  }
  draw_text(ui, list, {x, at.y + ui.theme.px(6)}, ui.theme.text, fit_text(ui, session.title, room));
  const std::string second = !running.empty() ? running : error != nullptr ? "failed: " + *error : counts_text(session);
  const ImU32 color = !running.empty() ? ui.theme.accent : error != nullptr ? ui.theme.bad : ui.theme.dim;
  draw_text(ui, list, {x, at.y + ui.theme.px(8) + line}, color, fit_text(ui, second, width - ui.theme.px(30)));
  if (hit != nullptr) draw_text(ui, list, {x, at.y + ui.theme.px(10) + line * 2}, ui.theme.link, fit_text(ui, *hit, width - ui.theme.px(30)));
  if (hovered) {
    std::string tip = session.title + "\n" + counts_text(session) + "\n" + with_commas(session.n_messages) + " messages, changed " + time_text(session.changed).substr(0, 16);
    if (error != nullptr) tip += "\nfailed: " + *error;
    if (hit != nullptr) tip += "\n" + *hit;
    ui.fonts.note_text(tip);
    ImGui::BeginTooltip();
    ImGui::PushTextWrapPos(ImGui::GetFontSize() * 32);
    ImGui::TextUnformatted(tip.c_str());
    ImGui::PopTextWrapPos();
    ImGui::EndTooltip();
  }
  ui.probe("session", session.title, at, end);
  ui.probe("session_state", !running.empty() ? "running" : error != nullptr ? "error" : session.n_findings > 0 ? "findings" : "none", at, end);
  ImGui::PopID();
}

// What can be done with the sessions that were chosen by Ctrl+click.
void draw_chosen(SidebarPanel& panel, const app::SessionsView& view, app::App& app, Ui& ui) {
  if (panel.chosen.empty()) return;
  ImGui::PushID("chosen");
  text(ui, "count", engine::format("%zu chosen", panel.chosen.size()), ui.theme.accent);
  if (button(ui, "Export…", ButtonKind::normal, "Each as one file, its log included")) panel.export_many = true;
  ImGui::SameLine();
  if (button(ui, "Archive")) {
    const std::vector<int64_t> ids(panel.chosen.begin(), panel.chosen.end());
    const auto archive = [&app, ids](bool on) {
      for (const int64_t id : ids) app.archive_session(id, on);
    };
    archive(true);
    ui.toast(engine::format("Archived %zu sessions", ids.size()), [archive] { archive(false); }, [archive] { archive(true); });
    panel.chosen.clear();
  }
  ImGui::SameLine();
  if (button(ui, "All", ButtonKind::quiet, "All sessions of the list"))
    for (const app::SessionInfo& session : view.sessions)
      if (!session.archived) panel.chosen.insert(session.id);
  ImGui::SameLine();
  if (button(ui, "None", ButtonKind::quiet)) panel.chosen.clear();
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
  draw_chosen(panel, view, app, ui);
  ImGui::BeginChild("list", {0, 0}, false);
  if (view.sessions.empty()) {
    const bool searched = !view.search.empty();
    if (searched) {
      if (draw_empty(ui, "none", {"Nothing found", "No session matches \"" + view.search + "\".", {"Clear search"}}) == 0) {
        panel.search.clear();
        app.search_sessions("");
      }
    } else {
      // The three ways to begin, one under the other: the sidebar is narrow.
      text(ui, "none", "No sessions yet", ui.theme.dim);
      if (button(ui, "Paste a log", ButtonKind::primary, "The clipboard, from anywhere", Command::paste)) ui.give(Command::paste);
      if (button(ui, "Open files", ButtonKind::normal, "Files, folders, archives", Command::open_files)) ui.give(Command::open_files);
      if (button(ui, "Open the sample")) app.open_sample();
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
    draw_session(panel, session, view, status, app, ui);
  }
  if (n_archived > 0) {
    if (button(ui, panel.show_archived ? "▾ Archived" : "▸ Archived", ButtonKind::quiet))
      panel.show_archived = !panel.show_archived;
    if (panel.show_archived)
      for (const app::SessionInfo& session : view.sessions)
        if (session.archived)
          draw_session(panel, session, view, status, app, ui);
  }
  ImGui::EndChild();
}

}  // namespace ui
