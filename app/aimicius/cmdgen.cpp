// CMDGen: a question in words to a command line. Exact Match counts a prediction whose shell words
// are those of the command or of one of its alternatives; beside it the right program, and how
// many of the options are right (F1).
#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

#include "app/aimicius/command_text.h"
#include "app/aimicius/scorers.h"
#include "engine/base/error.h"

namespace app::aimicius {
namespace {

using nlohmann::json;

// Field names differ from one source to the next.
std::string text_field(const json& item, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (item.contains(name) && item[name].is_string()) return item[name];
  }
  return "";
}

std::vector<std::string> accepted_commands(const json& item) {
  std::vector<std::string> commands = {text_field(item, {"command", "cmd", "bash", "answer"})};
  for (const char* name : {"alternatives", "accepted", "command2", "bash2"}) {
    if (!item.contains(name)) continue;
    if (item[name].is_string()) commands.push_back(item[name]);
    for (const json& each : item[name].is_array() ? item[name] : json::array()) {
      if (each.is_string()) commands.push_back(each);
    }
  }
  std::erase_if(commands, [](const std::string& command) { return command.empty(); });
  return commands;
}

// F1 of two sets of words; 1 where both are empty.
template <class Set>
double f1(const Set& expected, const Set& given) {
  if (expected.empty() && given.empty()) return 1;
  size_t n_common = 0;
  for (const auto& each : expected) n_common += given.count(each);
  return 2.0 * static_cast<double>(n_common) / static_cast<double>(expected.size() + given.size());
}

std::multiset<std::string> word_set(std::string_view command) {
  const auto words = command_words(command);
  return {words.begin(), words.end()};
}

double words_f1(std::string_view expected, std::string_view given) {
  const auto a = word_set(expected), b = word_set(given);
  if (a.empty() && b.empty()) return 1;
  std::vector<std::string> common;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(common));
  return 2.0 * static_cast<double>(common.size()) / static_cast<double>(a.size() + b.size());
}

std::string failure_of(const Scored& scored, bool given) {
  if (scored.right) return "";
  if (!given) return "no prediction";
  if (scored.sample.parse_state != "ok") return "no command in the answer";
  if (scored.values.at("command_tool") < 1) return "other program";
  return scored.values.at("flags_f1") < 1 ? "other options" : "other arguments or order";
}

std::vector<json> read(const std::string& path) {
  std::vector<json> items = read_json_lines(path);
  for (size_t i = 0; i < items.size(); ++i) {
    if (accepted_commands(items[i]).empty()) {
      engine::fail(engine::ErrorKind::invalid_input,
                   "%s: sample %zu has no \"command\"; each line needs a question and a command",
                   path.c_str(), i + 1);
    }
  }
  return items;
}

Scored score(const json& item, const json* prediction) {
  Scored scored;
  store::TaskSample& sample = scored.sample;
  sample.input = text_field(item, {"question", "description", "nl", "query", "input"});
  const std::vector<std::string> commands = accepted_commands(item);
  sample.expected = commands.front();
  sample.output =
      prediction ? (prediction->is_string() ? prediction->get<std::string>() : prediction->dump())
                 : "";
  const ExtractedCommand command = extract_command(sample.output);
  sample.parse_state = !prediction ? "missing" : command.found ? "ok" : "empty";
  scored.group = text_field(item, {"category"});
  if (command.found) scored.answer = command.text;
  scored.accepted = commands;
  scored.values = {
      {"exact_match", 0.0}, {"command_tool", 0.0}, {"flags_f1", 0.0}, {"words_f1", 0.0}};
  for (const std::string& accepted : commands) {
    if (!command.found) break;
    const bool exact = same_command(accepted, command.text);
    const auto raise = [&](const char* name, double value) {
      scored.values[name] = std::max(scored.values[name], value);
    };
    raise("exact_match", exact);
    raise("command_tool", command_tool(accepted) == command_tool(command.text));
    raise("flags_f1", f1(command_flags(accepted), command_flags(command.text)));
    raise("words_f1", words_f1(accepted, command.text));
    scored.right |= exact;
  }
  sample.score = scored.right;
  sample.failure = failure_of(scored, prediction != nullptr);
  sample.details =
      json{{"values", scored.values}, {"fenced", command.fenced}, {"n_accepted", commands.size()}}
          .dump();
  return scored;
}

TaskPrompt prompt(const json& item) {
  return {.system = "You turn a request into one shell command for Linux. Answer with the command alone, on one line, "
                    "without explanation. Write {{name}} for a value that the request leaves open.",
          .user = text_field(item, {"question", "description", "nl", "query", "input"}),
          .json_schema = ""};
}

}  // namespace

const Scorer cmdgen = {"cmdgen",
                       "CMDGen: a question to a command line",
                       "data: {\"id\", \"question\", \"command\", \"alternatives\": [...]} a line; "
                       "predictions: {\"id\", \"prediction\"} a line",
                       "exact_match",
                       read,
                       score,
                       prompt};

}  // namespace app::aimicius
