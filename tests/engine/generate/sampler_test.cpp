#include "engine/generate/sampler.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <map>

#include "engine/base/error.h"
#include "engine/generate/stop_strings.h"

using namespace engine;

namespace {

int32_t sample(std::vector<float> logits, const SamplingOptions& options, std::vector<int32_t> recent = {},
               uint64_t step = 0) {
  Sampler sampler;
  return sampler.sample(logits, options, recent, step);
}

std::map<int32_t, int> draws(const std::vector<float>& logits, SamplingOptions options, int n) {
  std::map<int32_t, int> counts;
  for (int i = 0; i < n; ++i) ++counts[sample(logits, options, {}, static_cast<uint64_t>(i))];
  return counts;
}

constexpr float never = -std::numeric_limits<float>::infinity();

}  // namespace

TEST_CASE("generate/sampler: temperature 0 takes the largest, of equal ones the lowest id") {
  CHECK(sample({1, 3, 2}, {}) == 1);
  CHECK(sample({1, 3, 3}, {}) == 1);
  CHECK(sample({never, never}, {}) == -1);
  CHECK(sample({std::nanf(""), -5}, {}) == 1);
}

TEST_CASE("generate/sampler: the same seed and step give the same token, others differ") {
  const std::vector<float> flat(1000, 0.f);
  const SamplingOptions a{.temperature = 1, .seed = 7}, b{.temperature = 1, .seed = 8};
  CHECK(sample(flat, a) == sample(flat, a));
  CHECK(sample(flat, a) != sample(flat, b));
  CHECK(sample(flat, a, {}, 1) != sample(flat, a, {}, 2));
}

TEST_CASE("generate/sampler: draws follow the softmax") {
  // Odds 8:1 at temperature 1, sqrt(8):1 at 2; 4000 draws put the share within 0.03 (4 sigma).
  const std::vector<float> logits = {std::log(8.f), 0};
  CHECK(draws(logits, {.temperature = 1, .seed = 1}, 4000)[0] / 4000.0 == doctest::Approx(8 / 9.0).epsilon(0.03));
  const double share = std::sqrt(8) / (1 + std::sqrt(8));
  CHECK(draws(logits, {.temperature = 2, .seed = 1}, 4000)[0] / 4000.0 == doctest::Approx(share).epsilon(0.04));
}

TEST_CASE("generate/sampler: top-k, top-p and min-p leave out the tail") {
  const std::vector<float> logits = {std::log(.5f), std::log(.3f), std::log(.15f), std::log(.05f)};
  const auto kinds = [&](SamplingOptions o) {
    o.temperature = 1;
    return draws(logits, o, 500).size();
  };
  CHECK(kinds({}) == 4);
  CHECK(kinds({.top_k = 1}) == 1);
  CHECK(kinds({.top_k = 3}) == 3);
  CHECK(kinds({.top_p = .4f}) == 1);
  CHECK(kinds({.top_p = .75f}) == 2);
  CHECK(kinds({.min_p = .25f}) == 3);
  CHECK(kinds({.min_p = 1}) == 1);
}

TEST_CASE("generate/sampler: tokens not allowed are never drawn") {
  for (const auto& [token, n] : draws({never, 0, never, 1}, {.temperature = 5}, 300)) CHECK((token == 1 || token == 3));
  CHECK(sample({never}, {.temperature = 1}) == -1);
}

TEST_CASE("generate/sampler: the repetition penalty moves both signs away and looks back its window") {
  const SamplingOptions o{.repetition_penalty = 2, .repetition_window = 2};
  CHECK(sample({3, 2}, o, {0}) == 1);
  CHECK(sample({-1, -1.5f}, o, {0}) == 1);
  CHECK(sample({3, 2}, o, {0, 5, 5}) == 0);
  CHECK(sample({3, 2}, o, {-1, 99}) == 0);
}

TEST_CASE("generate/sampler: options out of range are refused by name") {
  CHECK_THROWS_AS(check_sampling_options({.temperature = -1}), Error);
  CHECK_THROWS_AS(check_sampling_options({.temperature = std::nanf("")}), Error);
  CHECK_THROWS_AS(check_sampling_options({.top_k = -1}), Error);
  CHECK_THROWS_AS(check_sampling_options({.top_p = 0}), Error);
  CHECK_THROWS_AS(check_sampling_options({.min_p = 2}), Error);
  CHECK_THROWS_AS(check_sampling_options({.repetition_penalty = 0}), Error);
  CHECK_THROWS_AS(check_sampling_options({.repetition_window = -1}), Error);
  CHECK_NOTHROW(check_sampling_options({}));
}

TEST_CASE("generate/stop_strings: text ends before a stop string that lies across pieces") {
  std::string got;
  StopStrings s({"</a>", "\n\n"}, [&](std::string_view t) { got += t; });
  CHECK_FALSE(s.add("x<"));
  CHECK(got == "x");
  CHECK_FALSE(s.add("/b>\n"));
  CHECK(got == "x</b>");
  CHECK_FALSE(s.add("y</"));
  CHECK(s.add("a>never"));
  CHECK(got == "x</b>\ny");
  CHECK(s.text() == got);
}

TEST_CASE("generate/stop_strings: what waited comes out at the end; the first stop string wins") {
  std::string got;
  StopStrings s({"abcd", ""}, [&](std::string_view t) { got += t; });
  CHECK_FALSE(s.add("xabc"));
  s.finish();
  CHECK(got == "xabc");
  StopStrings two({"b", "ab"}, {});
  CHECK(two.add("zab"));
  CHECK(two.text() == "z");
}
