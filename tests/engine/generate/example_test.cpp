// The README's example, built as it stands there, against a model; and the engine by itself.
#include <doctest/doctest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/support/tiny_model.h"

namespace {

std::string output_of(const std::string& command, int& status) {
  std::string out;
  FILE* const pipe = popen((command + " 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 4096> part;
  for (size_t n; (n = fread(part.data(), 1, part.size(), pipe)) > 0;) out.append(part.data(), n);
  status = pclose(pipe);
  return out;
}

}  // namespace

TEST_CASE("engine: the README's example answers, follows its schema and finds its prompt in the cache") {
  const test_support::TempFolder folder;
  engine::SigmaConfig config = test_support::tiny_config();
  config.n_ctx_trained = 4096;
  write_tiny_gguf(test_support::make_tiny_model(config, 5), folder.file("tiny.gguf"), test_support::TinyType::q8_0);
  int status = -1;
  const std::string program = std::string(SIGMA_BINARY_DIR) + "/engine_example ";
  const std::string out = output_of(program + folder.file("tiny.gguf") + " 'Is the disk full?'", status);
  CAPTURE(out);
  CHECK(status == 0);
  CHECK(out.find("{\"severity\":") != std::string::npos);
  CHECK((out.find("\"sure\":true}") != std::string::npos || out.find("\"sure\": true}") != std::string::npos ||
         out.find("\"sure\":false}") != std::string::npos || out.find("\"sure\": false}") != std::string::npos));
  CHECK(out.find("prompt tokens were in the cache") != std::string::npos);
  const std::string refused = output_of(program + folder.file("absent.gguf") + " x", status);
  CHECK(status != 0);
  CHECK(refused.find("absent.gguf") != std::string::npos);
}
