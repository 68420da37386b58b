// Operators that look through several tables or give several, and those that a text case cannot show.
#include <doctest/doctest.h>

#include "app/kql/file_table.h"
#include "app/kql/query.h"
#include "engine/base/error.h"

using namespace app::kql;

namespace {

Tables two_tables() {
  Tables tables;
  tables.add("Requests", make_text_table("Id,Path,Ms\n1,/a,10\n2,/b,20\n3,/a,35\n", FileFormat::csv, "Requests"));
  tables.add("Failures", make_text_table("Id,Reason\n2,disk full\n9,no route\n", FileFormat::csv, "Failures"));
  return tables;
}

// Rows as "a|b;c|d".
std::string rows_of(const ResultTable& r) {
  if (r.failed()) return "refused: " + r.diagnostics[0].message;
  std::string out;
  for (uint64_t row = 0; row < r.n_rows; ++row) {
    if (row) out += ';';
    for (size_t k = 0; k < r.columns.size(); ++k) out += (k ? "|" : "") + r.text(row, k);
  }
  return out;
}
std::string names_of(const ResultTable& r) {
  std::string out;
  for (const auto& c : r.columns) out += (out.empty() ? "" : ",") + c.name;
  return out;
}
std::string answer(const std::string& query) { return rows_of(run(query, two_tables(), {})); }

}  // namespace

TEST_CASE("kql/find: gives the table, the columns of the condition, common ones, and the rest as a bag") {
  const ResultTable r = run("find in (Requests, Failures) where Id == 2", two_tables(), {});
  CHECK(names_of(r) == "source_,Id,pack_");
  CHECK(rows_of(r) == "Requests|2|{\"Path\":\"/b\",\"Ms\":20};Failures|2|{\"Reason\":\"disk full\"}");
}

TEST_CASE("kql/find: project chooses and converts columns; a table without the column has no match") {
  CHECK(answer("find in (Requests, Failures) where Ms > 15 project Id:string, Path") == "Requests|2|/b;Requests|3|/a");
  CHECK(answer("find 'disk' | project source_") == "Failures");
  CHECK(answer("find withsource=T in (Fail*) where * has 'route' project Reason") == "Failures|no route");
}

TEST_CASE("kql/fork: each branch is a table of the result, and nothing but render can follow") {
  const ResultTable r = run("Requests | fork (where Ms > 15 | project Id) named=(summarize sum(Ms))", two_tables(), {});
  CHECK(rows_of(r) == "2;3");
  REQUIRE(r.more.size() == 1);
  CHECK(r.more[0].name == "named");
  CHECK(rows_of(r.more[0]) == "65");
  CHECK(answer("Requests | fork (take 1) (count) | where Id > 0").substr(0, 8) == "refused:");
  CHECK(answer("Failures | join (Requests | fork (take 1) (take 2)) on Id").substr(0, 8) == "refused:");
}

TEST_CASE("kql/facet: counts the values of each column, then runs the query of with") {
  const ResultTable r = run("Requests | facet by Path, Id with (where Ms > 30 | project Ms)", two_tables(), {});
  CHECK(names_of(r) == "Path,count_Path");
  CHECK(rows_of(r) == "/a|2;/b|1");
  REQUIRE(r.more.size() == 2);
  CHECK(rows_of(r.more[0]) == "1|1;2|1;3|1");
  CHECK(rows_of(r.more[1]) == "35");
}

TEST_CASE("kql/reduce: texts that differ in a term with digits are one pattern") {
  const std::string rows = answer("range x from 1 to 1000 step 1 | project t = strcat('MachineLearningX', tostring(x % 10)) | reduce by t with threshold=0.001, characters='X'");
  CHECK(rows == "MachineLearning*|1000|MachineLearningX1");
  CHECK(answer("range x from 1 to 100 step 1 | project t = iff(x > 3, strcat('read of block ', x, ' failed'), 'odd one') | reduce by t") ==
        "read of block * failed|97|read of block 4 failed;*|3|odd one");
}

TEST_CASE("kql/partition: with braces the query runs once for each value, by its name") {
  CHECK(answer("Requests | partition by Path { Requests | where Id > 1 | count }") == "2;2");
  CHECK(answer("Requests | distinct Path | partition by Path { print p = strcat('is ', Path) } | sort by p asc") == "is /a;is /b");
}

TEST_CASE("kql/scan: order by, partition by, match ids, step names and output=last") {
  const std::string table = "datatable(t:int, u:string, e:string)[3,'b','go', 1,'a','go', 2,'a','on', 4,'a','on', 5,'b','on', 6,'a','end']";
  CHECK(answer(table + " | scan with_match_id=m order by t asc partition by u with (step s1: e == 'go'; step s2: e == 'on';) | project t, u, m") ==
        "1|a|0;2|a|0;4|a|0;3|b|1;5|b|1");
  CHECK(answer(table + " | where u == 'a' | scan with_step_name=s order by t asc with (step s1: e == 'go'; step s2 output=last: e == 'on'; step s3: e == 'end';) | project t, s") ==
        "1|s1;4|s2;6|s3");
  CHECK(answer(table + " | where u == 'a' and e != 'on' | sort by t asc | scan with (step s1: e == 'go'; step s2 optional: e == 'on'; step s3: e == 'end';) | project t") == "1;6");
}

TEST_CASE("kql/functions: saved functions are there for every query, and their faults are said in one sentence") {
  Tables tables = two_tables();
  tables.set_functions("let slow = (limit:long = 15) { Requests | where Ms > limit };\nlet factor = 3;\n");
  CHECK(rows_of(run("slow(30) | project Id * factor", tables, {})) == "9");
  CHECK(rows_of(run("let factor = 10; slow() | summarize sum(Ms) * factor", tables, {})) == "550");
  tables.set_functions("let broken = (x:long) { x + };");
  CHECK(rows_of(run("print 1", tables, {})).find("refused: a saved function cannot be used: ") == 0);
  std::vector<SavedFunction> found;
  CHECK(check_functions("let a = 1; let f = (x:long) { x + 1 };", &found).empty());
  REQUIRE(found.size() == 2);
  CHECK(found[1].text == "let f = (x:long) { x + 1 }");
  CHECK_FALSE(check_functions("print 1").empty());
}

TEST_CASE("kql/file_table: a column has the narrowest type that fits all its values") {
  Tables tables;
  tables.add("T", make_text_table("a,b,c,d,e,f\r\n1,1.5,true,2026-01-02T03:04:05Z,\"x, \"\"y\"\"\n2\",\r\n2,,false,2026-01-03,z,\r\n", FileFormat::csv, "t.csv"));
  CHECK(rows_of(run("T | getschema | project ColumnName, ColumnType", tables, {})) == "a|long;b|real;c|bool;d|datetime;e|string;f|string");
  CHECK(rows_of(run("T | where isnull(b) | project d, e", tables, {})) == "2026-01-03T00:00:00.0000000Z|z");
  CHECK(rows_of(run("T | take 1 | project e", tables, {})) == "x, \"y\"\n2");
}

TEST_CASE("kql/file_table: JSONL keeps nested values, joins members, and numbers in strings stay texts") {
  Tables tables;
  tables.add("T", make_text_table("{\"a\":1,\"b\":\"7\",\"c\":{\"d\":[1,2]}}\n\n{\"b\":\"8\",\"a\":2.5,\"e\":\"2026-01-01 10:00\"}\n", FileFormat::jsonl, "t.jsonl"));
  CHECK(rows_of(run("T | getschema | project ColumnName, ColumnType", tables, {})) == "a|real;b|string;c|dynamic;e|datetime");
  CHECK(rows_of(run("T | where isnotnull(c) | project c.d[1]", tables, {})) == "2");
}

TEST_CASE("kql/file_table: bad files give one error with file and line") {
  const auto error_of = [](const std::string& text, FileFormat format) {
    try {
      make_text_table(text, format, "bad.txt");
    } catch (const engine::Error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  CHECK(error_of("a,b\n1,2\n1,2,3\n", FileFormat::csv) == "bad.txt, line 3: this row has more fields than the first line has names");
  CHECK(error_of("a,b\n1,\"2\n", FileFormat::csv) == "bad.txt, line 2: a quoted field has no closing quote");
  CHECK(error_of("{\"a\":1}\n[1]\n", FileFormat::jsonl) == "bad.txt, line 2: expected one JSON object on this line");
  CHECK(error_of(std::string("a\0b", 3), FileFormat::csv).find("zero bytes") != std::string::npos);
}
