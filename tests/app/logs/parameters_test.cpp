#include "app/logs/parameters.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>

using namespace app::logs;

namespace {

std::vector<std::string> values(std::string_view pattern, std::string_view message) {
  std::vector<std::string_view> found;
  if (!ParameterReader(pattern).read(message, found)) return {"no fit"};
  return {found.begin(), found.end()};
}

}  // namespace

TEST_CASE("logs/parameters: each wildcard gives what stood in its place") {
  using Values = std::vector<std::string>;
  CHECK(values("blk_<*> of size <*> from /<*>", "blk_-12 of size 911 from /10.0.0.1") == Values{"-12", "911", "10.0.0.1"});
  CHECK(values("<*> \"GET <*> HTTP/<*>.<*>\" status: <*>", "1.2.3.4 \"GET /a b HTTP/1.1\" status: 200") == Values{"1.2.3.4", "/a b", "1", "1", "200"});
  CHECK(values("<*> to <*>", "up to 5 to 7") == Values{"up", "5 to 7"});
  CHECK(values("logname=<*> uid=<*>", "logname= uid=0") == Values{"", "0"});
  CHECK(values("a <*><*> b", "a xy b") == Values{"x", "y"});
  CHECK(values("no wildcard", "no wildcard").empty());
}

TEST_CASE("logs/parameters: blanks at the edges and in rows do not count, another shape is no fit") {
  using Values = std::vector<std::string>;
  CHECK(values("found <*> of <*>", "  found   3 of    9  ") == Values{"3", "9"});
  CHECK(values("found <*> of <*> x", "found 3 of 9 x ") == Values{"3", "9"});
  CHECK(values("found <*>", "lost 3") == Values{"no fit"});
  CHECK(values("found <*> end", "found 3 end of it") == Values{"no fit"});
}

TEST_CASE("logs/parameters: a text that almost fits a long pattern ends soon") {
  std::string pattern, text;
  for (int i = 0; i < 40; ++i) pattern += "<*>a", text += "aaaa";
  CHECK(values(pattern + "b", text) == std::vector<std::string>{"no fit"});
}

TEST_CASE("logs/parameters: a parameter is named by the words around it") {
  const ParameterReader reader("Received block blk_<*> of size <*> from the other side");
  CHECK(reader.context(0) == "Received block blk_<*> of size");
  CHECK(reader.context(1) == "of size <*> from the");
  CHECK(reader.context(2).empty());
}

TEST_CASE("logs/parameters: the regular expression has one group, for that parameter") {
  CHECK(parameter_regex("a.b <*> c <*>", 0) == "^\\s*a\\.b\\s+(.*?)\\s+c\\s+.*\\s*$");
  CHECK(parameter_regex("x (<*>)", 0) == "^\\s*x\\s+\\((.*?)\\)\\s*$");
}

TEST_CASE("logs/parameters: the leaves of parsed fields, objects flattened") {
  std::vector<std::pair<std::string, std::string>> found;
  each_field(R"({"status":500,"http":{"method":"GET","path":"/a\"b"},"tags":["x"],"none":null,"empty":"","ok":true})",
             [&](std::string_view path, std::string_view value) { found.emplace_back(path, value); });
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"status", "500"}, {"http.method", "GET"}, {"http.path", "/a\"b"}, {"tags", "[\"x\"]"}, {"ok", "true"}};
  CHECK(found == expected);
  each_field("no json", [](std::string_view, std::string_view) { FAIL("nothing is there"); });
}
