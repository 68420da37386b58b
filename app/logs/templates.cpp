#include "app/logs/templates.h"

#include <algorithm>

#include "app/logs/cluster.h"
#include "app/logs/mask.h"

namespace app::logs {
namespace {

constexpr size_t n_slots = 128;  // of time, while counting; 64 are given out
constexpr size_t n_slices = 64;
constexpr size_t n_samples_kept = 16;
constexpr size_t n_samples_given = 8;

// What is counted of one template.
struct Counts {
  uint64_t n = 0;
  RowId first_row = no_row, last_row = no_row;
  Ticks first_time = no_time, last_time = no_time;
  uint64_t by_level[n_levels] = {};
  std::vector<RowId> samples;  // every stride-th occurrence
  uint64_t stride = 1;
  std::vector<uint32_t> slots;

  void sample(RowId row) {
    if (n % stride != 0) return;
    samples.push_back(row);
    if (samples.size() < n_samples_kept) return;
    for (size_t i = 1; 2 * i < samples.size(); ++i) samples[i] = samples[2 * i];
    samples.resize(n_samples_kept / 2);
    stride *= 2;
  }
};

// A hash table of 64-bit hashes, open addressing; a hash stands for its masked text.
class ShapeTable {
 public:
  ShapeTable() : slots_(1 << 12) {}
  // The value, or nullptr.
  const uint32_t* find(uint64_t hash) const {
    for (size_t i = hash & mask();; i = (i + 1) & mask()) {
      const Slot& s = slots_[i];
      if (!s.used) return nullptr;
      if (s.hash == hash) return &s.value;
    }
  }
  void insert(uint64_t hash, uint32_t value) {
    if (++n_ * 2 > slots_.size()) grow();
    put(hash, value);
  }
  size_t size() const { return n_; }
  template <class Function>
  void for_each(Function f) {
    for (Slot& s : slots_) {
      if (s.used) f(s.value);
    }
  }
  void clear() {
    if (n_ == 0) return;
    slots_.assign(1 << 12, {});
    n_ = 0;
  }

 private:
  struct Slot {
    uint64_t hash = 0;
    uint32_t value = 0;
    bool used = false;
  };
  size_t mask() const { return slots_.size() - 1; }
  void put(uint64_t hash, uint32_t value) {
    size_t i = hash & mask();
    while (slots_[i].used) i = (i + 1) & mask();
    slots_[i] = {hash, value, true};
  }
  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& s : old) {
      if (s.used) put(s.hash, s.value);
    }
  }
  std::vector<Slot> slots_;
  size_t n_ = 0;
};

}  // namespace

struct TemplateMiner::State {
  explicit State(MinerOptions o) : options(o), clusters(o.max_templates), next_row(o.first_row) {}

  MinerOptions options;
  Clusters clusters;
  ShapeTable shapes;  // masked hash -> shape while learning, -> template afterwards
  ShapeTable fresh;   // masked hash -> shape of this batch
  std::vector<uint64_t> fresh_hashes;
  bool learning = true;
  std::vector<RecordBatch> held;
  size_t n_held = 0, held_bytes = 0;
  RowId next_row;
  std::vector<Counts> counts;
  // Time slots, the same for all templates: slot i begins at origin + i * width.
  Ticks origin = no_time, width = 10'000, first_time = no_time, last_time = no_time;
  std::vector<MaskedToken> tokens;

  std::string_view looked_at(const Record& r) const {
    const std::string_view line =
        r.message.substr(0, std::min(r.message.find('\n'), options.max_bytes));
    return line;
  }

  // --- learning

  void learn(RecordBatch& batch) {
    for (Record& r : batch.records) {
      const std::string_view text = looked_at(r);
      const uint64_t hash = masked_hash(text);
      held_bytes += r.raw.size() + sizeof(Record);
      if (const uint32_t* shape = shapes.find(hash)) {
        clusters.count_shape(*shape);
        r.template_id = *shape;
        continue;
      }
      mask(text, tokens);
      r.template_id = clusters.add_shape(tokens, 1);
      shapes.insert(hash, r.template_id);
    }
    n_held += batch.records.size();
  }

  void end_learning(const OnBatch& on_batch) {
    clusters.settle();
    shapes.for_each([this](uint32_t& value) { value = clusters.template_of_shape(value); });
    learning = false;
    for (RecordBatch& batch : held) {
      for (Record& r : batch.records) {
        r.template_id = clusters.template_of_shape(r.template_id);
        count(r);
      }
      if (on_batch) on_batch(std::move(batch));
      batch = {};
    }
    clusters.forget_shapes();
    held.clear();
    n_held = held_bytes = 0;
  }

  // --- afterwards

  void assign(RecordBatch& batch) {
    constexpr uint32_t pending = 1u
                                 << 31;  // marks the index of a shape in place of a template's id
    fresh.clear();
    for (Record& r : batch.records) {
      const std::string_view text = looked_at(r);
      const uint64_t hash = masked_hash(text);
      if (const uint32_t* id = shapes.find(hash)) {
        r.template_id = *id;
      } else if (const uint32_t* shape = fresh.find(hash)) {
        clusters.count_shape(*shape);
        r.template_id = *shape | pending;
      } else {
        mask(text, tokens);
        const uint32_t added = clusters.add_shape(tokens, 1);
        fresh.insert(hash, added);
        fresh_hashes.push_back(hash);
        r.template_id = added | pending;
      }
    }
    place_fresh();
    for (Record& r : batch.records) {
      if (r.template_id & pending)
        r.template_id = clusters.template_of_shape(r.template_id & ~pending);
      count(r);
    }
    clusters.forget_shapes();
  }

  // A few new shapes are placed one by one; many at once are better judged together.
  void place_fresh() {
    constexpr size_t few = 100, max_shapes = 500'000;
    if (fresh_hashes.empty()) return;
    if (fresh_hashes.size() > few && clusters.n_templates() < options.max_templates) {
      clusters.settle();
    } else {
      for (uint32_t shape = 0; shape < fresh_hashes.size(); ++shape) clusters.place(shape);
    }
    if (shapes.size() + fresh_hashes.size() > max_shapes) shapes.clear();  // only a cache by now
    for (uint32_t shape = 0; shape < fresh_hashes.size(); ++shape) {
      shapes.insert(fresh_hashes[shape], clusters.template_of_shape(shape));
    }
    fresh_hashes.clear();
  }

  void count(const Record& r) {
    if (r.template_id >= counts.size()) counts.resize(r.template_id + 1);
    Counts& c = counts[r.template_id];
    const RowId row = next_row++;
    if (c.first_row == no_row) c.first_row = row;
    c.last_row = row;
    c.sample(row);
    ++c.n;
    ++c.by_level[size_t(r.level)];
    if (r.time == no_time) return;
    if (c.first_time == no_time || r.time < c.first_time) c.first_time = r.time;
    if (c.last_time == no_time || r.time > c.last_time) c.last_time = r.time;
    make_room(r.time);
    if (c.slots.empty()) c.slots.assign(n_slots, 0);
    ++c.slots[size_t((r.time - origin) / width)];
  }

  // Widens the slots until time has one.
  void make_room(Ticks time) {
    if (origin == no_time) {
      origin = first_time = last_time = time;
      return;
    }
    first_time = std::min(first_time, time);
    last_time = std::max(last_time, time);
    while (time - origin >= width * Ticks(n_slots)) fold(false);
    while (time < origin) fold(true);
  }

  // Pairs of slots become one; with backwards the older half is left free.
  void fold(bool backwards) {
    for (Counts& c : counts) {
      if (c.slots.empty()) continue;
      std::vector<uint32_t> folded(n_slots, 0);
      const size_t shift = backwards ? n_slots / 2 : 0;
      for (size_t i = 0; i < n_slots; ++i) folded[shift + i / 2] += c.slots[i];
      c.slots.swap(folded);
    }
    if (backwards) origin -= width * Ticks(n_slots);
    width *= 2;
  }

  std::vector<uint32_t> timeline_of(const Counts& c) const {
    std::vector<uint32_t> slices(n_slices, 0);
    if (c.slots.empty()) return slices;
    const double span = double(std::max<Ticks>(1, last_time - first_time + 1));
    for (size_t i = 0; i < n_slots; ++i) {
      if (c.slots[i] == 0) continue;
      const Ticks middle = std::clamp(origin + Ticks(i) * width + width / 2, first_time, last_time);
      slices[std::min(n_slices - 1, size_t(double(middle - first_time) / span * n_slices))] +=
          c.slots[i];
    }
    return slices;
  }
};

TemplateMiner::TemplateMiner(MinerOptions options) : state_(std::make_unique<State>(options)) {}
TemplateMiner::~TemplateMiner() = default;
TemplateMiner::TemplateMiner(TemplateMiner&&) noexcept = default;

void TemplateMiner::restore(const std::vector<Template>& templates) {
  State& s = *state_;
  for (const Template& t : templates) {
    mask(t.pattern, s.tokens);
    const uint32_t id = s.clusters.restore(s.tokens);
    s.counts.resize(std::max<size_t>(s.counts.size(), id + 1));
    Counts& c = s.counts[id];
    c.n = t.count;
    c.first_row = t.first_row;
    c.last_row = t.last_row;
    c.first_time = t.first_time;
    c.last_time = t.last_time;
    std::copy(std::begin(t.by_level), std::end(t.by_level), c.by_level);
    c.samples = t.samples;
    while (t.count / c.stride > n_samples_kept) c.stride *= 2;
  }
  // Where the counts over time lay is known from the first and last times.
  Ticks first = no_time, last = no_time;
  for (const Template& t : templates) {
    if (t.first_time != no_time && (first == no_time || t.first_time < first)) first = t.first_time;
    if (t.last_time != no_time && (last == no_time || t.last_time > last)) last = t.last_time;
  }
  if (first == no_time) return;
  s.make_room(first);
  s.make_room(last);
  for (size_t id = 0; id < templates.size(); ++id) {
    const std::vector<uint32_t>& timeline = templates[id].timeline;
    for (size_t i = 0; i < timeline.size(); ++i) {
      if (timeline[i] == 0) continue;
      if (s.counts[id].slots.empty()) s.counts[id].slots.assign(n_slots, 0);
      const double share = (double(i) + 0.5) / double(timeline.size());
      const Ticks time = first + Ticks(double(last - first) * share);
      s.counts[id].slots[std::min(n_slots - 1, size_t((time - s.origin) / s.width))] += timeline[i];
    }
  }
}

void TemplateMiner::add(RecordBatch&& batch, const OnBatch& on_batch) {
  State& s = *state_;
  constexpr size_t max_held_bytes = 128 << 20;
  if (s.learning) {
    s.learn(batch);
    s.held.push_back(std::move(batch));
    if (s.n_held >= s.options.learn_records || s.held_bytes >= max_held_bytes)
      s.end_learning(on_batch);
    return;
  }
  s.assign(batch);
  if (on_batch) on_batch(std::move(batch));
}

void TemplateMiner::flush(const OnBatch& on_batch) {
  if (state_->learning && state_->n_held > 0) state_->end_learning(on_batch);
}

std::vector<Template> TemplateMiner::templates() const {
  const State& s = *state_;
  std::vector<Template> out(s.clusters.n_templates());
  for (uint32_t id = 0; id < out.size(); ++id) {
    Template& t = out[id];
    t.id = id;
    t.pattern = s.clusters.pattern(id);
    if (id >= s.counts.size()) continue;
    const Counts& c = s.counts[id];
    t.count = c.n;
    t.first_row = c.first_row;
    t.last_row = c.last_row;
    t.first_time = c.first_time;
    t.last_time = c.last_time;
    std::copy(std::begin(c.by_level), std::end(c.by_level), t.by_level);
    const size_t n = std::min(n_samples_given, c.samples.size());
    for (size_t i = 0; i < n; ++i) t.samples.push_back(c.samples[i * c.samples.size() / n]);
    t.timeline = s.timeline_of(c);
  }
  return out;
}

}  // namespace app::logs
