// join and lookup: the right side is numbered by key and held; the left side streams past it.
#include <algorithm>

#include "app/kql/exec/grouper.h"
#include "app/kql/plan.h"

namespace app::kql {
namespace {

using columns::Column;

class Join : public Node {
 public:
  class Matches : public Stream {
   public:
    Matches(const Join& node, ExecContext& context)
        : node_(node), context_(context), evaluator_(context.now), grouper_(node.right_keys.size()), seen_(node.left_keys.size()) {}

    bool next(Batch& out) override {
      if (!left_) build();
      Batch batch;
      while (left_->next(batch)) {
        context_.check_stop();
        if (node_.kind == JoinKind::innerunique) keep_first_of_keys(batch);
        if (!probe(batch, out)) continue;
        return true;
      }
      if (done_) return false;
      done_ = true;
      return right_only(out);
    }

   private:
    // Rows of the right side in order of their key's number; first_[key] .. first_[key + 1].
    void build() {
      right_ = run_to_one(*node_.right, context_);
      std::vector<Vec> keys;
      for (const BoundPtr& key : node_.right_keys) keys.push_back(evaluator_.eval(*key, right_));
      Rows groups;
      grouper_.group(keys, right_.n_rows(), groups);
      first_.assign(grouper_.n_groups() + 2, 0);
      for (size_t row = 0; row < groups.size(); ++row) {
        if (any_null(keys, row)) groups[row] = grouper_.n_groups();  // null matches nothing
        ++first_[groups[row] + 1];
      }
      for (size_t k = 1; k < first_.size(); ++k) first_[k] += first_[k - 1];
      rows_.resize(groups.size());
      std::vector<uint32_t> at(first_.begin(), first_.end() - 1);
      for (size_t row = 0; row < groups.size(); ++row) rows_[at[groups[row]]++] = static_cast<uint32_t>(row);
      matched_.assign(right_.n_rows(), false);
      context_.charge(grouper_.size_bytes() + rows_.size() * 8);
      left_ = node_.left->open(context_);
    }

    static bool any_null(const std::vector<Vec>& keys, size_t row) {
      for (const Vec& key : keys) {
        if (key.is_null(row)) return true;
      }
      return false;
    }

    void keep_first_of_keys(Batch& batch) {
      std::vector<Vec> keys;
      for (const BoundPtr& key : node_.left_keys) keys.push_back(evaluator_.eval(*key, batch));
      Rows groups, fresh;
      seen_.group(keys, batch.n_rows(), groups, &fresh);
      batch.keep(fresh);
    }

    bool probe(Batch& batch, Batch& out) {
      std::vector<Vec> keys;
      for (const BoundPtr& key : node_.left_keys) keys.push_back(evaluator_.eval(*key, batch));
      Rows groups;
      grouper_.find(keys, batch.n_rows(), groups);
      const JoinKind wanted = node_.kind;
      const bool outer = wanted == JoinKind::leftouter || wanted == JoinKind::fullouter;
      Rows left_rows, right_rows;
      for (uint32_t row = 0; row < batch.n_rows(); ++row) {
        const uint32_t group = groups[row];
        const bool hit = group != Grouper::none && group < grouper_.n_groups() && !any_null(keys, row) && first_[group] < first_[group + 1];
        if (wanted == JoinKind::leftsemi || wanted == JoinKind::leftanti) {
          if (hit == (wanted == JoinKind::leftsemi)) left_rows.push_back(row);
          continue;
        }
        if (!hit) {
          if (outer) left_rows.push_back(row), right_rows.push_back(UINT32_MAX);
          continue;
        }
        for (uint32_t k = first_[group]; k < first_[group + 1]; ++k) {
          matched_[rows_[k]] = true;
          if (wanted == JoinKind::rightsemi || wanted == JoinKind::rightanti) continue;
          left_rows.push_back(row);
          right_rows.push_back(rows_[k]);
        }
      }
      if (left_rows.empty()) return false;
      batch.keep(left_rows);
      if (wanted != JoinKind::leftsemi && wanted != JoinKind::leftanti) {
        for (const size_t k : node_.right_columns) batch.add_column(share(right_.column(k)->take(right_rows)));
        batch.forget_row_ids();
      }
      out = std::move(batch);
      return true;
    }

    // Right rows that met no left row, or for a right semi join those that did.
    bool right_only(Batch& out) {
      const JoinKind wanted = node_.kind;
      const bool outer = wanted == JoinKind::rightouter || wanted == JoinKind::fullouter;
      if (!outer && wanted != JoinKind::rightanti && wanted != JoinKind::rightsemi) return false;
      Rows rows;
      for (uint32_t row = 0; row < right_.n_rows(); ++row) {
        if (matched_[row] == (wanted == JoinKind::rightsemi)) rows.push_back(row);
      }
      if (!outer) {
        right_.keep(rows);
        out = right_;
        return true;
      }
      std::vector<ColumnPtr> columns;
      for (size_t k = 0; k < node_.left->schema.size(); ++k) {
        Column missing(node_.left->schema[k].type);
        missing.push_null();
        columns.push_back(share(repeat(missing, 0, rows.size())));
      }
      for (const size_t k : node_.right_columns) columns.push_back(share(right_.column(k)->take(rows)));
      out = Batch::of(std::move(columns), rows.size());
      return true;
    }

    const Join& node_;
    ExecContext& context_;
    Evaluator evaluator_;
    Grouper grouper_, seen_;
    Batch right_;
    std::vector<uint32_t> first_;
    Rows rows_;
    std::vector<bool> matched_;
    std::unique_ptr<Stream> left_;
    bool done_ = false;
  };
  std::unique_ptr<Stream> open(ExecContext& context) const override { return std::make_unique<Matches>(*this, context); }

  NodePtr left, right;
  JoinKind kind = JoinKind::innerunique;
  std::vector<BoundPtr> left_keys, right_keys;
  std::vector<size_t> right_columns;
};

}  // namespace

NodePtr make_join(NodePtr left, NodePtr right, JoinKind kind, std::vector<BoundPtr> left_keys, std::vector<BoundPtr> right_keys,
                  columns::Schema schema, std::vector<size_t> right_columns) {
  auto node = std::make_shared<Join>();
  node->schema = std::move(schema);
  node->left = std::move(left);
  node->right = std::move(right);
  node->kind = kind;
  node->left_keys = std::move(left_keys);
  node->right_keys = std::move(right_keys);
  node->right_columns = std::move(right_columns);
  return node;
}

}  // namespace app::kql
