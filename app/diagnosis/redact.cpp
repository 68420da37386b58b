#include "app/diagnosis/redact.h"

#include <algorithm>
#include <array>

#include "app/diagnosis/pattern_set.h"

namespace app::diagnosis {
namespace {

// A pattern whose last group is the secret. `kind` names the placeholder.
struct Rule {
  const char* kind;
  Regex regex;
};

// Order matters: what is told apart by its own form comes before "name = value". The names of a
// secret are taken as whole words or word parts, so that "tokenizer" and "passwords: 3" stay.
const std::array<Rule, 14>& rules() {
  static const std::array<Rule, 14> table{{
      {"private-key", Regex(R"re(-----BEGIN [A-Z ]*PRIVATE KEY-----((?:.|\n)*?)(?:-----END [A-Z ]*PRIVATE KEY-----|\z))re")},
      {"jwt", Regex(R"re(\b(eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*))re")},
      {"aws-key", Regex(R"re(\b((?:AKIA|ASIA|AGPA|AIDA|AROA)[A-Z0-9]{16})\b)re")},
      {"token", Regex(R"re(\b((?:ghp|gho|ghu|ghs|ghr|github_pat|glpat|xox[abprs]|hf|npm|pypi|dop_v1|sk|rk|pk)[_-][A-Za-z0-9_-]{16,}))re")},
      {"token", Regex(R"re(\b(AIza[A-Za-z0-9_-]{30,}))re")},
      {"token", Regex(R"re((?i)\bbearer\s+([A-Za-z0-9._~+/=-]{8,}))re")},
      {"credentials", Regex(R"re((?i)\bbasic\s+([A-Za-z0-9+/]{8,}={0,2})(?:[^A-Za-z0-9+/=]|$))re")},
      {"password", Regex(R"re(\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@"']*:([^\s@"']+)@)re")},
      {"secret", Regex(R"re((?i)(?:secret[_-]?(?:access[_-]?)?key|client[_-]?secret|aws_secret_access_key|account[_-]?key|sharedaccesskey|signing[_-]?key|encryption[_-]?key)["']?\s*[:=]\s*["']?([^\s"',;&}\]]{4,}))re")},
      {"token", Regex(R"re((?i)(?:api[_-]?key|apikey|access[_-]?key|auth[_-]?token|access[_-]?token|refresh[_-]?token|session[_-]?(?:id|token)|x-api-key|[_-]token|\btoken)["']?\s*[:=]\s*["']?([^\s"',;&}\]]{6,}))re")},
      {"password", Regex(R"re((?i)(?:passwd|password|passphrase|pwd|\bpass|[_-]pass)["']?\s*[:=]\s*"([^"\n]{1,200})")re")},
      {"password", Regex(R"re((?i)(?:passwd|password|passphrase|pwd|\bpass|[_-]pass)["']?\s*[:=]\s*'?([^\s"',;&}\]<>]{3,}))re")},
      {"password", Regex(R"re((?i)(?:--password|--token|--secret)[ =]([^\s"',;]{3,}))re")},
      {"cookie", Regex(R"re((?i)\b(?:set-)?cookie:\s*([^\n]{8,}))re")},
  }};
  return table;
}

// Optional kinds.
const Rule& email_rule() {
  static const Rule rule{"email", Regex(R"re(\b([A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}))re")};
  return rule;
}
const Rule& address_rule() {
  static const Rule rule{"ip", Regex(R"re(\b((?:\d{1,3}\.){3}\d{1,3})\b)re")};
  return rule;
}

// Words that stand where a secret would and are none.
bool is_no_secret(std::string_view value) {
  for (std::string_view word : {"none", "null", "true", "false", "undefined", "missing", "required", "invalid", "expired",
                                "<none>", "<nil>", "***", "****", "[REDACTED]", "authentication", "failed", "not", "is", "was", "for"})
    if (value == word) return true;
  return value.starts_with("<") || value.starts_with("${") || value.starts_with("$(") || value.starts_with("%(");
}

struct Found {
  size_t begin, length;
  const char* kind;
};

}  // namespace

struct Redactor::State {
  RedactOptions options;
  std::vector<Redaction> redactions;
  std::map<std::string, size_t> by_secret;   // index into redactions
  std::map<std::string, size_t> n_of_kind;

  const std::string& placeholder(const std::string& secret, const std::string& kind) {
    auto it = by_secret.find(secret);
    if (it == by_secret.end()) {
      it = by_secret.emplace(secret, redactions.size()).first;
      redactions.push_back({.placeholder = "<" + kind + "-" + std::to_string(++n_of_kind[kind]) + ">", .secret = secret});
    }
    redactions[it->second].n_times++;
    return redactions[it->second].placeholder;
  }
};

namespace {

void find_all(const Rule& rule, std::string_view text, std::vector<Found>& found) {
  std::vector<std::string_view> groups;
  for (std::string_view rest = text; rule.regex.match(rest, groups);) {
    std::string_view secret = groups.back();
    auto begin = static_cast<size_t>(secret.data() - text.data());
    bool taken = std::any_of(found.begin(), found.end(), [&](const Found& f) {
      return begin < f.begin + f.length && f.begin < begin + secret.size();
    });
    if (!taken && !secret.empty() && !is_no_secret(secret)) found.push_back({begin, secret.size(), rule.kind});
    size_t end = static_cast<size_t>(groups[0].data() - rest.data()) + std::max<size_t>(groups[0].size(), 1);
    if (end >= rest.size()) break;
    rest = rest.substr(end);
  }
}

}  // namespace

Redactor::Redactor(const RedactOptions& options) : state_(std::make_unique<State>()) { state_->options = options; }
Redactor::~Redactor() = default;
Redactor::Redactor(Redactor&&) noexcept = default;
Redactor& Redactor::operator=(Redactor&&) noexcept = default;

std::string Redactor::redact(std::string_view text) {
  std::vector<Found> found;
  for (const Rule& rule : rules()) find_all(rule, text, found);
  if (state_->options.emails) find_all(email_rule(), text, found);
  if (state_->options.ip_addresses) find_all(address_rule(), text, found);
  std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) { return a.begin < b.begin; });
  std::string out;
  size_t at = 0;
  for (const Found& f : found) {
    out += text.substr(at, f.begin - at);
    out += state_->placeholder(std::string(text.substr(f.begin, f.length)), f.kind);
    at = f.begin + f.length;
  }
  out += text.substr(at);
  return out;
}

const std::vector<Redaction>& Redactor::redactions() const { return state_->redactions; }

std::string Redactor::restore(std::string_view text) const {
  std::string out(text);
  for (const Redaction& redaction : state_->redactions)
    for (size_t at = 0; (at = out.find(redaction.placeholder, at)) != std::string::npos; at += redaction.secret.size())
      out.replace(at, redaction.placeholder.size(), redaction.secret);
  return out;
}

std::string redact(std::string_view text, const RedactOptions& options) { return Redactor(options).redact(text); }

}  // namespace app::diagnosis
