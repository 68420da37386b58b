// app/kql/sketches.h: small summaries of many values: how many different ones (HyperLogLog) and how
// they are spread (t-digest). A dynamic carries them between hll(), hll_merge() and dcount_hll(), and
// between tdigest(), tdigest_merge() and percentile_tdigest().
//   hll       [[1024, precision], [hash, ...], "registers"]  hashes while there are at most 1024 of them;
//             then a character '0' + rank for each of the 2^precision registers
//   t-digest  [["long"], [mean, ...], [weight, ...]]         means ascend; the type is of the values
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "app/kql/json.h"

namespace app::kql {

uint64_t hash_of(const Value& value);

class Hll {
 public:
  explicit Hll(int precision = 14) : precision_(precision) {}
  static int precision_of_accuracy(int64_t accuracy);  // 0..4, as dcount() takes it
  void add(uint64_t hash);
  void merge(const Hll& other);    // the coarser precision wins
  int64_t count() const;           // exact while the hashes are kept
  Json to_json() const;
  static std::optional<Hll> from_json(const Json& json);
  size_t size_bytes() const { return hashes_.size() * 8 + ranks_.size(); }

 private:
  void to_registers();
  void note(uint64_t hash);

  int precision_;
  std::vector<uint64_t> hashes_;   // sorted
  std::vector<uint8_t> ranks_;     // empty while hashes_ are kept
};

class Digest {
 public:
  explicit Digest(Type type = Type::real) : type_(type) {}
  void add(double value, double weight = 1);
  void merge(const Digest& other);
  bool empty() const { return total_ <= 0; }
  double total() const { return total_; }
  Value percentile(double percent);   // of the values' type; exact up to some hundred different values
  double rank(double value);          // weight at or below
  Json to_json();
  static std::optional<Digest> from_json(const Json& json);
  size_t size_bytes() const { return (points_.size() + fresh_.size()) * sizeof(Point); }

 private:
  struct Point {
    double mean = 0, weight = 0;
  };
  void settle();

  Type type_;
  std::vector<Point> points_, fresh_;  // ascending and settled; as they came
  double total_ = 0;
};

}  // namespace app::kql
