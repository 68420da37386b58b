// app/configs/regex_shape.h: what a regular expression can match, without matching anything. Used
// to ask of a pattern in a web server's config: may this group hold a line break, does this host
// end? Reads the common part of PCRE (classes, groups, alternation, quantifiers); back-references,
// look-arounds and the like count as "anything".
#pragma once
#include <bitset>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace app::configs {

using CharSet = std::bitset<256>;

struct RegexNode {
  enum class Kind { chars, group, alternation, sequence, begin, end };
  Kind kind = Kind::chars;
  CharSet chars;         // of chars
  int min = 1, max = 1;  // repetitions; max -1: no bound
  int capture = 0;       // of a group: its number, 0 where it captures nothing
  std::string name;      // of a named group
  std::vector<std::unique_ptr<RegexNode>> children;
};

struct RegexShape {
  std::unique_ptr<RegexNode> root;  // null where the pattern cannot be read
  int n_captures = 0;

  const RegexNode* capture(int number) const;
  const RegexNode* capture(std::string_view name) const;
};

// Never throws; patterns longer than 4096 bytes or nested deeper than 50 give a null root.
RegexShape read_regex(std::string_view pattern);

CharSet possible_chars(const RegexNode& node);        // every char it may match
bool must_start_with(const RegexNode& node, char c);  // every match starts with c
bool must_contain(const RegexNode& node, char c);

// The pattern as a list of plain sequences, alternatives and optional groups multiplied out; each
// element is a begin, end or chars node. Stops at 64 sequences or 400 elements.
struct RegexAtom {
  RegexNode::Kind kind = RegexNode::Kind::chars;
  CharSet chars;
  int min = 1, max = 1;
};
std::vector<std::vector<RegexAtom>> expand_regex(const RegexNode& root);

}  // namespace app::configs
