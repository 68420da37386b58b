#include "ui/panels/kql.h"

#include <algorithm>

#include "app/kql/complete.h"
#include "engine/base/error.h"
#include "engine/base/text.h"
#include "ui/panels/kql_side.h"
#include "ui/panels/logs.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/text.h"

namespace ui {
namespace {

constexpr const char* first_query = "Logs\n| summarize count() by Level";
constexpr char tab_separator = '\x1e';

const char* const examples[] = {
    "Logs | take 100",
    "Logs | summarize count() by Level",
    "Logs | where Level in (\"ERROR\", \"CRITICAL\") | project Timestamp, Process, Message | take 200",
    "Logs | summarize count() by bin(Timestamp, 1m), Level | render timechart",
};

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

void run(KqlPanel& panel, app::App& app, Ui& ui) {
  const std::string text_run = text_to_run(panel.editor(), &panel.run_begin);
  if (text_run.find_first_not_of(" \n\t\r") == std::string::npos) {
    ui.toast("Nothing to run: write a query first");
    return;
  }
  panel.checked = text_run;
  panel.check_at = 0;
  panel.editor().list_open = false;
  app.set_view_state("kql.tabs", tabs_text(panel));
  app.run_query(text_run);
  app.check_query(text_run);
}

void format_all(KqlPanel& panel) {
  EditorState& editor = panel.editor();
  const std::string laid_out = app::kql::format_query(editor.text);
  if (laid_out != editor.text) replace_range(editor, 0, editor.text.size(), laid_out);
  panel.check_at = 1e-9;
}

std::string place_text(const std::string& text_checked, size_t offset) {
  const app::kql::Position at = app::kql::position_at(text_checked, std::min(offset, text_checked.size()));
  return engine::format("%d:%d", at.line, at.column);
}

void go_to_problem(KqlPanel& panel, const app::KqlView& view, bool forward, Ui& ui) {
  const auto n = int(view.diagnostics.size());
  if (n == 0) return ui.toast("No problems");
  panel.problem = panel.problem < 0 ? (forward ? 0 : n - 1) : (panel.problem + (forward ? 1 : n - 1)) % n;
  panel.editor().wanted_caret = panel.run_begin + view.diagnostics[size_t(panel.problem)].span.begin;
  panel.editor().focus = true;
}

// --- quick fixes

bool fixes_hold(const KqlPanel& panel, const app::QueryHelpView& help) { return help.checked == panel.checked && !help.fixes.empty(); }

void apply_fix(KqlPanel& panel, const app::kql::QuickFix& fix) {
  replace_range(panel.editor(), panel.run_begin + fix.span.begin, panel.run_begin + fix.span.end, fix.replacement);
  panel.editor().focus = true;
  panel.check_at = 1e-9;
}

// Ctrl+. mends what stands at the caret; with several ways a list opens.
void quick_fix(KqlPanel& panel, const app::QueryHelpView& help, Ui& ui) {
  if (!fixes_hold(panel, help)) return ui.toast("No quick fix here");
  // The diagnostic at the caret or the nearest one.
  const size_t caret = panel.editor().caret;
  size_t nearest = 0, best = SIZE_MAX;
  for (const app::kql::QuickFix& fix : help.fixes) {
    const app::kql::Span span = help.diagnostics[fix.diagnostic].span;
    const size_t begin = panel.run_begin + span.begin, end = panel.run_begin + span.end;
    const size_t distance = caret < begin ? begin - caret : caret > end ? caret - end : 0;
    if (distance < best) best = distance, nearest = fix.diagnostic;
  }
  std::vector<const app::kql::QuickFix*> here;
  for (const app::kql::QuickFix& fix : help.fixes)
    if (fix.diagnostic == nearest) here.push_back(&fix);
  if (here.size() == 1) return apply_fix(panel, *here.front());
  ImGui::OpenPopup("quick_fixes");
}

void draw_fix_list(KqlPanel& panel, const app::QueryHelpView& help, Ui& ui) {
  if (!ImGui::BeginPopup("quick_fixes")) return;
  for (const app::kql::QuickFix& fix : help.fixes)
    if (menu_item(ui, fix.title.c_str())) apply_fix(panel, fix);
  if (help.fixes.empty() || ui.take(Command::stop)) ImGui::CloseCurrentPopup();
  ImGui::EndPopup();
}

void draw_problems(KqlPanel& panel, const app::KqlView& view, const app::QueryHelpView& help, Ui& ui) {
  constexpr size_t most_shown = 5;
  for (size_t i = 0; i < std::min(view.diagnostics.size(), most_shown); ++i) {
    const app::kql::Diagnostic& d = view.diagnostics[i];
    const bool error = d.severity == app::kql::DiagnosticSeverity::error;
    ImGui::PushID(int(i));
    const std::string where = place_text(panel.checked, d.span.begin);
    const std::string hint = d.hint.empty() ? "" : "   " + d.hint;
    const app::kql::QuickFix* fix = nullptr;
    if (fixes_hold(panel, help))
      for (const app::kql::QuickFix& known : help.fixes)
        if (known.diagnostic == i && fix == nullptr) fix = &known;
    const std::string mend = fix != nullptr ? fix->title : "";
    std::vector<Span> spans = {{error ? "● " : "▲ ", error ? ui.theme.bad : ui.theme.warning}, {where, ui.theme.link, Face::regular, 0}, {"  "},
                               {d.message, ui.theme.text}, {hint, ui.theme.dim}};
    if (fix != nullptr) {
      spans.push_back({"   "});
      spans.push_back({mend, ui.theme.good, Face::regular, 1});
    }
    const int clicked = rich_text(ui, "problem", spans, {.probe = "problem", .chip_probe = "quick_fix"}).clicked_chip;
    if (clicked == 0) {
      panel.editor().wanted_caret = panel.run_begin + d.span.begin;
      panel.editor().focus = true;
    } else if (clicked == 1 && fix != nullptr) {
      apply_fix(panel, *fix);
    }
    ImGui::PopID();
  }
  if (view.diagnostics.size() > most_shown)
    text(ui, "more_problems", engine::format("and %zu more; Alt+F8 goes through all", view.diagnostics.size() - most_shown), ui.theme.faint);
}

// --- the editor and its help

EditorHelp help_for(const KqlPanel& panel, const EditorState& editor, const app::QueryHelpView& view) {
  EditorHelp help;
  if (view.text == editor.text && view.offset == editor.caret) {
    help.begin = view.suggestions.begin;
    help.end = view.suggestions.end;
    // One choice that is already there is none.
    const auto& items = view.suggestions.items;
    const bool done = items.size() == 1 && editor.text.compare(help.begin, help.end - help.begin, items[0].insert) == 0;
    if (editor.list_open && !done)
      for (const app::kql::Suggestion& s : items) help.choices.push_back({s.text, s.insert, s.kind, s.detail, s.doc, s.caret_back});
    if (view.call) {
      const app::kql::CallHelp& call = *view.call;
      help.call_head = call.name + "(";
      for (size_t i = 0; i < call.parameters.size(); ++i) {
        std::string& part = int(i) < call.current ? help.call_head : int(i) == call.current ? help.call_argument : help.call_tail;
        if (int(i) > call.current) help.call_tail += ", " + call.parameters[i];
        else part += call.parameters[i] + (int(i) < call.current ? ", " : "");
      }
      help.call_tail += ")" + (call.result.empty() ? "" : " → " + call.result);
      help.call_doc = call.doc;
    }
  }
  if (view.hover && view.hover_text == editor.text && view.hover_text == panel.hovered && view.hover_offset == panel.hovered_at &&
      editor.hover_at != std::string::npos && editor.hover_at >= view.hover->span.begin && editor.hover_at < view.hover->span.end) {
    help.hover_title = view.hover->title;
    help.hover_text = view.hover->text;
  }
  return help;
}

// Typing a word, a pipe or a comparison opens the list; moving away closes it.
void follow_typing(EditorState& editor, const EditorResult& edited) {
  if (edited.wants_list) {
    editor.list_open = true;
    editor.chosen = 0;
    return;
  }
  if (!edited.changed || editor.completed) return;
  const size_t caret = std::min(editor.caret, editor.text.size());
  const char last = caret > 0 ? editor.text[caret - 1] : '\n';
  const char before = caret > 1 ? editor.text[caret - 2] : '\n';
  const bool word = is_word(last) && !std::isdigit(static_cast<unsigned char>(last));
  // A quote opens the values where it begins a text, not where it ends one.
  const size_t line = editor.text.rfind('\n', caret == 0 ? 0 : caret - 1);
  const auto from = editor.text.begin() + long(line == std::string::npos || line >= caret ? 0 : line);
  const bool begins_text = last == '"' && std::count(from, editor.text.begin() + long(caret), '"') % 2 == 1;
  const bool opens = word || (last == ' ' && (before == '|' || before == '=' || before == ',' || before == '(')) || begins_text || (last == '-' && is_word(before));
  editor.list_open = opens;
  editor.chosen = 0;
}

void draw_editor(KqlPanel& panel, const app::KqlView& view, const app::QueryHelpView& help_view, app::App& app, Ui& ui) {
  EditorState& editor_state = panel.editor();
  std::vector<EditorFault> faults;
  for (const app::kql::Diagnostic& d : view.diagnostics)
    faults.push_back({panel.run_begin + d.span.begin, panel.run_begin + std::max(d.span.end, d.span.begin + 1),
                      d.severity == app::kql::DiagnosticSeverity::error ? ui.theme.bad : ui.theme.warning,
                      d.message + (d.hint.empty() ? "" : "\n" + d.hint) + (fixes_hold(panel, help_view) ? "\nCtrl+. mends it" : "")});
  const EditorHelp help = help_for(panel, editor_state, help_view);
  const EditorResult edited = editor(ui, "editor", editor_state, faults, {ImGui::GetContentRegionAvail().x, ui.theme.px(panel.editor_height)}, help);
  follow_typing(editor_state, edited);
  if (edited.run) {
    run(panel, app, ui);
  } else if (edited.changed) {
    panel.check_at = ui.now + 0.3;
    panel.save_at = ui.now + 0.5;
  }
  if (edited.focused && (panel.helped != editor_state.text || panel.helped_caret != editor_state.caret)) {
    panel.helped = editor_state.text;
    panel.helped_caret = editor_state.caret;
    app.complete_query(editor_state.text, editor_state.caret);
  }
  if (edited.hovered != std::string::npos) {
    panel.hovered = editor_state.text;
    panel.hovered_at = edited.hovered;
    app.hover_query(editor_state.text, edited.hovered);
  }
  if (panel.check_at > 0) {
    ui.animate(panel.check_at - ui.now + 0.01);
    if (ui.now >= panel.check_at) {
      panel.check_at = 0;
      panel.checked = text_to_run(editor_state, &panel.run_begin);
      app.check_query(panel.checked);
    }
  }
  if (panel.save_at > 0) {
    ui.animate(panel.save_at - ui.now + 0.01);
    if (ui.now >= panel.save_at) {
      panel.save_at = 0;
      app.set_view_state("kql.tabs", tabs_text(panel));
    }
  }
}

// --- the bars above

void draw_tabs(KqlPanel& panel, Ui& ui) {
  const auto add_tab = [&] {
    panel.tabs.emplace_back();
    panel.tab = panel.tabs.size() - 1;
    panel.editor().generation = 1;
    panel.editor().focus = true;
    panel.save_at = ui.now + 0.1;
  };
  const auto close_tab = [&] {
    if (panel.tabs.size() == 1) return ui.toast("The last tab stays");
    const KqlPanel::Tab closed = panel.tabs[panel.tab];
    const size_t place = panel.tab;
    panel.tabs.erase(panel.tabs.begin() + long(panel.tab));
    panel.tab = std::min(panel.tab, panel.tabs.size() - 1);
    panel.save_at = ui.now + 0.1;
    ui.toast("Tab closed", [&panel, closed, place] {
      panel.tabs.insert(panel.tabs.begin() + long(std::min(place, panel.tabs.size())), closed);
      panel.tab = std::min(place, panel.tabs.size() - 1);
    });
  };
  if (ui.take(Command::new_tab)) add_tab();
  if (ui.take(Command::close_tab)) close_tab();
  if (ui.take(Command::next_tab)) {
    panel.tab = (panel.tab + 1) % panel.tabs.size();
    panel.editor().focus = true;
  }
  if (panel.tabs.size() > 1)
    for (size_t i = 0; i < panel.tabs.size(); ++i) {
      const std::string& shown = panel.tabs[i].editor.text;
      std::string name = shown.substr(0, shown.find('\n')).substr(0, 24);
      if (name.empty()) name = "empty";
      ImGui::PushID(int(i));
      if (chip(ui, "tab", engine::format("%zu  ", i + 1) + name, i == panel.tab ? ui.theme.link : ui.theme.dim, "query_tab")) {
        panel.tab = i;
        panel.editor().focus = true;
      }
      ImGui::PopID();
      ImGui::SameLine();
    }
  if (button(ui, "+", ButtonKind::quiet, "A new tab", Command::new_tab)) add_tab();
  if (panel.tabs.size() > 1) {
    ImGui::SameLine(0, ui.theme.px(2));
    if (button(ui, "×", ButtonKind::quiet, "Close this tab", Command::close_tab)) close_tab();
  }
}

void take_words(KqlPanel& panel, const app::WordsView& words, app::App& app, Ui& ui) {
  panel.words_asked = false;
  panel.words_taken = words.question;
  replace_range(panel.editor(), 0, panel.editor().text.size(), words.answer.kql);
  panel.check_at = 1e-9;
  panel.save_at = ui.now + 0.1;
  if (panel.run_at_once) run(panel, app, ui);
}

// "model, draft: unknown column Levl", "rules: 12 rows, used".
void draw_attempts(const app::nl2kql::AskResult& answer, Ui& ui) {
  for (size_t i = 0; i < answer.attempts.size(); ++i) {
    const app::nl2kql::Attempt& a = answer.attempts[i];
    std::string one = a.kql;
    std::replace(one.begin(), one.end(), '\n', ' ');
    if (one.size() > 120) one = one.substr(0, one.find(' ', 110)) + " …";
    const std::string who = a.by + (a.by == "model" ? ", " + a.stage : "") + ":  ";
    std::string outcome = !a.failure.empty() ? a.failure : !a.errors.empty() ? a.errors.front().message + (a.errors.front().hint.empty() ? "" : "  " + a.errors.front().hint) : "";
    if (a.n_rows) outcome = with_commas(*a.n_rows) + (*a.n_rows == 1 ? " row" : " rows");
    outcome += engine::format("  %.1f s", a.seconds);
    const bool bad = !a.failure.empty() || !a.errors.empty();
    ImGui::PushID(int(i));
    const std::vector<Span> spans = {{a.used ? "→ " : "   ", ui.theme.good}, {who, ui.theme.dim}, {one, ui.theme.text, Face::mono},
                                     {"   "}, {outcome, bad ? ui.theme.bad : ui.theme.dim}};
    rich_text(ui, "attempt", spans, {.probe = "attempt"});
    ImGui::PopID();
  }
}

void draw_words(KqlPanel& panel, app::App& app, Ui& ui) {
  const std::shared_ptr<const app::WordsView> words = app.words();
  const bool can_model = !app.models()->loaded_path.empty();
  const float boxes = text_width(ui, "with the model") + text_width(ui, "run at once") + ui.theme.px(84);
  const float width = std::max(ui.theme.px(160), ImGui::GetContentRegionAvail().x - button_width("Write the query") - boxes - ui.theme.px(12));
  const bool entered = input_text("##words", "In words: errors per minute in the last hour by host", &panel.words, width, ImGuiInputTextFlags_EnterReturnsTrue);
  ui.probe("words", panel.words, ImGui::GetItemRectMin(), ImGui::GetItemRectMax());
  ImGui::SameLine();
  const bool running = words->running && words->question == panel.words_taken;
  if (running) {
    if (button(ui, "Stop writing", ButtonKind::normal, nullptr, Command::stop)) app.stop_words();
  } else if ((button(ui, "Write the query", ButtonKind::normal, "Puts a query into the editor; nothing runs unless \"run at once\" is on", Command::none,
                     panel.words.empty() ? "Type a question first" : nullptr) || entered) && !panel.words.empty()) {
    panel.words_asked = true;
    panel.words_taken = panel.words;
    app.ask_in_words(panel.words, panel.with_model && can_model);
    return;
  }
  ImGui::SameLine();
  ImGui::BeginDisabled(!can_model);
  ImGui::Checkbox("with the model", &panel.with_model);
  ImGui::EndDisabled();
  ui.note_drawn("with the model");
  if (ImGui::IsItemHovered(ImGuiHoveredFlags_AllowWhenDisabled))
    ImGui::SetTooltip("%s", can_model ? "Where the rules find nothing, the model drafts the query, held to the tables and values of this log" : "Load a model first; the rules need none");
  ImGui::SameLine();
  ImGui::Checkbox("run at once", &panel.run_at_once);
  ui.note_drawn("run at once");
  if (words->question.empty() || words->question != panel.words_taken) return;
  if (words->running || !words->error.empty()) {
    text(ui, "words_state", words->running ? "Writing the query…" : words->error, words->running ? ui.theme.dim : ui.theme.bad);
    return;
  }
  if (panel.words_asked && !words->answer.kql.empty()) take_words(panel, *words, app, ui);
  const app::nl2kql::AskResult& answer = words->answer;
  if (answer.attempts.size() > 1) draw_attempts(answer, ui);
  if (answer.by == "model") return;
  std::string understood = "understood:";
  for (const std::string& phrase : answer.understood) understood += "  " + phrase + ";";
  if (answer.understood.empty()) understood += " nothing in particular;";
  if (answer.guessed) understood += "  other words are searched for as they stand";
  if (answer.attempts.size() == 1 && answer.attempts[0].n_rows) understood += "  " + with_commas(*answer.attempts[0].n_rows) + (*answer.attempts[0].n_rows == 1 ? " row" : " rows");
  text(ui, "understood", understood, answer.guessed ? ui.theme.warning : ui.theme.dim);
}

// The query in plain words, line by line; follows what is typed.
void draw_explanation(KqlPanel& panel, Ui& ui) {
  const std::string shown = text_to_run(panel.editor());
  if (panel.explained_text != shown) {
    panel.explained_text = shown;
    panel.explanation = app::kql::explain_query(shown);
  }
  if (panel.explanation.empty()) {
    text(ui, "explained", "Nothing to explain: write a query first", ui.theme.dim);
    return;
  }
  const float line = ImGui::GetTextLineHeightWithSpacing();
  const float height = std::min(line * float(panel.explanation.size()) + ui.theme.px(10), ImGui::GetWindowHeight() * 0.35f);
  const Pane pane(ui, "explanation", {0, height}, true);
  for (size_t i = 0; i < panel.explanation.size(); ++i) {
    const app::kql::ExplainedLine& l = panel.explanation[i];
    ImGui::PushID(int(i));
    const std::string words = std::string(size_t(l.depth) * 3, ' ') + l.words;
    const std::string code = l.code.size() > 70 ? l.code.substr(0, l.code.find(' ', 64)) + " …" : l.code;
    const std::vector<Span> spans = {{words, ui.theme.text}, {"   "}, {code, ui.theme.faint, Face::mono}};
    rich_text(ui, "explained", spans, {.probe = "explained"});
    ImGui::PopID();
  }
}

void draw_tools(KqlPanel& panel, const app::KqlView& view, const app::QueryHelpView& help, app::App& app, Ui& ui) {
  if (button(ui, "▶ Run", ButtonKind::primary, "Run the selection, or the block at the caret", Command::run_query)) run(panel, app, ui);
  ImGui::SameLine();
  if (button(ui, "Stop", ButtonKind::normal, nullptr, Command::stop, view.running ? nullptr : "Nothing runs")) app.stop_query();
  ImGui::SameLine();
  if (button(ui, "Format", ButtonKind::normal, "One operator a line", Command::format_query)) format_all(panel);
  ImGui::SameLine();
  if (button(ui, "Explain", panel.explained ? ButtonKind::primary : ButtonKind::normal, "What the query does, line by line in plain words")) panel.explained = !panel.explained;
  if (fixes_hold(panel, help)) {
    ImGui::SameLine();
    if (button(ui, "Fix", ButtonKind::normal, "Mend what is wrong at the caret", Command::quick_fix)) quick_fix(panel, help, ui);
  }
  ImGui::SameLine();
  draw_tabs(panel, ui);
}

// --- the result

void update_chart(KqlPanel& panel, const app::kql::ResultTable& table) {
  if (panel.chart_of != &table) {
    panel.chart_of = &table;
    const auto kind = table.render.properties.find("kind");
    panel.chart_kind = chart_of_render(table.render.kind, kind == table.render.properties.end() ? "" : kind->second);
    panel.chart_state = {};
    panel.chart_made = ChartKind::table;
  }
  if (panel.chart_kind != panel.chart_made && panel.chart_kind != ChartKind::table) {
    panel.chart = chart_data(table, panel.chart_kind);
    panel.chart_made = panel.chart_kind;
  }
}

void draw_chart_choice(KqlPanel& panel, const app::kql::ResultTable& table, Ui& ui) {
  ImGui::SetNextItemWidth(ui.theme.px(130));
  const std::string shown = panel.chart_kind == ChartKind::table ? "Table" : chart_name(panel.chart_kind);
  if (!ImGui::BeginCombo("##view", shown.c_str())) return;
  for (int kind = 0; kind < n_chart_kinds; ++kind) {
    ImGui::PushID(kind);
    if (menu_item(ui, chart_name(ChartKind(kind)))) panel.chart_kind = ChartKind(kind);
    ImGui::PopID();
  }
  (void)table;
  ImGui::EndCombo();
}

void draw_chart(KqlPanel& panel, const app::kql::ResultTable& table, app::App& app, Ui& ui) {
  if (!panel.chart.note.empty()) text(ui, "chart_note", "Drawn: " + panel.chart.note, ui.theme.warning);
  const ChartResult result = chart(ui, "chart", panel.chart_state, panel.chart, ImGui::GetContentRegionAvail());
  if (result.brushed) {
    const auto logs = app.logs();
    const app::LogFilter before = logs->filter;
    app::LogFilter changed = before;
    std::erase_if(changed.chips, [](const app::FilterChip& c) { return c.kind == app::FilterChip::Kind::time_range; });
    app::FilterChip range;
    range.kind = app::FilterChip::Kind::time_range;
    range.begin = result.begin;
    range.end = result.end;
    changed.chips.push_back(range);
    app.set_filter(changed);
    ui.toast("Logs show " + range_text(result.begin, result.end), [&app, before] { app.set_filter(before); }, [&app, changed] { app.set_filter(changed); });
  }
  if (result.clicked >= 0 && size_t(result.clicked) < panel.chart.rows.size()) {
    // The row behind a place, in the table.
    const uint64_t row = panel.chart.rows[size_t(result.clicked)];
    panel.chart_kind = ChartKind::table;
    panel.grid.selected_row = int64_t(row);
    panel.grid.expanded = true;
    (void)table;
  }
}

// What is saved is complete: where the result was cut at the row limit, the query runs once more without it.
void draw_save_menu(KqlPanel& panel, const std::shared_ptr<const app::kql::ResultTable>& table, const std::string& query, app::App& app, Ui& ui) {
  if (!ImGui::BeginPopup("save_result")) return;
  const auto all_rows = [&](const char* shown, const char* name, CopyFormat format) {
    if (!menu_item(ui, shown)) return;
    ui.ask({.kind = Request::Kind::save, .text = name, .make = [table, format, again = table->truncated ? app.whole_result(query) : nullptr] {
              const std::shared_ptr<const app::kql::ResultTable> whole = again ? again() : table;
              std::vector<uint32_t> rows(whole->n_rows);
              for (uint32_t i = 0; i < rows.size(); ++i) rows[i] = i;
              return rows_as(*whole, format, rows);
            }});
  };
  if (ui.take(Command::stop)) ImGui::CloseCurrentPopup();
  all_rows("All rows as CSV…", "result.csv", CopyFormat::csv);
  all_rows("All rows as TSV…", "result.tsv", CopyFormat::tsv);
  all_rows("All rows as JSON…", "result.json", CopyFormat::json);
  all_rows("All rows as Markdown…", "result.md", CopyFormat::markdown);
  if (panel.chart_kind != ChartKind::table && panel.chart.error.empty()) {
    ImGui::Separator();
    if (menu_item(ui, "The chart as SVG…")) {
      const std::string svg = chart_svg(ui, panel.chart, ui.theme.px(900), ui.theme.px(420));
      ui.ask({.kind = Request::Kind::save, .text = "chart.svg", .make = [svg] { return svg; }});
    }
    if (menu_item(ui, "The chart as PNG…")) {
      const std::string png = chart_png(ui, panel.chart, ui.theme.px(900), ui.theme.px(420));
      ui.ask({.kind = Request::Kind::save, .text = "chart.png", .make = [png] { return png; }});
    }
    if (menu_item(ui, "The chart's values as CSV…")) {
      const std::string csv = chart_csv(panel.chart);
      ui.ask({.kind = Request::Kind::save, .text = "chart.csv", .make = [csv] { return csv; }});
    }
  }
  ImGui::EndPopup();
}

void draw_zero_rows(KqlPanel& panel, const app::KqlView& view, app::App& app, Ui& ui) {
  if (!view.empty) {
    draw_empty(ui, "zero", {"0 rows", "The query ran and no row passed it.", {}});
    return;
  }
  const app::kql::EmptyReason& empty = *view.empty;
  const bool part = empty.condition.end > empty.condition.begin && empty.condition.end <= view.text.size();
  const std::string guilty = part ? view.text.substr(empty.condition.begin, empty.condition.end - empty.condition.begin) : empty.code;
  const int clicked = draw_empty(ui, "zero", {"0 rows", with_commas(empty.n_rows_before) + (empty.n_rows_before == 1 ? " row" : " rows") + " came up to here, and this left none:  " + guilty,
                                              {"Take it out and run"}});
  if (clicked != 0) return;
  // Where the text still stands in the editor, it is taken out there.
  const size_t at = panel.editor().text.find(view.text);
  if (at == std::string::npos) set_text(panel.editor(), empty.without);
  else replace_range(panel.editor(), at, at + view.text.size(), empty.without);
  run(panel, app, ui);
}

void take_wanted(KqlPanel& panel, const app::KqlView& view, app::App& app, Ui& ui) {
  if (panel.wanted_query.empty() || view.running) return;
  const bool failed = !view.error.empty() || (view.result && view.result->failed());
  if (panel.wanted_run && failed) {
    panel.wanted_query.clear();   // it does not run any more: what is wrong is said
  } else if (view.result && view.text == panel.wanted_query && (panel.wanted_run || !view.log_changed)) {
    panel.grid.wanted_row = panel.wanted_row;
    panel.chart_kind = ChartKind::table;
    panel.wanted_query.clear();
    const int64_t id = view.history.empty() ? 0 : view.history.front().id;
    ui.flash(Link{Link::Kind::query_row, id, panel.wanted_row + 1});
  } else if (!panel.wanted_run) {
    panel.wanted_run = true;
    app.run_query(panel.wanted_query);
  }
}

void draw_result(KqlPanel& panel, const app::KqlView& view, app::App& app, Ui& ui) {
  take_wanted(panel, view, app, ui);
  if (view.running) {
    if (draw_running(ui, "running", "Running the query", "", -1)) app.stop_query();
  }
  if (!view.error.empty()) {
    draw_notice(ui, "error", view.error, ui.theme.bad);
  }
  if (!view.result) {
    if (view.running || !view.error.empty()) return;
    const int clicked = draw_empty(ui, "none",
                                   {"No result yet", "Write a query over the table Logs and run it with F5 or Shift+Enter.",
                                    {"Count by level", "First 100 lines", "Errors", "Levels over time"}});
    if (clicked >= 0) {
      set_text(panel.editor(), examples[clicked == 0 ? 1 : clicked == 1 ? 0 : clicked]);
      run(panel, app, ui);
    }
    return;
  }
  const app::kql::ResultTable& table = *view.result;
  if (table.failed()) {
    text(ui, "failed", "The query did not run: see the problems above. Nothing was answered instead.", ui.theme.dim);
    return;
  }
  if (view.log_changed && draw_notice(ui, "changed", "The log changed since this result", ui.theme.warning, "Run again"))
    run(panel, app, ui);
  update_chart(panel, table);
  const bool as_table = panel.chart_kind == ChartKind::table;
  std::string facts = with_commas(table.n_rows) + (table.n_rows == 1 ? " row" : " rows") +
                      engine::format("  ·  %zu columns  ·  ", table.columns.size()) + seconds_text(table.seconds);
  if (!panel.grid.filter.empty() && as_table) facts += "  ·  showing " + with_commas(panel.grid.order.size());
  if (table.truncated) facts += "  ·  cut at the row limit, saving gives all";
  if (table.n_rows > max_grid_rows) facts += "  ·  first 10,000 shown, copies are complete";
  if (table.columns.size() > max_grid_columns) facts += "  ·  first 60 columns shown";
  if (table.n_rows > 0) {
    draw_chart_choice(panel, table, ui);
    ImGui::SameLine();
    if (as_table && best_chart(table) != ChartKind::table) {
      if (button(ui, "Chart", ButtonKind::quiet, "Draw the result as what fits its columns")) panel.chart_kind = best_chart(table);
      ImGui::SameLine();
    }
    if (as_table) {
      input_text("##filter_rows", "Filter rows", &panel.grid.filter, ui.theme.px(150));
      ui.probe("grid_filter", panel.grid.filter, ImGui::GetItemRectMin(), ImGui::GetItemRectMax());
      ImGui::SameLine();
      ImGui::Checkbox("Hide empty", &panel.grid.hide_empty);
      ImGui::SameLine();
    }
    if (button(ui, "Save…", ButtonKind::quiet, "The rows or the chart as a file")) ImGui::OpenPopup("save_result");
    draw_save_menu(panel, view.result, view.text, app, ui);
    ImGui::SameLine();
    if (button(ui, panel.result_only ? "Smaller" : "Larger", ButtonKind::quiet, "The result alone", Command::show_last_result)) panel.result_only = !panel.result_only;
    // Behind the buttons where it fits, else below them.
    ImGui::SameLine();
    if (text_width(ui, facts) > ImGui::GetContentRegionAvail().x) ImGui::NewLine();
    else ImGui::AlignTextToFramePadding();
  }
  text(ui, "facts", facts, ui.theme.dim, Face::regular, {.probe = "result_facts"});
  if (table.n_rows == 0) return draw_zero_rows(panel, view, app, ui);
  if (view.empty && as_table) {
    const app::kql::EmptyReason& empty = *view.empty;
    if (draw_notice(ui, "counted_none", with_commas(empty.n_rows_before) + " rows came up to \"" + empty.code + "\" and none passed it", ui.theme.warning, "Take it out")) {
      const size_t at = panel.editor().text.find(view.text);
      if (at == std::string::npos) set_text(panel.editor(), empty.without);
      else replace_range(panel.editor(), at, at + view.text.size(), empty.without);
      run(panel, app, ui);
      return;
    }
  }
  if (!as_table) return draw_chart(panel, table, app, ui);
  panel.grid.query = view.history.empty() || view.history.front().text != view.text ? 0 : view.history.front().id;
  const GridResult asked = grid(ui, "result", panel.grid, table, {0, 0});
  if (!asked.add_to_query.empty()) {
    // Behind the query that gave this result, if it still stands in the editor.
    std::string query = view.text;
    while (!query.empty() && (query.back() == '\n' || query.back() == ' ' || query.back() == ';')) query.pop_back();
    const size_t at = panel.editor().text.find(query);
    if (at == std::string::npos) set_text(panel.editor(), query + "\n" + asked.add_to_query);
    else replace_range(panel.editor(), at, at + query.size(), query + "\n" + asked.add_to_query);
    run(panel, app, ui);
  }
}

}  // namespace

void show_query_row(KqlPanel& panel, const std::string& query, int64_t row, app::App& app) {
  panel.wanted_query = query;
  panel.wanted_row = row;
  panel.wanted_run = false;
  if (panel.editor().text.find(query) != std::string::npos) return;
  // What is being written stays in its tab.
  if (panel.editor().text.find_first_not_of(" \n\t") != std::string::npos) {
    panel.tabs.emplace_back();
    panel.tab = panel.tabs.size() - 1;
  }
  set_text(panel.editor(), query);
  app.set_view_state("kql.tabs", tabs_text(panel));
}

std::string tabs_text(const KqlPanel& panel) {
  std::string out = std::to_string(panel.tab);
  for (const KqlPanel::Tab& tab : panel.tabs) out += tab_separator + tab.editor.text;
  return out;
}

void set_tabs(KqlPanel& panel, const std::string& text) {
  panel.tabs.clear();
  size_t at = text.find(tab_separator);
  const size_t chosen = at == std::string::npos ? 0 : size_t(std::max(0, std::atoi(text.c_str())));
  while (at != std::string::npos && panel.tabs.size() < 50) {
    const size_t end = text.find(tab_separator, at + 1);
    panel.tabs.emplace_back();
    set_text(panel.tabs.back().editor, text.substr(at + 1, end == std::string::npos ? std::string::npos : end - at - 1));
    at = end;
  }
  if (panel.tabs.empty()) panel.tabs.emplace_back();
  panel.tab = std::min(chosen, panel.tabs.size() - 1);
}

void draw(KqlPanel& panel, const app::KqlView& view, const app::QueryHelpView& help, app::App& app, Ui& ui) {
  const int64_t session = app.incident()->session;
  if (panel.session != session) {
    if (panel.session != -1) panel.result_only = false;
    panel.session = session;
    set_tabs(panel, app.view_state("kql.tabs"));
    panel.words_taken.clear();
    app.read_query_tables();
  } else if (view.n_log_rows != help.n_rows && help.session == session) {
    // Rows were added: the examples of the tables are read anew once the log stands still.
    panel.check_at = std::max(panel.check_at, 1e-9);
  }
  if (panel.editor().text.empty() && panel.editor().generation == 0) {
    set_text(panel.editor(), view.text.empty() ? first_query : view.text);
    panel.check_at = 1e-9;
  }
  if (ui.take(Command::run_query)) run(panel, app, ui);
  if (ui.take(Command::show_last_result)) {
    if (!view.result) ui.toast("No result to show: F5 runs the query");
    else panel.result_only = !panel.result_only;
  }
  if (ui.take(Command::format_query)) format_all(panel);
  if (ui.take(Command::comment_lines)) {
    toggle_comment(panel.editor());
    panel.check_at = 1e-9;
  }
  if (ui.take(Command::quick_fix)) quick_fix(panel, help, ui);
  draw_fix_list(panel, help, ui);
  if (view.running && ui.take(Command::stop)) app.stop_query();
  if (panel.result_only && !panel.editor().list_open && ui.take(Command::stop)) panel.result_only = false;
  if (ui.take(Command::next_problem)) go_to_problem(panel, view, true, ui);
  if (ui.take(Command::previous_problem)) go_to_problem(panel, view, false, ui);

  const float room = ImGui::GetContentRegionAvail().x;
  const bool with_side = room > ui.theme.px(600) && !panel.result_only;
  const float side = with_side ? ui.theme.px(panel.side_width) + ui.theme.px(6) : 0;
  {
    const Pane main(ui, "main", {room - side, 0}, true, ImGuiWindowFlags_NoScrollbar);
    if (!panel.result_only) {
      draw_words(panel, app, ui);
      draw_tools(panel, view, help, app, ui);
      draw_editor(panel, view, help, app, ui);
      draw_problems(panel, view, help, ui);
      if (panel.explained) draw_explanation(panel, ui);
      splitter(ui, "split_editor", false, &panel.editor_height, 60, ImGui::GetWindowHeight() / ui.theme.scale * 0.6f);
    }
    draw_result(panel, view, app, ui);
  }
  if (with_side) {
    ImGui::SameLine(0, 0);
    splitter(ui, "split_side", true, &panel.side_width, 160, room / ui.theme.scale * 0.5f, -1);
    ImGui::SameLine(0, 0);
    const Pane pane(ui, "side", {0, 0});
    draw_kql_side(panel, view, help, app, ui);
  }
}

}  // namespace ui
