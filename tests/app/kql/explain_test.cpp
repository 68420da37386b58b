#include "app/kql/explain.h"

#include <doctest/doctest.h>

#include <string>

#include "app/kql/query.h"

using namespace app;

namespace {

std::string words_of(const std::string& query) {
  std::string out;
  for (const kql::ExplainedLine& line : kql::explain_query(query)) out += std::string(static_cast<size_t>(line.depth) * 2, ' ') + line.words + "\n";
  return out;
}

std::shared_ptr<const kql::Table> table_of(const std::string& datatable) {
  const kql::ResultTable rows = kql::run(datatable, {}, {});
  REQUIRE(!rows.failed());
  return kql::make_memory_table(rows.columns, rows.chunks);
}

kql::Tables numbers() {
  kql::Tables tables;
  tables.add("T", table_of("range x from 1 to 100 step 1 | extend name = iff(x % 2 == 0, 'even', 'odd')"));
  return tables;
}

}  // namespace

TEST_CASE("kql/explain: each operator is a line in plain words") {
  CHECK(words_of("Logs\n| where Level in ('ERROR', 'CRITICAL') and Timestamp > ago(1h)\n| summarize count(), Hosts = dcount(Host) by bin(Timestamp, 5m)\n"
                 "| top 3 by count_ desc\n| project Timestamp, n = count_") ==
        "Take the rows of Logs\n"
        "Keep the rows where Level is one of \"ERROR\" or \"CRITICAL\" and Timestamp is after 1 hour ago\n"
        "Work out for each Timestamp in steps of 5 minutes: the number of rows; the number of different values of Host as Hosts\n"
        "Keep the 3 rows that come first by count_, greatest first\n"
        "Keep only the columns Timestamp and n (count_)\n");
}

TEST_CASE("kql/explain: what stands in brackets follows one level deeper") {
  CHECK(words_of("let n = 5; Logs | join kind=leftanti (Templates | where Count > n) on TemplateId") ==
        "Call 5 n, for use below\n"
        "Take the rows of Logs\n"
        "Keep the rows that have no partner among the rows of the query below, where TemplateId is equal\n"
        "  Take the rows of Templates\n"
        "  Keep the rows where Count is above n\n");
}

TEST_CASE("kql/explain: a text that does not parse says so as its last line") {
  const auto lines = kql::explain_query("Logs | where (Level == 'ERROR'");
  REQUIRE(!lines.empty());
  CHECK(lines.back().words.find("does not follow the language") != std::string::npos);
}

TEST_CASE("kql/explain: every operator of the language has words") {
  for (const char* q : {"T | serialize", "T | mv-expand name", "T | parse name with 'a' b", "T | make-series n = count() on x step 1", "T | sample 3",
                        "T | getschema", "T | render timechart", "T | as Rows", "T | union U", "range i from 1 to 3 step 1", "print 1", "T | invoke f()",
                        "T | evaluate bag_unpack(p)", "T | distinct *", "T | project-away name", "T | top-nested 2 of name by count()", "T | count"}) {
    CAPTURE(q);
    const auto lines = kql::explain_query(q);
    REQUIRE(!lines.empty());
    CHECK(!lines.back().words.empty());
    CHECK(lines.back().words.find("does not follow") == std::string::npos);
  }
}

TEST_CASE("kql/why_empty: names the operator that left no row and the query without it") {
  // A count of nothing is a row, but behind the where there was none.
  const auto counted = kql::why_empty("T | where x > 10 | where name == 'none' | count", numbers(), {});
  REQUIRE(counted.has_value());
  CHECK(counted->code == "where name == 'none'");
  const auto where = kql::why_empty("T | where x > 10\n| where name == 'none'\n| project x", numbers(), {});
  REQUIRE(where.has_value());
  CHECK(where->code == "where name == 'none'");
  CHECK(where->n_rows_before == 90);
  const kql::ResultTable mended = kql::run(where->without, numbers(), {});
  CHECK(mended.n_rows == 90);
}

TEST_CASE("kql/why_empty: of several conditions the guilty one is taken out alone") {
  const std::string text = "T | where x > 10 and name == 'none' and x < 50 | project x";
  const auto reason = kql::why_empty(text, numbers(), {});
  REQUIRE(reason.has_value());
  CHECK(text.substr(reason->condition.begin, reason->condition.end - reason->condition.begin) == "name == 'none'");
  CHECK(reason->without == "T | where x > 10 and x < 50 | project x");
}

TEST_CASE("kql/why_empty: conditions that only together leave nothing are one operator") {
  const auto reason = kql::why_empty("T | where x > 60 and x < 50", numbers(), {});
  REQUIRE(reason.has_value());
  CHECK(reason->condition.begin == reason->condition.end);
  CHECK(reason->without.find("where") == std::string::npos);
}

TEST_CASE("kql/why_empty: an empty source is nobody's fault") {
  CHECK_FALSE(kql::why_empty("T | where x > 1000 | where x < 0", kql::Tables(), {}).has_value());
  kql::Tables tables;
  tables.add("T", table_of("datatable(x:long)[]"));
  CHECK_FALSE(kql::why_empty("T | where x > 5", tables, {}).has_value());
}
