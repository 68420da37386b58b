// sigmactl kql check: parse queries, one {"id", "query"} a line, and say what is wrong with each.
// sigmactl kql ask: a question in words, turned to KQL by rules and run.
// sigmactl kql save, functions, forget: let statements that every query can use.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "app/kql/query.h"
#include "app/log_tables.h"
#include "app/nl2kql/rules.h"
#include "app/settings.h"
#include "engine/base/error.h"
#include "tools/ctl/command.h"
#include "tools/ctl/query.h"

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

// The first and last time of the log, from which "the last hour" counts.
app::nl2kql::LogFacts facts_of(const app::kql::Tables& tables) {
  app::nl2kql::LogFacts facts;
  const app::kql::ResultTable times = app::kql::run("Logs | summarize min(Timestamp), max(Timestamp)", tables, {});
  if (times.n_rows == 1 && !times.is_null(0, 0)) {
    const auto [chunk, row] = times.locate(0);
    facts.first_time = chunk->columns[0].i64(row);
    facts.last_time = chunk->columns[1].i64(row);
  }
  const auto values = [&](const char* column, std::vector<std::string>& out) {
    const app::kql::ResultTable top = app::kql::run(std::string("Logs | where isnotempty(") + column + ") | summarize n = count() by " + column + " | top 50 by n", tables, {});
    for (uint64_t row = 0; row < top.n_rows; ++row) out.push_back(top.text(row, 0));
  };
  values("Host", facts.hosts);
  values("Process", facts.processes);
  values("Source", facts.sources);
  return facts;
}

int ask(const std::vector<std::string>& paths, const std::string& question, bool json) {
  const app::kql::Tables tables = load_tables(paths);
  const app::nl2kql::RuleAnswer answer = app::nl2kql::ask_rules(question, facts_of(tables));
  const app::kql::ResultTable result = app::kql::run(answer.kql, tables, {});
  if (result.failed()) {
    engine::fail(engine::ErrorKind::invalid_input, "the question became a query that does not run (%s): %s", result.diagnostics[0].message.c_str(), answer.kql.c_str());
  }
  std::string explanation;
  for (const std::string& phrase : answer.understood) explanation += (explanation.empty() ? "" : "; ") + phrase;
  if (json) {
    const auto text = [](const std::string& s) { return nlohmann::json(s).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace); };
    std::cout << "{\"kql\":" << text(answer.kql) << "," << result_json(result) << ",\"explanation\":" << text(explanation) << "}\n";
    return 0;
  }
  std::cout << answer.kql << "\n" << (explanation.empty() ? "" : "understood: " + explanation + "\n");
  for (uint64_t row = 0; row < result.n_rows; ++row) {
    for (size_t k = 0; k < result.columns.size(); ++k) std::cout << (k ? "\t" : "") << result.text(row, k);
    std::cout << "\n";
  }
  return 0;
}

// Saved functions are let statements in one file of the data folder.
std::string functions_file(const Program& program) {
  return (program.data_folder.empty() ? app::default_data_folder() : program.data_folder) + "/functions.kql";
}

std::vector<app::kql::SavedFunction> saved_functions(const Program& program) {
  std::vector<app::kql::SavedFunction> functions;
  app::kql::check_functions(app::saved_functions(std::filesystem::path(functions_file(program)).parent_path().string()), &functions);
  return functions;
}

void write_functions(const Program& program, const std::vector<app::kql::SavedFunction>& functions) {
  const std::string path = functions_file(program), half = path + ".new";
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  {
    std::ofstream file(half, std::ios::binary);
    for (const auto& f : functions) file << f.text << ";\n";
    if (!file.flush()) engine::fail(engine::ErrorKind::io, "%s cannot be written; is there room on the disk?", half.c_str());
  }
  std::filesystem::rename(half, path);
}

// A function of the same name is replaced.
int save_functions(const Program& program, const std::string& text) {
  std::vector<app::kql::SavedFunction> added, kept;
  const std::vector<app::kql::Diagnostic> errors = app::kql::check_functions(text, &added);
  if (!errors.empty()) {
    const app::kql::Position at = app::kql::position_at(text, errors[0].span.begin);
    engine::fail(engine::ErrorKind::invalid_input, "%d:%d: %s%s", static_cast<int>(at.line), static_cast<int>(at.column), errors[0].message.c_str(),
                 errors[0].hint.empty() ? "" : (" (" + errors[0].hint + ")").c_str());
  }
  if (added.empty()) engine::fail(engine::ErrorKind::usage, "there is nothing to save; write let name = (x:long) { ... };");
  const auto is_new = [&](const app::kql::SavedFunction& old) {
    return std::any_of(added.begin(), added.end(), [&](const auto& f) { return f.name == old.name; });
  };
  for (auto& f : saved_functions(program)) {
    if (!is_new(f)) kept.push_back(std::move(f));
  }
  for (const auto& f : added) std::cout << "saved " << f.name << "\n";
  kept.insert(kept.end(), added.begin(), added.end());
  write_functions(program, kept);
  return 0;
}

int forget_function(const Program& program, const std::string& name) {
  std::vector<app::kql::SavedFunction> functions = saved_functions(program);
  const auto end = std::remove_if(functions.begin(), functions.end(), [&](const auto& f) { return f.name == name; });
  if (end == functions.end()) engine::fail(engine::ErrorKind::not_found, "there is no saved function '%s'; see sigmactl kql functions", name.c_str());
  functions.erase(end, functions.end());
  write_functions(program, functions);
  return 0;
}

}  // namespace

void add_kql(Program& program) {
  CLI::App* kql = program.cli.add_subcommand("kql", "Check KQL queries, or ask a question in words");
  kql->require_subcommand(1);
  CLI::App* checking = kql->add_subcommand("check", "Parse queries from standard input, one {\"id\", \"query\"} a line");
  checking->callback(chosen(program, [] { return check(std::cin); }));

  struct Question {
    std::vector<std::string> paths;
    std::string text;
    bool json = false;
  };
  const auto question = std::make_shared<Question>();
  CLI::App* asking = kql->add_subcommand("ask", "Ask a question in words: it becomes KQL and runs");
  asking->add_option("PATH", question->paths, "Logs: files, folders, archives, or -")->required();
  asking->add_option("--question", question->text, "Such as: how many errors per minute from sshd")->required();
  asking->add_flag("--json", question->json, "Print one JSON document");
  asking->callback(chosen(program, [question] { return ask(question->paths, question->text, question->json); }));

  const auto argument = std::make_shared<std::string>();
  CLI::App* saving = kql->add_subcommand("save", "Save let statements: every query can use their names from then on");
  saving->add_option("TEXT", *argument, "Such as: let errors = (T:(Level:string)) { T | where Level == 'ERROR' };")->required();
  saving->callback(chosen(program, [argument, &program] { return save_functions(program, *argument); }));
  kql->add_subcommand("functions", "Print the saved functions")->callback(chosen(program, [&program] {
    for (const auto& f : saved_functions(program)) std::cout << f.text << ";\n";
    return 0;
  }));
  CLI::App* forgetting = kql->add_subcommand("forget", "Remove a saved function");
  forgetting->add_option("NAME", *argument, "Its name")->required();
  forgetting->callback(chosen(program, [argument, &program] { return forget_function(program, *argument); }));
}

}  // namespace ctl
