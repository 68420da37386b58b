#include "app/logs/format.h"

#include <algorithm>
#include <cstdio>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "app/logs/json_scan.h"
#include "app/logs/pattern.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::logs {
namespace {
using engine::ErrorKind;
using engine::fail;

// 1769854830, 1769854830.25, 1769854830123 and so on, as JSON and logfmt write times.
bool scan_written_time(std::string_view text, WrittenTime& out) {
  if (scan_time(text, TimeShape::epoch, out) == text.size() && !text.empty()) return true;
  return scan_time(text, TimeShape::any, out) != 0;
}

struct FormatBase : Format {
  LevelMap levels;
  std::string level_from;

  Level level_of(std::string_view word) const {
    int number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (!levels.empty()) {
      const auto found = levels.find(engine::to_lower_ascii(word));
      if (found != levels.end()) return found->second;
    }
    if (error == std::errc() && end == word.data() + word.size()) return level_from_number(number);
    return level_from_word(word);
  }

  // The level of an access log line is that of its HTTP status.
  void level_from_status(Fields& out) const {
    if (level_from.empty() || out.level != Level::none) return;
    for (const Fields::Extra& e : out.extra) {
      if (e.name != level_from || e.value.size() != 3) continue;
      out.level = e.value[0] == '5'   ? Level::error
                  : e.value[0] == '4' ? Level::warning
                                      : Level::info;
    }
  }
};

class PatternFormat : public FormatBase {
 public:
  std::vector<Pattern> patterns;

  bool match(std::string_view line, Fields& out) const override {
    for (const Pattern& pattern : patterns) {
      out.clear();
      if (pattern.match(line, levels, out)) {
        level_from_status(out);
        return true;
      }
    }
    return false;
  }
};

enum class Key : uint8_t { time, level, message, host, process, pid };
constexpr std::string_view key_names[] = {"time", "level", "message", "host", "process", "pid"};

// Json and logfmt: fields by key. Where several keys of a line mean the same field, the one that
// stands first in the format file wins.
class KeyedFormat : public FormatBase {
 public:
  struct Meaning {
    Key key;
    int rank;
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view s) const { return std::hash<std::string_view>()(s); }
  };
  std::unordered_map<std::string, Meaning, Hash, std::equal_to<>> keys;
  std::vector<std::string> required;  // keys that a line must have
  std::vector<std::string> dotted;    // first parts of keys such as "t.$date"

 protected:
  // What one line has given so far.
  struct Found {
    Fields& out;
    int rank[6] = {1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20};
    int n_known = 0, n_members = 0;
    size_t n_required = 0;
  };

  static void finish(std::string_view line, Fields& out) {
    if (out.message.empty()) out.message = line;
    while (out.message.ends_with('\n')) out.message.remove_suffix(1);
    out.detail = 10;
  }

  void take(std::string_view field, std::string_view value, bool escaped, bool is_json,
            Found& f) const {
    ++f.n_members;
    if (!required.empty())
      f.n_required += std::find(required.begin(), required.end(), field) != required.end();
    Fields& out = f.out;
    const auto meaning = keys.find(field);
    if (meaning == keys.end()) {
      out.extra.push_back({field, value, is_json});
      return;
    }
    const auto [key, rank] = meaning->second;
    if (rank >= f.rank[size_t(key)] || !use(key, value, escaped, out)) {
      out.extra.push_back({field, value, is_json});
      return;
    }
    f.rank[size_t(key)] = rank;
    ++f.n_known;
  }

 private:
  bool use(Key key, std::string_view value, bool escaped, Fields& out) const {
    const auto text = [&](size_t slot) -> std::string_view {
      if (!escaped) return value;
      out.owned[slot] = unescape_json(value);
      return out.owned[slot];
    };
    switch (key) {
      case Key::time: {
        WrittenTime time;
        if (!scan_written_time(value, time)) return false;
        out.time = time;
        return out.has_time = true;
      }
      case Key::level: {
        const Level level = level_of(value);
        if (level == Level::none) return false;
        out.level = level;
        return true;
      }
      case Key::message:
        out.message = text(0);
        return true;
      case Key::host:
        out.host = text(1);
        return true;
      case Key::process:
        out.process = text(2);
        return true;
      case Key::pid:
        return std::from_chars(value.data(), value.data() + value.size(), out.pid).ec ==
               std::errc();
    }
    return false;
  }
};

class JsonFormat : public KeyedFormat {
 public:
  bool match(std::string_view line, Fields& out) const override {
    if (line.empty() || line[0] != '{') return false;
    out.clear();
    Found found{out};
    const bool whole = scan_json_object(line, [&](std::string_view field, const JsonValue& value) {
      if (value.kind == JsonValue::Kind::object &&
          std::find(dotted.begin(), dotted.end(), field) != dotted.end()) {
        take_nested(field, value, found);
      } else {
        take(field, value.text, value.escaped, value.kind != JsonValue::Kind::string, found);
      }
    });
    if (!whole || found.n_known == 0 || found.n_required < required.size()) return false;
    finish(line, out);
    level_from_status(out);
    return true;
  }

 private:
  // {"t": {"$date": "..."}} as key "t.$date".
  void take_nested(std::string_view field, const JsonValue& object, Found& found) const {
    int n_before = found.n_known;
    scan_json_object(object.text, [&](std::string_view part, const JsonValue& value) {
      const std::string full = std::string(field) + "." + std::string(part);
      if (keys.find(full) == keys.end() || value.kind == JsonValue::Kind::object) return;
      const size_t n_extra = found.out.extra.size();
      take(full, value.text, value.escaped, false, found);
      found.out.extra.resize(n_extra);  // its field would not outlive this call
    });
    if (found.n_known == n_before || field != "t")
      found.out.extra.push_back({field, object.text, true});
  }
};

// key=value key="quoted value" ...; the whole line, at least two pairs and one known key.
class LogfmtFormat : public KeyedFormat {
 public:
  bool match(std::string_view line, Fields& out) const override {
    out.clear();
    Found found{out};
    size_t at = 0;
    while (at < line.size()) {
      while (at < line.size() && line[at] == ' ') ++at;
      if (at == line.size()) break;
      const size_t begin = at;
      while (at < line.size() && is_key_byte(line[at])) ++at;
      if (at == begin || at >= line.size() || line[at] != '=') return false;
      const std::string_view field = line.substr(begin, at - begin);
      ++at;
      bool escaped = false;
      std::string_view value;
      if (at < line.size() && line[at] == '"') {
        size_t end = at + 1;
        while (end < line.size() && line[end] != '"') {
          escaped = escaped || line[end] == '\\';
          end += line[end] == '\\' ? 2 : 1;
        }
        if (end >= line.size()) return false;
        value = line.substr(at + 1, end - at - 1);
        at = end + 1;
        if (at < line.size() && line[at] != ' ') return false;
      } else {
        const size_t end = std::min(line.find(' ', at), line.size());
        value = line.substr(at, end - at);
        at = end;
      }
      take(field, value, escaped, false, found);
    }
    if (found.n_members < 2 || (found.n_known < 2 && !out.has_time) ||
        found.n_required < required.size())
      return false;
    finish(line, out);
    level_from_status(out);
    return true;
  }

 private:
  static bool is_key_byte(char c) {
    return (c >= '0' && c <= '9') || unsigned((c | 32) - 'a') < 26 || c == '_' || c == '.' ||
           c == '-' || c == '@' || c == '/' || c == '[' || c == ']';
  }
};

using nlohmann::json;

std::string text_of(const json& object, const char* key, const std::string& fallback = {}) {
  const auto found = object.find(key);
  if (found == object.end()) return fallback;
  if (!found->is_string()) fail(ErrorKind::invalid_input, "`%s` must be a string", key);
  return found->get<std::string>();
}

void read_levels(const json& object, LevelMap& levels) {
  const auto found = object.find("levels");
  if (found == object.end()) return;
  for (const auto& [word, value] : found->items()) {
    const Level level = value.is_string() ? level_from_word(value.get<std::string>()) : Level::none;
    if (level == Level::none) {
      fail(ErrorKind::invalid_input,
           "`levels`: \"%s\" must stand for TRACE, DEBUG, INFO, NOTICE, WARN, ERROR or CRITICAL",
           word.c_str());
    }
    levels[engine::to_lower_ascii(word)] = level;
  }
}

void read_keys(const json& object, KeyedFormat& format) {
  const auto found = object.find("keys");
  if (found == object.end()) fail(ErrorKind::invalid_input, "`keys` is missing");
  for (const auto& [name, list] : found->items()) {
    const auto known = std::find(std::begin(key_names), std::end(key_names), name);
    if (known == std::end(key_names)) {
      fail(ErrorKind::invalid_input,
           "`keys`: no such field: %s (known: time, level, message, host, process, pid)",
           name.c_str());
    }
    int rank = 0;
    for (const json& key : list) {
      const std::string text = key.get<std::string>();
      format.keys[text] = {Key(known - std::begin(key_names)), rank++};
      const size_t dot = text.find('.');
      if (dot != std::string::npos) format.dotted.push_back(text.substr(0, dot));
    }
  }
}

void read_samples(const json& object, Format& format) {
  const auto found = object.find("samples");
  if (found == object.end() || found->empty()) {
    fail(ErrorKind::invalid_input, "`samples` is missing: a format needs an example line at least");
  }
  for (const json& s : *found) {
    Format::Sample sample;
    sample.line = text_of(s, "line");
    sample.time = text_of(s, "time");
    sample.level = text_of(s, "level");
    sample.host = text_of(s, "host");
    sample.process = text_of(s, "process");
    sample.message = text_of(s, "message");
    sample.pid = s.value("pid", int64_t(-1));
    format.samples.push_back(std::move(sample));
  }
}

void read_time_defaults(const json& object, Format& format) {
  if (const std::string zone = text_of(object, "time_zone"); !zone.empty()) {
    int hours = 0, minutes = 0;
    char sign = 0, more = 0;
    if (std::sscanf(zone.c_str(), "%c%2d:%2d%c", &sign, &hours, &minutes, &more) != 3 || (sign != '+' && sign != '-') || hours > 14 || minutes > 59)
      fail(ErrorKind::invalid_input, "`time_zone`: \"%s\" must be written as +02:00", zone.c_str());
    format.utc_offset_minutes = (sign == '-' ? -1 : 1) * (hours * 60 + minutes);
  }
  format.year = object.value("year", 0);
  if (format.year != 0 && (format.year < 1970 || format.year > 2200))
    fail(ErrorKind::invalid_input, "`year`: %d must lie between 1970 and 2200", format.year);
}

std::shared_ptr<const Format> read_format(const json& object) {
  const std::string kind = text_of(object, "kind");
  std::shared_ptr<FormatBase> format;
  LevelMap levels;
  read_levels(object, levels);
  if (kind == "pattern") {
    auto pattern = std::make_shared<PatternFormat>();
    const auto list = object.find("patterns");
    if (list == object.end() || list->empty())
      fail(ErrorKind::invalid_input, "`patterns` is missing");
    for (const json& text : *list) {
      pattern->patterns.emplace_back(text.get<std::string>(), levels);
      pattern->has_time = pattern->has_time || pattern->patterns.back().has_time();
    }
    format = pattern;
  } else if (kind == "json" || kind == "logfmt") {
    std::shared_ptr<KeyedFormat> keyed;
    if (kind == "json")
      keyed = std::make_shared<JsonFormat>();
    else
      keyed = std::make_shared<LogfmtFormat>();
    read_keys(object, *keyed);
    if (object.contains("required"))
      keyed->required = object["required"].get<std::vector<std::string>>();
    keyed->has_time = true;
    format = keyed;
  } else {
    fail(ErrorKind::invalid_input, "`kind` must be pattern, json or logfmt, not \"%s\"",
         kind.c_str());
  }
  format->name = text_of(object, "name");
  if (format->name.empty()) fail(ErrorKind::invalid_input, "`name` is missing");
  format->title = text_of(object, "title", format->name);
  format->weight = object.value("weight", 1.0);
  format->inner = object.value("inner", false);
  read_time_defaults(object, *format);
  format->level_from = text_of(object, "level_from");
  format->levels = std::move(levels);
  read_samples(object, *format);
  return format;
}

}  // namespace

void Fields::clear() {
  has_time = false;
  level = Level::none;
  host = process = message = {};
  pid = -1;
  detail = 0;
  extra.clear();
}

void FormatSet::add_json(std::string_view json_text, const std::string& file_name) {
  try {
    const json object = json::parse(json_text);
    if (!object.is_object()) fail(ErrorKind::invalid_input, "must hold one JSON object");
    std::shared_ptr<const Format> format = read_format(object);
    if (named(format->name) != nullptr) {
      fail(ErrorKind::invalid_input, "the name \"%s\" is taken by another format",
           format->name.c_str());
    }
    formats_.push_back(std::move(format));
  } catch (const json::exception& e) {
    fail(ErrorKind::invalid_input, "log format %s: not as app/logs/format.h describes it: %s",
         file_name.c_str(), e.what());
  } catch (const engine::Error& e) {
    fail(ErrorKind::invalid_input, "log format %s: %s", file_name.c_str(), e.what());
  }
}

FormatSet FormatSet::load(const std::string& folder) {
  namespace fs = std::filesystem;
  std::vector<std::string> files;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() == ".json") files.push_back(it->path().string());
  }
  if (error || files.empty()) {
    fail(ErrorKind::not_found,
         "%s: no log formats there (*.json); reinstall, or check the assets folder",
         folder.c_str());
  }
  std::sort(files.begin(), files.end());
  FormatSet set;
  for (const std::string& file : files) {
    std::ifstream in(file, std::ios::binary);
    if (!in) fail(ErrorKind::io, "log format %s: cannot be opened", file.c_str());
    const std::string text((std::istreambuf_iterator<char>(in)), {});
    set.add_json(text, file);
  }
  return set;
}

const Format* FormatSet::named(std::string_view name) const {
  for (const auto& format : formats_) {
    if (format->name == name) return format.get();
  }
  return nullptr;
}

std::vector<FormatMatch> FormatSet::detect(const std::vector<std::string_view>& lines) const {
  std::vector<FormatMatch> found;
  Fields fields;
  for (const auto& format : formats_) {
    size_t n_fit = 0;
    double detail = 0;
    for (const std::string_view line : lines) {
      if (!format->match(line, fields)) continue;
      ++n_fit;
      detail += fields.detail;
    }
    if (n_fit == 0) continue;
    detail /= double(n_fit);
    FormatMatch match{format.get(), double(n_fit) / double(lines.size()), 0};
    // Beyond 70 % the format that says more wins: the rest of the lines are often continuations.
    match.score = std::min(1.0, match.rate / 0.7) * format->weight * (1 + 0.05 * detail);
    // A format without a time needs a good share of the lines before it is believed.
    if (!format->has_time && match.rate < 0.2) continue;
    found.push_back(match);
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const FormatMatch& a, const FormatMatch& b) { return a.score > b.score; });
  return found;
}

}  // namespace app::logs
