// The answer that needs no model: the findings in the form of an answer, every claim with its lines.
#include <algorithm>

#include "app/diagnosis/diagnose.h"
#include "app/diagnosis/wording.h"
#include "app/store/log_store.h"
#include "engine/base/error.h"

namespace app::diagnosis {
namespace {

constexpr size_t max_hypotheses = 4, max_steps = 6, max_cited = 3;
constexpr double clear_lead = 0.12;   // between the first finding's score and the next one's

// Confirmed: the log says so itself, and nothing comes close. Likely, possible: less than that.
const char* confidence(std::span<const Finding> findings) {
  const Finding& first = findings[0];
  double lead = findings.size() > 1 ? first.score - findings[1].score : first.score;
  bool serious = first.severity >= Severity::error;
  if (serious && first.score >= 0.7 && lead >= clear_lead / 2) return "confirmed";
  if (serious && (first.score >= 0.55 || lead >= clear_lead)) return "likely";
  return "possible";
}

class Writer {
 public:
  Writer(Answer& answer, std::span<const Evidence> evidence) : answer_(answer), evidence_(evidence) {}

  void text(const std::string& text) { answer_.text += text; }

  // A claim, followed by the lines that prove it: "claim [E1] (db.log:12)".
  void claim(const std::string& text, std::span<const LineRef> lines) {
    size_t begin = answer_.text.size();
    answer_.text += text;
    std::string chips, last_id;
    std::vector<Citation> citations;
    for (size_t i = 0; i < lines.size() && i < max_cited; i++) {
      std::string id = id_of(lines[i]);
      citations.push_back({.begin = begin, .end = 0, .evidence_id = id, .state = CitationState::matched, .line = lines[i]});
      if (!id.empty() && id != last_id) chips += " [" + id + "]";
      last_id = id;
    }
    answer_.text += chips;
    for (Citation& citation : citations) {
      citation.end = answer_.text.size();
      answer_.citations.push_back(citation);
    }
    answer_.n_claims++;
    answer_.n_supported += !citations.empty();
  }

 private:
  std::string id_of(const LineRef& line) const {
    for (const Evidence& piece : evidence_)
      if (std::find(piece.lines.begin(), piece.lines.end(), line) != piece.lines.end()) return piece.id;
    return "";
  }

  Answer& answer_;
  std::span<const Evidence> evidence_;
};

void write_inconclusive(Writer& writer, std::span<const Finding> findings, const store::LogSnapshot& log) {
  writer.text("## Inconclusive\n\n");
  writer.text(log.n_rows() == 0 ? "There is no line to look at.\n" : "No check found a fault in the " + counted(log.n_rows(), "record") + " given.\n");
  for (size_t i = 0; i < findings.size() && i < 3; i++) {
    writer.text("- ");
    writer.claim(findings[i].title, findings[i].evidence);
    writer.text("\n");
  }
  writer.text("\n## Missing information\n\n- The log of the time when it went wrong, and of the component that failed.\n");
}

void write_hypotheses(Writer& writer, std::span<const Finding> findings) {
  writer.text("\n## Hypotheses\n\n");
  size_t n = 0;
  for (const Finding& finding : findings) {
    if (n == max_hypotheses) break;
    if (finding.severity == Severity::info) continue;
    writer.text(std::to_string(++n) + ". ");
    writer.claim(finding.title, finding.evidence);
    writer.text(finding.consequence_of.empty() ? "" : " (probably a consequence of another finding)");
    writer.text("; " + counted(finding.n_matches, "line") + " for it");
    if (!finding.next_steps.empty()) writer.text("; to settle it: " + finding.next_steps[0].text);
    writer.text(".\n");
  }
}

void write_steps(Writer& writer, const Finding& first) {
  if (first.next_steps.empty()) return;
  writer.text("\n## Next commands\n\n");
  size_t n = 0;
  for (const NextStep& step : first.next_steps) {
    if (n++ == max_steps) break;
    writer.text("- " + step.text + (step.changes_state ? " (**changes state**)" : " (read-only)"));
    if (!step.command.empty()) writer.text(": `" + step.command + "`");
    writer.text("\n");
  }
}

void write_missing(Writer& writer, std::span<const Finding> findings, const store::LogSnapshot& log) {
  std::string text;
  bool timed = std::any_of(findings.begin(), findings.end(), [](const Finding& f) { return f.first_time != no_time; });
  if (!timed) text += "- Times: the lines found carry none, so what came first is a guess.\n";
  if (log.sources().size() == 1) text += "- Logs of the other machines or services involved, for the same time.\n";
  if (findings[0].severity < Severity::error) text += "- A line that shows the fault itself; what was found is only a warning.\n";
  if (!text.empty()) writer.text("\n## Missing information\n\n" + text);
}

}  // namespace

Answer compose_answer(const std::string& question, std::span<const Finding> findings, std::span<const Evidence> evidence,
                      const store::LogSnapshot& log) {
  Answer answer;
  answer.stop_reason = "composed";
  Writer writer(answer, evidence);
  bool any = std::any_of(findings.begin(), findings.end(), [](const Finding& f) { return f.severity > Severity::info; });
  if (!any) {
    answer.inconclusive = true;
    write_inconclusive(writer, findings, log);
    return answer;
  }
  const Finding& first = findings[0];
  writer.text("## Summary\n\n");
  if (!question.empty()) writer.text("Asked: " + question + "\n\n");
  writer.claim(first.title, first.evidence);
  writer.text(".\n\n## Most likely cause (" + std::string(confidence(findings)) + ")\n\n");
  writer.claim(first.cause, first.evidence);
  writer.text("\n");
  write_hypotheses(writer, findings);
  write_steps(writer, first);
  write_missing(writer, findings, log);
  return answer;
}

}  // namespace app::diagnosis
