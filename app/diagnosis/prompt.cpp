#include "app/diagnosis/prompt.h"

#include <algorithm>

#include "app/diagnosis/wording.h"
#include "engine/base/error.h"

namespace app::diagnosis {
namespace {

// Short, and without a worked example: models of a hundred million parameters copy an example's words
// as if they were the answer. The answer is begun for them instead (answer_beginning), which makes
// them go on in the same form. assets/prompts/diagnose.txt holds the same text for reading;
// PromptOptions::instructions replaces it.
const char* const default_instructions =
    "You explain why a computer system failed. Use only the evidence lines given. "
    "Write two or three short sentences: what broke first, and what followed from it. "
    "In every sentence name the line that proves it in brackets, like [E1] or [E2]. "
    "If the lines do not show a cause, write: Inconclusive.";

constexpr int tokens_of_message = 8;   // what a chat template puts around a message
constexpr size_t max_findings = 4;

std::string cut_middle(const std::string& line, size_t max_bytes) {
  if (line.size() <= max_bytes) return line;
  std::string head = excerpt(line, 0, 0, max_bytes * 2 / 3), tail = excerpt(line, line.size(), 0, max_bytes / 3);
  return head + tail;
}

struct Packer {
  Prompt& prompt;
  const CountTokens& count;
  int room;

  bool add(PromptPart part) {
    part.n_tokens = count(part.text);
    bool fits = part.n_tokens <= room;
    part.left_out = !fits;
    if (fits) {
      room -= part.n_tokens;
      prompt.n_tokens += part.n_tokens;
    }
    prompt.parts.push_back(std::move(part));
    return fits;
  }
};

}  // namespace

std::string answer_beginning(const Prompt& prompt) {
  return prompt.evidence_ids.empty() ? "" : "The evidence [" + prompt.evidence_ids[0] + "] shows";
}

int estimate_tokens(std::string_view text) { return static_cast<int>((text.size() + 3) / 4); }

Prompt build_prompt(const std::string& question, std::span<const Finding> findings,
                    std::span<const Evidence> evidence, int budget_tokens, const CountTokens& count_tokens,
                    const PromptOptions& options) {
  Prompt prompt;
  prompt.budget_tokens = budget_tokens;
  Redactor redactor(options.redaction);
  Packer packer{prompt, count_tokens, budget_tokens - 2 * tokens_of_message};
  prompt.n_tokens = 2 * tokens_of_message;

  std::string system = options.instructions.empty() ? default_instructions : options.instructions;
  std::string asked = "Question: " + redactor.redact(question.empty() ? "What broke, and why?" : question) + "\n";
  bool fits = packer.add({.name = "instructions", .text = system, .reason = "how to answer"});
  fits = packer.add({.name = "question", .text = asked, .reason = "what was asked"}) && fits;
  std::string ending = "Answer:";
  fits = packer.add({.name = "ending", .text = ending, .reason = "where the answer begins"}) && fits;
  if (!fits)
    engine::fail(engine::ErrorKind::invalid_input,
                 "the question does not fit: instructions and question need more than the %d tokens there are; shorten the question or choose a larger context",
                 budget_tokens);

  std::string found, lines;
  size_t n_findings_out = 0;
  for (size_t i = 0; i < findings.size(); i++) {
    if (findings[i].severity == Severity::info || i >= max_findings) continue;
    std::string text = "- " + redactor.redact(findings[i].title) + (findings[i].consequence_of.empty() ? "" : " (a consequence)") + "\n";
    if (packer.add({.name = "finding " + findings[i].check, .text = text, .reason = "found by a check"}))
      found += text;
    else
      n_findings_out++;
  }
  // First one line of each piece, then their further lines, as long as there is room.
  std::vector<std::string> in_order(evidence.size());
  size_t n_pieces_out = 0, n_lines_out = 0, n_cut = 0;
  for (size_t i = 0; i < evidence.size(); i++) {
    if (evidence[i].lines.empty()) continue;
    const std::string& raw = evidence[i].lines[0].text;
    n_cut += raw.size() > options.max_line_bytes;
    std::string text = "[" + evidence[i].id + "] " + redactor.redact(cut_middle(raw, options.max_line_bytes)) + "\n";
    if (packer.add({.name = evidence[i].id, .text = text, .reason = evidence[i].reason})) {
      in_order[i] = text;
      prompt.evidence_ids.push_back(evidence[i].id);
    } else {
      n_pieces_out++;
      n_lines_out += evidence[i].lines.size();
    }
  }
  for (size_t i = 0; i < evidence.size(); i++)
    for (size_t l = 1; l < evidence[i].lines.size() && !in_order[i].empty(); l++) {
      const std::string& raw = evidence[i].lines[l].text;
      n_cut += raw.size() > options.max_line_bytes;
      std::string text = "[" + evidence[i].id + "] " + redactor.redact(cut_middle(raw, options.max_line_bytes)) + "\n";
      if (packer.add({.name = evidence[i].id + " line " + std::to_string(l + 1), .text = text, .reason = "the same template"}))
        in_order[i] += text;
      else
        n_lines_out++;
    }
  for (const std::string& text : in_order) lines += text;

  if (n_findings_out > 0) prompt.left_out.push_back(counted(n_findings_out, "finding") + " did not fit the " + std::to_string(budget_tokens) + " tokens of the prompt.");
  if (n_pieces_out > 0) prompt.left_out.push_back(counted(n_pieces_out, "piece") + " of evidence did not fit, the least relevant ones.");
  if (n_lines_out > 0) prompt.left_out.push_back(counted(n_lines_out, "evidence line") + " left out in all; lines of the same template as one shown went first.");
  if (n_cut > 0) prompt.left_out.push_back(counted(n_cut, "line") + " longer than " + std::to_string(options.max_line_bytes) + " bytes cut in the middle.");

  std::string user = asked;
  if (!found.empty()) user += "Checks found:\n" + found;
  if (!lines.empty()) user += "Evidence:\n" + lines;
  user += ending;
  prompt.messages = {{"system", system}, {"user", user}};
  prompt.redactions = redactor.redactions();
  return prompt;
}

}  // namespace app::diagnosis
