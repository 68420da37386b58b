#include "app/logs/pattern.h"

#include <algorithm>
#include <charconv>

#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::logs {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool is_digit(char c) { return unsigned(c - '0') < 10; }
bool is_letter(char c) { return unsigned((c | 32) - 'a') < 26; }
bool is_hex(char c) { return is_digit(c) || unsigned((c | 32) - 'a') < 6; }

constexpr Level of_syslog_severity[8] = {Level::critical, Level::critical, Level::critical,
                                         Level::error,    Level::warning,  Level::notice,
                                         Level::info,     Level::debug};
constexpr size_t max_field_bytes = 400;

}  // namespace

struct Pattern::Match {
  std::string_view line;
  const LevelMap& levels;
  Fields& out;
  int budget = 400;  // steps; a line that needs more does not fit
};

Pattern::Pattern(std::string_view text, const LevelMap&) {
  compile(text);
  for (size_t i = 0; i < steps_.size(); ++i) {
    if (steps_[i].kind == Kind::word || steps_[i].kind == Kind::text) find_stops(i + 1, i);
  }
}

void Pattern::compile(std::string_view text) {
  std::vector<size_t> open;
  const auto bad = [&](size_t at, const char* what) {
    engine::fail(engine::ErrorKind::invalid_input, "pattern `%.*s`, character %zu: %s",
                 int(text.size()), text.data(), at + 1, what);
  };
  for (size_t i = 0; i < text.size();) {
    if (text.substr(i, 2) == "{?") {
      open.push_back(steps_.size());
      steps_.emplace_back().kind = Kind::optional;
      i += 2;
    } else if (text.substr(i, 2) == "?}") {
      if (open.empty()) bad(i, "?} closes nothing");
      steps_[open.back()].after_optional = steps_.size() + 1;
      steps_.emplace_back().kind = Kind::end_optional;
      open.pop_back();
      i += 2;
    } else if (text[i] == '{') {
      const size_t close = text.find('}', i);
      if (close == std::string_view::npos) bad(i, "the { is not closed");
      const double before = detail_;
      add_field(text.substr(i + 1, close - i - 1), text);
      if (!open.empty()) detail_ = before;  // an optional part proves nothing
      i = close + 1;
    } else if (text[i] == ' ') {
      steps_.emplace_back().kind = Kind::blank;
      while (i < text.size() && text[i] == ' ') ++i;
    } else {
      const size_t end = std::min(text.find_first_of("{ ?", i + 1), text.size());
      Step& step = steps_.emplace_back();
      step.text = text.substr(i, end - i);
      if (open.empty()) detail_ += 0.3 * double(step.text.size());
      i = end;
    }
  }
  if (!open.empty()) bad(text.size(), "a {? is not closed");
}

void Pattern::add_field(std::string_view field, std::string_view pattern_text) {
  const size_t colon = field.find(':');
  const std::string_view name = field.substr(0, colon);
  std::string_view kind = colon == std::string_view::npos ? "" : field.substr(colon + 1);
  const auto bad = [&](const char* what) {
    engine::fail(engine::ErrorKind::invalid_input, "pattern `%.*s`: {%.*s}: %s",
                 int(pattern_text.size()), pattern_text.data(), int(field.size()), field.data(),
                 what);
  };
  Step step;
  if (name.empty()) bad("a field needs a name");
  if (name == "time") {
    const std::optional<TimeShape> shape = time_shape_named(kind.empty() ? "any" : kind);
    if (!shape) bad("no such shape of time");
    step.kind = Kind::time;
    step.shape = *shape;
    has_time_ = true;
    detail_ += *shape == TimeShape::clock ? 1.5 : 3;
    steps_.push_back(step);
    return;
  }
  if (name == "level" && kind.empty()) {
    step.kind = Kind::level;
    detail_ += 2;
    steps_.push_back(step);
    return;
  }
  if (kind.empty())
    kind = name == "message" ? "rest" : name == "pid" || name == "pri" ? "int" : "word";
  if (name == "host")
    step.role = Role::host;
  else if (name == "process")
    step.role = Role::process;
  else if (name == "pid")
    step.role = Role::pid;
  else if (name == "message")
    step.role = Role::message;
  else if (name == "pri")
    step.role = Role::priority;
  else if (name != "header" && name != "_")
    step.role = Role::extra;
  step.text = name;
  if (kind == "word")
    step.kind = Kind::word;
  else if (kind == "text")
    step.kind = Kind::text;
  else if (kind == "rest")
    step.kind = Kind::rest;
  else if (kind == "int")
    step.kind = Kind::integer;
  else if (kind == "hex")
    step.kind = Kind::hex;
  else if (kind == "quoted")
    step.kind = Kind::quoted;
  else if (kind == "age")
    step.kind = Kind::age;
  else if (kind == "here")
    step.kind = Kind::here;
  else
    bad("no such kind of field");
  detail_ += step.kind == Kind::integer || step.kind == Kind::hex || step.kind == Kind::age ? 0.7
             : step.role == Role::message                                                   ? 0
                                                                                            : 0.4;
  steps_.push_back(std::move(step));
}

// Which characters can stand right behind a field, from the steps that may follow it.
void Pattern::find_stops(size_t from, size_t field) {
  Step& target = steps_[field];
  for (size_t i = from;; ++i) {
    if (i >= steps_.size()) {
      target.may_end = true;
      return;
    }
    const Step& step = steps_[i];
    switch (step.kind) {
      case Kind::end_optional:
      case Kind::here:
        continue;
      case Kind::optional:
        find_stops(step.after_optional, field);
        continue;
      case Kind::literal:
        target.stop[static_cast<unsigned char>(step.text[0])] = true;
        return;
      case Kind::blank:
        target.stop[int(' ')] = target.stop[int('\t')] = true;
        return;
      case Kind::rest:
        target.may_end = true;
        std::fill(std::begin(target.stop), std::end(target.stop), true);
        return;
      default:
        std::fill(std::begin(target.stop), std::end(target.stop), true);
        return;
    }
  }
}

void Pattern::assign(const Step& step, std::string_view value, Match& m) const {
  Fields& out = m.out;
  int64_t number = 0;
  switch (step.role) {
    case Role::none:
      return;
    case Role::host:
      out.host = value;
      return;
    case Role::process:
      out.process = value;
      return;
    case Role::message:
      out.message = value;
      return;
    case Role::pid:
      if (std::from_chars(value.data(), value.data() + value.size(), number).ec == std::errc())
        out.pid = number;
      return;
    case Role::priority:
      if (std::from_chars(value.data(), value.data() + value.size(), number).ec == std::errc() &&
          number >= 0) {
        out.level = of_syslog_severity[number & 7];
      }
      return;
    case Role::extra:
      out.extra.push_back({step.text, value, false});
      return;
  }
}

// Fields of open length: each place where what follows could begin is tried, nearest first.
bool Pattern::try_ends(size_t step_index, size_t at, Match& m) const {
  const Step& step = steps_[step_index];
  const bool blanks_allowed = step.kind == Kind::text;
  const size_t limit = std::min(m.line.size(), at + max_field_bytes);
  if (at >= m.line.size() || (!blanks_allowed && is_blank(m.line[at]))) return false;
  for (size_t end = at + 1; end <= limit; ++end) {
    if (end == m.line.size()) {
      if (!step.may_end) return false;
    } else {
      if (!blanks_allowed && is_blank(m.line[end]) && !step.stop[int(' ')]) return false;
      if (!step.stop[static_cast<unsigned char>(m.line[end])]) continue;
    }
    assign(step, m.line.substr(at, end - at), m);
    const size_t n_extra = m.out.extra.size();
    if (run(step_index + 1, end, m)) return true;
    m.out.extra.resize(n_extra - (step.role == Role::extra));
    if (m.budget <= 0) return false;
    if (!blanks_allowed && end < m.line.size() && is_blank(m.line[end])) return false;
  }
  return false;
}

bool Pattern::run(size_t i, size_t at, Match& m) const {
  const std::string_view line = m.line;
  for (; i < steps_.size(); ++i) {
    if (--m.budget <= 0) return false;
    const Step& step = steps_[i];
    switch (step.kind) {
      case Kind::literal:
        if (line.size() - at < step.text.size() ||
            line.compare(at, step.text.size(), step.text) != 0)
          return false;
        at += step.text.size();
        break;
      case Kind::blank: {
        const size_t begin = at;
        while (at < line.size() && is_blank(line[at])) ++at;
        // The blank before an empty message may have been trimmed away.
        if (at == begin &&
            !(at == line.size() && i + 1 < steps_.size() && steps_[i + 1].kind == Kind::rest))
          return false;
        break;
      }
      case Kind::time: {
        WrittenTime time;
        const size_t n = scan_time(line.substr(at), step.shape, time);
        if (n == 0) return false;
        if (!m.out.has_time) m.out.time = time;
        m.out.has_time = true;
        at += n;
        break;
      }
      case Kind::level: {
        size_t end = at;
        while (end < line.size() && is_letter(line[end])) ++end;
        // A mark such as Redis' '#' counts only where the format names it.
        if (end == at && at < line.size() && !is_blank(line[at]) && !m.levels.empty()) ++end;
        const std::string_view word = line.substr(at, end - at);
        if (word.empty() || word.size() > 13) return false;
        Level level = Level::none;
        if (!m.levels.empty()) {
          char lower[13];
          for (size_t k = 0; k < word.size(); ++k)
            lower[k] = is_letter(word[k]) ? char(word[k] | 32) : word[k];
          const auto found = m.levels.find(std::string_view(lower, word.size()));
          if (found != m.levels.end()) level = found->second;
        }
        if (level == Level::none) level = level_from_word(word);
        if (level == Level::none) return false;
        m.out.level = level;
        at = end;
        break;
      }
      case Kind::word:
      case Kind::text:
        return try_ends(i, at, m);
      case Kind::rest:
        assign(step, line.substr(at), m);
        at = line.size();
        break;
      case Kind::integer:
      case Kind::hex: {
        size_t end = at;
        if (step.kind == Kind::integer && end < line.size() && line[end] == '-') ++end;
        const size_t digits = end;
        while (end < line.size() && end - digits < 20 &&
               (step.kind == Kind::hex ? is_hex(line[end]) : is_digit(line[end])))
          ++end;
        if (end == digits) return false;
        assign(step, line.substr(at, end - at), m);
        at = end;
        break;
      }
      case Kind::quoted: {
        if (at >= line.size() || line[at] != '"') return false;
        size_t end = at + 1;
        while (end < line.size() && line[end] != '"') end += line[end] == '\\' ? 2 : 1;
        if (end >= line.size()) return false;
        assign(step, line.substr(at + 1, end - at - 1), m);
        at = end + 1;
        break;
      }
      case Kind::age: {  // 5m12s, 3d, <unknown>
        size_t end = at;
        size_t n_digits = 0;
        while (end < line.size() &&
               (is_digit(line[end]) ||
                std::string_view("smhdwy").find(line[end]) != std::string_view::npos)) {
          n_digits += is_digit(line[end++]);
        }
        if (line.substr(at).starts_with("<unknown>")) end = at + 9, n_digits = 1;
        if (n_digits == 0 || end - at > 16 || is_digit(line[end - 1])) return false;
        assign(step, line.substr(at, end - at), m);
        at = end;
        break;
      }
      case Kind::here:
        assign(step, line.substr(at), m);
        break;
      case Kind::optional: {
        const Fields& f = m.out;
        const auto [has_time, level, pid, n_extra] =
            std::tuple(f.has_time, f.level, f.pid, f.extra.size());
        const auto [host, process] = std::pair(f.host, f.process);
        if (run(i + 1, at, m)) return true;
        m.out.has_time = has_time;
        m.out.level = level;
        m.out.pid = pid;
        m.out.extra.resize(n_extra);
        m.out.host = host;
        m.out.process = process;
        i = step.after_optional - 1;
        break;
      }
      case Kind::end_optional:
        break;
    }
  }
  return at == line.size();
}

bool Pattern::match(std::string_view line, const LevelMap& levels, Fields& out) const {
  Match m{line, levels, out};
  if (!run(0, 0, m)) return false;
  if (out.message.data() == nullptr) out.message = line;
  out.detail = detail_;
  return true;
}

}  // namespace app::logs
