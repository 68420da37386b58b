// References as text, and as chips that lead to what they name.
#include <doctest/doctest.h>

#include "tests/ui/support/desk.h"
#include "ui/shell.h"

using namespace ui;
using ui_test::Desk;
using ui_test::fake;
using Kind = Link::Kind;

namespace {

// What is found in a text: each reference as it is written back, in brackets.
std::string found_in(const std::string& text) {
  std::string out;
  for (const Reference& reference : find_references(text)) out += "[" + reference_text(reference.link) + "]";
  return out;
}

// The sample incident with a finding that has an id, and a question that refers to things.
void fill_with(const std::string& question) {
  ui_test::fill(fake());
  fake().incident.findings[0].id = 31;
  fake().incident.messages[0].text = question;
}

}  // namespace

TEST_CASE("ui/references: each kind is read from text and written back the same") {
  CHECK(found_in("L1203, L1203–1207, T17, Q4:row 12, A7:2, F31, E3, C2:18 and run 9 #44.") ==
        "[L1203][L1203–1207][T17][Q4:row 12][A7:2][F31][E3][C2:18][run 9 #44]");
  CHECK(found_in("L3-L9") == "[L3–9]");
  CHECK(found_in("[E3] (T17) see T0:") == "[E3][T17][T0]");
}

TEST_CASE("ui/references: what only looks like one is none") {
  CHECK(found_in("T17x xT17 T T4-based db.L3 /var/L3 L3.5 C2:18:3 C2 Q4 run 9 run 9 44 #T1 http://h/E3 E3/x") == "");
  CHECK(found_in("`T17` but T18\n`T19\nT20") == "[T18][T20]");
  CHECK(found_in("T99999999999999999999999") == "");
}

TEST_CASE("ui/references: the ends are those of the word") {
  const std::string text = "why T17, then";
  const auto found = find_references(text);
  REQUIRE(found.size() == 1);
  CHECK(text.substr(found[0].begin, found[0].end - found[0].begin) == "T17");
  CHECK(found[0].link == Link{Kind::template_, 17, 0});
  const std::string cited = "full [E3] (T17)";
  const auto both = find_references(cited);
  REQUIRE(both.size() == 2);
  CHECK(cited.substr(both[0].begin, both[0].end - both[0].begin) == "[E3]");
  CHECK(cited.substr(both[1].begin, both[1].end - both[1].begin) == "T17");
}

TEST_CASE("ui/links: a template named in a question leads to its line in the list of templates, and back") {
  Desk desk(Screen::incident);
  fill_with("why so many of T2?");
  desk.show();
  REQUIRE(desk.h.click("reference", "T2"));
  desk.show(2);
  CHECK(desk.shell->screen == Screen::logs);
  CHECK(desk.h.find("link_target", "T2") != nullptr);
  desk.h.press(Key::left, alt);
  CHECK(desk.shell->screen == Screen::incident);
}

TEST_CASE("ui/links: the first template has the number 0 and can be followed too") {
  Desk desk(Screen::incident);
  fill_with("T0");
  desk.show();
  REQUIRE(desk.h.click("reference", "T0"));
  desk.show(2);
  CHECK(desk.h.find("link_target", "T0") != nullptr);
}

TEST_CASE("ui/links: what does not exist stays text") {
  Desk desk(Screen::incident);
  fill_with("T999 Q99:row 1 Q1:row 5 A99:1 F99 E99 C99:1 C1:99 run 99 #1 L999999");
  desk.show();
  CHECK(desk.shows("T999"));
  CHECK(desk.h.find("reference", "99") == nullptr);
  CHECK(desk.h.find("reference", "Q1:row 5") == nullptr);
}

TEST_CASE("ui/links: hovering says what the link leads to") {
  Desk desk(Screen::incident);
  fill_with("C1:12?");
  desk.show();
  REQUIRE(desk.h.hover("reference", "C1:12"));
  desk.show(2);
  CHECK(desk.shows("deploy.yaml:12"));
  CHECK(desk.shows("privileged: true"));
}

TEST_CASE("ui/links: a row of the query whose result stands there is selected without running it again") {
  Desk desk(Screen::incident);
  fill_with("see Q1:row 3");
  fake().kql.history[0].text = fake().kql.text;
  desk.show();
  REQUIRE(desk.h.click("reference", "Q1:row 3"));
  desk.show(3);
  CHECK(desk.shell->screen == Screen::kql);
  CHECK(desk.shell->kql.grid.selected_row == 2);
  CHECK_FALSE(fake().called("run_query " + fake().kql.text));
}

TEST_CASE("ui/links: a row of an older query runs that query in a tab of its own") {
  Desk desk(Screen::incident);
  fill_with("see Q5:row 2");
  app::QueryHistoryItem older;
  older.id = 5;
  older.text = "Logs | count";
  older.n_rows = 3;
  fake().kql.history.push_back(older);
  desk.show();
  REQUIRE(desk.h.click("reference", "Q5:row 2"));
  desk.show(3);
  CHECK(fake().called("run_query Logs | count"));
  CHECK(desk.shell->kql.editor().text == "Logs | count");
  fake().kql.text = "Logs | count";
  desk.show(2);
  CHECK(desk.shell->kql.grid.selected_row == 1);
}

TEST_CASE("ui/links: a row that the filter of the grid hides is shown") {
  Desk desk(Screen::kql);
  fill_with("Q1:row 3");
  fake().kql.history[0].text = fake().kql.text;
  desk.show();
  desk.shell->kql.grid.filter = "CRITICAL";
  desk.show();
  desk.shell->ui.follow({Kind::query_row, 1, 3});
  desk.show(3);
  CHECK(desk.shell->kql.grid.filter.empty());
  CHECK(desk.shell->kql.grid.selected_row == 2);
}

TEST_CASE("ui/links: a claim, a finding and a piece of evidence flash on the Incident screen") {
  Desk desk(Screen::incident, 1800, 900);
  fill_with("A2:1 F31 E1");
  const int64_t answer = fake().incident.messages[1].id;
  const std::string claim = "A" + std::to_string(answer) + ":1";
  fake().incident.messages[0].text = claim + " F31 E1";
  desk.show();
  for (const std::string& name : {claim, std::string("F31"), std::string("E1")}) {
    CAPTURE(name);
    REQUIRE(desk.h.click("reference", name));
    desk.show(2);
    CHECK(desk.shell->screen == Screen::incident);
    CHECK(desk.h.find("link_target", name) != nullptr);
  }
}

TEST_CASE("ui/links: a reference in an answer is a chip in the place of its words") {
  Desk desk(Screen::incident, 1800, 900);
  fill_with("why?");
  app::Answer& answer = *fake().incident.messages[1].answer;
  answer.text += "\nSee T2 and C1:12 for it.";
  desk.show();
  CHECK(desk.shows("See T2 and C1:12 for it."));
  REQUIRE(desk.h.click("citation", "C1:12"));
  desk.show(2);
  CHECK(desk.shell->screen == Screen::configs);
  CHECK(desk.shell->configs.chosen_line == 12);
}

TEST_CASE("ui/links: a sample of a run is shown in its run") {
  Desk desk(Screen::incident);
  fill_with("run 9 #1 failed");
  desk.show();
  REQUIRE(desk.h.click("reference", "run 9 #1"));
  desk.show(2);
  CHECK(desk.shell->screen == Screen::tasks);
  CHECK(fake().called("show_run 9"));
  CHECK(desk.h.find("link_target", "run 9 #1") != nullptr);
}

TEST_CASE("ui/links: evidence has chips to its finding and its template") {
  Desk desk(Screen::incident, 1800, 900);
  fill_with("why?");
  fake().incident.evidence[0].reason = "finding " + fake().incident.findings[0].check;
  fake().incident.evidence_templates = {2};
  desk.show();
  CHECK(desk.h.find("reference", "F31") != nullptr);
  REQUIRE(desk.h.click("reference", "T2"));
  desk.show(2);
  CHECK(desk.shell->screen == Screen::logs);
}

TEST_CASE("ui/links: the menus of a finding, a line of a config and a row of a query copy the reference") {
  Desk desk(Screen::incident);
  fill_with("why?");
  desk.show();
  REQUIRE(desk.h.click("finding", "", 1));
  desk.show();
  REQUIRE(desk.h.click("menu_item", "Copy the reference F31"));
  CHECK(desk.shell->ui.copied == "F31");
}

TEST_CASE("ui/links: a link to what was there once says that it is gone") {
  Desk desk(Screen::incident);
  fill_with("why?");
  desk.show();
  desk.shell->ui.follow({Kind::run_sample, 99, 1});
  desk.show(2);
  CHECK(desk.shows("not there any more"));
}
