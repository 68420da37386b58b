// parse and parse-where: the pattern as one regular expression, run over the column.
#include <re2/re2.h>

#include "app/kql/exec/pipeline.h"
#include "app/kql/plan.h"
#include "app/kql/text_match.h"
#include "engine/base/error.h"

namespace app::kql {
namespace {

using columns::Column;

class Parse : public Node {
 public:
  explicit Parse(ParsePlan p) : plan(std::move(p)), regex(plan.regex), filter(plan.regex) {
    if (!regex.ok()) {
      engine::fail(engine::ErrorKind::invalid_input, "the pattern of parse cannot be used: %s; the syntax is RE2's", regex.error().c_str());
    }
  }
  std::unique_ptr<Stream> open(ExecContext& context) const override { return open_mapped(*this, context); }
  const Node* mapped_child() const override { return child.get(); }
  void apply(Batch& batch, Evaluator& evaluator) const override {
    const ColumnPtr source = evaluator.column(*plan.source, batch);
    const bool text = source->type() == Type::string;
    // Rows without the pattern's texts are not tried.
    const std::vector<int64_t> candidates = text ? filter.candidates(*source) : std::vector<int64_t>(batch.n_rows(), 1);
    std::vector<Column> parsed;
    for (const ParseColumn& c : plan.columns) parsed.emplace_back(c.type);
    std::vector<re2::StringPiece> groups(static_cast<size_t>(regex.NumberOfCapturingGroups()) + 1);
    Rows kept;
    std::string other;
    for (size_t row = 0; row < batch.n_rows(); ++row) {
      check_stop(evaluator.stop(), row);
      std::string_view value = text ? source->text(row) : std::string_view();
      if (!text) value = other = to_text(get(*source, row));
      const bool matched = candidates[row] && match(value, groups, parsed);
      if (!matched && plan.drop_unmatched) continue;
      kept.push_back(static_cast<uint32_t>(row));
      if (!matched) {
        for (Column& column : parsed) column.push_null();
      }
    }
    if (kept.size() < batch.n_rows()) batch.keep(kept);
    std::vector<size_t> chosen(schema.size());
    for (size_t k = 0; k < chosen.size(); ++k) chosen[k] = k;
    for (size_t k = 0; k < parsed.size(); ++k) {
      chosen[plan.columns[k].target] = batch.n_columns();
      batch.add_column(share(std::move(parsed[k])));
    }
    batch.choose_columns(chosen);
  }

  NodePtr child;
  const ParsePlan plan;

 private:
  // Appends the values of a row that matches. One that does not convert spoils the row, unless relaxed.
  bool match(std::string_view text, std::vector<re2::StringPiece>& groups, std::vector<Column>& out) const {
    const re2::StringPiece piece(text.data(), text.size());
    if (!regex.Match(piece, 0, piece.size(), re2::RE2::ANCHOR_BOTH, groups.data(), static_cast<int>(groups.size()))) return false;
    std::vector<Value> values(plan.columns.size());
    for (size_t k = 0; k < values.size(); ++k) {
      const Type type = plan.columns[k].type;
      values[k] = Value::none(type);
      const re2::StringPiece found = groups[static_cast<size_t>(plan.groups[k])];
      if (found.data() == nullptr) continue;
      values[k] = convert(Value::text(std::string(found.data(), found.size())), type);
      if (values[k].null && !plan.relaxed) return false;
    }
    for (size_t k = 0; k < values.size(); ++k) push(out[k], values[k]);
    return true;
  }

  re2::RE2 regex;
  PatternFilter filter;
};

}  // namespace

NodePtr make_parse(NodePtr child, columns::Schema schema, ParsePlan plan) {
  if (plan.source->window || !is_pure(*plan.source)) {  // computed before, once for all rows
    columns::Schema with_source = child->schema;
    std::vector<BoundPtr> exprs;
    for (size_t k = 0; k < with_source.size(); ++k) exprs.push_back(bound_column(k, with_source[k].type));
    exprs.push_back(plan.source);
    with_source.push_back({"", plan.source->type});
    plan.source = bound_column(exprs.size() - 1, plan.source->type);
    child = make_compute(std::move(child), std::move(with_source), std::move(exprs));
  }
  auto node = std::make_shared<Parse>(std::move(plan));
  node->schema = std::move(schema);
  node->ordered = child->ordered;
  node->child = std::move(child);
  return node;
}

}  // namespace app::kql
