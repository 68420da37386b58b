// ClickHouse over its HTTP interface: a table there is a table here. What SqlQuery can say goes to
// the server as one SELECT; its rows come back as blocks of columns, read as they are wanted.
#include <sys/random.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "app/connectors/clickhouse_native.h"
#include "app/connectors/clickhouse_sql.h"
#include "app/connectors/servers.h"
#include "app/kql/plan.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::connectors {
namespace {

using namespace clickhouse;
using columns::Column;
using engine::ErrorKind;
using engine::fail;
using kql::Batch;
using kql::BoundPtr;
using kql::ExecContext;
using kql::NodePtr;
using nlohmann::json;

constexpr size_t batch_rows = 16384;   // given on at a time: what is done with them must be soon done when a cancel comes
constexpr size_t max_small_answer = 32u << 20;
constexpr int unknown_setting = 115, read_only = 164, unknown_table = 60, unknown_database = 81, cancelled_there = 394;

// "Code: 60, e.displayText() = DB::Exception: Table x doesn't exist., e.what() = ..." and its newer
// spellings: the number and the sentence.
struct ServerError {
  int code = 0;
  std::string message;
};
std::optional<ServerError> find_error(std::string_view body) {
  const size_t at = body.rfind("Code: ");
  if (at == std::string_view::npos) return std::nullopt;
  ServerError e;
  std::string_view rest = body.substr(at + 6);
  while (!rest.empty() && rest[0] >= '0' && rest[0] <= '9' && e.code < 100'000) e.code = e.code * 10 + (rest[0] - '0'), rest.remove_prefix(1);
  const size_t begin = rest.find("DB::Exception: ");
  if (begin == std::string_view::npos) return std::nullopt;
  rest = rest.substr(begin + 15);
  for (const std::string_view end : {", e.what()", ", Stack trace", " (version ", "\n", ". Stack trace"}) rest = rest.substr(0, rest.find(end));
  e.message = engine::escape_invalid_utf8(engine::trim(rest.substr(0, 500)));
  return e;
}

[[noreturn]] void fail_with(const ServerAddress& server, const ServerError& e) {
  if (e.code == 192 || e.code == 193 || e.code == 194 || e.code == 516) fail_login(server);
  if (e.code == cancelled_there) fail(ErrorKind::io, "%s: the query was ended on the server: %s", server.who().c_str(), e.message.c_str());
  const bool asked_wrong = e.code == unknown_table || e.code == unknown_database;
  fail(asked_wrong ? ErrorKind::invalid_input : ErrorKind::io, "%s: the server answered: %s (code %d)", server.who().c_str(), e.message.c_str(), e.code);
}

std::string random_id() {
  unsigned char bytes[16];
  if (::getrandom(bytes, sizeof bytes, 0) != static_cast<ssize_t>(sizeof bytes)) fail(ErrorKind::internal, "no random numbers from the system");
  std::string id = "sigmadesk-";
  for (const unsigned char b : bytes) id += engine::format("%02x", b);
  return id;
}

// The HTTP interface of one server. Any thread.
class Client {
 public:
  Client(const Connection& connection, Secret secret) : server_(connection, std::move(secret)) {}
  ~Client() { killers_.clear(); }  // joins: they give up after two seconds
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  const ServerAddress& server() const { return server_; }
  std::string name() const { return "ClickHouse " + server_.connection().name; }
  std::string database() const { return server_.connection().database.empty() ? "default" : server_.connection().database; }

  HttpRequest request(const std::string& sql, const Parameters& parameters, const std::string& query_id) const {
    std::string path = "/?database=" + percent_encoded(database());
    if (!query_id.empty()) path += "&query_id=" + query_id;
    if (!plain_.load() && !query_id.empty()) {
      path += "&send_progress_in_http_headers=1&cancel_http_readonly_queries_on_client_close=1&max_block_size=65536";
      if (version_.load() >= 22'00) path += "&output_format_json_quote_64bit_integers=0";
    }
    for (const SqlParameter& p : parameters.list()) {
      if (sql.find("{" + p.name + ":") != std::string::npos) path += "&param_" + p.name + "=" + percent_encoded(p.value);
    }
    HttpRequest r = server_.request(path);
    r.method = "POST";
    r.body = sql;
    r.headers = {"Content-Type: text/plain; charset=utf-8", "Expect:"};
    const std::string secret = server_.secret();
    if (!server_.connection().user.empty()) r.headers.push_back("X-ClickHouse-User: " + server_.connection().user);
    if (!secret.empty()) r.headers.push_back("X-ClickHouse-Key: " + secret);
    return r;
  }

  // A small answer: the rows of FORMAT JSONCompact.
  json ask(const std::string& sql, const Parameters& parameters, const std::stop_token& stop) const {
    const HttpResponse r = http_request(request(sql + " FORMAT JSONCompact", parameters, ""), max_small_answer, stop);
    if (r.status != 200) fail_answer(r.status, r.body);
    const json answer = json::parse(r.body, nullptr, false);
    if (!answer.is_object() || !answer.contains("data") || !answer["data"].is_array()) {
      fail(ErrorKind::io, "%s: what answers is not ClickHouse", server_.who().c_str());
    }
    return answer["data"];
  }

  [[noreturn]] void fail_answer(long status, const std::string& body) const {
    if (const std::optional<ServerError> e = find_error(body)) fail_with(server_, *e);
    fail_status(server_, status, body);
  }

  Version version(const std::stop_token& stop) const {
    const int known = version_.load();
    if (known != 0) return {known / 100, known % 100};
    const json rows = ask("SELECT version()", Parameters(false), stop);
    if (rows.size() != 1 || !rows[0].is_array() || rows[0].empty() || !rows[0][0].is_string()) fail(ErrorKind::io, "%s: what answers is not ClickHouse", server_.who().c_str());
    const Version v = parse_version(rows[0][0].get<std::string>());
    version_ = v.major * 100 + std::min(v.minor, 99);
    return v;
  }

  // Some users may change no settings: then they are left out from now on.
  bool settings_refused(const std::string& body) const {
    const std::optional<ServerError> e = find_error(body);
    if (!e || (e->code != read_only && e->code != unknown_setting) || plain_.load()) return false;
    return plain_ = true;
  }

  // The server may go on for a while when a reader has gone: it is told. Does not wait.
  void kill(const std::string& query_id) const {
    HttpRequest r = request("KILL QUERY WHERE query_id = '" + query_id + "' ASYNC", Parameters(false), "");  // an id of ours
    r.connect_timeout_ms = 1000;
    r.total_timeout_ms = 2000;
    const std::lock_guard lock(mutex_);
    killers_.emplace_back([r] {
      try {
        http_request(r, max_small_answer);
      } catch (const engine::Error&) {  // it may be gone, or this user may end nothing; nobody waits for it
      }
    });
  }

 private:
  ServerAddress server_;
  mutable std::atomic<int> version_ = 0;      // major * 100 + minor
  mutable std::atomic<bool> plain_ = false;
  mutable std::mutex mutex_;
  mutable std::vector<std::jthread> killers_;
};

// ---------------------------------------------------------------- rows

// One SELECT's rows.
class Rows : public kql::Stream {
 public:
  Rows(std::shared_ptr<const Client> client, const std::string& sql, const Parameters& parameters, std::vector<WireColumn> wire,
       const columns::Schema& schema, ExecContext& context)
      : client_(std::move(client)), wire_(std::move(wire)), schema_(schema), context_(context), reader_(wire_), id_(random_id()) {
    try {
      open(sql, parameters);
    } catch (const engine::Error& e) {
      if (e.kind() == ErrorKind::cancelled) client_->kill(id_);
      throw;
    }
  }
  ~Rows() override {
    if (!ended_) client_->kill(id_);
  }
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;

  bool next(Batch& out) override {
    while (row_ == n_rows_) {
      context_.check_stop();
      if (!next_block()) return false;
    }
    const size_t n = std::min(n_rows_ - row_, batch_rows);
    out = batch(n);
    row_ += n;
    return true;
  }

 private:
  void open(const std::string& sql, const Parameters& parameters) {
    const std::string text = sql + " FORMAT Native";
    for (int attempt = 0;; ++attempt) {
      HttpRequest request = client_->request(text, parameters, id_);
      if (context_.options.on_progress) {
        request.on_header = [this](std::string_view line) { note_progress(line); };
        request.on_wait = [this] { ask_progress(); };
      }
      http_ = std::make_unique<HttpStream>(std::move(request), context_.options.stop);
      if (http_->status() == 200) return;
      std::string body;
      while (body.size() < (1u << 16) && http_->read(body)) {
      }
      ended_ = true;
      if (attempt > 0 || !client_->settings_refused(body)) client_->fail_answer(http_->status(), body);
      ended_ = false;
    }
  }

  void note_progress(std::string_view line) {
    constexpr std::string_view key = "x-clickhouse-progress:";
    if (engine::to_lower_ascii(line.substr(0, key.size())) != key) return;
    says_progress_ = true;
    const json p = json::parse(line.substr(key.size()), nullptr, false);
    if (!p.is_object()) return;
    const auto count = [&](const char* name) -> uint64_t {
      const auto at = p.find(name);
      if (at == p.end()) return 0;
      if (at->is_number_unsigned()) return at->get<uint64_t>();
      return at->is_string() ? std::strtoull(at->get<std::string>().c_str(), nullptr, 10) : 0;
    };
    progress_.n_rows_read = count("read_rows");
    progress_.n_rows_total = std::max(count("total_rows"), count("total_rows_to_read"));
    tell();
  }
  // Some servers say nothing until they have rows: their list of queries does.
  void ask_progress() {
    if (says_progress_) return;
    try {
      const json rows = client_->ask("SELECT toInt64(read_rows), toInt64(total_rows_approx) FROM system.processes WHERE query_id = '" + id_ + "'",  // an id of ours
                                     Parameters(false), context_.options.stop);
      if (rows.size() != 1 || !rows[0].is_array() || rows[0].size() != 2) return;
      const auto count = [](const json& v) { return v.is_string() ? std::strtoull(v.get<std::string>().c_str(), nullptr, 10) : v.is_number_unsigned() ? v.get<uint64_t>() : 0; };
      progress_.n_rows_read = count(rows[0][0]);
      progress_.n_rows_total = count(rows[0][1]);
      tell();
    } catch (const engine::Error& e) {
      if (e.kind() == ErrorKind::cancelled) throw;
      says_progress_ = true;  // it does not tell this user: not asked again
    }
  }
  void tell() {
    if (!context_.options.on_progress) return;
    const std::string name = client_->name();
    progress_.cluster = name;
    progress_.n_bytes_received = http_ ? http_->n_read() : 0;
    context_.options.on_progress(progress_);
  }

  bool next_block() {
    try {
      while (!reader_.next(block_, n_rows_)) {
        n_rows_ = row_ = 0;
        if (!http_->read(reader_.buffer())) {
          ended_ = true;
          if (reader_.at_boundary()) return false;
          fail(ErrorKind::io, "the answer ends in the middle of a block");
        }
      }
    } catch (const engine::Error& e) {
      if (e.kind() != ErrorKind::io) throw;
      fail_block(e);
    }
    row_ = 0;
    tell();
    return true;
  }

  // What cannot be read may be the server's words about an error, behind the rows it had sent.
  [[noreturn]] void fail_block(const engine::Error& problem) {
    std::string rest(reader_.rest());
    try {
      while (!ended_ && rest.size() < (1u << 20) && http_->read(rest)) {
      }
    } catch (const engine::Error&) {  // broken off: what came has to do
    }
    ended_ = true;
    const std::string_view tail = std::string_view(rest).substr(rest.size() > (1u << 16) ? rest.size() - (1u << 16) : 0);
    if (const std::optional<ServerError> e = find_error(tail)) fail_with(client_->server(), *e);
    fail(ErrorKind::io, "%s: the rows cannot be read: %s", client_->server().who().c_str(), problem.what());
  }

  Batch batch(size_t n) {
    std::vector<kql::ColumnPtr> out(schema_.size());
    kql::Rows part;
    for (size_t k = 0; k < wire_.size(); ++k) {
      if (wire_[k].target == SIZE_MAX) continue;
      if (n == n_rows_) {
        out[wire_[k].target] = kql::share(std::move(block_[k]));
      } else {
        part.resize(n);
        for (size_t row = 0; row < n; ++row) part[row] = static_cast<uint32_t>(row_ + row);
        out[wire_[k].target] = kql::share(block_[k].take(part));
      }
    }
    for (size_t k = 0; k < out.size(); ++k) {
      if (out[k]) continue;
      Column nothing(schema_[k].type);  // nobody reads it
      nothing.push_null();
      out[k] = kql::share(kql::repeat(nothing, 0, n));
    }
    return Batch::of(std::move(out), n);
  }

  std::shared_ptr<const Client> client_;
  std::vector<WireColumn> wire_;
  columns::Schema schema_;
  ExecContext& context_;
  BlockReader reader_;
  std::string id_;
  std::unique_ptr<HttpStream> http_;
  std::vector<Column> block_;
  size_t n_rows_ = 0, row_ = 0;
  kql::RemoteProgress progress_;
  bool ended_ = false, says_progress_ = false;
};

class NoRows : public kql::Stream {
 public:
  bool next(Batch&) override { return false; }
};

// A SELECT, growing while the server can do what follows.
class Select : public kql::Node {
 public:
  Select(std::shared_ptr<const Client> client, SqlQuery query, columns::Schema columns, std::vector<std::string> notes)
      : client_(std::move(client)), query_(std::move(query)), notes_(std::move(notes)) {
    schema = std::move(columns);
    need_all();
  }

  std::unique_ptr<kql::Stream> open(ExecContext& context) const override {
    std::vector<WireColumn> wire;
    const std::string sql = query_.text(needed_, wire);
    if (context.statements != nullptr) {
      kql::RemoteStatement statement{client_->name(), sql, {}, notes_};
      for (const SqlParameter& p : query_.parameters().list()) {
        if (sql.find(p.value.empty() && p.name[0] != 'p' ? p.name : "{" + p.name + ":") != std::string::npos) statement.parameters.push_back(p.name + " = " + p.shown + " (" + p.type + ")");
      }
      context.statements->push_back(std::move(statement));
      return std::make_unique<NoRows>();
    }
    return std::make_unique<Rows>(client_, sql, query_.parameters(), std::move(wire), schema, context);
  }

  NodePtr with_filter(const BoundPtr& condition) const override {
    if (condition->window || !kql::is_pure(*condition)) return nullptr;
    return changed(schema, [&](SqlQuery& q) { return q.filter(*condition); }, false);
  }
  NodePtr with_compute(const columns::Schema& columns, const std::vector<BoundPtr>& exprs) const override {
    return changed(columns, [&](SqlQuery& q) { return q.compute(exprs); });
  }
  NodePtr with_summarize(const columns::Schema& columns, const std::vector<BoundPtr>& keys, const std::vector<kql::AggregateCall>& aggregates) const override {
    return changed(columns, [&](SqlQuery& q) { return q.summarize(keys, aggregates); });
  }
  NodePtr with_sort(const std::vector<kql::SortKey>& keys, uint64_t limit) const override {
    return changed(schema, [&](SqlQuery& q) { return q.sort(keys, limit); }, false);
  }
  NodePtr with_limit(uint64_t n_rows) const override {
    return changed(schema, [&](SqlQuery& q) { return q.limit(n_rows); }, false);
  }
  NodePtr with_distinct() const override {
    return changed(schema, [](SqlQuery& q) { return q.distinct(); });
  }
  NodePtr with_columns(const std::vector<size_t>& needed) const override {
    auto copy = std::make_shared<Select>(*this);
    copy->needed_ = needed;
    return copy;
  }
  std::string server() const override { return client_->name(); }

 private:
  void need_all() {
    needed_.resize(schema.size());
    for (size_t k = 0; k < needed_.size(); ++k) needed_[k] = k;
  }
  template <typename Change>
  NodePtr changed(const columns::Schema& columns, Change change, bool all_needed = true) const {
    auto copy = std::make_shared<Select>(*this);
    if (!change(copy->query_)) return nullptr;
    copy->schema = columns;
    copy->ordered = copy->query_.ordered();
    if (all_needed) copy->need_all();
    return copy;
  }

  std::shared_ptr<const Client> client_;
  SqlQuery query_;
  std::vector<std::string> notes_;
  std::vector<size_t> needed_;
};

// ---------------------------------------------------------------- tables

class ClickHouse : public Server {
 public:
  ClickHouse(const Connection& connection, Secret secret) : client_(std::make_shared<const Client>(connection, std::move(secret))) {}
  std::string kind() const override { return "ClickHouse"; }

  NodePtr table(const std::string& database_or_own, const std::string& table, const std::stop_token& stop) const override {
    const std::string database = database_or_own.empty() ? client_->database() : database_or_own;
    const Version version = client_->version(stop);
    Parameters p(version.has_parameters());
    const std::string where = " WHERE database = " + p.of(kql::Value::text(database));
    const std::string and_table = " AND table = " + p.of(kql::Value::text(table));
    const json rows = client_->ask("SELECT name, type FROM system.columns" + where + and_table, p, stop);
    if (rows.empty()) fail_unknown(database, table, version, stop);
    NodePtr node = select(database, table, rows, version);
    const std::lock_guard lock(mutex_);
    return known_[{database, table}] = node;
  }

  NodePtr known_table(const std::string& database, const std::string& table) const override {
    const std::lock_guard lock(mutex_);
    const auto at = known_.find({database.empty() ? client_->database() : database, table});
    return at == known_.end() ? nullptr : at->second;
  }

  std::string greet(const std::stop_token& stop) const override {
    Parameters p(client_->version(stop).has_parameters());
    const json version = client_->ask("SELECT version()", p, stop);
    const json tables = client_->ask("SELECT name FROM system.tables WHERE database = " + p.of(kql::Value::text(client_->database())) + " ORDER BY name", p, stop);
    return "ClickHouse " + version[0][0].get<std::string>() + ", " + std::to_string(tables.size()) + (tables.size() == 1 ? " table" : " tables") + " in " + client_->database();
  }

 private:
  NodePtr select(const std::string& database, const std::string& table, const json& rows, const Version& version) const {
    columns::Schema schema;
    std::vector<SqlExpr> exprs;
    std::vector<std::string> names, notes;
    for (const json& row : rows) {
      if (!row.is_array() || row.size() != 2 || !row[0].is_string() || !row[1].is_string()) fail(ErrorKind::io, "%s: system.columns cannot be read", client_->server().who().c_str());
      ColumnPlan plan = plan_column(row[0], row[1], version);
      names.push_back(plan.name);
      if (!plan.note.empty()) notes.push_back("column " + plan.name + " " + plan.note);
      if (!plan.expr) continue;
      schema.push_back({plan.name, plan.expr->type});
      exprs.push_back(std::move(*plan.expr));
    }
    if (!version.has_parameters()) notes.push_back("this server is older than bound parameters (19.14): values go as constants of digits");
    SqlQuery query(quoted_identifier(database) + "." + quoted_identifier(table), std::move(exprs), names, version.has_parameters());
    return std::make_shared<Select>(client_, std::move(query), std::move(schema), std::move(notes));
  }

  [[noreturn]] void fail_unknown(const std::string& database, const std::string& table, const Version& version, const std::stop_token& stop) const {
    Parameters p(version.has_parameters());
    const json rows = client_->ask("SELECT name FROM system.tables WHERE database = " + p.of(kql::Value::text(database)) + " ORDER BY name LIMIT 1000", p, stop);
    std::vector<std::string> names;
    for (const json& row : rows) {
      if (row.is_array() && !row.empty() && row[0].is_string()) names.push_back(row[0]);
    }
    std::string hint = names.empty() ? "it has no tables, or user '" + client_->server().connection().user + "' may see none" : "tables there:";
    const std::string near = kql::nearest_name(table, names);
    for (size_t k = 0; k < names.size() && k < 20; ++k) hint += " " + names[k];
    if (!near.empty()) hint = "did you mean " + near + "?";
    fail(ErrorKind::invalid_input, "%s: there is no table '%s' in database '%s'; %s", client_->server().who().c_str(), table.c_str(), database.c_str(), hint.c_str());
  }

  std::shared_ptr<const Client> client_;
  mutable std::mutex mutex_;
  mutable std::map<std::pair<std::string, std::string>, NodePtr> known_;
};

}  // namespace

std::shared_ptr<const Server> make_clickhouse(const Connection& connection, Secret secret) {
  return std::make_shared<const ClickHouse>(connection, std::move(secret));
}

}  // namespace app::connectors
