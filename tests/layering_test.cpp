// Holds every #include line of the project to the module rules below: who may include whom, and
// which single module a third-party header belongs to.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

struct Include {
  std::string from, to;  // paths from the root; to is as written
  int line;
  bool system;
};

// The module of a path: its folder, with the loose files of app/ and engine/ under names of their own.
std::string module_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(0, slash);
}

std::vector<Include> all_includes() {
  std::vector<Include> found;
  const fs::path root = SIGMA_SOURCE_ROOT;
  for (const char* top : {"kernels", "engine", "app", "ui", "tools", "tests"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root / top)) {
      const std::string extension = entry.path().extension().string();
      if (!entry.is_regular_file() || (extension != ".h" && extension != ".cpp" && extension != ".cu")) continue;
      std::ifstream in(entry.path());
      std::string line;
      for (int n = 1; std::getline(in, line); ++n) {
        const size_t word = line.find("include"), open = line.find_first_of("<\"");
        if (line.find_first_not_of(" \t") != line.find('#') || word == std::string::npos || open == std::string::npos || open < word) continue;
        const size_t close = line.find_first_of(">\"", open + 1);
        if (close == std::string::npos) continue;
        found.push_back({fs::relative(entry.path(), root).string(), line.substr(open + 1, close - open - 1), n, line[open] == '<'});
      }
    }
  }
  return found;
}

bool starts_with_any(const std::string& text, const std::vector<std::string>& starts) {
  return std::any_of(starts.begin(), starts.end(), [&](const std::string& s) { return text.rfind(s, 0) == 0; });
}

// What each module may include besides itself; a prefix stands for everything below it.
const std::map<std::string, std::vector<std::string>> allowed = {
    {"kernels", {}},
    {"kernels/reference", {"kernels/shapes.h", "kernels/quant.h"}},
    {"kernels/cpu", {"kernels/shapes.h", "kernels/quant.h", "kernels/block_values.h"}},
    {"kernels/cuda", {"kernels/shapes.h", "kernels/quant.h"}},
    {"engine", {"engine/base/"}},
    {"engine/base", {}},
    {"engine/files", {"engine/base/", "engine/tensor.h"}},
    {"engine/tokenizer", {"engine/base/", "engine/files/"}},
    {"engine/backend", {"engine/base/", "engine/tensor.h", "kernels/"}},
    {"engine/model", {"engine/base/", "engine/tensor.h", "engine/files/", "engine/backend/"}},
    {"engine/generate", {"engine/base/", "engine/tensor.h", "engine/files/", "engine/backend/", "engine/model/", "engine/tokenizer/"}},
    {"app/columns", {"engine/base/", "app/types.h"}},
    {"app/configs", {"engine/base/", "app/types.h"}},
    {"app/logs", {"engine/base/", "app/types.h", "app/columns/", "app/store/"}},
    {"app/store", {"engine/base/", "app/types.h", "app/columns/"}},
    {"app/kql", {"engine/base/", "app/types.h", "app/columns/", "app/store/"}},
    {"app/connectors", {"engine/base/", "app/types.h", "app/columns/", "app/kql/"}},
    {"app/models", {"engine/", "app/types.h", "app/columns/", "app/connectors/"}},
    {"app/diagnosis", {"engine/base/", "engine/generate/", "app/types.h", "app/columns/", "app/logs/", "app/store/"}},
    {"app/nl2kql", {"engine/base/", "engine/generate/", "app/types.h", "app/columns/", "app/kql/", "app/store/"}},
    {"app/aimicius",
     {"engine/base/", "engine/generate/", "app/types.h", "app/columns/", "app/nl2kql/", "app/kql/", "app/store/"}},
    {"app", {"engine/", "app/"}},
    {"ui", {"engine/base/", "app/"}},
    {"tools", {"engine/", "app/", "kernels/"}},
    {"tests", {"kernels/", "engine/", "app/", "ui/", "tools/"}},
};

const std::vector<std::string>& rules_for(std::string module) {
  for (;;) {
    if (const auto found = allowed.find(module); found != allowed.end()) return found->second;
    const size_t slash = module.rfind('/');
    REQUIRE_MESSAGE(slash != std::string::npos, "no rule for module ", module);
    module.resize(slash);
  }
}

// Third-party header prefix -> the modules that may include it.
const std::map<std::string, std::vector<std::string>> homes = {
    {"sqlite3", {"app/store/", "tests/"}},
    {"curl/", {"app/connectors/"}},
    {"GLFW/", {"ui/"}},
    {"imgui", {"ui/", "tests/ui/"}},
    {"yaml-cpp/", {"app/configs/"}},
    {"archive", {"app/logs/", "tests/app/logs/"}},
    {"cuda", {"kernels/cuda/", "engine/backend/"}},
    {"immintrin.h", {"kernels/", "engine/base/", "app/columns/", "app/logs/", "app/kql/", "app/store/"}},
    {"CLI/", {"tools/", "ui/main.cpp"}},
};

}  // namespace

TEST_CASE("layering: every include keeps to the order of the layers") {
  const std::vector<Include> includes = all_includes();
  REQUIRE(includes.size() > 50);
  for (const Include& include : includes) {
    if (include.system) continue;
    const std::string from = module_of(include.from);
    const std::string to = module_of(include.to);
    if (from == to || include.to.find('/') == std::string::npos) continue;
    if (!starts_with_any(include.to, {"kernels/", "engine/", "app/", "ui/", "tools/", "tests/"})) continue;  // a library's
    // A folder below a module (app/kql/exec, ui/panels, kernels/cpu) belongs to it.
    if (to.rfind(from + "/", 0) == 0 || from.rfind(to + "/", 0) == 0) {
      if (from.rfind("engine", 0) != 0 && from.rfind("kernels", 0) != 0 && from != "app" && to != "app") continue;
    }
    const std::string top = from.substr(0, from.find('/'));
    if ((top == "ui" || top == "tests" || top == "tools") && include.to.rfind(top + "/", 0) == 0) continue;
    CAPTURE(include.from);
    CAPTURE(include.line);
    CAPTURE(include.to);
    CHECK(starts_with_any(include.to, rules_for(from)));
  }
}

TEST_CASE("layering: a third-party header stays in its module") {
  for (const Include& include : all_includes()) {
    if (!include.system) continue;
    for (const auto& [prefix, modules] : homes) {
      if (include.to.rfind(prefix, 0) != 0) continue;
      CAPTURE(include.from);
      CAPTURE(include.line);
      CAPTURE(include.to);
      CHECK(starts_with_any(include.from, modules));
    }
  }
}

TEST_CASE("layering: public headers do not draw in heavy third-party headers") {
  const std::set<std::string> heavy = {"sqlite3.h", "curl/curl.h", "GLFW/glfw3.h", "nlohmann/json.hpp", "archive.h"};
  for (const Include& include : all_includes()) {
    if (!include.system || include.from.rfind("app/", 0) != 0) continue;
    if (fs::path(include.from).extension() != ".h") continue;
    if (include.from == "app/store/connection.h") continue;  // private to app/store: the handle itself
    CAPTURE(include.from);
    CAPTURE(include.to);
    CHECK(heavy.count(include.to) == 0);
  }
}
