// app/sample.h: the incident that comes with the program: assets/sample/incident.json and its files.
#pragma once
#include <string>
#include <vector>

namespace app {

struct SampleIncident {
  std::string title, question;
  std::vector<std::string> paths;  // of its files, ready to be read
};

// Throws Error{not_found} or Error{invalid_input} naming the file.
SampleIncident load_sample(const std::string& assets_folder);

}  // namespace app
