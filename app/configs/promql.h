// app/configs/promql.h: PromQL expressions parsed into a tree, for the checks of alerting and
// recording rules. Knows the operators and functions of Prometheus 3; evaluates nothing.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace app::configs::promql {

struct Matcher {
  std::string label, op, value;  // op: = != =~ !~
  size_t offset = 0;
};

struct Expr {
  enum class Kind {
    number,
    string,
    selector,
    call,
    aggregation,
    binary,
    unary,
    subquery,
    paren
  } kind = Kind::number;
  std::string name;                       // metric, function, aggregation or operator
  std::vector<Matcher> matchers;          // of a selector
  bool has_range = false;                 // metric[5m]
  bool is_bool = false;                   // > bool
  bool has_grouping = false, by = false;  // aggregation: by (...) or without (...)
  std::vector<std::string> grouping;
  bool has_matching = false, on = false;  // binary: on (...) or ignoring (...)
  std::vector<std::unique_ptr<Expr>> args;
  size_t offset = 0;
};

struct Fault {
  size_t offset = 0;
  std::string message;
};

// The tree, or the first fault.
struct Parsed {
  std::unique_ptr<Expr> expr;
  std::optional<Fault> fault;
};
Parsed parse(std::string_view text);

bool is_duration(std::string_view text);  // 5m, 1h30m, 1d

}  // namespace app::configs::promql
