#include "app/nl2kql/query_grammar.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::nl2kql {
namespace {

using columns::Type;

// Columns that say where a row came from; nobody asks about them.
bool is_inner(const std::string& name) { return name == "SourceId" || name == "LineCount" || name == "Raw"; }

bool plain_name(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; }) &&
         std::isdigit(static_cast<unsigned char>(name[0])) == 0;
}

std::string written(const std::string& name) { return plain_name(name) ? name : "[" + kql_string(name) + "]"; }

std::string choice(const std::vector<std::string>& alternatives) {
  std::string out;
  for (const std::string& a : alternatives) out += (out.empty() ? "" : " | ") + a;
  return "( " + out + " )";
}

// The words of a question that a text may be searched for: each, and each pair of neighbours.
std::vector<std::string> words_of(std::string_view question) {
  std::vector<std::string> words, all;
  std::string word;
  const auto end_word = [&] {
    while (!word.empty() && std::string_view(".,:;?!'").find(word.back()) != std::string_view::npos) word.pop_back();
    if (!word.empty()) words.push_back(word);
    word.clear();
  };
  for (const char c : question) {
    if (std::isspace(static_cast<unsigned char>(c)) != 0 || std::string_view("\"`?,;!()").find(c) != std::string_view::npos) end_word();
    else word += c;
  }
  end_word();
  static const std::set<std::string> empty = {"the", "how", "many", "what", "when", "which", "who", "did", "does", "are", "is", "in", "of", "a", "an", "and",
                                              "or", "by", "per", "to", "for", "me", "show", "there", "were", "was", "with", "on", "from", "last", "list"};
  const auto says = [&](const std::string& w) { return w.size() > 1 && empty.count(engine::to_lower_ascii(w)) == 0; };
  for (size_t i = 0; i < words.size(); ++i) {
    if (!says(words[i])) continue;
    all.push_back(words[i]);
    if (words[i].size() > 4 && words[i].back() == 's') all.push_back(words[i].substr(0, words[i].size() - 1));
    if (i + 1 < words.size() && says(words[i + 1])) all.push_back(words[i] + " " + words[i + 1]);
  }
  return all;
}

// What stands between quotes.
void add_quoted(std::string_view question, std::vector<std::string>& words) {
  for (size_t i = 0; i < question.size(); ++i) {
    if (question[i] != '"' && question[i] != '`') continue;
    const size_t end = question.find(question[i], i + 1);
    if (end == std::string_view::npos) return;
    words.emplace_back(question.substr(i + 1, end - i - 1));
    i = end;
  }
}

class Frame {
 public:
  Frame(std::string_view text, const LogFacts& facts, std::string_view question, const RuleAnswer& rules, bool free_words)
      : text_(text), facts_(facts), rules_(rules), words_(words_of(question)), free_words_(free_words) {
    add_quoted(question, words_);
    std::sort(words_.begin(), words_.end());
    words_.erase(std::unique(words_.begin(), words_.end()), words_.end());
    std::erase_if(words_, [](const std::string& w) { return w.empty() || w.size() > 200 || !engine::is_valid_utf8(w); });
  }

  std::string run() {
    if (facts_.tables.empty()) engine::fail(engine::ErrorKind::invalid_input, "there is no table with rows to ask about; open a log first");
    std::vector<std::string> queries, words;
    for (size_t i = 0; i < facts_.tables.size(); ++i) queries.push_back("query-" + std::to_string(i));
    for (const std::string& word : words_) words.push_back(gbnf_string(kql_string(word)));
    if (free_words_ || words.empty()) words.push_back("\"\\\"\" [a-zA-Z0-9 _./:-]{1,40} \"\\\"\"");
    std::string out;
    for (const std::string& line : lines()) {
      if (line.find("{T}") == std::string::npos) {
        out += filled(line, {{"queries", choice(queries)}, {"words", choice(words)}}) + "\n";
        continue;
      }
      for (size_t i = 0; i < facts_.tables.size(); ++i) {
        const std::map<std::string, std::string> names = table_names(i);
        const std::string rule = filled(line, names);
        // A rule over columns that the table lacks is nowhere named either: it is left out.
        if (rule.find("( )") == std::string::npos) out += rule + "\n";
      }
    }
    return out;
  }

 private:
  std::vector<std::string> lines() const {
    std::vector<std::string> all;
    size_t at = 0;
    while (at < text_.size()) {
      const size_t end = std::min(text_.find('\n', at), text_.size());
      const std::string line(text_.substr(at, end - at));
      if (!line.empty() && line[0] != '#') all.push_back(line);
      at = end + 1;
    }
    return all;
  }

  static std::string filled(const std::string& line, const std::map<std::string, std::string>& values) {
    std::string out;
    for (size_t i = 0; i < line.size();) {
      const bool brace = line[i] == '{' && i + 1 < line.size() && std::isalpha(static_cast<unsigned char>(line[i + 1])) != 0;
      const size_t end = brace ? line.find('}', i) : std::string::npos;
      if (end == std::string::npos) {
        out += line[i++];
        continue;
      }
      const auto found = values.find(line.substr(i + 1, end - i - 1));
      if (found == values.end()) engine::fail(engine::ErrorKind::invalid_input, "kql.gbnf: %s has no meaning here", line.substr(i, end - i + 1).c_str());
      out += found->second;
      i = end + 1;
    }
    return out;
  }

  std::map<std::string, std::string> table_names(size_t i) const {
    const TableFacts& table = facts_.tables[i];
    const std::string number = std::to_string(i);
    std::vector<std::string> any, group, numbers, times, texts, value_conditions, time_conditions;
    for (const ColumnFacts& c : table.columns) {
      if (is_inner(c.name)) continue;
      const std::string name = gbnf_string(written(c.name));
      any.push_back(name);
      if (c.type == Type::datetime) times.push_back(name);
      else if (c.type == Type::int64 || c.type == Type::int32 || c.type == Type::real) numbers.push_back(name);
      else if (c.type == Type::string) texts.push_back(name);
      const bool free_text = c.name == "Message" || c.name == "Pattern";
      if ((c.type == Type::string && !free_text) || c.type == Type::int64 || c.type == Type::int32 || c.type == Type::boolean) group.push_back(name);
      if (c.type != Type::string || free_text || c.values.empty()) continue;
      std::vector<std::string> values;
      for (const std::string& v : c.values) {
        if (!v.empty() && v.size() <= 80 && engine::is_valid_utf8(v)) values.push_back(gbnf_string(kql_string(v)));
      }
      if (values.empty()) continue;
      const std::string one = choice(values);
      value_conditions.push_back(gbnf_string(written(c.name)) + " ( \" == \" | \" != \" ) " + one);
      value_conditions.push_back(gbnf_string(written(c.name)) + " \" in (\" " + one + " ( \", \" " + one + " ){1,3} \")\"");
    }
    for (const std::string& condition : rules_.time_conditions) {
      if (table.name == "Logs") time_conditions.push_back(gbnf_string(condition));
    }
    std::vector<std::string> conditions, tails;
    if (!value_conditions.empty()) conditions.push_back("value-condition-" + number);
    if (!texts.empty()) conditions.push_back("word-condition-" + number);
    if (!numbers.empty()) conditions.push_back("number-condition-" + number);
    if (!time_conditions.empty()) conditions.push_back("time-condition-" + number);
    for (const char* tail : {"count", "different", "share"}) {
      if (!group.empty() && !conditions.empty()) tails.push_back(tail + ("-" + number));
    }
    if (!numbers.empty() && !group.empty()) tails.push_back("value-" + number);
    if (!times.empty() && !group.empty()) {
      for (const char* tail : {"newest", "first", "series"}) tails.push_back(tail + ("-" + number));
    }
    if (conditions.empty()) conditions.push_back("\"true\"");
    if (tails.empty()) tails.push_back("\"\"");
    const auto of = [](const std::vector<std::string>& list) { return list.empty() ? std::string("( )") : choice(list); };
    return {{"T", number}, {"name", quoted_inside(written(table.name))}, {"any", of(any)}, {"group", of(group.empty() ? any : group)}, {"number", of(numbers)},
            {"time", of(times)}, {"text", of(texts)}, {"value-conditions", of(value_conditions)}, {"time-conditions", of(time_conditions)},
            {"conditions", choice(conditions)}, {"tails", choice(tails)}};
  }

  static std::string quoted_inside(const std::string& text) {
    const std::string literal = gbnf_string(text);
    return literal.substr(1, literal.size() - 2);
  }

  std::string_view text_;
  const LogFacts& facts_;
  const RuleAnswer& rules_;
  std::vector<std::string> words_;
  bool free_words_;
};

}  // namespace

std::string kql_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') out += "\\n";
    else if (c == '\t') out += "\\t";
    else if (c != '\r') out += c;
  }
  return out + "\"";
}

std::string gbnf_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') out += "\\n";
    else if (c == '\t') out += "\\t";
    else if (c == '\r') out += "\\r";
    else out += c;
  }
  return out + "\"";
}

std::string query_grammar(std::string_view frame, const LogFacts& facts, std::string_view question, const RuleAnswer& rules, bool free_words) {
  return Frame(frame, facts, question, rules, free_words).run();
}

}  // namespace app::nl2kql
