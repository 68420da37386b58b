// What the editor offers while a query is typed, and the short texts behind it.
#include <algorithm>
#include <map>

#include "app/kql/aggregates.h"
#include "app/kql/functions.h"
#include "app/kql/lexer.h"
#include "app/kql/parser.h"
#include "app/kql/query.h"

namespace app::kql {
namespace {

const std::map<std::string, const char*, std::less<>>& texts() {
  static const std::map<std::string, const char*, std::less<>> table = {
      {"where", "where condition: keeps the rows for which the condition is true"},
      {"project", "project a, b = expr: these columns only, in this order"},
      {"project-away", "project-away a, b*: all columns but these"},
      {"project-keep", "project-keep a, b*: these columns, in the table's order"},
      {"project-rename", "project-rename new = old"},
      {"project-reorder", "project-reorder a, b: these columns first"},
      {"extend", "extend c = expr: adds or replaces columns"},
      {"summarize", "summarize count(), avg(x) by a, bin(t, 1h): one row a group"},
      {"sort", "sort by a desc, b asc: orders the rows (desc unless said)"},
      {"take", "take n: any n rows"},
      {"top", "top n by a desc: the first n in that order"},
      {"distinct", "distinct a, b: each combination once"},
      {"count", "count: the number of rows"},
      {"join", "join kind=inner (T2) on Key: rows of both tables that match"},
      {"lookup", "lookup (T2) on Key: adds the columns of a small table"},
      {"union", "union T1, T2: the rows of several tables"},
      {"mv-expand", "mv-expand a: a row for each element of an array"},
      {"mv-apply", "mv-apply a on (subquery): the subquery over each row's elements"},
      {"parse", "parse a with * \"text\" column \"text\" *: cuts columns out of a text"},
      {"parse-where", "parse-where: parse, keeping only the rows that match"},
      {"parse-kv", "parse-kv a as (k:long) with (pair_delimiter=' ', kv_delimiter='='): key=value texts"},
      {"make-series", "make-series count() on t from a to b step 1h by k: an array over time a group"},
      {"render", "render timechart: how to draw the result"},
      {"serialize", "serialize: fixes the order of rows for prev(), next(), row_number()"},
      {"range", "range x from 1 to 10 step 1: a table of numbers or times"},
      {"print", "print a = 1 + 1: one row of expressions"},
      {"search", "search \"term\": rows with the term in any column"},
      {"evaluate", "evaluate bag_unpack(d): runs a plugin"},
      {"getschema", "getschema: the columns and their types"},
      {"partition", "partition by a (subquery): the subquery over each value's rows"},
      {"top-nested", "top-nested n of a by count(), top-nested m of b by count()"},
      {"top-hitters", "top-hitters n of a: the most frequent values"},
      {"sample", "sample n: n rows spread over the input"},
      {"scan", "scan declare (..) with (step s: condition => x = ..;): sequences of rows"},
      {"has", "a has \"term\": the text holds the term as a whole word, any case"},
      {"contains", "a contains \"part\": the text holds the part anywhere, any case"},
      {"ago", "ago(1h): the time that long before now"},
      {"now", "now(): the time the query started"},
      {"bin", "bin(t, 1h): down to a multiple of the step"},
      {"iff", "iff(condition, yes, no)"},
      {"case", "case(condition, value, ..., otherwise)"},
      {"tostring", "tostring(x): as text"},
      {"parse_json", "parse_json(text): a dynamic value"},
      {"extract", "extract(regex, group, text): what a group of the pattern matched"},
      {"strcat", "strcat(a, b, ...): joined texts"},
      {"dcount", "dcount(x): how many different values (exact here)"},
      {"countif", "countif(condition): rows for which it holds"},
      {"arg_max", "arg_max(x, a, b): a and b of the row with the greatest x"},
      {"make_set", "make_set(x): the different values as an array"},
      {"make_list", "make_list(x): all values as an array"},
      {"percentile", "percentile(x, 95): the value that 95 % do not exceed"},
      {"isempty", "isempty(x): text is empty, or the value is null"},
      {"isnotempty", "isnotempty(x): there is a value"},
      {"split", "split(text, delimiter): an array of parts"},
      {"datetime_diff", "datetime_diff('day', a, b): boundaries crossed from b to a"}};
  return table;
}

// The table that the statement around an offset begins with, and whether a pipe stands before it.
struct Context {
  std::string table;
  bool after_pipe = false, at_start = true;
};
Context context_at(const std::vector<Token>& tokens, size_t offset) {
  Context c;
  bool start = true;
  for (const Token& token : tokens) {
    if (token.span.end > offset || token.kind == TokenKind::end || (token.kind == TokenKind::name && token.span.end == offset)) break;
    if (token.is(";")) {
      c = Context();
      start = true;
      continue;
    }
    c.at_start = false;
    c.after_pipe = token.is("|");
    if (start && token.kind == TokenKind::name) c.table = token.text;
    start = false;
  }
  return c;
}

}  // namespace

CompletionList complete(const std::string& text, size_t offset, const Tables& tables) {
  CompletionList list;
  offset = std::min(offset, text.size());
  size_t begin = offset;
  const auto part = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-'; };
  while (begin > 0 && part(text[begin - 1])) --begin;
  list.begin = begin;
  const std::string typed = text.substr(begin, offset - begin);
  const Context context = context_at(lex(text), begin);
  const auto add = [&](const std::string& name, const char* kind, std::string detail) {
    if (name.size() >= typed.size() && std::equal(typed.begin(), typed.end(), name.begin(), [](char a, char b) {
          return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
        })) {
      list.items.push_back({name, kind, std::move(detail)});
    }
  };
  if (context.after_pipe) {
    for (const OperatorName& name : operator_names()) add(name.keyword, "operator", describe(name.keyword));
    return list;
  }
  if (context.at_start) {
    for (const std::string& name : tables.names()) add(name, "table", tables.find(name)->about);
    for (const char* word : {"let", "print", "range", "search", "union"}) add(word, "keyword", describe(word));
    return list;
  }
  if (const TableEntry* table = tables.find(context.table)) {
    for (const columns::ColumnInfo& c : table->table->schema()) add(c.name, "column", columns::type_name(c.type));
  }
  for (const std::string& name : aggregate_names()) add(name, "function", describe(name));
  for (const std::string& name : function_names()) add(name, "function", describe(name));
  for (const char* word : {"has", "contains", "startswith", "endswith", "in", "between", "and", "or", "by", "asc", "desc", "on", "matches regex"}) {
    add(word, "keyword", describe(word));
  }
  for (const std::string& name : tables.names()) add(name, "table", tables.find(name)->about);
  return list;
}

std::string describe(std::string_view name) {
  if (name == "order") name = "sort";
  if (name == "limit") name = "take";
  if (name == "filter") name = "where";
  const auto at = texts().find(name);
  return at == texts().end() ? "" : at->second;
}

}  // namespace app::kql
