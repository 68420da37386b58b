// Labels: their keys, and the values of those that OCI annotations and custom give a meaning.
#include "app/configs/dockerfile_labels.h"

#include <algorithm>
#include <cctype>

#include "engine/base/text.h"

namespace app::configs::dockerfile {
namespace {

bool is_label_key(const std::string& key) {
  if (key.starts_with("com.docker.") || key.starts_with("io.docker.") ||
      key.starts_with("org.dockerproject."))
    return false;
  const auto letter_or_digit = [](unsigned char c) { return std::islower(c) || std::isdigit(c); };
  if (key.empty() || !std::islower(static_cast<unsigned char>(key.front())) ||
      !letter_or_digit(static_cast<unsigned char>(key.back())))
    return false;
  for (size_t i = 0; i < key.size(); ++i) {
    const bool separator = key[i] == '.' || key[i] == '-';
    if (!separator && !letter_or_digit(static_cast<unsigned char>(key[i]))) return false;
    if (separator && i > 0 && (key[i - 1] == '.' || key[i - 1] == '-')) return false;
  }
  return true;
}

bool all_in(std::string_view text, std::string_view allowed) {
  return text.find_first_not_of(allowed) == std::string_view::npos;
}

bool is_url(const std::string& value) {
  const size_t scheme = value.find("://");
  return scheme != std::string::npos && scheme > 0 && value.size() > scheme + 3 &&
         value.find(' ') == std::string::npos;
}

bool is_rfc3339(const std::string& value) {
  static constexpr std::string_view shape = "0000-00-00T00:00:00";
  if (value.size() < shape.size() + 1) return false;
  for (size_t i = 0; i < shape.size(); ++i) {
    const char c = value[i];
    const bool fits = shape[i] == '0'   ? std::isdigit(static_cast<unsigned char>(c)) != 0
                      : shape[i] == 'T' ? c == 'T' || c == 't' || c == ' '
                                        : c == shape[i];
    if (!fits) return false;
  }
  size_t i = shape.size();
  if (value[i] == '.') {
    for (++i; i < value.size() && std::isdigit(static_cast<unsigned char>(value[i]));) ++i;
  }
  const std::string zone = value.substr(i);
  return zone == "Z" || zone == "z" ||
         (zone.size() == 6 && (zone[0] == '+' || zone[0] == '-') && zone[3] == ':');
}

bool is_spdx(const std::string& value) {
  static constexpr const char* families[] = {
      "MIT",        "Apache-", "BSD-",   "GPL-",       "LGPL-", "AGPL-", "MPL-",     "ISC",
      "Unlicense",  "CC0-",    "CC-BY",  "EPL-",       "EUPL-", "Zlib",  "BSL-",     "Artistic-",
      "PostgreSQL", "Python-", "PSF-",   "OFL-",       "WTFPL", "0BSD",  "MS-PL",    "MS-RL",
      "CDDL-",      "OpenSSL", "curl",   "Ruby",       "PHP-",  "X11",   "Beerware", "NCSA",
      "UPL-",       "AFL-",    "CECILL", "LicenseRef-"};
  for (std::string_view part : engine::split(value, ' ')) {
    if (part.empty() || part == "AND" || part == "OR" || part == "WITH") continue;
    std::string name(part);
    std::erase_if(name, [](char c) { return c == '(' || c == ')'; });
    const bool known = name.ends_with("-exception") ||
                       std::any_of(std::begin(families), std::end(families),
                                   [&](const char* family) { return name.starts_with(family); });
    if (!known) return false;
  }
  return !value.empty();
}

bool is_git_hash(const std::string& value) {
  return (value.size() == 40 || value.size() == 7 || value.size() == 64) &&
         all_in(value, "0123456789abcdef");
}

bool is_semantic_version(const std::string& value) {
  const auto numbers =
      engine::split(std::string_view(value).substr(0, value.find_first_of("-+")), '.');
  return numbers.size() == 3 && std::all_of(numbers.begin(), numbers.end(), [](std::string_view n) {
           return !n.empty() && all_in(n, "0123456789") && (n.size() == 1 || n[0] != '0');
         });
}

bool is_email(const std::string& value) {
  const size_t at = value.find('@');
  return at != std::string::npos && at > 0 && at + 1 < value.size() &&
         value.find('@', at + 1) == std::string::npos && value.find(' ') == std::string::npos;
}

// What a label holds by its name: the OCI annotations and the names that people make up.
struct LabelShape {
  const char* rule;
  std::vector<std::string> names;  // in the last part of the key
  bool (*fits)(const std::string& value);
};

}  // namespace

void check_labels(const Instruction& instruction, Report& report) {
  static const std::vector<LabelShape> shapes = {
      {"dockerfile/label-not-url", {"url", "documentation"}, is_url},
      {"dockerfile/label-not-time", {"created", "date", "build-date"}, is_rfc3339},
      {"dockerfile/label-not-spdx", {"license", "licenses", "spdx"}, is_spdx},
      {"dockerfile/label-not-git-hash",
       {"revision", "githash", "git-hash", "vcs-ref", "commit"},
       is_git_hash},
      {"dockerfile/label-not-semver", {"semver"}, is_semantic_version},
      {"dockerfile/label-not-email", {"email"}, is_email},
  };
  for (const Pair& pair : pairs_of(instruction)) {
    if (!is_label_key(pair.key))
      add(report, "dockerfile/invalid-label-key", instruction,
          "the label key \"" + pair.key + "\" is not allowed");
    if (pair.value.empty())
      add(report, "dockerfile/empty-label", instruction, "the label " + pair.key + " is empty");
    if (pair.value.find('$') != std::string::npos || pair.value.empty()) continue;
    const size_t dot = pair.key.rfind('.');
    const std::string last = lower(dot == std::string::npos ? pair.key : pair.key.substr(dot + 1));
    for (const LabelShape& shape : shapes) {
      const bool named =
          std::any_of(shape.names.begin(), shape.names.end(), [&](const std::string& name) {
            return last == name || last == name + "label" || last.ends_with("-" + name) ||
                   last.ends_with("_" + name);
          });
      if (named && !shape.fits(pair.value))
        add(report, shape.rule, instruction,
            "the label " + pair.key + " holds \"" + pair.value + "\"");
    }
  }
}

}  // namespace app::configs::dockerfile
