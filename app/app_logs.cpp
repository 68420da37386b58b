// The current session's log: ingest, checks, filter, the sample.
#include <algorithm>
#include <filesystem>
#include <iterator>
#include <utility>

#include "app/app_state.h"
#include "app/ingest.h"
#include "app/logs/anomalies.h"
#include "app/sample.h"
#include "engine/base/error.h"
#include "engine/base/log.h"

namespace app {
namespace {

constexpr const char* untitled = "New incident";
constexpr const char* sample_notice = "Sample incident, bundled with the program: its first answer was composed from the findings, not generated.";

std::string thousands(uint64_t n) {
  std::string text = std::to_string(n);
  for (size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

std::string file_name(const std::string& path) {
  const std::string name = std::filesystem::path(path).filename().string();
  return name.empty() ? path : name;
}

}  // namespace

void App::ingest_paths(const std::vector<std::string>& paths) {
  if (!paths.empty()) state_->ingest(paths, {}, {});
}

void App::ingest_text(const std::string& name, std::string text) {
  if (!text.empty()) state_->ingest({}, name, std::move(text));
}

void App::State::ingest(std::vector<std::string> paths, std::string name, std::string text, std::string question, std::string encoding) {
  const SessionPtr session = current;
  if (!session) return;
  const std::string shown = paths.empty() ? name : file_name(paths.front());
  {
    const std::lock_guard lock(session->mutex);
    session->error.clear();
    if (session->title == untitled) session->title = shown;
  }
  guard("Naming the session", [&] { sessions->rename(session->id, session->title); });
  publish_sessions();

  IngestOptions ingest_options;
  ingest_options.utc_offset_minutes = utc_offset_minutes(settings.time_zone);
  ingest_options.encoding = std::move(encoding);
  std::shared_ptr<const logs::FormatSet> known_formats;
  {
    const std::lock_guard lock(view_mutex);
    known_formats = formats;
  }
  auto work = [this, session, known_formats, paths = std::move(paths), name, text = std::move(text), question,
               ingest_options](Job& job) mutable {
    const auto on_progress = [&](const IngestProgress& p) {
      const double fraction = p.n_bytes_total == 0
                                  ? -1
                                  : static_cast<double>(p.n_bytes_done) / static_cast<double>(p.n_bytes_total);
      job.progress(fraction, "reading", thousands(p.n_lines) + " lines");
    };
    const IngestSummary summary =
        paths.empty() ? app::ingest_text(*session->log, std::move(text), name, *known_formats, ingest_options, on_progress, job.stop())
                      : app::ingest(*session->log, paths, *known_formats, ingest_options, on_progress, job.stop());
    {
      const std::lock_guard lock(session->mutex);
      session->anomalies = summary.anomalies;
      if (summary.cancelled) session->notice = "Reading was cancelled: the log is here up to line " + thousands(summary.n_lines) + ".";
    }
    publish_logs(*session);
    if (!summary.cancelled) run_checks(session, job);
    start_filter(session);
    if (!question.empty() && !summary.cancelled) ask(session, question, false);
  };
  jobs->start("ingest", "ingest", "Reading " + shown, std::move(work), [this, session](const std::string& message) {
    {
      const std::lock_guard lock(session->mutex);
      session->error = message;
      session->checks_running = false;
    }
    publish_incident(*session);
  });
}

void App::State::run_checks(const SessionPtr& session, Job& job) {
  std::vector<Anomaly> anomalies;
  {
    const std::lock_guard lock(session->mutex);
    session->checks_running = true;
    anomalies = session->anomalies;
  }
  publish_incident(*session);
  diagnosis::CheckOptions check_options;
  check_options.stop = job.stop();
  check_options.on_progress = [&](double fraction) { job.progress(fraction, "checks"); };
  const std::shared_ptr<const store::LogSnapshot> log = session->log->snapshot();
  diagnosis::ChecksResult result = diagnosis::run_checks(*log, anomalies, checks, check_options);
  sessions->save_findings(session->id, result.findings, result.checks, anomalies);
  const std::vector<Evidence> evidence = diagnosis::gather_evidence(result.findings, *log, {}, anomalies);
  {
    const std::lock_guard lock(session->mutex);
    session->findings = std::move(result.findings);
    session->checks = std::move(result.checks);
    session->evidence = evidence;
    session->checks_running = false;
  }
  publish_incident(*session);
  publish_sessions();
}

void App::set_filter(const LogFilter& filter) {
  const SessionPtr session = state_->current;
  if (!session) return;
  {
    const std::lock_guard lock(session->mutex);
    session->filter = filter;
  }
  state_->start_filter(session);
}

void App::State::start_filter(const SessionPtr& session) {
  {
    const std::lock_guard lock(session->mutex);
    session->filtering = true;
    session->filter_error.clear();
  }
  publish_logs(*session);
  if (is_current(*session)) jobs->cancel_kind("filter");
  jobs->start("filter", "filter", "Filtering", [this, session](Job& job) { filter(session, job); },
              [this, session](const std::string& message) {
                {
                  const std::lock_guard lock(session->mutex);
                  session->filter_error = message;
                  session->filtering = session->counting_fields = false;
                }
                publish_logs(*session);
              });
}

// The rows first, then what takes longer: the whole log's histogram once, the zoom, the parsed fields.
void App::State::filter(const SessionPtr& session, Job& job) {
  LogFilter filter;
  {
    const std::lock_guard lock(session->mutex);
    filter = session->filter;
  }
  const std::shared_ptr<const store::LogSnapshot> log = session->log->snapshot();
  FilterResult result = apply_filter(*log, filter, job.stop(), [&](double fraction) { job.progress(fraction); });
  const std::shared_ptr<const std::vector<RowId>> rows = result.rows;
  bool know_whole = false;
  {
    const std::lock_guard lock(session->mutex);
    session->filtered = std::move(result);
    session->filtering = false;
    session->counting_fields = true;
    if (!rows) session->whole = session->filtered.histogram;
    know_whole = session->whole.n_records == log->n_rows() && session->whole.begin == session->filtered.histogram.begin;
  }
  publish_logs(*session);
  if (!know_whole) {
    logs::Histogram whole = logs::build_histogram(*log, {}, job.stop());
    const std::lock_guard lock(session->mutex);
    session->whole = std::move(whole);
  }
  zoom(session, job);
  std::vector<Facet> fields = count_fields(*log, rows.get(), job.stop());
  {
    const std::lock_guard lock(session->mutex);
    session->filtered.facets.insert(session->filtered.facets.end(), std::make_move_iterator(fields.begin()), std::make_move_iterator(fields.end()));
    session->counting_fields = false;
  }
  publish_logs(*session);
}

void App::State::zoom(const SessionPtr& session, Job& job) {
  logs::HistogramOptions range;
  std::shared_ptr<const std::vector<RowId>> rows;
  {
    const std::lock_guard lock(session->mutex);
    range.begin = session->zoom_begin;
    range.end = session->zoom_end;
    rows = session->filtered.rows;
  }
  logs::Histogram zoomed;
  if (range.begin != no_time && range.end > range.begin) {
    const std::shared_ptr<const store::LogSnapshot> log = session->log->snapshot();
    if (rows) {
      range.filter = [&](size_t c, const columns::Chunk&) { return passing(*rows, log->info(c).first_row, log->info(c).n_rows); };
      range.filter_columns = 0;
    }
    zoomed = logs::build_histogram(*log, range, job.stop());
  }
  const std::lock_guard lock(session->mutex);
  session->zoomed = std::move(zoomed);
}

void App::zoom_histogram(Ticks begin, Ticks end) {
  State& s = *state_;
  const SessionPtr session = s.current;
  if (!session) return;
  {
    const std::lock_guard lock(session->mutex);
    if (session->zoom_begin == begin && session->zoom_end == end) return;
    session->zoom_begin = begin;
    session->zoom_end = end;
  }
  s.jobs->cancel_kind("zoom");
  s.jobs->start("filter", "zoom", "Counting the lines of the zoom", [&s, session](Job& job) {
    s.zoom(session, job);
    s.publish_logs(*session);
  });
}

std::shared_ptr<const ParametersView> App::parameters() const { return state_->get(state_->parameters_view); }

void App::count_parameters(const std::vector<uint32_t>& template_ids) {
  State& s = *state_;
  const SessionPtr session = s.current;
  if (!session) return;
  ParametersView begun;
  begun.template_ids = template_ids;
  const std::shared_ptr<const store::LogSnapshot> log = session->log->snapshot();
  {
    const std::lock_guard lock(session->mutex);
    begun.rows = session->filtered.rows;
  }
  begun.n_log_rows = log->n_rows();
  begun.running = true;
  s.set(s.parameters_view, ParametersView(begun));
  begun.running = false;
  s.jobs->cancel_kind("parameters");
  s.jobs->start(
      "parameters", "parameters", "Counting the values of a template",
      [&s, log, begun](Job& job) {
        ParametersView view = begun;
        view.templates = app::count_parameters(*log, begun.rows.get(), begun.template_ids, job.stop(), [&](double fraction) { job.progress(fraction); });
        s.set(s.parameters_view, std::move(view));
      },
      [&s, begun](const std::string& error) {
        ParametersView view = begun;
        view.error = error;
        s.set(s.parameters_view, std::move(view));
      });
}

void App::State::open_sample() {
  const SampleIncident sample = load_sample(assets_folder);
  for (const SessionInfo& session : sessions->list()) {
    if (session.title == sample.title) {
      show_session(session.id);
      return;
    }
  }
  new_session(sample.title);
  {
    const std::lock_guard lock(current->mutex);
    current->notice = sample_notice;
  }
  sessions->set_state(current->id, "notice", sample_notice);
  ingest(sample.paths, {}, {}, sample.question);
}

}  // namespace app
