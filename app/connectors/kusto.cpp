// Azure Data Explorer (POST /v2/rest/query) and Log Analytics (POST /v1/workspaces/ID/query): servers
// that run KQL themselves. They get the leading operators as they are written; the answer's rows go
// into columns as they are parsed, without a tree of the whole.
//
// v2: an array of frames; {"FrameType": "DataTable", "TableKind": "PrimaryResult", "Columns":
// [{"ColumnName", "ColumnType"}], "Rows": [[...], ...]} has the result, {"FrameType":
// "DataSetCompletion", "HasErrors", "OneApiErrors"} ends it. v1: {"tables": [{"name", "columns":
// [{"name", "type"}], "rows"}], "error"}.
#include "app/connectors/kusto_answer.h"

#include <map>
#include <nlohmann/json.hpp>

#include "app/connectors/servers.h"
#include "app/kql/plan.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::connectors {
namespace {

using engine::ErrorKind;
using engine::fail;
using kql::NodePtr;
using nlohmann::json;

constexpr size_t max_answer = 256u << 20;  // Kusto's own limit is 64 MB unless it is told otherwise

class KustoClient {
 public:
  KustoClient(const Connection& connection, Secret secret) : server_(connection, std::move(secret)) {}
  bool log_analytics() const { return server_.connection().kind == "loganalytics"; }
  std::string kind() const { return log_analytics() ? "Log Analytics" : "Kusto"; }
  std::string name() const { return kind() + " " + server_.connection().name; }
  const ServerAddress& server() const { return server_; }

  // database: of Log Analytics the workspace's id; empty: the connection's own.
  KustoAnswer ask(const std::string& database, const std::string& kql, const std::stop_token& stop) const {
    const std::string where = database.empty() ? server_.connection().database : database;
    if (where.empty()) {
      fail(ErrorKind::invalid_input, "%s: which %s? Write cluster(\"%s\").database(\"...\"), or set one up with --database", server_.who().c_str(),
           log_analytics() ? "workspace" : "database", server_.connection().name.c_str());
    }
    HttpRequest r = server_.request(log_analytics() ? "/v1/workspaces/" + percent_encoded(where) + "/query" : "/v2/rest/query");
    r.method = "POST";
    r.headers = {"Content-Type: application/json; charset=utf-8", "Accept: application/json", "Expect:"};
    const std::string secret = server_.secret();
    if (!secret.empty()) r.headers.push_back("Authorization: Bearer " + secret);
    json body;
    if (log_analytics()) body = {{"query", kql}};
    else body = {{"db", where}, {"csl", kql}, {"properties", {{"Options", {{"results_progressive_enabled", false}, {"query_language", "kql"}}}}}};
    r.body = body.dump(-1, ' ', false, json::error_handler_t::replace);
    const HttpResponse answer = http_request(r, max_answer, stop);
    if (answer.status != 200) fail_answer(answer.status, answer.body);
    try {
      return read_kusto_answer(answer.body);
    } catch (const engine::Error& e) {
      fail(e.kind(), "%s: %s", server_.who().c_str(), e.what());
    }
  }

 private:
  [[noreturn]] void fail_answer(long status, const std::string& body) const {
    const std::string message = kusto_error(body);
    if (message.empty() || status == 401 || status == 403) fail_status(server_, status, body);
    fail(status == 400 ? ErrorKind::invalid_input : ErrorKind::io, "%s: the server answered: %s", server_.who().c_str(), message.c_str());
  }
  ServerAddress server_;
};

class Answer : public kql::Stream {
 public:
  Answer(KustoAnswer answer, const columns::Schema& schema, const KustoClient& client, kql::ExecContext& context) : chunks_(std::move(answer.chunks)), context_(context) {
    bool same = answer.columns.size() == schema.size();
    for (size_t k = 0; same && k < schema.size(); ++k) same = answer.columns[k].name == schema[k].name && answer.columns[k].type == schema[k].type;
    if (!same) fail(ErrorKind::io, "%s: the rows have other columns than their schema; ask again", client.server().who().c_str());
  }
  bool next(kql::Batch& out) override {
    context_.check_stop();
    if (at_ == chunks_.size()) return false;
    out = kql::Batch::of(std::move(chunks_[at_++]));
    return true;
  }

 private:
  std::vector<std::shared_ptr<const columns::Chunk>> chunks_;
  kql::ExecContext& context_;
  size_t at_ = 0;
};

// A query that the server runs as it is written.
class KustoText : public kql::Node {
 public:
  KustoText(std::shared_ptr<const KustoClient> client, std::string database, std::string text, columns::Schema columns)
      : client_(std::move(client)), database_(std::move(database)), text_(std::move(text)) {
    schema = std::move(columns);
    ordered = true;  // whether its rows have an order is the server's to say
  }
  std::unique_ptr<kql::Stream> open(kql::ExecContext& context) const override {
    if (context.statements != nullptr) {
      context.statements->push_back({client_->name(), text_, {}, {}});
      return std::make_unique<Answer>(KustoAnswer{schema, {}}, schema, *client_, context);
    }
    return std::make_unique<Answer>(client_->ask(database_, text_, context.options.stop), schema, *client_, context);
  }
  std::string server() const override { return client_->name(); }

 private:
  std::shared_ptr<const KustoClient> client_;
  std::string database_, text_;
};

class Kusto : public Server {
 public:
  Kusto(const Connection& connection, Secret secret) : client_(std::make_shared<const KustoClient>(connection, std::move(secret))) {}
  std::string kind() const override { return client_->kind(); }
  bool runs_kql() const override { return true; }

  NodePtr run_kql(const std::string& database, const std::string& text, const std::stop_token& stop) const override {
    const KustoAnswer answer = client_->ask(database, text + "\n| getschema", stop);
    columns::Schema schema;
    size_t name = SIZE_MAX, type = SIZE_MAX;
    for (size_t k = 0; k < answer.columns.size(); ++k) {
      if (answer.columns[k].name == "ColumnName") name = k;
      if (answer.columns[k].name == "ColumnType") type = k;
    }
    if (name == SIZE_MAX || type == SIZE_MAX) fail(ErrorKind::io, "%s: getschema gives no names and types", client_->server().who().c_str());
    for (const auto& chunk : answer.chunks) {
      for (size_t row = 0; row < chunk->n_rows; ++row) {
        const std::optional<kql::Type> t = kql::type_from_name(chunk->columns[type].text(row));
        if (!t) fail(ErrorKind::io, "%s: a column of type '%s'", client_->server().who().c_str(), std::string(chunk->columns[type].text(row)).c_str());
        schema.push_back({std::string(chunk->columns[name].text(row)), *t});
      }
    }
    return std::make_shared<KustoText>(client_, database, text, std::move(schema));
  }

  NodePtr table(const std::string& database, const std::string& table, const std::stop_token& stop) const override {
    std::string quoted = "['";
    for (const char c : table) quoted += c == '\'' || c == '\\' ? std::string("\\") + c : std::string(1, c);
    NodePtr node = run_kql(database, quoted + "']", stop);
    const std::lock_guard lock(mutex_);
    return known_[{database, table}] = node;
  }
  NodePtr known_table(const std::string& database, const std::string& table) const override {
    const std::lock_guard lock(mutex_);
    const auto at = known_.find({database, table});
    return at == known_.end() ? nullptr : at->second;
  }

  std::string greet(const std::stop_token& stop) const override {
    client_->ask({}, "print 1", stop);
    return client_->kind() + " answers at " + client_->server().connection().url;
  }

 private:
  std::shared_ptr<const KustoClient> client_;
  mutable std::mutex mutex_;
  mutable std::map<std::pair<std::string, std::string>, NodePtr> known_;
};

}  // namespace

std::shared_ptr<const Server> make_kusto(const Connection& connection, Secret secret) {
  return std::make_shared<const Kusto>(connection, std::move(secret));
}

}  // namespace app::connectors
