// app/configs/nginx.h: what nginx_variables and nginx_rules share.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/configs/nginx_parser.h"
#include "app/configs/regex_shape.h"
#include "app/configs/rule_book.h"

namespace app::configs::nginx {

// The condition of an if: ($variable operator value).
struct Condition {
  std::string variable, op, value;
  bool is_regex() const { return op == "~" || op == "~*" || op == "!~" || op == "!~*"; }
};
Condition condition_of(const Directive& directive);

// A location's modifier (=, ~, ~*, ^~ or "") and path.
struct Location {
  std::string modifier, path;
  bool is_regex() const { return modifier == "~" || modifier == "~*"; }
};
Location location_of(const Directive& directive);

// "http://$host/${arg_x}" in parts; name is empty for plain text.
struct Part {
  std::string name, text;
};
std::vector<Part> split_variables(std::string_view script);

// What a variable or a text with variables may hold, as far as the client decides it.
struct Content {
  CharSet chars;  // chars it may hold; none for what the client has no hand in
  bool starts_with_slash = false, contains_slash = false;
};
// nullopt: nobody in this file gives the variable a value, and nginx does not either.
std::optional<Content> variable_content(const std::string& name, const Directive& user,
                                        int depth = 0);
Content script_content(std::string_view script, const Directive& user, int depth = 0);

// A pattern for Origin or Referer that also lets foreign sites pass; "" where it is tight.
std::string loose_origin_pattern(std::string_view pattern);

}  // namespace app::configs::nginx

namespace app::configs {

void review_nginx(std::string_view text, Report& report);

}  // namespace app::configs
