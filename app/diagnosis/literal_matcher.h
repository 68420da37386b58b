// app/diagnosis/literal_matcher.h: which of many literals stand in a line, ASCII case ignored, in one
// pass over its bytes (Aho and Corasick 1975, as a full automaton: one table look-up a byte).
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace app::diagnosis {

class LiteralMatcher {
 public:
  LiteralMatcher() = default;
  // Literals may repeat or contain each other; an empty one never matches.
  explicit LiteralMatcher(const std::vector<std::string>& literals);

  // Replaces found by the sorted indices of the literals in text, each once.
  void find(std::string_view text, std::vector<int>& found) const;
  size_t n_states() const { return outputs_.size(); }

 private:
  std::array<uint8_t, 256> class_of_{};   // byte -> column of the table; 0: in no literal
  size_t n_classes_ = 1;
  std::vector<uint32_t> next_;            // (state, class) -> state; top bit: that state has outputs
  std::vector<std::vector<int>> outputs_;
};

}  // namespace app::diagnosis
