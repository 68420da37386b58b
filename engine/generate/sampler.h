// engine/generate/sampler.h: the next token from logits: a function of its arguments alone, so the
// same seed gives the same text whatever the threads or batches were.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "engine/generate/generation.h"

namespace engine {

// Throws Error{invalid_input} naming the first option that is out of range.
void check_sampling_options(const SamplingOptions& options);

class Sampler {
 public:
  // logits: one for each token of the vocabulary, -infinity where a token is not allowed; changed in
  // place. recent: tokens before this one, the repetition penalty looks at the last
  // repetition_window of them. step: number of this draw in its generation; seed and step alone
  // decide the random number.
  //
  // The order is that of common engines: repetition penalty (a positive logit is divided, a negative
  // one multiplied), temperature, top-k, top-p, min-p, draw. temperature 0 takes the largest logit,
  // of equal ones the lowest id. Returns -1 where no token is allowed.
  int32_t sample(std::span<float> logits, const SamplingOptions& options, std::span<const int32_t> recent,
                 uint64_t step);

 private:
  struct Candidate {
    float logit;
    int32_t token;
  };
  std::vector<Candidate> candidates_;
};

// Uniform in [0, 1), from seed and step.
double random_unit(uint64_t seed, uint64_t step);

}  // namespace engine
