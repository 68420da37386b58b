#include "app/diagnosis/findings.h"

#include <algorithm>

#include "app/diagnosis/wording.h"
#include "engine/base/text.h"

namespace app::diagnosis {
namespace {

constexpr size_t max_evidence = 6;
constexpr size_t max_quote_bytes = 260;
constexpr size_t max_findings_of_check = 4;

// All hits of a check for one value of its group_by, over its patterns.
struct Group {
  std::string key{};
  std::vector<const HitGroup*> hits{};
  std::vector<int> patterns{};
  uint64_t n = 0, n_deciding = 0, n_above_info = 0;
};

std::vector<Group> groups_of(const DataCheck& check, const CheckLibrary& library, const ScanResult& scan) {
  std::vector<Group> groups;
  for (int p : check.patterns)
    for (const auto& [key, hits] : scan.hits[p]) {
      auto it = std::find_if(groups.begin(), groups.end(), [&, &k = key](const Group& g) { return g.key == k; });
      if (it == groups.end()) it = groups.insert(groups.end(), Group{.key = key});
      it->hits.push_back(&hits);
      it->patterns.push_back(p);
      it->n += hits.n_hits;
      if (!library.patterns[p].support) it->n_deciding += hits.n_hits;
      it->n_above_info += hits.n_above_info;
    }
  // What only supports belongs to the first group that decides.
  if (groups.size() > 1 && !check.group_by.empty()) {
    auto loose = std::find_if(groups.begin(), groups.end(), [](const Group& g) { return g.key.empty(); });
    auto target = std::find_if(groups.begin(), groups.end(), [](const Group& g) { return !g.key.empty() && g.n_deciding > 0; });
    if (loose != groups.end() && target != groups.end()) {
      target->hits.insert(target->hits.end(), loose->hits.begin(), loose->hits.end());
      target->patterns.insert(target->patterns.end(), loose->patterns.begin(), loose->patterns.end());
      target->n += loose->n;
      groups.erase(loose);
    }
  }
  std::erase_if(groups, [](const Group& g) { return g.n_deciding == 0; });
  std::stable_sort(groups.begin(), groups.end(), [](const Group& a, const Group& b) { return a.n > b.n; });
  return groups;
}

// The most hits within any window of the check's length.
uint64_t densest(const Group& group, double seconds) {
  std::vector<Ticks> times;
  for (const HitGroup* hits : group.hits) times.insert(times.end(), hits->times.begin(), hits->times.end());
  std::sort(times.begin(), times.end());
  auto span = static_cast<Ticks>(seconds * double(ticks_per_second));
  size_t most = 0, begin = 0;
  for (size_t end = 0; end < times.size(); end++) {
    while (times[end] - times[begin] > span) begin++;
    most = std::max(most, end - begin + 1);
  }
  return most;
}

bool takes_enough(const DataCheck& check, const Group& group, const ScanResult& scan) {
  if (group.n_deciding < check.min_count) return false;
  if (double(group.n_deciding) < check.min_share * double(scan.n_lines)) return false;
  bool has_times = std::any_of(group.hits.begin(), group.hits.end(), [](const HitGroup* h) { return !h->times.empty(); });
  return check.window_seconds <= 0 || !has_times || densest(group, check.window_seconds) >= check.min_count;
}

// The pattern that words the finding: the most specific one, the first of equals.
int leading_pattern(const DataCheck& check, const Group& group, const CheckLibrary& library) {
  int best = -1;
  double most = -1;
  for (int p : group.patterns) {
    const CheckPattern& pattern = library.patterns[p];
    double specific = pattern.specific.value_or(check.specific) - (pattern.support ? 1 : 0);
    if (specific > most) {
      most = specific;
      best = p;
    }
  }
  return best;
}

class Builder {
 public:
  Builder(const DataCheck& check, const Group& group, const CheckLibrary& library, const CheckContext& context)
      : check_(check), group_(group), library_(library), context_(context) {}

  RawFinding build() {
    leading_ = leading_pattern(check_, group_, library_);
    for (size_t i = 0; i < group_.hits.size(); i++)
      if (group_.patterns[i] == leading_) take(*group_.hits[i]);
    for (size_t i = 0; i < group_.hits.size(); i++)
      if (group_.patterns[i] != leading_) take(*group_.hits[i]);
    values_.add_missing(around_);  // what the line itself says goes before what stands around it
    look_up();
    return worded();
  }

 private:
  void take(const HitGroup& hits) {
    for (const Hit& hit : hits.kept) {
      const auto& names = library_.pattern_set.regex(hit.pattern).names();
      for (size_t g = 1; g < hit.groups.size(); g++) values_.add(names[g], hit.groups[g]);
      if (!first_) first_ = &hit;
      if (hit.document >= 0)
        add_context(context_.scan.documents[hit.document], context_.described[hit.document], hit.document_line,
                    around_, first_ == &hit ? context_lines_ : unused_lines_);
    }
  }

  void look_up() {
    if (check_.lookup_table.empty()) return;
    const Table& table = library_.tables.at(check_.lookup_table);
    auto row = table.find(values_.first(check_.lookup_key));
    if (row == table.end()) row = table.find("*");
    if (row == table.end()) return;
    for (const auto& [name, text] : row->second) values_.set(name, render(text, values_));
  }

  RawFinding worded() {
    const CheckPattern& pattern = library_.patterns[leading_];
    values_.set("count", std::to_string(group_.n));
    values_.set("times", group_.n == 1 ? "once" : std::to_string(group_.n) + " times");
    RawFinding raw;
    Finding& finding = raw.finding;
    finding.check = check_.id;
    finding.title = render(pattern.title.empty() ? check_.title : pattern.title, values_);
    finding.cause = render(pattern.cause.empty() ? check_.cause : pattern.cause, values_);
    std::string object = values_.first("object");
    if (!object.empty() && (finding.title + finding.cause).find(object) == std::string::npos)
      finding.cause += " It concerns " + object + ".";
    if (first_)
      finding.cause += " Seen: \"" + excerpt(first_->line.text, first_->match_begin, first_->match_length, max_quote_bytes) + "\"";
    finding.severity = severity(pattern);
    finding.n_matches = group_.n;
    for (const HitGroup* hits : group_.hits) {
      if (hits->first_time != no_time && (finding.first_time == no_time || hits->first_time < finding.first_time))
        finding.first_time = hits->first_time;
      finding.last_time = std::max(finding.last_time, hits->last_time);
    }
    for (const NextStep& step : check_.next_steps)
      finding.next_steps.push_back({.text = render(step.text, values_),
                                    .command = render(step.command, values_, Escape::shell),
                                    .changes_state = step.changes_state});
    add_evidence(finding);
    raw.specific = pattern.specific.value_or(check_.specific);
    raw.explains = check_.explains;
    raw.topics = check_.topics;
    raw.subject = values_.first("object");
    return raw;
  }

  Severity severity(const CheckPattern& pattern) const {
    Severity s = pattern.severity.value_or(check_.severity);
    for (int i = 0; i < 4; i++)
      if (!check_.lookup_table.empty() && values_.first("severity") == severity_names[i]) s = static_cast<Severity>(i);
    // Programs that log a failure at INFO have handled it.
    if (check_.trust_level && group_.n_above_info == 0) s = std::min(s, Severity::info);
    return s;
  }

  void add_evidence(Finding& finding) const {
    auto add = [&](const LineRef& line) {
      bool known = std::find(finding.evidence.begin(), finding.evidence.end(), line) != finding.evidence.end();
      if (!known && finding.evidence.size() < max_evidence) finding.evidence.push_back(line);
    };
    if (first_) add(first_->line);
    for (const HitGroup* hits : group_.hits)
      if (!hits->kept.empty()) add(hits->kept.front().line);
    if (first_ && first_->document >= 0)
      for (const auto& [name, line] : context_lines_)
        if (name == "memory_limit" || name == "exit_code" || name == "image" || name == "exit_message")
          add(context_.scan.documents[first_->document].ref(line));
    for (const HitGroup* hits : group_.hits)
      for (const Hit& hit : hits->kept) add(hit.line);
  }

  const DataCheck& check_;
  const Group& group_;
  const CheckLibrary& library_;
  const CheckContext& context_;
  int leading_ = -1;
  const Hit* first_ = nullptr;
  Values values_, around_;
  std::vector<std::pair<std::string, size_t>> context_lines_, unused_lines_;
};

}  // namespace

std::vector<RawFinding> data_findings(const CheckLibrary& library, const CheckContext& context) {
  std::vector<RawFinding> found;
  for (const DataCheck& check : library.checks) {
    size_t n = 0;
    for (const Group& group : groups_of(check, library, context.scan)) {
      if (!takes_enough(check, group, context.scan)) continue;
      if (n++ == max_findings_of_check) break;
      found.push_back(Builder(check, group, library, context).build());
    }
  }
  return found;
}

}  // namespace app::diagnosis
