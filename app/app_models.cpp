// What is known of a model file beyond its header: its SHA-256, and how fast it is on this machine.
#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "app/app_state.h"
#include "app/models/catalog.h"
#include "app/models/sha256.h"
#include "app/system.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app {
namespace {

constexpr const char* tests_setting = "model_tests";

// Short, long and structured: what the app asks of a model, in small.
constexpr const char* quick_prompts[] = {
    "Why does a program stop with \"No space left on device\"? Answer in two sentences.",
    "These lines are from a log:\n"
    "09:00:01 postgres[812]: could not extend file \"base/16384/2619\": No space left on device\n"
    "09:00:02 postgres[812]: database system is shut down\n"
    "09:00:05 nginx[77]: connect() failed (111: Connection refused) while connecting to upstream\n"
    "09:00:09 nginx[77]: connect() failed (111: Connection refused) while connecting to upstream\n"
    "Say what broke first and what followed from it.",
    "Write a shell command that shows the five largest folders below /var.",
};
constexpr int quick_tokens = 48;

std::string tests_to_text(const std::map<std::string, ModelTest>& tests) {
  std::string out;
  for (const auto& [path, t] : tests)
    out += path + engine::format("\t%.3f\t%.3f\t%.3f\t%" PRIu64 "\t%" PRId64 "\n", t.prefill_tok_s, t.decode_tok_s, t.first_token_ms, t.peak_bytes, t.time);
  return out;
}

std::map<std::string, ModelTest> tests_from_text(const std::string& text) {
  std::map<std::string, ModelTest> tests;
  for (const std::string_view line : engine::split(std::string_view(text), '\n')) {
    const size_t tab = line.find('\t');
    if (tab == std::string_view::npos) continue;
    ModelTest t;
    if (std::sscanf(std::string(line.substr(tab + 1)).c_str(), "%lf\t%lf\t%lf\t%" SCNu64 "\t%" SCNd64, &t.prefill_tok_s, &t.decode_tok_s, &t.first_token_ms, &t.peak_bytes, &t.time) == 5)
      tests[std::string(line.substr(0, tab))] = t;
  }
  return tests;
}

// The most memory that this process has held, VmHWM of /proc/self/status; 0 where it cannot be read.
uint64_t peak_memory_bytes() {
  std::FILE* file = std::fopen("/proc/self/status", "r");
  if (file == nullptr) return 0;
  char line[256];
  unsigned long long kb = 0;
  while (std::fgets(line, sizeof line, file) != nullptr)
    if (std::sscanf(line, "VmHWM: %llu kB", &kb) == 1) break;
  std::fclose(file);
  return kb * 1024;
}

}  // namespace

void App::State::add_model_facts(ModelsView& view) {
  const std::lock_guard lock(model_mutex);
  if (!model_tests_read) {
    model_tests_read = true;
    const std::map<std::string, std::string> all = sessions->settings();
    if (const auto found = all.find(tests_setting); found != all.end()) model_tests = tests_from_text(found->second);
  }
  view.checks = model_checks;
  view.tests = model_tests;
  view.testing = testing_model;
}

void App::check_model(const std::string& path) {
  State& s = *state_;
  const auto set = [&s, path](ModelCheck check) {
    {
      const std::lock_guard lock(s.model_mutex);
      s.model_checks[path] = std::move(check);
    }
    s.publish_models();
  };
  set({.state = ModelCheck::State::running, .sha256 = {}, .error = {}});
  s.jobs->start(
      "work", "model_check", "Checking " + std::filesystem::path(path).filename().string(),
      [&s, path, set](Job& job) {
        try {
          ModelCheck check;
          check.sha256 = models::sha256_of_file(path, job.stop(), [&](double fraction) { job.progress(fraction, "SHA-256"); });
          const models::DefaultModel known = models::read_default_model(s.assets_folder);
          // A link in the models folder carries the name that its file had.
          const bool named = std::filesystem::path(path).filename() == known.file;
          check.state = check.sha256 == known.sha256 ? ModelCheck::State::good : named ? ModelCheck::State::wrong : ModelCheck::State::unknown;
          set(std::move(check));
        } catch (...) {
          set({});
          throw;
        }
      },
      [set](const std::string& message) { set({.state = ModelCheck::State::failed, .sha256 = {}, .error = message}); });
}

void App::test_model() {
  State& s = *state_;
  {
    const std::lock_guard lock(s.model_mutex);
    if (!s.model || s.testing_model) return;
    s.testing_model = true;
  }
  s.publish_models();
  const auto ended = [&s] {
    {
      const std::lock_guard lock(s.model_mutex);
      s.testing_model = false;
    }
    s.publish_models();
  };
  s.jobs->start(
      "model", "model_test", "Testing the model",
      [&s, ended](Job& job) {
        std::shared_ptr<engine::LanguageModel> model;
        std::string path;
        {
          const std::lock_guard lock(s.model_mutex);
          model = s.model;
          path = s.model_path;
        }
        if (!model || !s.generation) return ended();
        ModelTest test;
        int n_prompt = 0, n_decoded = 0;
        double prefill_s = 0, decode_s = 0;
        std::vector<double> first;
        for (size_t i = 0; i < std::size(quick_prompts); ++i) {
          job.progress(double(i) / double(std::size(quick_prompts)), engine::format("prompt %zu of %zu", i + 1, std::size(quick_prompts)));
          const engine::ChatMessage question{"user", quick_prompts[i]};
          const std::vector<int32_t> prompt = model->tokenize(model->apply_chat_template({&question, 1}), true);
          engine::GenerateOptions options;
          options.max_tokens = quick_tokens;
          options.speculative = options.reuse_prefix = false;   // what is measured is the model
          const engine::Generation said = s.generation->generate(prompt, options, {}, job.stop());
          if (said.finish_reason == engine::FinishReason::cancelled) {
            ended();
            engine::fail(engine::ErrorKind::cancelled, "the test was cancelled");
          }
          n_prompt += said.prompt_tokens;
          n_decoded += std::max(int(said.tokens.size()) - 1, 0);
          prefill_s += said.prefill_seconds;
          decode_s += said.decode_seconds;
          first.push_back(said.first_token_seconds * 1000);
        }
        std::sort(first.begin(), first.end());
        test.prefill_tok_s = prefill_s > 0 ? n_prompt / prefill_s : 0;
        test.decode_tok_s = decode_s > 0 ? n_decoded / decode_s : 0;
        test.first_token_ms = first[first.size() / 2];
        test.peak_bytes = peak_memory_bytes();
        test.time = store::now_ticks();
        std::string kept;
        {
          const std::lock_guard lock(s.model_mutex);
          s.model_tests[path] = test;
          kept = tests_to_text(s.model_tests);
        }
        s.sessions->set_setting(tests_setting, kept);
        ended();
      },
      [&s, ended](const std::string& message) {
        {
          const std::lock_guard lock(s.model_mutex);
          s.model_error = "The test failed: " + message;
        }
        ended();
      });
}

}  // namespace app
