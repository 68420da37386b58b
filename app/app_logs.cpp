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
constexpr const char* sample_notice = "Stored sample, not generated now: the answer was composed from the findings. A log of your own begins a session of its own.";

std::string thousands(uint64_t n) {
  std::string text = std::to_string(n);
  for (size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

std::string joined_lines(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

std::string file_name(const std::string& path) {
  const std::string name = std::filesystem::path(path).filename().string();
  return name.empty() ? path : name;
}

}  // namespace

void App::ingest_paths(const std::vector<std::string>& paths) {
  if (paths.empty()) return;
  state_->with_session([s = state_.get(), paths] {
    s->leave_sample();
    s->ingest(paths, {}, {});
  });
}

void App::ingest_text(const std::string& name, std::string text) {
  if (text.empty()) return;
  state_->with_session([s = state_.get(), name, text = std::move(text)]() mutable {
    s->leave_sample();
    s->ingest({}, name, std::move(text));
  });
}

// A log of one's own does not mix with the bundled one: it begins a session.
void App::State::leave_sample() {
  if (!current || current->view_state["sample"].empty()) return;
  guard("New session", [&] { new_session(untitled); });
}

void App::State::ingest(std::vector<std::string> paths, std::string name, std::string text, std::string question, std::string encoding) {
  const SessionPtr session = current;
  if (!session) return;
  const std::string shown = paths.empty() ? name : file_name(paths.front());
  set_error(*session, {});
  {
    const std::lock_guard lock(session->mutex);
    if (session->title == untitled) session->title = shown;
  }
  guard("Naming the session", [&] {
    sessions->rename(session->id, session->title);
    // Taken off when it ended: what is still there after a start was cut off.
    sessions->set_state(session->id, "reading", shown);
  });
  publish_sessions();

  IngestOptions ingest_options;
  ingest_options.utc_offset_minutes = utc_offset_minutes(settings.time_zone);
  ingest_options.encoding = std::move(encoding);
  std::shared_ptr<const logs::FormatSet> known_formats;
  {
    const std::lock_guard lock(view_mutex);
    known_formats = formats;
  }
  auto work = [this, session, known_formats, shown, paths = std::move(paths), name, text = std::move(text), question,
               ingest_options](Job& job) mutable {
    keep_state(session->id, "reading", shown);   // one before it may have taken its own off
    const auto on_progress = [&](const IngestProgress& p) {
      const double fraction = p.n_bytes_total == 0
                                  ? -1
                                  : static_cast<double>(p.n_bytes_done) / static_cast<double>(p.n_bytes_total);
      job.progress(fraction, "reading", thousands(p.n_lines) + " lines");
    };
    const IngestSummary summary =
        paths.empty() ? app::ingest_text(*session->log, std::move(text), name, *known_formats, ingest_options, on_progress, job.stop())
                      : app::ingest(*session->log, paths, *known_formats, ingest_options, on_progress, job.stop());
    std::string notes;
    {
      const std::lock_guard lock(session->mutex);
      session->anomalies = summary.anomalies;
      for (const std::string& note : summary.notes)
        if (std::find(session->reading_notes.begin(), session->reading_notes.end(), note) == session->reading_notes.end()) session->reading_notes.push_back(note);
      notes = joined_lines(session->reading_notes);
    }
    if (summary.cancelled) set_notice(*session, "Reading " + shown + " was cancelled: it is here up to line " + thousands(summary.n_lines) + ", and the checks have not run.");
    keep_state(session->id, "reading", "");
    keep_state(session->id, "notes.reading", notes);
    publish_logs(*session);
    if (!summary.cancelled) run_checks(session, job);
    start_filter(session);
    if (!question.empty() && !summary.cancelled) ask(session, question, false);
  };
  const auto on_error = [this, session](const std::string& message) {
    {
      const std::lock_guard lock(session->mutex);
      session->checks_running = false;
    }
    keep_state(session->id, "reading", "");
    set_error(*session, message);
  };
  jobs->start("ingest", "ingest", "Reading " + shown, std::move(work), on_error, session->id);
}

void App::check_again(bool every_source) {
  if (state_->current) state_->start_checks(state_->current, every_source);
}

void App::State::start_checks(const SessionPtr& session, bool every_source) {
  const auto on_error = [this, session](const std::string& message) {
    {
      const std::lock_guard lock(session->mutex);
      session->checks_running = false;
    }
    set_error(*session, message);
  };
  jobs->start("ingest", "checks", "Checking the log", [this, session, every_source](Job& job) { run_checks(session, job, every_source); }, on_error, session->id);
}

void App::State::run_checks(const SessionPtr& session, Job& job, bool every_source) {
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
  if (every_source) check_options.max_document_rows = check_options.max_document_bytes = UINT64_MAX;
  const std::shared_ptr<const store::LogSnapshot> log = session->log->snapshot();
  diagnosis::ChecksResult result = diagnosis::run_checks(*log, anomalies, checks, check_options);
  // Half a second look does not take the place of a whole first one.
  bool keeps_earlier = false;
  {
    const std::lock_guard lock(session->mutex);
    keeps_earlier = result.partial && !session->checks.empty();
    if (keeps_earlier) session->checks_running = false;
  }
  if (keeps_earlier) return publish_incident(*session);
  sessions->save_findings(session->id, result.findings, result.checks, anomalies);
  const std::vector<Evidence> evidence = diagnosis::gather_evidence(result.findings, *log, {}, anomalies);
  std::vector<uint32_t> evidence_templates = templates_of(evidence, *log, job.stop());
  std::string notes;
  {
    const std::lock_guard lock(session->mutex);
    session->findings = std::move(result.findings);
    session->checks = std::move(result.checks);
    session->evidence = evidence;
    session->evidence_templates = std::move(evidence_templates);
    session->checks_running = false;
    session->lines_only = result.n_in_lines_only > 0;
    session->check_notes = std::move(result.notes);
    notes = joined_lines(session->check_notes);
  }
  read_unusual(*session, job.stop());
  keep_state(session->id, "notes.checks", notes);
  keep_state(session->id, "lines_only", result.n_in_lines_only > 0 ? "1" : "");
  publish_incident(*session);
  publish_sessions();
}

// The lines of the first anomalies; each may lie in a chunk of its own that has to be decoded.
void App::State::read_unusual(OpenSession& session, std::stop_token stop) {
  constexpr size_t most = 12, most_lines = 3;
  std::vector<Anomaly> anomalies;
  {
    const std::lock_guard lock(session.mutex);
    anomalies = session.anomalies;
  }
  const std::shared_ptr<const store::LogSnapshot> log = session.log->snapshot();
  std::vector<Unusual> unusual;
  for (const Anomaly& anomaly : anomalies) {
    if (unusual.size() == most) break;
    Unusual one{anomaly, {}};
    for (const RowId row : anomaly.rows) {
      if (stop.stop_requested()) return;
      if (row < log->n_rows() && one.lines.size() < most_lines) one.lines.push_back(log->line_ref(row));
    }
    unusual.push_back(std::move(one));
  }
  const std::lock_guard lock(session.mutex);
  session.unusual = std::move(unusual);
}

// What is not stored with a session but made from what is: lines of anomalies, evidence of findings.
// Each lies in a chunk that may have to be decoded: for jobs.
std::vector<uint32_t> App::State::templates_of(const std::vector<Evidence>& evidence, const store::LogSnapshot& log, std::stop_token stop) {
  std::vector<uint32_t> templates;
  for (const Evidence& piece : evidence) {
    const bool readable = !stop.stop_requested() && !piece.lines.empty() && piece.lines[0].row < log.n_rows();
    templates.push_back(readable ? log.row(piece.lines[0].row).template_id : no_template);
  }
  return templates;
}

void App::State::complete_reopened(OpenSession& session, std::stop_token stop) {
  bool no_lines = false, no_evidence = false, no_templates = false;
  std::vector<Finding> findings;
  std::vector<Anomaly> anomalies;
  std::vector<Evidence> evidence;
  {
    const std::lock_guard lock(session.mutex);
    if (session.checks_running) return;
    no_lines = session.unusual.empty() && !session.anomalies.empty();
    no_evidence = session.evidence.empty() && !session.findings.empty();
    no_templates = session.evidence_templates.size() != session.evidence.size();
    findings = session.findings;
    anomalies = session.anomalies;
    evidence = session.evidence;
  }
  if (!no_lines && !no_evidence && !no_templates) return;
  if (no_lines) read_unusual(session, stop);
  if (no_evidence || no_templates) {
    const auto log = session.log->snapshot();
    const size_t n_known = evidence.size();
    if (no_evidence) evidence = diagnosis::gather_evidence(findings, *log, {}, anomalies, {.stop = stop});
    std::vector<uint32_t> templates = templates_of(evidence, *log, stop);
    const std::lock_guard lock(session.mutex);
    if (session.evidence.size() == n_known) {
      session.evidence = std::move(evidence);
      session.evidence_templates = std::move(templates);
    }
  }
  publish_incident(session);
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
  complete_reopened(*session, job.stop());
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
      open_session(session.id);
      return;
    }
  }
  new_session(sample.title);
  {
    const std::lock_guard lock(current->mutex);
    current->notice = sample_notice;
  }
  sessions->set_state(current->id, "notice", sample_notice);
  current->view_state["sample"] = "1";
  sessions->set_state(current->id, "sample", "1");
  ingest(sample.paths, {}, {}, sample.question);
}

}  // namespace app
