// sigmactl kql check: parse queries, one {"id", "query"} a line, and say what is wrong with each.
// sigmactl kql ask: a question in words, turned to KQL by rules or a model held to a grammar, and run.
// sigmactl kql explain: a query in plain words.
// sigmactl kql save, functions, forget: let statements that every query can use.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "app/kql/explain.h"
#include "app/kql/query.h"
#include "app/log_tables.h"
#include "app/nl2kql/ask.h"
#include "app/settings.h"
#include "engine/base/error.h"
#include "engine/generate/generation.h"
#include "tools/ctl/command.h"
#include "tools/ctl/gpu_option.h"
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

struct Question {
  std::vector<std::string> paths;
  std::string text, model, gpu = "auto";
  bool json = false, no_grammar = false, model_first = false;
  int n_threads = 0, n_examples = 6;
};

std::string json_text(const std::string& s) { return nlohmann::json(s).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace); }

nlohmann::json attempts_json(const std::vector<app::nl2kql::Attempt>& attempts) {
  nlohmann::json list = nlohmann::json::array();
  for (const app::nl2kql::Attempt& a : attempts) {
    list.push_back({{"by", a.by}, {"stage", a.stage}, {"kql", a.kql}, {"errors", errors_json(a.kql, a.errors)}, {"failure", a.failure},
                    {"rows", a.n_rows ? nlohmann::json(*a.n_rows) : nlohmann::json()}, {"seconds", a.seconds}, {"used", a.used}});
  }
  return list;
}

nlohmann::json lines_json(const std::string& kql) {
  nlohmann::json list = nlohmann::json::array();
  for (const app::kql::ExplainedLine& line : app::kql::explain_query(kql)) {
    list.push_back({{"depth", line.depth}, {"kql", line.code}, {"words", line.words}});
  }
  return list;
}

nlohmann::json empty_json(const app::kql::EmptyReason& reason) {
  return {{"operator", reason.code}, {"rows_before", reason.n_rows_before}, {"without", reason.without}};
}

void print_attempt(const app::nl2kql::Attempt& a) {
  std::string one = a.kql;
  std::replace(one.begin(), one.end(), '\n', ' ');
  std::cerr << "attempt by " << a.by << " (" << a.stage << "): " << (a.failure.empty() ? one : a.failure);
  for (const app::kql::Diagnostic& d : a.errors) std::cerr << "\n  " << d.message << (d.hint.empty() ? "" : " (" + d.hint + ")");
  if (a.n_rows) std::cerr << "\n  " << *a.n_rows << (*a.n_rows == 1 ? " row" : " rows");
  std::cerr << (a.used ? ", used" : "") << "\n";
}

int ask(const Question& question) {
  const app::kql::Tables tables = load_tables(question.paths);
  app::nl2kql::AskOptions options;
  options.hold_to_grammar = !question.no_grammar;
  options.model_first = question.model_first;
  options.n_examples = question.n_examples;
  app::nl2kql::AskTexts texts;
  if (!question.model.empty()) {
    texts = app::nl2kql::read_ask_texts(app::find_assets_folder());
    engine::LoadOptions load;
    load.n_threads = question.n_threads;
    load.gpu = engine::gpu_mode(question.gpu);
    options.draft = app::nl2kql::draft_with(engine::LanguageModel::load(question.model, load));
  }
  const app::nl2kql::AskResult said = app::nl2kql::ask(question.text, tables, texts, options);
  if (!said.result) {
    const auto& errors = said.attempts.back().errors;
    engine::fail(engine::ErrorKind::invalid_input, "the question became a query that does not run (%s): %s", errors.empty() ? "no reason known" : errors[0].message.c_str(), said.kql.c_str());
  }
  std::string explanation;
  for (const app::kql::ExplainedLine& line : app::kql::explain_query(said.kql)) explanation += (explanation.empty() ? "" : ". ") + line.words;
  if (question.json) {
    std::cout << "{\"kql\":" << json_text(said.kql) << "," << result_json(*said.result) << ",\"explanation\":" << json_text(explanation) << ",\"by\":" << json_text(said.by)
              << ",\"understood\":" << nlohmann::json(said.understood).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << ",\"guessed\":" << (said.guessed ? "true" : "false")
              << ",\"attempts\":" << attempts_json(said.attempts).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)
              << ",\"lines\":" << lines_json(said.kql).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)
              << ",\"empty\":" << (said.empty ? empty_json(*said.empty).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) : "null") << "}\n";
    return 0;
  }
  for (const app::nl2kql::Attempt& a : said.attempts) print_attempt(a);
  std::string understood;
  for (const std::string& phrase : said.understood) understood += (understood.empty() ? "" : "; ") + phrase;
  if (said.by == "rules" && !understood.empty()) std::cerr << "understood: " << understood << (said.guessed ? "; other words are searched for as they stand" : "") << "\n";
  std::cout << said.kql << "\n\n";
  for (uint64_t row = 0; row < said.result->n_rows; ++row) {
    for (size_t k = 0; k < said.result->columns.size(); ++k) std::cout << (k ? "\t" : "") << said.result->text(row, k);
    std::cout << "\n";
  }
  if (said.empty) {
    std::cerr << "nothing was found: " << said.empty->n_rows_before << " rows came up to \"" << said.empty->code << "\" and none passed it; without it:\n" << said.empty->without << "\n";
  }
  return 0;
}

int explain(const std::string& text, bool json) {
  if (json) {
    std::cout << nlohmann::json{{"lines", lines_json(text)}}.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
    return 0;
  }
  for (const app::kql::ExplainedLine& line : app::kql::explain_query(text)) {
    const std::string indent(static_cast<size_t>(line.depth) * 2, ' ');
    std::cout << indent << line.code << "\n" << indent << "    " << line.words << "\n";
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

  const auto question = std::make_shared<Question>();
  CLI::App* asking = kql->add_subcommand("ask", "Ask a question in words: it becomes KQL and runs");
  asking->add_option("PATH", question->paths, "Logs: files, folders, archives, or -")->required();
  asking->add_option("--question", question->text, "Such as: how many errors per minute from sshd")->required();
  asking->add_option("--model", question->model, "A model for questions to which the rules find nothing");
  asking->add_flag("--model-first", question->model_first, "Ask the model before the rules");
  asking->add_flag("--no-grammar", question->no_grammar, "Let the model write freely");
  asking->add_option("--examples", question->n_examples, "Examples shown to the model")->check(CLI::Range(0, 40));
  asking->add_option("--threads", question->n_threads, "Threads of the model; 0: one for each core");
  add_gpu_option(*asking, question->gpu);
  asking->add_flag("--json", question->json, "Print one JSON document");
  asking->callback(chosen(program, [question] { return ask(*question); }));

  const auto explained = std::make_shared<std::string>();
  const auto as_json = std::make_shared<bool>(false);
  CLI::App* explaining = kql->add_subcommand("explain", "A query in plain words, line by line");
  explaining->add_option("QUERY", *explained, "The query's text")->required();
  explaining->add_flag("--json", *as_json, "Print one JSON document");
  explaining->callback(chosen(program, [explained, as_json] { return explain(*explained, *as_json); }));

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
