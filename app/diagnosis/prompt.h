// app/diagnosis/prompt.h: the exact text a model is shown, in parts with token counts.
// Parts are packed in order of worth until the budget is spent: instructions, question, findings,
// then evidence, one line of each template first, further lines of the same template after. Nothing
// is cut quietly: left_out says what did not fit, a sentence each.
#pragma once
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/diagnosis/redact.h"
#include "app/types.h"
#include "engine/generate/generation.h"

namespace app::diagnosis {

struct PromptPart {
  std::string name{};   // "instructions", "question", "findings", "E1" ...
  std::string text{};   // as sent, secrets masked
  int n_tokens = 0;
  bool left_out = false;
  std::string reason{}; // why it was left out, or why it is here
};

struct Prompt {
  std::vector<engine::ChatMessage> messages;  // system, user
  std::vector<PromptPart> parts;              // also those left out
  std::vector<std::string> evidence_ids;      // that made it in
  std::vector<std::string> left_out;          // a sentence each
  std::vector<Redaction> redactions;
  int n_tokens = 0;                           // sum over the parts that are in
  int budget_tokens = 0;
};

// The tokens of a text, as the model's tokenizer counts them.
using CountTokens = std::function<int(std::string_view)>;

struct PromptOptions {
  std::string instructions{};   // the system text (load_instructions); empty is an error
  RedactOptions redaction{};
  size_t max_line_bytes = 400;  // a longer line is cut in its middle, and the cut is said
  // All lines of a piece before those of the next, cut where the room ends; else one line of each
  // piece first.
  bool in_order = false;
};

// The system text of a diagnosis, prompts/diagnose.txt of the assets. Throws Error{not_found} where it is missing,
// Error{invalid_input} where it is empty, not UTF-8 or longer than 16 KiB.
std::string load_instructions(const std::string& assets_folder);

// Throws Error{invalid_input} where not even instructions and question fit the budget.
Prompt build_prompt(const std::string& question, std::span<const Finding> findings,
                    std::span<const Evidence> evidence, int budget_tokens,
                    const CountTokens& count_tokens, const PromptOptions& options = {});

// The first words of the answer, put into the model's mouth: "The evidence [E1] shows". It then goes
// on in that form. Empty where there is no evidence.
std::string answer_beginning(const Prompt& prompt);

// Four bytes a token: where no tokenizer is at hand.
int estimate_tokens(std::string_view text);

}  // namespace app::diagnosis
