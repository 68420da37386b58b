// The rules for nginx: a table of directive names and checks, and checks of whole servers.
#include <algorithm>
#include <cctype>
#include <map>

#include "app/configs/nginx_checks.h"
#include "engine/base/text.h"

namespace app::configs {
namespace nginx {

void add(Report& report, const char* rule, const Directive& at, std::string_view detail) {
  report.add(rule, at.line, at.column,
             at.name + (at.args.empty() ? "" : " " + at.args[0].substr(0, 60)), detail);
}

std::string lower(std::string_view text) { return engine::to_lower_ascii(text); }

int number(const std::string& text) {
  return text.empty() || !std::isdigit(static_cast<unsigned char>(text[0]))
             ? -1
             : std::atoi(text.c_str());
}

// An include that is not followed may hold what seems to be missing. Lists of types and of server
// blocks hold no settings of this server.
bool may_be_included(const Directive& start) {
  for (const Directive* block = &start; block; block = block->parent) {
    for (const Directive* child : block->children) {
      if (child->name != "include") continue;
      const std::string& file = child->arg(0);
      const bool other = file.find("mime.types") != std::string::npos ||
                         file.ends_with("_params") || file.find("sites-") != std::string::npos ||
                         file.find("conf.d/*") != std::string::npos ||
                         file.find("modules") != std::string::npos;
      if (!other) return true;
    }
  }
  return false;
}

}  // namespace nginx

namespace {

using namespace nginx;

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
  if (!may_be_included(server)) add(report, "nginx/no-hsts", server);
}

void check_tls_server(const Directive& server, Report& report) {
  check_hsts(server, report);
  const Directive* stapling = server.inherited("ssl_stapling");
  if (speaks_tls(server) && stapling && stapling->arg(0) == "on" && !server.inherited("resolver") &&
      !may_be_included(server))
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
    if (!server->ancestor("http") || may_be_included(*server)) continue;
    if (!server->inherited("server_tokens")) add(report, "nginx/version-shown", *server);
    const Directive* ciphers = server->inherited("ssl_protocols");
    if (speaks_tls(*server) && !ciphers)
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
