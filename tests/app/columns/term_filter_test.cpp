// The terms of a chunk against looking at every text, letter by letter.
#include <doctest/doctest.h>

#include <random>
#include <set>

#include "app/columns/term_filter.h"
#include "engine/base/error.h"

using namespace app::columns;

namespace {

std::string random_text(std::mt19937& random, size_t max_length) {
  static constexpr std::string_view letters = "aAbBkKzZ019 ._-/=\t\xC3\xA9\xE2\x84\xAA";
  std::string text(random() % (max_length + 1), ' ');
  for (char& c : text) c = letters[random() % letters.size()];
  return text;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// The maximal runs of letters and digits that are ASCII alone, in lower case.
std::set<std::string> terms_in(std::string_view text) {
  std::set<std::string> out;
  std::string run;
  bool ascii = true;
  for (size_t k = 0; k <= text.size(); ++k) {
    if (k < text.size() && is_term_byte(text[k])) {
      run += lower(text[k]);
      ascii &= static_cast<unsigned char>(text[k]) < 0x80;
      continue;
    }
    if (!run.empty() && ascii) out.insert(run);
    run.clear();
    ascii = true;
  }
  return out;
}

std::string upper(std::string text) {
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  return text;
}

}  // namespace

TEST_CASE("columns/term_filter: every term of every text is there, in whatever case") {
  std::mt19937 random(11);
  for (int round = 0; round < 60; ++round) {
    std::vector<std::string> texts(50);
    for (std::string& text : texts) text = random_text(random, round % 2 ? 12 : 120);
    Column column(Type::string);
    for (const std::string& text : texts) column.push_text(text);
    TermFilter filter;
    filter.add_column(column);
    if (round % 3) filter.shrink();
    if (round % 3 == 2) filter = TermFilter::decode(filter.encode());
    for (const std::string& text : texts) {
      for (const std::string& term : terms_in(text)) {
        CAPTURE(text);
        CAPTURE(term);
        REQUIRE(filter.may_hold(term));
        REQUIRE(filter.may_hold(upper(term)));
      }
    }
  }
}

TEST_CASE("columns/term_filter: rows that lie end to end do not run into each other") {
  Column column(Type::string);
  for (const char* text : {"disk", "full", "on", "node1"}) column.push_text(text);
  TermFilter filter;
  filter.add_column(column);
  for (const char* term : {"disk", "full", "on", "node1"}) CHECK(filter.may_hold(term));
  for (const char* term : {"diskfull", "fullon", "onnode1", "node"}) CHECK_FALSE(filter.may_hold(term));
}

TEST_CASE("columns/term_filter: a message within its raw line adds the terms that its borders make") {
  // The message begins and ends inside terms of the line, or with them, or lies elsewhere.
  const std::string bytes = "id77errors id77 errors here elsewhere";
  const auto shared = std::make_shared<const std::string>(bytes);
  const Column raw = Column::from_slices(Type::string, shared, {0, 11, 11}, {10, 16, 16});
  const Column message = Column::from_slices(Type::string, shared, {4, 16, 28}, {5, 6, 9});
  TermFilter filter;
  filter.add_column(raw);
  CHECK_FALSE(filter.may_hold("error"));
  filter.add_parts(message, raw);
  for (const char* term : {"id77errors", "error", "errors", "here", "elsewhere"}) CHECK(filter.may_hold(term));
  CHECK_FALSE(filter.may_hold("id77error"));
}

TEST_CASE("columns/term_filter: what is no ASCII term may always be there") {
  TermFilter filter;
  filter.add_text("alpha beta");
  for (const char* word : {"", "two words", "caf\xC3\xA9", "a-b"}) CHECK(filter.may_hold(word));
  CHECK_FALSE(filter.may_hold("gamma"));
}

TEST_CASE("columns/term_filter: few absent terms are taken for present, in few bytes") {
  TermFilter filter;
  for (int k = 0; k < 20000; ++k) filter.add_text("term" + std::to_string(k));
  filter.shrink();
  int n_wrong = 0;
  for (int k = 0; k < 10000; ++k) n_wrong += filter.may_hold("other" + std::to_string(k));
  CHECK(n_wrong < 800);                       // half full with four bits a term: 1 in 16
  CHECK(filter.size_bytes() <= 20000 * 2);    // at most 16 bits a term
}

TEST_CASE("columns/term_filter: a stored list that is cut or of an unknown version is refused") {
  TermFilter filter;
  filter.add_text("alpha");
  filter.shrink();
  const std::string bytes = filter.encode();
  CHECK(TermFilter::decode(bytes).may_hold("alpha"));
  for (const std::string& wrong : {std::string(), bytes.substr(0, 1), bytes.substr(0, bytes.size() - 1), bytes + "x", "\x02" + bytes.substr(1), bytes.substr(0, 1) + "\x40"}) {
    CHECK_THROWS_AS(TermFilter::decode(wrong), engine::Error);
  }
}
