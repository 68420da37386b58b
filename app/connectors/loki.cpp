// Loki (GET /loki/api/v1/query_range): lines of streams. A table is a selector of streams: its name is
// the value of the label that database("...") names ("app" where it names none), or a selector as it
// stands, in braces: cluster("lk").table('{app="api", env="prod"}').
//
// Columns: Timestamp, Line, Labels. Times and plain searches of Line go to the server. It wants a
// beginning: without a lower bound of Timestamp a query is refused.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "app/connectors/paged.h"
#include "app/connectors/servers.h"
#include "app/kql/datetime.h"
#include "app/kql/json.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::connectors {
namespace {

using columns::Column;
using columns::Type;
using engine::ErrorKind;
using engine::fail;
using nlohmann::json;

constexpr size_t page_rows = 5000;            // Loki's limit unless it is told otherwise
constexpr size_t max_page = 256u << 20;
constexpr int64_t epoch_ticks = 621'355'968'000'000'000;
enum : size_t { timestamp, line, labels };

const columns::Schema log_schema = {{"Timestamp", Type::datetime}, {"Line", Type::string}, {"Labels", Type::dynamic}};

// A text in LogQL's double quotes.
std::string quoted(const std::string& text) {
  std::string out;
  kql::write_json_string(text, out);
  return out;
}

// As a pattern that matches the text in either case.
std::string pattern_of(const std::string& text) {
  std::string out = "(?i)";
  for (const char c : text) {
    if (std::string_view("\\.+*?()|[]{}^$").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

class LokiClient {
 public:
  LokiClient(const Connection& connection, Secret secret) : server_(connection, std::move(secret)) {}
  const ServerAddress& server() const { return server_; }
  std::string name() const { return "Loki " + server_.connection().name; }

  json ask(const std::string& path, const std::stop_token& stop) const {
    HttpRequest r = server_.request(path);
    const std::string secret = server_.secret();
    if (!server_.connection().user.empty()) r.user = server_.connection().user, r.password = secret;
    else if (!secret.empty()) r.headers.push_back("Authorization: Bearer " + secret);
    const HttpResponse answer = http_request(r, max_page, stop);
    if (answer.status == 400) {
      fail(ErrorKind::invalid_input, "%s: the server answered: %s", server_.who().c_str(), engine::escape_invalid_utf8(engine::trim(std::string_view(answer.body).substr(0, 300))).c_str());
    }
    if (answer.status != 200) fail_status(server_, answer.status, answer.body);
    json parsed = parse_answer(server_, answer.body);
    if (!parsed.is_object()) fail(ErrorKind::io, "%s: what answers is not Loki", server_.who().c_str());
    return parsed;
  }

 private:
  ServerAddress server_;
};

// A line of a page, before the pages' lines are put in order.
struct Entry {
  int64_t time_ns = 0;
  std::string line, labels;
  bool operator<(const Entry& o) const { return std::tie(time_ns, labels, line) < std::tie(o.time_ns, o.labels, o.line); }
};

std::vector<Entry> entries_of(const json& answer, const ServerAddress& server) {
  const auto bad = [&]() { fail(ErrorKind::io, "%s: the lines cannot be read", server.who().c_str()); };
  const json* data = answer.contains("data") ? &answer["data"] : nullptr;
  if (!data || !data->is_object() || data->value("resultType", json()) != "streams" || !data->contains("result") || !(*data)["result"].is_array()) bad();
  std::vector<Entry> out;
  for (const json& stream : (*data)["result"]) {
    if (!stream.is_object() || !stream.contains("stream") || !stream.contains("values") || !stream["values"].is_array()) bad();
    const std::string stream_labels = stream["stream"].dump(-1, ' ', false, json::error_handler_t::replace);
    for (const json& value : stream["values"]) {
      if (!value.is_array() || value.size() < 2 || !value[0].is_string() || !value[1].is_string()) bad();
      const std::optional<int64_t> ns = kql::parse_int64(value[0].get<std::string>());
      if (!ns) bad();
      out.push_back({*ns, value[1].get<std::string>(), stream_labels});
    }
  }
  std::stable_sort(out.begin(), out.end(), [](const Entry& a, const Entry& b) { return a.time_ns < b.time_ns; });
  return out;
}

class LokiPages : public PageReader {
 public:
  LokiPages(std::shared_ptr<const LokiClient> client, std::string query, int64_t start_ns, int64_t end_ns)
      : client_(std::move(client)), query_(std::move(query)), start_(start_ns), end_(end_ns) {}

  static std::string path(const std::string& query, int64_t start, int64_t end) {
    return "/loki/api/v1/query_range?direction=forward&limit=" + std::to_string(page_rows) + "&start=" + std::to_string(start) + "&end=" + std::to_string(end) + "&query=" + percent_encoded(query);
  }

  // A page ends in the middle of an instant, maybe: the next one begins with that instant, and what was
  // given of it is left out.
  std::optional<columns::Chunk> next(const std::stop_token& stop) override {
    if (done_ || start_ >= end_) return std::nullopt;
    std::vector<Entry> entries = entries_of(client_->ask(path(query_, start_, end_), stop), client_->server());
    const size_t n_page = entries.size();
    done_ = n_page < page_rows;
    const int64_t last = entries.empty() ? start_ : entries.back().time_ns;
    if (!done_ && last == start_ && n_given_there_ > 0) {
      fail(ErrorKind::io, "%s: more than %zu lines at one instant (%lld ns) cannot be read page by page; narrow the selector", client_->server().who().c_str(), page_rows, static_cast<long long>(last));
    }
    std::erase_if(entries, [&](const Entry& e) { return e.time_ns == start_ && given_.count(e) > 0; });
    if (last != start_) given_.clear();
    for (const Entry& e : entries) {
      if (e.time_ns == last) given_.insert(e);
    }
    n_given_there_ = given_.size();
    start_ = last;
    columns::Chunk chunk;
    for (const columns::ColumnInfo& c : log_schema) chunk.columns.emplace_back(c.type);
    for (const Entry& e : entries) {
      chunk.columns[timestamp].push_i64(epoch_ticks + kql::floor_to(e.time_ns, 100) / 100);
      chunk.columns[line].push_text(e.line);
      chunk.columns[labels].push_text(e.labels);
    }
    chunk.n_rows = entries.size();
    return chunk;
  }

 private:
  std::shared_ptr<const LokiClient> client_;
  std::string query_;
  int64_t start_, end_;
  std::multiset<Entry> given_;     // of the instant start_
  size_t n_given_there_ = 0;
  bool done_ = false;
};

class LokiTable : public PagedTable {
 public:
  LokiTable(std::shared_ptr<const LokiClient> client, std::string selector) : client_(std::move(client)), selector_(std::move(selector)) {}
  const columns::Schema& schema() const override { return log_schema; }
  std::string server() const override { return client_->name(); }
  bool in_order() const override { return true; }

  bool can_use(const kql::Bound& filter) const override {
    const std::optional<Comparison> c = comparison_of(filter);
    if (!c) return false;
    if (c->column == timestamp) return c->op == "==" || c->op == "<" || c->op == "<=" || c->op == ">" || c->op == ">=" || c->op == "between";
    return c->column == line && !c->value.s.empty() && !search(*c).empty();
  }

  std::unique_ptr<PageReader> read(const PageRequest& request, const kql::ExecContext& context) const override {
    const auto [start, end] = times(request, context);
    return std::make_unique<LokiPages>(client_, query(request), start, end);
  }
  kql::RemoteStatement statement(const PageRequest& request, const kql::ExecContext& context) const override {
    const auto [start, end] = times(request, context);
    return {client_->name(), query(request), {"start = " + kql::datetime_text(epoch_ticks + start / 100), "end = " + kql::datetime_text(epoch_ticks + end / 100)}, {}};
  }

 private:
  // LogQL's filter of lines that keeps all lines the condition keeps, or empty.
  static std::string search(const Comparison& c) {
    const std::string& op = c.op;
    if (!engine::is_valid_utf8(c.value.s)) return {};
    if (op == "==" || op == "has_cs" || op == "contains_cs" || op == "startswith_cs" || op == "endswith_cs" || op == "hasprefix_cs" || op == "hassuffix_cs") {
      return " |= " + quoted(c.value.s);
    }
    if (op == "has" || op == "contains" || op == "startswith" || op == "endswith" || op == "hasprefix" || op == "hassuffix" || op == "=~") {
      return " |~ " + quoted(pattern_of(c.value.s));
    }
    return {};
  }
  std::string query(const PageRequest& request) const {
    std::string out = selector_;
    for (const kql::BoundPtr& filter : request.filters) {
      const std::optional<Comparison> c = comparison_of(*filter);
      if (c && c->column == line) out += search(*c);
    }
    return out;
  }
  std::pair<int64_t, int64_t> times(const PageRequest& request, const kql::ExecContext& context) const {
    const Range range = range_of(request.filters, timestamp);
    if (!range.has_min()) {
      fail(ErrorKind::invalid_input, "%s: Loki wants a beginning; add | where Timestamp > ago(1h)", client_->server().who().c_str());
    }
    const int64_t first = std::max<int64_t>(0, range.min - epoch_ticks);
    const int64_t last = std::min(range.has_max() ? range.max : context.now, epoch_ticks + INT64_MAX / 100 - 1) - epoch_ticks;
    if (first > INT64_MAX / 100 - 1) return {0, 0};
    return {first * 100, std::max<int64_t>(0, last + 1) * 100};  // the end is not included there
  }

  std::shared_ptr<const LokiClient> client_;
  std::string selector_;
};

class Loki : public Server {
 public:
  Loki(const Connection& connection, Secret secret) : client_(std::make_shared<const LokiClient>(connection, std::move(secret))) {}
  std::string kind() const override { return "Loki"; }
  kql::NodePtr table(const std::string& database, const std::string& table, const std::stop_token&) const override { return scan(database, table); }
  kql::NodePtr known_table(const std::string& database, const std::string& table) const override { return scan(database, table); }
  std::string greet(const std::stop_token& stop) const override {
    const json answer = client_->ask("/loki/api/v1/labels", stop);
    std::string list;
    size_t n = 0;
    if (answer.contains("data") && answer["data"].is_array()) {
      for (const json& label : answer["data"]) {
        if (label.is_string() && ++n <= 10) list += " " + label.get<std::string>();
      }
    }
    return "Loki, " + std::to_string(n) + (n == 1 ? " label:" : " labels:") + list;
  }

 private:
  kql::NodePtr scan(const std::string& database, const std::string& table) const {
    const std::string own = client_->server().connection().database;
    const std::string label = !database.empty() ? database : own.empty() ? "app" : own;
    const bool is_label = !label.empty() && std::all_of(label.begin(), label.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; });
    if (!is_label) fail(ErrorKind::invalid_input, "%s: database('%s') is no label of Loki", client_->server().who().c_str(), label.c_str());
    const bool selector = !table.empty() && table[0] == '{';
    return make_paged_scan(std::make_shared<const LokiTable>(client_, selector ? table : "{" + label + "=" + quoted(table) + "}"));
  }
  std::shared_ptr<const LokiClient> client_;
};

}  // namespace

std::shared_ptr<const Server> make_loki(const Connection& connection, Secret secret) {
  return std::make_shared<const Loki>(connection, std::move(secret));
}

}  // namespace app::connectors
