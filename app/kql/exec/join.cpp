// join and lookup: the right side is numbered by key and held; the left side streams past it.
#include <algorithm>

#include "app/kql/exec/grouper.h"
#include "app/kql/exec/pipeline.h"
#include "app/kql/plan.h"

namespace app::kql {
namespace {

using columns::Column;

class Join : public Node {
 public:
  class Matches : public Stream {
   public:
    Matches(const Join& node, ExecContext& context)
        : node_(node), context_(context), evaluator_(context.now, context.options.stop), grouper_(node.right_keys.size()), seen_(node.left_keys.size()) {}

    bool next(Batch& out) override {
      if (!left_) build();
      while (true) {
        context_.check_stop();
        if (row_ < batch_.n_rows()) {
          if (probe(out)) return true;
          continue;
        }
        Item item;
        batch_ = Batch();
        if (!left_->next(item)) break;
        batch_ = std::move(item.batch);
        if (node_.kind == JoinKind::innerunique) keep_first_of_keys(batch_);
        if (item.extra) groups_ = std::move(*std::static_pointer_cast<Rows>(item.extra));
        else look_up(batch_, evaluator_, groups_);
        row_ = 0;
        match_ = 0;
      }
      if (done_) return false;
      done_ = true;
      return right_only(out);
    }

   private:
    // Rows of the right side in order of their key's number; first_[key] .. first_[key + 1].
    void build() {
      std::vector<Batch> batches = run_all(*node_.right, context_);
      Rows groups;
      for (const Batch& batch : batches) number_right(batch, groups);
      right_ = concat(std::move(batches), node_.right->schema, [this](size_t bytes) {
        context_.check_stop();
        context_.charge(bytes);
      });
      first_.assign(grouper_.n_groups() + 2, 0);
      for (uint32_t& group : groups) {
        if (group == Grouper::none) group = grouper_.n_groups();  // null matches nothing
        ++first_[group + 1];
      }
      for (size_t k = 1; k < first_.size(); ++k) first_[k] += first_[k - 1];
      rows_.resize(groups.size());
      std::vector<uint32_t> at(first_.begin(), first_.end() - 1);
      for (size_t row = 0; row < groups.size(); ++row) rows_[at[groups[row]]++] = static_cast<uint32_t>(row);
      matched_.assign(right_.n_rows(), false);
      context_.charge(grouper_.size_bytes() + rows_.size() * 8);
      left_ = open_items(*node_.left, context_, [this](Batch& batch, Evaluator& evaluator, size_t) { return look_up_ahead(batch, evaluator); });
    }

    // Appends the key's number of each row; none where a part of the key is null.
    void number_right(const Batch& batch, Rows& out) {
      context_.check_stop();
      std::vector<Vec> keys;
      for (const BoundPtr& key : node_.right_keys) keys.push_back(evaluator_.eval(*key, batch));
      Rows groups;
      grouper_.group(keys, batch.n_rows(), groups);
      for (size_t row = 0; row < groups.size(); ++row) out.push_back(unmatchable(keys, row) ? Grouper::none : groups[row]);
    }

    bool unmatchable(const std::vector<Vec>& keys, size_t row) const {
      if (node_.null_keys == NullKeys::match_each_other) return false;
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
      const size_t bytes = seen_.size_bytes();
      if (bytes > charged_) context_.charge(bytes - charged_), charged_ = bytes;
    }

    // The right side's group of every left row of the batch; none where there is no match.
    void look_up(const Batch& batch, Evaluator& evaluator, Rows& groups) {
      std::vector<Vec> keys;
      bool nulls = false;
      for (const BoundPtr& key : node_.left_keys) {
        keys.push_back(evaluator.eval(*key, batch));
        nulls |= keys.back().column->has_nulls();
      }
      grouper_.find(keys, batch.n_rows(), groups);
      for (size_t row = 0; row < groups.size(); ++row) {
        uint32_t& group = groups[row];
        if (group == Grouper::none) continue;
        const bool hit = group < grouper_.n_groups() && !(nulls && unmatchable(keys, row)) && first_[group] < first_[group + 1];
        if (!hit) group = Grouper::none;
      }
    }
    // On the thread that reads the batch: the right side is complete by then. Not where the first rows of
    // each key are to be found before, nor by dictionaries, whose look-up is remembered for the next batch.
    std::shared_ptr<void> look_up_ahead(const Batch& batch, Evaluator& evaluator) {
      if (node_.kind == JoinKind::innerunique) return nullptr;
      for (const BoundPtr& key : node_.left_keys) {
        if (!is_pure(*key) || evaluator.eval(*key, batch).column->is_dictionary()) return nullptr;
      }
      auto groups = std::make_shared<Rows>();
      look_up(batch, evaluator, *groups);
      return groups;
    }

    // The next rows of the batch with their matches: a piece, since a row may have millions of them.
    bool probe(Batch& out) {
      const JoinKind wanted = node_.kind;
      const bool outer = wanted == JoinKind::leftouter || wanted == JoinKind::fullouter;
      const bool only_left = wanted == JoinKind::leftsemi || wanted == JoinKind::leftanti;
      const bool only_right = wanted == JoinKind::rightsemi || wanted == JoinKind::rightanti;
      Rows left_rows, right_rows;
      for (; row_ < groups_.size() && left_rows.size() < columns::chunk_rows; ++row_) {
        const uint32_t group = groups_[row_];
        const bool hit = group != Grouper::none;
        if (only_left) {
          if (hit == (wanted == JoinKind::leftsemi)) left_rows.push_back(row_);
          continue;
        }
        if (!hit) {
          if (outer) left_rows.push_back(row_), right_rows.push_back(UINT32_MAX);
          continue;
        }
        const uint32_t n_matches = first_[group + 1] - first_[group];
        const auto end = static_cast<uint32_t>(std::min<size_t>(n_matches, match_ + columns::chunk_rows - left_rows.size()));
        for (; match_ < end; ++match_) {
          const uint32_t right_row = rows_[first_[group] + match_];
          matched_[right_row] = true;
          if (only_right) continue;
          left_rows.push_back(row_);
          right_rows.push_back(right_row);
        }
        if (match_ < n_matches) break;
        match_ = 0;
      }
      if (left_rows.empty()) return false;
      out = batch_;
      out.keep(left_rows);
      if (!only_left) {
        for (const size_t k : node_.right_columns) out.add_column(share(right_.column(k)->take(right_rows)));
        out.forget_row_ids();
      }
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
    Batch batch_;                // of the left side, and where it is being read on
    Rows groups_;
    uint32_t row_ = 0, match_ = 0;
    size_t charged_ = 0;         // of seen_
    bool done_ = false;
    std::unique_ptr<ItemStream> left_;  // the last: its threads end first
  };
  std::unique_ptr<Stream> open(ExecContext& context) const override { return std::make_unique<Matches>(*this, context); }

  NodePtr left, right;
  JoinKind kind = JoinKind::innerunique;
  std::vector<BoundPtr> left_keys, right_keys;
  std::vector<size_t> right_columns;
  NullKeys null_keys = NullKeys::match_nothing;
};

}  // namespace

NodePtr make_join(NodePtr left, NodePtr right, JoinKind kind, std::vector<BoundPtr> left_keys, std::vector<BoundPtr> right_keys,
                  columns::Schema schema, std::vector<size_t> right_columns, NullKeys null_keys) {
  auto node = std::make_shared<Join>();
  node->schema = std::move(schema);
  node->left = std::move(left);
  node->right = std::move(right);
  node->kind = kind;
  node->left_keys = std::move(left_keys);
  node->right_keys = std::move(right_keys);
  node->right_columns = std::move(right_columns);
  node->null_keys = null_keys;
  return node;
}

}  // namespace app::kql
