#include "app/kql/parser.h"

#include <doctest/doctest.h>

#include "app/kql/query.h"

using namespace app::kql;

TEST_CASE("kql/parser: a parse goes on behind an error and finds the next one") {
  const CheckResult r = check_syntax("T | where a == | sumarize count() | project b,\n| take 5");
  REQUIRE(r.errors.size() == 3);
  CHECK(r.errors[0].message == "an expression is missing here");
  CHECK(r.errors[1].message == "'sumarize' is not a query operator");
  CHECK(r.errors[1].hint == "did you mean summarize?");
  CHECK(r.errors[1].span.begin == 17);
  CHECK(r.errors[1].span.end == 25);
}

TEST_CASE("kql/parser: hostile nesting is an error, not a stack overflow") {
  for (const char* open : {"(", "[", "{", "-", "f(", "T | where x in (", "dynamic(["}) {
    CAPTURE(open);
    std::string text = "print x = ";
    for (int k = 0; k < 100'000; ++k) text += open;
    CHECK_FALSE(check_syntax(text).errors.empty());
  }
  std::string chain = "print 1";
  for (int k = 0; k < 100'000; ++k) chain += "+1";
  CHECK_FALSE(check_syntax(chain).errors.empty());
}

TEST_CASE("kql/parser: a long or of conditions is not nesting") {
  std::string text = "T | where a == 0";
  for (int k = 0; k < 20'000; ++k) text += " or a == 1";
  CHECK(check_syntax(text).errors.empty());
}

TEST_CASE("kql/parser: digits and letters make a name, a time span or a number") {
  CHECK(check_syntax("print 5d, 1.5h, 1h30m, 0x1F, 1e3, 2.5, 7days").errors.empty());
  CHECK(check_syntax("print 5dd").errors.empty());            // a name
  CHECK_FALSE(check_syntax("print 1.2.3").errors.empty());
  CHECK_FALSE(check_syntax("T | where t > ago(5 d)").errors.empty());
}

TEST_CASE("kql/parser: what Microsoft's parser refuses is refused") {
  for (const char* text : {"x = 1h; T | count", "x = T | count", "print 1;;", ";print 1", "print - -1", "print --1", "T | where a in ()", "T | where a has_any ()",
                           "T\n# note\n| count", "let t = datetime(2017-05-01;\nlet u = datetime(2017-05-31); T", "graph('g') graph-match (n) project n.x",
                           "T | make-graph a --> b | graph-match (x)-[e*3]->(y)", "T | where where a == 1", "print datetime(\n2017-05-01)"}) {
    CAPTURE(text);
    CHECK_FALSE(check_syntax(text).errors.empty());
  }
}

TEST_CASE("kql/parser: what Microsoft's parser takes is taken") {
  for (const char* text : {"print 1 --1", "print -(-1), +1", "// a comment\n#connect cluster('x')\nT", "let a = 1;\nprint a;", "graph('g', snapshot='s') | count",
                           "T | make-graph a --> b | graph-match (x)-[e*1..3]->(y) project x.a", "print typeof(\nlong)", "print dynamic(\n[1])"}) {
    CAPTURE(text);
    CHECK(check_syntax(text).errors.empty());
  }
}

TEST_CASE("kql/parser: tables and operators of a query are listed without its own names") {
  const CheckResult r = check_syntax("let A = Logs | where x == 1; A | join (Other) on k | count");
  CHECK(r.errors.empty());
  CHECK(r.tables == std::vector<std::string>{"Logs", "Other"});
  CHECK(r.operators == std::vector<std::string>{"where", "join", "count"});
}

TEST_CASE("kql/parser: positions count UTF-16 units from the start, lines and columns from 1") {
  const std::string text = "print '\xF0\x9F\x98\x80',\nx ==";
  const Position p = position_at(text, text.find('x'));
  CHECK(p.line == 2);
  CHECK(p.column == 1);
  CHECK(p.utf16_offset == 12);
}

TEST_CASE("kql/parser: text that is no text at all gives errors, never a crash") {
  for (const std::string& text : {std::string("\0\0\0", 3), std::string("\xFF\xFE"), std::string("'"), std::string("```"), std::string("|||"),
                                  std::string("let"), std::string("let x"), std::string("datatable("), std::string("T | scan with ("),
                                  std::string("T | parse x with"), std::string("@"), std::string("!"), std::string("datetime(")}) {
    CAPTURE(text);
    check_syntax(text);
  }
  CHECK_FALSE(check_syntax(std::string(5 << 20, 'a')).errors.empty());
}
