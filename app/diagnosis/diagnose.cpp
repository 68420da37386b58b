#include "app/diagnosis/diagnose.h"

#include <algorithm>
#include <chrono>

#include "app/diagnosis/citations.h"
#include "app/diagnosis/wording.h"
#include "app/store/log_store.h"
#include "engine/base/text.h"

namespace app::diagnosis {
namespace {

constexpr int least_prompt_tokens = 256;
constexpr int beginning_tokens = 16;  // of answer_beginning

double ms_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

// The answer that is shown: the model's where it is of use, else the composed one with the model's
// text after it, labelled.
Answer shown_answer(Answer said, const Answer& composed, const std::string& useless) {
  if (useless.empty()) return said;
  Answer answer = composed;
  answer.text += "\n## Text of the model (not used: " + useless + ")\n\n";
  answer.text += engine::trim(said.text).empty() ? "(none)" : std::string(engine::trim(said.text));
  answer.text += "\n";
  return answer;
}

}  // namespace

Diagnosis diagnose(const store::LogSnapshot& log, std::span<const Anomaly> anomalies, const CheckSet& checks,
                   const CheckOptions& options) {
  auto start = std::chrono::steady_clock::now();
  Diagnosis diagnosis;
  diagnosis.question = options.question;
  diagnosis.checks = run_checks(log, anomalies, checks, options);
  diagnosis.evidence = gather_evidence(diagnosis.checks.findings, log, options.question, anomalies, {.stop = options.stop});
  diagnosis.answer = compose_answer(options.question, diagnosis.checks.findings, diagnosis.evidence, log);
  diagnosis.evidence_ms = ms_since(start);
  return diagnosis;
}

ModelAnswer ask_model(const Diagnosis& diagnosis, const store::LogSnapshot& log, const engine::LanguageModel& model,
                      engine::GenerationSession& session, const AskOptions& options) {
  ModelAnswer result;
  CountTokens count = [&](std::string_view text) { return static_cast<int>(model.tokenize(text, false).size()); };
  // A small context gives at most a third of itself to the answer.
  int max_tokens = std::min(options.max_tokens, session.n_ctx() / 3);
  int budget = std::max(least_prompt_tokens, session.n_ctx() - max_tokens - beginning_tokens);
  result.prompt = build_prompt(diagnosis.question, diagnosis.checks.findings, diagnosis.evidence, budget, count, options.prompt);
  std::vector<int32_t> tokens = model.tokenize(model.apply_chat_template(result.prompt.messages), true);
  std::string beginning = answer_beginning(result.prompt);
  for (int32_t token : model.tokenize(beginning, false)) tokens.push_back(token);
  if (options.on_text && !beginning.empty()) options.on_text(beginning);

  engine::GenerateOptions generate;
  generate.max_tokens = max_tokens;
  generate.sampling.temperature = options.temperature;
  generate.sampling.top_p = options.top_p;
  generate.sampling.seed = options.seed;
  generate.sampling.repetition_penalty = 1.1f;  // without it models this small fall into loops
  generate.speculative = options.speculative;
  generate.stop = {"\nQuestion:", "\nEvidence:"};
  std::string heard;
  const auto on_text = [&](std::string_view piece) {
    heard += piece;
    if (options.on_text) options.on_text(piece);
  };
  engine::Generation generation;
  try {
    generation = session.generate(tokens, generate, on_text, options.stop);
  } catch (const engine::Error& e) {
    if (e.kind() == engine::ErrorKind::cancelled) throw;
    result.failed = e;
    generation.text = std::move(heard);
  }

  result.moved_to_cpu = generation.moved_to_cpu;
  result.n_passes = generation.n_passes;
  result.drafted_tokens = generation.drafted_tokens;
  result.accepted_tokens = generation.accepted_tokens;
  result.model_text = beginning + generation.text;
  Answer said = verify_citations(result.model_text, diagnosis.evidence, log);
  result.useless_because = useless_reason(said);
  if (result.failed && !result.useless_because.empty()) result.useless_because = "an error broke it off";
  bool cancelled = generation.finish_reason == engine::FinishReason::cancelled;
  Answer answer = cancelled ? said : shown_answer(std::move(said), diagnosis.answer, result.useless_because);
  answer.from_model = cancelled || result.useless_because.empty();
  answer.partial = cancelled || result.failed || generation.finish_reason == engine::FinishReason::max_tokens;
  answer.model = model.name();
  answer.stop_reason = result.failed ? "error" : engine::finish_reason_name(generation.finish_reason);
  answer.prompt_tokens = generation.prompt_tokens;
  answer.generated_tokens = static_cast<int>(generation.tokens.size());
  answer.first_token_ms = generation.first_token_seconds * 1000;
  answer.tokens_per_second = generation.decode_seconds > 0 ? double(generation.tokens.size()) / generation.decode_seconds : 0;
  answer.seed = options.seed;
  answer.left_out = result.prompt.left_out;
  result.answer = std::move(answer);
  return result;
}

}  // namespace app::diagnosis
