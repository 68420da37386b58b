// app/diagnosis/pattern_set.h: many regular expressions (RE2 syntax) matched against a line at once.
// The literals that each needs are derived from it; a line that holds none of them costs one pass of
// LiteralMatcher. A pattern that needs no literal of at least three bytes is refused: it would have
// to run on every line.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace app::diagnosis {

// One compiled expression; matching is linear in the text and safe from any thread.
class Regex {
 public:
  // Throws Error{invalid_input} with RE2's reason.
  explicit Regex(const std::string& pattern);
  ~Regex();
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;

  bool matches(std::string_view text) const;
  // Group 0 is the whole match; a group that took no part is empty. False where nothing matches.
  bool match(std::string_view text, std::vector<std::string_view>& groups) const;
  const std::vector<std::string>& names() const;  // by group; "" where a group has none

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class PatternSet {
 public:
  PatternSet();
  ~PatternSet();
  PatternSet(PatternSet&&) noexcept;
  PatternSet& operator=(PatternSet&&) noexcept;

  // Gives the pattern's index. Throws Error{invalid_input}.
  int add(const std::string& pattern);
  // After the last add, before the first match. Throws Error{invalid_input} naming a pattern that
  // needs no literal.
  void compile();
  size_t size() const;
  const Regex& regex(int index) const;

  struct Scratch {
    std::vector<int> literals, candidates;
  };
  // Replaces scratch.candidates by the patterns that may match this line; each is then to be tried
  // by regex(index).match.
  void find_candidates(std::string_view line, Scratch& scratch) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace app::diagnosis
