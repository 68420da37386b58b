// What goes into headers, requests and addresses, and who gets in.
#include <algorithm>
#include <cctype>
#include <set>

#include "app/configs/nginx_checks.h"
#include "engine/base/text.h"

namespace app::configs::nginx {

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

namespace {

std::string split_target(const Directive& directive) {
  if (directive.name == "proxy_pass") return directive.arg(0);
  if (directive.name != "return") return directive.arg(1);
  const std::string& first = directive.arg(0);
  if (directive.args.size() == 1)
    return first.starts_with("http") || first.starts_with("$scheme") ? first : "";
  static const std::set<std::string> redirects = {"301", "302", "303", "307", "308"};
  return redirects.contains(first) ? directive.arg(1) : "";
}

}  // namespace

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

namespace {

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

}  // namespace

void check_passes(const Directive& directive, Report& report) {
  check_header_splitting(directive, report);
  check_request_forgery(directive, report);
  check_proxy_path(directive, report);
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
  if (variable && !directive.parent->inherited("resolver") && !may_be_included(directive)) {
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

// --- access --------------------------------------------------------------------------------------

namespace {

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

}  // namespace

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

}  // namespace app::configs::nginx
