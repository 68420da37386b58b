// app/diagnosis/diagnose.h: the main job after ingest, as one list of steps:
// checks -> evidence -> prompt -> model -> citations. Each step is also open on its own.
#pragma once
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "app/diagnosis/checks.h"
#include "app/diagnosis/evidence.h"
#include "app/diagnosis/prompt.h"
#include "app/types.h"
#include "engine/base/error.h"
#include "engine/generate/generation.h"

namespace app::diagnosis {

struct Diagnosis {
  std::string question;
  ChecksResult checks;             // findings and results, best finding first
  std::vector<Evidence> evidence;
  Answer answer;                   // composed from the findings, always there
  double evidence_ms = 0;          // checks and evidence together
};

// Everything but the model. Never needs one.
Diagnosis diagnose(const store::LogSnapshot& log, std::span<const Anomaly> anomalies,
                   const CheckSet& checks, const CheckOptions& options = {});

// The answer that code writes from the findings: summary, most likely cause with a confidence word,
// hypotheses, next commands, missing information. from_model is false; every claim cites a line.
// "Inconclusive" where no finding is worse than info.
Answer compose_answer(const std::string& question, std::span<const Finding> findings,
                      std::span<const Evidence> evidence, const store::LogSnapshot& log);

struct AskOptions {
  int max_tokens = 320;
  float temperature = 0;           // 0: greedy
  float top_p = 1;                 // 1: off
  uint64_t seed = 1;
  bool speculative = true;         // guess tokens ahead; the text is the same
  PromptOptions prompt{};
  std::stop_token stop{};
  std::function<void(std::string_view)> on_text{};  // streamed, unverified
};

// What the model says, verified. Where its text is useless (empty, a loop, no citation that holds)
// the answer keeps the composed text first and the model's own text after it, labelled.
struct ModelAnswer {
  Answer answer;
  Prompt prompt;
  std::string model_text;          // exactly as generated
  std::string useless_because;     // empty: the model's text is the answer
  std::string moved_to_cpu;        // why the CPU took over from the GPU in it; empty: it did not
  // The error that broke the text off, if one did: the answer holds what came before it, or the composed
  // answer where that is useless. A prompt that cannot be built is thrown.
  std::optional<engine::Error> failed;
  int n_passes = 0, drafted_tokens = 0, accepted_tokens = 0;  // of speculation
};
ModelAnswer ask_model(const Diagnosis& diagnosis, const store::LogSnapshot& log,
                      const engine::LanguageModel& model, engine::GenerationSession& session,
                      const AskOptions& options = {});

}  // namespace app::diagnosis
