#include "app/configs/log_terms.h"

#include <algorithm>

#include "engine/base/text.h"

namespace app::configs {
namespace {

constexpr size_t most_terms = 8;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_word(char c) { return is_digit(c) || is_letter(c) || c == '_' || c == '-'; }

bool all_digits(std::string_view text) { return !text.empty() && std::all_of(text.begin(), text.end(), is_digit); }

bool is_common(std::string_view term) {
  constexpr std::string_view common[] = {"0.0.0.0", "127.0.0.1", "/bin/sh", "/bin/bash", "/dev/null", "/etc", "/usr", "/var", "/tmp", "/run", "/opt", "/home", "/root", "v1.0"};
  return std::find(std::begin(common), std::end(common), term) != std::end(common);
}

// A name of two labels and more whose last is letters (db.internal, not 1.25 or app.py's version).
bool is_host(std::string_view text) {
  if (text.find('.') == std::string_view::npos || text.front() == '.' || text.back() == '.') return false;
  const std::string_view last = text.substr(text.rfind('.') + 1);
  constexpr std::string_view files[] = {"conf", "yaml", "yml", "json", "toml", "service", "socket", "target", "log", "sh", "py", "js", "go", "txt", "pem", "crt", "key", "sock"};
  if (std::find(std::begin(files), std::end(files), last) != std::end(files)) return false;
  return last.size() >= 2 && std::none_of(last.begin(), last.end(), is_digit) && std::all_of(text.begin(), text.end(), [](char c) { return is_word(c) || c == '.'; });
}

bool is_address(std::string_view text) {
  return std::count(text.begin(), text.end(), '.') == 3 && std::all_of(text.begin(), text.end(), [](char c) { return is_digit(c) || c == '.'; });
}

bool is_port(std::string_view text) { return all_digits(text) && text.size() >= 2 && text.size() <= 5 && text[0] != '0'; }

void add(std::vector<std::string>& terms, std::string term) {
  if (terms.size() >= most_terms || is_common(term) || std::find(terms.begin(), terms.end(), term) != terms.end()) return;
  terms.push_back(std::move(term));
}

void add_word(std::vector<std::string>& terms, std::string_view word) {
  if (const size_t scheme = word.find("://"); scheme != std::string_view::npos) word.remove_prefix(scheme + 3);
  if (const size_t at = word.rfind('@'); at != std::string_view::npos) word.remove_prefix(at + 1);  // user:password@
  while (!word.empty() && (word.back() == '.' || word.back() == '/' || word.back() == ':')) word.remove_suffix(1);
  if (word.size() < 2) return;
  if (word.front() == '/') {
    const std::string_view path = word.substr(0, word.find(':'));
    if (std::count(path.begin(), path.end(), '/') >= 2 || path.size() > 5) add(terms, std::string(path));
    return;
  }
  const std::string_view host = word.substr(0, word.find_first_of(":/"));
  if (!host.empty() && (is_host(host) || is_address(host))) add(terms, std::string(host));
  if (const size_t colon = word.find(':'); colon != std::string_view::npos) {
    const std::string_view port = word.substr(colon + 1, word.find('/', colon) - colon - 1);
    if (is_port(port)) add(terms, ":" + std::string(port));
  }
}

}  // namespace

std::vector<std::string> log_terms(std::string_view line) {
  std::vector<std::string> terms;
  // A number alone is a port where the line speaks of one: "containerPort: 8080", "listen 80".
  const std::string lower = engine::to_lower_ascii(line);
  const bool of_ports = lower.find("port") != std::string::npos || lower.find("listen") != std::string::npos || lower.find("expose") != std::string::npos;
  constexpr std::string_view between = " \t\"'`,;=()[]{}<>|&$";
  for (size_t at = 0; at < line.size();) {
    const size_t begin = line.find_first_not_of(between, at);
    if (begin == std::string_view::npos) break;
    const size_t end = std::min(line.find_first_of(between, begin), line.size());
    const std::string_view word = line.substr(begin, end - begin);
    if (of_ports && is_port(word)) add(terms, ":" + std::string(word));
    else add_word(terms, word);
    at = end;
  }
  return terms;
}

bool holds_term(std::string_view text, std::string_view term) {
  if (term.empty()) return false;
  const auto same = [](char a, char b) { return ((a >= 'A' && a <= 'Z') ? char(a + 32) : a) == ((b >= 'A' && b <= 'Z') ? char(b + 32) : b); };
  for (auto at = text.begin();;) {
    at = std::search(at, text.end(), term.begin(), term.end(), same);
    if (at == text.end()) return false;
    const auto behind = at + std::ptrdiff_t(term.size());
    const bool goes_on = behind != text.end() && is_word(*behind);
    const bool began = at != text.begin() && is_word(term.front()) && (is_word(at[-1]) || at[-1] == '.');
    if (!goes_on && !began) return true;
    ++at;
  }
}

}  // namespace app::configs
