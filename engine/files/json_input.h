// engine/files/json_input.h: JSON from files that are not to be trusted.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace engine {

// Throws Error{invalid_input} naming `name` on broken JSON, nesting deeper than max_depth or a key
// that stands twice in one object. Parsing does not recurse.
nlohmann::json parse_json_input(std::string_view text, const std::string& name, int max_depth = 64);

}  // namespace engine
