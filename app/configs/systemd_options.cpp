#include "app/configs/systemd_options.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "app/configs/rule_book.h"
#include "engine/base/text.h"

namespace app::configs::systemd {
namespace {

using nlohmann::json;
using Strings = std::vector<std::string>;

ValueShape shape_of(const json& each) {
  ValueShape shape;
  shape.kind = each.at("kind");
  shape.min = each.value("min", 0.0);
  shape.max = each.value("max", 1e13 - 1);
  shape.base = each.value("base", 10);
  shape.multiple = each.value("multiple", 1);
  shape.words = each.value("words", Strings{});
  shape.suffixes = each.value("suffixes", Strings{});
  shape.prefixes = each.value("prefixes", Strings{});
  shape.separator = each.value("separator", std::string(" "))[0];
  for (const json& part : each.value("of", json::array())) shape.of.push_back(shape_of(part));
  return shape;
}

std::vector<OptionLink> links_of(const json& option, const char* key) {
  std::vector<OptionLink> links;
  for (const json& each : option.value(key, json::array()))
    links.push_back({each.at("option"), each.value("values", Strings{})});
  return links;
}

struct Table {
  std::vector<Option> options;
  std::map<std::pair<std::string, std::string>, const Option*, std::less<>> by_name;
  std::set<std::string, std::less<>> sections;
  std::map<std::string, Strings, std::less<>> mandatory;
};

Table load() {
  Table table;
  for (const RuleText& text : rule_texts()) {
    if (std::string_view(text.file) != "systemd_options.json") continue;
    const json file = json::parse(text.json);
    table.mandatory = file.at("mandatory").get<std::map<std::string, Strings, std::less<>>>();
    for (const json& each : file.at("options")) {
      Option option;
      option.name = each.at("option");
      option.sections = each.at("sections").get<Strings>();
      option.value = shape_of(each.at("value"));
      option.since = each.value("since", 0);
      option.until = each.value("until", 0);
      option.needs = links_of(each, "requires");
      option.bars = links_of(each, "restricted");
      table.options.push_back(std::move(option));
    }
  }
  for (const Option& option : table.options) {
    for (const std::string& section : option.sections) {
      table.by_name.emplace(std::pair(section, option.name), &option);
      table.sections.insert(section);
    }
  }
  table.sections.insert("Install");
  return table;
}

const Table& table() {
  static const Table loaded = load();
  return loaded;
}

bool is_one_of(std::string_view text, const Strings& words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

bool all_of(std::string_view text, bool (*test)(unsigned char)) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [&](char c) { return test(static_cast<unsigned char>(c)); });
}
bool is_digit(unsigned char c) { return std::isdigit(c) != 0; }

bool fits_number(const ValueShape& shape, std::string_view text) {
  for (const std::string& suffix : shape.suffixes) {
    if (!suffix.empty() && text.ends_with(suffix)) {
      text.remove_suffix(suffix.size());
      break;
    }
  }
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (shape.base == 16 && (text.starts_with("0x") || text.starts_with("0X"))) text.remove_prefix(2);
  if (text.empty() || text.size() > 20) return false;
  unsigned long long value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, shape.base);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  const double number = negative ? -static_cast<double>(value) : static_cast<double>(value);
  return number >= shape.min && number <= shape.max;
}

// 5min 20s, 1h30m, 90, infinity.
bool fits_time(std::string_view text) {
  static const Strings units = {"usec", "us",   "µs",      "msec",   "ms",  "seconds", "second",
                                "sec",  "s",    "minutes", "minute", "min", "m",       "hours",
                                "hour", "hr",   "h",       "days",   "day", "d",       "weeks",
                                "week", "w",    "months",  "month",  "M",   "years",   "year",
                                "y",    "nsec", "ns"};
  if (text == "infinity" || all_of(text, is_digit)) return true;
  size_t i = 0;
  while (i < text.size()) {
    const size_t digits = i;
    while (i < text.size() && (is_digit(static_cast<unsigned char>(text[i])) || text[i] == '.'))
      ++i;
    if (i == digits) return false;
    while (i < text.size() && text[i] == ' ') ++i;
    const size_t unit = i;
    while (i < text.size() && !is_digit(static_cast<unsigned char>(text[i])) && text[i] != ' ') ++i;
    const std::string_view name = text.substr(unit, i - unit);
    if (!name.empty() && !is_one_of(name, units)) return false;
    if (name.empty() && i < text.size()) return false;
    while (i < text.size() && text[i] == ' ') ++i;
  }
  return !text.empty();
}

bool fits_ipv4(std::string_view text) {
  const auto parts = engine::split(text, '.');
  return parts.size() == 4 && std::all_of(parts.begin(), parts.end(), [](std::string_view part) {
           return all_of(part, is_digit) && part.size() <= 3 &&
                  std::atoi(std::string(part).c_str()) <= 255;
         });
}

bool fits_ipv6(std::string_view text) {
  return text.find(':') != std::string_view::npos && text.size() <= 45 &&
         text.find_first_not_of("0123456789abcdefABCDEF:.%") == std::string_view::npos;
}

bool fits_ip(std::string_view text) {
  const size_t slash = text.find('/');
  const std::string_view address = text.substr(0, slash);
  if (slash != std::string_view::npos) {
    const std::string_view bits = text.substr(slash + 1);
    if (!all_of(bits, is_digit) || bits.size() > 3) return false;
    if (std::atoi(std::string(bits).c_str()) > (fits_ipv4(address) ? 32 : 128)) return false;
  }
  return fits_ipv4(address) || fits_ipv6(address);
}

bool fits_mac(std::string_view text) {
  const auto hex = [](unsigned char c) { return std::isxdigit(c) != 0; };
  struct Notation {
    char separator;
    size_t n_parts, n_digits;
  };
  for (const Notation& notation : {Notation{':', 6, 2}, Notation{'-', 6, 2}, Notation{'.', 3, 4}}) {
    const auto parts = engine::split(text, notation.separator);
    if (parts.size() == notation.n_parts &&
        std::all_of(parts.begin(), parts.end(), [&](std::string_view part) {
          return part.size() == notation.n_digits && all_of(part, hex);
        }))
      return true;
  }
  return false;
}

bool fits_user(std::string_view text) {
  if (text.empty() || text.size() > 32) return false;
  const auto first = static_cast<unsigned char>(text[0]);
  if (!(std::islower(first) || first == '_')) return false;
  return std::all_of(text.begin() + 1, text.end(), [](unsigned char c) {
    return std::islower(c) || std::isdigit(c) || c == '_' || c == '-' || c == '$';
  });
}

bool fits_signal(std::string_view text) {
  static const Strings names = {"HUP",  "INT",   "QUIT",   "ILL",  "TRAP", "ABRT", "IOT",
                                "BUS",  "FPE",   "KILL",   "USR1", "SEGV", "USR2", "PIPE",
                                "ALRM", "TERM",  "STKFLT", "CHLD", "CLD",  "CONT", "STOP",
                                "TSTP", "TTIN",  "TTOU",   "URG",  "XCPU", "XFSZ", "VTALRM",
                                "PROF", "WINCH", "IO",     "POLL", "PWR",  "SYS"};
  if (text.starts_with("SIG")) text.remove_prefix(3);
  return is_one_of(text, names) || text.starts_with("RTMIN") || text.starts_with("RTMAX") ||
         all_of(text, is_digit);
}

bool fits_errno(std::string_view text) {
  return (text.starts_with('E') && text.size() > 2 &&
          std::all_of(text.begin(), text.end(),
                      [](unsigned char c) { return std::isupper(c) || std::isdigit(c); })) ||
         all_of(text, is_digit) || text == "kill";
}

Strings words_of(std::string_view text, char separator) {
  Strings words;
  for (std::string_view part : engine::split(text, separator)) {
    if (!engine::trim(part).empty()) words.emplace_back(engine::trim(part));
  }
  return words;
}

bool each_word(std::string_view value, const std::function<bool(const std::string&)>& test) {
  const Strings words = words_of(value, ' ');
  return std::all_of(words.begin(), words.end(), test);
}

}  // namespace

const Option* find_option(std::string_view section, std::string_view name) {
  const auto found = table().by_name.find(std::pair(std::string(section), std::string(name)));
  return found == table().by_name.end() ? nullptr : found->second;
}

bool is_section(std::string_view section) { return table().sections.contains(section); }

const std::vector<std::string>& mandatory_options(std::string_view section) {
  static const Strings none;
  const auto found = table().mandatory.find(section);
  return found == table().mandatory.end() ? none : found->second;
}

bool fits(const ValueShape& shape, std::string_view raw) {
  std::string_view value = engine::trim(raw);
  if (value.empty() || value.find('%') != std::string_view::npos)
    return true;  // empty resets a list
  for (const std::string& prefix : shape.prefixes) {
    if (!prefix.empty() && value.starts_with(prefix)) {
      value.remove_prefix(prefix.size());
      break;
    }
  }
  const std::string& kind = shape.kind;
  if (is_one_of(value, shape.words)) return true;
  if (kind == "bool")
    return is_one_of(engine::to_lower_ascii(value),
                     {"1", "yes", "y", "true", "t", "on", "0", "no", "n", "false", "f", "off"});
  if (kind == "number") return fits_number(shape, value);
  if (kind == "enum") return false;
  if (kind == "time") return fits_time(value);
  if (kind == "ip")
    return fits_ip(value) ||
           each_word(value, [](const std::string& word) { return fits_ip(word); });
  if (kind == "mac")
    return each_word(value, [](const std::string& word) { return fits_mac(word); });
  if (kind == "user") return fits_user(value);
  if (kind == "octal") return value.find_first_not_of("01234567") == std::string_view::npos;
  if (kind == "device") return value.starts_with("/dev/");
  if (kind == "absolute_path") return value.starts_with('/');
  if (kind == "absolute_paths") {
    return each_word(value, [](const std::string& word) {
      return word.find_first_not_of("-+!") == std::string::npos ||
             word[word.find_first_not_of("-+!")] == '/' || word.find(":/") != std::string::npos;
    });
  }
  if (kind == "pairs") return value.find('=') != std::string_view::npos;
  if (kind == "signal")
    return each_word(value, [](const std::string& word) { return fits_signal(word); });
  if (kind == "errno") return fits_errno(value);
  if (kind == "ip_or_url")
    return each_word(value, [](const std::string& word) {
      return fits_ip(word) || word.find('.') != std::string::npos;
    });
  if (kind == "list") {
    const Strings words = words_of(value, shape.separator);
    return std::all_of(words.begin(), words.end(),
                       [&](const std::string& word) { return fits(shape.of[0], word); });
  }
  if (kind == "either")
    return std::any_of(shape.of.begin(), shape.of.end(),
                       [&](const ValueShape& part) { return fits(part, value); });
  if (kind == "sequence") {
    const Strings words = words_of(value, ' ');
    if (words.size() > shape.of.size()) return false;
    for (size_t i = 0; i < words.size(); ++i) {
      if (!fits(shape.of[i], words[i])) return false;
    }
  }
  return true;  // text, path, units, command, urls
}

}  // namespace app::configs::systemd
