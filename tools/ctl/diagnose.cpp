// sigmactl diagnose: the main job: read logs, find what broke, answer with lines as proof.
#include <unistd.h>

#include <chrono>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "app/diagnosis/diagnose.h"
#include "app/diagnosis/wording.h"
#include "app/ingest.h"
#include "app/models/catalog.h"
#include "app/sample.h"
#include "app/settings.h"
#include "app/store/database.h"
#include "app/store/log_store.h"
#include "app/store/session_store.h"
#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/base/text.h"
#include "tools/ctl/command.h"
#include "tools/ctl/gpu_option.h"

namespace ctl {
namespace {
using app::Finding;
using app::diagnosis::Diagnosis;
using nlohmann::json;
using Clock = std::chrono::steady_clock;

struct Choices {
  std::vector<std::string> paths;
  std::string question, model, gpu = "auto";
  std::string data_folder;
  bool speculate = true;
  bool no_model = false, json = false, all = false, sample = false, no_save = false, whole = false;
  int n_ctx = 4096, max_tokens = 320, n_threads = 0;
  uint64_t seed = 1;
};

struct Timings {
  double ingest_ms = 0, evidence_ms = 0, first_token_ms = 0, total_ms = 0;
};

struct Result {
  Diagnosis diagnosis;
  app::Answer answer;
  std::vector<app::Source> sources;
  std::vector<std::string> notes;
  int64_t session = 0;
  Timings timings;
  // Of the model's answer; nothing where it was composed.
  std::optional<app::diagnosis::ModelAnswer> from_model = {};
};

double ms_since(Clock::time_point start) { return std::chrono::duration<double, std::milli>(Clock::now() - start).count(); }

// --- JSON

// The store keeps control characters as \xNN; scripts compare with the file, so colour sequences get
// their escape character back.
std::string as_in_file(std::string text) {
  for (size_t at = 0; (at = text.find("\\x1B[", at)) != std::string::npos; at++) text.replace(at, 4, "\033");
  return text;
}

json lines_json(const std::vector<app::LineRef>& lines) {
  json out = json::array();
  for (const app::LineRef& line : lines) out.push_back({{"file", line.file}, {"line", line.line}, {"text", as_in_file(line.text)}});
  return out;
}

json finding_json(const Finding& f) {
  json steps = json::array();
  for (const app::NextStep& step : f.next_steps)
    steps.push_back({{"text", step.text}, {"command", step.command}, {"changes_state", step.changes_state}});
  return {{"check", f.check}, {"title", f.title}, {"cause", f.cause}, {"severity", app::severity_names[int(f.severity)]}, {"score", f.score},
          {"matches", f.n_matches}, {"consequence_of", f.consequence_of}, {"evidence", lines_json(f.evidence)}, {"next_steps", std::move(steps)}};
}

void print_json(const Result& result) {
  json out;
  out["findings"] = json::array();
  for (const Finding& finding : result.diagnosis.checks.findings) out["findings"].push_back(finding_json(finding));
  out["answer"] = result.answer.text;
  out["from_model"] = result.answer.from_model;
  out["inconclusive"] = result.answer.inconclusive;
  out["claims"] = result.answer.n_claims;
  out["claims_supported"] = result.answer.n_supported;
  out["left_out"] = result.answer.left_out;
  out["citations"] = json::array();
  for (const app::Citation& c : result.answer.citations)
    if (c.state != app::CitationState::not_found)
      out["citations"].push_back({{"file", c.line.file}, {"line", c.line.line}, {"text", as_in_file(c.line.text)}, {"evidence", c.evidence_id},
                                  {"state", app::citation_state_names[int(c.state)]}});
  out["checks"] = json::array();
  for (const app::CheckResult& check : result.diagnosis.checks.checks) out["checks"].push_back({{"check", check.check}, {"title", check.title}, {"found", check.n_found}});
  out["session"] = result.session;
  out["notes"] = result.notes;
  out["timings_ms"] = {{"ingest", result.timings.ingest_ms}, {"evidence", result.timings.evidence_ms},
                       {"first_token", result.timings.first_token_ms}, {"total", result.timings.total_ms}};
  if (result.from_model) {
    const app::Answer& answer = result.from_model->answer;
    out["generation"] = {{"prompt_tokens", answer.prompt_tokens}, {"generated_tokens", answer.generated_tokens},
                         {"decode_tok_s", answer.tokens_per_second}, {"passes", result.from_model->n_passes},
                         {"drafted_tokens", result.from_model->drafted_tokens}, {"accepted_tokens", result.from_model->accepted_tokens},
                         {"model_text", result.from_model->model_text}};
  }
  std::printf("%s\n", out.dump(-1, ' ', false, json::error_handler_t::replace).c_str());
}

// --- terminal

struct Colours {
  bool on = isatty(STDOUT_FILENO) != 0;
  const char* bold() const { return on ? "\033[1m" : ""; }
  const char* dim() const { return on ? "\033[2m" : ""; }
  const char* off() const { return on ? "\033[0m" : ""; }
  const char* severity(app::Severity s) const {
    if (!on) return "";
    return s >= app::Severity::error ? "\033[31m" : s == app::Severity::warning ? "\033[33m" : "\033[36m";
  }
};

void print_wrapped(const std::string& text, size_t indent, size_t width) {
  std::string line(indent, ' ');
  size_t used = indent;
  for (std::string_view word : engine::split(text, ' ')) {
    if (used > indent && used + 1 + word.size() > width) {
      std::printf("%s\n", line.c_str());
      line.assign(indent, ' ');
      used = indent;
    }
    if (used > indent) {
      line += ' ';
      used++;
    }
    line += word;
    used += word.size();
  }
  std::printf("%s\n", line.c_str());
}

void print_finding(const Finding& finding, size_t number, const Colours& c) {
  std::printf("%s%zu. %s%s  %s%s%s", c.bold(), number, finding.title.c_str(), c.off(), c.severity(finding.severity),
              app::severity_names[int(finding.severity)], c.off());
  std::printf("%s\n", finding.n_matches > 1 ? (", " + app::diagnosis::counted(finding.n_matches, "line")).c_str() : "");
  print_wrapped(finding.cause, 3, 100);
  for (const app::LineRef& line : finding.evidence)
    std::printf("   %s%s:%llu%s  %s\n", c.dim(), line.file.c_str(), static_cast<unsigned long long>(line.line), c.off(),
                app::diagnosis::excerpt(line.text, 0, 0, 160).c_str());
  for (const app::NextStep& step : finding.next_steps) {
    std::printf("   %s %s\n", step.changes_state ? "CHANGES STATE" : "read-only    ", step.text.c_str());
    if (!step.command.empty()) std::printf("                 $ %s\n", step.command.c_str());
  }
  std::printf("\n");
}

void print_text(const Result& result, const Choices& choices) {
  Colours c;
  const auto& findings = result.diagnosis.checks.findings;
  uint64_t n_lines = result.diagnosis.checks.n_lines;
  std::printf("%s in %s, %s, %.0f ms\n\n", app::diagnosis::counted(n_lines, "line").c_str(), app::diagnosis::counted(result.sources.size(), "source").c_str(),
              app::diagnosis::counted(findings.size(), "finding").c_str(), result.timings.total_ms);
  constexpr size_t n_shown = 5;
  size_t number = 0;
  for (const Finding& finding : findings) {
    if (number == n_shown && !choices.all) break;
    print_finding(finding, ++number, c);
  }
  if (findings.size() > number) std::printf("%s%zu more findings: --all shows them\n\n%s", c.dim(), findings.size() - number, c.off());
  std::printf("%sAnswer%s (%s; %d of %d claims supported)\n\n%s\n", c.bold(), c.off(),
              result.answer.from_model ? result.answer.model.c_str() : "composed from the findings, no model", result.answer.n_supported,
              result.answer.n_claims, result.answer.text.c_str());
  std::map<std::string, bool> shown;
  for (const app::Citation& citation : result.answer.citations) {
    if (citation.state == app::CitationState::not_found || citation.evidence_id.empty() || shown[citation.evidence_id]) continue;
    shown[citation.evidence_id] = true;
    std::printf("%s[%s]%s %s:%llu  %s\n", c.bold(), citation.evidence_id.c_str(), c.off(), citation.line.file.c_str(),
                static_cast<unsigned long long>(citation.line.line), app::diagnosis::excerpt(citation.line.text, 0, 0, 160).c_str());
  }
  for (const std::string& text : result.answer.left_out) std::printf("Left out of the prompt: %s\n", text.c_str());
  std::fflush(stdout);  // where both streams go to one file, notes stand behind the answer, not in a word of it
  for (const std::string& note : result.notes) std::fprintf(stderr, "note: %s\n", note.c_str());
}

// --- the job

void ask(const Choices& choices, const app::store::LogSnapshot& log, Result& result, Clock::time_point start) {
  engine::LoadOptions load;
  load.n_threads = choices.n_threads;
  load.gpu = engine::gpu_mode(choices.gpu);
  load.n_ctx = choices.n_ctx;
  auto model = engine::LanguageModel::load(choices.model, load);
  int n_ctx = model->n_ctx_trained() > 0 ? std::min(choices.n_ctx, model->n_ctx_trained()) : choices.n_ctx;
  auto session = engine::GenerationSession::create(model, n_ctx);
  app::diagnosis::AskOptions options;
  options.max_tokens = choices.max_tokens;
  options.seed = choices.seed;
  options.prompt.instructions = app::diagnosis::load_instructions(app::find_assets_folder());
  // Dim while it is unverified; what is printed at the end has been checked.
  const bool streams = !choices.json && ::isatty(STDERR_FILENO) != 0;
  options.on_text = [&](std::string_view piece) {
    if (result.timings.first_token_ms == 0) result.timings.first_token_ms = ms_since(start);
    if (streams) std::fprintf(stderr, "\033[2m%.*s\033[0m", static_cast<int>(piece.size()), piece.data());
  };
  options.speculative = choices.speculate;
  result.from_model = app::diagnosis::ask_model(result.diagnosis, log, *model, *session, options);
  result.answer = result.from_model->answer;
  if (streams) std::fputs("\n\n", stderr);
}

// What the command line left open: the sample's files and question, the default model.
void complete(Choices& choices) {
  const std::string assets = app::find_assets_folder();
  if (choices.sample) {
    const app::SampleIncident sample = app::load_sample(assets);
    choices.paths.insert(choices.paths.begin(), sample.paths.begin(), sample.paths.end());
    if (choices.question.empty()) choices.question = sample.question;
  }
  if (choices.paths.empty()) {
    engine::fail(engine::ErrorKind::usage, "diagnose needs a PATH (a file, a folder, an archive or - for standard input) or --sample");
  }
  if (choices.model.empty() && !choices.no_model) {
    choices.model = app::models::find_default_model(assets, app::model_folders(choices.data_folder, assets));
    if (choices.model.empty()) std::fprintf(stderr, "note: no model file is there, so the answer is composed from the findings\n");
  }
}

// A session in the user's data folder, or nothing where it cannot be written: the diagnosis goes on.
class SavedSession {
 public:
  explicit SavedSession(const Choices& choices) {
    if (choices.no_save) return;
    try {
      database_ = std::make_unique<app::store::Database>(choices.data_folder + "/sigmadesk.db");
      sessions_ = std::make_unique<app::store::SessionStore>(*database_);
      const std::string title = choices.sample ? "Sample incident" : std::filesystem::path(choices.paths.front()).filename().string();
      id_ = sessions_->create(title.empty() || title == "-" ? "standard input" : title);
      log_ = app::store::open_log_store(*database_, id_);
    } catch (const engine::Error& e) {
      give_up(e);
    }
  }
  ~SavedSession() {
    if (!kept_) discard();
  }
  SavedSession(const SavedSession&) = delete;

  app::store::LogStore* log() { return log_.get(); }

  // The diagnosis goes on without a session.
  void give_up(const engine::Error& why) {
    std::fprintf(stderr, "note: not kept as a session: %s\n", why.what());
    discard();
  }
  int64_t id() const { return kept_ ? id_ : 0; }

  void keep(const Choices& choices, Diagnosis& diagnosis, const std::vector<app::Anomaly>& anomalies, const app::Answer& answer) {
    if (!log_) return;
    log_->flush();
    sessions_->save_findings(id_, diagnosis.checks.findings, diagnosis.checks.checks, anomalies);
    app::Message question;
    question.role = "user";
    question.text = choices.question.empty() ? "What broke?" : choices.question;
    question.time = app::store::now_ticks();
    sessions_->save_message(id_, question);
    app::Message reply;
    reply.role = "assistant";
    reply.text = answer.text;
    reply.time = app::store::now_ticks();
    reply.answer = answer;
    sessions_->save_message(id_, reply, &diagnosis.evidence);
    kept_ = true;
  }

 private:
  void discard() {
    log_.reset();
    if (sessions_ && id_ != 0) {
      try {
        sessions_->remove(id_);
        sessions_->purge(id_);
      } catch (const engine::Error& e) {
        std::fprintf(stderr, "note: an unfinished session stays in the list: %s\n", e.what());
      }
    }
    sessions_.reset();
    database_.reset();
    id_ = 0;
  }

  std::unique_ptr<app::store::Database> database_;
  std::unique_ptr<app::store::SessionStore> sessions_;
  std::unique_ptr<app::store::LogStore> log_;
  int64_t id_ = 0;
  bool kept_ = false;
};

Result diagnose(const Choices& choices) {
  Clock::time_point start = Clock::now();
  Result result;
  std::string assets = app::find_assets_folder();
  app::diagnosis::CheckSet checks = app::diagnosis::CheckSet::load(assets + "/checks");
  auto formats = app::logs::FormatSet::load(assets + "/log_formats");
  SavedSession saved(choices);
  std::unique_ptr<app::store::LogStore> memory = saved.log() == nullptr ? app::store::make_memory_log_store() : nullptr;
  app::store::LogStore* store = memory ? memory.get() : saved.log();
  app::IngestSummary summary;
  try {
    summary = app::ingest(*store, choices.paths, formats);
  } catch (const engine::Error& e) {
    // The full disk of the incident is often this machine's own: then the log is read again, into memory.
    const bool readable_again = std::find(choices.paths.begin(), choices.paths.end(), "-") == choices.paths.end();
    if (memory || e.kind() != engine::ErrorKind::io || !readable_again) throw;
    saved.give_up(e);
    memory = app::store::make_memory_log_store();
    store = memory.get();
    summary = app::ingest(*store, choices.paths, formats);
  }
  result.notes = summary.notes;
  result.timings.ingest_ms = ms_since(start);

  auto log = store->snapshot();
  result.sources = log->sources();
  app::diagnosis::CheckOptions options;
  options.question = choices.question;
  options.n_threads = choices.n_threads;
  if (choices.whole) options.max_document_rows = options.max_document_bytes = UINT64_MAX;
  result.diagnosis = app::diagnosis::diagnose(*log, summary.anomalies, checks, options);
  result.timings.evidence_ms = result.diagnosis.evidence_ms;
  for (const std::string& note : result.diagnosis.checks.notes) result.notes.push_back(note);
  if (result.diagnosis.checks.n_in_lines_only > 0) result.notes.push_back("--whole reads them whole.");
  result.answer = result.diagnosis.answer;
  if (!choices.model.empty() && !choices.no_model) ask(choices, *log, result, start);
  try {
    saved.keep(choices, result.diagnosis, summary.anomalies, result.answer);
  } catch (const engine::Error& e) {
    log.reset();
    saved.give_up(e);
  }
  result.session = saved.id();
  result.timings.total_ms = ms_since(start);
  return result;
}

}  // namespace

void add_diagnose_command(Program& program) {
  auto choices = std::make_shared<Choices>();
  CLI::App* command = program.cli.add_subcommand("diagnose", "Find what broke in logs, command output and manifests, with the lines that prove it");
  command->add_option("PATH", choices->paths, "Files, folders or archives; - reads standard input");
  command->add_flag("--sample", choices->sample, "Diagnose the sample incident that comes with the program");
  command->add_flag("--no-save", choices->no_save, "Do not keep this as a session");
  command->add_option("-q,--question", choices->question, "What you want to know; it orders the findings");
  command->add_option("-m,--model", choices->model, "Model file that words the answer (GGUF; default: the one of the set-up)");
  command->add_flag("--no-model", choices->no_model, "Answer from the checks alone");
  command->add_flag("--json", choices->json, "Print one JSON document");
  command->add_flag("--whole", choices->whole, "Keep sources of any size whole in memory for the checks that read lines together (about 200 bytes a record)");
  command->add_flag("--all", choices->all, "Print all findings, not only the first five");
  command->add_option("--context", choices->n_ctx, "Tokens of context for the model")->check(CLI::Range(512, 1 << 20));
  command->add_option("--max-tokens", choices->max_tokens, "Longest answer of the model, in tokens")->check(CLI::Range(1, 100000));
  command->add_option("--seed", choices->seed, "Seed of the model's sampling");
  command->add_option_function<std::string>("--speculate", [choices](const std::string& how) { choices->speculate = how == "on"; },
                                            "on: guess tokens ahead from the prompt, which changes no answer; off")
      ->check(CLI::IsMember({"on", "off"}));
  command->add_option("--threads", choices->n_threads, "Threads; 0: one for each core");
  add_gpu_option(*command, choices->gpu);
  command->footer("Example: kubectl describe pod web-1 | sigmactl diagnose - app.log --question \"why does web-1 restart?\"");
  command->callback(chosen(program, [&program, choices] {
    choices->data_folder = program.data_folder.empty() ? app::default_data_folder() : program.data_folder;
    complete(*choices);
    Result result = diagnose(*choices);
    if (choices->json)
      print_json(result);
    else
      print_text(result, *choices);
    if (result.from_model && result.from_model->failed) throw *result.from_model->failed;
    return 0;
  }));
}

}  // namespace ctl
