#include <algorithm>
#include <doctest/doctest.h>

#include "app/diagnosis/literal_matcher.h"
#include "app/diagnosis/pattern_set.h"
#include "app/diagnosis/scan.h"
#include "app/diagnosis/text_match.h"
#include "app/diagnosis/wording.h"
#include "engine/base/error.h"

using namespace app::diagnosis;

TEST_CASE("diagnosis/literals: overlapping and contained literals are all found, case ignored") {
  LiteralMatcher matcher({"he", "she", "hers", "HIS", "x", ""});
  std::vector<int> found;
  matcher.find("usHers", found);
  CHECK(found == std::vector<int>{0, 1, 2});
  matcher.find("This", found);
  CHECK(found == std::vector<int>{3});
  matcher.find("", found);
  CHECK(found.empty());
  LiteralMatcher().find("abc", found);
  CHECK(found.empty());
}

TEST_CASE("diagnosis/literals: bytes outside ASCII and NUL are plain bytes") {
  LiteralMatcher matcher({"\xc3\xa9t", std::string("a\0b", 3)});
  std::vector<int> found;
  matcher.find(std::string("\xc3\xa9t\xc3\xa9 a\0b", 9), found);
  CHECK(found.size() == 2);
}

TEST_CASE("diagnosis/patterns: only patterns whose literals stand in the line are candidates") {
  PatternSet set;
  set.add("disk (\\w+) failed");
  set.add("(?i)connection REFUSED");
  set.compile();
  PatternSet::Scratch scratch;
  set.find_candidates("Connection refused", scratch);
  CHECK(scratch.candidates == std::vector<int>{1});
  set.find_candidates("nothing here", scratch);
  CHECK(scratch.candidates.empty());
}

TEST_CASE("diagnosis/patterns: a bad expression and one without literal are refused") {
  PatternSet set;
  CHECK_THROWS_AS(set.add("(oops"), engine::Error);
  PatternSet loose;
  loose.add("\\d+ \\w*");
  CHECK_THROWS_AS(loose.compile(), engine::Error);
}

TEST_CASE("diagnosis/wording: values, defaults, lists and optional parts") {
  Values values;
  values.add("a", "one");
  values.add("a", "two");
  values.add("a", "two");
  CHECK(render("{a} of {a*}", values) == "two of one and two");
  CHECK(render("{b|none}[[ and {b}]][[ but {a}]]", values) == "none but two");
  CHECK(render("awk '{print $1}' {unclosed", values) == "awk '{print $1}' {unclosed");
  CHECK(render("run {a} {b}", values, Escape::shell) == "run two <b>");
}

TEST_CASE("diagnosis/wording: a default may name another value with its own default") {
  Values values;
  CHECK(render("Pod {pod|{object|(see line)}} waits", values) == "Pod (see line) waits");
  values.add("object", "web-1");
  CHECK(render("Pod {pod|{object|(see line)}} waits", values) == "Pod web-1 waits");
  CHECK(render("awk '{print $1}'", values) == "awk '{print $1}'");
}

TEST_CASE("diagnosis/wording: an excerpt keeps the match and cuts no character") {
  std::string line = std::string(500, 'x') + "\xc3\xa9 needle \xc3\xa9" + std::string(500, 'y');
  std::string cut = excerpt(line, 503, 6, 60);
  CHECK(cut.find("needle") != std::string::npos);
  CHECK(cut.size() <= 66);
  CHECK(excerpt("short", 0, 5, 60) == "short");
}

TEST_CASE("diagnosis/shape: numbers are masked, words stay") {
  CHECK(shape_of("GET /a1 took 35 ms") == shape_of("GET /a2 took 7 ms"));
  CHECK(shape_of("disk full") != shape_of("disk fail"));
}

TEST_CASE("diagnosis/bm25: rare words weigh more, and no shared word is 0") {
  Bm25 index;
  index.add("the connection to the database failed");
  index.add("the connection was closed");
  index.add("all is well");
  index.finish();
  auto scores = index.scores("database connection");
  CHECK(scores[0] > scores[1]);
  CHECK(scores[1] > 0);
  CHECK(scores[2] == 0);
}

TEST_CASE("diagnosis/words: names are kept whole and split, plural and endings cut") {
  auto found = words("payment-api timeouts crashed");
  CHECK(std::find(found.begin(), found.end(), "payment-api") != found.end());
  CHECK(std::find(found.begin(), found.end(), "timeout") != found.end());
  CHECK(std::find(found.begin(), found.end(), "crash") != found.end());
  CHECK(names_in("Why is payment-api in namespace-71 slow?") == std::vector<std::string>{"payment-api", "namespace-71"});
}
