// What an option's value may look like: numbers, times, addresses, names.
#include <algorithm>
#include <cctype>
#include <charconv>
#include <functional>
#include <map>

#include "app/configs/systemd_options.h"
#include "engine/base/text.h"

namespace app::configs::systemd {
namespace {

using Strings = std::vector<std::string>;

bool is_one_of(std::string_view text, const Strings& words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

bool all_of(std::string_view text, bool (*test)(unsigned char)) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [&](char c) { return test(static_cast<unsigned char>(c)); });
}
bool is_digit(unsigned char c) { return std::isdigit(c) != 0; }

// %i and its like; the percent sign of 50% is none.
bool has_specifier(std::string_view text) {
  const size_t percent = text.find('%');
  return percent != text.npos && percent + 1 < text.size() &&
         std::isalpha(static_cast<unsigned char>(text[percent + 1]));
}

bool fits_number(const ValueShape& shape, std::string_view text) {
  bool fraction = false;  // "1.5G": a fraction needs a unit
  for (const std::string& suffix : shape.suffixes) {
    if (suffix.empty() || !text.ends_with(suffix)) continue;
    text = engine::trim(text.substr(0, text.size() - suffix.size()));
    fraction = true;
    break;
  }
  const size_t dot = text.find('.');
  if (fraction && dot != std::string_view::npos && dot > 0 &&
      all_of(text.substr(dot + 1), is_digit))
    text = text.substr(0, dot);
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

// 1024, infinity, 64M, 5min; two of them with a colon are the soft and the hard limit.
bool fits_limit(std::string_view text) {
  static const ValueShape amount = [] {
    ValueShape shape;
    shape.kind = "number";
    shape.suffixes = {"K", "M", "G", "T", "P", "E"};
    return shape;
  }();
  const auto parts = engine::split(text, ':');
  return parts.size() <= 2 && std::all_of(parts.begin(), parts.end(), [](std::string_view part) {
           return fits_number(amount, part) || fits_time(part) || part.starts_with('+');
         });
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

// The names that systemd-analyze exit-status lists.
bool fits_exit_status(std::string_view text) {
  static const Strings names = {"SUCCESS",
                                "FAILURE",
                                "INVALIDARGUMENT",
                                "NOTIMPLEMENTED",
                                "NOPERMISSION",
                                "NOTINSTALLED",
                                "NOTCONFIGURED",
                                "NOTRUNNING",
                                "USAGE",
                                "DATAERR",
                                "NOINPUT",
                                "NOUSER",
                                "NOHOST",
                                "UNAVAILABLE",
                                "SOFTWARE",
                                "OSERR",
                                "OSFILE",
                                "CANTCREAT",
                                "IOERR",
                                "TEMPFAIL",
                                "PROTOCOL",
                                "NOPERM",
                                "CONFIG",
                                "CHDIR",
                                "NICE",
                                "FDS",
                                "EXEC",
                                "MEMORY",
                                "LIMITS",
                                "OOM_ADJUST",
                                "SIGNAL_MASK",
                                "STDIN",
                                "STDOUT",
                                "CHROOT",
                                "IOPRIO",
                                "TIMERSLACK",
                                "SECUREBITS",
                                "SETSCHEDULER",
                                "CPUAFFINITY",
                                "GROUP",
                                "USER",
                                "CAPABILITIES",
                                "CGROUP",
                                "SETSID",
                                "CONFIRM",
                                "STDERR",
                                "PAM",
                                "NETWORK",
                                "NAMESPACE",
                                "NO_NEW_PRIVILEGES",
                                "SECCOMP",
                                "SELINUX_CONTEXT",
                                "PERSONALITY",
                                "APPARMOR",
                                "ADDRESS_FAMILIES",
                                "RUNTIME_DIRECTORY",
                                "CHOWN",
                                "SMACK_PROCESS_LABEL",
                                "KEYRING",
                                "STATE_DIRECTORY",
                                "CACHE_DIRECTORY",
                                "LOGS_DIRECTORY",
                                "CONFIGURATION_DIRECTORY",
                                "NUMA_POLICY",
                                "CREDENTIALS",
                                "BPF",
                                "EXCEPTION"};
  return is_one_of(text, names) || fits_signal(text);
}

// 9.9.9.9, [2620:fe::fe]:53, 1.1.1.1:853%eth0#cloudflare-dns.com
bool fits_dns_server(std::string_view text) {
  text = text.substr(0, text.find_first_of("#%"));
  if (text.starts_with('[')) return fits_ipv6(text.substr(1, text.find(']') - 1));
  const size_t colon = text.find(':');
  const bool port = colon != std::string_view::npos && text.find(':', colon + 1) == text.npos;
  return fits_ip(port ? text.substr(0, colon) : text) || text == "_dhcp";
}

bool fits_device(std::string_view text) {
  return text.starts_with("/dev/") || text.starts_with("char-") || text.starts_with("block-") ||
         text.starts_with("/run/systemd/inaccessible/");
}

bool fits_absolute_path(std::string_view text) {
  const size_t start = text.find_first_not_of("-+!");
  return start == text.npos || text[start] == '/' || text.find(":/") != text.npos;
}

bool fits_bool(std::string_view text) {
  return is_one_of(engine::to_lower_ascii(text),
                   {"1", "yes", "y", "true", "t", "on", "0", "no", "n", "false", "f", "off"});
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

bool fits_sequence(const ValueShape& shape, std::string_view value) {
  const Strings words = words_of(value, ' ');
  if (words.size() > shape.of.size()) return false;
  for (size_t i = 0; i < words.size(); ++i) {
    if (!fits(shape.of[i], words[i])) return false;
  }
  return true;
}

// Kinds of one value, and kinds of which each word must be one.
using Test = bool (*)(std::string_view);
const std::map<std::string, Test, std::less<>> whole_values = {
    {"bool", fits_bool},
    {"enum", [](std::string_view) { return false; }},  // only its words
    {"time", fits_time},
    {"limit", fits_limit},
    {"user", fits_user},
    {"errno", fits_errno},
    {"device", fits_device},
    {"octal",
     [](std::string_view text) { return text.find_first_not_of("01234567") == text.npos; }},
    {"absolute_path", [](std::string_view text) { return text.starts_with('/'); }},
    {"pairs", [](std::string_view text) { return text.find('=') != text.npos; }},
};
const std::map<std::string, Test, std::less<>> word_values = {
    {"ip", fits_ip},
    {"mac", fits_mac},
    {"signal", fits_signal},
    {"exit_status", fits_exit_status},
    {"dns_servers", fits_dns_server},
    {"absolute_paths", fits_absolute_path},
    {"ip_or_url",
     [](std::string_view text) { return fits_ip(text) || text.find('.') != text.npos; }},
};

}  // namespace

bool fits(const ValueShape& shape, std::string_view raw) {
  std::string_view value = engine::trim(raw);
  if (value.empty() || has_specifier(value)) return true;  // empty resets a list
  for (const std::string& prefix : shape.prefixes) {
    if (!prefix.empty() && value.starts_with(prefix)) {
      value.remove_prefix(prefix.size());
      break;
    }
  }
  if (is_one_of(value, shape.words)) return true;
  if (const auto test = whole_values.find(shape.kind); test != whole_values.end())
    return test->second(value);
  if (const auto test = word_values.find(shape.kind); test != word_values.end()) {
    const Strings words = words_of(value, ' ');
    return std::all_of(words.begin(), words.end(),
                       [&](const std::string& word) { return test->second(word); });
  }
  if (shape.kind == "number") return fits_number(shape, value);
  if (shape.kind == "list") {
    const Strings words = words_of(value, shape.separator);
    return std::all_of(words.begin(), words.end(),
                       [&](const std::string& word) { return fits(shape.of[0], word); });
  }
  if (shape.kind == "either")
    return std::any_of(shape.of.begin(), shape.of.end(),
                       [&](const ValueShape& part) { return fits(part, value); });
  if (shape.kind == "sequence") return fits_sequence(shape, value);
  return true;  // text, path, units, command, urls
}

}  // namespace app::configs::systemd
