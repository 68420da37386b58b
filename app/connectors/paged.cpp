#include "app/connectors/paged.h"

#include <algorithm>

#include "app/kql/functions.h"

namespace app::connectors {
namespace {

using kql::Batch;
using kql::Bound;
using kql::BoundPtr;
using kql::NodePtr;

class Pages : public kql::Stream {
 public:
  Pages(std::unique_ptr<PageReader> reader, std::vector<BoundPtr> filters, std::string server, kql::ExecContext& context)
      : reader_(std::move(reader)), filters_(std::move(filters)), server_(std::move(server)), context_(context), evaluator_(context.now) {}
  bool next(Batch& out) override {
    while (std::optional<columns::Chunk> page = reader_->next(context_.options.stop)) {
      context_.check_stop();
      n_rows_ += page->n_rows;
      if (context_.options.on_progress) context_.options.on_progress({server_, n_rows_, 0, 0});
      out = Batch::of(std::make_shared<const columns::Chunk>(std::move(*page)));
      for (const BoundPtr& filter : filters_) {
        const kql::Rows rows = evaluator_.filter(*filter, out);
        if (rows.size() < out.n_rows()) out.keep(rows);
      }
      if (out.n_rows() > 0) return true;
    }
    return false;
  }

 private:
  std::unique_ptr<PageReader> reader_;
  std::vector<BoundPtr> filters_;
  std::string server_;
  kql::ExecContext& context_;
  kql::Evaluator evaluator_;
  uint64_t n_rows_ = 0;
};

class NoRows : public kql::Stream {
 public:
  bool next(Batch&) override { return false; }
};

class PagedScan : public kql::Node {
 public:
  explicit PagedScan(std::shared_ptr<const PagedTable> table) : table_(std::move(table)) {
    schema = table_->schema();
    ordered = table_->in_order();
    for (size_t k = 0; k < schema.size(); ++k) request_.columns.push_back(k);
  }
  std::unique_ptr<kql::Stream> open(kql::ExecContext& context) const override {
    PageRequest request = request_;
    for (const BoundPtr& filter : request.filters) kql::collect_columns(*filter, request.columns);
    if (context.statements != nullptr) {
      context.statements->push_back(table_->statement(request, context));
      return std::make_unique<NoRows>();
    }
    return std::make_unique<Pages>(table_->read(request, context), request.filters, table_->server(), context);
  }
  NodePtr with_filter(const BoundPtr& condition) const override {
    if (condition->window || !kql::is_pure(*condition) || !table_->can_use(*condition)) return nullptr;
    auto copy = std::make_shared<PagedScan>(*this);
    copy->request_.filters.push_back(condition);
    return copy;
  }
  NodePtr with_columns(const std::vector<size_t>& needed) const override {
    auto copy = std::make_shared<PagedScan>(*this);
    copy->request_.columns = needed;
    return copy;
  }
  std::string server() const override { return table_->server() + (request_.filters.empty() ? "" : ", checked here"); }

 private:
  std::shared_ptr<const PagedTable> table_;
  PageRequest request_;
};

bool is_i64(columns::Type t) { return t != columns::Type::real && !columns::is_text(t); }

}  // namespace

NodePtr make_paged_scan(std::shared_ptr<const PagedTable> table) { return std::make_shared<PagedScan>(std::move(table)); }

std::optional<Comparison> comparison_of(const Bound& e) {
  if (e.kind != Bound::Kind::call || e.args.size() < 2) return std::nullopt;
  const bool turned = kql::is_constant(*e.args[0]) && e.args[1]->kind == Bound::Kind::column && e.args.size() == 2;
  const Bound &column = *e.args[turned ? 1 : 0], &constant = *e.args[turned ? 0 : 1];
  if (column.kind != Bound::Kind::column || !kql::is_constant(constant) || constant.value.null || constant.type != column.type) return std::nullopt;
  Comparison out{column.column, e.function->name, constant.value, {}};
  if (e.args.size() == 3) {
    const Bound& upper = *e.args[2];
    if (out.op != "between" || !kql::is_constant(upper) || upper.value.null || upper.type != column.type) return std::nullopt;
    out.upper = upper.value;
  } else if (e.args.size() > 3) {
    return std::nullopt;
  }
  if (turned) {
    if (out.op == "<") out.op = ">";
    else if (out.op == "<=") out.op = ">=";
    else if (out.op == ">") out.op = "<";
    else if (out.op == ">=") out.op = "<=";
    else if (out.op != "==") return std::nullopt;
  }
  return out;
}

Range range_of(const std::vector<BoundPtr>& filters, size_t column) {
  Range range;
  for (const BoundPtr& filter : filters) {
    const std::optional<Comparison> c = comparison_of(*filter);
    if (!c || c->column != column || !is_i64(c->value.type)) continue;
    const int64_t v = c->value.i;
    if (c->op == "==" || c->op == ">=" || c->op == "between") range.min = std::max(range.min, v);
    if (c->op == "==" || c->op == "<=") range.max = std::min(range.max, v);
    if (c->op == ">" && v < INT64_MAX) range.min = std::max(range.min, v + 1);
    if (c->op == "<" && v > INT64_MIN) range.max = std::min(range.max, v - 1);
    if (c->op == "between") range.max = std::min(range.max, c->upper.i);
  }
  return range;
}

}  // namespace app::connectors
