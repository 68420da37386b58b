#include "engine/files/json_input.h"

#include <nlohmann/json.hpp>
#include <unordered_set>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/text.h"

namespace engine {

namespace {

using Json = nlohmann::json;

// Looks at the events alone: the library's own parser with a callback goes over all members of an object
// after each of them, which takes minutes for the 100,000 of a large model.
class Inspector : public nlohmann::json_sax<Json> {
 public:
  Inspector(const std::string& name, int max_depth) : name_(name), max_depth_(max_depth) {}

  bool null() override { return value(); }
  bool boolean(bool) override { return value(); }
  bool number_integer(number_integer_t) override { return value(); }
  bool number_unsigned(number_unsigned_t) override { return value(); }
  bool number_float(number_float_t, const string_t&) override { return value(); }
  bool string(string_t&) override { return value(); }
  bool binary(binary_t&) override { return value(); }
  bool start_object(std::size_t) override { return open(); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(); }
  bool end_array() override { return close(); }
  bool key(string_t& key) override {
    value();
    if (keys_.back().insert(key).second) return true;
    fail(ErrorKind::invalid_input, "%s: \"%s\" stands twice in one object; it is damaged", name_.c_str(),
         escape_invalid_utf8(key.substr(0, 100)).c_str());
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    fail(ErrorKind::invalid_input, "%s: not valid JSON at byte %zu; it is damaged, fetch it again", name_.c_str(), position);
  }

 private:
  bool value() const {
    if (keys_.size() <= static_cast<size_t>(max_depth_)) return true;
    fail(ErrorKind::invalid_input, "%s: nested deeper than %d levels; it is damaged or hostile", name_.c_str(), max_depth_);
  }
  bool open() {
    value();
    keys_.emplace_back();
    return true;
  }
  bool close() {
    keys_.pop_back();
    return true;
  }

  const std::string& name_;
  int max_depth_;
  std::vector<std::unordered_set<std::string>> keys_;  // of the open objects; empty for arrays
};

}  // namespace

nlohmann::json parse_json_input(std::string_view text, const std::string& name, int max_depth) {
  Inspector inspector(name, max_depth);
  Json::sax_parse(text.begin(), text.end(), &inspector);
  try {
    return Json::parse(text.begin(), text.end());
  } catch (const Json::exception&) {
    fail(ErrorKind::invalid_input, "%s: not valid JSON; it is damaged, fetch it again", name.c_str());
  }
}

}  // namespace engine
