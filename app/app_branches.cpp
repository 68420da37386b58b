// A conversation whose questions may have alternatives: each edit and each second try begins a
// branch; the others stay and can be shown again. Messages are known by their place in the order they
// came, so that copies and exports of a session keep their branches.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "app/app_state.h"
#include "engine/base/error.h"

namespace app {

size_t parent_of(const OpenSession& session, size_t message) {
  if (const auto found = session.branch_parents.find(message); found != session.branch_parents.end()) return found->second;
  return message == 0 ? no_message : message - 1;
}

namespace {

// The last message that follows, from one message on: at a fork the newest branch.
size_t leaf_below(const OpenSession& session, size_t message) {
  size_t leaf = message;
  for (size_t next = message + 1; next < session.messages.size(); ++next)
    if (parent_of(session, next) == leaf) {
      // A later child of the same message replaces the earlier ones.
      size_t last = next;
      for (size_t other = next + 1; other < session.messages.size(); ++other)
        if (parent_of(session, other) == leaf) last = other;
      leaf = last;
      next = last;
    }
  return leaf;
}

size_t place_of(const OpenSession& session, int64_t id) {
  for (size_t i = 0; i < session.messages.size(); ++i)
    if (session.messages[i].id == id) return i;
  return no_message;
}

}  // namespace

std::vector<size_t> shown_messages(const OpenSession& session) {
  std::vector<size_t> shown;
  if (session.messages.empty()) return shown;
  size_t at = session.branch_leaf < session.messages.size() ? session.branch_leaf : session.messages.size() - 1;
  while (at != no_message) {
    shown.push_back(at);
    const size_t parent = parent_of(session, at);
    // Parents come before their children; a text that says otherwise would never end.
    if (parent != no_message && parent >= at) break;
    at = parent;
  }
  std::reverse(shown.begin(), shown.end());
  return shown;
}

std::map<int64_t, BranchView> branches_of(const OpenSession& session, const std::vector<size_t>& shown) {
  std::map<int64_t, BranchView> views;
  if (session.branch_parents.empty()) return views;
  for (const size_t at : shown) {
    std::vector<size_t> siblings;
    for (size_t other = 0; other < session.messages.size(); ++other)
      if (parent_of(session, other) == parent_of(session, at)) siblings.push_back(other);
    if (siblings.size() < 2) continue;
    BranchView view;
    view.count = static_cast<int>(siblings.size());
    const auto here = std::find(siblings.begin(), siblings.end(), at);
    view.index = static_cast<int>(here - siblings.begin());
    if (here != siblings.begin()) view.previous = session.messages[*std::prev(here)].id;
    if (std::next(here) != siblings.end()) view.next = session.messages[*std::next(here)].id;
    views[session.messages[at].id] = view;
  }
  return views;
}

std::string branches_to_text(const OpenSession& session) {
  std::string text;
  for (const auto& [message, parent] : session.branch_parents)
    text += engine::format("%zu<%lld ", message, parent == no_message ? -1LL : static_cast<long long>(parent));
  if (session.branch_leaf != SIZE_MAX) text += engine::format("=%zu", session.branch_leaf);
  return text;
}

void branches_from_text(OpenSession& session, const std::string& text) {
  session.branch_parents.clear();
  session.branch_leaf = SIZE_MAX;
  size_t at = 0;
  while (at < text.size()) {
    const size_t end = std::min(text.find(' ', at), text.size());
    const std::string piece = text.substr(at, end - at);
    size_t message = 0;
    long long parent = 0;
    if (std::sscanf(piece.c_str(), "%zu<%lld", &message, &parent) == 2) {
      if (parent < static_cast<long long>(message)) session.branch_parents[message] = parent < 0 ? no_message : static_cast<size_t>(parent);
    } else if (std::sscanf(piece.c_str(), "=%zu", &message) == 1) {
      session.branch_leaf = message;
    }
    at = end + 1;
  }
}

// --- what came with a question

std::string attached_to_text(const OpenSession& session) {
  std::string text;
  for (const auto& [place, sources] : session.attached) {
    text += engine::format("%zu:", place);
    for (size_t i = 0; i < sources.size(); ++i) text += (i == 0 ? "" : ",") + std::to_string(sources[i]);
    text += ' ';
  }
  return text;
}

void attached_from_text(OpenSession& session, const std::string& text) {
  session.attached.clear();
  const char* at = text.c_str();
  while (*at != 0) {
    char* end = nullptr;
    const size_t place = std::strtoull(at, &end, 10);
    if (end == at || *end != ':') return;
    std::vector<uint32_t> sources;
    do {
      at = end + 1;
      sources.push_back(static_cast<uint32_t>(std::strtoul(at, &end, 10)));
      if (end == at) return;
    } while (*end == ',');
    // A copy may end before the question.
    if (place < session.messages.size()) session.attached[place] = std::move(sources);
    at = *end == ' ' ? end + 1 : end;
  }
}

std::vector<uint32_t> new_attachments(const OpenSession& session, size_t parent, size_t n_sources) {
  // Ids count up, so what came last is beyond those that came with a question.
  uint32_t first = 0;
  for (const auto& [place, sources] : session.attached)
    for (const uint32_t id : sources) first = std::max(first, id + 1);
  std::vector<uint32_t> fresh;
  for (uint32_t id = first; id < n_sources; ++id) fresh.push_back(id);
  if (!fresh.empty()) return fresh;
  for (const auto& [place, sources] : session.attached)
    if (parent_of(session, place) == parent) return sources;
  return {};
}

void App::State::save_branches(OpenSession& session) {
  std::string text;
  {
    const std::lock_guard lock(session.mutex);
    text = branches_to_text(session);
  }
  guard("Saving the conversation", [&] { sessions->set_state(session.id, "branches", text); });
}

void App::ask_again(int64_t message, const std::string& question, bool other_seed) {
  State& s = *state_;
  const SessionPtr session = s.current;
  if (!session || question.empty()) return;
  size_t parent = no_message;
  uint64_t tries = 0;
  {
    const std::lock_guard lock(session->mutex);
    if (session->answering) return;
    const size_t place = place_of(*session, message);
    if (place == no_message) return;
    parent = parent_of(*session, place);
    for (size_t other = 0; other < session->messages.size(); ++other) tries += parent_of(*session, other) == parent;
  }
  s.guard("Asking", [&] { s.ask(session, question, true, parent, other_seed ? tries : 0, parent == no_message); });
}

void App::show_branch(int64_t message) {
  State& s = *state_;
  const SessionPtr session = s.current;
  if (!session) return;
  {
    const std::lock_guard lock(session->mutex);
    const size_t place = place_of(*session, message);
    if (place == no_message || session->answering) return;
    session->branch_leaf = leaf_below(*session, place);
  }
  s.save_branches(*session);
  s.publish_incident(*session);
}

void App::pin_answer(int64_t message) {
  State& s = *state_;
  const SessionPtr session = s.current;
  if (!session) return;
  size_t place = no_message;
  {
    const std::lock_guard lock(session->mutex);
    session->pinned_answer = message;
    place = message == 0 ? no_message : place_of(*session, message);
  }
  s.guard("Pinning the answer", [&] { s.sessions->set_state(session->id, "report.answer", place == no_message ? "" : std::to_string(place)); });
  s.publish_incident(*session);
}

void App::fork_session(int64_t up_to_message) {
  State& s = *state_;
  if (!s.current) return;
  s.guard("Forking", [&] { s.copy_session(s.current->id, " (fork)", up_to_message); });
}

// --- what the screens keep with a session

std::string App::view_state(const std::string& key) const {
  const SessionPtr& session = state_->current;
  if (!session) return {};
  const auto found = session->view_state.find(key);
  return found == session->view_state.end() ? std::string() : found->second;
}

void App::set_view_state(const std::string& key, const std::string& value) {
  State& s = *state_;
  if (!s.current || view_state(key) == value) return;
  if (value.empty()) s.current->view_state.erase(key);
  else s.current->view_state[key] = value;
  s.guard("Saving the view", [&] { s.sessions->set_state(s.current->id, key, value); });
  if (key == template_edits_key) s.take_groups(value);
}

// Merged templates count as one from now on, also in what is shown already.
void App::State::take_groups(const std::string& edits) {
  TemplateGroups groups = TemplateGroups::from_text(edits);
  {
    const std::lock_guard lock(current->mutex);
    if (current->groups == groups) return;
    current->groups = std::move(groups);
  }
  publish_logs(*current);
  publish_kql(*current);
  if (const auto compared = get(compare_view); !compared->rows.empty()) compare(compared->a, compared->b);
}

}  // namespace app
