// Reports of a session: what was found, asked, answered and queried, as one document.
#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "app/app_state.h"
#include "app/diagnosis/prompt.h"
#include "app/diagnosis/report.h"
#include "app/system.h"
#include "engine/base/error.h"

namespace app {
namespace {

constexpr size_t max_queries = 10;         // of the history, the newest ones that ran
constexpr uint64_t max_query_rows = 50;    // of each result
constexpr size_t max_preview_bytes = 200'000;

// What a report speaks of, copied out of the session.
struct ReportData {
  diagnosis::ReportInput input;
  std::vector<Source> sources;
  std::vector<Finding> findings;
  std::vector<CheckResult> checks;
  std::vector<Evidence> evidence;
  std::vector<diagnosis::QueryRecord> queries;
  Answer answer;
  int64_t answer_id = 0;
  diagnosis::Prompt prompt;
};

std::string table_text(const kql::ResultTable& table) {
  std::string text;
  for (size_t c = 0; c < table.columns.size(); ++c) text += (c > 0 ? "\t" : "") + table.columns[c].name;
  const uint64_t n_rows = std::min<uint64_t>(table.n_rows, max_query_rows);
  for (uint64_t row = 0; row < n_rows; ++row) {
    text += "\n";
    for (size_t c = 0; c < table.columns.size(); ++c) text += (c > 0 ? "\t" : "") + table.text(row, c);
  }
  if (table.n_rows > n_rows) text += engine::format("\n... and %llu more rows", static_cast<unsigned long long>(table.n_rows - n_rows));
  return text;
}

diagnosis::ReportFormat format_of(const std::string& extension) {
  return extension == ".html"   ? diagnosis::ReportFormat::html
         : extension == ".json" ? diagnosis::ReportFormat::json
                                : diagnosis::ReportFormat::markdown;
}

}  // namespace

// The queries are run again, so that the report shows what they give over the log it is about.
std::vector<diagnosis::QueryRecord> App::State::report_queries(OpenSession& session, Job& job) {
  std::vector<std::string> texts;
  {
    const std::lock_guard lock(session.mutex);
    for (const QueryHistoryItem& item : session.kql.history) {
      if (texts.size() == max_queries) break;
      if (item.error.empty() && std::find(texts.begin(), texts.end(), item.text) == texts.end()) texts.push_back(item.text);
    }
  }
  std::vector<diagnosis::QueryRecord> records;
  if (texts.empty()) return records;
  const kql::Tables tables = tables_of(session);
  kql::RunOptions run;
  run.stop = job.stop();
  run.row_limit = max_query_rows + 1;
  for (auto text = texts.rbegin(); text != texts.rend(); ++text) {
    job.progress(-1, "queries");
    const kql::ResultTable result = kql::run(*text, tables, run);
    records.push_back({*text, result.failed() && !result.diagnostics.empty() ? result.diagnostics.front().message : table_text(result)});
  }
  return records;
}

std::string App::State::make_report(const SessionPtr& session, const std::string& extension, bool mask_secrets, Job& job) {
  const std::shared_ptr<const store::LogSnapshot> log = session->log->snapshot();
  ReportData data;
  {
    const std::lock_guard lock(session->mutex);
    data.findings = session->findings;
    data.checks = session->checks;
    data.evidence = session->evidence;
    data.input.title = session->title;
    // Up to the pinned answer, else the last one.
    for (const size_t place : shown_messages(*session)) {
      const Message& message = session->messages[place];
      if (message.role == "user") data.input.question = message.text;
      if (message.answer) {
        data.answer = *message.answer;
        data.answer_id = message.id;
      }
      if (session->pinned_answer != 0 && message.id == session->pinned_answer) break;
    }
  }
  if (data.answer_id != 0) {
    std::vector<Evidence> shown = sessions->evidence(data.answer_id);
    if (!shown.empty()) data.evidence = std::move(shown);
  }
  // What the model was shown, put together again from the stored evidence.
  if (data.answer.from_model) {
    try {
      data.prompt = diagnosis::build_prompt(data.input.question, data.findings, data.evidence, std::max(data.answer.prompt_tokens, 256) + 64,
                                            diagnosis::estimate_tokens, {.instructions = instructions});
      data.input.prompt = &data.prompt;
    } catch (const engine::Error&) {
      // A question longer than any prompt: the report goes without.
    }
  }
  data.queries = report_queries(*session, job);
  data.sources = log->sources();
  data.input.created = store::now_ticks();
  data.input.sources = data.sources;
  data.input.findings = data.findings;
  data.input.checks = data.checks;
  data.input.evidence = data.evidence;
  data.input.queries = data.queries;
  if (!data.answer.text.empty()) data.input.answer = &data.answer;
  data.input.program_version = SIGMA_VERSION;
  diagnosis::ReportOptions masking;
  masking.redact = mask_secrets;
  return diagnosis::make_report(data.input, format_of(extension), masking);
}

void App::export_report(const std::string& path, bool mask_secrets) {
  State& s = *state_;
  const SessionPtr session = s.current;
  if (!session) return;
  s.jobs->start("work", "export", "Writing " + path, [&s, session, path, mask_secrets](Job& job) {
    write_whole_file(path, s.make_report(session, std::filesystem::path(path).extension().string(), mask_secrets, job));
  }, {}, session->id);
}

void App::prepare_report(const std::string& extension, bool mask_secrets) {
  State& s = *state_;
  const SessionPtr session = s.current;
  if (!session) return;
  s.jobs->cancel_kind("report");
  const auto work = [&s, session, extension, mask_secrets](Job& job) {
    ReportPreview preview;
    preview.extension = extension;
    preview.mask_secrets = mask_secrets;
    preview.text = s.make_report(session, extension, mask_secrets, job);
    // What there is to mask is the same whether it is masked or not.
    diagnosis::Redactor redactor;
    redactor.redact(mask_secrets ? s.make_report(session, extension, false, job) : preview.text);
    for (const diagnosis::Redaction& r : redactor.redactions())
      preview.masked.push_back(engine::format("a secret of %zu characters as %s, %llu times", r.secret.size(), r.placeholder.c_str(),
                                              static_cast<unsigned long long>(r.n_times)));
    preview.n_bytes = preview.text.size();
    if (preview.text.size() > max_preview_bytes) {
      size_t end = preview.text.rfind('\n', max_preview_bytes);
      preview.text.resize(end == std::string::npos ? max_preview_bytes : end);
    }
    if (!job.stop().stop_requested()) s.set(s.report_view, std::move(preview));
  };
  s.jobs->start("preview", "report", "Putting the report together", work,
                [&s, extension, mask_secrets](const std::string& message) {
                  ReportPreview preview;
                  preview.extension = extension;
                  preview.mask_secrets = mask_secrets;
                  preview.error = message;
                  s.set(s.report_view, std::move(preview));
                },
                session->id);
}

std::shared_ptr<const ReportPreview> App::report() const { return state_->get(state_->report_view); }

}  // namespace app
