// parse and parse-where: the pattern as one regular expression, run over the column.
#include <re2/re2.h>

#include "app/kql/plan.h"
#include "engine/base/error.h"

namespace app::kql {
namespace {

using columns::Column;

class Parse : public Node {
 public:
  class Parsed : public Stream {
   public:
    Parsed(const Parse& node, ExecContext& context)
        : node_(node), context_(context), evaluator_(context.now), stream_(node.child->open(context)), regex_(node.plan.regex) {
      if (!regex_.ok()) {
        engine::fail(engine::ErrorKind::invalid_input, "the pattern of parse cannot be used: %s; the syntax is RE2's", regex_.error().c_str());
      }
    }
    bool next(Batch& out) override {
      if (!stream_->next(out)) return false;
      context_.check_stop();
      const ParsePlan& wanted = node_.plan;
      const ColumnPtr source = evaluator_.column(*wanted.source, out);
      std::vector<Column> parsed;
      for (const ParseColumn& c : wanted.columns) parsed.emplace_back(c.type);
      const int n_groups = regex_.NumberOfCapturingGroups();
      std::vector<re2::StringPiece> groups(static_cast<size_t>(n_groups) + 1);
      Rows kept;
      std::vector<Value> values(wanted.columns.size());
      for (size_t row = 0; row < out.n_rows(); ++row) {
        const std::string text = to_text(get(*source, row));
        bool matched = regex_.Match(text, 0, text.size(), re2::RE2::ANCHOR_BOTH, groups.data(), n_groups + 1);
        bool converted = true;
        for (size_t k = 0; k < values.size(); ++k) {
          const Type type = wanted.columns[k].type;
          values[k] = Value::none(type);
          if (!matched) continue;
          const re2::StringPiece piece = groups[static_cast<size_t>(wanted.groups[k])];
          if (piece.data() == nullptr) continue;
          values[k] = convert(Value::text(std::string(piece.data(), piece.size())), type);
          converted &= !values[k].null;
        }
        if (!converted && !wanted.relaxed) matched = false;
        if (!matched) {
          for (Value& v : values) v = Value::none(v.type);
        }
        if (wanted.drop_unmatched && !matched) continue;
        kept.push_back(static_cast<uint32_t>(row));
        for (size_t k = 0; k < values.size(); ++k) push(parsed[k], values[k]);
      }
      if (kept.size() < out.n_rows()) out.keep(kept);
      std::vector<size_t> chosen(node_.schema.size());
      for (size_t k = 0; k < chosen.size(); ++k) chosen[k] = k;
      for (size_t k = 0; k < parsed.size(); ++k) {
        chosen[wanted.columns[k].target] = out.n_columns();
        out.add_column(share(std::move(parsed[k])));
      }
      out.choose_columns(chosen);
      return true;
    }

   private:
    const Parse& node_;
    ExecContext& context_;
    Evaluator evaluator_;
    std::unique_ptr<Stream> stream_;
    re2::RE2 regex_;
  };
  std::unique_ptr<Stream> open(ExecContext& context) const override { return std::make_unique<Parsed>(*this, context); }
  NodePtr child;
  ParsePlan plan;
};

}  // namespace

NodePtr make_parse(NodePtr child, columns::Schema schema, ParsePlan plan) {
  auto node = std::make_shared<Parse>();
  node->schema = std::move(schema);
  node->ordered = child->ordered;
  node->child = std::move(child);
  node->plan = std::move(plan);
  return node;
}

}  // namespace app::kql
