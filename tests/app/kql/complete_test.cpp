// What an editor asks of the language: completion, help, hover, quick fixes, layout, documentation.
#include <doctest/doctest.h>

#include <algorithm>

#include "app/kql/aggregates.h"
#include "app/kql/complete.h"
#include "app/kql/describe.h"
#include "app/kql/functions.h"
#include "app/kql/lexer.h"
#include "app/kql/parser.h"

using namespace app;
using namespace app::kql;

namespace {

std::shared_ptr<const Table> small_log() {
  auto chunk = std::make_shared<columns::Chunk>();
  columns::Column level(columns::Type::string), text(columns::Type::string), pid(columns::Type::int64), time(columns::Type::datetime);
  for (int i = 0; i < 100; ++i) {
    level.push_text(i % 10 == 0 ? "ERROR" : "INFO");
    text.push_text("line " + std::to_string(i));
    pid.push_i64(i);
    time.push_i64(unix_epoch_ticks + i);
  }
  chunk->columns = {time, level, text, pid};
  chunk->n_rows = 100;
  return make_memory_table({{"Timestamp", columns::Type::datetime}, {"Level", columns::Type::string}, {"Text", columns::Type::string}, {"Pid", columns::Type::int64}},
                           {chunk});
}

Tables tables() {
  Tables t;
  t.add("Logs", small_log(), "the log");
  t.add("Templates", make_memory_table({{"Pattern", columns::Type::string}}, {}));
  return t;
}

// The suggestions at the mark ^ of a text.
Suggestions at(std::string text) {
  const size_t mark = text.find('^');
  REQUIRE(mark != std::string::npos);
  text.erase(mark, 1);
  const Tables t = tables();
  return suggest(text, mark, t, sample_values(*t.find("Logs")->table));
}

bool offers(const Suggestions& s, const std::string& text, const std::string& kind = {}) {
  return std::any_of(s.items.begin(), s.items.end(), [&](const Suggestion& i) { return i.text == text && (kind.empty() || i.kind == kind); });
}

std::string first(const std::string& text) {
  const Suggestions s = at(text);
  return s.items.empty() ? "" : s.items[0].text;
}

}  // namespace

TEST_CASE("kql/complete: the names of servers inside cluster(\"...\"), and cluster itself where there are servers") {
  struct Server : Cluster {
    std::string kind() const override { return "ClickHouse"; }
    std::shared_ptr<const Node> table(const std::string&, const std::string&, const std::stop_token&) const override { return nullptr; }
  };
  Tables with = tables();
  with.add_cluster("ch", std::make_shared<Server>());
  with.add_cluster("loki-prod", std::make_shared<Server>());
  const Suggestions all = suggest("cluster(\"\")", 9, with, {});
  REQUIRE(all.items.size() == 2);
  CHECK(all.items[0].insert == "\"ch\"");
  CHECK(all.begin == 8);
  CHECK(all.end == 10);
  const Suggestions some = suggest("cluster('pro')", 12, with, {});
  REQUIRE(some.items.size() == 1);
  CHECK(some.items[0].insert == "\"loki-prod\"");
  CHECK(offers(suggest("clu", 3, with, {}), "cluster", "function"));
  CHECK_FALSE(offers(suggest("clu", 3, tables(), {}), "cluster", "function"));
}

TEST_CASE("kql/complete: every plugin there is behind evaluate") {
  CHECK(offers(at("Logs | evaluate auto^"), "autocluster"));
  CHECK(offers(at("Logs | evaluate ^"), "bag_unpack"));
}

TEST_CASE("kql/complete: tables at the start, operators behind a pipe, columns in an expression") {
  CHECK(first("L^") == "Logs");
  CHECK(offers(at("^"), "let", "keyword"));
  CHECK(first("Logs | su^") == "summarize");
  CHECK(first("Logs | project-a^") == "project-away");
  CHECK(offers(at("Logs | ^"), "where", "operator"));
  const Suggestions column = at("Logs | where Le^");
  REQUIRE_FALSE(column.items.empty());
  CHECK(column.items[0].text == "Level");
  CHECK(column.items[0].detail == "string");
  CHECK(column.items[0].doc == "INFO, ERROR");
  CHECK(column.begin == 13);
  CHECK(column.end == 15);
}

TEST_CASE("kql/complete: columns are those that reach the operator, computed and renamed ones too") {
  CHECK(offers(at("Logs | extend Half = Pid / 2 | where ^"), "Half", "column"));
  const Suggestions projected = at("Logs | project Name = Text | where ^");
  CHECK(offers(projected, "Name", "column"));
  CHECK_FALSE(offers(projected, "Pid", "column"));
  const Suggestions grouped = at("Logs | summarize count() by Level | sort by ^");
  CHECK(offers(grouped, "count_", "column"));
  CHECK(offers(grouped, "Level", "column"));
  CHECK_FALSE(offers(grouped, "Text", "column"));
  CHECK(offers(at("let Errors = Logs | where Level == 'ERROR';\nErrors | where ^"), "Pid", "column"));
  CHECK(offers(at("let Errors = Logs | where Level == 'ERROR';\n^"), "Errors", "table"));
  CHECK(offers(at("Logs | join (Templates | where ^) on Level"), "Pattern", "column"));
}

TEST_CASE("kql/complete: a comparison offers the values of the column, also inside quotes") {
  CHECK(first("Logs | where Level == ^") == "\"INFO\"");
  CHECK(first("Logs | where Level in (\"INFO\", ^") == "\"INFO\"");
  const Suggestions inside = at("Logs | where Level == \"ER^\"");
  REQUIRE(inside.items.size() == 1);
  CHECK(inside.items[0].insert == "\"ERROR\"");
  CHECK(inside.begin == 22);
  CHECK(inside.end == 26);
  CHECK_FALSE(offers(at("Logs | where Text == ^"), "\"line 1\""));
  CHECK(at("Logs | where Text has \"any^\"").items.empty());
}

TEST_CASE("kql/complete: charts behind render, kinds of a join, aggregates only where they may stand") {
  CHECK(first("Logs | summarize count() by Level | render pie^") == "piechart");
  CHECK(first("Logs | join kind=left^ (Templates) on Text") == "leftouter");
  CHECK(offers(at("Logs | summarize ^"), "dcount", "function"));
  CHECK_FALSE(offers(at("Logs | where ^"), "dcount", "function"));
  const Suggestions call = at("Logs | where strl^");
  REQUIRE_FALSE(call.items.empty());
  CHECK(call.items[0].insert == "strlen()");
  CHECK(call.items[0].caret_back == 1);
  CHECK(call.items[0].detail == "strlen(text: string) → long");
  CHECK(at("Logs // where Le^").items.empty());
}

TEST_CASE("kql/complete: help names the argument that is being written") {
  const std::string text = "Logs | extend a = substring(Text, strlen(Level) + 1, 2)";
  const auto outer = call_at(text, text.find("+ 1"));
  REQUIRE(outer);
  CHECK(outer->name == "substring");
  CHECK(outer->current == 1);
  CHECK(outer->parameters.size() == 3);
  const auto inner = call_at(text, text.find("Level"));
  REQUIRE(inner);
  CHECK(inner->name == "strlen");
  CHECK(inner->current == 0);
  CHECK_FALSE(call_at(text, 4).has_value());
  CHECK(call_at("print strcat(1, 2, 3, ", 22)->current == 0);
}

TEST_CASE("kql/complete: hovering says what a word is") {
  const Tables t = tables();
  const SampleValues values = sample_values(*t.find("Logs")->table);
  const std::string text = "Logs | where Level has 'x' | project-away Pid | extend b = bin(Timestamp, 1h)";
  CHECK(hover_at(text, 1, t, values)->title == "Logs: table");
  CHECK(hover_at(text, text.find("Level"), t, values)->text.find("INFO, ERROR") != std::string::npos);
  CHECK(hover_at(text, text.find("has") + 1, t, values)->text.find("whole word") != std::string::npos);
  const auto away = hover_at(text, text.find("away"), t, values);
  REQUIRE(away);
  CHECK(text.substr(away->span.begin, away->span.end - away->span.begin) == "project-away");
  CHECK(hover_at(text, text.find("bin("), t, values)->title.rfind("bin(", 0) == 0);
  CHECK_FALSE(hover_at(text, text.find("'x'") + 1, t, values).has_value());
}

TEST_CASE("kql/complete: a quick fix makes the query right") {
  const Tables t = tables();
  const auto mended = [&](std::string text) {
    for (int round = 0; round < 4; ++round) {
      const auto found = check(text, t);
      if (found.empty()) return text;
      const auto fixes = quick_fixes(text, found);
      if (fixes.empty()) return "no fix for: " + found[0].message + " / " + found[0].hint;
      text.replace(fixes[0].span.begin, fixes[0].span.end - fixes[0].span.begin, fixes[0].replacement);
    }
    return "still wrong: " + text;
  };
  CHECK(mended("Logs | where Levle == 'x'") == "Logs | where Level == 'x'");
  CHECK(mended("Log | take 1") == "Logs | take 1");
  CHECK(mended("Logs | wher Pid > 1") == "Logs | where Pid > 1");
  CHECK(mended("Logs | where Pid = 1") == "Logs | where Pid == 1");
  CHECK(mended("Logs | extend a = strlne(Text)") == "Logs | extend a = strlen(Text)");
  CHECK(mended("Logs where Pid > 1") == "Logs | where Pid > 1");
  CHECK(mended("Logs | where Timestamp > '2026-01-01'") == "Logs | where Timestamp > datetime(2026-01-01)");
  CHECK(mended("Logs | extend a = strlen(Text") == "Logs | extend a = strlen(Text)");
}

TEST_CASE("kql/complete: layout puts an operator on a line and changes nothing else") {
  CHECK(format_query("Logs|where Level=='ERROR'   and Pid>3|summarize count()  by bin( Timestamp,5m ),Level") ==
        "Logs\n| where Level == 'ERROR' and Pid > 3\n| summarize count() by bin(Timestamp, 5m), Level");
  CHECK(format_query("let a=1;Logs|take a") == "let a = 1;\nLogs\n| take a");
  CHECK(format_query("Logs | join kind=inner (Templates | take 1) on Text") ==
        "Logs\n| join kind=inner (\n    Templates\n    | take 1\n) on Text");
  CHECK(format_query("// why\nLogs // the log\n| take 5") == "// why\nLogs // the log\n| take 5");
  CHECK(format_query("").empty());
  for (const char* text : {"Logs | where a has \"x | y\" // c | d\n| project-away b*, ['odd name'] | extend z = -1, y = (a - 2) * 3, x = a.b[0]['c']",
                           "let f = (x: long = 3, t: string) { x + strlen(t) };\nprint f(1, 'a'), 1d .. 2d",
                           "datatable(a: long, b: string) [1, 'x', 2, @'c:\\d']| mv-apply a on (take 1) | render timechart with (title='t')",
                           "Logs | where ((broken", "| | ; )) ((", "Logs | parse Text with * 'a' b:long * | where b between (1 .. 5) and c !in~ ('x')"}) {
    CAPTURE(text);
    const std::string once = format_query(text);
    CHECK(format_query(once) == once);
    const std::vector<Token> before = lex(text), after = lex(once);
    REQUIRE(before.size() == after.size());
    for (size_t i = 0; i < before.size(); ++i) CHECK(before[i].text == after[i].text);
    CHECK(parse(once).errors.size() == parse(text).errors.size());
  }
}

TEST_CASE("kql/describe: functions, aggregates and operators have their words") {
  // A function may come before its words; more than a few would be a gap.
  std::string missing;
  size_t n_missing = 0, n_all = 0;
  const auto look = [&](const std::string& name) {
    ++n_all;
    if (is_internal_function(name) || find_doc(name) != nullptr) return;
    ++n_missing;
    missing += " " + name;
  };
  for (const std::string& name : function_names()) look(name);
  for (const std::string& name : aggregate_names()) look(name);
  CAPTURE(missing);
  CHECK(n_all > 300);
  CHECK(n_missing * 10 < n_all);
  CHECK(describe("limit") == describe("take"));
  CHECK(describe("strlen") == "strlen(text: string) → long: How many characters.");
  CHECK(describe("no_such_thing").empty());
}

TEST_CASE("kql/complete: no place of any text is a fault") {
  const Tables t = tables();
  for (const std::string text : {"Logs | where Level == \"ERROR\" | summarize n = count() by bin(Timestamp, 1h); let x = 'a", "((((", "\"", "//", "a.b.c[", "|;|)"})
    for (size_t offset = 0; offset <= text.size() + 1; ++offset) {
      const Suggestions s = suggest(text, offset, t, {});
      CHECK(s.begin <= s.end);
      CHECK(s.end <= text.size());
      call_at(text, offset);
      hover_at(text, offset, t, {});
    }
}
