// Plain questions over tests/cases/nl2kql/shop.log without a model: what must be right is the answer,
// whatever the query looks like. answers.txt says how it was counted and how it is written.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "app/ingest.h"
#include "app/log_tables.h"
#include "app/logs/format.h"
#include "app/nl2kql/ask.h"
#include "app/store/log_store.h"

using namespace app;

namespace {

const kql::Tables& shop_tables() {
  static const kql::Tables tables = [] {
    const auto store = store::make_memory_log_store();
    IngestOptions options;
    options.find_anomalies = false;
    ingest(*store, {SIGMA_TEST_CASES "/nl2kql/shop.log"}, logs::FormatSet::load(SIGMA_ASSETS "/log_formats"), options);
    return make_log_tables(store->snapshot());
  }();
  return tables;
}

struct Case {
  std::string question;
  bool any_order = false;
  std::vector<std::string> rows;   // of "= "
  std::vector<uint64_t> lines;
  enum class Kind { rows, lines, lines_in_order } kind = Kind::rows;
};

std::vector<Case> read_cases() {
  std::vector<Case> cases;
  std::ifstream in(SIGMA_TEST_CASES "/nl2kql/answers.txt");
  for (std::string line; std::getline(in, line);) {
    const auto numbers = [&](size_t from) {
      std::istringstream text(line.substr(from));
      for (uint64_t n = 0; text >> n;) cases.back().lines.push_back(n);
    };
    if (line.starts_with("? ")) cases.push_back({line.substr(2), false, {}, {}, Case::Kind::rows});
    else if (line.starts_with("= ")) cases.back().rows.push_back(line.substr(2));
    else if (line.starts_with("any order:")) cases.back().any_order = true;
    else if (line.starts_with("lines: ")) cases.back().kind = Case::Kind::lines, numbers(7);
    else if (line.starts_with("in order: ")) cases.back().kind = Case::Kind::lines_in_order, numbers(10);
  }
  return cases;
}

std::string answer_rows(const kql::ResultTable& result, bool sorted) {
  std::vector<std::string> rows;
  for (uint64_t row = 0; row < result.n_rows; ++row) {
    std::string one;
    for (size_t k = 0; k < result.columns.size(); ++k) one += (k ? "\t" : "") + result.text(row, k);
    rows.push_back(one);
  }
  if (sorted) std::sort(rows.begin(), rows.end());
  std::string out;
  for (const std::string& row : rows) out += row + "\n";
  return out;
}

std::vector<uint64_t> answer_lines(const kql::ResultTable& result) {
  std::vector<uint64_t> lines;
  for (size_t k = 0; k < result.columns.size(); ++k) {
    if (result.columns[k].name != "Line") continue;
    for (uint64_t row = 0; row < result.n_rows; ++row) lines.push_back(std::stoull(result.text(row, k)));
  }
  return lines;
}

}  // namespace

TEST_CASE("nl2kql/answers: plain questions find what stands in the log, by rules alone") {
  int n = 0;
  for (const Case& c : read_cases()) {
    CAPTURE(c.question);
    const nl2kql::AskResult said = nl2kql::ask(c.question, shop_tables(), nl2kql::AskTexts(), nl2kql::AskOptions());
    CAPTURE(said.kql);
    REQUIRE(said.result);
    ++n;
    if (c.kind == Case::Kind::rows) {
      std::vector<std::string> wanted = c.rows;
      if (c.any_order) std::sort(wanted.begin(), wanted.end());
      std::string text;
      for (const std::string& row : wanted) text += row + "\n";
      CHECK(answer_rows(*said.result, c.any_order) == text);
      continue;
    }
    std::vector<uint64_t> lines = answer_lines(*said.result), wanted = c.lines;
    if (c.kind == Case::Kind::lines) std::sort(lines.begin(), lines.end());
    CHECK(lines == wanted);
  }
  CHECK(n >= 50);
}
