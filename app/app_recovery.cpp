// What is said about a session beside its content: errors and notices that stay until they are read,
// and what was brought back after the program ended without closing.
#include <algorithm>
#include <iterator>
#include <utility>

#include "app/app_state.h"
#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/base/log.h"

namespace app {
namespace {

std::string quoted(const std::string& text) {
  constexpr size_t most_bytes = 60;
  std::string line = text.substr(0, text.find('\n'));
  if (line.size() > most_bytes) line = std::string(engine::utf8_prefix(line, most_bytes)) + "…";
  return "\"" + line + "\"";
}

// What was begun in a session and not finished, a sentence each.
std::vector<std::string> unfinished(store::SessionStore& sessions, const SessionInfo& info) {
  std::vector<std::string> edits;
  const std::map<std::string, std::string> state = sessions.state(info.id);
  const auto text_of = [&](const char* key) {
    const auto found = state.find(key);
    return found == state.end() ? std::string() : found->second;
  };
  if (const std::string draft = text_of("draft"); !draft.empty()) edits.push_back(info.title + ": question not sent: " + quoted(draft));
  if (const std::string reading = text_of("reading"); !reading.empty())
    edits.push_back(info.title + ": " + reading + " not read to its end, " + std::to_string(info.n_records) + " records are here");
  if (info.n_messages > 0) {
    const std::vector<Message> messages = sessions.messages(info.id);
    if (!messages.empty() && messages.back().role == "user") edits.push_back(info.title + ": question not answered: " + quoted(messages.back().text));
  }
  return edits;
}

}  // namespace

void App::State::keep_state(int64_t session, const char* key, const std::string& value) {
  try {
    sessions->set_state(session, key, value);
  } catch (const engine::Error& e) {
    // The disk that is full may be the one of the data folder: the view still says what went wrong.
    engine::log_error("session %lld: %s was not kept: %s", static_cast<long long>(session), key, e.what());
  }
}

void App::State::set_error(OpenSession& session, const std::string& error) {
  {
    const std::lock_guard lock(session.mutex);
    if (session.error == error) return;
    session.error = error;
  }
  {
    const std::lock_guard lock(view_mutex);
    if (error.empty()) session_errors.erase(session.id);
    else session_errors[session.id] = error;
  }
  keep_state(session.id, "error", error);
  publish_incident(session);
  publish_sessions();
}

void App::State::set_notice(OpenSession& session, const std::string& notice) {
  {
    const std::lock_guard lock(session.mutex);
    session.notice = notice;
  }
  keep_state(session.id, "notice", notice);
  publish_incident(session);
}

void App::dismiss_notice() {
  State& s = *state_;
  if (!s.current) return;
  s.set_notice(*s.current, {});
  s.set_error(*s.current, {});
}

// Sessions that the run which ended without closing had changed (since: when it began), or showed.
void App::State::find_recovered(Ticks since, int64_t last_shown) {
  Recovered found;
  for (const SessionInfo& info : sessions->list()) {
    if (info.changed < since && info.id != last_shown) continue;
    std::vector<std::string> edits = unfinished(*sessions, info);
    if (info.n_records == 0 && info.n_messages == 0 && info.n_queries == 0 && edits.empty()) continue;
    found.sessions.push_back(info.id);
    std::move(edits.begin(), edits.end(), std::back_inserter(found.edits));
  }
  // Pinned sessions come first in the list.
  std::stable_sort(found.sessions.begin(), found.sessions.end(), [&](int64_t a, int64_t b) { return sessions->info(a)->changed > sessions->info(b)->changed; });
  const std::lock_guard lock(view_mutex);
  recovered = std::move(found);
}

void App::open_recovered() {
  State& s = *state_;
  s.guard("Opening the session", [&] {
    Recovered recovered;
    {
      const std::lock_guard lock(s.view_mutex);
      std::swap(recovered, s.recovered);
    }
    if (!recovered.sessions.empty()) s.open_session(recovered.sessions.front());
    s.publish_sessions();
  });
}

// A session that is being read has its draft already: it is taken away when it is there.
void App::discard_recovered() {
  state_->with_session([s = state_.get()] { s->discard_recovered(); });
}

void App::State::discard_recovered() {
  State& s = *this;
  guard("Discarding", [&] {
    Recovered dropped;
    {
      const std::lock_guard lock(s.view_mutex);
      std::swap(dropped, recovered);
    }
    s.discarded_drafts.clear();
    for (const int64_t id : dropped.sessions) {
      const std::map<std::string, std::string> state = s.sessions->state(id);
      const auto draft = state.find("draft");
      if (draft == state.end()) continue;
      s.discarded_drafts[id] = draft->second;
      s.sessions->set_state(id, "draft", "");
      if (const SessionPtr known = s.open[id].lock()) {
        const std::lock_guard lock(known->mutex);
        known->draft.clear();
      }
    }
    if (s.current) s.publish_incident(*s.current);
    s.publish_sessions();
  });
}

void App::restore_recovered() {
  State& s = *state_;
  s.guard("Undo", [&] {
    for (const auto& [id, draft] : std::exchange(s.discarded_drafts, {})) {
      s.sessions->set_state(id, "draft", draft);
      if (const SessionPtr known = s.open[id].lock()) {
        const std::lock_guard lock(known->mutex);
        known->draft = draft;
      }
    }
    if (s.current) s.publish_incident(*s.current);
  });
}

}  // namespace app
