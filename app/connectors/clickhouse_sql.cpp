#include "app/connectors/clickhouse_sql.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "app/connectors/clickhouse_expr.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::connectors::clickhouse {
namespace {

using columns::Type;
using kql::Bound;
using kql::BoundPtr;

constexpr size_t max_expression = 4000;  // bytes of one column's SQL before it becomes a table of its own

const char* sql_type(Type type) {
  switch (type) {
    case Type::boolean: return "UInt8";
    case Type::int32: return "Int32";
    case Type::real: return "Float64";
    case Type::int64: case Type::datetime: case Type::timespan: return "Int64";
    default: return "String";
  }
}

std::string joined(const std::vector<std::string>& parts, const char* with) {
  std::string out;
  for (const std::string& p : parts) out += (out.empty() ? "" : with) + p;
  return out;
}

std::string real_digits(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char text[64];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

std::string tab_separated(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '\\': out += "\\\\"; break;
      case '\t': out += "\\t"; break;
      case '\n': out += "\\n"; break;
      case '\0': out += "\\0"; break;
      default: out += c;
    }
  }
  return out;
}

std::string hexadecimal(const std::string& text) {
  std::string out;
  for (const char c : text) out += engine::format("%02X", static_cast<unsigned char>(c));
  return out;
}

// Equal texts are equal values: such columns can be grouped by and told apart.
bool can_be_key(const SqlExpr& e) { return e.type != Type::real && e.type != Type::dynamic; }

}  // namespace

// ---------------------------------------------------------------- parameters

std::string Parameters::of(const kql::Value& value) {
  const std::string type = sql_type(value.type);
  if (value.null) return "CAST(NULL AS Nullable(" + type + "))";
  const bool is_text = type == "String";
  const std::string digits = is_text ? value.s : value.type == Type::real ? real_digits(value.d) : std::to_string(value.i);
  if (!bind_ && !is_text) return "to" + type + "('" + digits + "')";
  std::string& spelt = known_[{type, digits}];
  if (!spelt.empty()) return spelt;
  const std::string shown = is_text ? "'" + engine::escape_invalid_utf8(value.s) + "'" : kql::to_text(value);
  if (!bind_) {
    spelt = "unhex('" + hexadecimal(value.s) + "')";
    list_.push_back({spelt, "String", {}, shown});
    return spelt;
  }
  const std::string name = "p" + std::to_string(list_.size() + 1);
  list_.push_back({name, type, is_text ? tab_separated(value.s) : digits, shown});
  return spelt = "{" + name + ":" + type + "}";
}

std::string WireColumn::server_type() const {
  return nullable ? std::string("Nullable(") + sql_type(type) + ")" : sql_type(type);
}

// ---------------------------------------------------------------- the SELECT

SqlQuery::SqlQuery(std::string from, std::vector<SqlExpr> columns, const std::vector<std::string>& names, bool bind_parameters)
    : from_(std::move(from)), columns_(std::move(columns)), alias_prefix_("k"), parameters_(bind_parameters) {
  const auto taken = [&](const std::string& name) { return name.compare(0, alias_prefix_.size(), alias_prefix_) == 0; };
  while (std::any_of(names.begin(), names.end(), taken)) alias_prefix_ += "k";
}

std::string SqlQuery::alias(size_t column) const {
  return alias_prefix_ + std::to_string(level_) + "_" + std::to_string(column);
}

std::string SqlQuery::clauses() const {
  std::string out = " FROM " + from_;
  if (!where_.empty()) out += " WHERE " + joined(where_, " AND ");
  if (!group_by_.empty()) out += " GROUP BY " + joined(group_by_, ", ");
  if (!order_by_.empty()) out += " ORDER BY " + joined(order_by_, ", ");
  if (limit_ != UINT64_MAX) out += " LIMIT " + std::to_string(limit_);
  return out;
}

bool SqlQuery::nest() {
  std::string select;
  std::vector<SqlExpr> outer;
  for (size_t k = 0; k < columns_.size(); ++k) {
    select += (k ? ", " : "") + columns_[k].sql + " AS " + alias(k);
    outer.push_back({alias(k), columns_[k].type, columns_[k].nullable, RawTime::none, {}, columns_[k].json});
  }
  if (select.empty()) select = "1";
  from_ = std::string("(SELECT ") + (distinct_ ? "DISTINCT " : "") + select + clauses() + ")";
  columns_ = std::move(outer);
  where_.clear(), group_by_.clear(), order_by_.clear();
  grouped_ = distinct_ = false;
  limit_ = UINT64_MAX;
  ++level_;
  return level_ < 20;
}

bool SqlQuery::nest_where_long() {
  const bool any = std::any_of(columns_.begin(), columns_.end(), [](const SqlExpr& e) { return e.sql.size() > max_expression; });
  return !any || (order_by_.empty() && nest());
}

bool SqlQuery::filter(const Bound& condition) {
  if (grouped_ || distinct_ || limit_ != UINT64_MAX) {
    if (!order_by_.empty() || !nest()) return false;  // the order of a table within a table is not kept
  }
  const std::optional<Truth> t = Translator(columns_, parameters_).truth(condition);
  if (!t || t->yes.size() > 4 * max_expression) return false;
  where_.push_back(t->yes);
  return true;
}

bool SqlQuery::compute(const std::vector<BoundPtr>& exprs) {
  if (distinct_ && (!order_by_.empty() || !nest())) return false;
  Translator translator(columns_, parameters_);
  std::vector<SqlExpr> next;
  for (const BoundPtr& e : exprs) {
    // A plain column is passed on whatever its type is.
    std::optional<SqlExpr> v = translator.value(*e);
    if (!v || v->type != e->type) return false;
    next.push_back(std::move(*v));
  }
  columns_ = std::move(next);
  return nest_where_long();
}

bool SqlQuery::summarize(const std::vector<BoundPtr>& keys, const std::vector<kql::AggregateCall>& aggregates) {
  if (limit_ == UINT64_MAX) order_by_.clear();
  if ((grouped_ || distinct_ || limit_ != UINT64_MAX) && !nest()) return false;
  Translator translator(columns_, parameters_);
  std::vector<SqlExpr> next;
  std::vector<std::string> group_by;
  for (const BoundPtr& key : keys) {
    std::optional<SqlExpr> v = translator.value(*key);
    if (!v || v->type != key->type || !can_be_key(*v)) return false;
    v->raw_kind = RawTime::none;  // the bare column is no longer there
    v->raw.clear();
    // A constant is no key to the server, which would take a number for a column's place.
    if (!kql::is_constant(*key)) group_by.push_back(v->sql);
    next.push_back(std::move(*v));
  }
  if (!keys.empty() && group_by.empty()) return false;
  for (const kql::AggregateCall& call : aggregates) {
    std::optional<SqlExpr> v = translator.aggregate(call);
    if (!v || v->type != call.outputs[0]) return false;
    next.push_back(std::move(*v));
  }
  if (next.empty()) return false;
  columns_ = std::move(next);
  group_by_ = std::move(group_by);
  grouped_ = true;
  return nest_where_long();
}

bool SqlQuery::sort(const std::vector<kql::SortKey>& keys, uint64_t limit) {
  if ((distinct_ || limit_ != UINT64_MAX) && !nest()) return false;
  Translator translator(columns_, parameters_);
  std::vector<std::string> order;
  for (const kql::SortKey& key : keys) {
    const std::optional<SqlExpr> v = translator.value(*key.expr);
    if (!v || v->type == Type::dynamic || v->type == Type::decimal) return false;
    if (kql::is_constant(*key.expr)) continue;
    const char* direction = key.descending ? " DESC" : " ASC";
    if (v->nullable) order.push_back("isNull(" + v->sql + ")" + (key.nulls_first ? " DESC" : " ASC"));
    if (v->type == Type::real) order.push_back("isNaN(" + v->sql + ")" + (key.descending ? " ASC" : " DESC"));  // the least of reals
    order.push_back(v->sql + direction);
  }
  if (order.empty()) return false;
  order_by_ = std::move(order);
  limit_ = std::min(limit_, limit);
  return true;
}

bool SqlQuery::limit(uint64_t n_rows) {
  limit_ = std::min(limit_, n_rows);
  return true;
}

bool SqlQuery::distinct() {
  if (limit_ == UINT64_MAX) order_by_.clear();
  if (grouped_ || limit_ != UINT64_MAX) {
    if (!nest()) return false;
  }
  distinct_ = true;
  return std::all_of(columns_.begin(), columns_.end(), can_be_key) && !columns_.empty();
}

std::string SqlQuery::text(const std::vector<size_t>& needed, std::vector<WireColumn>& wire) const {
  wire.clear();
  std::string select;
  // Of distinct rows every column counts.
  std::vector<size_t> sent = needed;
  if (distinct_) {
    sent.resize(columns_.size());
    for (size_t k = 0; k < sent.size(); ++k) sent[k] = k;
  }
  for (const size_t k : sent) {
    const SqlExpr& e = columns_[k];
    wire.push_back({k, e.type, e.nullable, e.json});
    select += (select.empty() ? "CAST(" : ", CAST(") + e.sql + " AS " + wire.back().server_type() + ") AS " + alias(k);
  }
  if (sent.empty()) {
    // Without keys a summarize gives its row through an aggregate only.
    select = grouped_ && group_by_.empty() ? "CAST(count() > 0 AS UInt8)" : "CAST(1 AS UInt8)";
    wire.push_back({SIZE_MAX, Type::boolean, false, true});
  }
  return std::string("SELECT ") + (distinct_ ? "DISTINCT " : "") + select + clauses();
}

}  // namespace app::connectors::clickhouse
