// The Logs screen: values of templates, merging and splitting, facets of parsed fields, several search
// terms, the marks beside the scroll bar, what a line's details offer.
#include <doctest/doctest.h>

#include "tests/ui/support/desk.h"
#include "ui/panels/log_details.h"
#include "ui/panels/log_values.h"

using namespace ui;
using ui_test::Desk;
using ui_test::fake;

namespace {

void with_values(Desk& desk) {
  ui_test::fill(fake());
  app::ParameterValues values;
  values.template_id = 0;
  values.pattern = "GET /orders/<*> 200 <*> ms";
  values.n_rows = 2210;
  app::ParameterValues::Parameter order, ms;
  order.context = "GET /orders/<*> 200";
  order.n_values = 1204;
  order.top = {{"17", 12}, {"9", 3}};
  ms.context = "200 <*> ms";
  ms.n_values = 130;
  ms.numeric = true;
  ms.median = 64;
  ms.most = 129;
  ms.top = {{"5", 20}};
  values.parameters = {order, ms};
  fake().parameters.templates = {values};
  desk.show();
}

}  // namespace

TEST_CASE("ui/log_state: chips of fields and edits of templates survive as text") {
  app::LogFilter filter;
  app::FilterChip field;
  field.kind = app::FilterChip::Kind::field;
  field.name = "http\tstatus";
  field.value = "500";
  filter.chips = {field, parameter_chip(12, 1, "a\nb", true)};
  const app::LogFilter back = filter_from_text(filter_to_text(filter));
  REQUIRE(back.chips.size() == 2);
  CHECK(back.chips[0].name == "http\tstatus");
  CHECK(back.chips[1].kind == app::FilterChip::Kind::parameter);
  CHECK(back.chips[1].name == "12.1");
  CHECK(back.chips[1].value == "a\nb");

  TemplateEdits edits;
  edits.merge(3, 7);
  edits.split.push_back({9, 1, 40, {{"x\ty", 30}, {"z", 10}}});
  edits.merge(5, 7);
  REQUIRE(edits.merged.size() == 1);
  CHECK(edits.merged[0] == std::vector<uint32_t>{5, 3, 7});
  const TemplateEdits again = edits_from_text(edits_to_text(edits));
  CHECK(again.merged == edits.merged);
  REQUIRE(again.split_of(9) != nullptr);
  CHECK(again.split_of(9)->values == edits.split[0].values);
  edits.take_apart(3);
  CHECK(edits.group_of(5) == nullptr);
  CHECK(edits_from_text("merged\t1\nnonsense\nsplit\t2\n").merged.empty());
}

TEST_CASE("ui/logs: a template shows the values of its parameters, and each filters") {
  Desk desk(Screen::logs);
  with_values(desk);
  REQUIRE(desk.h.click("template_values"));
  desk.show();
  CHECK(fake().called("count_parameters 0"));
  CHECK(desk.shows("1,204 values"));
  CHECK(desk.shows("least 0  ·  median 64  ·  most 129"));
  REQUIRE(desk.h.find("parameter_value", "17") != nullptr);
  REQUIRE(desk.h.click("facet_in"));
  REQUIRE(fake().filter.chips.size() == 1);
  CHECK(fake().filter.chips[0].kind == app::FilterChip::Kind::parameter);
  CHECK(fake().filter.chips[0].name == "0.0");
  CHECK(fake().filter.chips[0].value == "17");
  desk.show();
  CHECK(desk.shows("T0 GET /orders/17 200"));
}

TEST_CASE("ui/logs: a template is split by a parameter, kept with the session, and put back by undo") {
  Desk desk(Screen::logs);
  with_values(desk);
  REQUIRE(desk.h.click("template_values"));
  desk.show();
  REQUIRE(desk.h.click("button", "Split by this"));
  desk.show();
  CHECK(fake().view_state["logs.template_edits"].find("split\t0\t0\t2210\t17\t12\t9\t3") != std::string::npos);
  REQUIRE(desk.h.click("template_part", "9"));
  REQUIRE(fake().filter.chips.size() == 1);
  CHECK(fake().filter.chips[0].value == "9");
  fake().logs.filter = fake().filter = {};
  desk.show();
  desk.shell->logs.edits_generation += 0;
  while (!desk.shell->ui.done.empty()) desk.shell->ui.undo();
  desk.show();
  CHECK(desk.h.find("template_part") == nullptr);
  CHECK(fake().view_state["logs.template_edits"].empty());
}

TEST_CASE("ui/logs: two templates merge into one that counts and filters for both") {
  Desk desk(Screen::logs);
  ui_test::fill(fake());
  desk.show();
  desk.shell->logs.merging = 1;
  desk.show();
  CHECK(desk.shows("Click the template to be merged with T1"));
  REQUIRE(desk.h.click("template", "evicted"));
  desk.show();
  CHECK(fake().view_state["logs.template_edits"] == "merged\t1\t5\n");
  CHECK(desk.h.find("template", "evicted") == nullptr);
  CHECK(desk.shows("T1 +1"));
  REQUIRE(desk.h.click("template", "upstream"));
  CHECK(fake().filter.chips.at(0).value == "1,5");
  desk.show();
  CHECK(desk.shows("T1, T5 upstream"));
}

TEST_CASE("ui/logs: parsed fields are facets with counts; + and − filter by the field") {
  Desk desk(Screen::logs);
  ui_test::fill(fake());
  app::Facet status;
  status.name = "http.status";
  status.kind = app::FilterChip::Kind::field;
  status.values = {{"200", 1900}, {"500", 31}};
  status.n_rows = 1931;
  fake().logs.facets = {status};
  fake().logs.counting_fields = true;
  desk.shell->logs.side_tab = 1;
  desk.show();
  CHECK(desk.shows("in 1,931 of 2,400 lines"));
  CHECK(desk.shows("Counting parsed fields"));
  REQUIRE(desk.h.click("facet_out"));
  REQUIRE(fake().filter.chips.size() == 1);
  CHECK(fake().filter.chips[0].kind == app::FilterChip::Kind::field);
  CHECK(fake().filter.chips[0].name == "http.status");
  CHECK(fake().filter.chips[0].exclude);
  desk.show();
  CHECK(desk.shows("not http.status = 200"));
}

TEST_CASE("ui/logs: find takes several terms, counts their lines and goes from one to the next") {
  CHECK(find_terms(" disk full | timed out ||") == std::vector<std::string>{"disk full", "timed out"});
  CHECK(find_terms(" ").empty());
  Desk desk(Screen::logs);
  ui_test::fill(fake());
  desk.show();
  desk.shell->logs.find = "traceback | evicted";
  desk.show();
  desk.shell->logs.cache.finish_pending();
  for (int i = 0; i < 200 && !desk.shell->logs.cache.marks().matches_complete; ++i) desk.show(1);
  desk.show();
  const uint64_t n = desk.shell->logs.cache.marks().n_all_matches;
  CHECK(n > 100);
  CHECK(desk.shows(std::to_string(n) + " found"));
  REQUIRE(desk.h.click("line", "1"));
  desk.h.press(Key::n);
  for (int i = 0; i < 200 && desk.shell->logs.list.selected < 19; ++i) desk.show(1);
  CHECK(desk.shell->logs.list.selected == 19);
  REQUIRE(desk.h.find("scroll_marks") != nullptr);
}

TEST_CASE("ui/logs: the details of a line filter, copy and query by each value") {
  Desk desk(Screen::logs);
  ui_test::fill(fake());
  desk.show();
  CHECK_FALSE(desk.shows("No line chosen"));   // the list has the room until a line is chosen
  REQUIRE(desk.h.click("line", "1"));
  desk.show();
  desk.shell->logs.details_height = 400;
  desk.show();
  REQUIRE(desk.h.find("detail_value") != nullptr);
  REQUIRE(desk.h.click("detail_copy"));
  CHECK_FALSE(desk.shell->ui.copied.empty());
  REQUIRE(desk.h.click("detail_kql"));
  desk.show();
  CHECK(desk.shell->kql.editor().text.find("\n| where Level == \"") != std::string::npos);
  REQUIRE(desk.h.click("detail_out"));
  REQUIRE(fake().filter.chips.size() == 1);
  CHECK(fake().filter.chips[0].exclude);
  CHECK(kql_text("a\"b\\c\n") == "\"a\\\"b\\\\c\\n\"");
  CHECK(kql_field_condition("http.status", "500") == "tostring(Properties[\"http\"][\"status\"]) == \"500\"");
}

TEST_CASE("ui/logs: what was assumed while reading is one line for all sources, with the rest on a click") {
  Desk desk(Screen::logs);
  ui_test::fill(fake());
  struct WithNotes : app::store::LogSnapshot {
    explicit WithNotes(std::shared_ptr<const app::store::LogSnapshot> log) : inner(std::move(log)), all(inner->sources()) {
      all[0].kind = "file";
      all[0].encoding = "latin-1";
      all[0].notes = {"dates carry no year: assumed 2026", "12 lines are not UTF-8 and were read as Windows-1252"};
    }
    app::RowId n_rows() const override { return inner->n_rows(); }
    size_t n_chunks() const override { return inner->n_chunks(); }
    app::store::ChunkInfo info(size_t chunk) const override { return inner->info(chunk); }
    std::shared_ptr<const app::columns::Chunk> chunk(size_t chunk) const override { return inner->chunk(chunk); }
    const std::vector<app::Source>& sources() const override { return all; }
    const std::vector<app::Template>& templates() const override { return inner->templates(); }
    std::shared_ptr<const app::store::LogSnapshot> inner;
    std::vector<app::Source> all;
  };
  fake().logs.log = std::make_shared<const WithNotes>(fake().logs.log);
  desk.show();
  CHECK(desk.shows("dates carry no year"));
  CHECK_FALSE(desk.shows("Windows-1252"));
  REQUIRE(desk.h.click("notes_more"));
  desk.show();
  CHECK(desk.shows("12 lines are not UTF-8"));
  desk.h.press(Key::escape);
  desk.show();
  REQUIRE(desk.h.click("other_encoding"));
  CHECK(fake().called("guess_encodings " + std::to_string(fake().logs.log->sources()[0].id)));
  fake().encodings.guesses = {{"KOI8-R", "Cyrillic, KOI8-R", 1, {"ошибка диска"}}, {"CP866", "Cyrillic, DOS", 0.4, {"╬"}}};
  desk.show();
  CHECK(desk.shows("ошибка диска"));
  REQUIRE(desk.h.click("button", "Read it as this"));
  CHECK(fake().called("read_as " + std::to_string(fake().encodings.source) + " KOI8-R"));
  desk.show();
  CHECK_FALSE(desk.shows("ошибка диска"));
  REQUIRE(desk.h.click("notes_hide"));
  desk.show();
  CHECK_FALSE(desk.shows("dates carry no year"));
}

TEST_CASE("ui/logs: a zoom of the histogram is counted anew once the wheel rests, and all of it comes back") {
  Desk desk(Screen::logs);
  ui_test::fill(fake());
  desk.show();
  const Probe* bars = desk.h.find("histogram");
  REQUIRE(bars != nullptr);
  const float x = (bars->min.x + bars->max.x) / 2, y = (bars->min.y + bars->max.y) / 2 - 10;
  desk.h.wheel(x, y, 1);
  for (int i = 0; i < 40; ++i) desk.show(1);
  bool zoomed = false;
  for (const std::string& call : fake().calls) zoomed |= call.rfind("zoom_histogram ", 0) == 0 && call != "zoom_histogram off";
  CHECK(zoomed);
  for (int i = 0; i < 4; ++i) desk.h.wheel(x, y, -1);
  for (int i = 0; i < 40; ++i) desk.show(1);
  CHECK(fake().called("zoom_histogram off"));
}
