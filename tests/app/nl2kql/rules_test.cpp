// Walks tests/cases/nl2kql/questions.txt: "? question", then the query it must become, then an empty line.
// The facts that the rules know are those below.
#include "app/nl2kql/rules.h"

#include <doctest/doctest.h>

#include <fstream>
#include <string>

using namespace app;

namespace {

nl2kql::LogFacts facts() {
  nl2kql::LogFacts known;
  known.first_time = unix_epoch_ticks + 1'772'359'200LL * ticks_per_second;  // 2026-03-01T10:00:00Z
  known.last_time = known.first_time + 7200 * ticks_per_second;
  known.hosts = {"db-2", "web-1"};
  known.processes = {"sshd", "kernel", "postgres"};
  known.sources = {"syslog"};
  return known;
}

}  // namespace

TEST_CASE("nl2kql/rules: each question becomes its query") {
  std::ifstream in(SIGMA_TEST_CASES "/nl2kql/questions.txt");
  std::string line, question, query;
  int n_cases = 0;
  const auto finish = [&] {
    if (question.empty()) return;
    CAPTURE(question);
    CHECK(nl2kql::ask_rules(question, facts()).kql == query);
    ++n_cases;
    question.clear();
    query.clear();
  };
  while (std::getline(in, line)) {
    if (line.starts_with("? ")) {
      finish();
      question = line.substr(2);
    } else if (!line.empty()) {
      query += (query.empty() ? "" : "\n") + line;
    }
  }
  finish();
  CHECK(n_cases >= 40);
}

TEST_CASE("nl2kql/rules: each phrase says what it became, and a guess is said to be one") {
  const auto known = nl2kql::ask_rules("how many errors per hour", facts());
  CHECK(known.understood.size() == 3);
  CHECK_FALSE(known.guessed);
  CHECK(nl2kql::ask_rules("weird hiccup errors", facts()).guessed);
}

TEST_CASE("nl2kql/rules: an empty question shows rows, and quotes cannot break out of the query") {
  CHECK(nl2kql::ask_rules("").kql == "Logs\n| take 100");
  CHECK(nl2kql::ask_rules("lines with 'a\"b\\'").kql == "Logs\n| where Message contains \"a\\\"b\\\\\"\n| take 100");
}

TEST_CASE("nl2kql/rules: without the log's times the last hour counts back from the clock") {
  CHECK(nl2kql::ask_rules("errors in the last hour").kql ==
        "Logs\n| where Timestamp > ago(3600s)\n| where Level in (\"ERROR\", \"CRITICAL\")\n| take 100");
}
