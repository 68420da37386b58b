// The rules for nginx: a table of directive names and checks, and checks of whole servers.
#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "app/configs/nginx.h"
#include "engine/base/text.h"

namespace app::configs {
namespace {

using namespace nginx;

void add(Report& report, const char* rule, const Directive& at, std::string_view detail = {}) {
  report.add(rule, at.line, at.column,
             at.name + (at.args.empty() ? "" : " " + at.args[0].substr(0, 60)), detail);
}

std::string lower(std::string_view text) { return engine::to_lower_ascii(text); }

int number(const std::string& text) {
  return text.empty() || !std::isdigit(static_cast<unsigned char>(text[0]))
             ? -1
             : std::atoi(text.c_str());
}

// --- headers -------------------------------------------------------------------------------------

void check_add_header(const Directive& directive, Report& report) {
  if (directive.name == "add_header" && lower(directive.arg(0)) == "content-type")
    add(report, "nginx/content-type-by-add-header", directive);
  for (size_t i = 0; i < directive.args.size(); ++i) {
    if (directive.args[i].find('\n') != std::string::npos) {
      add(report, "nginx/multiline-header", directive);
      return;
    }
  }
}

void check_more_set_headers(const Directive& directive, Report& report) {
  check_add_header(directive, report);
  for (const std::string& header : directive.args) {
    const size_t colon = header.find(':');
    if (!header.starts_with('-') && colon != std::string::npos &&
        lower(engine::trim(header.substr(0, colon))) == "content-type") {
      add(report, "nginx/content-type-by-add-header", directive);
    }
  }
}

std::set<std::string> headers_of(const Directive& block) {
  std::set<std::string> names;
  for (const Directive* child : block.children) {
    if (child->name == "add_header" && child->args.size() >= 2) names.insert(lower(child->arg(0)));
  }
  return names;
}

void check_dropped_headers(const Directive& block, Report& report) {
  const std::set<std::string> own = headers_of(block);
  if (own.empty()) return;
  const Directive* inherit = block.inherited("add_header_inherit");
  if (inherit && lower(inherit->arg(0)) == "merge") return;
  for (const Directive* parent = block.parent; parent; parent = parent->parent) {
    const std::set<std::string> theirs = headers_of(*parent);
    if (theirs.empty()) continue;
    for (const std::string& name : theirs) {
      if (own.contains(name)) continue;
      add(report, "nginx/headers-dropped", block,
          "add_header in this block drops the header " + name + " set outside");
      return;
    }
    return;
  }
}

void check_host_header(const Directive& directive, Report& report) {
  const std::string value = lower(directive.arg(1));
  if (lower(directive.arg(0)) == "host" && (value == "$http_host" || value.starts_with("$arg_")))
    add(report, "nginx/host-header-from-client", directive);
}

// --- what the client may put into headers, requests and addresses --------------------------------

std::string split_target(const Directive& directive) {
  if (directive.name == "proxy_pass") return directive.arg(0);
  if (directive.name != "return") return directive.arg(1);
  const std::string& first = directive.arg(0);
  if (directive.args.size() == 1)
    return first.starts_with("http") || first.starts_with("$scheme") ? first : "";
  static const std::set<std::string> redirects = {"301", "302", "303", "307", "308"};
  return redirects.contains(first) ? directive.arg(1) : "";
}

void check_header_splitting(const Directive& directive, Report& report) {
  const bool to_backend = directive.name.starts_with("proxy_");
  for (const Part& part : split_variables(split_target(directive))) {
    if (part.name.empty()) continue;
    const auto content = variable_content(part.name, directive);
    if (!content) continue;
    if (content->chars.test('\n') || (!to_backend && content->chars.test('\r'))) {
      add(report, "nginx/header-splitting", directive,
          "$" + part.name +
              " may hold a line break from the request, which starts a header of the client's "
              "choice");
      return;
    }
  }
}

bool client_chooses(std::string_view script, const Directive& directive, bool& ended) {
  for (const Part& part : split_variables(script)) {
    const Content content =
        part.name.empty() ? Content{} : variable_content(part.name, directive).value_or(Content{});
    ended = part.name.empty() ? part.text.find('/') != std::string::npos : content.contains_slash;
    if (ended) return false;
    if (content.chars.test('.')) return true;
  }
  return false;
}

void check_request_forgery(const Directive& directive, Report& report) {
  const Directive* location = directive.ancestor("location");
  if (location && location->child("internal")) return;
  const std::string& target = directive.arg(0);
  const size_t scheme_end = target.find("://");
  bool ended = false;
  const std::string_view view = target;
  const std::string_view scheme = scheme_end == std::string::npos ? "" : view.substr(0, scheme_end);
  const std::string_view rest =
      scheme_end == std::string::npos ? view : view.substr(scheme_end + 3);
  const std::string_view host = rest.substr(0, rest.find_first_of("/?#)"));
  if (client_chooses(scheme, directive, ended) || client_chooses(host, directive, ended)) {
    add(report, "nginx/client-chooses-upstream", directive);
  }
}

void check_proxy_path(const Directive& directive, Report& report) {
  const Directive* location = directive.parent;
  if (location && (location->name == "if" || location->name == "limit_except"))
    location = location->parent;
  if (!location || location->name != "location" || location_of(*location).modifier == "=") return;
  const std::string& target = directive.arg(0);
  if (target.starts_with('$') && target.find('/') == std::string::npos) return;
  const size_t scheme_end = target.find("://");
  const std::string rest = scheme_end == std::string::npos ? target : target.substr(scheme_end + 3);
  const size_t slash = rest.starts_with("unix:") ? rest.find(':', 5) : rest.find('/');
  const std::string path = slash == std::string::npos ? "" : rest.substr(slash);
  bool raw_uri = false;  // rewrite ^ $request_uri keeps the request as it came
  for (const Directive* block = directive.parent; block; block = block->parent) {
    for (const Directive* child : block->children)
      raw_uri |=
          child->name == "rewrite" && child->arg(0) == "^" && child->arg(1) == "$request_uri";
  }
  const auto numbered = [](const std::string& text) {
    for (size_t i = 0; i + 1 < text.size(); ++i) {
      if (text[i] == '$' && std::isdigit(static_cast<unsigned char>(text[i + 1]))) return true;
    }
    return text.find("$uri") != std::string::npos;
  };
  if (raw_uri ? numbered(path.empty() ? rest : path) : path.empty()) return;
  add(report, "nginx/proxy-path-decoded", directive);
}

void check_passes(const Directive& directive, Report& report) {
  check_header_splitting(directive, report);
  check_request_forgery(directive, report);
  check_proxy_path(directive, report);
}

// --- access --------------------------------------------------------------------------------------

void check_alias(const Directive& directive, Report& report) {
  const Directive* block = directive.ancestor("location");
  if (!block) return;
  const Location location = location_of(*block);
  if ((location.modifier.empty() || location.modifier == "^~") && !location.path.ends_with('/')) {
    add(report, "nginx/alias-traversal", directive);
  }
  if (!location.is_regex()) return;
  const RegexShape shape = read_regex(location.path);
  std::string before;
  for (const Part& part : split_variables(directive.arg(0))) {
    const RegexNode* group = part.name.empty() ? nullptr
                             : std::isdigit(static_cast<unsigned char>(part.name[0]))
                                 ? shape.capture(std::atoi(part.name.c_str()))
                                 : shape.capture(part.name);
    if (!group) {
      before = part.text;
      continue;
    }
    // The group must not be able to climb out: a slash stands before it in the pattern, or it
    // starts with one; else ".." may follow the directory's name.
    bool slash_before = must_start_with(*group, '/');
    for (const auto& sequence :
         shape.root ? expand_regex(*shape.root) : std::vector<std::vector<RegexAtom>>()) {
      for (size_t i = 1; i < sequence.size(); ++i) {
        CharSet slash;
        slash.set('/');
        slash_before |= sequence[i - 1].chars == slash &&
                        (sequence[i].chars & possible_chars(*group)) == sequence[i].chars &&
                        sequence[i].chars.any();
      }
    }
    const bool alias_ends = before.ends_with('/');
    const bool may_climb = possible_chars(*group).test('.');
    if (before.empty() || (!slash_before && (!alias_ends || may_climb)) ||
        (slash_before && !alias_ends && !must_start_with(*group, '/'))) {
      add(report, "nginx/alias-traversal", directive);
      return;
    }
  }
}

void check_allow(const Directive& directive, Report& report) {
  if (directive.arg(0) == "all") return;
  if (!directive.parent->child("deny")) add(report, "nginx/allow-without-deny", directive);
}

bool returns_inside(const Directive& block) {
  return std::any_of(block.children.begin(), block.children.end(), [](const Directive* child) {
    return child->name == "return" || returns_inside(*child);
  });
}

void check_access_bypassed(const Directive& directive, Report& report) {
  if (directive.name == "allow") check_allow(directive, report);
  if (returns_inside(*directive.parent)) add(report, "nginx/return-bypasses-access", directive);
}

void check_stub_status(const Directive& directive, Report& report) {
  const Directive* server = directive.ancestor("server");
  bool only_sockets = server && server->child("listen");
  for (const Directive* child : server ? server->children : std::vector<const Directive*>()) {
    only_sockets &= child->name != "listen" || child->arg(0).starts_with("unix:");
  }
  bool allow = false, deny_all = false;
  for (const Directive* child : directive.parent->children) {
    allow |= child->name == "allow";
    deny_all |= child->name == "deny" && child->arg(0) == "all";
  }
  if (!only_sockets && (!allow || !deny_all)) add(report, "nginx/status-page-open", directive);
}

void check_root(const Directive& directive, Report& report) {
  const std::string& path = directive.arg(0);
  if (!path.empty() && path.find_first_not_of("/.") == std::string::npos && path.starts_with('/') &&
      path.find("...") == std::string::npos) {
    add(report, "nginx/root-is-filesystem-root", directive);
  }
  if (directive.name == "alias") check_alias(directive, report);
}

// --- patterns ------------------------------------------------------------------------------------

void check_origin_pattern(const Directive& at, std::string_view pattern, Report& report) {
  const std::string fault = loose_origin_pattern(pattern);
  if (!fault.empty()) add(report, "nginx/loose-origin-pattern", at, "the pattern " + fault);
}

bool is_nested_quantifier(const RegexNode& node, bool inside) {
  const bool repeats = node.max == -1;
  if (repeats && inside && node.kind == RegexNode::Kind::chars) return true;
  // A separator that the inner part cannot match keeps the two loops apart.
  if (repeats && node.kind == RegexNode::Kind::group &&
      node.children.front()->kind == RegexNode::Kind::alternation) {
    for (const auto& sequence : node.children.front()->children) {
      bool separated = false;
      CharSet loops;
      for (const auto& child : sequence->children) {
        if (child->max == -1) loops |= possible_chars(*child);
      }
      for (const auto& child : sequence->children) {
        separated |= child->kind == RegexNode::Kind::chars && child->min > 0 && child->max != -1 &&
                     (child->chars & loops).none();
      }
      if (!separated && is_nested_quantifier(*sequence, true)) return true;
    }
    if (node.children.front()->children.size() > 1) {
      const auto& branches = node.children.front()->children;
      for (size_t i = 0; i < branches.size(); ++i) {
        for (size_t j = i + 1; j < branches.size(); ++j) {
          const auto first = [](const RegexNode& sequence) {
            return sequence.children.empty() ? CharSet()
                                             : possible_chars(*sequence.children.front());
          };
          if ((first(*branches[i]) & first(*branches[j])).any()) return true;
        }
      }
    }
    return false;
  }
  return std::any_of(node.children.begin(), node.children.end(),
                     [&](const auto& child) { return is_nested_quantifier(*child, inside); });
}

void check_pattern_cost(const Directive& at, std::string_view pattern, Report& report) {
  const RegexShape shape = read_regex(pattern);
  if (shape.root && is_nested_quantifier(*shape.root, false)) add(report, "nginx/slow-pattern", at);
}

bool is_alphanumeric(const CharSet& chars) {
  for (size_t c = 0; c < 256; ++c) {
    if (chars.test(c) && (c >= 128 || !std::isalnum(static_cast<int>(c)))) return false;
  }
  return chars.any();
}

// The sequence stops after a file extension (a dot, then letters) without saying that the path
// ends.
bool ends_in_open_extension(const std::vector<RegexAtom>& sequence) {
  size_t i = sequence.size();
  while (i > 0 && sequence[i - 1].kind == RegexNode::Kind::chars && sequence[i - 1].min > 0 &&
         is_alphanumeric(sequence[i - 1].chars))
    --i;
  CharSet dot;
  dot.set('.');
  return i > 0 && i < sequence.size() && sequence[i - 1].chars == dot;
}

void check_location_pattern(const Directive& directive, Report& report) {
  const Location location = location_of(directive);
  if (!location.is_regex()) return;
  check_pattern_cost(directive, location.path, report);
  const RegexShape shape = read_regex(location.path);
  if (!shape.root) return;
  const auto sequences = expand_regex(*shape.root);
  if (std::any_of(sequences.begin(), sequences.end(), ends_in_open_extension))
    add(report, "nginx/unanchored-location", directive);
  const auto literal = [](const RegexAtom& atom) {
    return atom.kind != RegexNode::Kind::chars ||
           (atom.chars.count() == 1 && atom.min == 1 && atom.max == 1);
  };
  if (sequences.size() == 1 && location.modifier == "~" && sequences[0].size() > 2 &&
      sequences[0].front().kind == RegexNode::Kind::begin &&
      sequences[0].back().kind == RegexNode::Kind::end &&
      std::all_of(sequences[0].begin(), sequences[0].end(), literal)) {
    add(report, "nginx/pattern-is-exact", directive);
  }
}

void check_condition(const Directive& directive, Report& report) {
  const Condition condition = condition_of(directive);
  const std::string variable = lower(condition.variable);
  if (condition.is_regex()) {
    if (variable == "$http_origin" || variable == "$http_referer")
      check_origin_pattern(directive, condition.value, report);
    if (variable == "$http_referrer")
      add(report, "nginx/loose-origin-pattern", directive,
          "the header is spelled $http_referer; this variable is always empty");
    check_pattern_cost(directive, condition.value, report);
  }
  if (!directive.parent || directive.parent->name != "location") return;
  for (const Directive* child : directive.children) {
    const std::string& flag = child->args.empty() ? child->name : child->args.back();
    const bool safe_rewrite = child->name == "rewrite" && child->args.size() >= 3 &&
                              (flag == "last" || flag == "redirect" || flag == "permanent");
    if (child->name != "return" && !safe_rewrite) add(report, "nginx/if-in-location", *child);
  }
}

void check_captures(const Directive& at, std::string_view pattern, std::string_view replacement,
                    Report& report) {
  const RegexShape shape = read_regex(pattern);
  if (!shape.root) return;
  for (const Part& part : split_variables(replacement)) {
    if (part.name.empty() || !std::isdigit(static_cast<unsigned char>(part.name[0])) ||
        part.name[0] == '0')
      continue;
    if (std::atoi(part.name.c_str()) > shape.n_captures) {
      add(report, "nginx/missing-capture", at,
          "$" + part.name + " is used, but the pattern has " + std::to_string(shape.n_captures) +
              " groups");
      return;
    }
  }
}

void check_rewrite(const Directive& directive, Report& report) {
  check_header_splitting(directive, report);
  check_captures(directive, directive.arg(0), directive.arg(1), report);
  check_pattern_cost(directive, directive.arg(0), report);
}

void check_set(const Directive& directive, Report& report) {
  const Directive* condition = directive.parent ? directive.parent->ancestor("if") : nullptr;
  if (condition && condition_of(*condition).op.starts_with('~'))
    check_captures(directive, condition_of(*condition).value, directive.arg(1), report);
}

// --- name servers, TLS, limits -------------------------------------------------------------------

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

void check_map(const Directive& directive, Report& report) {
  const bool has_default = directive.child("default");
  size_t entries = 0;
  for (const Directive* child : directive.children)
    entries += child->name != "default" && child->name != "include" && child->name != "hostnames" &&
               child->name != "volatile";
  if (!has_default && (directive.name == "geo" || entries > 1))
    add(report, "nginx/map-without-default", directive);
  for (const Directive* child : directive.children) {
    if (child->name.starts_with('~'))
      check_pattern_cost(
          *child, std::string_view(child->name).substr(child->name.starts_with("~*") ? 2 : 1),
          report);
  }
}

// A name that is looked up once, when nginx starts; upstreams and names inside the network aside.
void check_static_name(const Directive& directive, Report& report) {
  std::string host = directive.arg(0);
  const size_t scheme = host.find("://");
  if (scheme != std::string::npos) host = host.substr(scheme + 3);
  host = host.substr(0, host.find_first_of("/:?"));
  if (host.empty() || host.starts_with('[') || host.starts_with("unix")) return;
  for (const Directive* block = directive.parent; block; block = block->parent) {
    for (const Directive* child : block->children) {
      if (child->name == "upstream" && child->arg(0) == host) return;
    }
  }
  const bool variable = host.find('$') != std::string::npos;
  if (variable && !directive.parent->inherited("resolver")) {
    const auto parts = split_variables(host);
    const bool known = std::any_of(parts.begin(), parts.end(), [&](const Part& part) {
      return !part.name.empty() && variable_content(part.name, directive);
    });
    if (known)
      add(report, "nginx/no-resolver", directive,
          "the target holds a variable, but no resolver is set");
  }
  const std::string top =
      lower(host.substr(host.rfind('.') == std::string::npos ? 0 : host.rfind('.') + 1));
  static const std::set<std::string> inside = {
      "test",     "example", "invalid", "localhost", "local",      "internal",
      "intranet", "private", "corp",    "home",      "lan",        "svc",
      "docker",   "arpa",    "onion",   "pod",       "localdomain"};
  const bool name = host.find('.') != std::string::npos && !top.empty() &&
                    std::isalpha(static_cast<unsigned char>(top[0]));
  if (!variable && name && !inside.contains(top))
    add(report, "nginx/no-resolver", directive, host + " is looked up only when nginx starts");
}

// Hybrid groups exist from OpenSSL 3.5 on; an older one refuses the whole list.
void check_curves(const Directive& directive, Report& report) {
  for (std::string_view group : engine::split(directive.arg(0), ':')) {
    if (!group.starts_with('?') && engine::contains_ignoring_case(group, "mlkem"))
      return add(report, "nginx/new-curve", directive);
  }
}

struct DirectiveCheck {
  const char* name;
  void (*check)(const Directive&, Report&);
};
constexpr DirectiveCheck directive_checks[] = {
    {"add_header", check_add_header},
    {"add_header", check_header_splitting},
    {"more_set_headers", check_more_set_headers},
    {"proxy_set_header", check_host_header},
    {"proxy_set_header", check_header_splitting},
    {"proxy_pass", check_passes},
    {"return", check_header_splitting},
    {"rewrite", check_rewrite},
    {"set", check_set},
    {"alias", check_root},
    {"root", check_root},
    {"allow", check_access_bypassed},
    {"deny", check_access_bypassed},
    {"stub_status", check_stub_status},
    {"location", check_location_pattern},
    {"if", check_condition},
    {"resolver", check_resolver},
    {"ssl_protocols", check_protocols},
    {"ssl_ciphers", check_ciphers},
    {"keepalive_requests", check_keepalive},
    {"worker_connections", check_worker_connections},
    {"server_tokens", check_server_tokens},
    {"valid_referers", check_valid_referers},
    {"error_log", check_error_log},
    {"try_files", check_try_files},
    {"map", check_map},
    {"geo", check_map},
    {"ssl_ecdh_curve", check_curves},
    {"proxy_pass", check_static_name},
    {"grpc_pass", check_static_name},
    {"fastcgi_pass", check_static_name},
    {"uwsgi_pass", check_static_name},
    {"scgi_pass", check_static_name},
    {"server", check_dropped_headers},
    {"location", check_dropped_headers},
    {"if", check_dropped_headers},
};

// --- whole servers -------------------------------------------------------------------------------

bool has_arg(const Directive& server, const char* directive, std::string_view arg) {
  return std::any_of(server.children.begin(), server.children.end(), [&](const Directive* child) {
    return child->name == directive &&
           std::find(child->args.begin(), child->args.end(), arg) != child->args.end();
  });
}

bool speaks_tls(const Directive& server) {
  return std::any_of(server.children.begin(), server.children.end(), [](const Directive* child) {
    if (child->name != "listen") return false;
    return child->arg(0).ends_with("443") ||
           std::find(child->args.begin(), child->args.end(), "ssl") != child->args.end();
  });
}

void check_hsts(const Directive& server, Report& report) {
  const Directive* rejects = server.child("ssl_reject_handshake");
  if (!speaks_tls(server) || (rejects && rejects->arg(0) == "on")) return;
  const Directive* block = &server;
  if (headers_of(server).empty() && server.parent) block = server.parent;
  for (const Directive* outer = &server; outer; outer = outer->parent) {
    for (const Directive* child : outer->children) {
      if (child->name == "more_set_headers" &&
          engine::contains_ignoring_case(child->args.empty() ? "" : child->args.back(),
                                         "strict-transport-security"))
        return;
    }
  }
  for (const Directive* child : block->children) {
    if (child->name != "add_header" || lower(child->arg(0)) != "strict-transport-security")
      continue;
    const size_t age = lower(child->arg(1)).find("max-age=");
    if (age != std::string::npos && number(child->arg(1).substr(age + 8)) < 15768000)
      add(report, "nginx/no-hsts", *child, "max-age is below half a year");
    return;
  }
  add(report, "nginx/no-hsts", server);
}

void check_tls_server(const Directive& server, Report& report) {
  check_hsts(server, report);
  const Directive* stapling = server.inherited("ssl_stapling");
  if (speaks_tls(server) && stapling && stapling->arg(0) == "on" && !server.inherited("resolver"))
    add(report, "nginx/stapling-without-resolver", *stapling);
  const Directive* certificate = server.inherited("ssl_certificate");
  if (speaks_tls(server) && stapling && stapling->arg(0) == "on" && certificate &&
      certificate->arg(0).find("letsencrypt") != std::string::npos) {
    add(report, "nginx/stapling-without-responder", *stapling);
  }
  const Directive* rejects = server.child("ssl_reject_handshake");
  const Directive* http2 = server.child("http2");
  const bool speaks_http2 = (http2 && http2->arg(0) == "on") || has_arg(server, "listen", "http2");
  if (rejects && rejects->arg(0) == "on" && speaks_http2 &&
      has_arg(server, "listen", "default_server")) {
    bool misdirected = false;
    for (const Directive* child : server.children)
      misdirected |= child->name == "location" && child->child("return") &&
                     child->child("return")->arg(0) == "421";
    if (!misdirected) add(report, "nginx/http2-misdirected", server);
  }
}

std::string listen_key(const Directive& listen) {
  const std::string& address = listen.arg(0);
  if (address.starts_with("unix:")) return "";
  if (number(address) >= 0 && address.find_first_of(".:") == std::string::npos)
    return "*:" + address;
  return address.find(':') == std::string::npos ? address + ":80" : address;
}

void check_default_servers(const std::vector<const Directive*>& servers, Report& report) {
  struct Group {
    const Directive* first = nullptr;
    size_t n = 0;
    bool has_default = false;
  };
  std::map<std::string, Group> groups;
  for (const Directive* server : servers) {
    for (const Directive* listen : server->children) {
      if (listen->name != "listen" || listen_key(*listen).empty()) continue;
      Group& group = groups[listen_key(*listen)];
      if (!group.first) group.first = listen;
      ++group.n;
      for (const std::string& arg : listen->args)
        group.has_default |= arg == "default_server" || arg == "default";
    }
  }
  for (const auto& [key, group] : groups) {
    if (group.n > 1 && !group.has_default)
      add(report, "nginx/no-default-server", *group.first,
          std::to_string(group.n) + " servers listen on " + key + " and none is the default");
  }
}

void check_allowed_origins(const Config& config, Report& report) {
  for (const Directive& header : config.directives) {
    if (header.name != "add_header" || lower(header.arg(0)) != "access-control-allow-origin" ||
        !header.arg(1).starts_with('$'))
      continue;
    for (const Directive& map : config.directives) {
      if (map.name != "map" || map.arg(0) != "$http_origin" || map.arg(1) != header.arg(1))
        continue;
      for (const Directive* entry : map.children) {
        if (entry->name.starts_with('~'))
          check_origin_pattern(
              *entry, std::string_view(entry->name).substr(entry->name.starts_with("~*") ? 2 : 1),
              report);
      }
    }
  }
}

void check_servers(const Config& config, Report& report) {
  std::vector<const Directive*> servers;
  for (const Directive& directive : config.directives) {
    // "server" in an upstream is a statement, not a block.
    if (directive.name == "server" && directive.is_block) servers.push_back(&directive);
  }
  for (const Directive* server : servers) {
    check_tls_server(*server, report);
    if (!server->inherited("server_tokens") && server->ancestor("http"))
      add(report, "nginx/version-shown", *server);
    const Directive* ciphers = server->inherited("ssl_protocols");
    if (speaks_tls(*server) && !ciphers && server->ancestor("http"))
      add(report, "nginx/weak-tls", *server,
          "no ssl_protocols is set, and older versions of nginx then allow TLS 1.0 and 1.1");
  }
  if (servers.size() > 1) check_default_servers(servers, report);
}

}  // namespace

void review_nginx(std::string_view text, Report& report) {
  Config config;
  parse(text, config);
  if (config.error)
    report.add("nginx/cannot-parse", config.error->line, config.error->column, "",
               config.error->message);
  for (const Directive& directive : config.directives) {
    if (directive.name == "include")
      report.note("include " + directive.arg(0) + " was not followed.");
    for (const DirectiveCheck& each : directive_checks) {
      if (directive.name == each.name) each.check(directive, report);
    }
  }
  check_servers(config, report);
  check_allowed_origins(config, report);
}

}  // namespace app::configs
