#include "app/configs/promql.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "engine/base/text.h"

namespace app::configs::promql {
namespace {

constexpr int max_depth = 100;
constexpr int max_operators = 1000;  // each can make the tree one level deeper

const std::set<std::string, std::less<>> aggregations = {
    "sum",   "min",          "max",     "avg",  "group",    "stddev", "stdvar",
    "count", "count_values", "bottomk", "topk", "quantile", "limitk", "limit_ratio"};
const std::set<std::string, std::less<>> functions = {"abs",
                                                      "absent",
                                                      "absent_over_time",
                                                      "acos",
                                                      "acosh",
                                                      "asin",
                                                      "asinh",
                                                      "atan",
                                                      "atanh",
                                                      "avg_over_time",
                                                      "ceil",
                                                      "changes",
                                                      "clamp",
                                                      "clamp_max",
                                                      "clamp_min",
                                                      "cos",
                                                      "cosh",
                                                      "count_over_time",
                                                      "day_of_month",
                                                      "day_of_week",
                                                      "day_of_year",
                                                      "days_in_month",
                                                      "deg",
                                                      "delta",
                                                      "deriv",
                                                      "double_exponential_smoothing",
                                                      "exp",
                                                      "floor",
                                                      "histogram_avg",
                                                      "histogram_count",
                                                      "histogram_fraction",
                                                      "histogram_quantile",
                                                      "histogram_stddev",
                                                      "histogram_stdvar",
                                                      "histogram_sum",
                                                      "holt_winters",
                                                      "hour",
                                                      "idelta",
                                                      "increase",
                                                      "info",
                                                      "irate",
                                                      "label_join",
                                                      "label_replace",
                                                      "last_over_time",
                                                      "ln",
                                                      "log10",
                                                      "log2",
                                                      "mad_over_time",
                                                      "max_over_time",
                                                      "min_over_time",
                                                      "minute",
                                                      "month",
                                                      "pi",
                                                      "predict_linear",
                                                      "present_over_time",
                                                      "quantile_over_time",
                                                      "rad",
                                                      "rate",
                                                      "resets",
                                                      "round",
                                                      "scalar",
                                                      "sgn",
                                                      "sin",
                                                      "sinh",
                                                      "sort",
                                                      "sort_by_label",
                                                      "sort_by_label_desc",
                                                      "sort_desc",
                                                      "sqrt",
                                                      "stddev_over_time",
                                                      "stdvar_over_time",
                                                      "sum_over_time",
                                                      "tan",
                                                      "tanh",
                                                      "time",
                                                      "timestamp",
                                                      "ts_of_last_over_time",
                                                      "ts_of_max_over_time",
                                                      "ts_of_min_over_time",
                                                      "vector",
                                                      "year",
                                                      "first_over_time"};

struct Token {
  enum class Kind { end, name, number, string, op } kind = Kind::end;
  std::string text;
  size_t offset = 0;
};

struct Failed {
  Fault fault;
};

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  std::vector<Token> run() {
    std::vector<Token> tokens;
    while (true) {
      skip();
      Token token;
      token.offset = at_;
      if (at_ < text_.size()) read(token);
      tokens.push_back(token);
      if (token.kind == Token::Kind::end) return tokens;
    }
  }

 private:
  void skip() {
    while (at_ < text_.size()) {
      if (std::isspace(static_cast<unsigned char>(text_[at_])))
        ++at_;
      else if (text_[at_] == '#')
        while (at_ < text_.size() && text_[at_] != '\n') ++at_;
      else
        return;
    }
  }

  void read(Token& token) {
    const auto c = static_cast<unsigned char>(text_[at_]);
    if (c == '"' || c == '\'' || c == '`') return string(token);
    if (std::isdigit(c) || (c == '.' && at_ + 1 < text_.size() &&
                            std::isdigit(static_cast<unsigned char>(text_[at_ + 1])))) {
      token.kind = Token::Kind::number;
      while (at_ < text_.size() &&
             (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '.' ||
              ((text_[at_] == '+' || text_[at_] == '-') &&
               (text_[at_ - 1] == 'e' || text_[at_ - 1] == 'E') && text_.substr(0, 2) != "0x"))) {
        token.text += text_[at_++];
      }
      return;
    }
    if (std::isalpha(c) || c == '_' || c == ':') {
      token.kind = Token::Kind::name;
      while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) ||
                                    text_[at_] == '_' || text_[at_] == ':'))
        token.text += text_[at_++];
      return;
    }
    token.kind = Token::Kind::op;
    for (const char* op : {"==", "!=", ">=", "<=", "=~", "!~"}) {
      if (text_.substr(at_).starts_with(op)) {
        token.text = op;
        at_ += 2;
        return;
      }
    }
    if (std::string_view("+-*/%^<>=(){}[],:@").find(text_[at_]) == std::string_view::npos)
      throw Failed{{at_, "unexpected character"}};
    token.text = text_[at_++];
  }

  void string(Token& token) {
    token.kind = Token::Kind::string;
    const char quote = text_[at_++];
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] == '\\' && quote != '`' && at_ + 1 < text_.size())
        ++at_, token.text += text_[at_] == quote ? "" : "\\";
      token.text += text_[at_++];
    }
    if (at_ >= text_.size()) throw Failed{{token.offset, "a quoted string is not closed"}};
    ++at_;
  }

  std::string_view text_;
  size_t at_ = 0;
};

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  std::unique_ptr<Expr> run() {
    auto expr = binary(0, 0);
    if (now().kind != Token::Kind::end) fail("unexpected \"" + now().text + "\"");
    return expr;
  }

 private:
  using Node = std::unique_ptr<Expr>;

  const Token& now() const { return tokens_[at_]; }
  const Token& next() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  // Keywords are written in either case: sum(x) BY (job).
  static bool is(const Token& token, std::string_view text) {
    if (token.kind == Token::Kind::name) return engine::to_lower_ascii(token.text) == text;
    return token.kind != Token::Kind::string && token.text == text;
  }
  bool is(std::string_view text) const { return is(now(), text); }
  bool take(std::string_view text) {
    if (!is(text)) return false;
    ++at_;
    return true;
  }
  [[noreturn]] void fail(std::string message) const {
    throw Failed{{now().offset, std::move(message)}};
  }
  void expect(std::string_view text) {
    if (!take(text))
      fail("\"" + std::string(text) + "\" is missing" +
           (now().kind == Token::Kind::end ? " at the end" : " before \"" + now().text + "\""));
  }

  Node make(Expr::Kind kind) const {
    auto node = std::make_unique<Expr>();
    node->kind = kind;
    node->offset = now().offset;
    return node;
  }

  static int precedence(const std::string& op) {
    if (op == "or") return 1;
    if (op == "and" || op == "unless") return 2;
    if (op == "==" || op == "!=" || op == "<" || op == ">" || op == "<=" || op == ">=") return 3;
    if (op == "+" || op == "-") return 4;
    if (op == "*" || op == "/" || op == "%" || op == "atan2") return 5;
    return op == "^" ? 6 : 0;
  }

  Node binary(int lowest, int depth) {
    if (depth > max_depth) fail("nested too deeply");
    Node left = unary(depth);
    while (now().kind != Token::Kind::end && now().kind != Token::Kind::string) {
      const std::string op = engine::to_lower_ascii(now().text);
      const int level = precedence(op);
      if (level == 0 || level <= lowest) break;
      if (++n_operators_ > max_operators) fail("an expression of more than 1000 operators");
      Node node = make(Expr::Kind::binary);
      node->name = op;
      ++at_;
      modifiers(*node, level);
      node->args.push_back(std::move(left));
      node->args.push_back(binary(op == "^" ? level - 1 : level, depth + 1));
      left = std::move(node);
    }
    return left;
  }

  void modifiers(Expr& node, int level) {
    if (is("bool")) {
      if (level != 3) fail("bool goes with comparisons only");
      ++at_;
      node.is_bool = true;
    }
    if (is("on") || is("ignoring")) {
      node.has_matching = true;
      node.on = is("on");
      ++at_;
      node.grouping = labels();
      if (is("group_left") || is("group_right")) {
        ++at_;
        if (is("(")) labels();
      }
    }
  }

  std::vector<std::string> labels() {
    std::vector<std::string> names;
    expect("(");
    while (!is(")")) {
      if (now().kind != Token::Kind::name && now().kind != Token::Kind::string)
        fail("a label name is missing");
      names.push_back(now().text);
      ++at_;
      if (!take(",")) break;
    }
    expect(")");
    return names;
  }

  Node unary(int depth) {
    if (is("-") || is("+")) {
      Node node = make(Expr::Kind::unary);
      node->name = now().text;
      ++at_;
      if (depth > max_depth) fail("nested too deeply");
      node->args.push_back(binary(5, depth + 1));
      return node;
    }
    Node node = primary(depth);
    while (true) {
      if (is("["))
        node = range(std::move(node));
      else if (is("offset"))
        offset();
      else if (is("@"))
        at_modifier();
      else
        return node;
    }
  }

  void offset() {
    ++at_;
    take("-");
    if (now().kind != Token::Kind::number ||
        !(is_duration(now().text) ||
          now().text.find_first_not_of("0123456789.") == std::string::npos))
      fail("offset needs a duration");
    ++at_;
  }

  void at_modifier() {
    ++at_;
    take("-");
    if (is("start") || is("end")) {
      ++at_;
      expect("(");
      expect(")");
    } else if (now().kind == Token::Kind::number) {
      ++at_;
    } else {
      fail("@ needs a time");
    }
  }

  void duration() {
    if (now().kind != Token::Kind::number ||
        (!is_duration(now().text) &&
         now().text.find_first_not_of("0123456789.") != std::string::npos))
      fail("a duration such as 5m is missing");
    ++at_;
  }

  Node range(Node inner) {
    ++at_;
    duration();
    if (is(":") || (now().kind == Token::Kind::name && now().text.starts_with(':'))) {
      const bool with_step = now().text.size() == 1;
      ++at_;
      if (with_step && !is("]")) duration();
      Node node = make(Expr::Kind::subquery);
      node->has_range = true;
      node->args.push_back(std::move(inner));
      expect("]");
      return node;
    }
    if (inner->kind != Expr::Kind::selector || inner->has_range)
      fail("a range goes behind a metric only");
    inner->has_range = true;
    expect("]");
    return inner;
  }

  Node primary(int depth) {
    if (now().kind == Token::Kind::number) return number();
    if (now().kind == Token::Kind::string) {
      Node node = make(Expr::Kind::string);
      node->name = now().text;
      ++at_;
      return node;
    }
    if (is("(")) {
      Node node = make(Expr::Kind::paren);
      ++at_;
      node->args.push_back(binary(0, depth + 1));
      expect(")");
      return node;
    }
    if (is("{")) return selector("");
    if (now().kind != Token::Kind::name)
      fail(now().kind == Token::Kind::end ? "the expression ends too early"
                                          : "unexpected \"" + now().text + "\"");
    const std::string name = now().text;
    const std::string lower = engine::to_lower_ascii(name);
    if (aggregations.contains(lower) &&
        (is(next(), "(") || is(next(), "by") || is(next(), "without")))
      return aggregation(lower, depth);
    if (next().text == "(" && next().kind == Token::Kind::op) return call(name, depth);
    if (lower == "nan" || lower == "inf") return number();
    return selector(name);
  }

  Node number() {
    Node node = make(Expr::Kind::number);
    node->name = now().text;
    const std::string& text = now().text;
    const bool word = engine::to_lower_ascii(text) == "nan" ||
                      engine::to_lower_ascii(text) == "inf" || text.starts_with("0x");
    if (!word && text.find_first_not_of("0123456789.eE+-_") != std::string::npos &&
        !is_duration(text))
      fail("\"" + text + "\" is not a number");
    ++at_;
    return node;
  }

  Node aggregation(const std::string& name, int depth) {
    Node node = make(Expr::Kind::aggregation);
    node->name = name;
    ++at_;
    grouping(*node);
    arguments(*node, depth);
    grouping(*node);
    return node;
  }

  void grouping(Expr& node) {
    if (node.has_grouping || !(is("by") || is("without"))) return;
    node.has_grouping = true;
    node.by = is("by");
    ++at_;
    node.grouping = labels();
  }

  Node call(const std::string& name, int depth) {
    if (!functions.contains(name)) fail("there is no function " + name);
    Node node = make(Expr::Kind::call);
    node->name = name;
    ++at_;
    arguments(*node, depth);
    return node;
  }

  void arguments(Expr& node, int depth) {
    expect("(");
    while (!is(")")) {
      node.args.push_back(binary(0, depth + 1));
      if (!take(",")) break;
    }
    expect(")");
  }

  Node selector(const std::string& name) {
    Node node = make(Expr::Kind::selector);
    node->name = name;
    if (!name.empty()) ++at_;
    if (!take("{")) return node;
    while (!is("}")) {
      Matcher matcher;
      matcher.offset = now().offset;
      if (now().kind != Token::Kind::name && now().kind != Token::Kind::string)
        fail("a label name is missing");
      const bool quoted_metric = now().kind == Token::Kind::string;
      matcher.label = now().text;
      ++at_;
      if (!(quoted_metric && (is(",") || is("}")))) {
        if (!is("=") && !is("!=") && !is("=~") && !is("!~")) fail("one of = != =~ !~ is missing");
        matcher.op = now().text;
        ++at_;
        if (now().kind != Token::Kind::string)
          fail("the value of " + matcher.label + " must be in quotes");
        matcher.value = now().text;
        ++at_;
      }
      node->matchers.push_back(std::move(matcher));
      if (!take(",")) break;
    }
    expect("}");
    return node;
  }

  std::vector<Token> tokens_;
  size_t at_ = 0;
  int n_operators_ = 0;
};

}  // namespace

Parsed parse(std::string_view text) {
  Parsed parsed;
  try {
    parsed.expr = Parser(Lexer(text).run()).run();
  } catch (const Failed& failed) {
    parsed.fault = failed.fault;
  }
  return parsed;
}

bool is_duration(std::string_view text) {
  static constexpr std::string_view order[] = {"y", "w", "d", "h", "m", "s", "ms"};
  size_t unit = 0, i = 0;
  if (text == "0") return true;
  while (i < text.size()) {
    const size_t digits = i;
    while (i < text.size() && std::isdigit(static_cast<unsigned char>(text[i]))) ++i;
    const size_t name = i;
    while (i < text.size() && std::isalpha(static_cast<unsigned char>(text[i]))) ++i;
    if (name == digits || i == name) return false;
    while (unit < 7 && order[unit] != text.substr(name, i - name)) ++unit;
    if (unit++ == 7) return false;
  }
  return !text.empty();
}

}  // namespace app::configs::promql
