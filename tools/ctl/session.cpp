// sigmactl session: list, show, search, export, import stored sessions.
// sigmactl db: check the data file, set a damaged one aside.
#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "app/diagnosis/redact.h"
#include "app/settings.h"
#include "app/store/database.h"
#include "app/store/session_store.h"
#include "engine/base/error.h"
#include "tools/ctl/command.h"

namespace ctl {
namespace {

using app::SessionInfo;
using app::Ticks;
using app::store::Database;
using nlohmann::json;

struct Options {
  int64_t session = 0;
  std::string text, file;
  bool as_json = false, archived = false, redact = false;
};

std::string database_path(const Program& program) {
  const std::string folder =
      program.data_folder.empty() ? app::default_data_folder() : program.data_folder;
  return folder + "/sigmadesk.db";
}

// Reading works beside a running Sigma Desk.
Database open_for_reading(const Program& program) {
  return Database(database_path(program), {.read_only = true});
}

// A folder in which nothing was stored yet has an empty list.
std::unique_ptr<Database> open_if_there(const Program& program) {
  try {
    return std::make_unique<Database>(database_path(program), app::store::DatabaseOptions{.read_only = true});
  } catch (const engine::Error& e) {
    if (e.kind() != engine::ErrorKind::not_found) throw;
    std::fprintf(stderr, "sigmactl: %s\n", e.what());
    return nullptr;
  }
}

std::string iso_time(Ticks time) {
  if (time == app::no_time) return "";
  using namespace std::chrono;
  const sys_seconds at{seconds((time - app::unix_epoch_ticks) / app::ticks_per_second)};
  const sys_days day = floor<days>(at);
  const year_month_day date(day);
  const hh_mm_ss clock(at - day);
  return engine::format("%04d-%02u-%02uT%02d:%02d:%02dZ", int(date.year()), unsigned(date.month()),
                        unsigned(date.day()), int(clock.hours().count()), int(clock.minutes().count()),
                        int(clock.seconds().count()));
}

void print(const json& document) {
  std::cout << document.dump(2, ' ', false, json::error_handler_t::replace) << "\n";
}

json to_json(const SessionInfo& info) {
  return {{"session", info.id},         {"title", info.title},
          {"created", iso_time(info.created)}, {"changed", iso_time(info.changed)},
          {"pinned", info.pinned},      {"archived", info.archived},
          {"tags", info.tags},          {"records", info.n_records},
          {"findings", info.n_findings}, {"messages", info.n_messages},
          {"queries", info.n_queries},  {"worst", app::severity_names[int(info.worst)]}};
}

json to_json(const app::LineRef& line) {
  return {{"file", line.file}, {"line", line.line}, {"text", line.text}};
}

json to_json(const app::Finding& finding) {
  json evidence = json::array(), steps = json::array();
  for (const app::LineRef& line : finding.evidence) evidence.push_back(to_json(line));
  for (const app::NextStep& step : finding.next_steps) {
    steps.push_back({{"text", step.text}, {"command", step.command},
                     {"changes_state", step.changes_state}});
  }
  return {{"check", finding.check},       {"title", finding.title}, {"cause", finding.cause},
          {"severity", app::severity_names[int(finding.severity)]}, {"score", finding.score},
          {"matches", finding.n_matches}, {"evidence", evidence},   {"next_steps", steps}};
}

json to_json(const app::Message& message) {
  json document = {{"role", message.role}, {"text", message.text}, {"time", iso_time(message.time)}};
  if (!message.answer) return document;
  json citations = json::array();
  for (const app::Citation& c : message.answer->citations) {
    citations.push_back({{"evidence", c.evidence_id}, {"state", app::citation_state_names[int(c.state)]},
                         {"file", c.line.file}, {"line", c.line.line}});
  }
  document["citations"] = citations;
  document["model"] = message.answer->model;
  document["claims"] = message.answer->n_claims;
  document["supported"] = message.answer->n_supported;
  document["partial"] = message.answer->partial;
  return document;
}

void print_line(const SessionInfo& info) {
  std::printf("%5lld  %s  %9llu records %3llu findings %3llu messages  %s%s\n",
              static_cast<long long>(info.id), iso_time(info.changed).c_str(),
              static_cast<unsigned long long>(info.n_records),
              static_cast<unsigned long long>(info.n_findings),
              static_cast<unsigned long long>(info.n_messages), info.pinned ? "* " : "",
              info.title.c_str());
}

int list(const Program& program, const Options& options) {
  const std::unique_ptr<Database> database = open_if_there(program);
  const auto filter = options.archived ? app::store::ListFilter::all : app::store::ListFilter::active;
  json all = json::array();
  std::vector<SessionInfo> sessions;
  if (database) sessions = app::store::SessionStore(*database).list(filter);
  for (const SessionInfo& info : sessions) {
    options.as_json ? all.push_back(to_json(info)) : print_line(info);
  }
  if (options.as_json) print({{"sessions", all}});
  return 0;
}

int show_json(const app::store::SessionStore& sessions, const app::store::Session& session) {
  json document = to_json(session.info);
  json sources = json::array(), findings = json::array(), messages = json::array(),
       queries = json::array();
  for (const app::Source& source : sessions.sources(session.info.id)) {
    sources.push_back({{"name", source.name}, {"path", source.path}, {"format", source.format},
                       {"lines", source.n_lines}, {"records", source.n_records},
                       {"first_time", iso_time(source.first_time)},
                       {"last_time", iso_time(source.last_time)}, {"notes", source.notes}});
  }
  for (const app::Finding& finding : session.findings) findings.push_back(to_json(finding));
  for (const app::Message& message : session.messages) messages.push_back(to_json(message));
  for (const app::store::StoredQuery& query : session.queries) {
    queries.push_back({{"text", query.text}, {"question", query.question}, {"rows", query.n_rows},
                       {"ms", query.ms}, {"error", query.error}, {"time", iso_time(query.time)}});
  }
  document["sources"] = sources;
  document["finding_list"] = findings;
  document["conversation"] = messages;
  document["query_list"] = queries;
  print(document);
  return 0;
}

int show(const Program& program, const Options& options) {
  Database database = open_for_reading(program);
  const app::store::SessionStore sessions(database);
  const app::store::Session session = sessions.load(options.session);
  if (options.as_json) return show_json(sessions, session);
  print_line(session.info);
  for (const app::Source& source : sessions.sources(options.session)) {
    std::printf("log      %s  %s, %llu lines\n",
                source.path.empty() ? source.name.c_str() : source.path.c_str(), source.format.c_str(),
                static_cast<unsigned long long>(source.n_lines));
    for (const std::string& note : source.notes) std::printf("         note: %s\n", note.c_str());
  }
  for (const app::Finding& finding : session.findings) {
    std::printf("finding  %-8s %s\n", app::severity_names[int(finding.severity)], finding.title.c_str());
    for (const app::LineRef& line : finding.evidence) {
      std::printf("         %s:%llu: %s\n", line.file.c_str(), static_cast<unsigned long long>(line.line),
                  line.text.c_str());
    }
  }
  for (const app::Message& message : session.messages) {
    std::printf("%s: %s\n", message.role.c_str(), message.text.c_str());
  }
  return 0;
}

int search(const Program& program, const Options& options) {
  const std::unique_ptr<Database> database = open_if_there(program);
  json all = json::array();
  std::vector<app::store::SearchHit> hits;
  if (database) hits = app::store::SessionStore(*database).search(options.text);
  for (const app::store::SearchHit& hit : hits) {
    if (options.as_json) {
      json document = to_json(hit.session);
      document["where"] = hit.where;
      document["text"] = hit.text;
      all.push_back(document);
    } else {
      print_line(hit.session);
      if (!hit.text.empty()) std::printf("       %s: %s\n", hit.where.c_str(), hit.text.c_str());
    }
  }
  if (options.as_json) print({{"sessions", all}});
  return 0;
}

int export_one(const Program& program, const Options& options) {
  Database database = open_for_reading(program);
  app::store::ExportOptions export_options;
  app::diagnosis::Redactor redactor;
  if (options.redact) {
    export_options.redact = [&](std::string_view text) { return redactor.redact(text); };
  }
  app::store::export_session(database, options.session, options.file, export_options);
  if (options.as_json) {
    print({{"session", options.session}, {"file", options.file},
           {"masked", redactor.redactions().size()}});
  } else {
    std::printf("session %lld is in %s now\n", static_cast<long long>(options.session),
                options.file.c_str());
    if (options.redact) std::printf("%zu secrets were masked\n", redactor.redactions().size());
  }
  return 0;
}

int import_one(const Program& program, const Options& options) {
  Database database(database_path(program));
  const int64_t id = app::store::import_session(database, options.file);
  const std::optional<SessionInfo> info = app::store::SessionStore(database).info(id);
  CHECK_INVARIANT(info.has_value());
  options.as_json ? print(to_json(*info)) : print_line(*info);
  return 0;
}

int check_database(const Program& program, const Options& options) {
  const Database database = open_for_reading(program);
  const app::store::DatabaseCheck check = database.check();
  if (options.as_json) {
    print({{"file", database.path()}, {"version", database.version()}, {"ok", check.ok},
           {"problems", check.problems}});
  } else {
    std::printf("%s, version %d: %s\n", database.path().c_str(), database.version(),
                check.ok ? "in order" : "damaged");
    for (const std::string& problem : check.problems) std::printf("  %s\n", problem.c_str());
    if (!check.ok) {
      std::printf("Export what can be read (`sigmactl session export`), then start with a new file "
                  "(`sigmactl db set-aside`).\n");
    }
  }
  return check.ok ? 0 : 1;
}

int set_aside(const Program& program, const Options&) {
  const std::string name = app::store::set_aside_database(database_path(program));
  std::printf("%s is kept as %s; the next start makes a new one\n", database_path(program).c_str(),
              name.c_str());
  return 0;
}

using Command = int (*)(const Program&, const Options&);

CLI::App* add(Program& program, CLI::App* group, const char* name, const char* help,
              const std::shared_ptr<Options>& options, Command command, bool has_json = true) {
  CLI::App* sub = group->add_subcommand(name, help);
  if (has_json) sub->add_flag("--json", options->as_json, "Print one JSON document");
  sub->callback(chosen(program, [&program, options, command] { return command(program, *options); }));
  return sub;
}

}  // namespace

void add_session_commands(Program& program) {
  const auto options = std::make_shared<Options>();
  CLI::App* session = program.cli.add_subcommand(
      "session", "Stored sessions: what was read, found, asked and answered");
  session->require_subcommand(1);
  add(program, session, "list", "All sessions, pinned first, then the newest", options, list)
      ->add_flag("--archived", options->archived, "Archived ones too");
  add(program, session, "show", "One session: its logs, findings and conversation", options, show)
      ->add_option("ID", options->session, "Its number in the list")
      ->required();
  add(program, session, "search",
      "Sessions with these words; also tag:T file:PART has:evidence before:2026-01-31", options, search)
      ->add_option("TEXT", options->text, "Words and filters")
      ->required();
  CLI::App* to_file =
      add(program, session, "export", "Write one session to a file of its own", options, export_one);
  to_file->add_option("ID", options->session, "Its number in the list")->required();
  to_file->add_option("-o,--output", options->file, "The file; it must not be there yet")->required();
  to_file->add_flag("--redact", options->redact, "Mask passwords, tokens and keys");
  add(program, session, "import", "Read a session from a file that export wrote", options, import_one)
      ->add_option("FILE", options->file, "The file; it is checked before anything is stored")
      ->required();

  CLI::App* db = program.cli.add_subcommand("db", "The data file that holds the sessions");
  db->require_subcommand(1);
  add(program, db, "check", "Check the whole file: structure and links between rows", options,
      check_database);
  add(program, db, "set-aside", "Keep a damaged file under another name and start with a new one",
      options, set_aside, false);
}

}  // namespace ctl
