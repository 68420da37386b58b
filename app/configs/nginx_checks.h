// app/configs/nginx_checks.h: the checks of single directives; nginx_rules.cpp says which directive
// each looks at.
#pragma once
#include <set>
#include <string>
#include <string_view>

#include "app/configs/nginx.h"

namespace app::configs::nginx {

// Reports at the directive, which the message names with its first argument.
void add(Report& report, const char* rule, const Directive& at, std::string_view detail = {});
std::string lower(std::string_view text);
int number(const std::string& text);  // its leading digits; -1 where there are none
std::set<std::string> headers_of(const Directive& block);  // of its own add_header, in lower case
void check_origin_pattern(const Directive& at, std::string_view pattern, Report& report);

// Whether a file that was not followed may hold what this block seems to lack.
bool may_be_included(const Directive& start);

// nginx_requests.cpp
void check_add_header(const Directive& directive, Report& report);
void check_more_set_headers(const Directive& directive, Report& report);
void check_dropped_headers(const Directive& block, Report& report);
void check_host_header(const Directive& directive, Report& report);
void check_header_splitting(const Directive& directive, Report& report);
void check_passes(const Directive& directive, Report& report);
void check_static_name(const Directive& directive, Report& report);
void check_access_bypassed(const Directive& directive, Report& report);
void check_stub_status(const Directive& directive, Report& report);
void check_root(const Directive& directive, Report& report);

// nginx_patterns.cpp
void check_location_pattern(const Directive& directive, Report& report);
void check_condition(const Directive& directive, Report& report);
void check_rewrite(const Directive& directive, Report& report);
void check_set(const Directive& directive, Report& report);
void check_map(const Directive& directive, Report& report);

// nginx_settings.cpp
void check_resolver(const Directive& directive, Report& report);
void check_protocols(const Directive& directive, Report& report);
void check_ciphers(const Directive& directive, Report& report);
void check_keepalive(const Directive& directive, Report& report);
void check_worker_connections(const Directive& directive, Report& report);
void check_server_tokens(const Directive& directive, Report& report);
void check_valid_referers(const Directive& directive, Report& report);
void check_error_log(const Directive& directive, Report& report);
void check_try_files(const Directive& directive, Report& report);
void check_curves(const Directive& directive, Report& report);

}  // namespace app::configs::nginx
