// The widgets by themselves: heights, texts, the line list over many rows, histogram, editor, grid.
#include <doctest/doctest.h>

#include <chrono>
#include <numeric>

#include "tests/ui/support/headless.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/editor.h"
#include "ui/widgets/grid.h"
#include "ui/widgets/height_index.h"
#include "ui/widgets/histogram.h"
#include "ui/widgets/line_list.h"
#include "ui/widgets/text.h"

using namespace ui;
using ui_test::Headless;

TEST_CASE("ui/height_index: offsets and rows are each other's inverse") {
  HeightIndex index;
  index.resize(10'000);
  index.set_units(0, 3);
  index.set_units(1023, 5);
  index.set_units(1024, 2);
  index.set_units(9'999, 7);
  CHECK(index.total_units() == 10'000 + 2 + 4 + 1 + 6);
  for (uint64_t row : {0u, 1u, 1022u, 1023u, 1024u, 1025u, 5'000u, 9'998u, 9'999u}) {
    CAPTURE(row);
    const auto top = index.at(index.offset_of(row));
    CHECK(top.row == row);
    CHECK(top.unit == 0);
    const auto bottom = index.at(index.offset_of(row) + index.units(row) - 1);
    CHECK(bottom.row == row);
    CHECK(bottom.unit == index.units(row) - 1);
  }
  CHECK(index.offset_of(10'000) == index.total_units());
}

TEST_CASE("ui/height_index: a row made low again leaves no trace, and growing keeps what was measured") {
  HeightIndex index;
  index.resize(3'000);
  index.set_units(2'000, 9);
  index.set_units(2'000, 1);
  CHECK(index.total_units() == 3'000);
  index.set_units(2'500, 4);
  index.resize(6'000);
  CHECK(index.total_units() == 6'003);
  CHECK(index.at(2'502).row == 2'500);
  index.resize(10);
  CHECK(index.total_units() == 10);
}

TEST_CASE("ui/height_index: nothing breaks on an empty list and past the end") {
  HeightIndex index;
  CHECK(index.at(5).row == 0);
  index.set_units(3, 8);
  CHECK(index.total_units() == 0);
  index.resize(2);
  CHECK(index.at(1'000'000).row == 1);
}

TEST_CASE("ui/basics: numbers, sizes and times read as people write them") {
  CHECK(with_commas(0) == "0");
  CHECK(with_commas(999) == "999");
  CHECK(with_commas(1'204) == "1,204");
  CHECK(with_commas(10'000'000) == "10,000,000");
  CHECK(bytes_text(512) == "512 B");
  CHECK(bytes_text(1'440'000'000) == "1.4 GB");
  CHECK(seconds_text(0.012) == "12 ms");
  CHECK(seconds_text(124) == "2 min 04 s");
  CHECK(time_text(app::unix_epoch_ticks) == "1970-01-01 00:00:00.000");
  CHECK(time_text(app::unix_epoch_ticks - 10'000) == "1969-12-31 23:59:59.999");
  CHECK(time_text(app::no_time) == "");
  const app::Ticks a = app::unix_epoch_ticks;
  CHECK(range_text(a, a + 60 * app::ticks_per_second) == "1970-01-01 00:00:00 – 00:01:00");
  CHECK(range_text(a, a + 10'000) == "1970-01-01 00:00:00.000 – 00:00:00.001");
}

TEST_CASE("ui/theme: text keeps a readable contrast on what it stands on, in every theme") {
  for (const ThemeKind kind : {ThemeKind::dark, ThemeKind::light, ThemeKind::high_contrast}) {
    const Theme t = make_theme(kind, 1);
    CAPTURE(int(kind));
    for (const ImU32 area : {t.panel, t.raised, t.selected}) {
      CHECK(contrast_ratio(t.text, area) >= 7);
      CHECK(contrast_ratio(t.dim, area) >= 4.5f);
    }
    // WCAG AA for text; levels and states are also told by shape and word.
    for (const ImU32 color : {t.faint, t.link, t.good, t.warning, t.bad}) CHECK(contrast_ratio(color, t.panel) >= 4.5f);
    for (int level = 0; level < app::n_levels; ++level) CHECK(contrast_ratio(t.levels[level], t.panel) >= 4.5f);
    CHECK(contrast_ratio(t.on_accent, t.accent) >= 4.5f);
  }
}

TEST_CASE("ui/text: what is dragged over is selected, and Ctrl+C of the menu copies it") {
  Headless h;
  h.show([&] { text(h.ui, "t", "first line\nsecond line", 0, Face::regular, {.probe = "block"}); });
  const Probe* block = h.find("block");
  REQUIRE(block != nullptr);
  CHECK(h.shows("second line"));
  const Probe at = *block;
  h.drag(at.min.x + 1, at.min.y + 5, at.min.x + 400, at.min.y + 6);
  CHECK(h.ui.selection.text == "first line");
  h.drag(at.min.x + 1, at.min.y + 5, at.min.x + 400, at.max.y - 5);
  CHECK(h.ui.selection.text == "first line\nsecond line");
}

TEST_CASE("ui/text: a chip is a link and text around it wraps") {
  Headless h;
  int clicked = -1;
  const std::string words(300, 'w');
  h.show([&] {
    const Span spans[] = {{"before "}, {"L42", h.ui.theme.link, Face::regular, 7}, {" after "}, {words}};
    const TextResult result = rich_text(h.ui, "t", spans, {.width = 200});
    if (result.clicked_chip >= 0) clicked = result.clicked_chip;
  });
  REQUIRE(h.click("chip", "L42"));
  CHECK(clicked == 7);
  CHECK(text_height(h.ui, "one", 200) < text_height(h.ui, words, 200));
}

TEST_CASE("ui/text: the right-click menu copies text and as Markdown") {
  Headless h;
  h.show([&] { text(h.ui, "t", "disk is full", 0, Face::regular, {.probe = "block"}); });
  REQUIRE(h.click("block", "", 1));
  CHECK(h.shows("Copy as Markdown"));
  CHECK(h.shows("Ask about this"));
}

TEST_CASE("ui/text: markdown becomes spans without its marks, chips stand behind their claims") {
  const std::string source = "# Cause\n- the **disk** is `full`\n```\ndf -h\n```\nend";
  const Mark mark{.at = source.find("\n```"), .label = "L1", .color = 1, .chip = 0};
  const auto spans = markdown_spans(source, {&mark, 1}, {.color = 1, .code_color = 2, .dim_color = 3});
  std::string all;
  for (const Span& span : spans) all += span.text;
  CHECK(all == "Cause\n•  the disk is full L1\ndf -h\nend");
  const auto face_of = [&](std::string_view part) {
    for (const Span& span : spans)
      if (span.text == part) return span.face;
    return Face::regular;
  };
  CHECK(face_of("disk") == Face::bold);
  CHECK(face_of("full") == Face::mono);
}

TEST_CASE("ui/text: the text of a heading stands right below it, other empty lines stay") {
  const std::string source = "## Cause\n\nfull\n\ndisk\n## Next\n- df [E1]\n";
  const Mark mark{.at = source.find("\n\nfull"), .label = "L1", .color = 1, .chip = 0};
  std::string all;
  for (const Span& span : markdown_spans(source, {&mark, 1}, {})) all += span.text;
  CHECK(all == "Cause L1\nfull\n\ndisk\nNext\n•  df [E1]\n");
}

TEST_CASE("ui/text: a chip can stand in the place of words") {
  const std::string source = "see T17, then";
  const Mark mark{.at = 4, .label = "T17", .color = 1, .chip = 3, .length = 3};
  std::string all;
  for (const Span& span : markdown_spans(source, {&mark, 1}, {})) {
    all += span.text;
    if (span.chip == 3) CHECK(span.text == "T17");
  }
  CHECK(all == source);
}

TEST_CASE("ui/text: markdown that never ends its marks is drawn, not lost") {
  for (const char* source : {"**", "`", "```", "- ", "# ", "**a `b\n```", "\n\n", ""}) {
    CAPTURE(source);
    const auto spans = markdown_spans(source, {}, {});
    std::string all;
    for (const Span& span : spans) all += span.text;
    CHECK(all.size() <= std::string_view(source).size() + 4);
  }
}

TEST_CASE("ui/fonts: text with characters not seen before asks for one more build") {
  Headless h;
  CHECK_FALSE(h.fonts.needs_build(15));
  h.fonts.note_text("plain ASCII and déjà vu");
  CHECK_FALSE(h.fonts.needs_build(15));
  h.fonts.note_text("磁盘已满");
  CHECK(h.fonts.needs_build(15));
  h.fonts.build(15);
  CHECK_FALSE(h.fonts.needs_build(15));
  h.fonts.note_text("磁盘已满");
  CHECK_FALSE(h.fonts.needs_build(15));
  h.fonts.note_text("\xff\xfe broken bytes");
  CHECK_FALSE(h.fonts.needs_build(15));
}

namespace {

struct ListTest {
  explicit ListTest(size_t n_rows) : log(ui_test::sample_log(n_rows)) {
    cache.show(1, log, nullptr);
  }
  void show(Headless& h, int frames = 3) {
    for (int i = 0; i < frames; ++i) {
      cache.finish_pending();
      h.show(
          [&] {
            result = line_list(h.ui, "lines", state, {.cache = cache, .log = *log, .session = 1, .terms = terms}, {800, 600});
          },
          1);
    }
  }
  std::shared_ptr<const app::store::LogSnapshot> log;
  RowCache cache;
  LineListState state;
  LineListResult result;
  std::vector<SearchTerm> terms;
};

}  // namespace

TEST_CASE("ui/line_list: shows lines, a click selects one, End goes to the last") {
  Headless h;
  ListTest list(5'000);
  list.show(h);
  CHECK(h.shows("GET /orders/7 200 1 ms"));
  REQUIRE(h.click("line", "3"));
  CHECK(list.result.current == 2);
  h.press(Key::end);
  list.show(h);
  CHECK(list.state.selected == 4'999);
  CHECK(h.find("line") != nullptr);
  h.press(Key::home);
  list.show(h);
  CHECK(list.state.anchor == 0);
}

TEST_CASE("ui/line_list: an event of several lines is folded until its badge is clicked") {
  Headless h;
  ListTest list(400);
  list.show(h);
  select(list.state, 97, true);
  list.show(h);
  CHECK_FALSE(h.shows("OSError: [Errno 28]"));
  REQUIRE(h.click("fold", "+3 lines"));
  list.show(h);
  CHECK(h.shows("OSError: [Errno 28]"));
  CHECK(list.state.heights.units(97) == 4);
}

TEST_CASE("ui/line_list: any of a million rows is reached at once and a frame draws only what shows") {
  Headless h;
  ListTest list(1'000'000);
  list.show(h);
  const size_t vertices = h.n_vertices();
  select(list.state, 765'432, true);
  list.show(h, 4);
  CHECK(h.find("line", "") != nullptr);
  bool found = false;
  for (const Probe& probe : h.ui.probes) found |= probe.kind == "line" && probe.row == 765'432;
  CHECK(found);
  CHECK(h.n_vertices() < vertices * 3);
}

TEST_CASE("ui/line_list: ten million rows scroll with far less than a frame of 16 ms of work") {
  // Rows as a filter of 10 million entries over a small log: the list's own work is what is timed.
  Headless h;
  ListTest list(70'000);
  auto rows = std::make_shared<std::vector<app::RowId>>(10'000'000);
  for (size_t i = 0; i < rows->size(); ++i) (*rows)[i] = i % 70'000;
  const auto draw = [&] {
    line_list(h.ui, "lines", list.state, {.cache = list.cache, .log = *list.log, .rows = rows.get(), .session = 1}, {1000, 800});
  };
  h.show(draw, 2);
  for (const app::RowId row : {0u, 69'999u}) {   // both chunks read, as they would be on screen
    list.cache.row(row);
    list.cache.finish_pending();
  }
  h.show(draw, 2);
  const auto begin = std::chrono::steady_clock::now();
  constexpr int n_frames = 60;
  for (int i = 0; i < n_frames; ++i) {
    list.state.scroll_to = uint64_t(i) * 166'661;
    h.show(draw, 1);
  }
  const double ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count() / n_frames;
  MESSAGE("ms a frame at 10 million rows: " << ms);
  // Generous for sanitizers and busy machines; a quiet one takes about 1 ms.
  CHECK(ms < 100);
}

TEST_CASE("ui/line_list: a line of JSON reads as its message with its fields, any other as it stands") {
  RowText row;
  row.raw = R"({"msg":"disk gone","code":7})";
  row.message = "disk gone\n  at write()";
  row.process = "api";
  row.properties = R"({"code":7,"http":{"path":"/x"}})";
  CHECK(readable(row) == "api: disk gone  code=7  http.path=/x\n  at write()");
  row.raw = "api: disk gone";
  CHECK(readable(row).empty());
}

TEST_CASE("ui/row_cache: finds the next error and says when there is none") {
  RowCache cache;
  const auto log = ui_test::sample_log(3'000);
  cache.show(1, log, nullptr);
  FindRequest request;
  request.from = 0;
  cache.find(request);
  cache.finish_pending();
  auto found = cache.take_found();
  while (!found) found = cache.take_found();
  REQUIRE(found->index);
  CHECK(*found->index == 97);
  request.what = FindRequest::What::text;
  request.terms = {"no such words anywhere"};
  cache.find(request);
  cache.finish_pending();
  found = cache.take_found();
  while (!found) found = cache.take_found();
  CHECK_FALSE(found->index);
}

TEST_CASE("ui/row_cache: the lines with any of the search terms are counted along the scroll bar") {
  RowCache cache;
  const auto log = ui_test::sample_log(3'000);
  cache.show(1, log, nullptr);
  const auto counted = [&] {
    do cache.finish_pending();
    while (!cache.marks().complete || !cache.marks().matches_complete);
    return cache.marks();
  };
  CHECK(counted().n_all_matches == 0);
  CHECK(counted().n_bad[0] + counted().n_bad[40] > 0);
  cache.mark_terms({"TRACEBACK", "evicted"});
  const uint64_t both = counted().n_all_matches;
  uint64_t along = 0;
  for (const uint32_t n : counted().n_matches) along += n;
  CHECK(along == both);
  cache.mark_terms({"traceback"});
  const uint64_t one = counted().n_all_matches;
  CHECK(one > 0);
  CHECK(one < both);
  cache.mark_terms({});
  CHECK(counted().n_all_matches == 0);
}

TEST_CASE("ui/histogram: a drag selects whole buckets, a double click clears") {
  Headless h;
  HistogramState state;
  app::logs::Histogram counts;
  counts.begin = app::unix_epoch_ticks;
  counts.bucket_ticks = app::ticks_per_second;
  counts.buckets.resize(100);
  for (size_t i = 0; i < 100; ++i) counts.buckets[i][3] = i;
  HistogramResult last;
  h.show([&] {
    const HistogramResult r = histogram(h.ui, "h", state, {counts}, app::no_time, app::no_time, app::no_time, {1000, 100});
    if (r.selected || r.cleared) last = r;
  });
  const Probe* probe = h.find("histogram");
  REQUIRE(probe != nullptr);
  const Probe at = *probe;
  h.drag(at.min.x + 100, at.min.y + 20, at.min.x + 200, at.min.y + 20);
  REQUIRE(last.selected);
  CHECK(last.begin == counts.begin + 10 * app::ticks_per_second);
  CHECK(last.end == counts.begin + 21 * app::ticks_per_second);
  h.wheel(at.min.x + 500, at.min.y + 20, 1);
  CHECK(state.view_end - state.view_begin < 100 * app::ticks_per_second);
}

TEST_CASE("ui/histogram: lines without a time and no lines at all are drawn") {
  Headless h;
  HistogramState state;
  app::logs::Histogram counts;
  h.show([&] { histogram(h.ui, "h", state, {counts}, app::no_time, app::no_time, app::no_time, {500, 80}); });
  counts.without_time[6] = 12;
  h.show([&] { histogram(h.ui, "h", state, {counts}, app::no_time, app::no_time, app::no_time, {500, 80}); });
  CHECK(h.shows("no time"));
}

TEST_CASE("ui/editor: runs the selection, else the block at the caret") {
  EditorState state;
  set_text(state, "Logs\n| take 1\n\nLogs\n| take 2");
  state.caret = 3;
  CHECK(text_to_run(state) == "Logs\n| take 1");
  state.caret = state.text.size();
  size_t begin = 0;
  CHECK(text_to_run(state, &begin) == "Logs\n| take 2");
  CHECK(begin == 15);
  state.selection_begin = 0;
  state.selection_end = 4;
  CHECK(text_to_run(state) == "Logs");
  EditorState empty;
  CHECK(text_to_run(empty).empty());
}

TEST_CASE("ui/editor: tokens are found and an open string ends with its line") {
  const std::string text = "Logs | where a == \"x // y\" and b > 1.5 // note\n| project-away \"open\ncount";
  std::string out;
  for (const Token& t : kql_tokens(text)) out += std::to_string(int(t.kind)) + "[" + text.substr(t.begin, t.end - t.begin) + "]";
  CHECK(out == "0[Logs]5[|]1[where]0[a]2[\"x // y\"]1[and]0[b]3[1.5]4[// note]5[|]1[project-away]2[\"open\n]1[count]");
}

TEST_CASE("ui/grid: copies as CSV, TSV, JSON and Markdown with what each must escape") {
  app::columns::Column name(app::columns::Type::string), n(app::columns::Type::int64);
  name.push_text("a,\"b\"|c");
  n.push_i64(5);
  name.push_text("line\nbreak");
  n.push_null();
  auto chunk = std::make_shared<app::columns::Chunk>();
  chunk->columns = {name, n};
  chunk->n_rows = 2;
  app::kql::ResultTable table;
  table.columns = {{"Name", app::columns::Type::string}, {"N", app::columns::Type::int64}};
  table.chunks = {chunk};
  table.n_rows = 2;
  CHECK(rows_as(table, CopyFormat::csv, {0, 1}) == "Name,N\n\"a,\"\"b\"\"|c\",5\n\"line\nbreak\",\n");
  CHECK(rows_as(table, CopyFormat::tsv, {1}) == "Name\tN\nline break\t\n");
  CHECK(rows_as(table, CopyFormat::markdown, {0}) == "| Name | N |\n| --- | --- |\n| a,\"b\"\\|c | 5 |\n");
  Headless h;
  GridState state;
  h.show([&] { grid(h.ui, "g", state, table, {600, 300}); });
  CHECK(h.shows("line break"));
  CHECK(h.shows("null"));
}
