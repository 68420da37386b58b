// Aggregates that collect: sets, lists, bags, distinct counts, the schema of dynamics.
#include "app/kql/aggregates_make.h"

#include <algorithm>

#include "app/kql/exec/grouper.h"
#include "app/kql/json.h"

namespace app::kql {
namespace {

using columns::Column;

// A group's first value is kept beside it; only groups of two and more are in the table of pairs. Many groups
// are of one value, as those by the parameter of a template.
class DistinctCount : public Aggregator {
 public:
  void update(std::span<const Vec> args, const Rows& groups, size_t n_groups) override {
    make_room(n_groups);
    Rows numbers;
    values_.number(args[0], groups.size(), numbers);
    constexpr size_t ahead = 16;
    const bool nulls = args[0].column->has_nulls(), far = pairs_.size() > (1u << 14);
    for (size_t row = 0; row < groups.size(); ++row) {
      if (far && row + ahead < groups.size()) pairs_.prefetch(groups[row + ahead], numbers[row + ahead]);
      if (nulls && args[0].is_null(row)) continue;
      note(groups[row], numbers[row]);
    }
  }
  bool is_mergeable() const override { return true; }
  void merge(const Aggregator& other, const Rows& to, size_t n_groups) override {
    make_room(n_groups);
    const auto& from = static_cast<const DistinctCount&>(other);
    Rows number_of;
    values_.merge(from.values_, number_of);
    for (size_t group = 0; group < from.first_.size(); ++group) {
      if (from.first_[group] != none) note(to[group], number_of[from.first_[group]]);
    }
    from.pairs_.visit([&](uint32_t group, uint32_t number) { note(to[group], number_of[number]); });
  }
  std::vector<Column> finish(size_t n) override {
    counts_.resize(n);
    return {Column::from_i64(Type::int64, counts_)};
  }
  size_t size_bytes() const override { return pairs_.size_bytes() + values_.size_bytes() + counts_.size() * 12; }

 private:
  static constexpr uint32_t none = UINT32_MAX;
  void make_room(size_t n_groups) {
    counts_.resize(n_groups);
    first_.resize(n_groups, none);
  }
  void note(uint32_t group, uint32_t number) {
    uint32_t& first = first_[group];
    if (first == none) {
      first = number;
      counts_[group] = 1;
    } else if (first != number) {
      const uint32_t before = pairs_.size();
      if (pairs_.insert(group, number) == before) ++counts_[group];
    }
  }
  ValueTable values_;
  PairTable pairs_;            // of values that are not their group's first
  Rows first_;                 // of each group
  std::vector<int64_t> counts_;
};

// The last argument of make_list, make_set and make_bag.
size_t most_items(const AggregateCall& call) {
  constexpr int64_t most = 1048576;
  if (call.constants.empty()) return most;
  return static_cast<size_t>(std::clamp<int64_t>(to_int64(call.constants[0]).value_or(most), 0, most));
}

class MakeList : public Aggregator {
 public:
  MakeList(const AggregateCall& call, bool set, bool nulls) : set_(set), nulls_(nulls), limit_(most_items(call)) {}
  void update(std::span<const Vec> args, const Rows& groups, size_t n_groups) override {
    texts_.resize(n_groups);
    counts_.resize(n_groups);
    const Type type = args[0].column->type();
    const bool by_value = set_ && type != Type::dynamic && type != Type::real && type != Type::decimal;
    Rows numbers;  // of equal values, which are then written as JSON once a group
    if (by_value) values_.number(args[0], groups.size(), numbers);
    for (size_t row = 0; row < groups.size(); ++row) {
      if (counts_[groups[row]] >= limit_) continue;
      if (by_value && !args[0].is_null(row)) {
        const uint32_t before = seen_.size();
        if (seen_.insert((static_cast<uint64_t>(groups[row]) << 32) | numbers[row]) != before) continue;
        add(groups[row], json_text(to_json(get(*args[0].column, args[0].at(row)))));
        continue;
      }
      const Value v = get(*args[0].column, args[0].at(row));
      const bool null = is_null(v);
      if (null && !nulls_) continue;
      if (v.type == Type::dynamic && !null && v.s[0] == '[') {  // an array gives its elements
        for (const Json& item : dynamic_value(v).items) {
          if (!set_ || !item.is_null()) append(groups[row], json_text(item));
        }
      } else {
        append(groups[row], null ? "null" : v.type == Type::dynamic ? v.s : json_text(to_json(v)));
      }
    }
  }
  std::vector<Column> finish(size_t n) override {
    Column out(Type::dynamic);
    texts_.resize(n);
    for (std::string& text : texts_) out.push_text("[" + text + "]");
    return {std::move(out)};
  }
  size_t size_bytes() const override { return bytes_ + seen_.size_bytes() + values_.size_bytes() + texts_.size() * (sizeof(std::string) + 8); }

 private:
  void append(uint32_t group, const std::string& item) {
    if (counts_[group] >= limit_) return;
    if (set_) {
      const uint32_t before = seen_.size();
      if (seen_.insert((static_cast<uint64_t>(group) << 32) | values_.number_text(item, false)) != before) return;
    }
    add(group, item);
  }
  void add(uint32_t group, const std::string& item) {
    if (counts_[group]++) texts_[group] += ',';
    texts_[group] += item;
    bytes_ += item.size() + 1;
  }
  bool set_, nulls_;
  size_t limit_, bytes_ = 0;
  std::vector<std::string> texts_;
  std::vector<size_t> counts_;
  ValueTable values_;
  IntTable seen_;
};

// One bag of the members of all; of members with one name the first counts.
class MakeBag : public Aggregator {
 public:
  explicit MakeBag(const AggregateCall& call) : limit_(most_items(call)) {}
  void update(std::span<const Vec> args, const Rows& groups, size_t n_groups) override {
    texts_.resize(n_groups);
    counts_.resize(n_groups);
    for (size_t row = 0; row < groups.size(); ++row) {
      const Json json = dynamic_value(get(*args[0].column, args[0].at(row)));
      for (size_t k = 0; k < json.keys.size(); ++k) add(groups[row], json.keys[k], json.items[k]);
    }
  }
  std::vector<Column> finish(size_t n) override {
    texts_.resize(n);
    Column out(Type::dynamic);
    for (const std::string& text : texts_) out.push_text("{" + text + "}");
    return {std::move(out)};
  }
  size_t size_bytes() const override { return bytes_ + seen_.size_bytes() + keys_.size_bytes() + texts_.size() * (sizeof(std::string) + 8); }

 private:
  void add(uint32_t group, const std::string& key, const Json& item) {
    if (counts_[group] >= limit_) return;
    const uint32_t before = seen_.size();
    if (seen_.insert((static_cast<uint64_t>(group) << 32) | keys_.insert(key)) != before) return;
    std::string& text = texts_[group];
    const size_t size = text.size();
    if (counts_[group]++) text += ',';
    write_json_string(key, text);
    text += ':';
    write_json(item, text);
    bytes_ += text.size() - size;
  }
  size_t limit_, bytes_ = 0;
  std::vector<std::string> texts_;  // the members as JSON, without the braces
  std::vector<size_t> counts_;
  TextTable keys_;
  IntTable seen_;                   // group and key
};

// buildschema: the types seen under each member, as the language words them.
class BuildSchema : public Aggregator {
 public:
  void update(std::span<const Vec> args, const Rows& groups, size_t n_groups) override {
    schemas_.resize(n_groups);
    for (size_t row = 0; row < groups.size(); ++row) note(schemas_[groups[row]], dynamic_value(get(*args[0].column, args[0].at(row))));
  }
  std::vector<Column> finish(size_t n) override {
    schemas_.resize(n);
    Column out(Type::dynamic);
    for (const Shape& shape : schemas_) out.push_text(json_text(describe_shape(shape)));
    return {std::move(out)};
  }

 private:
  struct Shape {
    std::vector<std::string> types;
    std::vector<std::pair<std::string, std::unique_ptr<Shape>>> members;
    std::unique_ptr<Shape> items;
  };
  static void note(Shape& shape, const Json& json) {
    if (json.is_object()) {
      for (size_t k = 0; k < json.keys.size(); ++k) {
        auto at = std::find_if(shape.members.begin(), shape.members.end(), [&](const auto& m) { return m.first == json.keys[k]; });
        if (at == shape.members.end()) at = shape.members.insert(shape.members.end(), {json.keys[k], std::make_unique<Shape>()});
        note(*at->second, json.items[k]);
      }
      return;
    }
    if (json.is_array()) {
      if (!shape.items) shape.items = std::make_unique<Shape>();
      for (const Json& item : json.items) note(*shape.items, item);
      return;
    }
    const char* type = json.kind == Json::Kind::boolean ? "bool" : json.kind == Json::Kind::integer ? "long"
                       : json.kind == Json::Kind::real  ? "double" : json.kind == Json::Kind::string ? "string" : nullptr;
    if (type && std::find(shape.types.begin(), shape.types.end(), type) == shape.types.end()) shape.types.emplace_back(type);
  }
  static Json describe_shape(const Shape& shape) {
    Json all = Json::array();
    for (const std::string& type : shape.types) all.items.push_back(Json::of(type));
    if (!shape.members.empty() || shape.items) {
      Json bag = Json::object();
      if (shape.items) bag.set("`indexer`", describe_shape(*shape.items));
      for (const auto& [name, member] : shape.members) bag.set(name, describe_shape(*member));
      all.items.push_back(std::move(bag));
    }
    if (all.items.size() == 1) return all.items[0];
    return all;
  }
  std::vector<Shape> schemas_;
};

}  // namespace

Made make_dcount(const AggregateCall&) { return std::make_unique<DistinctCount>(); }
Made make_make_list(const AggregateCall& c) { return std::make_unique<MakeList>(c, false, false); }
Made make_list_nulls(const AggregateCall& c) { return std::make_unique<MakeList>(c, false, true); }
Made make_make_set(const AggregateCall& c) { return std::make_unique<MakeList>(c, true, false); }
Made make_make_bag(const AggregateCall& c) { return std::make_unique<MakeBag>(c); }
Made make_schema(const AggregateCall&) { return std::make_unique<BuildSchema>(); }

}  // namespace app::kql
