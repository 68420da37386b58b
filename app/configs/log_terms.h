// app/configs/log_terms.h: what of a configuration line may also stand in a log: paths, hosts,
// addresses, ports.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace app::configs {

// "listen 10.0.0.5:8080" gives "10.0.0.5" and ":8080". Common paths and addresses that say nothing
// (/, 0.0.0.0, localhost) are left out; at most 8 terms, in order.
std::vector<std::string> log_terms(std::string_view line);

// Is the term in the text, ASCII case ignored, and not as a part of a longer number, path or name?
bool holds_term(std::string_view text, std::string_view term);

}  // namespace app::configs
