// sigmactl query: KQL over logs, or over nothing where the query brings its own data; and many
// queries of one process with --batch.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "app/connectors/connection.h"
#include "app/ingest.h"
#include "app/kql/file_table.h"
#include "app/kql/query.h"
#include "app/log_tables.h"
#include "app/settings.h"
#include "app/store/database.h"
#include "app/store/log_store.h"
#include "app/store/session_store.h"
#include "engine/base/error.h"
#include "tools/ctl/command.h"
#include "tools/ctl/query.h"

namespace ctl {
namespace {

using app::kql::ResultTable;

std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string row_json(const app::columns::Chunk& chunk, size_t row) {
  std::string out = "[";
  for (size_t k = 0; k < chunk.columns.size(); ++k) {
    if (k) out += ',';
    out += app::kql::cell_json(chunk.columns[k], row);
  }
  return out + "]";
}

std::string rows_json(const ResultTable& result) {
  std::string out = "[";
  for (const auto& chunk : result.chunks) {
    for (size_t row = 0; row < chunk->n_rows; ++row) {
      if (out.size() > 1) out += ',';
      out += row_json(*chunk, row);
    }
  }
  return out + "]";
}

// line:column: message (hint)
std::string diagnostic_text(const std::string& query, const app::kql::Diagnostic& d) {
  const app::kql::Position at = app::kql::position_at(query, d.span.begin);
  std::string text = std::to_string(at.line) + ":" + std::to_string(at.column) + ": " + d.message;
  if (!d.hint.empty()) text += " (" + d.hint + ")";
  return text;
}

[[noreturn]] void fail_query(const std::string& query, const std::vector<app::kql::Diagnostic>& diagnostics) {
  std::string all;
  for (const app::kql::Diagnostic& d : diagnostics) all += (all.empty() ? "" : "; ") + diagnostic_text(query, d);
  engine::fail(engine::ErrorKind::invalid_input, "query, %s", all.c_str());
}

// seconds_each: of every run, in order, where there were several.
void print_json(const ResultTable& result, const std::vector<double>& seconds_each) {
  std::string more;
  for (const ResultTable& table : result.more) more += (more.empty() ? "" : ",") + std::string("{\"name\":") + quoted(table.name) + "," + result_json(table) + "}";
  if (!more.empty()) more = ",\"more\":[" + more + "]";
  std::string each;
  for (const double s : seconds_each) each += (each.empty() ? "" : ",") + std::to_string(s);
  if (seconds_each.size() > 1) more += ",\"seconds_each\":[" + each + "]";
  std::printf("{%s,\"truncated\":%s,\"seconds\":%.6f%s}\n", result_json(result).c_str(), result.truncated ? "true" : "false", result.seconds, more.c_str());
}

void print_csv(const ResultTable& result) {
  const auto field = [](const std::string& text) {
    if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
    std::string out = "\"";
    for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
    return out + "\"";
  };
  std::string line;
  for (const auto& c : result.columns) line += (line.empty() ? "" : ",") + field(c.name);
  std::printf("%s\n", line.c_str());
  for (const auto& chunk : result.chunks) {
    for (size_t row = 0; row < chunk->n_rows; ++row) {
      for (size_t k = 0; k < chunk->columns.size(); ++k) std::printf("%s%s", k ? "," : "", field(app::kql::cell_text(chunk->columns[k], row)).c_str());
      std::printf("\n");
    }
  }
}

void print_table(const ResultTable& result) {
  constexpr size_t max_width = 80, sampled_rows = 1000;
  const auto shown = [](std::string text) {
    for (char& c : text) {
      if (c == '\n' || c == '\r' || c == '\t') c = ' ';
    }
    if (text.size() > max_width) {
      size_t cut = max_width - 3;
      while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
      text.resize(cut);
      text += "...";
    }
    return text;
  };
  std::vector<size_t> widths;
  for (const auto& c : result.columns) widths.push_back(c.name.size());
  size_t n = 0;
  for (const auto& chunk : result.chunks) {
    for (size_t row = 0; row < chunk->n_rows && n < sampled_rows; ++row, ++n) {
      for (size_t k = 0; k < widths.size(); ++k) widths[k] = std::max(widths[k], shown(app::kql::cell_text(chunk->columns[k], row)).size());
    }
  }
  const auto cell = [&](const std::string& text, size_t k) {
    const bool last = k + 1 == widths.size();
    std::printf("%s%s", text.c_str(), last ? "\n" : std::string(widths[k] - std::min(widths[k], text.size()) + 2, ' ').c_str());
  };
  for (size_t k = 0; k < widths.size(); ++k) cell(result.columns[k].name, k);
  for (size_t k = 0; k < widths.size(); ++k) cell(std::string(widths[k], '-'), k);
  for (const auto& chunk : result.chunks) {
    for (size_t row = 0; row < chunk->n_rows; ++row) {
      for (size_t k = 0; k < widths.size(); ++k) cell(shown(app::kql::cell_text(chunk->columns[k], row)), k);
    }
  }
  std::printf("%llu rows%s in %.3f s\n", static_cast<unsigned long long>(result.n_rows), result.truncated ? " (more were cut off)" : "", result.seconds);
}

nlohmann::json error_json(const std::string& query, const app::kql::Diagnostic& d) {
  const app::kql::Position at = app::kql::position_at(query, d.span.begin);
  return {{"message", d.hint.empty() ? d.message : d.message + " (" + d.hint + ")"}, {"line", at.line}, {"column", at.column}, {"offset", at.utf16_offset}};
}

// Ctrl+C ends the query, on its servers too, not the program in the middle of it.
class Interrupt {
 public:
  Interrupt() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals_, &before_);
    waiter_ = std::jthread([this](const std::stop_token& done) {
      const timespec step = {0, 50'000'000};
      while (!done.stop_requested()) {
        if (sigtimedwait(&signals_, nullptr, &step) == SIGINT) return void(stop_.request_stop());
      }
    });
  }
  ~Interrupt() {
    waiter_.request_stop();
    waiter_.join();
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  std::stop_token token() const { return stop_.get_token(); }

 private:
  sigset_t signals_, before_;
  std::stop_source stop_;
  std::jthread waiter_;
};

// "ClickHouse ch: 12.3 of 100.0 M rows read", in place, a few times a second.
class ProgressLine {
 public:
  void operator()(const app::kql::RemoteProgress& p) {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < std::chrono::milliseconds(200)) return;
    last_ = now;
    const double million = 1e6;
    const std::string of = p.n_rows_total > 0 ? engine::format(" of %.1f", static_cast<double>(p.n_rows_total) / million) : "";
    std::fprintf(stderr, "\r%.*s: %.1f%s M rows read, %.1f MB received\033[K\r", static_cast<int>(p.cluster.size()), p.cluster.data(),
                 static_cast<double>(p.n_rows_read) / million, of.c_str(), static_cast<double>(p.n_bytes_received) / million);
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

int explain(const std::string& query, const app::kql::Tables& tables, const app::kql::RunOptions& run, bool as_json) {
  const app::kql::Explanation e = app::kql::explain(query, tables, run);
  if (!e.diagnostics.empty()) fail_query(query, e.diagnostics);
  nlohmann::json steps = nlohmann::json::array(), statements = nlohmann::json::array();
  for (const auto& step : e.steps) {
    std::string text = query.substr(step.span.begin, step.span.end - step.span.begin);
    std::replace(text.begin(), text.end(), '\n', ' ');
    steps.push_back({{"text", text}, {"where", step.where}});
    if (!as_json) std::printf("%-60s %s\n", text.c_str(), step.where.c_str());
  }
  for (const auto& s : e.statements) {
    statements.push_back({{"server", s.cluster}, {"statement", s.text}, {"parameters", s.parameters}, {"notes", s.notes}});
    if (as_json) continue;
    std::printf("\n%s is asked:\n%s\n", s.cluster.c_str(), s.text.c_str());
    for (const std::string& p : s.parameters) std::printf("  %s\n", p.c_str());
    for (const std::string& note : s.notes) std::printf("  note: %s\n", note.c_str());
  }
  if (as_json) std::printf("%s\n", nlohmann::json({{"steps", steps}, {"statements", statements}}).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  return 0;
}

// One {"id", "query"} a line in, one result a line out.
int batch(std::istream& in, const app::kql::Tables& tables) {
  std::string line;
  for (int n = 1; std::getline(in, line); ++n) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const nlohmann::json item = nlohmann::json::parse(line, nullptr, false);
    if (!item.is_object() || !item.contains("query") || !item["query"].is_string()) {
      engine::fail(engine::ErrorKind::invalid_input, "standard input, line %d: expected a JSON object with \"id\" and \"query\"", n);
    }
    const std::string text = item["query"];
    const std::string id = item.value("id", nlohmann::json()).dump();
    nlohmann::json error;
    try {
      const ResultTable result = app::kql::run(text, tables, {});
      if (!result.failed()) {
        std::string columns;
        for (const auto& c : result.columns) columns += (columns.empty() ? "" : ",") + quoted(c.name);
        std::cout << "{\"id\":" << id << ",\"columns\":[" << columns << "],\"rows\":" << rows_json(result) << ",\"seconds\":" << result.seconds << "}\n" << std::flush;
        continue;
      }
      error = error_json(text, result.diagnostics[0]);
    } catch (const std::exception& e) {
      const bool fault = dynamic_cast<const engine::Error*>(&e) == nullptr;
      error = {{"message", (fault ? "internal fault: " : "") + std::string(e.what())}, {"line", 1}, {"column", 1}, {"offset", 0}};
    }
    std::cout << "{\"id\":" << id << ",\"error\":" << error.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "}\n" << std::flush;
  }
  return 0;
}

}  // namespace

std::string result_json(const ResultTable& result) {
  std::string columns;
  for (const auto& c : result.columns) {
    columns += (columns.empty() ? "" : ",") + std::string("{\"name\":") + quoted(c.name) + ",\"type\":\"" + app::columns::type_name(c.type) + "\"}";
  }
  return "\"columns\":[" + columns + "],\"rows\":" + rows_json(result);
}

namespace {

std::string data_folder_of(const Program& program) {
  return program.data_folder.empty() ? app::default_data_folder() : program.data_folder;
}

// A stored session: its log, what was found in it, and what else the application has stored.
app::kql::Tables load_session_tables(app::store::Database& database, int64_t session) {
  app::kql::Tables tables = app::make_log_tables(app::store::load_log_snapshot(database, session));
  const app::store::SessionStore sessions(database);
  std::vector<app::ConfigFinding> configs;
  for (const app::store::ConfigReview& review : sessions.reviews(session)) {
    configs.insert(configs.end(), review.findings.begin(), review.findings.end());
  }
  app::add_finding_tables(tables, sessions.findings(session), configs);
  return tables;
}

// NAME=FILE, or FILE alone under its own name.
void add_file_table(app::kql::Tables& tables, const std::string& argument) {
  const size_t equals = argument.find('=');
  const bool named = equals != std::string::npos && argument.find_first_of("/.") > equals;
  const std::string path = named ? argument.substr(equals + 1) : argument;
  tables.add(named ? argument.substr(0, equals) : app::kql::table_name_of(path), app::kql::load_file_table(path), path);
}

// The database of the data folder, or none: a query over files works without it, whatever state it is in.
std::unique_ptr<app::store::Database> open_stored(const std::string& path, bool needed) {
  if (!needed && !std::filesystem::exists(path)) return nullptr;
  try {
    return std::make_unique<app::store::Database>(path, app::store::DatabaseOptions{.read_only = true});
  } catch (const engine::Error& e) {
    if (needed) throw;
    std::fprintf(stderr, "note: Sessions, TaskRuns and TaskResults are not there to query: %s\n", e.what());
    return nullptr;
  }
}

}  // namespace

app::kql::Tables load_tables(const std::vector<std::string>& paths) {
  if (paths.empty()) return {};
  const std::unique_ptr<app::store::LogStore> store = app::store::make_memory_log_store();
  app::IngestOptions ingest;
  ingest.find_anomalies = false;
  app::ingest(*store, paths, app::logs::FormatSet::load(app::find_assets_folder() + "/log_formats"), ingest);
  return app::make_log_tables(store->snapshot());
}

void add_query(Program& program) {
  CLI::App* query = program.cli.add_subcommand("query", "Run KQL over logs (table Logs), or over data the query brings itself");
  struct Options {
    std::string kql, format = "table";
    std::vector<std::string> paths;
    bool batch = false, explain = false;
    int repeat = 1;
    int64_t session = 0;
    std::vector<std::string> tables;
  };
  const auto options = std::make_shared<Options>();
  query->add_option("PATH", options->paths, "Logs: files, folders, archives, or - for standard input");
  query->add_option("--kql", options->kql, "The query, such as: Logs | where Level == 'ERROR' | count");
  query->add_option("--format", options->format, "table, json or csv")->check(CLI::IsMember({"table", "json", "csv"}));
  query->add_flag("--batch", options->batch, "Read queries from standard input, one {\"id\", \"query\"} a line");
  query->add_option("--repeat", options->repeat, "Run the query so many times and tell the time of each: the first reads from the disk, the others are warm")
      ->check(CLI::Range(1, 1000000));
  query->add_option("--session", options->session, "Query a stored session (see sigmactl session list) instead of files");
  query->add_option("--table", options->tables, "A CSV, TSV or JSONL file as a table: FILE or NAME=FILE; may be repeated");
  query->add_flag("--explain", options->explain, "Run nothing: say which part of the query each server would do, and what it would be asked");
  query->callback(chosen(program, [options, &program] {
    const auto database = open_stored(data_folder_of(program) + "/sigmadesk.db", options->session != 0);
    app::kql::Tables tables = options->session != 0 ? load_session_tables(*database, options->session) : load_tables(options->paths);
    if (database) app::add_application_tables(tables, *database);
    for (const std::string& table : options->tables) add_file_table(tables, table);
    tables.set_functions(app::saved_functions(data_folder_of(program)));
    const std::string problem = app::connectors::add_connections(tables, data_folder_of(program));
    if (!problem.empty()) std::fprintf(stderr, "note: not every connection can be used: %s\n", problem.c_str());
    if (options->batch) return batch(std::cin, tables);
    if (options->kql.empty()) engine::fail(engine::ErrorKind::usage, "query needs --kql TEXT or --batch; see sigmactl query --help");
    app::kql::RunOptions run;
    auto interrupt = std::make_unique<Interrupt>();
    run.stop = interrupt->token();
    if (options->explain) return explain(options->kql, tables, run, options->format == "json");
    if (::isatty(STDERR_FILENO)) run.on_progress = ProgressLine();
    ResultTable result;
    std::vector<double> seconds_each;
    for (int n = 0; n < options->repeat; ++n) {
      result = app::kql::run(options->kql, tables, run);
      if (result.failed()) fail_query(options->kql, result.diagnostics);
      seconds_each.push_back(result.seconds);
      if (options->repeat > 1) std::fprintf(stderr, "run %d: %.4f s\n", n + 1, result.seconds);
    }
    interrupt.reset();
    if (options->format == "json") print_json(result, seconds_each);
    else if (options->format == "csv") print_csv(result);
    else print_table(result);
    if (options->format != "json") {
      for (const ResultTable& more : result.more) {
        std::printf("\n%s\n", more.name.c_str());
        options->format == "csv" ? print_csv(more) : print_table(more);
      }
    }
    return 0;
  }));
}

}  // namespace ctl
