#include <doctest/doctest.h>

#include <algorithm>

#include "app/configs/compare.h"
#include "app/configs/review.h"

using namespace app::configs;

namespace {

ReviewedFile reviewed(const std::string& name, const std::string& text) {
  const ReviewResult result = review(name, text, "dockerfile");
  return {name, result.kind, text, result.findings};
}

std::vector<std::string> rules_of(const ReviewedFile& file, const std::vector<size_t>& findings) {
  std::vector<std::string> out;
  for (const size_t i : findings) out.push_back(file.findings[i].rule);
  return out;
}

}  // namespace

TEST_CASE("configs/compare: what a new version mends is gone, what it brings is new, the rest is kept wherever its line went") {
  const ReviewedFile before = reviewed("old", "FROM debian\nRUN sudo true\nUSER web\n");
  const ReviewedFile after = reviewed("new", "# a comment above everything\nFROM debian\nRUN true\nRUN curl -k https://x\nUSER web\n");
  const Comparison c = compare(before, after);
  CHECK(rules_of(before, c.gone) == std::vector<std::string>{"dockerfile/sudo"});
  const auto added = rules_of(after, c.added);
  CHECK(std::find(added.begin(), added.end(), "dockerfile/curl-insecure") != added.end());
  CHECK(std::find(added.begin(), added.end(), "dockerfile/image-without-tag") == added.end());
  CHECK(c.gone.size() + c.n_kept == before.findings.size());
  CHECK(c.added.size() + c.n_kept == after.findings.size());
}

TEST_CASE("configs/compare: a line that was edited and still has its finding keeps it") {
  const ReviewedFile before = reviewed("f", "FROM debian:latest\nUSER web\n"), after = reviewed("f", "FROM ubuntu:latest\nUSER web\n");
  const Comparison c = compare(before, after);
  CHECK(rules_of(after, c.added) == rules_of(before, c.gone));
  for (const size_t i : c.added) CHECK(after.findings[i].subject != before.findings[c.gone[0]].subject);
}

TEST_CASE("configs/compare: the same text has nothing new and nothing gone") {
  const ReviewedFile file = reviewed("f", "FROM debian\nRUN sudo true\nRUN sudo true\n");
  const Comparison c = compare(file, file);
  CHECK(c.gone.empty());
  CHECK(c.added.empty());
  CHECK(to_text(file, file, c).find("@@") == std::string::npos);
}

TEST_CASE("configs/compare: as text with the findings first, then the patch") {
  const ReviewedFile before = reviewed("old", "FROM debian:12\nRUN sudo true\n"), after = reviewed("new", "FROM debian:12\nRUN true\n");
  const std::string text = to_text(before, after, compare(before, after));
  CHECK(text.find("gone old:2: warning") != std::string::npos);
  CHECK(text.find("gone old") < text.find("--- old\n+++ new\n@@ -1,2 +1,2 @@\n"));
}
