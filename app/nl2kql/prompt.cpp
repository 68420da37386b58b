// What a model sees of the log before it writes a query.
#include <algorithm>
#include <cctype>
#include <set>

#include "app/nl2kql/ask.h"
#include "engine/base/text.h"

namespace app::nl2kql {
namespace {

constexpr size_t most_values_shown = 8;
constexpr size_t most_templates_shown = 8;
constexpr size_t most_template_bytes = 100;

// The first bytes, never half a character; what is not UTF-8 is escaped.
std::string cut(std::string_view text, size_t most) {
  return engine::escape_invalid_utf8(engine::utf8_prefix(text, most));
}

std::set<std::string> words_of(std::string_view text) {
  std::set<std::string> words;
  std::string word;
  for (size_t i = 0; i <= text.size(); ++i) {
    const char c = i < text.size() ? text[i] : ' ';
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      continue;
    }
    if (word.size() > 3 && word.back() == 's') word.pop_back();
    if (!word.empty()) words.insert(word);
    word.clear();
  }
  return words;
}

struct Example {
  std::string question, query;
  double nearness = 0;
};

std::vector<Example> read_examples(std::string_view text) {
  std::vector<Example> all;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    at = end + 1;
    if (line.substr(0, 2) == "? ") all.push_back({std::string(line.substr(2)), "", 0});
    else if (!line.empty() && line[0] != '#' && !all.empty()) all.back().query += (all.back().query.empty() ? "" : "\n") + std::string(line);
  }
  return all;
}

// Shared words, each worth more the fewer examples hold it; the nearest stands last, next to the question.
std::vector<Example> nearest_examples(std::string_view text, const std::string& question, int n) {
  std::vector<Example> all = read_examples(text);
  std::vector<std::set<std::string>> words;
  for (const Example& e : all) words.push_back(words_of(e.question));
  const std::set<std::string> asked = words_of(question);
  for (size_t i = 0; i < all.size(); ++i) {
    for (const std::string& word : asked) {
      if (words[i].count(word) == 0) continue;
      const auto with = std::count_if(words.begin(), words.end(), [&](const auto& w) { return w.count(word) != 0; });
      all[i].nearness += 1.0 / static_cast<double>(with);
    }
    all[i].nearness /= 2 + static_cast<double>(words[i].size());
  }
  std::stable_sort(all.begin(), all.end(), [](const Example& a, const Example& b) { return a.nearness > b.nearness; });
  if (all.size() > static_cast<size_t>(n)) all.resize(static_cast<size_t>(n));
  std::reverse(all.begin(), all.end());
  return all;
}

std::string schema_text(const LogFacts& facts) {
  std::string out;
  for (const TableFacts& table : facts.tables) {
    out += "Table " + table.name + ":";
    for (size_t i = 0; i < table.columns.size(); ++i) {
      const ColumnFacts& column = table.columns[i];
      out += (i == 0 ? " " : ", ") + column.name + " " + columns::type_name(column.type);
      if (column.type != columns::Type::string || column.values.empty()) continue;
      std::string values;
      for (size_t k = 0; k < std::min(column.values.size(), most_values_shown); ++k) values += (k == 0 ? "" : "/") + cut(column.values[k], 40);
      out += " (" + values + ")";
    }
    out += "\n";
  }
  for (size_t i = 0; i < std::min(facts.templates.size(), most_templates_shown); ++i) {
    out += (i == 0 ? "Messages such as:\n" : "") + cut(facts.templates[i], most_template_bytes) + "\n";
  }
  return out;
}

// The question with what the rules found in it, in the query's own words: a small model copies better than it thinks.
std::string with_hints(const std::string& question, const RuleAnswer& rules) {
  std::string hints;
  for (const std::string& phrase : rules.understood) {
    const size_t arrow = phrase.rfind(" -> ");
    if (arrow != std::string::npos) hints += (hints.empty() ? "" : "; ") + phrase.substr(arrow + 4);
  }
  return hints.empty() ? question : question + "\nHints: " + hints;
}

}  // namespace

std::vector<ChatTurn> make_prompt(const std::string& question, const LogFacts& facts, const RuleAnswer& rules, std::string_view examples, int n_examples) {
  std::vector<ChatTurn> turns;
  turns.push_back({"system", "You write one KQL query that answers the question about a log. Write the query only.\n" + schema_text(facts)});
  for (const Example& e : nearest_examples(examples, question, n_examples)) {
    turns.push_back({"user", with_hints(e.question, ask_rules(e.question, facts))});
    turns.push_back({"assistant", e.query});
  }
  turns.push_back({"user", with_hints(question, rules)});
  return turns;
}

}  // namespace app::nl2kql
