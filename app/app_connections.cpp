// The servers that queries can name: listed, changed, tested.
#include <algorithm>
#include <utility>

#include "app/app_state.h"
#include "app/connectors/connection.h"
#include "engine/base/error.h"

namespace app {

using connectors::Connection;

namespace {

bool has_secret(const std::string& data_folder, const std::string& name) { return !connectors::load_secret(data_folder, name).empty(); }

std::vector<Connection>::iterator find_named(std::vector<Connection>& all, const std::string& name) {
  return std::find_if(all.begin(), all.end(), [&](const Connection& c) { return c.name == name; });
}

// What the server says is one line, whatever it says.
std::string one_line(std::string text) {
  std::replace_if(text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
  return text;
}

}  // namespace

void App::State::publish_connections() {
  ConnectionsView view;
  try {
    for (Connection& c : connectors::load_connections(data_folder)) {
      ConnectionView shown;
      shown.leaves_machine = connectors::leaves_machine(c);
      shown.has_secret = has_secret(data_folder, c.name);
      shown.connection = std::move(c);
      view.items.push_back(std::move(shown));
    }
  } catch (const engine::Error& e) {
    view.error = e.what();
  }
  {
    const std::lock_guard lock(connections_mutex);
    for (ConnectionView& item : view.items)
      if (const auto tested = connection_tests.find(item.connection.name); tested != connection_tests.end()) item.test = tested->second;
    view.error = connections_error.empty() ? view.error : connections_error;
  }
  set(connections_view, std::move(view));
}

void App::refresh_connections() {
  state_->jobs->start("work", "connection", "Reading the connections", [&s = *state_](Job&) { s.publish_connections(); });
}

// Work on the two files, then the list as it is; what went wrong is said in the view.
void App::State::change_connections(const std::string& title, std::function<void()> change) {
  const auto say = [this](const std::string& message) {
    {
      const std::lock_guard lock(connections_mutex);
      connections_error = message;
    }
    publish_connections();
  };
  jobs->start(
      "work", "connection", title,
      [this, say, change = std::move(change)](Job&) {
        change();
        {
          // Who is asked, and with which password, is looked up again.
          const std::lock_guard lock(connections_mutex);
          servers.clear();
        }
        say({});
      },
      say);
}

void App::save_connection(const std::string& replaces, const Connection& connection, const std::optional<std::string>& secret) {
  State& s = *state_;
  s.change_connections("Saving the connection", [&s, replaces, connection, secret] {
    const std::string kept = secret ? *secret : replaces.empty() ? std::string() : connectors::load_secret(s.data_folder, replaces);
    connectors::check_connection(connection, !kept.empty());
    std::vector<Connection> all = connectors::load_connections(s.data_folder);
    if (connection.name != replaces && find_named(all, connection.name) != all.end())
      engine::fail(engine::ErrorKind::invalid_input, "there is a connection '%s' already; give this one another name", connection.name.c_str());
    const auto old = find_named(all, replaces);
    if (old != all.end()) *old = connection;
    else all.push_back(connection);
    // The secret is under one name or the other at any moment, whenever the program should end.
    connectors::save_secret(s.data_folder, connection.name, kept);
    connectors::save_connections(s.data_folder, std::move(all));
    if (!replaces.empty() && replaces != connection.name) connectors::save_secret(s.data_folder, replaces, {});
    const std::lock_guard lock(s.connections_mutex);
    s.connection_tests.erase(replaces);
    s.connection_tests.erase(connection.name);
  });
}

void App::remove_connection(const std::string& name) {
  State& s = *state_;
  s.change_connections("Removing the connection", [&s, name] {
    std::vector<Connection> all = connectors::load_connections(s.data_folder);
    const auto at = find_named(all, name);
    if (at == all.end()) return;
    {
      const std::lock_guard lock(s.connections_mutex);
      s.removed_connection = {*at, connectors::load_secret(s.data_folder, name)};
      s.connection_tests.erase(name);
    }
    all.erase(at);
    connectors::save_connections(s.data_folder, std::move(all));
    connectors::save_secret(s.data_folder, name, {});
  });
}

void App::restore_connection() {
  std::optional<std::pair<Connection, std::string>> removed;
  {
    const std::lock_guard lock(state_->connections_mutex);
    removed.swap(state_->removed_connection);
  }
  if (removed) save_connection({}, removed->first, removed->second);
}

void App::test_connection(const std::string& name) {
  State& s = *state_;
  const auto say = [&s, name](ConnectionTest::State state, const std::string& text) {
    {
      const std::lock_guard lock(s.connections_mutex);
      s.connection_tests[name] = {state, one_line(text)};
    }
    s.publish_connections();
  };
  say(ConnectionTest::State::running, {});
  s.jobs->start(
      "work", "connection_test", "Asking " + name + " who it is",
      [&s, name, say](Job& job) {
        std::vector<Connection> all = connectors::load_connections(s.data_folder);
        const auto at = find_named(all, name);
        if (at == all.end()) engine::fail(engine::ErrorKind::not_found, "there is no connection '%s' any more", name.c_str());
        const State::RemoteUse use(s, connectors::leaves_machine(*at) ? std::vector<std::string>{name} : std::vector<std::string>());
        const auto server = connectors::make_server(*at, [&s, name] { return connectors::load_secret(s.data_folder, name); });
        say(ConnectionTest::State::good, server->greet(job.stop()));
      },
      [say](const std::string& message) { say(ConnectionTest::State::failed, message); });
}

std::shared_ptr<const ConnectionsView> App::connections() const { return state_->get(state_->connections_view); }

// One server for all queries of a connection, so that what it said of its tables serves completion too.
std::string App::State::add_servers(kql::Tables& tables) {
  try {
    const std::vector<Connection> all = connectors::load_connections(data_folder);
    const std::lock_guard lock(connections_mutex);
    std::string problem;
    for (const Connection& c : all) {
      KnownServer& known = servers[c.name];
      if (known.server == nullptr || known.connection != c) {
        known = {};
        try {
          known.server = connectors::make_server(c, [folder = data_folder, name = c.name] { return connectors::load_secret(folder, name); });
          known.connection = c;
        } catch (const engine::Error& e) {
          problem += (problem.empty() ? "" : "; ") + std::string(e.what());
        }
      }
      if (known.server != nullptr) tables.add_cluster(c.name, known.server);
    }
    return problem;
  } catch (const engine::Error& e) {
    return e.what();
  }
}

std::vector<std::string> App::State::servers_elsewhere(const std::string& query) const {
  std::vector<std::string> out;
  for (const std::string& name : connectors::clusters_named(query)) {
    const std::lock_guard lock(connections_mutex);
    const auto known = servers.find(name);
    if (known != servers.end() && known->second.server != nullptr && connectors::leaves_machine(known->second.connection)) out.push_back(name);
  }
  return out;
}

App::State::RemoteUse::RemoteUse(State& state, std::vector<std::string> names) : state_(state), names_(std::move(names)) {
  const std::lock_guard lock(state_.connections_mutex);
  for (const std::string& name : names_) ++state_.remote_uses[name];
}

App::State::RemoteUse::~RemoteUse() {
  const std::lock_guard lock(state_.connections_mutex);
  for (const std::string& name : names_)
    if (--state_.remote_uses[name] == 0) state_.remote_uses.erase(name);
}

}  // namespace app
