// What only shows over many lines: numbers that grow, errors in one window of time, errors after a
// change, and the errors that no check knows.
#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <map>

#include "app/diagnosis/code_checks.h"
#include "app/diagnosis/pattern_set.h"
#include "app/diagnosis/wording.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::diagnosis {
namespace {

// --- numbers over time

constexpr size_t max_trend_lines = 40'000;  // of one source

struct Point {
  double value;
  const Document* document;
  size_t line;
};

struct TrendKind {
  std::array<const char*, 6> words;  // in the field's name
  const char* what;                  // "memory"
  const char* title;
  const char* cause;
  double least;                      // values below this are noise
};
const std::array<TrendKind, 5> trend_kinds{{
    {{"memory", "heap", "rss", "mem_", "mem ", "resident"}, "memory", "Memory use keeps growing (memory leak?)",
     "A value that only grows points at a memory leak; it ends in an out-of-memory kill", 1},
    {{"latency", "response_time", "response time", "duration", "elapsed", "wait"}, "latency", "Response times keep growing (performance degradation)",
     "Requests take longer and longer: something fills up or is saturated", 5},
    {{"queue", "backlog", "lag", "pending", "waiting", "depth"}, "backlog", "A queue keeps growing",
     "More comes in than is worked off: the consumer is too slow or stuck", 5},
    {{"active_connections", "pool_usage", "connections", "pool usage", "in use", "open_files"}, "connections", "Connections in use keep growing (pool starvation, connection leak?)",
     "Connections are taken and not given back; when the pool is exhausted requests wait and time out", 5},
    {{"timeout_rate", "error_rate", "failure_rate", "error rate", "packet_loss", "loss"}, "rate", "The share of failures keeps growing",
     "The failures are not occasional: the share rises over the log", 0},
}};

const TrendKind* kind_of(const std::string& name) {
  for (const TrendKind& kind : trend_kinds)
    for (const char* word : kind.words)
      if (word && engine::contains_ignoring_case(name, word)) return &kind;
  return nullptr;
}

bool is_fixed_setting(const std::string& name) {
  for (const char* word : {"max", "limit", "total", "size", "timestamp", "time_stamp", "threshold", "capacity", "available", "free"})
    if (engine::contains_ignoring_case(name, word)) return true;
  return false;
}

// "memory_mb": 512, memory usage: 512MB, latency=35ms. Each name with its value.
void add_points(const Document& document, size_t line, std::map<std::string, std::vector<Point>>& series) {
  static const Regex number(R"re(([A-Za-z_][A-Za-z_.]*(?: [A-Za-z_]+){0,2})"?\s*[:=]\s*"?(-?\d+(?:\.\d+)?))re");
  std::string_view rest = std::string_view(document.lines[line].text).substr(0, 4096);
  std::vector<std::string_view> g;
  for (int n = 0; n < 16 && number.match(rest, g); n++) {
    std::string name(g[1]);
    double value = 0;
    std::from_chars(g[2].data(), g[2].data() + g[2].size(), value);
    if (kind_of(name) && !is_fixed_setting(name)) series[name].push_back({value, &document, line});
    rest = rest.substr(static_cast<size_t>(g[2].data() + g[2].size() - rest.data()));
  }
}

double median_of(const std::vector<Point>& points, size_t begin, size_t end) {
  std::vector<double> values;
  for (size_t i = begin; i < end; i++) values.push_back(points[i].value);
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

// Ten equal parts of a series; it grows when nearly every part's median is above the one before. A
// short series must not fall once.
bool grows(const std::vector<Point>& points, double least, double& from, double& to) {
  constexpr size_t n_parts = 10, min_points = 12, enough_points = 30;
  constexpr double min_factor = 1.8;
  if (points.size() < min_points) return false;
  if (points.size() < enough_points &&
      !std::is_sorted(points.begin(), points.end(), [](const Point& a, const Point& b) { return a.value < b.value; }))
    return false;
  std::array<double, n_parts> medians;
  for (size_t p = 0; p < n_parts; p++) medians[p] = median_of(points, points.size() * p / n_parts, points.size() * (p + 1) / n_parts);
  size_t n_up = 0, n_down = 0;
  for (size_t p = 1; p < n_parts; p++) {
    n_up += medians[p] > medians[p - 1];
    n_down += medians[p] < medians[p - 1] * 0.98;
  }
  from = medians.front();
  to = medians.back();
  return n_up >= 5 && n_down <= 1 && to >= least && to >= from * min_factor && to > from;
}

void report_trend(const std::string& name, const std::vector<Point>& points, const TrendKind& kind, double from, double to, std::vector<RawFinding>& out) {
  const Point &first = points.front(), &last = points.back();
  const Point& top = *std::max_element(points.begin(), points.end(), [](const Point& a, const Point& b) { return a.value < b.value; });
  RawFinding raw;
  raw.finding = {.check = "", .title = std::string(kind.title) + ": " + name + " from " + engine::format("%g", from) + " to " + engine::format("%g", to),
                 .cause = std::string(kind.cause) + ". Medians of ten equal parts of the log rise from " + engine::format("%g", from) + " to " + engine::format("%g", to) +
                          " over " + counted(points.size(), "value") + " (highest " + engine::format("%g", top.value) + ").",
                 .severity = Severity::warning, .n_matches = points.size(),
                 .first_time = first.document->lines[first.line].time, .last_time = last.document->lines[last.line].time,
                 .evidence = {first.document->ref(first.line), top.document->ref(top.line), last.document->ref(last.line)},
                 .next_steps = {{.text = "Plot the value over time and look for what began with its growth", .command = ""}}};
  raw.specific = 0.75;
  raw.topics = {kind.what, "slow", "grow", "leak", "degrad", "performance"};
  out.push_back(std::move(raw));
}

// --- time as text

std::string clock_text(Ticks time) {
  int64_t seconds = (time - unix_epoch_ticks) / ticks_per_second;
  int64_t of_day = ((seconds % 86400) + 86400) % 86400;
  return engine::format("%02d:%02d:%02d", int(of_day / 3600), int(of_day / 60 % 60), int(of_day % 60));
}

std::string date_text(Ticks time) {
  std::chrono::sys_days day{std::chrono::days{(time - unix_epoch_ticks) / (86400 * ticks_per_second)}};
  std::chrono::year_month_day date{day};
  return engine::format("%04d-%02u-%02u", int(date.year()), unsigned(date.month()), unsigned(date.day()));
}

const std::pair<const std::string, ErrorShape>* commonest(const ScanResult& scan) {
  const std::pair<const std::string, ErrorShape>* best = nullptr;
  for (const auto& entry : scan.errors)
    if (!best || entry.second.n > best->second.n) best = &entry;
  return best;
}

}  // namespace

void check_number_trends(const CheckContext& context, std::vector<RawFinding>& out) {
  std::map<std::string, std::pair<size_t, RawFinding>> best;  // of each kind the longest series
  for (const auto* list : {&context.scan.documents, &context.scan.samples})
    for (const Document& document : *list) {
      std::map<std::string, std::vector<Point>> series;
      // A trend shows in every so many lines of a long source as well as in all of them.
      const size_t stride = document.lines.size() / max_trend_lines + 1;
      for (size_t i = 0; i < document.lines.size(); i += stride)
        if (!document.lines[i].program_text) add_points(document, i, series);
      for (const auto& [name, points] : series) {
        const TrendKind& kind = *kind_of(name);
        double from = 0, to = 0;
        if (!grows(points, kind.least, from, to) || (best.contains(kind.what) && best[kind.what].first >= points.size())) continue;
        std::vector<RawFinding> one;
        report_trend(name, points, kind, from, to, one);
        best[kind.what] = {points.size(), std::move(one[0])};
      }
    }
  for (auto& [kind, entry] : best) out.push_back(std::move(entry.second));
}

void check_error_window(const CheckContext& context, std::vector<RawFinding>& out) {
  const ScanResult& scan = context.scan;
  constexpr size_t min_errors = 5;
  constexpr Ticks min_range = 20 * 60 * ticks_per_second;
  if (scan.error_times.size() < min_errors || scan.first_time == no_time) return;
  std::vector<Ticks> times = scan.error_times;
  std::sort(times.begin(), times.end());
  // The shortest window that holds nine of ten errors.
  size_t need = (times.size() * 9 + 9) / 10;
  size_t begin = 0;
  for (size_t i = 0; i + need <= times.size(); i++)
    if (times[i + need - 1] - times[i] < times[begin + need - 1] - times[begin]) begin = i;
  Ticks from = times[begin], to = times[begin + need - 1], range = scan.last_time - scan.first_time;
  bool narrow = range >= min_range && (to - from) * 5 < range;
  bool recovers = scan.last_time - to > range / 20;
  const auto* shape = commonest(scan);
  if (!narrow || !shape || shape->second.lines.empty()) return;
  const LineRef& line = shape->second.lines[0];
  RawFinding raw;
  std::string window = clock_text(from) + " to " + clock_text(to) + " UTC on " + date_text(from);
  raw.finding = {.check = "", .title = std::string(recovers ? "Temporary failures" : "Failures") + " from " + window + ": " + excerpt(line.text, line.text.size() / 2, 0, 220),
                 .cause = counted(need, "error") + " of " + std::to_string(times.size()) + " fall into the window " + window + "; the log runs for " +
                          engine::format("%.1f", double(range) / double(ticks_per_second) / 3600) + " hours and " +
                          (recovers ? "it works again afterwards, as in a maintenance window or a transient outage of what it depends on." : "it does not recover.") +
                          " The commonest error: " + excerpt(line.text, 0, 0, 300),
                 .severity = Severity::error, .n_matches = times.size(), .first_time = from, .last_time = to, .evidence = shape->second.lines,
                 .next_steps = {{.text = "Ask what was changed or maintained between " + clock_text(from) + " and " + clock_text(to) + " UTC", .command = ""}}};
  for (const auto& [key, other] : scan.errors)
    if (&other != &shape->second && !other.lines.empty() && raw.finding.evidence.size() < 6) raw.finding.evidence.push_back(other.lines[0]);
  raw.specific = 0.8;
  raw.topics = {"when", "time", "issues", "window", "happen", "during", "between"};
  out.push_back(std::move(raw));
}

void check_change_before_errors(const CheckContext& context, std::vector<RawFinding>& out) {
  static const Regex change(R"((?i)\b(?:config(?:uration)?(?: file)? (?:was |has been )?(?:changed|updated|reloaded|applied)|deploy(?:ed|ing|ment) (?:of )?(?:new )?version|rolled out|rollout|feature flag \S+ (?:enabled|disabled|changed)|upgraded? (?:from|to)|migrat(?:ion|ed) (?:applied|complete|to)|new (?:release|version)|version changed)\b)");
  const ScanResult& scan = context.scan;
  if (scan.error_times.size() < 3) return;
  Ticks first_error = *std::min_element(scan.error_times.begin(), scan.error_times.end());
  const Document* at = nullptr;
  size_t line = 0;
  for (const Document& document : scan.documents)
    for (size_t i = 0; i < document.lines.size(); i++) {
      const DocumentLine& l = document.lines[i];
      if (l.time == no_time || l.time > first_error || l.program_text || !change.matches(l.text)) continue;
      if (!at || l.time >= at->lines[line].time) {
        at = &document;
        line = i;
      }
    }
  if (!at || first_error - scan.first_time < (scan.last_time - scan.first_time) / 20) return;
  if (first_error - at->lines[line].time > (scan.last_time - scan.first_time) / 4) return;
  const auto* shape = commonest(scan);
  RawFinding raw;
  raw.finding = {.check = "", .title = "Errors begin after a change: " + excerpt(at->lines[line].text, 0, 0, 160),
                 .cause = "The log has no error before this line; the first follows " +
                          engine::format("%.0f", double(first_error - at->lines[line].time) / double(ticks_per_second)) + " s later, and " +
                          counted(scan.error_times.size(), "error") + " in all.",
                 .severity = Severity::error, .n_matches = scan.error_times.size(), .first_time = at->lines[line].time, .last_time = scan.last_time,
                 .evidence = {at->ref(line)},
                 .next_steps = {{.text = "Undo the change, or compare the settings before and after it", .command = "", .changes_state = true}}};
  if (shape)
    for (const LineRef& ref : shape->second.lines) raw.finding.evidence.push_back(ref);
  raw.specific = 0.8;
  raw.topics = {"change", "config", "deploy", "since", "after"};
  raw.explains = {"http_5xx", "request_timeouts", "connection_*"};
  out.push_back(std::move(raw));
}

void check_unclassified_errors(const CheckContext& context, std::vector<RawFinding>& out) {
  std::vector<const std::pair<const std::string, ErrorShape>*> unknown;
  uint64_t total = 0;
  for (const auto& entry : context.scan.errors) {
    if (entry.second.explained || entry.second.lines.empty()) continue;
    unknown.push_back(&entry);
    total += entry.second.n;
  }
  if (unknown.empty()) return;
  // The commonest form leads; where none is common, the one that came first is nearest to the cause.
  constexpr uint64_t common = 5;
  auto is_before = [](const LineRef& a, const LineRef& b) { return a.row < b.row; };
  std::stable_sort(unknown.begin(), unknown.end(), [&](auto* a, auto* b) {
    const ErrorShape &x = a->second, &y = b->second;
    if (x.n >= common || y.n >= common) return x.n > y.n;
    return is_before(x.lines[0], y.lines[0]);
  });
  const ErrorShape& first = unknown[0]->second;
  RawFinding raw;
  raw.finding = {.check = "", .title = "Errors of no known kind: " + excerpt(first.lines[0].text, 0, 0, 200),
                 .cause = counted(total, "line") + " of level error or worse in " + counted(unknown.size(), "form") + " match no check. The form shown occurs " +
                          (first.n == 1 ? "once" : std::to_string(first.n) + " times") + ".",
                 .severity = Severity::warning, .n_matches = total, .first_time = first.first_time, .last_time = first.last_time, .evidence = {},
                 .next_steps = {{.text = "Read the lines around the first of them", .command = ""}}};
  for (const auto* entry : unknown) {
    if (raw.finding.evidence.size() == 6) break;
    raw.finding.evidence.push_back(entry->second.lines[0]);
    if (entry->second.first_time != no_time) raw.finding.first_time = std::min(raw.finding.first_time, entry->second.first_time);
  }
  raw.specific = 0.3;
  out.push_back(std::move(raw));
}

}  // namespace app::diagnosis
