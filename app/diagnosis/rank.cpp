#include <algorithm>
#include <map>

#include "app/diagnosis/findings.h"
#include "app/diagnosis/text_match.h"
#include "engine/base/text.h"

namespace app::diagnosis {
namespace {

// What each property of a finding is worth in its score; severity leads, then what it names.
constexpr double severity_worth[] = {0.1, 0.5, 0.8, 1.0};
constexpr double w_severity = 0.34, w_specific = 0.30, w_question = 0.20, w_name = 0.11, w_early = 0.05;
constexpr double consequence_factor = 0.6;
constexpr double other_name_factor = 0.72;
constexpr Ticks slack = 120 * ticks_per_second;  // clocks and buffers: a cause may be logged a little late
constexpr Ticks least_range = 10 * ticks_per_second;  // below this the order of findings says little
constexpr size_t max_findings_of_check = 4;

std::string text_of(const RawFinding& raw) {
  std::string text = raw.finding.title + " " + raw.finding.cause + " " + raw.subject;
  for (const LineRef& line : raw.finding.evidence) text += " " + line.text.substr(0, 400);
  return text;
}

bool explains(const RawFinding& cause, const RawFinding& effect) {
  if (cause.finding.check == effect.finding.check) return false;
  auto fits = [&](const std::string& id) { return fits_check_id(id, effect.finding.check); };
  if (!std::any_of(cause.explains.begin(), cause.explains.end(), fits)) return false;
  Ticks a = cause.finding.first_time, b = effect.finding.first_time;
  return a == no_time || b == no_time || a <= b + slack;
}

// For each finding the index of the one that explains it best, or -1. A chain is followed to its
// root; two that explain each other are left apart.
std::vector<int> causes_of(const std::vector<RawFinding>& found) {
  std::vector<int> cause(found.size(), -1);
  for (size_t effect = 0; effect < found.size(); effect++)
    for (size_t c = 0; c < found.size(); c++) {
      if (c == effect || found[c].finding.severity < Severity::warning || !explains(found[c], found[effect])) continue;
      if (explains(found[effect], found[c]) && found[effect].specific >= found[c].specific) continue;
      if (cause[effect] < 0 || found[c].specific > found[cause[effect]].specific) cause[effect] = static_cast<int>(c);
    }
  return cause;
}

int root_of(const std::vector<int>& cause, int start) {
  int at = start;
  for (size_t step = 0; step <= cause.size() && cause[at] >= 0; step++) at = cause[at];
  return at;
}

// 0..1 by BM25 among the findings, with the check's topics on top.
std::vector<double> question_fit(const std::vector<RawFinding>& found, const std::string& question) {
  Bm25 index;
  for (const RawFinding& raw : found) index.add(text_of(raw));
  index.finish();
  std::vector<double> fit = index.scores(question);
  double most = fit.empty() ? 0 : *std::max_element(fit.begin(), fit.end());
  for (size_t i = 0; i < found.size(); i++) {
    fit[i] = most > 0 ? 0.5 * fit[i] / most : 0;
    bool on_topic = std::any_of(found[i].topics.begin(), found[i].topics.end(), [&](const std::string& topic) {
      return engine::contains_ignoring_case(question, topic);
    });
    fit[i] += on_topic ? 0.5 : 0;
  }
  return fit;
}

// 1: speaks of a name in the question; 0: does not, though another finding does; 0.5: no telling.
std::vector<double> name_fit(const std::vector<RawFinding>& found, const std::string& question) {
  std::vector<std::string> names = names_in(question);
  std::vector<double> fit(found.size(), 0);
  for (size_t i = 0; i < found.size(); i++) {
    std::string text = text_of(found[i]);
    for (const LineRef& line : found[i].finding.evidence) text += " " + line.file;
    for (const std::string& name : names)
      if (engine::contains_ignoring_case(text, name)) fit[i] = 1;
    if (!found[i].subject.empty() && found[i].subject.size() >= 4 &&
        engine::contains_ignoring_case(question, found[i].subject))
      fit[i] = 1;
  }
  bool any = std::any_of(fit.begin(), fit.end(), [](double f) { return f > 0; });
  if (!any) std::fill(fit.begin(), fit.end(), 0.5);
  return fit;
}

// 1 for the earliest timed finding of at least a warning, falling to 0 for the latest; 0.5 untimed.
// What lies within seconds is as good as together: programs log in no strict order.
std::vector<double> early_fit(const std::vector<RawFinding>& found) {
  Ticks first = no_time, last = no_time;
  for (const RawFinding& raw : found) {
    Ticks t = raw.finding.first_time;
    if (t == no_time || raw.finding.severity < Severity::warning) continue;
    if (first == no_time || t < first) first = t;
    last = std::max(last, t);
  }
  std::vector<double> fit;
  for (const RawFinding& raw : found) {
    Ticks t = raw.finding.first_time;
    bool timed = t != no_time && last > first && t >= first;
    const Ticks range = std::max(last - first, least_range);
    fit.push_back(timed ? 1 - double(t - first) / double(range) : 0.5);
  }
  return fit;
}

}  // namespace

std::vector<Finding> rank_findings(std::vector<RawFinding> found, const std::string& question,
                                   const ScanResult&) {
  std::vector<int> cause = causes_of(found);
  std::vector<double> asked = question_fit(found, question), named = name_fit(found, question), early = early_fit(found);
  for (size_t i = 0; i < found.size(); i++) {
    Finding& finding = found[i].finding;
    double score = w_severity * severity_worth[static_cast<int>(finding.severity)] + w_specific * found[i].specific +
                   w_question * asked[i] + w_name * named[i] + w_early * early[i];
    if (named[i] == 0) score *= other_name_factor;
    if (cause[i] >= 0) {
      score *= consequence_factor;
      finding.consequence_of = found[root_of(cause, static_cast<int>(i))].finding.check;
    }
    finding.score = std::clamp(score, 0.0, 1.0);
  }
  for (size_t i = 0; i < found.size(); i++)
    if (cause[i] >= 0)
      found[i].finding.cause += " Probably a consequence of: " + found[root_of(cause, static_cast<int>(i))].finding.title + ".";
  std::stable_sort(found.begin(), found.end(),
                   [](const RawFinding& a, const RawFinding& b) { return a.finding.score > b.finding.score; });
  std::vector<Finding> findings;
  std::map<std::string, size_t> n_of_check;
  for (RawFinding& raw : found)
    if (n_of_check[raw.finding.check]++ < max_findings_of_check) findings.push_back(std::move(raw.finding));
  return findings;
}

}  // namespace app::diagnosis
