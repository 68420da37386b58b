#include "app/logs/level.h"

#include <algorithm>

namespace app::logs {
namespace {

struct LevelWord {
  std::string_view word;
  Level level;
};
constexpr LevelWord level_words[] = {
    {"info", Level::info},          {"error", Level::error},        {"warn", Level::warning},
    {"warning", Level::warning},    {"debug", Level::debug},        {"trace", Level::trace},
    {"notice", Level::notice},      {"err", Level::error},          {"fatal", Level::critical},
    {"critical", Level::critical},  {"crit", Level::critical},      {"alert", Level::critical},
    {"emerg", Level::critical},     {"emergency", Level::critical}, {"panic", Level::critical},
    {"severe", Level::error},       {"failure", Level::error},      {"information", Level::info},
    {"informational", Level::info}, {"inf", Level::info},           {"dbg", Level::debug},
    {"wrn", Level::warning},        {"fine", Level::debug},         {"finer", Level::trace},
    {"finest", Level::trace},       {"config", Level::info},        {"verbose", Level::debug},
    {"failed", Level::error},       {"wrng", Level::warning},       {"trc", Level::trace},
    {"fail", Level::error},         {"dpanic", Level::critical},    {"ftl", Level::critical},
};

bool is_word_byte(char c) {
  return unsigned((c | 32) - 'a') < 26 || (c >= '0' && c <= '9') || c == '_';
}

}  // namespace

Level level_from_word(std::string_view word) {
  if (word.size() < 3 || word.size() > 13) return Level::none;
  char lower[13];
  for (size_t i = 0; i < word.size(); ++i) lower[i] = char(word[i] | 32);
  const std::string_view key(lower, word.size());
  for (const LevelWord& known : level_words) {
    if (known.word == key) return known.level;
  }
  return Level::none;
}

Level level_from_number(int number) {
  constexpr Level syslog[8] = {Level::critical, Level::critical, Level::critical, Level::error,
                               Level::warning,  Level::notice,   Level::info,     Level::debug};
  if (number >= 0 && number < 8) return syslog[number];
  constexpr Level pino[7] = {Level::trace,   Level::trace, Level::debug,   Level::info,
                             Level::warning, Level::error, Level::critical};
  return number >= 10 && number < 70 ? pino[number / 10] : Level::none;
}

Level stated_level(std::string_view text) {
  text = text.substr(0, 64);
  for (size_t at = 0; at < text.size();) {
    if (!is_word_byte(text[at])) {
      ++at;
      continue;
    }
    size_t end = at;
    while (end < text.size() && is_word_byte(text[end])) ++end;
    const std::string_view word = text.substr(at, end - at);
    const char before = at > 0 ? text[at - 1] : ' ', after = end < text.size() ? text[end] : ' ';
    const bool upper = word.size() >= 3 && std::all_of(word.begin(), word.end(),
                                                       [](char c) { return c >= 'A' && c <= 'Z'; });
    const bool fenced = (before == '[' && after == ']') || (before == '<' && after == '>') ||
                        (after == ':' && (before == ' ' || before == '[')) ||
                        (before == '=' && at >= 6 && text.substr(at - 6, 6) == "level=");
    if ((upper && after != '=' && after != '_' && before != '/') || fenced) {
      const Level level = level_from_word(word);
      if (level != Level::none && word != "CONFIG" && word != "config") return level;
    }
    at = end;
  }
  return Level::none;
}

}  // namespace app::logs
