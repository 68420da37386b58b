// Every check of assets/checks against the lines it names itself: those it must find and the near
// misses it must not.
#include <set>

#include "app/diagnosis/check_library.h"
#include "app/diagnosis/code_checks.h"
#include "tests/app/diagnosis/memory_log.h"

using namespace app;
using namespace app::diagnosis;

namespace {

// A check that wants several matches gets the line several times.
std::string repeated(const std::string& line, uint64_t n) {
  std::string text;
  for (uint64_t i = 0; i < n; i++) text += (i ? "\n" : "") + line;
  return text;
}

}  // namespace

TEST_CASE("diagnosis/checks: every check finds its positive samples and leaves its near misses") {
  const CheckLibrary& library = bundled_checks().library();
  for (const DataCheck& check : library.checks) {
    CAPTURE(check.id);
    CHECK_FALSE(check.positive.empty());
    CHECK_FALSE(check.negative.empty());
    for (const std::string& line : check.positive) {
      CAPTURE(line);
      CHECK(find_check(findings_of({{"a.log", repeated(line, check.min_count)}}), check.id) != nullptr);
    }
    for (const std::string& line : check.negative) {
      CAPTURE(line);
      CHECK(find_check(findings_of({{"a.log", repeated(line, check.min_count)}}), check.id) == nullptr);
    }
  }
}

TEST_CASE("diagnosis/checks: every check says what it does, what to do next, and explains only checks that exist") {
  const CheckLibrary& library = bundled_checks().library();
  std::set<std::string> ids;
  for (const DataCheck& check : library.checks) ids.insert(check.id);
  for (const CodeCheck& check : code_checks()) ids.insert(check.id);
  for (const DataCheck& check : library.checks) {
    CAPTURE(check.id);
    CHECK(check.algorithm.size() > 20);
    CHECK(check.algorithm.back() == '.');
    CHECK_FALSE(check.next_steps.empty());
    for (const std::string& other : check.explains) {
      CAPTURE(other);
      bool known = std::any_of(ids.begin(), ids.end(), [&](const std::string& id) { return fits_check_id(other, id); });
      CHECK(known);
    }
  }
  CHECK(bundled_checks().n_checks() >= 25);
}

TEST_CASE("diagnosis/checks: a list of checks names all, with nothing found") {
  for (const CheckResult& result : bundled_checks().list()) {
    CAPTURE(result.check);
    CHECK_FALSE(result.title.empty());
    CHECK_FALSE(result.algorithm.empty());
    CHECK(result.n_found == 0);
  }
}
