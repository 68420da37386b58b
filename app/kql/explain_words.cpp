#include "app/kql/explain_words.h"

#include <algorithm>
#include <cctype>
#include <map>

#include "app/kql/describe.h"
#include "engine/base/text.h"

namespace app::kql {
namespace {

// "1h" -> "1 hour"; "" where the literal is something else.
std::string span_words(const std::string& literal) {
  size_t digits = 0;
  while (digits < literal.size() && (std::isdigit(static_cast<unsigned char>(literal[digits])) != 0 || literal[digits] == '.')) ++digits;
  if (digits == 0) return {};
  static const std::map<std::string, const char*> units = {
      {"d", "day"}, {"day", "day"}, {"days", "day"}, {"h", "hour"}, {"hr", "hour"}, {"hour", "hour"}, {"hours", "hour"},
      {"m", "minute"}, {"min", "minute"}, {"minute", "minute"}, {"minutes", "minute"}, {"s", "second"}, {"sec", "second"},
      {"second", "second"}, {"seconds", "second"}, {"ms", "millisecond"}, {"milliseconds", "millisecond"},
      {"microsecond", "microsecond"}, {"tick", "tick"}};
  const auto unit = units.find(literal.substr(digits));
  if (unit == units.end()) return {};
  const std::string n = literal.substr(0, digits);
  return n + " " + unit->second + (n == "1" ? "" : "s");
}

bool is_name(const Expr& e) { return e.kind == ExprKind::name || e.kind == ExprKind::path || e.kind == ExprKind::element; }

bool is_time(const Expr& e) {
  if (e.kind == ExprKind::literal) return e.value.type == Type::datetime;
  if (e.kind == ExprKind::call) {
    static const char* const names[] = {"ago", "now", "datetime", "startofday", "startofhour", "todatetime", "startofweek", "endofday", "datetime_add", "make_datetime"};
    return std::any_of(std::begin(names), std::end(names), [&](const char* n) { return e.name == n; });
  }
  return e.kind == ExprKind::binary && !e.args.empty() && std::any_of(e.args.begin(), e.args.end(), [](const ExprPtr& a) { return is_time(*a); });
}

std::string first_sentence(const std::string& text) {
  const size_t end = text.find(". ");
  std::string one = end == std::string::npos ? text : text.substr(0, end);
  if (!one.empty() && one.back() == '.') one.pop_back();
  return one;
}

std::string listed(const std::vector<std::string>& items, const char* last) {
  std::string out;
  for (size_t i = 0; i < items.size(); ++i) out += i == 0 ? items[i] : (i + 1 == items.size() ? std::string(last) : std::string(", ")) + items[i];
  return out;
}

}  // namespace

std::string ExplainWords::source(Span span, size_t most) const {
  std::string out;
  bool blank = false;
  for (size_t i = span.begin; i < std::min(span.end, text_.size()); ++i) {
    if (std::isspace(static_cast<unsigned char>(text_[i])) != 0) {
      blank = !out.empty();
      continue;
    }
    if (blank) out += ' ';
    blank = false;
    out += text_[i];
  }
  if (out.size() <= most) return out;
  return std::string(engine::utf8_prefix(out, most)) + "…";
}

std::string ExplainWords::source(const Expr& e) const {
  Span span = e.span;
  if (!e.names_spans.empty()) {
    const size_t equals = text_.find('=', e.names_spans.back().end);
    if (equals != std::string::npos && equals < span.end) span.begin = equals + 1;
  }
  return source(span, 80);
}

// ---------------------------------------------------------------- expressions

std::string ExplainWords::of(const Expr& e) const {
  switch (e.kind) {
    case ExprKind::literal: {
      if (e.value.type == Type::timespan) {
        const std::string words = span_words(source(e));
        if (!words.empty()) return words;
      }
      if (e.value.type == Type::string && !e.value.null) return e.value.s.empty() ? "the empty text" : "\"" + e.value.s + "\"";
      return source(e);
    }
    case ExprKind::star: return "all columns";
    case ExprKind::call: return call(e);
    case ExprKind::query: return e.query && e.query->ops.empty() && e.query->source ? of(*e.query->source) : "the rows of (" + source(e.span, 60) + ")";
    case ExprKind::all_of: case ExprKind::any_of: case ExprKind::list: case ExprKind::between: return "whether " + condition(e);
    case ExprKind::binary: {
      static const std::map<std::string, const char*> words = {{"+", " plus "}, {"-", " minus "}, {"*", " times "}, {"/", " divided by "}, {"%", " modulo "}};
      if (const auto found = words.find(e.name); found != words.end() && e.args.size() == 2 && (is_name(*e.args[0]) || e.args[0]->kind == ExprKind::call)) {
        return of(*e.args[0]) + found->second + of(*e.args[1]);
      }
      return words.count(e.name) != 0 ? source(e) : "whether " + condition(e);
    }
    default: return source(e);
  }
}

std::string ExplainWords::condition(const Expr& e) const {
  const auto both = [&](const char* between) { return of(*e.args[0]) + between + of(*e.args[1]); };
  switch (e.kind) {
    case ExprKind::all_of: case ExprKind::any_of: {
      std::vector<std::string> parts;
      for (const ExprPtr& a : e.args) {
        const bool bracket = a->kind == ExprKind::all_of || a->kind == ExprKind::any_of;
        parts.push_back(bracket ? "(" + condition(*a) + ")" : condition(*a));
      }
      std::string out;
      for (const std::string& part : parts) out += (out.empty() ? "" : e.kind == ExprKind::all_of ? " and " : " or ") + part;
      return out;
    }
    case ExprKind::list: {
      std::vector<std::string> items;
      for (size_t i = 1; i < e.args.size(); ++i) items.push_back(of(*e.args[i]));
      if (items.size() > 6) items.resize(5), items.push_back(std::to_string(e.args.size() - 6) + " more");
      const std::string list = listed(items, e.name == "has_all" ? " and " : " or ");
      const std::string left = of(*e.args[0]);
      if (e.name == "has_any") return left + " has one of the words " + list;
      if (e.name == "has_all") return left + " has all of the words " + list;
      const bool negated = !e.name.empty() && e.name[0] == '!';
      const bool any_case = !e.name.empty() && e.name.back() == '~';
      return left + (negated ? " is none of " : " is one of ") + list + (any_case ? ", in any case" : "");
    }
    case ExprKind::between:
      return of(*e.args[0]) + (e.name[0] == '!' ? " is not from " : " is from ") + of(*e.args[1]) + " to " + of(*e.args[2]) + (e.name[0] == '!' ? "" : ", both included");
    case ExprKind::binary: {
      const bool time = e.args.size() == 2 && (is_time(*e.args[0]) || is_time(*e.args[1]));
      static const std::map<std::string, std::pair<const char*, const char*>> words = {
          {"==", {" is ", " is "}}, {"!=", {" is not ", " is not "}}, {"<>", {" is not ", " is not "}},
          {">", {" is above ", " is after "}}, {">=", {" is at least ", " is at or after "}},
          {"<", {" is below ", " is before "}}, {"<=", {" is at most ", " is at or before "}},
          {"=~", {" is, in any case, ", ""}}, {"!~", {" is not, in any case, ", ""}},
          {"has", {" has the word ", ""}}, {"!has", {" does not have the word ", ""}}, {"has_cs", {" has, in this case, the word ", ""}},
          {"contains", {" contains ", ""}}, {"!contains", {" does not contain ", ""}}, {"contains_cs", {" contains, in this case, ", ""}},
          {"startswith", {" begins with ", ""}}, {"!startswith", {" does not begin with ", ""}},
          {"endswith", {" ends with ", ""}}, {"!endswith", {" does not end with ", ""}},
          {"hasprefix", {" has a word that begins with ", ""}}, {"hassuffix", {" has a word that ends with ", ""}},
          {"matches regex", {" matches the regular expression ", ""}}};
      const auto found = words.find(e.name);
      if (found == words.end() || e.args.size() != 2) return source(e);
      return both(time && *found->second.second != '\0' ? found->second.second : found->second.first);
    }
    case ExprKind::call: {
      if (e.args.size() == 1) {
        if (e.name == "not") return "it does not hold that " + condition(*e.args[0]);
        if (e.name == "isempty") return of(*e.args[0]) + " is empty";
        if (e.name == "isnotempty" || e.name == "notempty") return of(*e.args[0]) + " is not empty";
        if (e.name == "isnull") return of(*e.args[0]) + " is null";
        if (e.name == "isnotnull" || e.name == "notnull") return of(*e.args[0]) + " is not null";
      }
      return source(e) + " holds";
    }
    case ExprKind::name: case ExprKind::path: return of(e) + " is true";
    default: return source(e);
  }
}

std::string ExplainWords::call(const Expr& e) const {
  const size_t n = e.args.size();
  const auto arg = [&](size_t i) { return of(*e.args[i]); };
  const std::string& f = e.name;
  if (n == 0) {
    if (f == "count") return "the number of rows";
    if (f == "now") return "the present time";
    return source(e);
  }
  if (f == "ago") return arg(0) + " ago";
  if ((f == "bin" || f == "floor") && n == 2) return arg(0) + " in steps of " + arg(1);
  if (f == "countif") return "the number of rows where " + condition(*e.args[0]);
  if (f == "sumif" && n == 2) return "the sum of " + arg(0) + " where " + condition(*e.args[1]);
  if (f == "dcount" || f == "count_distinct") return "the number of different values of " + arg(0);
  if (f == "percentile" && n == 2) return "the value of " + arg(0) + " that " + arg(1) + " percent stay below";
  if (f == "arg_max" || f == "arg_min") {
    std::vector<std::string> rest;
    for (size_t i = 1; i < n; ++i) rest.push_back(arg(i));
    return (rest.empty() ? "the row" : listed(rest, " and ")) + " of the row with the " + (f == "arg_max" ? "greatest " : "least ") + arg(0);
  }
  if (n == 1) {
    static const std::map<std::string, const char*> words = {
        {"sum", "the sum of "}, {"avg", "the mean of "}, {"min", "the least "}, {"max", "the greatest "}, {"stdev", "the standard deviation of "},
        {"variance", "the variance of "}, {"make_list", "all values as a list of "}, {"make_set", "the different values as a list of "},
        {"take_any", "some value of "}, {"any", "some value of "}, {"tostring", "as text, "}, {"tolower", "in small letters, "},
        {"toupper", "in capital letters, "}, {"strlen", "the length of "}, {"toint", "as a whole number, "}, {"tolong", "as a whole number, "},
        {"todouble", "as a number, "}, {"toreal", "as a number, "}, {"todatetime", "as a time, "}, {"parse_json", "read as JSON, "},
        {"todynamic", "read as JSON, "}, {"array_length", "the number of items of "}, {"toscalar", "the one value of "}, {"abs", "the size of "}};
    if (const auto found = words.find(f); found != words.end()) return found->second + arg(0);
  }
  if (f == "round" && n == 2) return arg(0) + " rounded to " + arg(1) + " digits";
  if ((f == "iff" || f == "iif") && n == 3) return arg(1) + " where " + condition(*e.args[0]) + ", else " + arg(2);
  return source(e);
}

// ---------------------------------------------------------------- operators

std::string ExplainWords::names_of(const std::vector<ExprPtr>& list) const {
  std::vector<std::string> items;
  for (const ExprPtr& e : list) items.push_back(e->names.empty() ? of(*e) : e->names[0] + " (" + of(*e) + ")");
  return listed(items, " and ");
}

std::string ExplainWords::assignments(const std::vector<ExprPtr>& list) const {
  std::vector<std::string> items;
  for (const ExprPtr& e : list) items.push_back(e->names.empty() ? of(*e) : of(*e) + " as " + listed(e->names, " and "));
  std::string out;
  for (const std::string& item : items) out += (out.empty() ? "" : "; ") + item;
  return out;
}

std::string ExplainWords::keys(const std::vector<ExprPtr>& by) const { return by.empty() ? "" : " for each " + names_of(by); }

std::string ExplainWords::order_words(const Operator& op) const {
  std::vector<std::string> items;
  for (const ExprPtr& e : op.op == "top" ? op.by : op.exprs.empty() ? op.by : op.exprs)
    items.push_back(of(*e) + (e->order == Expr::Order::asc ? ", least first" : ", greatest first"));
  return listed(items, ", then ");
}

std::string ExplainWords::summarize_words(const Operator& op) const {
  if (op.exprs.empty()) return "Keep each different combination of " + names_of(op.by) + " once";
  return "Work out" + keys(op.by) + ": " + assignments(op.exprs);
}

std::string ExplainWords::join_words(const Operator& op) const {
  const Expr* kind = op.param("kind");
  const std::string k = kind == nullptr ? (op.op == "lookup" ? "leftouter" : "innerunique") : source(kind->span);
  std::string with = "the rows of the query below";
  if (!op.queries.empty() && op.queries[0]->ops.empty() && op.queries[0]->source && op.queries[0]->source->kind == ExprKind::name) with = "the rows of " + op.queries[0]->source->name;
  std::string on;
  for (const ExprPtr& e : op.on) on += (on.empty() ? "" : " and ") + (e->kind == ExprKind::binary ? source(*e) : of(*e) + " is equal");
  static const std::map<std::string, const char*> kinds = {
      {"innerunique", "; of rows on the left with equal keys only one takes part"}, {"inner", ""}, {"leftouter", "; rows on the left without a partner stay"},
      {"rightouter", "; rows on the right without a partner stay"}, {"fullouter", "; rows without a partner stay on both sides"}};
  if (k == "leftsemi" || k == "rightsemi") return std::string("Keep the rows ") + (k[0] == 'l' ? "" : "of the right side ") + "that have a partner among " + with + ", where " + on;
  if (k == "anti" || k == "leftanti" || k == "leftantisemi" || k == "rightanti" || k == "rightantisemi") return "Keep the rows that have no partner among " + with + ", where " + on;
  const auto found = kinds.find(k);
  return (op.op == "lookup" ? "Add the columns of " : "Put each row together with ") + with + ", where " + on + (found == kinds.end() ? "" : found->second);
}

std::string ExplainWords::of(const Operator& op) const {
  const std::string& n = op.op;
  if (n == "where" && !op.exprs.empty()) return "Keep the rows where " + condition(*op.exprs[0]);
  if (n == "take" && op.count) return "Keep " + of(*op.count) + " rows, whichever come first";
  if (n == "top" && op.count) return "Keep the " + of(*op.count) + " rows that come first by " + order_words(op);
  if (n == "sort") return "Sort by " + order_words(op);
  if (n == "count") return "Count the rows";
  if (n == "distinct") return op.exprs.size() == 1 && op.exprs[0]->kind == ExprKind::star ? "Keep each different row once" : "Keep each different combination of " + names_of(op.exprs) + " once";
  if (n == "project") return "Keep only the columns " + names_of(op.exprs);
  if (n == "project-away") return "Leave out the columns " + names_of(op.exprs);
  if (n == "project-keep") return "Keep only the columns " + names_of(op.exprs) + ", in their order";
  if (n == "project-rename") return "Give columns new names: " + assignments(op.exprs);
  if (n == "project-reorder") return "Put these columns first: " + names_of(op.exprs);
  if (n == "extend") return "Add columns: " + assignments(op.exprs);
  if (n == "summarize") return summarize_words(op);
  if (n == "join" || n == "lookup") return join_words(op);
  if (n == "union") return "Add the rows of the following tables";
  if (n == "print") return "Work out one row: " + assignments(op.exprs);
  if (n == "render") return "Draw the result as a " + (op.names.empty() ? std::string("chart") : op.names[0]);
  if (n == "as") return "Call these rows " + (op.names.empty() ? std::string("by a name") : op.names[0]);
  if (n == "mv-expand") return "Make a row for each item of " + names_of(op.exprs);
  if (n == "sample" && op.count) return "Keep " + of(*op.count) + " rows picked at random";
  if (n == "serialize") return op.exprs.empty() ? "Keep the rows in their order from here on" : "Keep the rows in their order and add: " + assignments(op.exprs);
  const Doc* doc = find_doc(n);
  return doc == nullptr ? source(op.span) : first_sentence(doc->text);
}

}  // namespace app::kql
