#include "plain_value.h"

#include <charconv>
#include <cmath>
#include <random>

namespace plain {
namespace {

std::string padded(int64_t value, size_t width) {
  std::string text = std::to_string(value);
  return text.size() < width ? std::string(width - text.size(), '0') + text : text;
}

std::string real_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  char text[400];
  const double size = std::fabs(value);
  const bool fixed = size == 0 || (size >= 1e-5 && size < 1e15);
  const auto end = (fixed ? std::to_chars(text, text + sizeof text, value, std::chars_format::fixed) : std::to_chars(text, text + sizeof text, value)).ptr;
  std::string out(text, end);
  if (fixed && out.find('.') == std::string::npos) out += ".0";
  for (char& c : out) c = c == 'e' ? 'E' : c;
  return out;
}

std::string decimal_text(int64_t v) {
  std::string out = std::to_string(std::abs(v) / 10'000);
  std::string rest = padded(std::abs(v) % 10'000, 4);
  while (!rest.empty() && rest.back() == '0') rest.pop_back();
  if (!rest.empty()) out += "." + rest;
  return (v < 0 ? "-" : "") + out;
}

std::string time_text(int64_t ticks) {
  const Date date = date_of(ticks);
  const int64_t rest = ticks % ticks_per_day, seconds = rest / ticks_per_second;
  return padded(date.year, 4) + "-" + padded(date.month, 2) + "-" + padded(date.day, 2) + "T" + padded(seconds / 3600, 2) + ":" +
         padded(seconds / 60 % 60, 2) + ":" + padded(seconds % 60, 2) + "." + padded(rest % ticks_per_second, 7) + "Z";
}

std::string span_text(int64_t ticks) {
  const uint64_t size = ticks < 0 ? 0 - static_cast<uint64_t>(ticks) : static_cast<uint64_t>(ticks);
  const auto days = static_cast<int64_t>(size / ticks_per_day), rest = static_cast<int64_t>(size % ticks_per_day);
  const int64_t seconds = rest / ticks_per_second;
  std::string out = ticks < 0 ? "-" : "";
  if (days) out += std::to_string(days) + ".";
  out += padded(seconds / 3600, 2) + ":" + padded(seconds / 60 % 60, 2) + ":" + padded(seconds % 60, 2);
  if (rest % ticks_per_second) out += "." + padded(rest % ticks_per_second, 7);
  return out;
}

void write(const Json& json, std::string& out);
void write_text(const std::string& text, std::string& out) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}
void write(const Json& json, std::string& out) {
  switch (json.kind) {
    case Json::Kind::null: out += "null"; return;
    case Json::Kind::boolean: out += json.i ? "true" : "false"; return;
    case Json::Kind::integer: out += std::to_string(json.i); return;
    case Json::Kind::real: out += real_text(json.d); return;
    case Json::Kind::text: write_text(json.s, out); return;
    default: break;
  }
  out += json.keys.empty() && json.kind == Json::Kind::array ? '[' : '{';
  for (size_t k = 0; k < json.items.size(); ++k) {
    if (k) out += ',';
    if (json.kind == Json::Kind::bag) write_text(json.keys[k], out), out += ':';
    write(json.items[k], out);
  }
  out += json.kind == Json::Kind::array ? ']' : '}';
}

}  // namespace

const Json* Json::find(const std::string& key) const {
  for (size_t k = 0; k < keys.size(); ++k) {
    if (keys[k] == key) return &items[k];
  }
  return nullptr;
}
void Json::set(const std::string& key, Json item) {
  for (size_t k = 0; k < keys.size(); ++k) {
    if (keys[k] == key) return void(items[k] = std::move(item));
  }
  keys.push_back(key);
  items.push_back(std::move(item));
}

bool operator==(const Json& a, const Json& b) {
  const auto number = [](const Json& j) { return j.kind == Json::Kind::integer || j.kind == Json::Kind::real; };
  const auto value = [](const Json& j) { return j.kind == Json::Kind::integer ? static_cast<double>(j.i) : j.d; };
  if (number(a) && number(b)) return a.kind == b.kind && a.kind == Json::Kind::integer ? a.i == b.i : value(a) == value(b);
  if (a.kind != b.kind || a.i != b.i || a.s != b.s || a.items.size() != b.items.size()) return false;
  if (a.kind == Json::Kind::array) return a.items == b.items;
  for (size_t k = 0; k < a.keys.size(); ++k) {
    const Json* other = b.find(a.keys[k]);
    if (!other || !(*other == a.items[k])) return false;
  }
  return true;
}

bool operator==(const Value& a, const Value& b) { return !(a < b) && !(b < a); }
bool operator<(const Value& a, const Value& b) {
  if (a.null != b.null) return a.null;
  if (a.null) return false;
  if (a.i != b.i) return a.i < b.i;
  if (a.d != b.d) return a.d < b.d;
  if (a.s != b.s) return a.s < b.s;
  if (a.type != Type::dynamic || b.type != Type::dynamic) return false;
  return json_text(json(a)) < json_text(json(b));
}
int order(const Value& a, const Value& b) {
  if (a.type == Type::text || a.type == Type::guid) return a.s < b.s ? -1 : a.s > b.s;
  if (a.type == Type::real) return a.d < b.d ? -1 : a.d > b.d;
  return a.i < b.i ? -1 : a.i > b.i;
}

std::string to_text(const Value& value) {
  if (value.null) return {};
  switch (value.type) {
    case Type::boolean: return value.i ? "True" : "False";
    case Type::int32: case Type::integer: return std::to_string(value.i);
    case Type::real: return real_text(value.d);
    case Type::decimal: return decimal_text(value.i);
    case Type::text: case Type::guid: return value.s;
    case Type::time: return time_text(value.i);
    case Type::span: return span_text(value.i);
    case Type::dynamic: return json(value).kind == Json::Kind::text ? json(value).s : json_text(json(value));
  }
  return {};
}
std::string show(const Value& value) {
  if (value.null) return "null";
  if (value.type == Type::boolean) return value.i ? "true" : "false";
  if (value.type == Type::dynamic) return json_text(json(value));
  return to_text(value);
}
std::string json_text(const Json& json) {
  std::string out;
  write(json, out);
  return out;
}

Value null_of(Type type) {
  Value v;
  v.type = type;
  v.null = type != Type::text;
  return v;
}
namespace {
Value integral(Type type, int64_t i) {
  Value v;
  v.type = type;
  v.i = i;
  return v;
}
Json of_kind(Json::Kind kind) {
  Json j;
  j.kind = kind;
  return j;
}
}  // namespace
Value of(bool b) { return integral(Type::boolean, b); }
Value of(int64_t i) { return integral(Type::integer, i); }
Value of_int32(int64_t i) { return integral(Type::int32, i); }
Value of_time(int64_t ticks) { return integral(Type::time, ticks); }
Value of_span(int64_t ticks) { return integral(Type::span, ticks); }
Value of(double d) {
  Value v;
  v.type = Type::real;
  v.d = d;
  return v;
}
Value of(std::string s) {
  Value v;
  v.type = Type::text;
  v.s = std::move(s);
  return v;
}
Value of_json(Json j) {
  Value v = null_of(Type::dynamic);
  if (j.kind == Json::Kind::null) return v;
  v.null = false;
  v.json = std::make_shared<const Json>(std::move(j));
  return v;
}
Json json_of(bool b) {
  Json j = of_kind(Json::Kind::boolean);
  j.i = b;
  return j;
}
Json json_of(int64_t i) {
  Json j = of_kind(Json::Kind::integer);
  j.i = i;
  return j;
}
Json json_of(double d) {
  Json j = of_kind(Json::Kind::real);
  j.d = d;
  return j;
}
Json json_of(std::string s) {
  Json j = of_kind(Json::Kind::text);
  j.s = std::move(s);
  return j;
}
Json array_of(std::vector<Json> items) {
  Json j = of_kind(Json::Kind::array);
  j.items = std::move(items);
  return j;
}
Json to_json(const Value& value) {
  if (value.null) return {};
  switch (value.type) {
    case Type::boolean: return json_of(value.i != 0);
    case Type::int32: case Type::integer: return json_of(value.i);
    case Type::real: return json_of(value.d);
    case Type::dynamic: return json(value);
    default: return json_of(to_text(value));
  }
}
const Json& json(const Value& value) {
  static const Json none;
  return value.json ? *value.json : none;
}

const char* type_name(Type type) {
  static const char* const names[] = {"bool", "int", "long", "real", "decimal", "string", "datetime", "timespan", "guid", "dynamic"};
  return names[static_cast<int>(type)];
}

int64_t floor_to(int64_t value, int64_t step) {
  const int64_t rest = value % step;
  return value - (rest < 0 ? rest + step : rest);
}

namespace {
bool is_leap(int64_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }
int days_in(int64_t year, int month) { return month == 2 ? is_leap(year) ? 29 : 28 : month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31; }
int64_t days_before(int64_t year) { return (year - 1) * 365 + (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400; }
}  // namespace
Date date_of(int64_t ticks) {
  int64_t days = ticks / ticks_per_day;
  Date date;
  date.year = days / 366 + 1;
  while (days_before(date.year + 1) <= days) ++date.year;
  days -= days_before(date.year);
  for (; days >= days_in(date.year, date.month); ++date.month) days -= days_in(date.year, date.month);
  date.day = static_cast<int>(days) + 1;
  return date;
}
int64_t ticks_of(const Date& date) {
  int64_t days = days_before(date.year) + date.day - 1;
  for (int month = 1; month < date.month; ++month) days += days_in(date.year, month);
  return days * ticks_per_day;
}

namespace {
Json random_json(std::mt19937& random) {
  static const char* const words[] = {"disk", "ok", "", "x\"y", "7"};
  switch (random() % 8) {
    case 0: return json_of(static_cast<int64_t>(random() % 9));
    case 1: return json_of(std::string(words[random() % 5]));
    case 2: return json_of(random() % 2 == 0);
    case 3: return {};
    default: break;
  }
  if (random() % 2) {
    std::vector<Json> items;
    for (size_t n = random() % 4; n > 0; --n) {
      if (random() % 5 == 0) items.emplace_back();
      else if (random() % 4 == 0) items.push_back(json_of(std::string(words[random() % 5])));
      else items.push_back(json_of(static_cast<int64_t>(random() % 9) - 2));
    }
    return array_of(std::move(items));
  }
  Json bag;
  bag.kind = Json::Kind::bag;
  if (random() % 3) bag.set("a", json_of(static_cast<int64_t>(random() % 9)));
  if (random() % 3 == 0) bag.set("b", json_of(std::string(words[random() % 5])));
  if (random() % 3 == 0) bag.set("c", array_of({json_of(static_cast<int64_t>(1)), json_of(std::string("two")), {}}));
  return bag;
}
}  // namespace

Table make_table(const std::string& name, size_t n_rows, uint32_t seed) {
  std::mt19937 random(seed);
  static const std::vector<std::string> texts = {"error on Disk sda", "disk full", "all ok", "Error: errors follow", "", "WARN x", "a", "r1 1", "\xC3\x96l 42 \xC3\xA9t\xC3\xA9"};
  static const std::vector<std::string> words = {"disk full", "ok", "error", "Disk", "a"};
  static const std::vector<std::string> guids = {"11111111-2222-3333-4444-555555555555", "a0b1c2d3-0000-4000-8000-0123456789ab", "ffffffff-ffff-ffff-ffff-ffffffffffff"};
  Table table;
  const auto null_or = [&](Value v, unsigned one_in) { return random() % one_in == 0 ? null_of(v.type) : v; };
  if (name == "U") {
    table.columns = {{"Word", Type::text}, {"Number", Type::integer}, {"Key", Type::guid}, {"Rate", Type::real}};
    for (size_t k = 0; k < n_rows; ++k) {
      Value guid = of(guids[random() % guids.size()]);
      guid.type = Type::guid;
      table.rows.push_back({of(words[random() % words.size()]), null_or(of(static_cast<int64_t>(random() % 13) - 2), 9), null_or(guid, 6), null_or(of(static_cast<double>(random() % 40) / 4), 7)});
    }
    return table;
  }
  table.columns = {{"Id", Type::integer}, {"Time", Type::time}, {"Word", Type::text}, {"Text", Type::text}, {"Number", Type::integer}, {"Flag", Type::boolean},
                   {"Small", Type::int32}, {"Rate", Type::real}, {"Price", Type::decimal}, {"Took", Type::span}, {"Key", Type::guid}, {"Data", Type::dynamic}};
  table.unique = 0;
  for (size_t k = 0; k < n_rows; ++k) {
    Value guid = of(guids[random() % guids.size()]), price = of(static_cast<int64_t>(random() % 2000) * 25 - 10'000);
    guid.type = Type::guid;
    price.type = Type::decimal;
    table.rows.push_back({of(static_cast<int64_t>(k * 7 % 1000)), null_or(of_time(first_time + static_cast<int64_t>(k * 20 + random() % 20) * ticks_per_second), 17), of(words[random() % words.size()]),
                          of(texts[random() % texts.size()]), null_or(of(static_cast<int64_t>(random() % 13) - 2), 9), null_or(of(random() % 3 == 0), 7),
                          null_or(of_int32(static_cast<int64_t>(random() % 9) - 1), 8), null_or(of(static_cast<double>(random() % 60) / 4 - 3), 8), null_or(price, 9),
                          null_or(of_span(static_cast<int64_t>(random() % 100'000) * 37'000'000), 9), null_or(guid, 5), of_json(random_json(random))});
  }
  return table;
}

}  // namespace plain
