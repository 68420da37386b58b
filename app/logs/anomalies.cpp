#include "app/logs/anomalies.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <numeric>

#include "app/logs/timestamps.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::logs {
namespace {
using engine::format;
using store::LogColumn;

constexpr size_t n_slots = 512;  // of time, for all records together
constexpr size_t n_gaps_kept = 32;

// With milliseconds where the whole log lasts less than a minute.
std::string clock_text(Ticks time, Ticks log_span) {
  const std::string iso = iso_text(time);  // 2026-01-31T10:20:30.1230000Z
  if (iso.empty()) return iso;
  return iso.substr(0, 10) + " " + iso.substr(11, log_span < 60 * ticks_per_second ? 12 : 8);
}

std::string times_text(uint64_t n) {
  return n == 1 ? "once" : format("%llu times", static_cast<unsigned long long>(n));
}

std::string span_text(Ticks span) {
  const double s = double(span) / double(ticks_per_second);
  if (s < 0.002) return format("%.0f µs", s * 1e6);
  if (s < 1) return format("%.0f ms", s * 1000);
  if (s < 120) return format("%.1f s", s);
  if (s < 2 * 3600) return format("%.0f min", s / 60);
  if (s < 48 * 3600) return format("%.1f h", s / 3600);
  return format("%.1f days", s / 86400);
}

std::string quoted(const std::string& pattern) {
  constexpr size_t shown = 100;
  if (pattern.size() <= shown) return "\"" + pattern + "\"";
  return "\"" + std::string(engine::utf8_prefix(pattern, shown)) + "…\"";
}

unsigned long long count_of(uint64_t n) { return static_cast<unsigned long long>(n); }

bool is_bad(const Template& t) {
  const uint64_t bad = t.by_level[size_t(Level::error)] + t.by_level[size_t(Level::critical)] +
                       t.by_level[size_t(Level::warning)];
  return bad * 2 > t.count;
}

struct Slot {
  uint32_t n = 0, n_errors = 0;
  RowId first_error = no_row, last_error = no_row;
};

struct Gap {
  Ticks begin = no_time, end = no_time;
  RowId before = no_row, after = no_row;
  Ticks length() const { return end - begin; }
};

}  // namespace

struct ActivityCounter::State {
  std::vector<Slot> slots = std::vector<Slot>(n_slots);
  Ticks origin = no_time, width = 10'000;  // slot i begins at origin + i * width
  Ticks first = no_time, last = no_time;   // of all times
  Ticks newest = no_time;                  // the latest time so far, for gaps
  RowId newest_row = no_row;
  std::vector<Gap> gaps;  // the longest, longest first
  uint64_t n_timed = 0, n_records = 0, n_errors = 0;
  uint64_t n_backwards = 0;  // records earlier than the one before them

  void fold(bool backwards) {
    std::vector<Slot> folded(n_slots);
    const size_t shift = backwards ? n_slots / 2 : 0;
    for (size_t i = 0; i < n_slots; ++i) {
      Slot& to = folded[shift + i / 2];
      const Slot& from = slots[i];
      to.n += from.n;
      to.n_errors += from.n_errors;
      if (to.first_error == no_row ||
          (from.first_error != no_row && from.first_error < to.first_error))
        to.first_error = from.first_error;
      if (from.last_error != no_row) to.last_error = from.last_error;
    }
    slots.swap(folded);
    if (backwards) origin -= width * Ticks(n_slots);
    width *= 2;
  }

  void add(Ticks time, Level level, RowId row) {
    ++n_records;
    const bool error = level >= Level::error;
    n_errors += error;
    if (time == no_time) return;
    ++n_timed;
    if (origin == no_time) origin = first = last = newest = time, newest_row = row;
    while (time - origin >= width * Ticks(n_slots)) fold(false);
    while (time < origin) fold(true);
    first = std::min(first, time);
    last = std::max(last, time);
    Slot& slot = slots[size_t((time - origin) / width)];
    ++slot.n;
    if (error) {
      ++slot.n_errors;
      if (slot.first_error == no_row) slot.first_error = row;
      slot.last_error = row;
    }
    if (time < newest) {
      ++n_backwards;
      return;
    }
    note_gap({newest, time, newest_row, row});
    newest = time;
    newest_row = row;
  }

  void note_gap(const Gap& gap) {
    if (gap.length() <= 0 || (gaps.size() == n_gaps_kept && gap.length() <= gaps.back().length()))
      return;
    const auto at = std::find_if(gaps.begin(), gaps.end(),
                                 [&](const Gap& g) { return g.length() < gap.length(); });
    gaps.insert(at, gap);
    if (gaps.size() > n_gaps_kept) gaps.pop_back();
  }

  // --- findings

  // Seen for the first time late in the log, in a log that had shown its usual messages by then.
  void find_new(std::span<const Template> templates, std::vector<Anomaly>& out) const {
    const Ticks span = last - first;
    for (const Template& t : templates) {
      if (t.count == 0 || t.first_time == no_time || span <= 0) continue;
      const double share = double(t.first_time - first) / double(span);
      if (share < 0.25 || n_records < 50) continue;
      Anomaly a;
      a.kind = "new_template";
      a.begin = t.first_time;
      a.end = t.last_time;
      a.template_id = t.id;
      a.rows = t.samples;
      const double often = std::min(1.0, std::log2(1.0 + double(t.count)) / 8);
      a.score = std::min(1.0, 0.25 + 0.25 * often + 0.15 * share + (is_bad(t) ? 0.35 : 0));
      a.text = format("%s appears first at %s, after %.0f %% of the log's time, %s in all.",
                      quoted(t.pattern).c_str(), clock_text(t.first_time, last - first).c_str(),
                      share * 100, times_text(t.count).c_str());
      out.push_back(std::move(a));
    }
  }

  void find_rare(std::span<const Template> templates, std::vector<Anomaly>& out) const {
    if (n_records < 200) return;
    for (const Template& t : templates) {
      if (t.count == 0 || double(t.count) > std::max(1.0, double(n_records) * 1e-4) || t.count > 5)
        continue;
      Anomaly a;
      a.kind = "rare_template";
      a.begin = t.first_time;
      a.end = t.last_time;
      a.template_id = t.id;
      a.rows = t.samples;
      a.score = (is_bad(t) ? 0.55 : 0.15) + 0.1 / double(t.count);
      a.text = format("%s occurs %s in %llu records.", quoted(t.pattern).c_str(),
                      times_text(t.count).c_str(), count_of(n_records));
      out.push_back(std::move(a));
    }
  }

  // Common and steady, then silent for far longer than between its messages before.
  void find_gone(std::span<const Template> templates, std::vector<Anomaly>& out) const {
    const Ticks span = last - first;
    if (span <= 0) return;
    for (const Template& t : templates) {
      if (t.count < 20 || t.last_time == no_time || t.timeline.empty()) continue;
      const double silent = double(last - t.last_time),
                   lived = double(std::max<Ticks>(1, t.last_time - t.first_time));
      const double usual = lived / double(t.count);
      const auto n_alive =
          std::count_if(t.timeline.begin(), t.timeline.end(), [](uint32_t n) { return n > 0; });
      const double until = double(t.last_time - first) / double(span) * double(t.timeline.size());
      // Steady: there in most of the slices of its life.
      if (silent < 0.15 * double(span) || silent < 20 * usual || double(n_alive) < 0.6 * until)
        continue;
      Anomaly a;
      a.kind = "gone_template";
      a.begin = t.last_time;
      a.end = last;
      a.template_id = t.id;
      a.rows = t.samples;
      if (t.last_row != no_row) a.rows = {t.last_row};
      a.score = std::min(0.8, 0.35 + 0.4 * silent / double(span));
      a.text =
          format("%s came every %s (%llu times) and stops at %s; the log goes on for %s.",
                 quoted(t.pattern).c_str(), span_text(Ticks(usual)).c_str(), count_of(t.count),
                 clock_text(t.last_time, last - first).c_str(), span_text(Ticks(silent)).c_str());
      out.push_back(std::move(a));
    }
  }

  // One slice of the time range holds many times the usual count of a template.
  void find_bursts(std::span<const Template> templates, std::vector<Anomaly>& out) const {
    const Ticks span = last - first;
    if (span <= 0) return;
    for (const Template& t : templates) {
      if (t.count < 15 || t.timeline.size() < 8) continue;
      const size_t n = t.timeline.size();
      const size_t peak =
          size_t(std::max_element(t.timeline.begin(), t.timeline.end()) - t.timeline.begin());
      const double top = t.timeline[peak];
      std::vector<uint32_t> sorted = t.timeline;
      std::nth_element(sorted.begin(), sorted.begin() + ptrdiff_t(n / 2), sorted.end());
      const double median = sorted[n / 2], mean = (double(t.count) - top) / double(n - 1);
      const double usual = std::max(median, mean);
      // Ten times the usual, and beyond what chance gives (Poisson, five sigma).
      if (top < 15 || top < 10 * std::max(usual, 0.5) || top < usual + 5 * std::sqrt(usual + 1))
        continue;
      Anomaly a;
      a.kind = "burst";
      a.begin = first + Ticks(double(span) * double(peak) / double(n));
      a.end = first + Ticks(double(span) * double(peak + 1) / double(n));
      a.template_id = t.id;
      a.rows = t.samples;
      const double factor = top / std::max(usual, 1.0 / double(n));
      a.score = std::min(1.0, 0.3 + 0.08 * std::log2(factor) + (is_bad(t) ? 0.3 : 0));
      a.text = format("%s: %.0f of %llu within %s from %s, usually %.1f in that time.",
                      quoted(t.pattern).c_str(), top, count_of(t.count),
                      span_text(a.end - a.begin).c_str(), clock_text(a.begin, last - first).c_str(),
                      usual);
      out.push_back(std::move(a));
    }
  }

  // No record at all for far longer than usual.
  void find_gaps(std::vector<Anomaly>& out) const {
    const Ticks span = last - first;
    if (n_timed < 30 || span <= 0 || gaps.empty()) return;
    // Times that jump back and forth (several files, one after the other) say nothing about
    // silence.
    if (n_backwards * 10 > n_timed) return;
    const double usual = double(span) / double(n_timed);
    // The gaps below the longest ones show what is normal here.
    const double normal = double(gaps[gaps.size() - 1].length());
    for (const Gap& gap : gaps) {
      const double length = double(gap.length());
      if (gap.length() < ticks_per_second || length < 0.02 * double(span) || length < 30 * usual ||
          length < 4 * std::max(usual, gaps.size() == n_gaps_kept ? normal : usual))
        continue;
      Anomaly a;
      a.kind = "gap";
      a.begin = gap.begin;
      a.end = gap.end;
      a.rows = {gap.before, gap.after};
      a.score =
          std::min(0.9, 0.3 + 0.1 * std::log2(length / usual) / 2 + length / double(span) * 0.4);
      a.text = format("No record for %s, from %s to %s; usually one comes every %s.",
                      span_text(gap.length()).c_str(), clock_text(gap.begin, last - first).c_str(),
                      clock_text(gap.end, last - first).c_str(), span_text(Ticks(usual)).c_str());
      out.push_back(std::move(a));
    }
  }

  // The stretch in which errors are a clearly larger share of all records than before and after.
  void find_error_share(std::vector<Anomaly>& out) const {
    if (n_errors < 10 || n_timed < 50 || last <= first) return;
    const size_t used = size_t((last - origin) / width) + 1,
                 from = size_t((first - origin) / width);
    const size_t n_steps = std::min<size_t>(48, used - from);
    if (n_steps < 6) return;
    struct Step {
      double n = 0, errors = 0;
      RowId first_error = no_row, last_error = no_row;
    };
    std::vector<Step> steps(n_steps);
    for (size_t i = from; i < used; ++i) {
      Step& s = steps[std::min(n_steps - 1, (i - from) * n_steps / (used - from))];
      s.n += slots[i].n;
      s.errors += slots[i].n_errors;
      if (s.first_error == no_row) s.first_error = slots[i].first_error;
      if (slots[i].last_error != no_row) s.last_error = slots[i].last_error;
    }
    // Kadane: the stretch with the largest sum of errors above expectation.
    const double all = std::accumulate(steps.begin(), steps.end(), 0.0,
                                       [](double x, const Step& s) { return x + s.errors; });
    const double total = std::accumulate(steps.begin(), steps.end(), 0.0,
                                         [](double x, const Step& s) { return x + s.n; });
    const double share = all / total, slack = std::sqrt(share * (1 - share));
    double best = 0, sum = 0;
    size_t best_begin = 0, best_end = 0, begin = 0;
    for (size_t i = 0; i < n_steps; ++i) {
      sum += steps[i].errors - share * steps[i].n - slack * std::sqrt(steps[i].n);
      if (sum > best) best = sum, best_begin = begin, best_end = i + 1;
      if (sum <= 0) sum = 0, begin = i + 1;
    }
    if (best <= 0) return;
    double n_in = 0, errors_in = 0;
    Anomaly a;
    for (size_t i = best_begin; i < best_end; ++i) {
      n_in += steps[i].n;
      errors_in += steps[i].errors;
      for (const RowId row : {steps[i].first_error, steps[i].last_error}) {
        if (row != no_row && a.rows.size() < 8 && (a.rows.empty() || a.rows.back() != row))
          a.rows.push_back(row);
      }
    }
    const double share_in = errors_in / n_in, rest = total - n_in,
                 share_out = rest > 0 ? (all - errors_in) / rest : 0;
    if (errors_in < 10 || share_in < 2 * share_out || share_in - share_out < 0.02 ||
        best_end - best_begin == n_steps)
      return;
    a.kind = "error_share";
    a.begin = first + Ticks(double(last - first) * double(best_begin) / double(n_steps));
    a.end = first + Ticks(double(last - first) * double(best_end) / double(n_steps));
    a.score = std::min(
        1.0, 0.5 + 0.1 * std::log2(share_in / std::max(share_out, 0.001)) / 2 + 0.3 * share_in);
    a.text = format(
        "Errors are %.1f %% of the records from %s to %s (%.0f of %.0f), %.1f %% in the rest of "
        "the log.",
        share_in * 100, clock_text(a.begin, last - first).c_str(),
        clock_text(a.end, last - first).c_str(), errors_in, n_in, share_out * 100);
    out.push_back(std::move(a));
  }
};

ActivityCounter::ActivityCounter() : state_(std::make_unique<State>()) {}
ActivityCounter::~ActivityCounter() = default;
ActivityCounter::ActivityCounter(ActivityCounter&&) noexcept = default;

void ActivityCounter::add(Ticks time, Level level, RowId row) { state_->add(time, level, row); }

void ActivityCounter::add(std::span<const Record> records, RowId first_row) {
  for (const Record& r : records) state_->add(r.time, r.level, first_row++);
}

std::vector<Anomaly> ActivityCounter::find(std::span<const Template> templates,
                                           const AnomalyOptions& options) const {
  using Finder = std::vector<Anomaly>;
  std::vector<Finder> kinds(6);
  state_->find_new(templates, kinds[0]);
  state_->find_rare(templates, kinds[1]);
  state_->find_gone(templates, kinds[2]);
  state_->find_bursts(templates, kinds[3]);
  state_->find_gaps(kinds[4]);
  state_->find_error_share(kinds[5]);
  const auto better = [](const Anomaly& a, const Anomaly& b) { return a.score > b.score; };
  std::vector<Anomaly> out;
  for (Finder& found : kinds) {
    std::stable_sort(found.begin(), found.end(), better);
    if (found.size() > options.max_per_kind) found.resize(options.max_per_kind);
    for (Anomaly& a : found) out.push_back(std::move(a));
  }
  std::stable_sort(out.begin(), out.end(), better);
  if (out.size() > options.max_anomalies) out.resize(options.max_anomalies);
  return out;
}

std::vector<Anomaly> find_anomalies(std::span<const Template> templates,
                                    const store::LogSnapshot& log, const AnomalyOptions& options,
                                    std::stop_token stop) {
  ActivityCounter counter;
  RowId row = 0;
  for (size_t c = 0; c < log.n_chunks(); ++c) {
    if (stop.stop_requested())
      engine::fail(engine::ErrorKind::cancelled, "the search for anomalies was cancelled");
    const auto chunk =
        log.partial_chunk(c, column_bit(LogColumn::timestamp) | column_bit(LogColumn::level));
    const columns::Column& times = chunk->columns[size_t(LogColumn::timestamp)];
    const columns::Column& levels = chunk->columns[size_t(LogColumn::level)];
    for (size_t i = 0; i < chunk->n_rows; ++i) {
      const std::string_view name = levels.text(i);
      size_t level = 0;
      while (level < size_t(n_levels) && name != level_names[level]) ++level;
      counter.add(times.is_null(i) ? no_time : times.i64(i),
                  level < size_t(n_levels) ? Level(level) : Level::none, row++);
    }
  }
  return counter.find(templates, options);
}

}  // namespace app::logs
