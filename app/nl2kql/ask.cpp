#include "app/nl2kql/ask.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>

#include "app/nl2kql/query_grammar.h"
#include "engine/base/error.h"

namespace app::nl2kql {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Models like to wrap what they write: ```kql ... ``` and a last semicolon.
std::string bare_query(std::string text) {
  if (const size_t fence = text.find("```"); fence != std::string::npos) {
    const size_t line = text.find('\n', fence);
    const size_t end = line == std::string::npos ? line : text.find("```", line);
    if (line != std::string::npos) text = text.substr(line + 1, end == std::string::npos ? end : end - line - 1);
  }
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n;") - begin + 1);
}

std::string what_is_wrong(const std::string& kql, const std::vector<kql::Diagnostic>& errors) {
  std::string out = "That query does not run:";
  for (size_t i = 0; i < std::min<size_t>(errors.size(), 3); ++i) {
    const kql::Position at = kql::position_at(kql, errors[i].span.begin);
    out += "\nline " + std::to_string(at.line) + ", column " + std::to_string(at.column) + ": " + errors[i].message + (errors[i].hint.empty() ? "" : " (" + errors[i].hint + ")");
  }
  return out + "\nWrite the corrected query only.";
}

class Asker {
 public:
  Asker(const std::string& question, const kql::Tables& tables, const LogFacts& facts, const AskTexts& texts, const AskOptions& options)
      : question_(question), tables_(tables), facts_(facts), texts_(texts), options_(options) {}

  AskResult run() {
    rules_ = ask_rules(question_, facts_);
    result_.understood = rules_.understood;
    result_.guessed = rules_.guessed;
    options_.draft && options_.model_first ? model_first() : rules_first();
    if (result_.result && kql::found_nothing(*result_.result)) result_.empty = kql::why_empty(result_.kql, tables_, options_.run_options);
    return std::move(result_);
  }

 private:
  bool runs(size_t i) const { return result_.attempts[i].errors.empty() && result_.attempts[i].failure.empty(); }
  bool found_rows(size_t i) const { return !options_.run || (tables_of_attempts_[i] && !kql::found_nothing(*tables_of_attempts_[i])); }

  // The model's query where it runs and finds something, else the rules'.
  void model_first() {
    const size_t by_model = try_model();
    const bool good = by_model != SIZE_MAX && runs(by_model);
    if (good && found_rows(by_model)) return use(by_model);
    const size_t by_rules = try_query("rules", "draft", rules_.kql, 0);
    use(good && !(runs(by_rules) && found_rows(by_rules)) ? by_model : by_rules);
  }

  // The rules' query where they know every word, or where what they guessed finds something.
  void rules_first() {
    const size_t by_rules = try_query("rules", "draft", rules_.kql, 0);
    if (!options_.draft || !rules_.guessed || (runs(by_rules) && found_rows(by_rules))) return use(by_rules);
    const size_t by_model = try_model();
    use(by_model != SIZE_MAX && runs(by_model) && found_rows(by_model) ? by_model : by_rules);
  }

  // The index of the last attempt, or none where the model could not be asked.
  size_t try_model() {
    DraftRequest request;
    request.turns = make_prompt(question_, facts_, rules_, texts_.examples, options_.n_examples);
    size_t last = SIZE_MAX;
    for (const char* stage : {"draft", "repaired"}) {
      const auto start = Clock::now();
      std::string text;
      try {
        if (options_.hold_to_grammar) request.grammar = query_grammar(texts_.grammar, facts_, question_, rules_, options_.free_words);
        text = bare_query(options_.draft(request));
      } catch (const engine::Error& e) {
        if (e.kind() == engine::ErrorKind::cancelled || e.kind() == engine::ErrorKind::internal) throw;
        Attempt failed;
        failed.by = "model";
        failed.stage = stage;
        failed.failure = e.what();
        failed.seconds = seconds_since(start);
        result_.attempts.push_back(std::move(failed));
        tables_of_attempts_.emplace_back();
        return last;
      }
      last = try_query("model", stage, text, seconds_since(start));
      if (runs(last)) return last;
      request.turns.push_back({"assistant", text});
      request.turns.push_back({"user", what_is_wrong(text, result_.attempts[last].errors)});
    }
    return last;
  }

  size_t try_query(const char* by, const char* stage, const std::string& text, double drafting_seconds) {
    const auto start = Clock::now();
    Attempt attempt;
    attempt.by = by;
    attempt.stage = stage;
    attempt.kql = text;
    std::shared_ptr<const kql::ResultTable> table;
    if (text.empty()) attempt.errors.push_back({{0, 0}, kql::DiagnosticSeverity::error, "the answer holds no query", ""});
    else attempt.errors = kql::check(text, tables_);
    std::erase_if(attempt.errors, [](const kql::Diagnostic& d) { return d.severity != kql::DiagnosticSeverity::error; });
    if (attempt.errors.empty() && options_.run) {
      table = std::make_shared<const kql::ResultTable>(kql::run(text, tables_, options_.run_options));
      if (table->failed()) attempt.errors = table->diagnostics;
      else attempt.n_rows = table->n_rows;
    }
    attempt.seconds = drafting_seconds + seconds_since(start);
    result_.attempts.push_back(std::move(attempt));
    tables_of_attempts_.push_back(std::move(table));
    return result_.attempts.size() - 1;
  }

  void use(size_t i) {
    result_.attempts[i].used = true;
    result_.kql = result_.attempts[i].kql;
    result_.by = result_.attempts[i].by;
    result_.result = tables_of_attempts_[i];
  }

  const std::string& question_;
  const kql::Tables& tables_;
  const LogFacts& facts_;
  const AskTexts& texts_;
  const AskOptions& options_;
  RuleAnswer rules_;
  AskResult result_;
  std::vector<std::shared_ptr<const kql::ResultTable>> tables_of_attempts_;
};

std::string read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) engine::fail(engine::ErrorKind::not_found, "%s is missing; the program's assets are incomplete, install it again", path.c_str());
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

AskResult ask(const std::string& question, const kql::Tables& tables, const LogFacts& facts, const AskTexts& texts, const AskOptions& options) {
  return Asker(question, tables, facts, texts, options).run();
}

AskResult ask(const std::string& question, const kql::Tables& tables, const AskTexts& texts, const AskOptions& options) {
  return ask(question, tables, gather_facts(tables, options.run_options.stop), texts, options);
}

AskTexts read_ask_texts(const std::string& assets_folder) {
  return {read_text(assets_folder + "/grammars/kql.gbnf"), read_text(assets_folder + "/prompts/kql_examples.txt")};
}

}  // namespace app::nl2kql
