#include "app/diagnosis/citations.h"

#include "app/diagnosis/diagnose.h"
#include "tests/app/diagnosis/memory_log.h"

using namespace app;
using namespace app::diagnosis;

namespace {

const char* const log_text =
    "kernel: Out of memory: Killed process 99 (java)\n"
    "web: connection to shop refused by 10.0.0.9\n"
    "web: connection to shop refused by 10.0.0.8\n"
    "cron: nightly backup finished in time\n";

struct Setup {
  std::shared_ptr<const store::LogSnapshot> log = log_of({{"a.log", log_text}});
  std::vector<Evidence> evidence{{.id = "E1", .reason = "", .score = 1, .lines = {log->line_ref(0)}},
                                 {.id = "E2", .reason = "", .score = 1, .lines = {log->line_ref(1)}}};
  Answer verify(const std::string& text) const { return verify_citations(text, evidence, *log); }
};

}  // namespace

TEST_CASE("diagnosis/citations: a claim that speaks of the line it cites is matched") {
  Answer answer = Setup().verify("The kernel killed the java process [E1].");
  REQUIRE(answer.citations.size() == 1);
  CHECK(answer.citations[0].state == CitationState::matched);
  CHECK(answer.citations[0].line.line == 1);
  CHECK(answer.n_claims == 1);
  CHECK(answer.n_supported == 1);
}

TEST_CASE("diagnosis/citations: a citation behind an unrelated sentence supports nothing") {
  Answer answer = Setup().verify("Certificates of the mail gateway expired yesterday evening [E1].");
  CHECK(answer.n_supported == 0);
  CHECK(answer.citations[0].state == CitationState::not_found);
}

TEST_CASE("diagnosis/citations: evidence that does not exist is not found") {
  CHECK(Setup().verify("The java process was killed [E9].").n_supported == 0);
}

TEST_CASE("diagnosis/citations: a quote of another line is moved there") {
  Answer answer = Setup().verify("The log says \"nightly backup finished\" [E1].");
  REQUIRE(answer.citations.size() == 1);
  CHECK(answer.citations[0].state == CitationState::moved);
  CHECK(answer.citations[0].line.line == 4);
}

TEST_CASE("diagnosis/citations: a quote without a number finds its line") {
  Answer answer = Setup().verify("It says \"connection to shop refused by 10.0.0.8\".");
  REQUIRE(answer.citations.size() == 1);
  CHECK(answer.citations[0].line.line == 3);
  CHECK(answer.n_supported == 1);
}

TEST_CASE("diagnosis/citations: evidence whose text is not what is stored supports nothing") {
  Setup setup;
  setup.evidence[0].lines[0].text = "kernel: Out of memory: Killed process 100 (java)";
  CHECK(setup.verify("The kernel killed the java process [E1].").n_supported == 0);
}

TEST_CASE("diagnosis/citations: sentences without any citation are counted and unsupported") {
  Answer answer = Setup().verify("Everything is broken. The kernel killed java [E1]. Nobody knows why.");
  CHECK(answer.n_claims == 3);
  CHECK(answer.n_supported == 1);
  CHECK(answer.text.substr(answer.citations[1].begin, answer.citations[1].end - answer.citations[1].begin) == "The kernel killed java [E1].");
}

TEST_CASE("diagnosis/citations: a citation after the full stop belongs to its sentence") {
  CHECK(Setup().verify("The kernel killed java. [E1] Nobody knows why.").n_supported == 1);
}

TEST_CASE("diagnosis/citations: inconclusive is a result, loops and silence are not") {
  CHECK(Setup().verify("Inconclusive.").inconclusive);
  CHECK(useless_reason(Setup().verify("Inconclusive.")).empty());
  CHECK(useless_reason(Setup().verify("  ")) == "it is empty");
  std::string loop;
  for (int i = 0; i < 6; i++) loop += "the system is down because the system is ";
  CHECK(useless_reason(Setup().verify(loop)) == "it repeats itself");
  CHECK_FALSE(useless_reason(Setup().verify("Something else failed.")).empty());
}

TEST_CASE("diagnosis/citations: hostile text is taken as text") {
  for (const char* text : {"[E", "[E1", "E1E1E1]", "\"\"\"\"", "[E99999999999999999999]", "\xff\xfe[E1]", "...", "\n\n\n"}) {
    CAPTURE(text);
    CHECK_NOTHROW(Setup().verify(text));
  }
}

TEST_CASE("diagnosis/compose: the composed answer cites stored lines and names commands that change state") {
  auto log = log_of({{"a.log", log_text}});
  Diagnosis d = diagnose(*log, {}, bundled_checks());
  CHECK_FALSE(d.answer.from_model);
  CHECK(d.answer.n_claims == d.answer.n_supported);
  CHECK(d.answer.text.find("Most likely cause") != std::string::npos);
  CHECK(d.answer.text.find("changes state") != std::string::npos);
  REQUIRE_FALSE(d.answer.citations.empty());
  for (const Citation& c : d.answer.citations) CHECK(log->line_ref(c.line.row).text == c.line.text);
}

TEST_CASE("diagnosis/compose: nothing found is called inconclusive") {
  auto log = log_of({{"a.log", "INFO all is well"}});
  Diagnosis d = diagnose(*log, {}, bundled_checks());
  CHECK(d.answer.inconclusive);
  CHECK(d.answer.text.find("Inconclusive") != std::string::npos);
}
