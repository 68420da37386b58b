#include "engine/files/json_input.h"

#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/text.h"

namespace engine {

nlohmann::json parse_json_input(std::string_view text, const std::string& name, int max_depth) {
  using Json = nlohmann::json;
  std::vector<std::set<std::string>> open_objects;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > max_depth) {
      fail(ErrorKind::invalid_input, "%s: nested deeper than %d levels; it is damaged or hostile",
           name.c_str(), max_depth);
    }
    if (event == Json::parse_event_t::object_start) {
      open_objects.emplace_back();
    } else if (event == Json::parse_event_t::object_end) {
      open_objects.pop_back();
    } else if (event == Json::parse_event_t::key) {
      const std::string& key = parsed.get_ref<const std::string&>();
      if (!open_objects.back().insert(key).second) {
        fail(ErrorKind::invalid_input, "%s: \"%s\" stands twice in one object; it is damaged", name.c_str(),
             escape_invalid_utf8(key.substr(0, 100)).c_str());
      }
    }
    return true;
  };
  try {
    return Json::parse(text.begin(), text.end(), watch);
  } catch (const Json::exception& e) {
    const auto* at = dynamic_cast<const Json::parse_error*>(&e);
    fail(ErrorKind::invalid_input, "%s: not valid JSON at byte %zu; it is damaged, fetch it again",
         name.c_str(), at == nullptr ? size_t{0} : at->byte);
  }
}

}  // namespace engine
