#include "engine/tokenizer/unigram.h"

#include <algorithm>
#include <limits>

#include "engine/base/text.h"

namespace engine {
namespace {

constexpr double unknown_penalty = 10;  // below the worst piece, as SentencePiece has it

}  // namespace

UnigramModel::UnigramModel(std::span<const std::string> pieces, std::span<const float> scores,
                           const std::vector<bool>& usable)
    : scores_(scores.begin(), scores.end()) {
  double worst = 0;
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (!usable[i]) continue;
    trie_.add(pieces[i], static_cast<int32_t>(i));
    worst = std::min(worst, static_cast<double>(scores[i]));
  }
  unknown_score_ = worst - unknown_penalty;
}

void UnigramModel::split(std::string_view text, std::vector<Piece>& out) const {
  struct Step {  // the best way to a byte: its score, where its last piece begins, which piece
    double score = -std::numeric_limits<double>::infinity();
    size_t from = 0;
    int32_t token = -1;
    bool reached = false;
  };
  std::vector<Step> steps(text.size() + 1);
  steps[0] = {0, 0, -1, true};
  const auto offer = [&](size_t from, size_t to, int32_t token, double score) {
    Step& step = steps[to];
    const double total = steps[from].score + score;
    if (step.reached && total <= step.score) return;  // the earlier start stays among equals
    step = {total, from, token, true};
  };
  for (size_t at = 0; at < text.size();) {
    size_t next = at;
    decode_utf8(text, next);
    bool has_single = false;
    trie_.each_at(text, at, [&](int32_t token, size_t length) {
      offer(at, at + length, token, static_cast<double>(scores_[static_cast<size_t>(token)]));
      has_single = has_single || at + length == next;
    });
    if (!has_single) offer(at, next, -1, unknown_score_);
    at = next;
  }
  const size_t first = out.size();
  for (size_t at = text.size(); at > 0; at = steps[at].from) {
    out.push_back({steps[at].token, text.substr(steps[at].from, at - steps[at].from)});
  }
  std::reverse(out.begin() + static_cast<std::ptrdiff_t>(first), out.end());
}

}  // namespace engine
