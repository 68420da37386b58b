// Reading tables. A scan knows the filters above it: chunks that cannot hold a match are never read,
// filters that a whole chunk passes are not run on it, and the cheapest filter comes first.
#include <algorithm>

#include "app/kql/exec/pipeline.h"
#include "app/kql/functions.h"
#include "app/kql/json.h"
#include "app/kql/text_match.h"

namespace app::kql {
namespace {

bool is_i64(Type t) { return !columns::is_text(t) && t != Type::real; }

// What a filter lets a table say about a whole chunk.
struct Prune {
  size_t column = 0;
  bool range = false;                  // the filter is: column in [min, max], and nothing else
  int64_t min = INT64_MIN, max = INT64_MAX;
  std::vector<std::vector<std::string>> words;  // all words of one of these stand in the column's text; empty: unknown
  bool has_text = false;               // the column is this text
  std::string text;
};

bool constant_i64(const Bound& e) { return is_constant(e) && !e.value.null && is_i64(e.type); }

bool set_range(std::string_view name, const Bound& e, Prune& out) {
  for (size_t k = 1; k < e.args.size(); ++k) {
    if (!constant_i64(*e.args[k])) return false;
  }
  const int64_t value = e.args[1]->value.i;
  if (name == "==") out.min = out.max = value;
  else if (name == ">=") out.min = value;
  else if (name == "<=") out.max = value;
  else if (name == ">" && value < INT64_MAX) out.min = value + 1;
  else if (name == "<" && value > INT64_MIN) out.max = value - 1;
  else if (name == "between") out.min = value, out.max = e.args[2]->value.i;
  else return false;
  return out.range = true;
}

// The words of a text that must stand as words wherever the text does. At the ends of a text that
// may continue (contains) a word may be a part of one.
void add_words(const std::string& text, bool ends_are_words, std::vector<std::string>& out) {
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    bool ascii = true;
    while (end < text.size() && is_term_char(text[end])) ascii &= static_cast<unsigned char>(text[end++]) < 0x80;
    const bool whole = ends_are_words || (at > 0 && end < text.size());
    if (end > at && ascii && whole) out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
}

// has_any and has_all: texts, or arrays of them. Nothing is known where one is not a constant.
void add_list(const Bound& e, bool all, Prune& out) {
  std::vector<std::string> texts;
  for (size_t k = 1; k < e.args.size(); ++k) {
    if (!is_constant(*e.args[k])) return;
    const Value& value = e.args[k]->value;
    const Json json = value.type == Type::dynamic ? dynamic_value(value) : Json();
    if (!json.is_array()) texts.push_back(to_text(value));
    for (const Json& item : json.items) texts.push_back(to_text(from_json(item)));
  }
  if (all) out.words.emplace_back();
  for (const std::string& text : texts) add_words(text, true, all ? out.words.back() : out.words.emplace_back());
}

// search: any column, read as text.
bool set_any_column(const Bound& e, size_t n_columns, Prune& out) {
  const std::string_view name = e.function->name;
  const bool has = name == "any has" || name == "any has_cs";
  if ((!has && name != "any contains" && name != "any contains_cs") || e.args.size() != n_columns + 1 || !is_constant(*e.args.back())) return false;
  for (size_t k = 0; k < n_columns; ++k) {
    if (e.args[k]->kind != Bound::Kind::column) return false;
  }
  out.column = Table::any_column;
  add_words(to_text(e.args.back()->value), has, out.words.emplace_back());
  return true;
}

Prune prune_of(const Bound& e, size_t n_columns) {
  Prune out;
  if (e.kind == Bound::Kind::call && e.args.size() >= 2 && set_any_column(e, n_columns, out)) return out;
  if (e.kind != Bound::Kind::call || e.args.size() < 2 || e.args[0]->kind != Bound::Kind::column) return out;
  const std::string_view name = e.function->name;
  out.column = e.args[0]->column;
  if (is_i64(e.args[0]->type)) {
    set_range(name, e, out);
    return out;
  }
  if (e.args[0]->type != Type::string) return out;
  if (name == "has_any" || name == "has_all") {
    add_list(e, name == "has_all", out);
    return out;
  }
  if (!is_constant(*e.args[1]) || e.args[1]->type != Type::string) return out;
  const std::string& text = e.args[1]->value.s;
  if (name == "==") out.has_text = true, out.text = text;
  if (name == "has" || name == "has_cs" || name == "==" || name == "=~") add_words(text, true, out.words.emplace_back());
  if (name == "contains" || name == "contains_cs") add_words(text, false, out.words.emplace_back());
  return out;
}

// About how dear a filter is for one row.
int cost_of(const Bound& e) {
  if (e.kind != Bound::Kind::call) return 0;
  const std::string_view name = e.function->name;
  int cost = name == "matches regex" ? 60 : name == "==" || name == "!=" ? 1 : name.find("has") != name.npos || name.find("contains") != name.npos ? 20 : 3;
  for (const BoundPtr& arg : e.args) {
    cost += cost_of(*arg);
    if (arg->kind == Bound::Kind::column && columns::is_text(arg->type)) cost += arg->type == Type::string ? 5 : 40;
  }
  return cost;
}

void add_conjuncts(const BoundPtr& e, std::vector<BoundPtr>& out) {
  if (e->kind == Bound::Kind::call && std::string_view(e->function->name) == "and") {
    for (const BoundPtr& arg : e->args) add_conjuncts(arg, out);
  } else {
    out.push_back(e);
  }
}

struct ScanFilter {
  BoundPtr condition;
  Prune prune;
  int cost = 0;
};

class Scan : public Node {
 public:
  explicit Scan(std::shared_ptr<const Table> t) : table(std::move(t)) { schema = table->schema(); }
  std::unique_ptr<Stream> open(ExecContext& context) const override;
  std::unique_ptr<ChunkSource> chunks(ExecContext& context) const override;
  NodePtr with_filter(const BoundPtr& condition) const override {
    if (condition->window || !is_pure(*condition)) return nullptr;
    auto copy = std::make_shared<Scan>(*this);
    std::vector<BoundPtr> parts;
    add_conjuncts(condition, parts);
    for (const BoundPtr& part : parts) copy->filters.push_back({part, prune_of(*part, schema.size()), cost_of(*part)});
    std::stable_sort(copy->filters.begin(), copy->filters.end(), [](const ScanFilter& a, const ScanFilter& b) { return a.cost < b.cost; });
    return copy;
  }

  std::shared_ptr<const Table> table;
  std::vector<ScanFilter> filters;
};

// The columns of one chunk of a table.
class TableColumns : public ColumnSource {
 public:
  TableColumns(std::shared_ptr<const Table> table, size_t chunk) : table_(std::move(table)), chunk_(chunk) {}
  ColumnPtr column(size_t k) const override { return table_->column(chunk_, k); }

 private:
  std::shared_ptr<const Table> table_;
  size_t chunk_;
};

class ScanChunks : public ChunkSource {
 public:
  explicit ScanChunks(const Scan& scan) : scan_(scan) {}
  size_t n_chunks() const override { return scan_.table->n_chunks(); }
  std::optional<std::pair<int64_t, int64_t>> range(size_t chunk, size_t column) const override {
    return scan_.table->first_row(chunk) != no_row ? scan_.table->range(chunk, column) : std::nullopt;
  }
  bool read(size_t chunk, Evaluator& evaluator, Batch& out) const override {
    const Table& table = *scan_.table;
    for (const ScanFilter& filter : scan_.filters) {
      if (cannot_hold(table, chunk, filter.prune)) return false;
    }
    const std::optional<size_t> n_rows = table.n_rows(chunk);
    out = n_rows ? Batch::of(std::make_shared<TableColumns>(scan_.table, chunk), scan_.schema.size(), *n_rows, table.first_row(chunk))
                 : Batch::of(table.chunk(chunk), table.first_row(chunk));
    if (const auto rows = table.rows_of(chunk)) out.keep(*rows);
    for (const ScanFilter& filter : scan_.filters) {
      if (out.n_rows() == 0) return false;
      const Prune& p = filter.prune;
      if (p.range && !table.may_differ(chunk, p.column, p.min, p.max)) continue;
      const ColumnPtr column = p.range || p.has_text ? out.column(p.column) : nullptr;
      const bool codes = p.has_text && column->is_dictionary() && !column->has_nulls();
      const Rows rows = p.range ? rows_in_range(*column, p.min, p.max) : codes ? rows_with_text(*column, p.text) : evaluator.filter(*filter.condition, out);
      if (rows.size() < out.n_rows()) out.keep(rows);
    }
    return out.n_rows() > 0;
  }

 private:
  static Rows rows_in_range(const columns::Column& column, int64_t min, int64_t max) {
    const std::vector<int64_t>& values = column.i64s();
    const std::vector<uint8_t>& valid = column.valid();
    Rows rows(values.size());
    size_t n_kept = 0;
    for (size_t row = 0; row < values.size(); ++row) {
      rows[n_kept] = static_cast<uint32_t>(row);
      const size_t not_before = values[row] >= min, not_after = values[row] <= max, is_valid = valid.empty() || valid[row] != 0;
      n_kept += not_before & not_after & is_valid;
    }
    rows.resize(n_kept);
    return rows;
  }
  static Rows rows_with_text(const columns::Column& column, const std::string& text) {
    const std::vector<std::string>& values = column.dictionary()->values;
    const auto at = std::find(values.begin(), values.end(), text);
    Rows rows;
    if (at == values.end()) return rows;
    const auto wanted = static_cast<uint32_t>(at - values.begin());
    const bool once = std::find(at + 1, values.end(), text) == values.end();
    const std::vector<uint32_t>& codes = column.codes();
    rows.resize(codes.size());
    size_t n_kept = 0;
    for (size_t row = 0; row < codes.size(); ++row) {
      rows[n_kept] = static_cast<uint32_t>(row);
      n_kept += once ? codes[row] == wanted : values[codes[row]] == text;
    }
    rows.resize(n_kept);
    return rows;
  }
  static bool cannot_hold(const Table& table, size_t chunk, const Prune& p) {
    if (p.range && !table.may_hold(chunk, p.column, p.min, p.max)) return true;
    if (p.has_text && !table.may_hold_text(chunk, p.column, p.text)) return true;
    const auto lacks_one = [&](const std::vector<std::string>& words) {
      return std::any_of(words.begin(), words.end(), [&](const std::string& word) { return !table.may_hold_word(chunk, p.column, word); });
    };
    return !p.words.empty() && std::all_of(p.words.begin(), p.words.end(), lacks_one);
  }
  const Scan& scan_;
};

// Without filters nothing is gained by reading ahead.
class SerialScan : public Stream {
 public:
  SerialScan(const Scan& scan, ExecContext& context) : chunks_(scan), context_(context), evaluator_(context.now, context.options.stop) {}
  bool next(Batch& out) override {
    while (chunk_ < chunks_.n_chunks() && context_.statements == nullptr) {
      context_.check_stop();
      if (chunks_.read(chunk_++, evaluator_, out)) return true;
    }
    return false;
  }

 private:
  ScanChunks chunks_;
  ExecContext& context_;
  Evaluator evaluator_;
  size_t chunk_ = 0;
};

std::unique_ptr<Stream> Scan::open(ExecContext& context) const {
  if (context.statements == nullptr && context.options.n_threads > 1 && table->n_chunks() > 2 && !filters.empty()) return open_mapped(*this, context);
  return std::make_unique<SerialScan>(*this, context);
}

std::unique_ptr<ChunkSource> Scan::chunks(ExecContext& context) const {
  if (context.statements != nullptr) return nullptr;
  return std::make_unique<ScanChunks>(*this);
}

}  // namespace

NodePtr make_scan(std::shared_ptr<const Table> table) { return std::make_shared<Scan>(std::move(table)); }

}  // namespace app::kql
