// engine/generate/prompt_lookup.h: guesses how a text goes on from how it went on before: answers
// about logs repeat what the prompt has. The guess costs microseconds; whether it is right is for the
// model to say, several tokens at a time.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace engine {

class PromptLookup {
 public:
  void add(std::span<const int32_t> tokens);
  void add(int32_t token) { add({&token, 1}); }
  void clear();

  // What followed the earlier place whose last tokens agree with the last ones here over the longest
  // run (of equal ones the latest place), at most `most` tokens. Empty where not even the last two
  // stand anywhere else. A repetition goes on into the guess itself.
  std::vector<int32_t> guess(size_t most) const;

  // How long a guess is worth checking now: grows while they hold, shrinks to `least` while they do
  // not, and rests for a while where they never do.
  size_t length() const { return rest_ > 0 ? 0 : length_; }
  void checked(size_t n_guessed, size_t n_right);

 private:
  size_t n_agreeing(size_t end) const;

  std::vector<int32_t> tokens_;
  // By two neighbouring tokens: index behind them where they stood last; earlier places chain back.
  std::unordered_map<uint64_t, uint32_t> latest_;
  std::vector<uint32_t> before_;  // [index behind a pair]: the same pair's place before, 0: none
  size_t length_ = 4, rest_ = 0, n_wrong_ = 0;
};

}  // namespace engine
