// What the editor of queries asks while one is typed: answered on a thread of its own, the newest
// question first; an answer that was overtaken is thrown away.
#include <algorithm>
#include <utility>

#include "app/app_state.h"
#include "app/log_tables.h"
#include "app/nl2kql/ask.h"
#include "engine/base/error.h"
#include "engine/base/log.h"

namespace app {

LanguageService::LanguageService(std::function<kql::Tables()> tables, std::function<void(QueryHelpView)> publish)
    : tables_(std::move(tables)), publish_(std::move(publish)), thread_([this](std::stop_token stop) { work(stop); }) {}

LanguageService::~LanguageService() {
  thread_.request_stop();
  {
    const std::lock_guard lock(mutex_);
    running_.request_stop();
  }
  wake_.notify_all();
}

void LanguageService::ask(Question question) {
  {
    const std::lock_guard lock(mutex_);
    // A newer question of the same kind replaces one that waits, and stops one that runs.
    std::erase_if(waiting_, [&](const Question& old) { return old.kind == question.kind; });
    if (running_kind_ == question.kind) running_.request_stop();
    waiting_.push_back(std::move(question));
  }
  wake_.notify_all();
}

bool LanguageService::idle() const {
  const std::lock_guard lock(mutex_);
  return waiting_.empty() && !busy_;
}

void LanguageService::work(std::stop_token stop) {
  while (true) {
    Question question;
    std::stop_source running;
    {
      std::unique_lock lock(mutex_);
      busy_ = false;
      wake_.wait(lock, stop, [&] { return !waiting_.empty(); });
      if (stop.stop_requested()) return;
      question = std::move(waiting_.front());
      waiting_.erase(waiting_.begin());
      running_ = running;
      running_kind_ = question.kind;
      busy_ = true;
    }
    try {
      answer(question, running.get_token());
    } catch (const std::exception& e) {
      // The data under a table could not be read; the query itself will say so when it runs.
      engine::log_warning("help for the query: %s", e.what());
    }
  }
}

void LanguageService::answer(const Question& question, const std::stop_token& stop) {
  const kql::Tables tables = tables_();
  if (view_.session != question.session || view_.n_rows != question.n_rows || view_.tables.size() != tables.names().size()) {
    read_tables(tables, stop);
    if (stop.stop_requested()) return;
    view_.session = question.session;
    view_.n_rows = question.n_rows;
  }
  switch (question.kind) {
    case Question::Kind::tables: break;
    case Question::Kind::complete:
      view_.text = question.text;
      view_.offset = question.offset;
      view_.suggestions = kql::suggest(question.text, question.offset, tables, values_);
      view_.call = kql::call_at(question.text, question.offset);
      break;
    case Question::Kind::hover:
      view_.hover_text = question.text;
      view_.hover_offset = question.offset;
      view_.hover = kql::hover_at(question.text, question.offset, tables, values_);
      break;
    case Question::Kind::check:
      view_.checked = question.text;
      view_.diagnostics = kql::check(question.text, tables);
      view_.fixes = kql::quick_fixes(question.text, view_.diagnostics);
      break;
  }
  if (!stop.stop_requested()) publish_(view_);
}

void LanguageService::read_tables(const kql::Tables& tables, const std::stop_token& stop) {
  view_.tables.clear();
  values_.clear();
  for (const std::string& name : tables.names()) {
    if (stop.stop_requested()) return;
    const kql::TableEntry& entry = *tables.find(name);
    QueryHelpView::TableInfo info;
    info.name = name;
    info.about = entry.about;
    kql::SampleValues values = kql::sample_values(*entry.table, stop);
    for (const columns::ColumnInfo& column : entry.table->schema()) {
      QueryHelpView::TableColumn shown;
      shown.name = column.name;
      shown.type = columns::type_name(column.type);
      if (const auto found = values.find(column.name); found != values.end()) shown.examples = found->second;
      info.columns.push_back(std::move(shown));
    }
    view_.tables.push_back(std::move(info));
    // The log's own table says what a column holds; further tables add what it lacks.
    for (auto& [column, list] : values)
      if (name == "Logs" || values_.count(column) == 0) values_[column] = std::move(list);
  }
}

// --- App

namespace {

LanguageService::Question question_of(LanguageService::Question::Kind kind, const std::string& text, size_t offset) {
  LanguageService::Question question;
  question.kind = kind;
  question.text = text;
  question.offset = offset;
  return question;
}

}  // namespace

void App::State::ask_language(LanguageService::Question question) {
  if (!current) return;
  question.session = current->id;
  question.n_rows = current->log->snapshot()->n_rows();
  if (!language) {
    language = std::make_unique<LanguageService>(
        [this] {
          SessionPtr session;
          {
            const std::lock_guard lock(view_mutex);
            session = language_session.lock();
          }
          return session ? tables_of(*session) : kql::Tables();
        },
        [this](QueryHelpView view) {
          SessionPtr session;
          {
            const std::lock_guard lock(view_mutex);
            session = language_session.lock();
          }
          if (!session || session->id != view.session) return;
          bool new_diagnostics = false;
          {
            const std::lock_guard lock(session->mutex);
            if (view.checked != session->kql_checked) {
              session->kql_checked = view.checked;
              session->kql.diagnostics = view.diagnostics;
              new_diagnostics = true;
            }
          }
          set(query_help_view, std::move(view));
          if (new_diagnostics) publish_kql(*session);
        });
  }
  {
    const std::lock_guard lock(view_mutex);
    language_session = current;
  }
  language->ask(std::move(question));
}

std::shared_ptr<const QueryHelpView> App::query_help() const { return state_->get(state_->query_help_view); }

void App::check_query(const std::string& text) {
  if (const SessionPtr session = state_->current) {
    // The same text checked again must be published again: a run may have replaced the diagnostics.
    const std::lock_guard lock(session->mutex);
    session->kql_checked = text + '\n';
  }
  state_->ask_language(question_of(LanguageService::Question::Kind::check, text, 0));
}
void App::complete_query(const std::string& text, size_t offset) {
  state_->ask_language(question_of(LanguageService::Question::Kind::complete, text, offset));
}
void App::hover_query(const std::string& text, size_t offset) {
  state_->ask_language(question_of(LanguageService::Question::Kind::hover, text, offset));
}
std::shared_ptr<const WordsView> App::words() const { return state_->get(state_->words_view); }

nl2kql::AskResult App::State::answer_in_words(OpenSession& session, const std::string& question, bool with_model, const std::stop_token& stop) {
  nl2kql::AskOptions ask;
  ask.run_options.stop = stop;
  nl2kql::AskTexts texts;
  if (with_model) {
    std::shared_ptr<engine::LanguageModel> loaded;
    {
      const std::lock_guard lock(model_mutex);
      loaded = model;
    }
    if (!loaded) engine::fail(engine::ErrorKind::not_found, "no model is loaded; load one under Models, or ask without it");
    texts = nl2kql::read_ask_texts(assets_folder);
    ask.draft = nl2kql::draft_with(std::move(loaded), settings_now().n_ctx, stop);
  }
  nl2kql::AskResult said = nl2kql::ask(question, tables_of(session), texts, ask);
  said.result.reset();  // its rows are shown when the user runs the query
  return said;
}

void App::ask_in_words(const std::string& question, bool with_model) {
  State& s = *state_;
  const SessionPtr session = s.current;
  if (!session || question.empty()) return;
  s.jobs->cancel_kind("words");
  WordsView begun;
  begun.question = question;
  begun.running = true;
  s.set(s.words_view, std::move(begun));
  const auto failed = [&s, question](const std::string& message) {
    WordsView view;
    view.question = question;
    view.error = message;
    s.set(s.words_view, std::move(view));
  };
  s.jobs->start(
      "words", "words", "Writing a query",
      [&s, session, question, with_model, failed](Job& job) {
        WordsView view;
        view.question = question;
        view.answer = s.answer_in_words(*session, question, with_model, job.stop());
        if (!job.stop().stop_requested()) s.set(s.words_view, std::move(view));
      },
      failed);
}

void App::stop_words() {
  state_->jobs->cancel_kind("words");
  WordsView stopped = *words();
  if (!stopped.running) return;
  stopped.running = false;
  stopped.error = "stopped";
  state_->set(state_->words_view, std::move(stopped));
}

void App::read_query_tables() { state_->ask_language({}); }

}  // namespace app
