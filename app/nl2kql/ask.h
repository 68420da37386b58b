// app/nl2kql/ask.h: a question in words -> a query that runs -> its rows, with every attempt on the way.
//
//   Facts are gathered and the rules read the question. Where they know every word, or what they guessed
//   finds rows, their query is the answer: on plain questions they are right, and a model of 135 M
//   parameters is not (of 59 questions it answers 12 rightly, the rules 59). Else a model, where one is
//   given, drafts a query that is checked; what parser and binder say goes back to it once. What does
//   not run or finds nothing is passed over for the rules' query. A larger model may be asked first.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "app/kql/explain.h"
#include "app/kql/query.h"
#include "app/nl2kql/facts.h"
#include "app/nl2kql/rules.h"

namespace engine {
class LanguageModel;
}

namespace app::nl2kql {

struct ChatTurn {
  std::string role, text;  // system, user, assistant
};

// What the model is asked: the turns so far, and the grammar (GBNF) its answer is held to; empty: none.
struct DraftRequest {
  std::vector<ChatTurn> turns;
  std::string grammar;
  int max_tokens = 200;
};
// The model's text; throws as engines do.
using Drafter = std::function<std::string(const DraftRequest& request)>;

struct Attempt {
  std::string by;     // "rules" or "model"
  std::string stage;  // "draft", "repaired"
  std::string kql;
  std::vector<kql::Diagnostic> errors;
  std::string failure;              // where it could not even be tried: no memory, a damaged model
  std::optional<uint64_t> n_rows;   // where it ran
  double seconds = 0;               // of drafting and running
  bool used = false;
};

// The text files behind the prompt; from assets/.
struct AskTexts {
  std::string grammar;   // grammars/kql.gbnf
  std::string examples;  // prompts/kql_examples.txt: "? question", query, empty line
};

struct AskOptions {
  Drafter draft;             // empty: the rules alone
  bool model_first = false;  // false: the model is asked only where the rules had to guess and found nothing
  bool hold_to_grammar = true;
  bool free_words = false;   // the grammar lets the model write words that the question does not hold
  bool run = true;           // false: the query is checked and not run
  int n_examples = 6;
  kql::RunOptions run_options;
};

struct AskResult {
  std::string kql;
  std::string by;
  std::vector<std::string> understood;         // of the rules: "errors -> Level in (...)", a phrase each
  bool guessed = false;
  std::vector<Attempt> attempts;               // in order
  std::shared_ptr<const kql::ResultTable> result;  // null where run is false or nothing could run
  std::optional<kql::EmptyReason> empty;
};

// Throws what running throws: Error{cancelled}, Error{out_of_memory}.
AskResult ask(const std::string& question, const kql::Tables& tables, const AskTexts& texts, const AskOptions& options);
// The same, where the facts are known already.
AskResult ask(const std::string& question, const kql::Tables& tables, const LogFacts& facts, const AskTexts& texts, const AskOptions& options);

// The turns that the model sees: schema with sample values and templates, the examples nearest to the
// question, the question with what the rules found in it.
std::vector<ChatTurn> make_prompt(const std::string& question, const LogFacts& facts, const RuleAnswer& rules, std::string_view examples, int n_examples);

// A model as what drafts. One conversation's cache is kept between drafts. n_ctx: no more than it was trained for.
Drafter draft_with(std::shared_ptr<engine::LanguageModel> model, int n_ctx = 4096, std::stop_token stop = {});

// Reads the two files below the assets folder. Throws Error{not_found}.
AskTexts read_ask_texts(const std::string& assets_folder);

}  // namespace app::nl2kql
