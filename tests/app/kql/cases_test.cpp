// Walks tests/cases/kql: each file holds cases of a query, then the rows or the error it must give.
//
//   --- name
//   query, over several lines
//   === column:type, column:type         or   === error: part of the first message
//   [1, "a"]                             a JSON row a line, in order
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "app/kql/json.h"
#include "app/kql/query.h"

using namespace app::kql;

namespace {

struct Case {
  std::string file, name, query, expected;
  std::vector<std::string> rows;
};

std::vector<Case> read_cases() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(SIGMA_TEST_CASES) + "/kql")) {
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<Case> cases;
  for (const auto& path : files) {
    std::ifstream in(path);
    bool in_rows = false;
    for (std::string line; std::getline(in, line);) {
      if (line.rfind("--- ", 0) == 0) {
        cases.push_back({path.filename().string(), line.substr(4), {}, {}, {}});
        in_rows = false;
      } else if (cases.empty() || (in_rows && line.empty())) {
        continue;
      } else if (line.rfind("=== ", 0) == 0) {
        cases.back().expected = line.substr(4);
        in_rows = true;
      } else if (in_rows) {
        cases.back().rows.push_back(line);
      } else {
        cases.back().query += line + "\n";
      }
    }
  }
  return cases;
}

std::string header(const ResultTable& result) {
  std::string text;
  for (const auto& c : result.columns) text += (text.empty() ? "" : ", ") + c.name + ":" + app::columns::type_name(c.type);
  return text;
}

}  // namespace

TEST_CASE("kql/cases: every query of tests/cases/kql gives its rows or its error") {
  const std::vector<Case> cases = read_cases();
  REQUIRE(cases.size() > 60);
  for (const Case& c : cases) {
    CAPTURE(c.file);
    CAPTURE(c.name);
    CAPTURE(c.query);
    const ResultTable result = run(c.query, Tables(), {});
    if (c.expected.rfind("error: ", 0) == 0) {
      REQUIRE(result.failed());
      const std::string message = result.diagnostics[0].message + " " + result.diagnostics[0].hint;
      CAPTURE(message);
      CHECK(message.find(c.expected.substr(7)) != std::string::npos);
      CHECK(result.n_rows == 0);
      continue;
    }
    std::string problem = result.diagnostics.empty() ? "" : result.diagnostics[0].message;
    CAPTURE(problem);
    CHECK_FALSE(result.failed());
    if (result.failed()) continue;
    CHECK(header(result) == c.expected);
    CHECK(result.n_rows == c.rows.size());
    for (uint64_t row = 0; row < std::min<uint64_t>(result.n_rows, c.rows.size()); ++row) {
      const auto [chunk, at] = result.locate(row);
      std::string got = "[";
      for (size_t k = 0; k < chunk->columns.size(); ++k) got += (k ? "," : "") + cell_json(chunk->columns[k], at);
      got += "]";
      CAPTURE(got);
      CAPTURE(c.rows[row]);
      const std::optional<Json> want = parse_json(c.rows[row]), have = parse_json(got);
      REQUIRE(want.has_value());
      REQUIRE(have.has_value());
      CHECK((*want == *have));
    }
  }
}
