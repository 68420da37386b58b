// engine/tokenizer/unigram.h: the split of a text into pieces whose log probabilities add up to most
// (Kudo 2018, arXiv:1804.10959), by one pass over the text with the best way to each byte.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tokenizer/merges.h"

namespace engine {

class UnigramModel {
 public:
  // Score of piece i counts where usable[i]. Scores are finite.
  UnigramModel(std::span<const std::string> pieces, std::span<const float> scores, const std::vector<bool>& usable);

  // Pieces of the best split in order; token -1 stands for one character that no piece holds. Time
  // grows with the text times the longest piece that fits.
  struct Piece {
    int32_t token;
    std::string_view text;
  };
  void split(std::string_view text, std::vector<Piece>& out) const;

 private:
  PieceTrie trie_;
  std::vector<float> scores_;
  double unknown_score_ = 0;
};

}  // namespace engine
