// What a user does with a log and a conversation, and that it is kept: bookmarks, notes, views, names,
// comparing, teaching, branches, own keys, undo and redo.
#include <doctest/doctest.h>

#include "tests/ui/support/desk.h"

using namespace ui;
using ui_test::Desk;
using ui_test::fake;

TEST_CASE("ui/log_state: filters, notes and views survive as text, odd characters too") {
  app::LogFilter filter;
  filter.any = true;
  app::FilterChip text, time;
  text.value = "tab\there\nline \\n";
  text.exclude = true;
  text.enabled = false;
  time.kind = app::FilterChip::Kind::time_range;
  time.begin = 5;
  time.end = 9;
  filter.chips = {text, time};
  const app::LogFilter back = filter_from_text(filter_to_text(filter));
  REQUIRE(back.chips.size() == 2);
  CHECK(back.any);
  CHECK(back.chips[0].value == text.value);
  CHECK(back.chips[0].exclude);
  CHECK_FALSE(back.chips[0].enabled);
  CHECK(back.chips[1].kind == app::FilterChip::Kind::time_range);
  CHECK(back.chips[1].begin == 5);
  CHECK(back.chips[0].begin == app::no_time);
  CHECK(filter_to_text({}).empty());
  CHECK(filter_from_text("all\nnonsense\n").chips.empty());
  CHECK(rows_from_text(rows_to_text({1, 7, 300})) == std::set<app::RowId>{1, 7, 300});
  CHECK(rows_from_text("1,x,,7").size() == 2);
  CHECK(map_from_text(map_to_text({{3, "a\tb"}})).at(3) == "a\tb");
  const auto views = views_from_text(views_to_text({{"my\tview", filter}}));
  REQUIRE(views.size() == 1);
  CHECK(views[0].name == "my\tview");
  CHECK(views[0].filter.chips.size() == 2);
}

TEST_CASE("ui/logs: bookmarks and notes are kept with the session and listed with M") {
  Desk desk(Screen::logs);
  ui_test::fill(fake());
  fake().view_state["logs.bookmarks"] = "4";
  fake().view_state["logs.notes"] = "5\tlook here\n";
  desk.show();
  REQUIRE(desk.h.click("line", "1"));
  desk.h.press(Key::m);
  CHECK(fake().view_state["logs.bookmarks"] == rows_to_text(desk.shell->logs.bookmarks));
  CHECK(desk.shell->logs.bookmarks.size() == 2);
  desk.h.press(Key::m, shift);
  desk.show();
  CHECK(desk.shows("Bookmarks and notes"));
  CHECK(desk.shows("look here"));
  desk.h.press(Key::escape);
  desk.show();
  desk.h.press(Key::t);
  desk.show();
  desk.h.type("why");
  desk.h.press(Key::enter);
  desk.show();
  CHECK(fake().view_state["logs.notes"].find("why") != std::string::npos);
}

TEST_CASE("ui/logs: a filter comes back with its session, and each change can be undone and redone") {
  Desk desk(Screen::logs);
  ui_test::fill(fake());
  app::LogFilter kept;
  app::FilterChip chip;
  chip.value = "disk";
  kept.chips = {chip};
  fake().view_state["logs.filter"] = filter_to_text(kept);
  desk.show();
  REQUIRE(fake().filter.chips.size() == 1);
  CHECK(desk.shows("The filter of last time is on again"));
  REQUIRE(desk.h.click("filter_remove"));
  desk.show();
  CHECK(fake().filter.chips.empty());
  desk.shell->ui.undo();
  CHECK(fake().filter.chips.size() == 1);
  desk.show();
  desk.shell->ui.redo();
  CHECK(fake().filter.chips.empty());
}

TEST_CASE("ui/logs: two parts are compared and the templates listed with what changed") {
  Desk desk(Screen::logs);
  ui_test::fill(fake());
  desk.show();
  REQUIRE(desk.h.click("button", "Compare"));
  desk.show();
  REQUIRE(desk.h.click("button", "Before and after this line"));
  bool asked = false;
  for (const std::string& call : fake().calls) asked |= call.rfind("compare_logs", 0) == 0;
  CHECK(asked);
  fake().compare.n_a = 100;
  fake().compare.n_b = 50;
  fake().compare.rows = {{1, 0, 20, 31.5}, {2, 10, 0, 7}, {0, 50, 25, 0}};
  desk.show();
  CHECK(desk.shows("New in B"));
  CHECK(desk.shows("Gone in B"));
  CHECK(desk.shows("share +0 %"));
  fake().compare.rows.clear();
  fake().compare.error = "No line is in part A; choose another range, file or host.";
  desk.show();
  CHECK(desk.shows("No line is in part A"));
}

TEST_CASE("ui/teach: marks become a pattern") {
  const std::string line = "@@ 2026-03-14T09:00:00Z ~ E ~ {x} disk  gone";
  const auto at = [&](const char* part) { return line.find(part); };
  CHECK(pattern_of(line, {{at("2026"), at("2026") + 20, "time"}, {at("E ~"), at("E ~") + 1, "level"}, {at("disk"), line.size(), "message"}}) ==
        "@@ {time} ~ {level} ~ {_}x{_} {message}");
  CHECK(pattern_of("a 12 b", {{2, 4, "code"}}) == "a {code:int} b");
  CHECK(pattern_of("abc", {}) == "abc");
}

TEST_CASE("ui/teach: the window shows the match rate, what does not fit, and saves") {
  Desk desk(Screen::logs);
  ui_test::fill(fake());
  desk.show();
  teach(desk.shell->logs.teaching, "09:00 E disk gone", 0);
  desk.shell->logs.teaching.pattern = "{time} {level} {message}";
  fake().format.n_lines = 200;
  fake().format.n_matched = 150;
  fake().format.misses = {"odd line"};
  fake().format.samples = {{"09:00 E disk gone", "read", "ERROR", "", "", "disk gone"}};
  desk.show();
  CHECK(desk.shows("75.0 % of 200 lines fit"));
  CHECK(desk.shows("odd line"));
  REQUIRE(desk.h.click("button", "Save the format"));
  CHECK(fake().called("save_format my-format {time} {level} {message}"));
  fake().format.error = "my-format.json: patterns: a { without }";
  desk.show();
  CHECK(desk.shows("a { without }"));
}

TEST_CASE("ui/incident: an edited question is asked as a branch, and branches can be walked") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  desk.show();
  const int64_t id = fake().incident.messages[0].id;
  REQUIRE(fake().incident.messages[0].role == "user");
  REQUIRE(desk.h.click("button", "Edit and ask again"));
  desk.show();
  CHECK(desk.shows("the first wording stays as a branch"));
  desk.shell->incident.input = "Why?";
  ++desk.shell->incident.input_generation;
  desk.show();
  REQUIRE(desk.h.click("button", "Send"));
  CHECK(fake().called("ask_again " + std::to_string(id) + " Why?"));
  fake().incident.branches[id] = {1, 3, 77, 78};
  desk.show();
  CHECK(desk.shows("2/3"));
  REQUIRE(desk.h.click("branch_previous"));
  CHECK(fake().called("show_branch 77"));
  REQUIRE(desk.h.click("branch_next"));
  CHECK(fake().called("show_branch 78"));
}

TEST_CASE("ui/incident: an answer is rated, pinned, forked and asked again") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  desk.show();
  int64_t answer = 0;
  for (const app::Message& message : fake().incident.messages)
    if (message.answer && answer == 0) answer = message.id;
  REQUIRE(desk.h.click("button", "▲"));
  CHECK(fake().view_state["rating." + std::to_string(answer)] == "good");
  REQUIRE(desk.h.click("button", "Pin to report"));
  CHECK(fake().called("pin_answer " + std::to_string(answer)));
  REQUIRE(desk.h.click("button", "Fork"));
  CHECK(fake().called("fork_session " + std::to_string(answer)));
  REQUIRE(desk.h.click("button", "Ask again"));
  bool again = false;
  for (const std::string& call : fake().calls) again |= call.rfind("ask_again", 0) == 0 && call.find("other seed") != std::string::npos;
  CHECK(again);
}

TEST_CASE("ui/incident: the context bar names its parts, and a model that did not load offers a way on") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  fake().preview = desk.app.preview_prompt("What broke?");
  desk.show();
  const Probe* bar = desk.h.find("context_bar");
  REQUIRE(bar != nullptr);
  CHECK(bar->text.find("lines: 12") != std::string::npos);
  CHECK(bar->text.find("answer room: 256") != std::string::npos);
  fake().status.model.clear();
  fake().models.error = "it needs 3.1 GB and 1.2 GB are free";
  fake().settings.model_path = "m.gguf";
  desk.show();
  CHECK(desk.shows("3.1 GB"));
  REQUIRE(desk.h.click("button", "Smaller context"));
  CHECK(fake().settings.n_ctx == 2048);
  CHECK(fake().called("load_model m.gguf"));
}

TEST_CASE("ui/sidebar: the menu exports the session, edits tags, and says so") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  desk.show();
  REQUIRE(desk.h.click("session", "Login failures", 1));
  CHECK(desk.shows("Export the session"));
  desk.shell->sidebar.exporting = 2;
  desk.show();
  CHECK(desk.shell->files.open);
  CHECK(desk.shell->files.name.rfind("Login-failures", 0) == 0);
  desk.shell->files.chosen("out.sigma");
  CHECK(fake().called("export_session 2 out.sigma"));
  desk.shell->files.open = false;
  desk.shell->sidebar.tagging = 2;
  desk.shell->sidebar.tags = "disk, db";
  desk.shell->sidebar.focus_tags = true;
  desk.show();
  REQUIRE(desk.h.find("tags") != nullptr);
}

TEST_CASE("ui/keys: own keys replace the usual ones, conflicts are found, nonsense is said") {
  set_own_keys("find=Ctrl+J;next_error=e, F4;");
  CHECK(keys_text(Command::find) == "Ctrl+J");
  CHECK(keys_text(Command::next_error) == "e, F4");
  CHECK(conflicts(*binding_of(Command::find)).empty());
  set_own_keys("find=Ctrl+G;");
  REQUIRE(conflicts(*binding_of(Command::find)).size() == 1);
  CHECK(conflicts(*binding_of(Command::find))[0] == Command::go_to_line);
  const auto notes = set_own_keys("no_such=Ctrl+A;find=Ctrl+Nonsense;");
  CHECK(notes.size() == 2);
  CHECK(keys_text(Command::find) == "Ctrl+F");
  CHECK(own_keys_text(Command::find, "Ctrl+J", "stop=F2;") == "stop=F2;find=Ctrl+J;");
  CHECK(own_keys_text(Command::find, "Ctrl+F", "stop=F2;find=Ctrl+J;") == "stop=F2;");
  for (const Binding& binding : all_bindings()) {
    Binding read = binding;
    CAPTURE(binding.text);
    CHECK(read_keys(keys_text(binding), &read));
    CHECK(keys_text(read) == keys_text(binding));
  }
  set_own_keys("");
}

TEST_CASE("ui/settings: a key is learned from the next chord and can be put back") {
  Desk desk(Screen::settings);
  desk.shell->settings.search = "Find in the log";
  desk.show();
  REQUIRE(desk.h.click("button", "Ctrl+F"));
  desk.show();
  CHECK(desk.shows("press the keys"));
  desk.h.press(Key::j, ctrl);
  desk.show();
  CHECK(fake().settings.keys == "find=Ctrl+J;");
  CHECK(desk.shows("Ctrl+J"));
  REQUIRE(desk.h.click("button", "Usual"));
  desk.show();
  CHECK(fake().settings.keys.empty());
}

TEST_CASE("ui/status_bar: the badge lists the sockets") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  desk.show();
  REQUIRE(desk.h.click("status", "Offline"));
  CHECK(desk.shows("None: no TCP or UDP socket is open"));
  fake().status.n_connections = 1;
  fake().status.connections = {"tcp 127.0.0.1:8080 listening"};
  desk.show();
  CHECK(desk.shows("tcp 127.0.0.1:8080 listening"));
}
