#include "app/nl2kql/rules.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>

#include "app/nl2kql/query_grammar.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::nl2kql {
namespace {

using engine::to_lower_ascii;

struct Word {
  std::string text;   // as written
  std::string lower;
  bool quoted = false;
  bool taken = false;
};

std::vector<Word> words_of(std::string_view question) {
  std::vector<Word> words;
  for (size_t i = 0; i < question.size();) {
    const char c = question[i];
    if (c == '"' || c == '`' || (c == '\'' && (i == 0 || question[i - 1] == ' '))) {
      const size_t end = question.find(c, i + 1);
      if (end != std::string_view::npos) {
        const std::string inside(question.substr(i + 1, end - i - 1));
        if (!inside.empty()) words.push_back({inside, to_lower_ascii(inside), true, false});
        i = end + 1;
        continue;
      }
    }
    if (std::isspace(static_cast<unsigned char>(c)) != 0 || std::string_view("?,;!()").find(c) != std::string_view::npos) {
      ++i;
      continue;
    }
    size_t end = i;
    while (end < question.size() && std::isspace(static_cast<unsigned char>(question[end])) == 0 &&
           std::string_view("?,;!()\"").find(question[end]) == std::string_view::npos) {
      ++end;
    }
    std::string text(question.substr(i, end - i));
    while (text.size() > 1 && (text.back() == '.' || text.back() == ':' || text.back() == '\'')) text.pop_back();
    words.push_back({text, to_lower_ascii(text), false, false});
    i = end;
  }
  return words;
}

std::string datetime_literal(Ticks time) {
  using namespace std::chrono;
  const int64_t since_epoch = time - unix_epoch_ticks;
  int64_t days = since_epoch / (86400 * ticks_per_second);
  int64_t rest = since_epoch % (86400 * ticks_per_second);
  if (rest < 0) {
    rest += 86400 * ticks_per_second;
    --days;
  }
  const year_month_day date{sys_days{std::chrono::days{days}}};
  const int64_t seconds = rest / ticks_per_second;
  return engine::format("datetime(%04d-%02u-%02uT%02d:%02d:%02d.%07dZ)", int(date.year()), unsigned(date.month()),
                        unsigned(date.day()), int(seconds / 3600), int(seconds / 60 % 60), int(seconds % 60),
                        int(rest % ticks_per_second));
}

struct Unit {
  const char* kql;
  Ticks ticks;
};
std::optional<Unit> unit_of(std::string word) {
  if (word.size() > 3 && word.back() == 's') word.pop_back();
  static const std::map<std::string, Unit> units = {
      {"second", {"1s", ticks_per_second}},      {"sec", {"1s", ticks_per_second}},
      {"s", {"1s", ticks_per_second}},           {"minute", {"1m", 60 * ticks_per_second}},
      {"min", {"1m", 60 * ticks_per_second}},    {"m", {"1m", 60 * ticks_per_second}},
      {"hour", {"1h", 3600 * ticks_per_second}}, {"hr", {"1h", 3600 * ticks_per_second}},
      {"h", {"1h", 3600 * ticks_per_second}},    {"day", {"1d", 86400 * ticks_per_second}},
      {"d", {"1d", 86400 * ticks_per_second}},   {"week", {"7d", 7 * 86400 * ticks_per_second}},
  };
  const auto found = units.find(word);
  return found == units.end() ? std::nullopt : std::optional(found->second);
}

std::optional<int64_t> number_of(const std::string& word) {
  static const std::map<std::string, int64_t> named = {
      {"one", 1}, {"a", 1}, {"an", 1}, {"two", 2}, {"three", 3}, {"four", 4}, {"five", 5}, {"six", 6}, {"seven", 7},
      {"eight", 8}, {"nine", 9}, {"ten", 10}, {"fifteen", 15}, {"twenty", 20}, {"thirty", 30}, {"fifty", 50}, {"hundred", 100}};
  if (const auto found = named.find(word); found != named.end()) return found->second;
  if (word.empty() || word.size() > 9 || !std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    return std::nullopt;
  }
  return std::atoll(word.c_str());
}

// 10:30, 10:30:05, 2026-03-01T10:30:05Z, 2026-03-01 -> Ticks; a bare time of day is one of the log's last day.
std::optional<Ticks> moment_of(const std::string& text, const LogFacts& facts) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, used = 0;
  const auto at = [&](int y, unsigned m, unsigned d) -> std::optional<Ticks> {
    const std::chrono::year_month_day date{std::chrono::year{y}, std::chrono::month{m}, std::chrono::day{d}};
    if (!date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
    const int64_t days = std::chrono::sys_days{date}.time_since_epoch().count();
    return unix_epoch_ticks + ((days * 24 + hour) * 3600 + minute * 60 + second) * ticks_per_second;
  };
  const int n = std::sscanf(text.c_str(), "%4d-%2d-%2d%n%*1[T_ ]%2d:%2d:%2d", &year, &month, &day, &used, &hour, &minute, &second);
  if (n >= 3 && used >= 8) return at(year, static_cast<unsigned>(month), static_cast<unsigned>(day));
  used = 0;
  hour = minute = second = 0;
  if (std::sscanf(text.c_str(), "%2d:%2d%n:%2d%n", &hour, &minute, &used, &second, &used) >= 2 &&
      used == static_cast<int>(text.size()) && facts.last_time != no_time) {
    const int64_t days = (facts.last_time - unix_epoch_ticks) / (86400 * ticks_per_second);
    const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{days}}};
    return at(int(date.year()), unsigned(date.month()), unsigned(date.day()));
  }
  return std::nullopt;
}

class Translator {
 public:
  Translator(std::string_view question, const LogFacts& facts) : words_(words_of(question)), facts_(facts) {}

  RuleAnswer run() {
    take_times();
    answer_.time_conditions = conditions_;
    take_share();
    take_levels();
    take_counting();
    take_grouping();
    take_extremes();
    take_quoted();
    take_names();
    take_terms();
    return compose();
  }

 private:
  const std::string& lower(size_t i) const {
    static const std::string none;
    return i < words_.size() && !words_[i].quoted ? words_[i].lower : none;
  }
  bool is(size_t i, std::initializer_list<const char*> any) const {
    return std::any_of(any.begin(), any.end(), [&](const char* w) { return lower(i) == w; });
  }
  void take(size_t begin, size_t end) {
    for (size_t i = begin; i < end && i < words_.size(); ++i) words_[i].taken = true;
  }
  void say(size_t begin, size_t end, const std::string& became) {
    std::string phrase;
    for (size_t i = begin; i < end && i < words_.size(); ++i) phrase += (phrase.empty() ? "" : " ") + words_[i].text;
    answer_.understood.push_back(phrase + " -> " + became);
    take(begin, end);
  }
  void where(size_t begin, size_t end, const std::string& condition) {
    conditions_.push_back(condition);
    say(begin, end, condition);
  }

  // "last 15 minutes", "past hour", "since 10:00", "between A and B", "after A", "before B", "at 10:31",
  // "today", "yesterday".
  void take_times() {
    const Ticks day = 86400 * ticks_per_second;
    for (size_t i = 0; i < words_.size(); ++i) {
      const size_t lead = i > 0 && is(i - 1, {"the"}) ? (i > 1 && is(i - 2, {"in", "of", "during", "over", "within"}) ? i - 2 : i - 1)
                          : i > 0 && is(i - 1, {"in", "during", "over", "within"}) ? i - 1 : i;
      if (is(i, {"last", "past", "previous"})) {
        const std::optional<int64_t> n = number_of(lower(i + 1));
        const size_t at = n ? i + 2 : i + 1;
        if (const std::optional<Unit> unit = unit_of(lower(at)); unit && (n || lower(at).size() > 1)) {
          const Ticks span = n.value_or(1) * unit->ticks;
          where(lead, at + 1, facts_.last_time == no_time
                                  ? engine::format("Timestamp > ago(%llds)", static_cast<long long>(span / ticks_per_second))
                                  : "Timestamp > " + datetime_literal(facts_.last_time - span));
        }
      } else if (is(i, {"between", "from"})) {
        const auto begin = moment_of(words_at(i + 1), facts_);
        const auto end = is(i + 2, {"and", "to", "until", "till"}) ? moment_of(words_at(i + 3), facts_) : std::nullopt;
        if (begin && end) {
          where(i, i + 4, "Timestamp between (" + datetime_literal(*begin) + " .. " + datetime_literal(*end) + ")");
        }
      } else if (is(i, {"since", "after", "before", "until", "at", "around"})) {
        const auto moment = moment_of(words_at(i + 1), facts_);
        if (!moment) continue;
        if (is(i, {"at", "around"})) {
          const Ticks minute = 60 * ticks_per_second;
          const Ticks low = is(i, {"at"}) ? *moment : *moment - 5 * minute;
          const Ticks high = is(i, {"at"}) ? *moment + minute : *moment + 5 * minute;
          where(i, i + 2, "Timestamp between (" + datetime_literal(low) + " .. " + datetime_literal(high) + ")");
        } else {
          where(i, i + 2, std::string("Timestamp ") + (is(i, {"since"}) ? ">=" : is(i, {"after"}) ? ">" : "<") + " " + datetime_literal(*moment));
        }
      } else if (is(i, {"today", "yesterday"}) && facts_.last_time != no_time) {
        const Ticks midnight = facts_.last_time - (facts_.last_time - unix_epoch_ticks) % day;
        const Ticks begin = is(i, {"today"}) ? midnight : midnight - day;
        where(i, i + 1, "Timestamp >= " + datetime_literal(begin) + " and Timestamp < " + datetime_literal(begin + day));
      }
    }
  }
  std::string words_at(size_t i) const { return i < words_.size() ? words_[i].text : ""; }

  // "what share of lines are errors", "error rate": needs both counts, so the level is no filter.
  void take_share() {
    const auto share_word = std::find_if(words_.begin(), words_.end(), [](const Word& w) {
      return !w.quoted && (w.lower == "share" || w.lower == "percentage" || w.lower == "percent" || w.lower == "ratio" || w.lower == "rate");
    });
    if (share_word == words_.end()) return;
    for (size_t i = 0; i < words_.size(); ++i) {
      if (const std::string level = level_condition(lower(i)); !level.empty()) {
        share_condition_ = level;
        say(i, i + 1, "countif(" + level + ")");
        const size_t at = static_cast<size_t>(share_word - words_.begin());
        take(at, at + 1);
        return;
      }
    }
  }

  static std::string level_condition(const std::string& word) {
    if (word == "error" || word == "errors" || word == "failures" || word == "problems") return "Level in (\"ERROR\", \"CRITICAL\")";
    if (word == "warning" || word == "warnings" || word == "warn" || word == "warns") return "Level == \"WARN\"";
    if (word == "critical" || word == "criticals" || word == "fatal" || word == "fatals") return "Level == \"CRITICAL\"";
    if (word == "debug") return "Level == \"DEBUG\"";
    if (word == "trace") return "Level == \"TRACE\"";
    if (word == "info" || word == "informational") return "Level == \"INFO\"";
    if (word == "notice" || word == "notices") return "Level == \"NOTICE\"";
    return {};
  }

  void take_levels() {
    std::vector<std::string> levels;
    for (size_t i = 0; i < words_.size(); ++i) {
      if (words_[i].taken) continue;
      const std::string condition = level_condition(lower(i));
      if (condition.empty()) continue;
      const size_t lead = i > 1 && is(i - 1, {"than"}) && is(i - 2, {"other"}) ? 2 : i > 0 && is(i - 1, {"not", "no", "without", "except", "excluding", "non", "neither", "nor"}) ? 1 : 0;
      if (lead > 0) {
        where(i - lead, i + 1, "not(" + condition + ")");
      } else {
        levels.push_back(condition);
        say(i, i + 1, condition);
      }
    }
    // "errors and warnings" are rows that are either.
    std::sort(levels.begin(), levels.end());
    levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
    if (levels.empty()) return;
    std::string all = levels[0];
    for (size_t i = 1; i < levels.size(); ++i) all += " or " + levels[i];
    conditions_.push_back(levels.size() > 1 ? "(" + all + ")" : all);
  }

  static std::string column_of(std::string word) {
    static const std::map<std::string, std::string> columns = {
        {"host", "Host"}, {"machine", "Host"}, {"server", "Host"}, {"node", "Host"}, {"computer", "Host"},
        {"process", "Process"}, {"program", "Process"}, {"service", "Process"}, {"component", "Process"},
        {"logger", "Process"}, {"daemon", "Process"}, {"application", "Process"}, {"app", "Process"},
        {"level", "Level"}, {"severity", "Level"}, {"severitie", "Level"}, {"file", "File"}, {"source", "Source"}, {"pid", "Pid"},
        {"template", "TemplateId"}, {"message", "TemplateId"}, {"pattern", "TemplateId"}, {"event", "TemplateId"}};
    if (word == "processes") return "Process";
    if (word.size() > 3 && word.back() == 's' && word != "process") word.pop_back();
    const auto found = columns.find(word);
    return found == columns.end() ? "" : found->second;
  }

  // "how many", "count", "number of"; "how many different hosts".
  void take_counting() {
    for (size_t i = 0; i < words_.size(); ++i) {
      size_t end = 0;
      if (is(i, {"how"}) && is(i + 1, {"many", "often", "much"})) end = i + 2;
      if (is(i, {"count"})) end = i + 1 + is(i + 1, {"of"}) + 0u;
      if (is(i, {"number"}) && is(i + 1, {"of"})) end = i + 2;
      if (is(i, {"different", "distinct", "unique", "various"}) && !column_of(lower(i + 1)).empty()) {
        distinct_ = column_of(lower(i + 1));
        say(i, i + 2, "distinct " + distinct_);
        continue;
      }
      if (end != 0) {
        counting_ = true;
        say(i, end, "count");
      }
    }
  }

  // "per minute", "by host", "for each process", "top 5 hosts", "which host has the most", "busiest hour".
  void take_grouping() {
    for (size_t i = 0; i < words_.size(); ++i) {
      const bool each = is(i, {"each", "every"});
      if (is(i, {"per", "by", "a"}) || each) {
        const size_t begin = each && i > 0 && is(i - 1, {"for", "in"}) ? i - 1 : i;
        const std::optional<int64_t> n = number_of(lower(i + 1));
        const size_t at = n && !is(i, {"a"}) ? i + 2 : i + 1;
        const std::optional<Unit> unit = unit_of(lower(at));
        if (unit && !words_[at].taken && lower(at).size() > 1 && (!is(i, {"a"}) || counting_)) {
          bin_ = n && at == i + 2 ? scaled(*unit, *n) : unit->kql;
          say(begin, at + 1, "bin(Timestamp, " + bin_ + ")");
        } else if (!is(i, {"a"}) && !column_of(lower(i + 1)).empty()) {
          add_group(begin, i + 2, column_of(lower(i + 1)));
          if (is(i + 2, {"and"}) && !column_of(lower(i + 3)).empty()) add_group(i + 2, i + 4, column_of(lower(i + 3)));
        }
      } else if (is(i, {"over"}) && is(i + 1, {"time"})) {
        bin_ = automatic_bin();
        say(i, i + 2, "bin(Timestamp, " + bin_ + ")");
      } else if (is(i, {"busiest", "noisiest", "worst", "loudest"})) {
        if (const std::optional<Unit> unit = unit_of(lower(i + 1))) {
          bin_ = unit->kql;
          top_ = 1;
          say(i, i + 2, "top 1 by count_");
        } else if (!column_of(lower(i + 1)).empty()) {
          top_ = lower(i + 1).back() == 's' && lower(i + 1) != "process" ? 10 : 1;
          add_group(i, i + 2, column_of(lower(i + 1)));
        }
      } else if (is(i, {"which", "what"}) && is_unit_word(lower(i + 1)) && (has_word("most") || has_word("mostly"))) {
        bin_ = unit_of(lower(i + 1))->kql;
        top_ = 1;
        say(i, i + 2, "top 1 by count_ of bin(Timestamp, " + bin_ + ")");
      } else if (is(i, {"more"}) && is(i + 1, {"than"}) && number_of(lower(i + 2)) && (!groups_.empty() || (i > 1 && !column_of(lower(i - 2)).empty()))) {
        if (groups_.empty()) add_group(i - 2, i, column_of(lower(i - 2)));
        at_least_ = *number_of(lower(i + 2)) + 1;
        say(i, i + 3, engine::format("where count_ >= %lld", static_cast<long long>(at_least_)));
      } else if (is(i, {"rarest", "least"}) && !words_[i].taken) {
        rare_ = true;
        take_top(i);
        take(i, i + 1);
      } else if (is(i, {"rare", "unusual", "uncommon"}) && column_of(lower(i + 1)) == "TemplateId") {
        rare_ = true;
        top_ = 10;
        add_group(i, i + 2, "TemplateId");
      } else if (is(i, {"top", "most"}) && !words_[i].taken) {
        // "which level is the most common": the column stands in front.
        if (is(i, {"most"}) && groups_.size() == 1 && is(i + 1, {"common", "frequent", "active", "noisy"}) && column_of(lower(i + 2)).empty()) {
          top_ = top_ == 0 ? 1 : top_;
          say(i, i + 2, "top 1 by count_");
        } else {
          take_top(i);
        }
      } else if (is(i, {"which", "what"}) && !column_of(lower(i + 1)).empty() && (has_word("most") || has_word("mostly"))) {
        top_ = top_ == 0 ? 1 : top_;
        add_group(i, i + 2, column_of(lower(i + 1)));
      } else if (is(i, {"which", "what"}) && !column_of(lower(i + 1)).empty() && column_of(lower(i + 1)) != "TemplateId" && groups_.empty()) {
        add_group(i, i + 2, column_of(lower(i + 1)));
      }
    }
  }

  void take_top(size_t i) {
    const std::optional<int64_t> n = number_of(lower(i + 1));
    size_t at = n ? i + 2 : i + 1;
    if (is(at, {"common", "frequent", "often", "active", "noisy", "repeated"})) ++at;
    const std::string column = column_of(lower(at));
    if (!column.empty()) {
      const bool one = lower(at).back() != 's' || lower(at) == "process";
      top_ = n.value_or(one && at > i + 1 ? 1 : 10);
      add_group(i, at + 1, column);
    } else if (level_condition(lower(at)) != "" && is(i, {"top"})) {
      top_ = n.value_or(10);
      add_group(i, at, "TemplateId");
    } else if (at > i + 1 && !n) {
      top_ = 10;
      add_group(i, at, "TemplateId");
    }
  }

  void add_group(size_t begin, size_t end, const std::string& column) {
    if (std::find(groups_.begin(), groups_.end(), column) == groups_.end()) groups_.push_back(column);
    say(begin, end, "by " + column);
  }
  static bool is_unit_word(const std::string& word) { return word.size() > 2 && unit_of(word).has_value(); }
  bool has_word(const char* word) const {
    return std::any_of(words_.begin(), words_.end(), [&](const Word& w) { return !w.quoted && w.lower == word; });
  }
  static std::string scaled(const Unit& unit, int64_t n) {
    const std::string text = unit.kql;
    return std::to_string(n * std::atoll(text.c_str())) + text.back();
  }
  std::string automatic_bin() const {
    const Ticks span = facts_.last_time == no_time || facts_.first_time == no_time ? 0 : facts_.last_time - facts_.first_time;
    const Ticks minute = 60 * ticks_per_second;
    return span <= 10 * minute ? "1s" : span <= 600 * minute ? "1m" : span <= 14 * 1440 * minute ? "1h" : "1d";
  }

  // "first 5 errors", "latest warning", "when did X first appear".
  void take_extremes() {
    for (size_t i = 0; i < words_.size(); ++i) {
      if (words_[i].taken) continue;
      const bool first = is(i, {"first", "earliest", "oldest"});
      const bool last = is(i, {"last", "latest", "newest", "recent"});
      if (!first && !last) continue;
      const bool when = has_word("when") || is(i + 1, {"time", "seen", "appear", "appeared", "occurred"});
      if (when) {
        moment_ = first ? "min" : "max";
        say(i, i + 1, moment_ + std::string("(Timestamp)"));
        continue;
      }
      const std::optional<int64_t> n = number_of(lower(i + 1));
      limit_ = n.value_or(is(i, {"recent"}) || plural_follows(i + 1) ? 20 : 1);
      ascending_ = first;
      ordered_ = true;
      say(i, n ? i + 2 : i + 1, engine::format("top %lld by Timestamp %s", static_cast<long long>(limit_), first ? "asc" : "desc"));
    }
    if (moment_.empty() && has_word("when") && !counting_) {
      moment_ = "both";
      answer_.understood.push_back("when -> min(Timestamp), max(Timestamp)");
    }
  }
  bool plural_follows(size_t i) const {
    for (; i < words_.size(); ++i) {
      if (lower(i).size() > 3 && lower(i).back() == 's') return true;
    }
    return false;
  }

  void take_quoted() {
    for (size_t i = 0; i < words_.size(); ++i) {
      if (!words_[i].quoted) continue;
      const bool negated = i > 0 && (is(i - 1, {"not", "without", "excluding", "except"}) ||
                                     (i > 1 && is(i - 1, {"containing", "mentioning", "matching"}) && is(i - 2, {"not"})));
      conditions_.push_back(std::string("Message ") + (negated ? "!contains " : "contains ") + kql_string(words_[i].text));
      say(i, i + 1, conditions_.back());
    }
  }

  // Words that are values of the log: a host, a process, a source.
  void take_names() {
    const auto known = [](const std::vector<std::string>& values, const std::string& word) -> const std::string* {
      for (const std::string& value : values) {
        if (to_lower_ascii(value) == word) return &value;
      }
      return nullptr;
    };
    for (size_t i = 0; i < words_.size(); ++i) {
      if (words_[i].taken || words_[i].quoted) continue;
      const struct {
        const char* column;
        const std::vector<std::string>& values;
      } places[] = {{"Host", facts_.hosts}, {"Process", facts_.processes}, {"Source", facts_.sources}};
      for (const auto& place : places) {
        const std::string* value = known(place.values, words_[i].lower);
        if (value == nullptr) continue;
        const size_t begin = i > 0 && (!column_of(lower(i - 1)).empty() || is(i - 1, {"from", "on", "of", "in"})) ? i - 1 : i;
        where(begin, i + 1, std::string(place.column) + " == " + kql_string(*value));
        break;
      }
      // "host db-9", whether or not it is known.
      if (!words_[i].taken && i > 0 && !words_[i - 1].taken && groups_.empty()) {
        const std::string column = column_of(lower(i - 1));
        if ((column == "Host" || column == "Process") && !is_filler(words_[i].lower)) {
          where(i - 1, i + 1, column + " =~ " + kql_string(words_[i].text));
        }
      }
    }
  }

  static bool is_filler(const std::string& word) {
    static const std::set<std::string> fillers = {
        "a", "about", "all", "also", "am", "an", "and", "any", "appear", "appeared", "are", "as", "at", "be", "been", "between", "by",
        "can", "contain", "contained", "containing", "contains", "could", "did", "display", "do", "does", "during", "each", "entries", "entry", "ever", "everything", "anything",
        "event", "events", "find", "for", "from", "get", "give", "had", "happen", "happened", "has", "have", "how", "i", "in", "into", "is", "it",
        "line", "lines", "list", "log", "logged", "logs", "many", "matching", "me", "mention", "mentioning", "mentions", "message", "messages", "most",
        "mostly", "my", "occur", "occurred", "of", "on", "only", "or", "out", "over", "please", "print", "record", "records", "rows", "saw", "say",
        "search", "see", "seen", "show", "some", "tell", "that", "the", "their", "them", "there", "these", "they", "this", "those", "time", "times",
        "neither", "nor", "other", "than", "nothing", "to", "us", "was", "we", "were", "what", "when", "where", "which", "who", "with", "write", "wrote", "you", "number", "count", "produced",
        "produce", "produces", "came", "come", "host", "process", "percentage", "percent", "share", "rate", "not", "no", "without", "first", "last"};
    return word.size() < 2 || fillers.count(word) != 0;
  }

  // What is left is searched for; a plural is cut to its stem, so that "timeouts" finds "timeout".
  void take_terms() {
    for (size_t i = 0; i < words_.size(); ++i) {
      if (words_[i].taken || words_[i].quoted || is_filler(words_[i].lower)) continue;
      const bool led = i > 0 && is(i - 1, {"containing", "contain", "contains", "about", "with", "mentioning", "mention", "mentions", "for", "matching", "like"});
      const bool far = i > 1 && (led || is(i - 1, {"mentioning", "from", "for"})) && is(i - 2, {"not", "nothing", "except", "than"});
      const bool negated = far || (i > 0 && is(i - 1, {"without", "excluding", "except"}));
      const bool exactly = led && !is(i - 1, {"about", "for", "mention", "mentions", "mentioning"});
      std::string term = words_[i].text;
      const bool looks_like_data = term.find_first_of("0123456789_/.-=@") != std::string::npos;
      if (!exactly && !looks_like_data && term.size() > 4 && term.back() == 's' && term[term.size() - 2] != 's') term.pop_back();
      answer_.guessed |= !led && !negated && !looks_like_data;
      where(i, i + 1, std::string("Message ") + (negated ? "!contains " : "contains ") + kql_string(term));
    }
  }

  RuleAnswer compose() {
    std::string kql = "Logs";
    std::set<std::string> seen;
    for (const std::string& condition : conditions_) {
      if (seen.insert(condition).second) kql += "\n| where " + condition;
    }
    std::string keys;
    for (const std::string& group : groups_) keys += (keys.empty() ? "" : ", ") + group;
    if (!bin_.empty()) keys += (keys.empty() ? "" : ", ") + ("bin(Timestamp, " + bin_ + ")");

    if (!share_condition_.empty()) {
      kql += "\n| summarize Matching = countif(" + share_condition_ + "), Total = count()" + (keys.empty() ? "" : " by " + keys) +
             "\n| extend Percent = round(100.0 * Matching / Total, 2)";
      if (!bin_.empty()) kql += "\n| sort by Timestamp asc";
    } else if (!distinct_.empty()) {
      kql += "\n| distinct " + distinct_ + (counting_ ? "\n| count" : "\n| sort by " + distinct_ + " asc");
    } else if (!moment_.empty()) {
      kql += moment_ == "both" ? "\n| summarize First = min(Timestamp), Last = max(Timestamp), Count = count()"
                               : "\n| summarize " + std::string(moment_ == "min" ? "First = min" : "Last = max") + "(Timestamp)";
    } else if (!keys.empty()) {
      kql += "\n| summarize count() by " + keys;
      if (top_ > 0) {
        kql += engine::format("\n| top %lld by count_ %s", static_cast<long long>(top_), rare_ ? "asc" : "desc");
      } else if (at_least_ > 0) {
        kql += engine::format("\n| where count_ >= %lld\n| sort by count_ desc", static_cast<long long>(at_least_));
      } else {
        kql += bin_.empty() ? "\n| sort by count_ desc" : "\n| sort by Timestamp asc";
      }
      if (std::find(groups_.begin(), groups_.end(), "TemplateId") != groups_.end()) {
        kql += "\n| lookup (Templates | project TemplateId, Pattern) on TemplateId";
      }
      if (!bin_.empty() && top_ == 0) kql += "\n| render timechart";
    } else if (counting_) {
      kql += "\n| count";
    } else if (ordered_) {
      kql += engine::format("\n| top %lld by Timestamp %s", static_cast<long long>(limit_), ascending_ ? "asc" : "desc");
    } else {
      kql += "\n| take 100";
    }
    answer_.kql = kql;
    return answer_;
  }

  std::vector<Word> words_;
  const LogFacts& facts_;
  RuleAnswer answer_;
  std::vector<std::string> conditions_, groups_;
  std::string share_condition_, distinct_, bin_, moment_;
  bool counting_ = false, ordered_ = false, ascending_ = false;
  bool rare_ = false;
  int64_t top_ = 0, limit_ = 0, at_least_ = 0;
};

}  // namespace

RuleAnswer ask_rules(std::string_view question, const LogFacts& facts) { return Translator(question, facts).run(); }

}  // namespace app::nl2kql
