// What becomes of an answer whose model breaks off.
#include "app/diagnosis/diagnose.h"
#include "engine/model/sigma_config.h"
#include "engine/tokenizer/tokenizer.h"
#include "tests/app/diagnosis/memory_log.h"

using namespace app;
using namespace app::diagnosis;

namespace {

class SilentModel : public engine::LanguageModel {
 public:
  const engine::SigmaConfig& config() const override { return config_; }
  const engine::Tokenizer& tokenizer() const override { engine::fail(engine::ErrorKind::unsupported, "it has none"); }
  std::string name() const override { return "silent"; }
  std::string device() const override { return "cpu"; }
  int n_ctx_trained() const override { return 8192; }
  std::string apply_chat_template(std::span<const engine::ChatMessage> messages) const override {
    std::string all;
    for (const engine::ChatMessage& message : messages) all += message.content + "\n";
    return all;
  }
  std::vector<int32_t> tokenize(std::string_view text, bool) const override { return std::vector<int32_t>(text.size() / 4 + 1, 7); }

 private:
  engine::SigmaConfig config_;
};

// Says its pieces, then fails.
class BreakingSession : public engine::GenerationSession {
 public:
  BreakingSession(std::vector<std::string> pieces, engine::ErrorKind kind) : pieces_(std::move(pieces)), kind_(kind) {}
  int n_ctx() const override { return 8192; }
  engine::Generation generate(std::span<const int32_t>, const engine::GenerateOptions&, const std::function<void(std::string_view)>& on_text,
                              std::stop_token, const std::function<void(double)>&) override {
    for (const std::string& piece : pieces_) on_text(piece);
    engine::fail(kind_, "the GPU vanished; nor can the CPU go on: no memory");
  }
  void save(const std::string&) const override {}
  int restore(const std::string&) override { return 0; }

 private:
  std::vector<std::string> pieces_;
  engine::ErrorKind kind_;
};

struct Asked {
  Diagnosis diagnosis;
  ModelAnswer said;
};

Asked ask(std::vector<std::string> pieces, engine::ErrorKind kind = engine::ErrorKind::device) {
  const auto log = log_of({{"a.log", "kernel: Out of memory: Killed process 99 (java)\nweb: started\n"}});
  CheckOptions options;
  options.question = "what broke?";
  Asked asked{diagnose(*log, {}, bundled_checks(), options), {}};
  BreakingSession session(std::move(pieces), kind);
  AskOptions how;
  how.prompt.instructions = "Say what broke.";
  asked.said = ask_model(asked.diagnosis, *log, SilentModel(), session, how);
  return asked;
}

}  // namespace

TEST_CASE("diagnosis/answer: what a model said before it broke off is the answer, its citations verified") {
  const ModelAnswer said = ask({" that the kernel killed", " the java process, out of memory."}).said;
  REQUIRE(said.failed);
  CHECK(said.failed->kind() == engine::ErrorKind::device);
  CHECK(said.answer.text == "The evidence [E1] shows that the kernel killed the java process, out of memory.");
  CHECK(said.answer.n_supported == 1);
  CHECK(said.answer.partial);
  CHECK(said.answer.stop_reason == "error");
}

TEST_CASE("diagnosis/answer: a model that breaks off at once leaves the composed answer") {
  const Asked asked = ask({});
  REQUIRE(asked.said.failed);
  CHECK(asked.said.answer.text.starts_with(asked.diagnosis.answer.text));
  CHECK(asked.said.useless_because == "an error broke it off");
  CHECK_FALSE(asked.said.answer.from_model);
}

TEST_CASE("diagnosis/answer: a job that is cancelled stays cancelled") {
  try {
    ask({"x"}, engine::ErrorKind::cancelled);
    FAIL("it was not thrown");
  } catch (const engine::Error& e) {
    CHECK(e.kind() == engine::ErrorKind::cancelled);
  }
}
