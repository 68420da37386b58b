// Two parts of the log side by side: which templates are new, gone, more or less frequent. Every row
// is counted; nothing is sampled and no normal day is needed.
#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <utility>

#include "app/app_state.h"
#include "engine/base/error.h"

namespace app {
namespace {

// Dunning's log-likelihood ratio of two counts out of two totals: how much more is said by two
// shares than by a common one.
double surprise(uint64_t n_a, uint64_t total_a, uint64_t n_b, uint64_t total_b) {
  const double all = double(total_a) + double(total_b);
  if (all <= 0) return 0;
  const double expected_a = double(total_a) * double(n_a + n_b) / all;
  const double expected_b = double(total_b) * double(n_a + n_b) / all;
  double sum = 0;
  if (n_a > 0 && expected_a > 0) sum += double(n_a) * std::log(double(n_a) / expected_a);
  if (n_b > 0 && expected_b > 0) sum += double(n_b) * std::log(double(n_b) / expected_b);
  return std::max(0.0, 2 * sum);
}

// Counts of templates over the rows that one condition lets through.
uint64_t count_templates(const store::LogSnapshot& log, const FilterChip& part, std::stop_token stop,
                         const TemplateGroups& groups, std::unordered_map<uint32_t, std::pair<uint64_t, uint64_t>>& counts, bool second) {
  LogFilter filter;
  filter.chips = {part};
  const FilterResult found = apply_filter(log, filter, stop);
  uint64_t total = 0;
  size_t next = 0;
  for (size_t chunk = 0; chunk < log.n_chunks(); ++chunk) {
    if (stop.stop_requested()) engine::fail(engine::ErrorKind::cancelled, "comparing was cancelled");
    const store::ChunkInfo info = log.info(chunk);
    const RowId end = info.first_row + info.n_rows;
    if (found.rows && (next >= found.rows->size() || (*found.rows)[next] >= end)) continue;
    const auto data = log.partial_chunk(chunk, store::column_bit(store::LogColumn::template_id));
    const columns::Column* ids = &data->columns[static_cast<size_t>(store::LogColumn::template_id)];
    const auto add = [&](size_t at) {
      ++total;
      if (ids->is_null(at)) return;
      auto& [a, b] = counts[groups.leader_of(static_cast<uint32_t>(ids->i64(at)))];
      ++(second ? b : a);
    };
    if (!found.rows) {
      for (size_t at = 0; at < info.n_rows; ++at) add(at);
    } else {
      for (; next < found.rows->size() && (*found.rows)[next] < end; ++next) add(static_cast<size_t>((*found.rows)[next] - info.first_row));
    }
  }
  return total;
}

}  // namespace

std::shared_ptr<const CompareView> App::compare() const { return state_->get(state_->compare_view); }

void App::compare_logs(const FilterChip& a, const FilterChip& b) {
  if (state_->current) state_->compare(a, b);
}

void App::State::compare(const FilterChip& a, const FilterChip& b) {
  State& s = *this;
  const SessionPtr session = current;
  s.jobs->cancel_kind("compare");
  CompareView begun;
  begun.a = a;
  begun.b = b;
  begun.running = true;
  s.set(s.compare_view, CompareView(begun));
  begun.running = false;
  s.jobs->start(
      "compare", "compare", "Comparing two parts of the log",
      [&s, session, begun](Job& job) {
        CompareView view = begun;
        std::unordered_map<uint32_t, std::pair<uint64_t, uint64_t>> counts;
        const auto log = session->log->snapshot();
        TemplateGroups groups;
        {
          const std::lock_guard lock(session->mutex);
          groups = session->groups;
        }
        view.n_a = count_templates(*log, view.a, job.stop(), groups, counts, false);
        job.progress(0.5);
        view.n_b = count_templates(*log, view.b, job.stop(), groups, counts, true);
        if (view.n_a == 0 || view.n_b == 0)
          view.error = view.n_a == 0 ? "No line is in part A; choose another range, file or host." : "No line is in part B; choose another range, file or host.";
        for (const auto& [id, n] : counts) view.rows.push_back({id, n.first, n.second, surprise(n.first, view.n_a, n.second, view.n_b)});
        std::sort(view.rows.begin(), view.rows.end(),
                  [](const CompareView::Row& x, const CompareView::Row& y) { return x.score != y.score ? x.score > y.score : x.template_id < y.template_id; });
        s.set(s.compare_view, std::move(view));
      },
      [&s, begun](const std::string& error) {
        CompareView view = begun;
        view.error = error;
        s.set(s.compare_view, std::move(view));
      });
}

}  // namespace app
