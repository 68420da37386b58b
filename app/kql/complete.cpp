// What can follow at a place of a query.
#include "app/kql/complete.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "app/kql/aggregates.h"
#include "app/kql/binder.h"
#include "app/kql/describe.h"
#include "app/kql/functions.h"
#include "app/kql/lexer.h"
#include "app/kql/parser.h"
#include "app/kql/plugins.h"
#include "engine/base/error.h"

namespace app::kql {
namespace {

constexpr size_t most_items = 200;
constexpr size_t sampled_rows = 8192, most_values = 24;

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }
char lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

// 3: begins with it, 2: a part of the name does (after _ or at a capital), 1: holds it; 0: no match.
int match(std::string_view name, std::string_view typed) {
  if (typed.empty()) return 1;
  if (typed.size() > name.size()) return 0;
  int best = 0;
  for (size_t at = 0; at + typed.size() <= name.size(); ++at) {
    const bool here = std::equal(typed.begin(), typed.end(), name.begin() + static_cast<long>(at),
                                 [](char a, char b) { return lower(a) == lower(b); });
    if (!here) continue;
    if (at == 0) return 3;
    const bool part = !is_word(name[at - 1]) || name[at - 1] == '_' || std::isupper(static_cast<unsigned char>(name[at]));
    best = std::max(best, part ? 2 : 1);
  }
  return best;
}

constexpr std::string_view render_kinds[] = {"timechart", "columnchart", "barchart", "areachart", "stackedareachart", "linechart",
                                             "piechart", "scatterchart", "card", "table"};
constexpr std::string_view join_kinds[] = {"inner", "innerunique", "leftouter", "rightouter", "fullouter",
                                           "leftanti", "rightanti", "leftsemi", "rightsemi"};
constexpr std::string_view comparisons[] = {"==", "!=", "<>", "=~", "!~", "has", "!has", "has_cs", "contains", "!contains",
                                            "startswith", "endswith", "hasprefix", "hassuffix"};
constexpr std::string_view value_lists[] = {"in", "in~", "!in", "!in~", "has_any", "has_all"};

template <size_t N>
bool any_of(std::string_view word, const std::string_view (&list)[N]) {
  return std::find(std::begin(list), std::end(list), word) != std::end(list);
}

// Names that need ['...'] around them.
std::string column_text(const std::string& name) {
  const bool plain = !name.empty() && !std::isdigit(static_cast<unsigned char>(name[0])) && std::all_of(name.begin(), name.end(), is_word);
  return plain ? name : "['" + name + "']";
}

std::string quoted(const std::string& value) {
  std::string out = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

class Collector {
 public:
  Collector(Suggestions& out, std::string typed) : out_(out), typed_(std::move(typed)) {}
  void add(Suggestion s, int rank) {
    const int m = match(s.text, typed_);
    if (m == 0 || !seen_.insert(s.kind + s.text).second) return;
    if (s.insert.empty()) s.insert = s.text;
    scored_.push_back({m * 100 - rank, std::move(s)});
  }
  void add(std::string_view name, const char* kind, int rank, std::string detail = {}) {
    Suggestion s;
    s.text = name;
    s.kind = kind;
    s.detail = std::move(detail);
    if (const Doc* doc = find_doc(name); doc != nullptr && s.kind != "column" && s.kind != "table") {
      s.doc = doc->text;
      if (s.detail.empty()) s.detail = doc->usage;
    }
    add(std::move(s), rank);
  }
  void function(std::string_view name, int rank) {
    const CallShape shape = call_shape(name);
    Suggestion s;
    s.text = name;
    s.kind = "function";
    s.detail = shape.name.empty() ? "" : call_text(shape);
    if (const Doc* doc = find_doc(name)) s.doc = doc->text;
    s.insert = std::string(name) + "()";
    // The caret goes between the brackets where there is something to write there.
    s.caret_back = shape.parameters.empty() || name == "count" ? 0 : 1;
    add(std::move(s), rank);
  }
  void finish() {
    std::stable_sort(scored_.begin(), scored_.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    for (auto& [score, item] : scored_) {
      if (out_.items.size() >= most_items) break;
      out_.items.push_back(std::move(item));
    }
  }

 private:
  Suggestions& out_;
  std::string typed_;
  std::set<std::string> seen_;
  std::vector<std::pair<int, Suggestion>> scored_;
};

void add_tables(Collector& to, const Tables& tables, const Place& place, int rank) {
  for (const std::string& name : tables.names()) {
    Suggestion s;
    s.text = name;
    s.insert = column_text(name);
    s.kind = "table";
    s.detail = tables.find(name)->about;
    to.add(std::move(s), rank);
  }
  for (const std::string& name : place.lets) to.add(name, "table", rank, "let");
  if (!tables.cluster_names().empty()) {
    Suggestion s;
    s.text = "cluster";
    s.insert = "cluster(\"\")";
    s.kind = "function";
    s.detail = "cluster(name): the tables of a server under Connections";
    s.caret_back = 2;
    to.add(std::move(s), rank + 1);
  }
}

void add_columns(Collector& to, const columns::Schema& schema, const SampleValues& values, int rank) {
  for (const columns::ColumnInfo& c : schema) {
    Suggestion s;
    s.text = c.name;
    s.insert = column_text(c.name);
    s.kind = "column";
    s.detail = columns::type_name(c.type);
    if (const auto found = values.find(c.name); found != values.end()) {
      for (size_t i = 0; i < std::min<size_t>(found->second.size(), 5); ++i) s.doc += (i == 0 ? "" : ", ") + found->second[i];
    }
    to.add(std::move(s), rank);
  }
}

// The column that the value being written is compared with, or empty.
std::string compared_column(const std::string& text, size_t begin) {
  const std::vector<Token> tokens = lex(text.substr(0, begin));
  size_t at = tokens.size();
  const auto back = [&]() -> const Token* {
    while (at > 0) {
      --at;
      if (tokens[at].kind != TokenKind::end) return &tokens[at];
    }
    return nullptr;
  };
  const Token* token = back();
  // Inside in ("a", "b": go back to the bracket.
  while (token != nullptr && (token->is(",") || token->kind == TokenKind::string)) token = back();
  if (token != nullptr && token->is("(")) {
    token = back();
    if (token == nullptr || !any_of(token->text, value_lists)) return {};
  } else if (token == nullptr || !any_of(token->text, comparisons)) {
    return {};
  }
  token = back();
  return token != nullptr && token->kind == TokenKind::name ? token->text : std::string();
}

// Texts for the literal at the offset, in the order of the list.
void add_literals(Suggestions& out, const std::string& text, const Place& place, const std::vector<std::string>& list, const std::string& kind,
                  const std::string& detail) {
  std::string typed;
  if (place.in_string) typed = text.substr(place.string_begin + 1, out.end - place.string_begin - 1);
  else typed = text.substr(out.begin, out.end - out.begin);
  constexpr size_t most_literals = 51;
  std::vector<Suggestion> items;
  for (size_t i = 0; i < std::min(list.size(), most_literals); ++i) {
    if (match(list[i], typed) == 0) continue;
    Suggestion s;
    s.text = s.insert = quoted(list[i]);
    s.kind = kind;
    s.detail = detail;
    items.push_back(std::move(s));
  }
  if (items.empty()) return;
  if (place.in_string) {
    // The literal is replaced as a whole, with the quote behind the caret if it is there.
    out.begin = place.string_begin;
    if (out.end < text.size() && text[out.end] == text[place.string_begin]) ++out.end;
  }
  out.items = std::move(items);
}

void add_values(Suggestions& out, const std::string& text, const Place& place, const std::string& column, const SampleValues& values) {
  if (const auto found = values.find(column); found != values.end()) add_literals(out, text, place, found->second, "value", column);
}

// cluster("...") and table("...") take a name that is known.
void add_names(Suggestions& out, const std::string& text, const Place& place, const Tables& tables) {
  if (place.call == "cluster") add_literals(out, text, place, tables.cluster_names(), "server", "connection");
  if (place.call == "table") add_literals(out, text, place, tables.names(), "table", "table");
}

void add_expression(Collector& to, const std::string& text, const Place& place, const Tables& tables, const SampleValues& values) {
  const columns::Schema schema = place.piped ? schema_at(text, place, tables) : columns::Schema();
  add_columns(to, schema, values, 0);
  const bool aggregates = place.op == "summarize" || place.op == "make-series" || place.op == "top-nested" || place.op == "mv-apply";
  if (aggregates)
    for (const std::string& name : aggregate_names()) to.function(name, 8);
  for (const std::string& name : function_names())
    if (!is_internal_function(name)) to.function(name, 20);
  for (const std::string_view name : {"now", "ago", "iff", "iif", "toscalar", "materialize", "bin", "case", "floor", "pack_all"}) to.function(name, 20);
  for (const std::string_view word : {"and", "or", "has", "!has", "has_cs", "has_any", "has_all", "contains", "!contains", "startswith", "endswith",
                                      "in", "in~", "!in", "between", "matches", "hasprefix", "hassuffix", "=~", "!~"})
    to.add(word, "keyword", 30);
  if (place.op == "sort" || place.op == "top")
    for (const std::string_view word : {"by", "asc", "desc", "nulls"}) to.add(word, "keyword", 5);
  if (place.op == "summarize" || place.op == "distinct" || place.op == "make-series" || place.op == "partition") to.add("by", "keyword", 6);
  if (place.op == "join" || place.op == "lookup")
    for (const std::string_view word : {"on", "kind"}) to.add(word, "keyword", 5);
  if (place.op == "make-series")
    for (const std::string_view word : {"on", "from", "to", "step", "default"}) to.add(word, "keyword", 7, "make-series");
  if (place.op == "parse" || place.op == "parse-where") to.add("with", "keyword", 5, "parse column with pattern");
  if (place.op == "mv-expand" || place.op == "mv-apply") to.add("to typeof(", "keyword", 9, "the type of the elements");
  for (const std::string& name : place.lets) to.add(name, "let", 3, "let");
  if (!place.piped || place.op == "join" || place.op == "lookup" || place.op == "union") add_tables(to, tables, place, 2);
}

}  // namespace

Place place_at(const std::string& text, size_t offset) {
  Place place;
  struct Level {
    size_t begin = 0;
    size_t last_pipe = std::string::npos;
    std::string op, call;
    bool wants_op = false;
  };
  std::vector<Level> levels(1);
  const std::vector<Token> tokens = lex(text);
  std::string let_name;
  bool after_let = false;
  const Token* previous = nullptr;
  const Token* before = nullptr;
  for (const Token& token : tokens) {
    if (token.kind == TokenKind::end || token.span.begin >= offset) break;
    const bool string = token.kind == TokenKind::string || (token.kind == TokenKind::bad && (text[token.span.begin] == '"' || text[token.span.begin] == '\''));
    if (string && token.span.end > offset - (token.kind == TokenKind::bad ? 1 : 0) && token.span.begin < offset) {
      place.in_string = true;
      place.string_begin = text.find_first_of("\"'", token.span.begin);
      break;
    }
    // The word at the offset is the one being typed, whole or not.
    if (token.kind == TokenKind::name && token.span.end >= offset) break;
    if (token.is(";") && levels.size() == 1) {
      levels = {Level()};
      levels[0].begin = token.span.end;
      place.statement = token.span.end;
      after_let = false;
    } else if (token.is("(") || token.is("[") || token.is("{")) {
      Level inner;
      inner.begin = token.span.end;
      if (token.is("(") && previous != nullptr && previous->kind == TokenKind::name) inner.call = previous->text;
      levels.push_back(inner);
    } else if ((token.is(")") || token.is("]") || token.is("}")) && levels.size() > 1) {
      levels.pop_back();
    } else if (token.is("|")) {
      levels.back().last_pipe = token.span.begin;
      levels.back().op.clear();
      levels.back().wants_op = true;
    } else if (levels.back().wants_op && token.kind == TokenKind::name) {
      // project-away and its like are several tokens.
      std::string& op = levels.back().op;
      op = token.text;
      levels.back().wants_op = false;
    } else if (!levels.back().op.empty() && previous != nullptr && previous->is("-") && !token.space_before && token.kind == TokenKind::name &&
               find_doc(levels.back().op + "-" + token.text) != nullptr) {
      levels.back().op += "-" + token.text;
    }
    if (token.is_word("let") && levels.size() == 1 && (previous == nullptr || previous->is(";"))) after_let = true;
    else if (after_let && let_name.empty() && token.kind == TokenKind::name) {
      let_name = token.text;
      place.lets.push_back(let_name);
    }
    if (!after_let) let_name.clear();
    before = previous;
    previous = &token;
  }
  // A let names its value only in the statements behind it.
  if (after_let && !place.lets.empty()) place.lets.pop_back();
  if (previous != nullptr) place.previous = previous->kind == TokenKind::string ? "\"" : previous->text;
  if (before != nullptr) place.before_previous = before->text;
  place.call = levels.back().call;
  for (size_t i = levels.size(); i-- > 0;) {
    const Level& level = levels[i];
    const bool pipeline = level.last_pipe != std::string::npos || i == 0;
    if (!pipeline) continue;
    place.pipeline = level.begin;
    place.piped = level.last_pipe != std::string::npos;
    place.last_pipe = place.piped ? level.last_pipe : level.begin;
    place.op = level.op == "order" ? "sort" : level.op == "filter" ? "where" : level.op;
    break;
  }
  return place;
}

columns::Schema schema_at(const std::string& text, const Place& place, const Tables& tables) {
  if (!place.piped) return {};
  std::string prefix = text.substr(place.pipeline, place.last_pipe - place.pipeline);
  // The pipeline of a let: what stands behind its name.
  if (const std::vector<Token> tokens = lex(prefix); tokens.size() > 3 && tokens[0].is_word("let") && tokens[2].is("="))
    prefix = prefix.substr(tokens[2].span.end);
  const Script script = parse(text.substr(0, place.statement) + prefix);
  if (script.errors.empty()) {
    const RunOptions options;
    ExecContext context(options, 0);
    Binder binder(tables, context, true);
    try {
      const NodePtr node = binder.bind(script);
      if (node && binder.errors().empty()) return node->schema;
    } catch (const engine::Error&) {
      // What cannot be bound has no columns to offer; the check says why.
    }
  }
  const std::vector<Token> tokens = lex(prefix);
  const TableEntry* table = tokens.empty() ? nullptr : tables.find(tokens.front().text);
  return table == nullptr ? columns::Schema() : table->table->schema();
}

Suggestions suggest(const std::string& text, size_t offset, const Tables& tables, const SampleValues& values) {
  Suggestions out;
  out.end = out.begin = std::min(offset, text.size());
  const Place place = place_at(text, out.end);
  const auto take_word = [&](auto part) {
    while (out.begin > 0 && part(text[out.begin - 1])) --out.begin;
  };
  if (place.in_string) {
    const std::string column = compared_column(text, place.string_begin);
    if (!column.empty()) add_values(out, text, place, column, values);
    else add_names(out, text, place, tables);
    return out;
  }
  // Inside a comment there is nothing to say.
  const size_t line = text.rfind('\n', out.end == 0 ? 0 : out.end - 1);
  const size_t comment = text.find("//", line == std::string::npos ? 0 : line);
  if (comment < out.end && lex(text.substr(0, out.end)).back().kind == TokenKind::end) {
    bool inside = true;
    for (const Token& token : lex(text.substr(0, out.end))) inside &= !(token.span.begin <= comment && token.span.end > comment);
    if (inside) return out;
  }
  // project-a: an operator's name goes on behind a dash, so the word is looked for back to the pipe.
  size_t dashed = out.end;
  while (dashed > 0 && (is_word(text[dashed - 1]) || text[dashed - 1] == '-')) --dashed;
  size_t before_dashed = dashed;
  while (before_dashed > 0 && std::isspace(static_cast<unsigned char>(text[before_dashed - 1]))) --before_dashed;
  const bool operator_next = place.piped && (place.op.empty() || (before_dashed > 0 && before_dashed - 1 == place.last_pipe && dashed < out.end));
  take_word([&](char c) { return is_word(c) || (operator_next && c == '-'); });
  const std::string typed = text.substr(out.begin, out.end - out.begin);
  if (!typed.empty() && std::isdigit(static_cast<unsigned char>(typed[0]))) return out;

  if (const std::string column = compared_column(text, out.begin); !column.empty()) add_values(out, text, place, column, values);
  else if (place.previous == "(") add_names(out, text, place, tables);
  Collector to(out, typed);
  if (operator_next) {
    int rank = 0;
    for (const OperatorName& name : operator_names()) {
      if (find_doc(name.keyword) != nullptr) to.add(name.keyword, "operator", std::min(rank++, 40));
    }
  } else if (!place.piped && (place.previous.empty() || place.previous == ";")) {
    add_tables(to, tables, place, 0);
    for (const std::string_view word : {"let", "print", "range", "search", "union", "datatable", "find"}) to.add(word, "keyword", 10);
  } else if (place.op == "render") {
    for (const std::string_view kind : render_kinds) to.add(kind, "chart", 0);
  } else if (place.previous == "=" && place.before_previous == "kind") {
    for (const std::string_view kind : join_kinds) to.add(kind, "keyword", 0, "kind of join");
  } else if (place.op == "evaluate" && place.previous == "evaluate") {
    for (const std::string& plugin : plugin_names()) to.add(plugin, "function", 0);
  } else if (place.op == "count" || place.op == "getschema" || place.op == "serialize" || place.op == "consume") {
    // Nothing but a pipe follows these.
  } else {
    add_expression(to, text, place, tables, values);
  }
  to.finish();
  return out;
}

CompletionList complete(const std::string& text, size_t offset, const Tables& tables) {
  CompletionList list;
  Suggestions found = suggest(text, offset, tables, {});
  list.begin = found.begin;
  for (Suggestion& s : found.items) {
    if (match(s.text, text.substr(found.begin, found.end - found.begin)) == 3 || found.begin == found.end)
      list.items.push_back({std::move(s.text), std::move(s.kind), std::move(s.detail)});
  }
  return list;
}

SampleValues sample_values(const Table& table, std::stop_token stop) {
  SampleValues out;
  const columns::Schema& schema = table.schema();
  const size_t n_chunks = table.n_chunks();
  if (n_chunks == 0) return out;
  std::vector<std::map<std::string, uint64_t>> counts(schema.size());
  std::vector<bool> many(schema.size(), false);
  // The first and the last chunk: what a log begins and ends with.
  for (const size_t chunk_index : std::set<size_t>{0, n_chunks - 1}) {
    if (stop.stop_requested()) break;
    const auto chunk = table.chunk(chunk_index);
    const size_t n = std::min(chunk->n_rows, sampled_rows);
    for (size_t c = 0; c < schema.size() && c < chunk->columns.size(); ++c) {
      if (schema[c].type != columns::Type::string || many[c]) continue;
      const columns::Column& column = chunk->columns[c];
      for (size_t row = 0; row < n && !many[c]; ++row) {
        const std::string_view value = column.text(row);
        if (value.empty()) continue;
        if (value.size() > 80) many[c] = true;
        else ++counts[c][std::string(value)];
        if (counts[c].size() > most_values) many[c] = true;
      }
    }
  }
  for (size_t c = 0; c < schema.size(); ++c) {
    if (many[c] || counts[c].empty()) continue;
    std::vector<std::pair<std::string, uint64_t>> list(counts[c].begin(), counts[c].end());
    std::stable_sort(list.begin(), list.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    for (auto& [value, count] : list) out[schema[c].name].push_back(value);
  }
  return out;
}

}  // namespace app::kql
