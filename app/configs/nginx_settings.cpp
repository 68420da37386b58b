// Single settings: name servers, TLS, limits, logs.
#include <algorithm>
#include <set>

#include "app/configs/nginx_checks.h"
#include "engine/base/text.h"

namespace app::configs::nginx {

// --- name servers, TLS, limits -------------------------------------------------------------------

namespace {

bool is_local_address(std::string address) {
  if (address.starts_with('[')) {
    const std::string inner = lower(address.substr(1, address.find(']') - 1));
    return inner == "::1" || inner.starts_with("fc") || inner.starts_with("fd") ||
           inner.starts_with("fe8");
  }
  if (std::count(address.begin(), address.end(), ':') > 1)
    return is_local_address("[" + address + "]");
  address = address.substr(0, address.find(':'));
  const int a = number(address);
  const size_t dot = address.find('.');
  const int b = dot == std::string::npos ? -1 : number(address.substr(dot + 1));
  if (a < 0) {  // a name
    static constexpr const char* suffixes[] = {".intranet", ".internal", ".private", ".corp",
                                               ".home",     ".lan",      ".local",   ".localhost"};
    return address == "localhost" ||
           std::any_of(std::begin(suffixes), std::end(suffixes),
                       [&](const char* s) { return address.ends_with(s); });
  }
  return a == 127 || a == 10 || (a == 172 && b >= 16 && b < 32) || (a == 192 && b == 168) ||
         (a == 169 && b == 254) || (a == 100 && b >= 64 && b < 128);
}

}  // namespace

void check_resolver(const Directive& directive, Report& report) {
  for (const std::string& address : directive.args) {
    if (address.find('=') != std::string::npos || address.starts_with('$')) continue;
    if (!is_local_address(address))
      add(report, "nginx/resolver-external", directive,
          "asks the name server " + address + " outside your network");
  }
}

void check_protocols(const Directive& directive, Report& report) {
  static const std::set<std::string> broken = {"SSLv2", "SSLv3", "TLSv1", "TLSv1.1"};
  for (const std::string& protocol : directive.args) {
    if (broken.contains(protocol))
      add(report, "nginx/weak-tls", directive, protocol + " is allowed");
  }
}

void check_ciphers(const Directive& directive, Report& report) {
  static const std::set<std::string> weak = {
      "ALL",  "DEFAULT", "EXP",          "EXPORT",  "NULL",    "ENULL",      "ANULL",  "DES",
      "3DES", "RC4",     "MD5",          "ADH",     "AECDH",   "LOW",        "MEDIUM", "CAMELLIA",
      "SEED", "IDEA",    "DES-CBC3-SHA", "RC4-SHA", "RC4-MD5", "DES-CBC-SHA"};
  for (std::string_view part : engine::split(directive.arg(0), ':')) {
    if (part.starts_with('!') || part.starts_with('-') || part.starts_with('@')) continue;
    std::string name(part.starts_with('+') ? part.substr(1) : part);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    const bool suite =
        name.find("RC4") != std::string::npos || name.find("DES-CBC") != std::string::npos ||
        name.find("NULL-") != std::string::npos || name.find("EXP-") != std::string::npos;
    if (weak.contains(name) || suite) {
      add(report, "nginx/weak-tls", directive, "the cipher list lets in " + name);
      return;
    }
  }
}

void check_keepalive(const Directive& directive, Report& report) {
  const int requests = number(directive.arg(0));
  if (requests >= 0 && requests < 1000) add(report, "nginx/low-keepalive-requests", directive);
}

void check_worker_connections(const Directive& directive, Report& report) {
  const Directive* limit = directive.parent->inherited("worker_rlimit_nofile");
  if (!limit || number(limit->arg(0)) < 2 * number(directive.arg(0)))
    add(report, "nginx/open-files-limit", directive);
}

void check_server_tokens(const Directive& directive, Report& report) {
  if (directive.arg(0) == "on" || directive.arg(0) == "build")
    add(report, "nginx/version-shown", directive);
}

void check_valid_referers(const Directive& directive, Report& report) {
  if (std::find(directive.args.begin(), directive.args.end(), "none") != directive.args.end())
    add(report, "nginx/referer-none", directive);
}

void check_error_log(const Directive& directive, Report& report) {
  if (directive.arg(0) == "off") add(report, "nginx/error-log-off", directive);
}

void check_try_files(const Directive& directive, Report& report) {
  const Directive* cache = directive.parent->inherited("open_file_cache");
  if (!cache || cache->arg(0) == "off") add(report, "nginx/try-files-uncached", directive);
}

// Hybrid groups exist from OpenSSL 3.5 on; an older one refuses the whole list.
void check_curves(const Directive& directive, Report& report) {
  for (std::string_view group : engine::split(directive.arg(0), ':')) {
    if (!group.starts_with('?') && engine::contains_ignoring_case(group, "mlkem"))
      return add(report, "nginx/new-curve", directive);
  }
}

}  // namespace app::configs::nginx
