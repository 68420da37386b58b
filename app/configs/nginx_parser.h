// app/configs/nginx_parser.h: nginx configuration text as a tree of directives.
// Words, 'quoted' and "quoted" strings, ${variables}, comments, blocks, and the raw bodies of
// *_by_lua_block; includes are kept as directives and never opened.
#pragma once
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/configs/yaml_reader.h"  // ParseError

namespace app::configs::nginx {

struct Directive {
  std::string name;
  std::vector<std::string> args;  // unquoted
  std::vector<bool> quoted;       // whether args[i] stood in quotes
  int line = 0, column = 0;
  bool is_block = false;
  const Directive* parent = nullptr;  // null at the top
  std::vector<const Directive*> children;

  const std::string& arg(size_t index) const;                       // "" where there is none
  const Directive* child(std::string_view child_name) const;        // the first, or null
  const Directive* ancestor(std::string_view ancestor_name) const;  // itself included
  // The nearest directive of that name in this block or one around it.
  const Directive* inherited(std::string_view wanted) const;
};

struct Config {
  std::deque<Directive> directives;  // owns them, in the order of the text
  Directive root;                    // holds the top-level ones as children
  std::optional<ParseError> error;
};

// Always gives what could be read; blocks nested deeper than 100 end the reading.
void parse(std::string_view text, Config& config);

}  // namespace app::configs::nginx
