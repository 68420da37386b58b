#include "app/sample.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/base/error.h"

namespace app {

SampleIncident load_sample(const std::string& assets_folder) {
  const std::string folder = assets_folder + "/sample/", path = folder + "incident.json";
  std::ifstream in(path);
  if (!in) engine::fail(engine::ErrorKind::not_found, "%s: missing; install the package again", path.c_str());
  const auto text = nlohmann::json::parse(in, nullptr, false);
  const auto bad = [&](const char* what) {
    engine::fail(engine::ErrorKind::invalid_input, "%s: %s; install the package again", path.c_str(), what);
  };
  if (!text.is_object() || !text.contains("files") || !text["files"].is_array()) bad("no list \"files\"");
  SampleIncident sample;
  for (const auto& name : text["files"]) {
    if (!name.is_string()) bad("\"files\" holds something that is not a name");
    sample.paths.push_back(folder + name.get<std::string>());
  }
  if (text.contains("title") && text["title"].is_string()) sample.title = text["title"];
  if (text.contains("question") && text["question"].is_string()) sample.question = text["question"];
  if (sample.title.empty() || sample.question.empty()) bad("no \"title\" or \"question\"");
  return sample;
}

}  // namespace app
