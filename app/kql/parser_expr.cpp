// The expressions of the language: precedence from or (loosest) to paths (tightest).
#include <algorithm>

#include "app/kql/datetime.h"
#include "app/kql/decimal.h"
#include "app/kql/json.h"
#include "app/kql/parser_impl.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::kql {
namespace {

constexpr std::string_view string_operators[] = {
    "has", "has_cs", "hasprefix", "hasprefix_cs", "hassuffix", "hassuffix_cs", "contains", "contains_cs", "containscs",
    "notcontains", "notcontainscs", "startswith", "startswith_cs", "endswith", "endswith_cs", "like", "notlike",
    "likecs", "notlikecs", "=~", "!~", "!has", "!has_cs", "!hasprefix", "!hasprefix_cs", "!hassuffix",
    "!hassuffix_cs", "!contains", "!contains_cs", "!startswith", "!startswith_cs", "!endswith", "!endswith_cs"};
constexpr std::string_view list_operators[] = {"in", "in~", "!in", "!in~", "has_any", "has_all"};

// Words that stand between operands and so cannot begin one.
constexpr std::string_view reserved[] = {
    "and", "or", "by", "in", "in~", "between", "has", "has_cs", "has_any", "has_all", "hasprefix", "hasprefix_cs",
    "hassuffix", "hassuffix_cs", "contains", "contains_cs", "startswith", "startswith_cs", "endswith", "endswith_cs",
    "matches", "asc", "desc", "of", "where", "as", "invoke", "datatable", "externaldata", "external_data", "print", "search", "find", "union"};

template <size_t N>
bool one_of(const std::string_view (&words)[N], std::string_view word) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

std::string sql_hint(const Token& token) {
  if (token.kind == TokenKind::bad && token.text.find("character \xE2\x80") != std::string::npos) {
    return "use straight quotes: \" or '";
  }
  return {};
}

}  // namespace

ExprPtr Parser::make(ExprKind kind, size_t begin) const {
  auto e = std::make_unique<Expr>();
  e->kind = kind;
  e->span = {begin, std::max(begin, last_end())};
  return e;
}

ExprPtr Parser::binary(ExprPtr left, std::string op, ExprPtr right) const {
  ExprPtr e = make(ExprKind::binary, left->span.begin);
  e->name = std::move(op);
  e->args.push_back(std::move(left));
  e->args.push_back(std::move(right));
  return e;
}

void Parser::missing_expression() {
  const Token& token = peek();
  if (token.kind == TokenKind::bad) fail_here(token.text, sql_hint(token));
  if (token.kind == TokenKind::name && one_of(reserved, token.text)) {
    fail_here("an expression is missing before '" + token.text + "'",
              "to use the name itself, write ['" + token.text + "']");
  }
  fail_here("an expression is missing here");
}

// ---------------------------------------------------------------- names

bool Parser::at_any_name() const {
  const Token& token = peek();
  if (token.kind == TokenKind::name) return true;
  return token.is("[") && peek(1).kind == TokenKind::string && peek(2).is("]");
}

std::string Parser::any_name(const char* what, Span* span, bool* escaped) {
  if (!at_any_name()) fail_here(std::string(what) + " is missing here");
  const size_t begin = peek().span.begin;
  std::string name;
  if (take("[")) {
    name = next().text;
    take("]");
    if (escaped) *escaped = true;
  } else {
    name = next().text;
  }
  if (span) *span = {begin, last_end()};
  return name;
}

bool Parser::at_name_equals() const {
  if (peek().kind == TokenKind::name) return peek(1).is("=");
  return peek().is("[") && peek(1).kind == TokenKind::string && peek(2).is("]") && peek(3).is("=");
}

// (a, b) =
bool Parser::at_names_equals() const {
  if (!peek().is("(")) return false;
  for (size_t k = 1;;) {
    if (peek(k).is("[") && peek(k + 1).kind == TokenKind::string && peek(k + 2).is("]")) {
      k += 2;
    } else if (peek(k).kind != TokenKind::name) {
      return false;
    }
    if (peek(k + 1).is(")")) return peek(k + 2).is("=");
    if (!peek(k + 1).is(",")) return false;
    k += 2;
  }
}

ExprPtr Parser::named_expr() {
  const size_t begin = peek().span.begin;
  std::vector<std::string> names;
  std::vector<Span> spans;
  if (at_name_equals()) {
    spans.emplace_back();
    names.push_back(any_name("a name", &spans.back()));
    expect("=");
  } else if (at_names_equals()) {
    expect("(");
    do {
      spans.emplace_back();
      names.push_back(any_name("a name", &spans.back()));
    } while (take(","));
    expect(")");
    expect("=");
  }
  ExprPtr e = expr();
  if (!names.empty()) {
    e->names = std::move(names);
    e->names_spans = std::move(spans);
    e->span.begin = begin;
  }
  return e;
}

ExprPtr Parser::ordered_expr() {
  ExprPtr e = named_expr();
  if (take_word("asc")) {
    e->order = Expr::Order::asc;
  } else if (take_word("desc")) {
    e->order = Expr::Order::desc;
  }
  if (peek().is_word("nulls") && (peek(1).is_word("first") || peek(1).is_word("last"))) {
    next();
    e->nulls = next().text == "first" ? Expr::Nulls::first : Expr::Nulls::last;
  }
  return e;
}

std::vector<ExprPtr> Parser::named_list() {
  std::vector<ExprPtr> list;
  do list.push_back(named_expr());
  while (take(","));
  return list;
}

std::vector<ExprPtr> Parser::ordered_list() {
  std::vector<ExprPtr> list;
  do list.push_back(ordered_expr());
  while (take(","));
  return list;
}

// Of project-away, project-keep, project-reorder: a name, or one with stars.
ExprPtr Parser::name_or_wildcard() {
  const size_t begin = peek().span.begin;
  std::string name;
  bool star = false;
  bool escaped = false;
  if (!peek().is("*") && !at_any_name() && peek().kind != TokenKind::typed) fail_here("a column name is missing here");
  if (at_any_name()) name = any_name("a column name", nullptr, &escaped);
  while (!escaped && (peek().is("*") || ((peek().kind == TokenKind::name || peek().kind == TokenKind::number_long) && star)) &&
         (name.empty() || !peek().space_before)) {
    star |= peek().is("*");
    name += next().text;
  }
  ExprPtr e = make(star ? ExprKind::wildcard : ExprKind::name, begin);
  e->name = std::move(name);
  e->name_span = e->span;
  e->escaped_name = escaped;
  return e;
}

// ---------------------------------------------------------------- operators, loosest first

ExprPtr Parser::expr() {
  const Nesting level(*this);
  ExprPtr left = and_expr();
  if (!peek().is_word("or")) return left;
  ExprPtr e = make(ExprKind::any_of, left->span.begin);
  e->args.push_back(std::move(left));
  while (take_word("or")) e->args.push_back(and_expr());
  e->span.end = last_end();
  return e;
}

ExprPtr Parser::and_expr() {
  ExprPtr left = equality();
  if (!peek().is_word("and")) return left;
  ExprPtr e = make(ExprKind::all_of, left->span.begin);
  e->args.push_back(std::move(left));
  while (take_word("and")) e->args.push_back(equality());
  e->span.end = last_end();
  return e;
}

ExprPtr Parser::equality() {
  ExprPtr left = relational();
  const Token token = peek();
  for (const char* op : {"==", "!=", "<>"}) {
    if (!token.is(op)) continue;
    next();
    return binary(std::move(left), token.text == "<>" ? "!=" : token.text, relational());
  }
  if (token.kind != TokenKind::name && token.kind != TokenKind::punctuation) return left;
  if (token.text == "in" && peek(1).is_word("range")) return left;  // make-series ... in range(a, b, step)
  if (one_of(list_operators, token.text)) {
    next();
    return list_items(std::move(left), token);
  }
  if (token.text == "between" || token.text == "!between") {
    next();
    return between(std::move(left), token);
  }
  return left;
}

ExprPtr Parser::list_items(ExprPtr left, const Token& op) {
  ExprPtr e = make(ExprKind::list, left->span.begin);
  e->name = op.text;
  e->name_span = op.span;
  e->args.push_back(std::move(left));
  expect("(", "the values stand in brackets: in (1, 2, 3)");
  do e->args.push_back(argument(true));
  while (take(","));
  expect(")");
  e->span.end = last_end();
  return e;
}

ExprPtr Parser::between(ExprPtr left, const Token& op) {
  ExprPtr e = make(ExprKind::between, left->span.begin);
  e->name = op.text;
  e->args.push_back(std::move(left));
  expect("(");
  e->args.push_back(expr());
  if (!peek().is("..")) fail_here("between needs two dots between its ends", "write between (low .. high)");
  next();
  e->args.push_back(expr());
  expect(")");
  e->span.end = last_end();
  return e;
}

ExprPtr Parser::relational() {
  ExprPtr left = additive();
  for (const char* op : {"<", ">", "<=", ">="}) {
    if (!take(op)) continue;
    return binary(std::move(left), op, additive());
  }
  return left;
}

ExprPtr Parser::additive() {
  ExprPtr left = multiplicative();
  for (size_t n = 0; peek().is("+") || peek().is("-"); ++n) {
    if (n > max_chain) fail_here("this chain of operators is too long; split it with extend");
    const std::string op = next().text;
    left = binary(std::move(left), op, multiplicative());
  }
  return left;
}

ExprPtr Parser::multiplicative() {
  ExprPtr left = string_op();
  for (size_t n = 0; peek().is("*") || peek().is("/") || peek().is("%"); ++n) {
    if (n > max_chain) fail_here("this chain of operators is too long; split it with extend");
    const std::string op = next().text;
    left = binary(std::move(left), op, string_op());
  }
  return left;
}

ExprPtr Parser::string_op() {
  ExprPtr left = unary();
  for (size_t n = 0;; ++n) {
    if (n > max_chain) fail_here("this chain of operators is too long");
    const Token token = peek();
    if (token.kind != TokenKind::name && token.kind != TokenKind::punctuation) return left;
    if (token.text == "matches" && peek(1).is_word("regex")) {
      next();
      next();
      left = binary(std::move(left), "matches regex", unary());
    } else if (one_of(string_operators, token.text)) {
      next();
      left = binary(std::move(left), token.text, unary());
    } else if (token.text == ":" && token.kind == TokenKind::punctuation && left->kind != ExprKind::literal &&
               (peek(1).kind == TokenKind::string || peek(1).kind == TokenKind::number_long)) {
      next();  // search's column:"text"
      left = binary(std::move(left), ":", unary());
    } else {
      return left;
    }
  }
}

ExprPtr Parser::unary() {
  const size_t begin = peek().span.begin;
  if (!peek().is("-") && !peek().is("+")) return postfix();
  const Nesting level(*this);
  const std::string op = next().text;
  if (peek().is("-") || peek().is("+")) missing_expression();  // one sign, or brackets: -(-1)
  ExprPtr operand = unary();
  ExprPtr e = make(ExprKind::unary, begin);
  e->name = op;
  e->args.push_back(std::move(operand));
  return e;
}

ExprPtr Parser::postfix() {
  ExprPtr e = primary();
  for (size_t n = 0;; ++n) {
    if (n > max_chain) fail_here("this path is too long");
    if (peek().is("[") || (peek().is(".") && peek(1).is("["))) {
      if (peek().line_before && peek(1).kind == TokenKind::string && peek(2).is("]") && e->kind == ExprKind::literal) return e;
      take(".");
      next();
      ExprPtr index = expr();
      expect("]");
      ExprPtr element = make(ExprKind::element, e->span.begin);
      element->args.push_back(std::move(e));
      element->args.push_back(std::move(index));
      e = std::move(element);
    } else if (peek().is(".")) {
      next();
      if (peek().kind == TokenKind::typed) {  // a member named like a type, then brackets
        fail_here("a name is missing here", "write ['" + peek().word + "'] for a member of this name");
      }
      if (peek().is("*") || (peek(1).is("*") && !peek(1).space_before)) {  // database("x").*, .Table*
        ExprPtr all = make(ExprKind::path, e->span.begin);
        do all->name += next().text;
        while (!peek().space_before && (peek().is("*") || peek().kind == TokenKind::name));
        all->args.push_back(std::move(e));
        e = std::move(all);
        continue;
      }
      const Token name = peek();
      Span span;
      std::string member = any_name("a name", &span);
      if (peek().is("(")) {
        ExprPtr method = call(name);
        method->method = true;
        method->span.begin = e->span.begin;
        method->args.insert(method->args.begin(), std::move(e));
        e = std::move(method);
        continue;
      }
      ExprPtr path = make(ExprKind::path, e->span.begin);
      path->name = std::move(member);
      path->name_span = span;
      path->args.push_back(std::move(e));
      e = std::move(path);
    } else {
      return e;
    }
  }
}

// ---------------------------------------------------------------- primaries

ExprPtr Parser::primary() {
  const Token token = peek();
  switch (token.kind) {
    case TokenKind::number_long: case TokenKind::number_real: case TokenKind::timespan: case TokenKind::string:
      return literal();
    case TokenKind::typed: return typed_literal();
    case TokenKind::end: case TokenKind::bad: missing_expression();
    case TokenKind::punctuation: break;
    case TokenKind::name: {
      if (token.text == "dynamic" && peek(1).is("(")) return dynamic_literal();
      if (token.text == "datatable" && (peek(1).is("(") || peek(1).kind == TokenKind::name)) return datatable();
      if ((token.text == "externaldata" || token.text == "external_data") && peek(1).is("(")) return externaldata();
      if (token.text == "inline_external_table" && (peek(1).is("(") || peek(1).is_word("kind"))) return inline_external();
      if (token.text == "entity_group" && peek(1).is("[")) return entity_group();
      if (peek(1).is("(")) {
        if (one_of(reserved, token.text)) missing_expression();
        next();
        return call(token);
      }
      if (one_of(reserved, token.text)) missing_expression();
      if (token.text == "true" || token.text == "false" || token.text == "True" || token.text == "False" ||
          token.text == "TRUE" || token.text == "FALSE") {
        return literal();
      }
      next();
      // A table name with a star: union Security*
      if (peek().is("*") && !peek().space_before && (peek(1).is(",") || peek(1).is("|") || peek(1).is(")") || peek(1).kind == TokenKind::end || peek(1).line_before)) {
        next();
        ExprPtr e = make(ExprKind::wildcard, token.span.begin);
        e->name = token.text + "*";
        return e;
      }
      ExprPtr e = make(ExprKind::name, token.span.begin);
      e->name = token.text;
      e->name_span = token.span;
      if (peek().is_word("datascope") && peek(1).is("=")) next(), next(), next();
      return e;
    }
  }
  if (token.is("(")) return parenthesised();
  if (token.is("*")) {
    next();
    return make(ExprKind::star, token.span.begin);
  }
  if (token.is("[") && peek(1).kind == TokenKind::string && peek(2).is("]")) {
    ExprPtr e = make(ExprKind::name, token.span.begin);
    e->name = any_name("a name", &e->name_span, &e->escaped_name);
    e->span = e->name_span;
    if (peek().is("(")) {
      Token name = token;
      name.text = e->name;
      return call(name);
    }
    return e;
  }
  if (token.is("[") && peek(1).kind == TokenKind::string) {
    next();
    next();
    fail_here("expected ]");
  }
  if (token.is("@")) {
    next();
    ExprPtr e = make(ExprKind::name, token.span.begin);
    e->name = "@";
    return e;
  }
  missing_expression();
}

ExprPtr Parser::parenthesised() {
  const Nesting level(*this);
  const size_t begin = peek().span.begin;
  expect("(");
  ExprPtr e = query_or_expr();
  expect(")");
  e->parenthesised = true;
  e->span = {begin, last_end()};
  return e;
}

// Arguments of the functions that take a whole query keep their pipes.
ExprPtr Parser::argument(bool tabular) {
  if (peek().is("*") && (peek(1).is(",") || peek(1).is(")"))) {
    const size_t begin = peek().span.begin;
    next();
    return make(ExprKind::star, begin);
  }
  if (tabular && !at_name_equals()) return query_or_expr();
  return named_expr();
}

ExprPtr Parser::call(const Token& name) {
  const Nesting level(*this);
  ExprPtr e = make(ExprKind::call, name.span.begin);
  e->name = name.text;
  e->name_span = name.span;
  const bool tabular = name.text == "toscalar" || name.text == "materialize" || name.text == "totable";
  if (name.text == "toscalar" && peek().is_word("kind")) next(), expect("="), next();
  expect("(");
  if (!peek().is(")")) {
    do e->args.push_back(argument(tabular));
    while (take(","));
  }
  expect(")");
  e->span.end = last_end();
  return e;
}

ExprPtr Parser::datatable() {
  const size_t begin = next().span.begin;
  while (peek().kind == TokenKind::name && peek(1).is("=")) next(), next(), next();
  ExprPtr e = make(ExprKind::datatable, begin);
  bool star = false;
  e->columns = row_schema(false, star);
  expect("[");
  while (!peek().is("]")) {
    if (take(",")) {
      if (e->args.empty()) missing_expression();
      continue;
    }
    e->args.push_back(literal());
    if (!peek().is("]") && !peek().is(",")) fail_here("expected ]", sql_hint(peek()));
    if (peek().is(",") && peek(1).is(",")) {
      next();
      fail_here("expected ]", "a value is missing between two commas");
    }
  }
  expect("]");
  e->span.end = last_end();
  return e;
}

ExprPtr Parser::externaldata() {
  const size_t begin = next().span.begin;
  ExprPtr e = make(ExprKind::externaldata, begin);
  bool star = false;
  e->columns = row_schema(false, star);
  expect("[");
  while (!peek().is("]") && !at_end()) {
    e->args.push_back(expr());
    if (!take(",")) break;
  }
  expect("]");
  if (take_word("with")) {
    expect("(");
    while (!peek().is(")") && !at_end()) {
      any_name("a property");
      expect("=");
      expr();
      if (!take(",")) break;
    }
    expect(")");
  }
  e->span.end = last_end();
  return e;
}

// inline_external_table(columns) kind=... [partition ...] (connection): read, and refused when bound.
ExprPtr Parser::inline_external() {
  ExprPtr e = make(ExprKind::externaldata, next().span.begin);
  bool star = false;
  if (peek().is("(") && peek(2).is(":")) e->columns = row_schema(false, star);
  int open = 0;
  while (!at_end() && !(open == 0 && (peek().is("|") || peek().is(";") || peek().is(")")))) {
    if (peek().is("(")) ++open;
    if (peek().is(")")) --open;
    if (peek().kind == TokenKind::bad) fail_here(peek().text);
    next();
  }
  e->span.end = last_end();
  return e;
}

ExprPtr Parser::entity_group() {
  ExprPtr e = make(ExprKind::call, peek().span.begin);
  e->name = next().text;
  expect("[");
  do e->args.push_back(expr());
  while (take(","));
  expect("]");
  e->span.end = last_end();
  return e;
}

// ---------------------------------------------------------------- literals

ExprPtr Parser::literal() {
  const Token token = peek();
  ExprPtr e = make(ExprKind::literal, token.span.begin);
  if (token.is("-") || token.is("+")) {
    next();
    if (peek().kind != TokenKind::number_long && peek().kind != TokenKind::number_real && peek().kind != TokenKind::timespan) {
      fail_here("a number is missing here");
    }
    e = literal();
    if (token.text == "-") e->value.i = -e->value.i, e->value.d = -e->value.d;
    e->span.begin = token.span.begin;
    return e;
  }
  switch (token.kind) {
    case TokenKind::number_long: {
      const std::optional<int64_t> v = parse_int64(token.text);
      if (!v) error(token.span, "this number does not fit a long", "write real(" + token.text + ") or decimal(" + token.text + ")");
      e->value = Value::int64(v.value_or(0));
      break;
    }
    case TokenKind::number_real: e->value = Value::real(parse_real(token.text).value_or(std::strtod(token.text.c_str(), nullptr))); break;
    case TokenKind::timespan: {
      const std::optional<int64_t> t = parse_timespan(token.text);
      e->value = t ? Value::timespan(*t) : Value::none(Type::timespan);
      e->name = t ? "" : token.text;  // 1h30m is taken by the parser and refused by the binder
      break;
    }
    case TokenKind::string: {
      e->value = Value::text(token.text);
      while (peek(1).kind == TokenKind::string) {
        next();
        e->value.s += peek().text;
      }
      break;
    }
    case TokenKind::typed: return typed_literal();
    case TokenKind::name: {
      const std::string lower = engine::to_lower_ascii(token.text);
      if (lower == "true" || lower == "false") {
        e->value = Value::boolean(lower == "true");
        break;
      }
      if (token.text == "null") {
        e->value = Value::none(Type::dynamic);
        break;
      }
      if (token.text == "dynamic" && peek(1).is("(")) return dynamic_literal();
      [[fallthrough]];
    }
    default:
      if (token.kind == TokenKind::bad) fail_here(token.text, sql_hint(token));
      fail_here("a constant is missing here", "only constants can stand here, such as 1, 'text' or datetime(2024-01-31)");
  }
  next();
  e->span.end = last_end();
  return e;
}

// datetime(...), int(...), typeof(...): what is inside is read as that type; nonsense is null.
ExprPtr Parser::typed_literal() {
  const Token token = next();
  ExprPtr e = make(ExprKind::literal, token.span.begin);
  if (token.word == "typeof") {
    e->kind = ExprKind::type;
    e->name = token.text;
    return e;
  }
  const Type type = *type_from_name(token.word);
  const bool null = token.text == "null" || token.text.empty();
  switch (type) {
    case Type::datetime: {
      const std::optional<int64_t> t = null ? std::nullopt : parse_datetime(token.text);
      e->value = t ? Value::datetime(*t) : Value::none(type);
      if (!t && token.text.empty()) e->name = "now";  // datetime() is now
      break;
    }
    case Type::timespan: {
      const std::optional<int64_t> t = null ? std::nullopt : parse_timespan(token.text);
      e->value = t ? Value::timespan(*t) : Value::none(type);
      break;
    }
    default: e->value = null ? Value::none(type) : convert(Value::text(token.text), type);
  }
  if (e->value.null && !null && e->name.empty()) e->name = token.text;  // the binder says so
  return e;
}

ExprPtr Parser::dynamic_literal() {
  const size_t begin = next().span.begin;
  expect("(");
  const Json json = json_value();
  expect(")");
  ExprPtr e = make(ExprKind::literal, begin);
  e->value = from_json(json);
  return e;
}

Json Parser::json_value() {
  const Nesting level(*this);
  const Token token = peek();
  if (take("[")) {
    Json out = Json::array();
    if (take("]")) return out;
    do out.items.push_back(json_value());
    while (take(","));
    expect("]");
    return out;
  }
  if (take("{")) {
    Json out = Json::object();
    if (take("}")) return out;
    do {
      if (peek().kind != TokenKind::string) fail_here("a member name in quotes is missing here", sql_hint(peek()));
      const std::string key = next().text;
      expect(":");
      out.set(key, json_value());
    } while (take(","));
    expect("}");
    return out;
  }
  if (token.kind == TokenKind::name && token.text != "true" && token.text != "false" && token.text != "null" &&
      token.text != "dynamic" && engine::to_lower_ascii(token.text) != "true" && engine::to_lower_ascii(token.text) != "false") {
    fail_here("a JSON value is missing here", "texts stand in quotes");
  }
  if (token.kind == TokenKind::punctuation && !token.is("-") && !token.is("+")) fail_here("a JSON value is missing here");
  if (token.kind == TokenKind::end) fail_here("a JSON value is missing here");
  return to_json(literal()->value);
}

}  // namespace app::kql
