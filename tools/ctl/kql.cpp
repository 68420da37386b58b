// sigmactl kql check: parse queries, one {"id", "query"} a line, and say what is wrong with each.
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "app/kql/query.h"
#include "engine/base/error.h"
#include "tools/ctl/command.h"

namespace ctl {
namespace {

nlohmann::json errors_json(const std::string& text, const std::vector<app::kql::Diagnostic>& errors) {
  nlohmann::json list = nlohmann::json::array();
  for (const app::kql::Diagnostic& d : errors) {
    const app::kql::Position begin = app::kql::position_at(text, d.span.begin);
    const app::kql::Position end = app::kql::position_at(text, d.span.end);
    list.push_back({{"message", d.message}, {"hint", d.hint}, {"offset", begin.utf16_offset},
                    {"length", end.utf16_offset - begin.utf16_offset}, {"line", begin.line}, {"column", begin.column}});
  }
  return list;
}

int check(std::istream& in) {
  std::string line;
  for (int n = 1; std::getline(in, line); ++n) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const nlohmann::json item = nlohmann::json::parse(line, nullptr, false);
    if (!item.is_object() || !item.contains("query") || !item["query"].is_string()) {
      engine::fail(engine::ErrorKind::invalid_input,
                   "standard input, line %d: expected a JSON object with \"id\" and \"query\"", n);
    }
    const std::string text = item["query"];
    const app::kql::CheckResult result = app::kql::check_syntax(text);
    const nlohmann::json out = {{"id", item.value("id", nlohmann::json())}, {"valid", result.errors.empty()},
                                {"errors", errors_json(text, result.errors)}, {"tables", result.tables},
                                {"columns", result.columns}, {"operators", result.operators}};
    std::cout << out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  }
  return 0;
}

}  // namespace

void add_kql(Program& program) {
  CLI::App* kql = program.cli.add_subcommand("kql", "Check KQL queries, or ask a question in words");
  kql->require_subcommand(1);
  CLI::App* checking = kql->add_subcommand("check", "Parse queries from standard input, one {\"id\", \"query\"} a line");
  checking->callback(chosen(program, [] { return check(std::cin); }));
}

}  // namespace ctl
