#include "app/kql/sketches.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace app::kql {
namespace {

constexpr size_t kept_hashes = 1024, max_points = 512, fresh_points = 2048;

}  // namespace

int Hll::precision_of_accuracy(int64_t accuracy) {
  constexpr int precisions[] = {12, 14, 16, 17, 18};
  return precisions[std::clamp<int64_t>(accuracy, 0, 4)];
}

void Hll::note(uint64_t hash) {
  const uint64_t rest = hash << precision_;
  const int rank = rest == 0 ? 64 - precision_ + 1 : std::countl_zero(rest) + 1;
  uint8_t& r = ranks_[hash >> (64 - precision_)];
  r = std::max(r, static_cast<uint8_t>(rank));
}
void Hll::to_registers() {
  ranks_.assign(size_t{1} << precision_, 0);
  for (const uint64_t hash : hashes_) note(hash);
  hashes_.clear();
}
void Hll::add(uint64_t hash) {
  if (!ranks_.empty()) return note(hash);
  const auto at = std::lower_bound(hashes_.begin(), hashes_.end(), hash);
  if (at != hashes_.end() && *at == hash) return;
  hashes_.insert(at, hash);
  if (hashes_.size() > kept_hashes) to_registers();
}
void Hll::merge(const Hll& other) {
  if (other.ranks_.empty()) {
    for (const uint64_t hash : other.hashes_) add(hash);
    return;
  }
  Hll theirs = other;
  if (ranks_.empty()) to_registers();
  // Registers of a finer sketch fold into those of a coarser one.
  Hll& fine = precision_ > theirs.precision_ ? *this : theirs;
  const int precision = std::min(precision_, theirs.precision_);
  if (const int more = fine.precision_ - precision; more > 0) {
    std::vector<uint8_t> folded(size_t{1} << precision, 0);
    for (size_t k = 0; k < fine.ranks_.size(); ++k) {
      if (fine.ranks_[k] == 0) continue;
      const size_t low = k & ((size_t{1} << more) - 1);
      const int rank = low == 0 ? fine.ranks_[k] + more : std::countl_zero(static_cast<uint64_t>(low) << (64 - more)) + 1;
      uint8_t& r = folded[k >> more];
      r = std::max(r, static_cast<uint8_t>(rank));
    }
    fine.ranks_ = std::move(folded);
    fine.precision_ = precision;
  }
  for (size_t k = 0; k < ranks_.size(); ++k) ranks_[k] = std::max(ranks_[k], theirs.ranks_[k]);
}
int64_t Hll::count() const {
  if (ranks_.empty()) return static_cast<int64_t>(hashes_.size());
  const auto m = static_cast<double>(ranks_.size());
  double sum = 0, zeros = 0;
  for (const uint8_t rank : ranks_) sum += std::ldexp(1.0, -rank), zeros += rank == 0;
  const double estimate = 0.7213 / (1 + 1.079 / m) * m * m / sum;
  return std::llround(estimate <= 2.5 * m && zeros > 0 ? m * std::log(m / zeros) : estimate);
}
Json Hll::to_json() const {
  Json head = Json::array(), hashes = Json::array(), json = Json::array();
  head.items = {Json::of(static_cast<int64_t>(kept_hashes)), Json::of(int64_t{precision_})};
  for (const uint64_t hash : hashes_) hashes.items.push_back(Json::of(static_cast<int64_t>(hash)));
  std::string registers;
  for (const uint8_t rank : ranks_) registers += static_cast<char>('0' + rank);
  json.items = {std::move(head), std::move(hashes), Json::of(std::move(registers))};
  return json;
}
std::optional<Hll> Hll::from_json(const Json& json) {
  if (!json.is_array() || json.items.size() != 3 || json.items[0].items.size() != 2 || !json.items[1].is_array() || !json.items[2].is_string()) return std::nullopt;
  const int64_t precision = json.items[0].items[1].i;
  if (precision < 4 || precision > 18) return std::nullopt;
  Hll out(static_cast<int>(precision));
  const std::string& registers = json.items[2].s;
  if (!registers.empty()) {
    if (registers.size() != size_t{1} << precision) return std::nullopt;
    for (const char c : registers) {
      if (c < '0' || c > '0' + 64) return std::nullopt;
      out.ranks_.push_back(static_cast<uint8_t>(c - '0'));
    }
  }
  for (const Json& hash : json.items[1].items) out.add(static_cast<uint64_t>(hash.i));
  return out;
}

// ---------------------------------------------------------------- t-digest

void Digest::add(double value, double weight) {
  if (!std::isfinite(value) || !(weight > 0) || !std::isfinite(weight)) return;
  fresh_.push_back({value, weight});
  total_ += weight;
  if (fresh_.size() >= fresh_points) settle();
}
void Digest::merge(const Digest& other) {
  if (empty()) type_ = other.type_;
  for (const auto* list : {&other.points_, &other.fresh_}) {
    for (const Point& p : *list) add(p.mean, p.weight);
  }
}
// Equal values are one point. Above max_points, neighbours join: the less the nearer to an end.
void Digest::settle() {
  points_.insert(points_.end(), fresh_.begin(), fresh_.end());
  fresh_.clear();
  std::sort(points_.begin(), points_.end(), [](const Point& a, const Point& b) { return a.mean < b.mean; });
  std::vector<Point> merged;
  for (const Point& p : points_) {
    if (!merged.empty() && merged.back().mean == p.mean) merged.back().weight += p.weight;
    else merged.push_back(p);
  }
  points_ = std::move(merged);
  if (points_.size() <= max_points) return;
  merged = {points_[0]};
  double before = 0;  // weight in front of the point being grown
  for (size_t k = 1; k < points_.size(); ++k) {
    Point& last = merged.back();
    const Point& p = points_[k];
    const double q = (before + (last.weight + p.weight) / 2) / total_;
    const double limit = 4 * total_ * q * (1 - q) / static_cast<double>(max_points);
    if (last.weight + p.weight <= limit) {
      last.mean += (p.mean - last.mean) * p.weight / (last.weight + p.weight);
      last.weight += p.weight;
    } else {
      before += last.weight;
      merged.push_back(p);
    }
  }
  points_ = std::move(merged);
}
Value Digest::percentile(double percent) {
  settle();
  if (points_.empty()) return Value::none(Type::real);
  double up_to = 0, value = points_.back().mean;
  for (const Point& p : points_) {
    up_to += p.weight;
    if (up_to >= percent / 100 * total_ - 1e-9) {
      value = p.mean;
      break;
    }
  }
  if (type_ == Type::real || type_ == Type::decimal || std::fabs(value) > 9e18) return Value::real(value);
  return {type_ == Type::int32 || type_ == Type::boolean ? Type::int64 : type_, false, static_cast<int64_t>(std::llround(value)), 0, {}};
}
double Digest::rank(double value) {
  settle();
  double up_to = 0;
  for (const Point& p : points_) if (p.mean <= value) up_to += p.weight;
  return up_to;
}
Json Digest::to_json() {
  settle();
  Json head = Json::array(), means = Json::array(), weights = Json::array(), json = Json::array();
  head.items = {Json::of(std::string(columns::type_name(type_)))};
  for (const Point& p : points_) means.items.push_back(Json::of(p.mean)), weights.items.push_back(Json::of(p.weight));
  json.items = {std::move(head), std::move(means), std::move(weights)};
  return json;
}
std::optional<Digest> Digest::from_json(const Json& json) {
  if (!json.is_array() || json.items.size() != 3 || json.items[0].items.size() != 1) return std::nullopt;
  const std::optional<Type> type = type_from_name(json.items[0].items[0].s);
  const std::vector<Json>&means = json.items[1].items, &weights = json.items[2].items;
  if (!type || means.size() != weights.size()) return std::nullopt;
  Digest out(*type);
  for (size_t k = 0; k < means.size(); ++k) {
    if (!means[k].is_number() || !weights[k].is_number()) return std::nullopt;
    out.add(means[k].number(), weights[k].number());
  }
  return out;
}

}  // namespace app::kql
