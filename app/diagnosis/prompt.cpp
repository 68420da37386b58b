#include "app/diagnosis/prompt.h"

#include <algorithm>

#include "app/diagnosis/wording.h"
#include "engine/base/error.h"
#include "engine/base/mapped_file.h"
#include "engine/base/text.h"

namespace app::diagnosis {
namespace {

constexpr int tokens_of_message = 8;   // what a chat template puts around a message
constexpr size_t max_findings = 4;
constexpr size_t max_instructions_bytes = 16 << 10;

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

std::string load_instructions(const std::string& assets_folder) {
  const std::string path = assets_folder + "/prompts/diagnose.txt";
  const engine::MappedFile file(path);
  const std::string_view bytes(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  if (bytes.size() > max_instructions_bytes || !engine::is_valid_utf8(bytes)) {
    engine::fail(engine::ErrorKind::invalid_input, "%s is no prompt: it must be UTF-8 text of at most %zu bytes; install the assets again", path.c_str(), max_instructions_bytes);
  }
  const size_t begin = bytes.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) {
    engine::fail(engine::ErrorKind::invalid_input, "%s is empty; install the assets again", path.c_str());
  }
  return std::string(bytes.substr(begin, bytes.find_last_not_of(" \t\r\n") + 1 - begin));
}

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

  CHECK_INVARIANT(!options.instructions.empty());
  const std::string& system = options.instructions;
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
  // First one line of each piece, then their further lines, as long as there is room; or the whole
  // pieces in their order up to the cut.
  std::vector<std::string> in_order(evidence.size());
  size_t n_pieces_out = 0, n_lines_out = 0, n_cut = 0;
  bool cut = false;
  const auto add_line = [&](size_t i, size_t l) {
    const std::string& raw = evidence[i].lines[l].text;
    n_cut += raw.size() > options.max_line_bytes;
    PromptPart part{.name = evidence[i].id, .text = "[" + evidence[i].id + "] " + redactor.redact(cut_middle(raw, options.max_line_bytes)) + "\n", .reason = evidence[i].reason};
    if (l > 0) {
      part.name += " line " + std::to_string(l + 1);
      part.reason = "the same template";
    }
    const std::string text = part.text;
    if (cut || !packer.add(std::move(part))) {
      n_lines_out++;
      cut = options.in_order;
      return;
    }
    in_order[i] += text;
    if (l == 0) prompt.evidence_ids.push_back(evidence[i].id);
  };
  for (size_t i = 0; i < evidence.size(); i++) {
    const size_t n_first = options.in_order ? evidence[i].lines.size() : std::min<size_t>(evidence[i].lines.size(), 1);
    for (size_t l = 0; l < n_first; l++) add_line(i, l);
    if (in_order[i].empty() && !evidence[i].lines.empty()) {
      n_pieces_out++;
      n_lines_out += evidence[i].lines.size() - n_first;
    }
  }
  for (size_t i = 0; i < evidence.size() && !options.in_order; i++)
    for (size_t l = 1; l < evidence[i].lines.size() && !in_order[i].empty(); l++) add_line(i, l);
  for (const std::string& text : in_order) lines += text;

  if (n_findings_out > 0) prompt.left_out.push_back(counted(n_findings_out, "finding") + " did not fit the " + std::to_string(budget_tokens) + " tokens of the prompt.");
  if (n_pieces_out > 0) prompt.left_out.push_back(counted(n_pieces_out, "piece") + " of evidence did not fit, the least relevant ones.");
  if (n_lines_out > 0)
    prompt.left_out.push_back(counted(n_lines_out, "evidence line") + (options.in_order ? " left out in all: the prompt was cut where its room ended." : " left out in all; lines of the same template as one shown went first."));
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
