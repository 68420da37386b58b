#include "app/diagnosis/diagnose.h"
#include "app/diagnosis/prompt.h"
#include "engine/base/error.h"
#include "tests/app/diagnosis/memory_log.h"
#include "tests/support/temporary_folder.h"

using namespace app;
using namespace app::diagnosis;

namespace {

std::vector<Evidence> pieces(size_t n, size_t n_lines = 2) {
  std::vector<Evidence> out;
  for (size_t i = 0; i < n; i++) {
    Evidence piece{.id = "E" + std::to_string(i + 1), .reason = "test", .score = 1, .lines = {}};
    for (size_t l = 0; l < n_lines; l++) {
      LineRef line;
      line.text = "line " + std::to_string(l) + " of piece " + std::to_string(i) + " with password=hunter2secret";
      piece.lines.push_back(line);
    }
    out.push_back(piece);
  }
  return out;
}

PromptOptions options() { return {.instructions = load_instructions(SIGMA_ASSETS)}; }

}  // namespace

TEST_CASE("diagnosis/prompt: the instructions of the assets are the system text") {
  Prompt prompt = build_prompt("why?", {}, {}, 400, estimate_tokens, options());
  CHECK(prompt.messages[0].content == load_instructions(SIGMA_ASSETS));
  CHECK(prompt.messages[0].content.find("Inconclusive") != std::string::npos);
}

TEST_CASE("diagnosis/prompt: instructions that are missing, empty or not text give one error naming the file") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH_AS(load_instructions(folder.path()), doctest::Contains("diagnose.txt"), engine::Error);
  for (const std::string& text : {std::string("  \n"), std::string("\xff\xfe"), std::string(20000, 'x')}) {
    folder.write("prompts/diagnose.txt", text);
    CHECK_THROWS_WITH_AS(load_instructions(folder.path()), doctest::Contains("diagnose.txt"), engine::Error);
  }
}

TEST_CASE("diagnosis/evidence: lines of findings come first and are numbered") {
  auto log = log_of({{"a.log", "INFO a\nERROR write: No space left on device\nINFO b"}});
  auto findings = run_checks(*log, {}, bundled_checks()).findings;
  auto evidence = gather_evidence(findings, *log, "");
  REQUIRE_FALSE(evidence.empty());
  CHECK(evidence[0].id == "E1");
  CHECK(evidence[0].reason == "finding disk_full");
  CHECK(evidence[0].lines[0].line == 2);
}

TEST_CASE("diagnosis/evidence: the question's words find lines that no check knows, once a form") {
  std::string text;
  for (int i = 0; i < 50; i++) text += "INFO flux capacitor at " + std::to_string(i) + " gigawatt\nINFO other thing\n";
  auto evidence = gather_evidence({}, *log_of({{"a.log", text}}), "what about the flux capacitor?");
  REQUIRE(evidence.size() == 1);
  CHECK(evidence[0].reason == "matches the question");
  CHECK(evidence[0].lines.size() <= 4);
}

TEST_CASE("diagnosis/evidence: anomalies bring their rows, and rows that do not exist are skipped") {
  auto log = log_of({{"a.log", "one\ntwo\nthree"}});
  std::vector<Anomaly> anomalies(1);
  anomalies[0].kind = "burst";
  anomalies[0].score = 1;
  anomalies[0].rows = {1, 999};
  auto evidence = gather_evidence({}, *log, "", anomalies);
  REQUIRE(evidence.size() == 1);
  CHECK(evidence[0].lines[0].text == "two");
}

TEST_CASE("diagnosis/evidence: an empty log gives none") {
  CHECK(gather_evidence({}, *store::make_memory_log_store()->snapshot(), "why?").empty());
}

TEST_CASE("diagnosis/prompt: stays within the budget and says what it left out") {
  for (int budget : {300, 400, 800, 2000}) {
    CAPTURE(budget);
    Prompt prompt = build_prompt("why?", {}, pieces(40), budget, estimate_tokens, options());
    CHECK(prompt.n_tokens <= budget);
    int sum = 16;
    for (const PromptPart& part : prompt.parts)
      if (!part.left_out) sum += part.n_tokens;
    CHECK(sum == prompt.n_tokens);
    CHECK(prompt.left_out.empty() == (budget == 2000));
    CHECK(prompt.messages.size() == 2);
    for (const std::string& id : prompt.evidence_ids) CHECK(prompt.messages[1].content.find("[" + id + "]") != std::string::npos);
  }
}

TEST_CASE("diagnosis/prompt: one line of each piece goes before second lines") {
  Prompt prompt = build_prompt("why?", {}, pieces(6), 320, estimate_tokens, options());
  bool second = false;
  for (const PromptPart& part : prompt.parts) second = second || (part.name.find(" line ") != std::string::npos && !part.left_out);
  if (second) CHECK(prompt.evidence_ids.size() == 6);
  CHECK_FALSE(prompt.evidence_ids.empty());
}

TEST_CASE("diagnosis/prompt: secrets are masked in it and the masks are listed") {
  Prompt prompt = build_prompt("is token=abcdef123456 wrong?", {}, pieces(1), 2000, estimate_tokens, options());
  CHECK(prompt.messages[1].content.find("hunter2secret") == std::string::npos);
  CHECK(prompt.messages[1].content.find("abcdef123456") == std::string::npos);
  CHECK(prompt.redactions.size() == 2);
}

TEST_CASE("diagnosis/prompt: a question too long for the budget is refused with both figures' meaning") {
  CHECK_THROWS_WITH_AS(build_prompt(std::string(8000, 'x'), {}, {}, 400, estimate_tokens, options()), doctest::Contains("400"), engine::Error);
}

TEST_CASE("diagnosis/prompt: a long line is cut in its middle, and that is said") {
  auto evidence = pieces(1, 1);
  evidence[0].lines[0].text = "begin " + std::string(5000, 'x') + " end";
  Prompt prompt = build_prompt("why?", {}, evidence, 4000, estimate_tokens, options());
  CHECK(prompt.messages[1].content.find("begin") != std::string::npos);
  CHECK(prompt.messages[1].content.find(" end") != std::string::npos);
  CHECK(prompt.messages[1].content.size() < 2000);
  REQUIRE_FALSE(prompt.left_out.empty());
}

TEST_CASE("diagnosis/evidence: a chosen range leaves out every line beside it, findings' lines too") {
  std::string text = "ERROR write: No space left on device\n";
  for (int i = 0; i < 50; i++) text += "INFO step " + std::string(1, static_cast<char>('a' + i % 26)) + " done\n";
  const auto log = log_of({{"a.log", text}, {"b.log", text}});
  const auto findings = run_checks(*log, {}, bundled_checks()).findings;
  EvidenceOptions options{.max_pieces = 64};
  options.range = LineRange{log->sources()[1].id, 10, 14};
  const auto evidence = gather_evidence(findings, *log, "what about the step?", {}, options);
  size_t n_lines = 0;
  for (const Evidence& piece : evidence)
    for (const LineRef& line : piece.lines) {
      n_lines++;
      CHECK(line.file == "b.log");
      CHECK(line.line >= 10);
      CHECK(line.line <= 14);
    }
  CHECK(n_lines == 5);
  options.range = LineRange{log->sources()[1].id, 500, 600};
  CHECK(gather_evidence(findings, *log, "", {}, options).empty());
}

TEST_CASE("diagnosis/prompt: cut in order keeps whole pieces up to the cut and says how many lines fell behind it") {
  PromptOptions in_order = options();
  in_order.in_order = true;
  const int budget = estimate_tokens(in_order.instructions) + 120;
  const Prompt cut = build_prompt("why?", {}, pieces(20, 4), budget, estimate_tokens, in_order);
  const Prompt packed = build_prompt("why?", {}, pieces(20, 4), budget, estimate_tokens, options());
  CHECK(cut.evidence_ids.size() < packed.evidence_ids.size());
  REQUIRE(cut.evidence_ids.size() >= 2);
  // All four lines of the first piece stand before the second.
  const std::string& user = cut.messages[1].content;
  CHECK(user.find("line 3 of piece 0") < user.find("line 0 of piece 1"));
  size_t n_in = 0;
  for (const PromptPart& part : cut.parts) n_in += !part.left_out && part.name[0] == 'E';
  REQUIRE_FALSE(cut.left_out.empty());
  CHECK(cut.left_out.back() == std::to_string(80 - n_in) + " evidence lines left out in all: the prompt was cut where its room ended.");
}
