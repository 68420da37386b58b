// reduce: texts that look alike become one pattern with * where they differ. Terms are what stands
// between blanks and the separators asked for; texts of as many terms are alike where at least half
// of them are equal. Terms with digits count as different in every text. Patterns of few rows are
// gathered under "*".
#include <algorithm>
#include <map>

#include "app/kql/exec/pipeline.h"
#include "app/kql/plan.h"

namespace app::kql {
namespace {

using columns::Column;

struct Term {
  std::string text;       // empty: differs, shown as *
  std::string separator;  // behind it
};

struct Shape {
  std::vector<Term> terms;
  std::string representative;
  int64_t n_rows = 0;
};

class Shapes {
 public:
  explicit Shapes(const std::string& separators) : separators_(separators) {}

  void add(std::string_view text, int64_t n_rows) {
    const std::vector<Term> terms = terms_of(text);
    std::vector<Shape>& same_length = by_length_[terms.size()];
    Shape* best = nullptr;
    size_t best_equal = 0;
    for (Shape& shape : same_length) {
      size_t n_equal = 0, n_fixed = 0;
      for (size_t k = 0; k < terms.size(); ++k) {
        n_fixed += !terms[k].text.empty();
        n_equal += terms[k].text == shape.terms[k].text && !terms[k].text.empty();
      }
      const bool alike = terms.empty() || (n_fixed == 0 ? std::all_of(shape.terms.begin(), shape.terms.end(), [](const Term& t) { return t.text.empty(); })
                                                        : 2 * n_equal >= n_fixed && n_equal > 0);
      if (alike && (!best || n_equal > best_equal)) best = &shape, best_equal = n_equal;
    }
    if (!best) {
      same_length.push_back({terms, std::string(text), n_rows});
      return;
    }
    best->n_rows += n_rows;
    for (size_t k = 0; k < terms.size(); ++k) {
      if (best->terms[k].text != terms[k].text) best->terms[k].text.clear();
    }
  }

  // Most rows first; those of fewer than min_rows as one.
  std::vector<Shape> finish(double min_rows) const {
    std::vector<Shape> out;
    Shape rest;
    for (const auto& [length, shapes] : by_length_) {
      for (const Shape& shape : shapes) {
        if (static_cast<double>(shape.n_rows) >= min_rows) {
          out.push_back(shape);
        } else {
          if (rest.n_rows == 0) rest.representative = shape.representative;
          rest.n_rows += shape.n_rows;
        }
      }
    }
    std::stable_sort(out.begin(), out.end(), [](const Shape& a, const Shape& b) { return a.n_rows > b.n_rows; });
    rest.terms = {{"", ""}};
    if (rest.n_rows > 0) out.push_back(std::move(rest));
    return out;
  }

  // A separator asked for goes into the * behind it.
  std::string pattern(const Shape& shape) const {
    std::string out;
    for (const Term& term : shape.terms) {
      if (!term.text.empty()) {
        out += term.text;
      } else {
        while (!out.empty() && separators_.find(out.back()) != std::string::npos) out.pop_back();
        if (out.empty() || out.back() != '*') out += '*';
      }
      out += term.separator;
    }
    return out;
  }

 private:
  bool separates(char c) const { return c == ' ' || c == '\t' || c == '\n' || separators_.find(c) != std::string::npos; }
  std::vector<Term> terms_of(std::string_view text) const {
    std::vector<Term> terms;
    for (size_t at = 0; at < text.size();) {
      size_t end = at;
      while (end < text.size() && !separates(text[end])) ++end;
      size_t next = end;
      while (next < text.size() && separates(text[next])) ++next;
      std::string term(text.substr(at, end - at));
      if (std::any_of(term.begin(), term.end(), [](char c) { return c >= '0' && c <= '9'; })) term.clear();
      terms.push_back({std::move(term), std::string(text.substr(end, next - end))});
      at = next;
    }
    return terms;
  }

  std::string separators_;
  std::map<size_t, std::vector<Shape>> by_length_;
};

class Reduce : public Node {
 public:
  std::unique_ptr<Stream> open(ExecContext& context) const override {
    Shapes shapes(separators);
    int64_t n_rows = 0;
    const std::unique_ptr<Stream> stream = child->open(context);
    for (Batch batch; stream->next(batch); batch = Batch()) {  // text, number of rows
      context.check_stop();
      const ColumnPtr texts = batch.column(0), counts = batch.column(1);
      for (size_t row = 0; row < batch.n_rows(); ++row) {
        if (row % 1024 == 0) context.check_stop();
        shapes.add(texts->text(row), counts->i64(row));
        n_rows += counts->i64(row);
      }
    }
    Column pattern(Type::string), count(Type::int64), representative(Type::string);
    const std::vector<Shape> found = shapes.finish(threshold * static_cast<double>(n_rows));
    for (const Shape& shape : found) {
      pattern.push_text(shapes.pattern(shape));
      count.push_i64(shape.n_rows);
      representative.push_text(shape.representative);
    }
    return one_batch(Batch::of({share(std::move(pattern)), share(std::move(count)), share(std::move(representative))}, found.size()));
  }
  NodePtr child;
  double threshold = 0.1;
  std::string separators;
};

}  // namespace

NodePtr make_reduce(NodePtr child, double threshold, std::string separators) {
  auto node = std::make_shared<Reduce>();
  node->schema = {{"Pattern", Type::string}, {"Count", Type::int64}, {"Representative", Type::string}};
  node->child = std::move(child);
  node->threshold = threshold;
  node->separators = std::move(separators);
  return node;
}

}  // namespace app::kql
