// Elasticsearch and OpenSearch: an index is a table. Its columns are the top fields of its mapping
// (objects are dynamic, so that host.name works) and _id; its rows are read through a scroll.
// Bounds of numbers and times, and equal keywords, go to the server as a filter.
//
// A field there may hold several values where the mapping says one: a scalar column then has the
// first. What is missing is null, as is a value that is none of its type.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "app/connectors/paged.h"
#include "app/connectors/servers.h"
#include "app/kql/datetime.h"
#include "app/kql/json.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::connectors {
namespace {

using columns::Type;
using engine::ErrorKind;
using engine::fail;
using kql::Value;
using nlohmann::json;

constexpr size_t page_rows = 2000;
constexpr size_t max_page = 256u << 20;
constexpr int64_t epoch_ticks = 621'355'968'000'000'000;
constexpr const char* keep_alive = "1m";

struct Field {
  std::string name;
  Type type = Type::string;
  bool exact = false;      // a keyword as it was written: term finds it
};

Field field_of(const std::string& name, const json& mapping) {
  const std::string type = mapping.is_object() && mapping.contains("type") && mapping["type"].is_string() ? mapping["type"].get<std::string>() : "object";
  static const std::map<std::string, Type> types = {
      {"keyword", Type::string}, {"constant_keyword", Type::string}, {"wildcard", Type::string}, {"text", Type::string}, {"match_only_text", Type::string},
      {"ip", Type::string}, {"version", Type::string}, {"binary", Type::string}, {"long", Type::int64}, {"integer", Type::int32}, {"short", Type::int32},
      {"byte", Type::int32}, {"unsigned_long", Type::decimal}, {"double", Type::real}, {"float", Type::real}, {"half_float", Type::real},
      {"scaled_float", Type::real}, {"boolean", Type::boolean}, {"date", Type::datetime}, {"date_nanos", Type::datetime}};
  const auto at = types.find(type);
  Field f{name, at == types.end() ? Type::dynamic : at->second, false};
  f.exact = type == "keyword" && !mapping.contains("ignore_above") && !mapping.contains("normalizer");
  return f;
}

// Null outside the calendar.
Value date_of_ms(int64_t ms) {
  int64_t ticks = 0;
  if (__builtin_mul_overflow(ms, kql::ticks_per_ms, &ticks) || __builtin_add_overflow(ticks, epoch_ticks, &ticks) || ticks < 0 || ticks > kql::max_datetime)
    return Value::none(Type::datetime);
  return Value::datetime(ticks);
}

// A date is text, or milliseconds since 1970.
Value date_value(const json& v) {
  if (v.is_string()) {
    const std::string text = v.get<std::string>();
    const bool digits = text.size() > 8 && text.find_first_not_of("0123456789") == std::string::npos;
    if (!digits) return kql::convert(Value::text(text), Type::datetime);
    const std::optional<int64_t> ms = kql::parse_int64(text);
    return ms ? date_of_ms(*ms) : Value::none(Type::datetime);
  }
  if (!v.is_number()) return Value::none(Type::datetime);
  const double ms = v.get<double>();
  if (!(ms > -6.2e13 && ms < 2.5e14)) return Value::none(Type::datetime);
  if (v.is_number_integer()) return date_of_ms(v.get<int64_t>());
  return Value::datetime(epoch_ticks + static_cast<int64_t>(ms * static_cast<double>(kql::ticks_per_ms)));
}

Value value_of(const json& v, Type type) {
  if (v.is_null()) return Value::none(type);
  if (type == Type::dynamic) return Value::dynamic(v.dump(-1, ' ', false, json::error_handler_t::replace));
  if (v.is_array()) return v.empty() ? Value::none(type) : value_of(v[0], type);
  if (type == Type::datetime) return date_value(v);
  if (v.is_string()) return kql::convert(Value::text(v.get<std::string>()), type);
  if (v.is_boolean()) return type == Type::string ? Value::text(v.get<bool>() ? "true" : "false") : kql::convert(Value::boolean(v.get<bool>()), type);
  if (v.is_number_unsigned() && v.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) return kql::convert(Value::text(std::to_string(v.get<uint64_t>())), type);
  if (v.is_number_integer()) return kql::convert(Value::int64(v.get<int64_t>()), type);
  if (v.is_number()) return kql::convert(Value::real(v.get<double>()), type);
  return type == Type::string ? Value::text(v.dump(-1, ' ', false, json::error_handler_t::replace)) : Value::none(type);
}

class ElasticClient {
 public:
  ElasticClient(const Connection& connection, Secret secret) : server_(connection, std::move(secret)) {}
  const ServerAddress& server() const { return server_; }
  std::string name() const { return "Elasticsearch " + server_.connection().name; }

  json ask(const std::string& path, const json* body, const std::stop_token& stop, const char* method = nullptr) const {
    HttpRequest r = server_.request(path);
    if (body != nullptr) {
      r.method = "POST";
      r.body = body->dump(-1, ' ', false, json::error_handler_t::replace);
      r.headers = {"Content-Type: application/json", "Expect:"};
    }
    if (method != nullptr) r.method = method;
    const std::string secret = server_.secret();
    if (!server_.connection().user.empty()) r.user = server_.connection().user, r.password = secret;
    else if (!secret.empty()) r.headers.push_back("Authorization: ApiKey " + secret);
    const HttpResponse answer = http_request(r, max_page, stop);
    if (answer.status >= 300) fail_answer(answer);
    json parsed = parse_answer(server_, answer.body);
    if (!parsed.is_object()) fail(ErrorKind::io, "%s: what answers is not Elasticsearch", server_.who().c_str());
    return parsed;
  }

 private:
  [[noreturn]] void fail_answer(const HttpResponse& answer) const {
    const json body = parse_answer(server_, answer.body);
    if (answer.status != 401 && answer.status != 403 && body.is_object() && body.contains("error")) {
      const json& error = body["error"];
      const json reason = error.is_object() ? error.value("reason", json()) : error;
      if (reason.is_string()) {
        const bool asked_wrong = answer.status == 400 || answer.status == 404;
        fail(asked_wrong ? ErrorKind::invalid_input : ErrorKind::io, "%s: the server answered: %s", server_.who().c_str(),
             engine::escape_invalid_utf8(reason.get<std::string>().substr(0, 300)).c_str());
      }
    }
    fail_status(server_, answer.status, answer.body);
  }
  ServerAddress server_;
};

class ElasticPages : public PageReader {
 public:
  ElasticPages(std::shared_ptr<const ElasticClient> client, std::string index, std::vector<Field> fields, columns::Schema schema, json body)
      : client_(std::move(client)), index_(std::move(index)), fields_(std::move(fields)), schema_(std::move(schema)), body_(std::move(body)) {}
  ~ElasticPages() override {
    if (scroll_.empty()) return;
    try {  // it would end by itself after a minute
      const json body = {{"scroll_id", json::array({scroll_})}};
      client_->ask("/_search/scroll", &body, {}, "DELETE");
    } catch (const engine::Error&) {
    }
  }
  ElasticPages(const ElasticPages&) = delete;
  ElasticPages& operator=(const ElasticPages&) = delete;

  std::optional<columns::Chunk> next(const std::stop_token& stop) override {
    if (done_) return std::nullopt;
    const json body = scroll_.empty() ? body_ : json({{"scroll", keep_alive}, {"scroll_id", scroll_}});
    const std::string path = scroll_.empty() ? "/" + percent_encoded(index_) + "/_search?scroll=" + keep_alive : "/_search/scroll";
    const json answer = client_->ask(path, &body, stop);
    const auto bad = [&]() { fail(ErrorKind::io, "%s: the rows cannot be read", client_->server().who().c_str()); };
    if (!answer.contains("hits") || !answer["hits"].is_object() || !answer["hits"].contains("hits") || !answer["hits"]["hits"].is_array()) bad();
    if (answer.value("timed_out", json()) == true) fail(ErrorKind::io, "%s: the server ran out of time; the rows are not whole", client_->server().who().c_str());
    if (const json shards = answer.value("_shards", json()); shards.is_object() && shards.value("failed", json()).is_number() && shards["failed"] > 0) {
      fail(ErrorKind::io, "%s: %s of the index's shards failed; the rows are not whole", client_->server().who().c_str(), shards["failed"].dump().c_str());
    }
    if (const json id = answer.value("_scroll_id", json()); id.is_string()) scroll_ = id.get<std::string>();
    const json& hits = answer["hits"]["hits"];
    done_ = hits.empty() || scroll_.empty();
    columns::Chunk chunk;
    for (const columns::ColumnInfo& c : schema_) chunk.columns.emplace_back(c.type);
    for (const json& hit : hits) {
      if (!hit.is_object()) bad();
      push(chunk.columns[0], value_of(hit.value("_id", json()), Type::string));
      const auto source = hit.find("_source");
      for (size_t k = 0; k < fields_.size(); ++k) {
        const auto at = source != hit.end() && source->is_object() ? source->find(fields_[k].name) : json::const_iterator();
        const bool there = source != hit.end() && source->is_object() && at != source->end();
        push(chunk.columns[k + 1], there ? value_of(*at, fields_[k].type) : Value::none(fields_[k].type));
      }
    }
    chunk.n_rows = hits.size();
    return chunk;
  }

 private:
  std::shared_ptr<const ElasticClient> client_;
  std::string index_;
  std::vector<Field> fields_;
  columns::Schema schema_;
  json body_;
  std::string scroll_;
  bool done_ = false;
};

class ElasticIndex : public PagedTable {
 public:
  ElasticIndex(std::shared_ptr<const ElasticClient> client, std::string index, std::vector<Field> fields)
      : client_(std::move(client)), index_(std::move(index)), fields_(std::move(fields)) {
    schema_.push_back({"_id", Type::string});
    for (const Field& f : fields_) schema_.push_back({f.name, f.type});
  }
  const columns::Schema& schema() const override { return schema_; }
  std::string server() const override { return client_->name(); }
  bool can_use(const kql::Bound& filter) const override { return !condition(filter).is_null(); }

  std::unique_ptr<PageReader> read(const PageRequest& request, const kql::ExecContext&) const override {
    return std::make_unique<ElasticPages>(client_, index_, fields_, schema_, body(request));
  }
  kql::RemoteStatement statement(const PageRequest& request, const kql::ExecContext&) const override {
    return {client_->name(), "POST /" + index_ + "/_search " + body(request).dump(), {}, {}};
  }

 private:
  // A condition of the query language that all wanted rows meet, or null.
  json condition(const kql::Bound& filter) const {
    const std::optional<Comparison> c = comparison_of(filter);
    if (!c || c->column == 0) return {};
    const Field& f = fields_[c->column - 1];
    if (f.type == Type::string) return f.exact && c->op == "==" && !c->value.s.empty() ? json({{"term", {{f.name, c->value.s}}}}) : json();
    const bool time = f.type == Type::datetime;
    if (!time && f.type != Type::int64 && f.type != Type::int32) return {};
    json range = json::object();
    // Milliseconds around the bound: what is finer is decided here.
    const auto low = [&](int64_t v) { return time ? kql::floor_to(v - epoch_ticks, kql::ticks_per_ms) / kql::ticks_per_ms : v; };
    const auto high = [&](int64_t v) { return time ? low(v) + 1 : v; };
    const std::string& op = c->op;
    if (op == "==" || op == ">=" || op == ">" || op == "between") range["gte"] = low(c->value.i);
    if (op == "==" || op == "<=" || op == "<") range["lte"] = high(c->value.i);
    if (op == "between") range["lte"] = high(c->upper.i);
    if (range.empty()) return {};
    if (time) range["format"] = "epoch_millis";
    return {{"range", {{f.name, range}}}};
  }

  json body(const PageRequest& request) const {
    json filters = json::array(), source = json::array();
    for (const kql::BoundPtr& filter : request.filters) filters.push_back(condition(*filter));
    for (const size_t k : request.columns) {
      if (k > 0) source.push_back(fields_[k - 1].name);
    }
    json out = {{"size", page_rows}, {"sort", json::array({"_doc"})}, {"_source", source.empty() ? json(false) : source}};
    out["query"] = filters.empty() ? json({{"match_all", json::object()}}) : json({{"bool", {{"filter", filters}}}});
    return out;
  }

  std::shared_ptr<const ElasticClient> client_;
  std::string index_;
  std::vector<Field> fields_;
  columns::Schema schema_;
};

class Elasticsearch : public Server {
 public:
  Elasticsearch(const Connection& connection, Secret secret) : client_(std::make_shared<const ElasticClient>(connection, std::move(secret))) {}
  std::string kind() const override { return "Elasticsearch"; }

  kql::NodePtr table(const std::string&, const std::string& table, const std::stop_token& stop) const override {
    // A name with these would be another request.
    if (table.empty() || table[0] == '_' || table.find_first_of("/?#\\ ") != std::string::npos) {
      fail(ErrorKind::invalid_input, "%s: '%s' is no index", client_->server().who().c_str(), table.c_str());
    }
    const json answer = client_->ask("/" + percent_encoded(table) + "/_mapping", nullptr, stop);
    // An alias or a pattern stands for several: the fields of all, as the first has them.
    std::map<std::string, Field> fields;
    for (const auto& [index, item] : answer.items()) {
      const json mappings = item.is_object() ? item.value("mappings", json()) : json();
      const json properties = mappings.is_object() ? mappings.value("properties", json()) : json();
      if (!properties.is_object()) continue;
      for (const auto& [name, mapping] : properties.items()) {
        const auto [at, added] = fields.emplace(name, field_of(name, mapping));
        if (!added && at->second.type != field_of(name, mapping).type) at->second = {name, Type::dynamic, false};
        if (!added && !field_of(name, mapping).exact) at->second.exact = false;
      }
    }
    if (answer.empty()) fail(ErrorKind::invalid_input, "%s: there is no index '%s'", client_->server().who().c_str(), table.c_str());
    std::vector<Field> list;
    for (auto& [name, field] : fields) list.push_back(std::move(field));
    kql::NodePtr node = make_paged_scan(std::make_shared<const ElasticIndex>(client_, table, std::move(list)));
    const std::lock_guard lock(mutex_);
    return known_[table] = node;
  }
  kql::NodePtr known_table(const std::string&, const std::string& table) const override {
    const std::lock_guard lock(mutex_);
    const auto at = known_.find(table);
    return at == known_.end() ? nullptr : at->second;
  }

  std::string greet(const std::stop_token& stop) const override {
    const json answer = client_->ask("/", nullptr, stop);
    const json version = answer.value("version", json());
    if (!version.is_object() || !version.value("number", json()).is_string()) fail(ErrorKind::io, "%s: what answers is not Elasticsearch", client_->server().who().c_str());
    const bool open = version.value("distribution", json()) == "opensearch";
    return (open ? "OpenSearch " : "Elasticsearch ") + version["number"].get<std::string>();
  }

 private:
  std::shared_ptr<const ElasticClient> client_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, kql::NodePtr> known_;
};

}  // namespace

std::shared_ptr<const Server> make_elasticsearch(const Connection& connection, Secret secret) {
  return std::make_shared<const Elasticsearch>(connection, std::move(secret));
}

}  // namespace app::connectors
