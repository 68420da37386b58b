// Configuration findings beside the log: which lines name the path, host or port that a finding's
// line is about.
#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include "app/app_state.h"
#include "app/configs/log_terms.h"
#include "app/log_matcher.h"
#include "engine/base/text.h"

namespace app {
namespace {

constexpr size_t shown_rows = 3;

// The terms of each finding's line, by term.
std::map<std::string, std::vector<size_t>> terms_of(const ConfigReview& review) {
  std::map<std::string, std::vector<size_t>> terms;
  const auto lines = engine::split(std::string_view(review.text), '\n');
  for (size_t f = 0; f < review.findings.size(); ++f) {
    const int line = review.findings[f].line;
    if (line < 1 || static_cast<size_t>(line) > lines.size()) continue;
    for (const std::string& term : configs::log_terms(lines[static_cast<size_t>(line) - 1])) terms[term].push_back(f);
  }
  return terms;
}

// Lines of the log with each term: how many, and the first few.
std::vector<CrossCheck> find_terms(const store::LogSnapshot& log, const std::map<std::string, std::vector<size_t>>& terms, Job& job) {
  struct Found {
    uint64_t n_lines = 0;
    std::vector<RowId> rows;
  };
  std::map<std::string, Found> found;
  std::vector<std::pair<std::string, logs::TextFinder>> finders;
  for (const auto& [term, findings] : terms) finders.emplace_back(term, logs::TextFinder(term));
  std::mutex mutex;
  for_each_chunk(log.n_chunks(), job.stop(), [&](double fraction) { job.progress(fraction); }, [&](size_t c) {
    const auto raw = log.column(c, store::LogColumn::raw);
    const RowId first = log.info(c).first_row;
    std::map<std::string, Found> here;
    for (size_t i = 0; i < raw->n_rows(); ++i) {
      const std::string_view text = raw->text(i);
      for (const auto& [term, finder] : finders) {
        if (!finder.in(text) || !configs::holds_term(text, term)) continue;
        Found& f = here[term];
        if (f.rows.size() < shown_rows) f.rows.push_back(first + i);
        ++f.n_lines;
      }
    }
    const std::lock_guard lock(mutex);
    for (auto& [term, f] : here) {
      Found& all = found[term];
      all.n_lines += f.n_lines;
      all.rows.insert(all.rows.end(), f.rows.begin(), f.rows.end());
    }
  });
  std::vector<CrossCheck> out;
  for (auto& [term, f] : found) {
    std::sort(f.rows.begin(), f.rows.end());
    if (f.rows.size() > shown_rows) f.rows.resize(shown_rows);
    for (const size_t finding : terms.at(term)) out.push_back({finding, term, f.n_lines, f.rows});
  }
  std::stable_sort(out.begin(), out.end(), [](const CrossCheck& a, const CrossCheck& b) { return a.finding < b.finding; });
  return out;
}

}  // namespace

void App::cross_check(int64_t review_id, const std::string& file) {
  State& s = *state_;
  const SessionPtr session = s.current;
  if (!session) return;
  s.jobs->start("work", "config", "Looking in the log for what the findings name", [&s, session, review_id, file](Job& job) {
    ConfigReview review;
    {
      const std::lock_guard lock(session->mutex);
      for (const ConfigReview& one : session->reviews)
        if (one.id == review_id && one.file == file) review = one;
    }
    std::vector<CrossCheck> checked = find_terms(*session->log->snapshot(), terms_of(review), job);
    {
      const std::lock_guard lock(session->mutex);
      for (ConfigReview& one : session->reviews) {
        if (one.id != review_id || one.file != file) continue;
        one.cross = checked;
        one.cross_checked = true;
      }
    }
    s.publish_configs(*session);
  });
}

}  // namespace app
