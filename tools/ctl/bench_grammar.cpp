// sigmactl bench grammar: goes along a text that fits a grammar, token by token, and takes the time of what
// a session does for each: the mask over all tokens as sampling without top-k needs it (cold: a grammar just
// compiled, nothing looked up yet; warm: the same text once more), and the greedy choice's look at one token.
#include "tools/ctl/bench_grammar.h"

#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <vector>

#include "engine/base/error.h"
#include "engine/files/model_file.h"
#include "engine/generate/grammar.h"
#include "engine/generate/grammar_machine.h"
#include "engine/generate/sampler.h"
#include "engine/tokenizer/bpe.h"

namespace ctl {
namespace {

// This thread's processor time: a busy machine leaves it alone.
struct Clock {
  using time_point = double;  // us
  static double now() {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return double(t.tv_sec) * 1e6 + double(t.tv_nsec) / 1e3;
  }
};

double us_since(Clock::time_point start) { return Clock::now() - start; }

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) engine::fail(engine::ErrorKind::not_found, "%s: cannot open it", path.c_str());
  return {std::istreambuf_iterator<char>(in), {}};
}

std::unique_ptr<engine::Tokenizer> read_tokenizer(const std::string& path) {
  if (!path.ends_with(".json")) return engine::Tokenizer::load(*engine::ModelFile::open(path));
  return engine::make_bpe_tokenizer(engine::read_hf_tokenizer(read_file(path), path));
}

// Mean, 95th of 100 and largest.
struct Costs {
  std::vector<double> us;
  double mean() const {
    double sum = 0;
    for (const double x : us) sum += x;
    return us.empty() ? 0 : sum / double(us.size());
  }
  double part(double share) const {
    std::vector<double> sorted = us;
    std::sort(sorted.begin(), sorted.end());
    return sorted.empty() ? 0 : sorted[std::min(sorted.size() - 1, size_t(share * double(sorted.size())))];
  }
  nlohmann::ordered_json json() const { return {{"mean_us", mean()}, {"p95_us", part(0.95)}, {"max_us", part(1)}}; }
};

struct Measured {
  double trie_ms = 0, compile_ms = 0, sampling_us = 0;
  size_t n_tokens = 0, n_forced = 0, n_states = 0;
  Costs cold, warm, greedy;
};

void go_along(engine::GrammarMachine& machine, const engine::Tokenizer& tokenizer, std::span<const int32_t> tokens, Costs& masks,
              Costs* greedy, size_t* n_forced) {
  std::vector<float> logits(static_cast<size_t>(tokenizer.n_vocab()));
  int32_t state = machine.start();
  size_t n_forced_bytes = 0;
  for (size_t i = 0; i < tokens.size(); ++i) {
    for (size_t k = 0; k < logits.size(); ++k) logits[k] = static_cast<float>(engine::random_unit(i, k));
    auto start = Clock::now();
    machine.apply(state, logits);
    masks.us.push_back(us_since(start));
    const std::string_view bytes = tokenizer.bytes(tokens[i]);
    if (n_forced != nullptr) {
      if (n_forced_bytes == 0) n_forced_bytes = machine.forced_bytes(state, 60).size();
      *n_forced += n_forced_bytes >= bytes.size();
      n_forced_bytes -= std::min(n_forced_bytes, bytes.size());
    }
    start = Clock::now();
    const bool fits = machine.allows(state, tokenizer, tokens[i]);
    if (greedy != nullptr) greedy->us.push_back(us_since(start));
    if (!fits || logits[static_cast<size_t>(tokens[i])] < 0) {
      engine::fail(engine::ErrorKind::invalid_input, "the sample does not fit the grammar at its token %zu, \"%s\"", i, std::string(bytes).c_str());
    }
    state = machine.step(state, bytes);
  }
  if (!machine.accepts(state)) engine::fail(engine::ErrorKind::invalid_input, "the sample ends where no text of the grammar may end");
}

Measured measure(const GrammarBenchOptions& options, const engine::Grammar& grammar) {
  Measured m;
  const auto tokenizer = read_tokenizer(options.tokenizer);
  std::string text = read_file(options.sample);
  auto start = Clock::now();
  const engine::TokenTrie trie(*tokenizer);
  m.trie_ms = us_since(start) / 1000;
  if (text.ends_with('\n')) {  // an editor's, where the grammar knows none
    engine::GrammarMachine machine(grammar.rules(), trie);
    const int32_t end = machine.step(machine.start(), text);
    if (end == engine::GrammarMachine::dead || !machine.accepts(end)) text.pop_back();
  }
  const std::vector<int32_t> tokens = tokenizer->encode(text, false);
  m.n_tokens = tokens.size();
  for (int i = 0; i < 5; ++i) {
    start = Clock::now();
    engine::GrammarMachine machine(grammar.rules(), trie);
    m.compile_ms = us_since(start) / 1000;
    size_t n_forced = 0;
    go_along(machine, *tokenizer, tokens, m.cold, nullptr, &n_forced);
    go_along(machine, *tokenizer, tokens, m.warm, &m.greedy, nullptr);
    m.n_forced = n_forced;
    m.n_states = machine.n_states();
  }
  std::vector<float> logits(static_cast<size_t>(tokenizer->n_vocab()));
  std::vector<double> sampling;
  for (size_t i = 0; i < 9; ++i) {
    for (size_t k = 0; k < logits.size(); ++k) logits[k] = static_cast<float>(12 * std::pow(engine::random_unit(i, k), 6));
    start = Clock::now();
    engine::Sampler().sample(logits, {.temperature = 1}, {}, i);
    sampling.push_back(us_since(start));
  }
  std::nth_element(sampling.begin(), sampling.begin() + 4, sampling.end());
  m.sampling_us = sampling[4];
  return m;
}

}  // namespace

int run_grammar_bench(const GrammarBenchOptions& options) {
  const bool is_schema = !options.schema.empty();
  if (is_schema == !options.grammar.empty()) engine::fail(engine::ErrorKind::usage, "give one of --grammar and --json-schema");
  const engine::Grammar grammar = is_schema ? engine::Grammar::from_json_schema(read_file(options.schema), options.schema)
                                            : engine::Grammar::from_gbnf(read_file(options.grammar), options.grammar);
  const Measured m = measure(options, grammar);
  const double share = options.token_ms > 0 ? m.cold.mean() / 1000 / options.token_ms : 0;
  if (options.json) {
    const nlohmann::ordered_json out = {{"tokens", m.n_tokens}, {"forced_tokens", m.n_forced}, {"states", m.n_states},
                                        {"trie_ms", m.trie_ms}, {"compile_ms", m.compile_ms}, {"cold", m.cold.json()},
                                        {"warm", m.warm.json()}, {"greedy", m.greedy.json()}, {"sampling_us", m.sampling_us},
                                        {"share_of_token", share}};
    std::printf("%s\n", out.dump().c_str());
    return 0;
  }
  std::printf("%zu tokens, %zu of them forced; %zu states; trie of the vocabulary %.1f ms (once a model), grammar %.2f ms\n", m.n_tokens,
              m.n_forced, m.n_states, m.trie_ms, m.compile_ms);
  const auto line = [](const char* name, const Costs& c) {
    std::printf("%-14s mean %8.1f us, p95 %8.1f, max %8.1f a token\n", name, c.mean(), c.part(0.95), c.part(1));
  };
  line("mask, cold", m.cold);
  line("mask, warm", m.warm);
  line("greedy choice", m.greedy);
  std::printf("a draw at temperature 1 without a grammar: %.1f us\n", m.sampling_us);
  if (options.token_ms > 0) std::printf("cold masks are %.2f %% of a token of %.1f ms\n", 100 * share, options.token_ms);
  return 0;
}

CLI::App* add_grammar_bench(CLI::App& bench, const std::shared_ptr<GrammarBenchOptions>& options) {
  CLI::App* command = bench.add_subcommand("grammar", "What holding a text to a grammar costs a token");
  command->add_option("--tokenizer", options->tokenizer, "GGUF file, HF folder or tokenizer.json with the vocabulary")->required();
  command->add_option("--grammar", options->grammar, "File with a GBNF grammar");
  command->add_option("--json-schema", options->schema, "File with a JSON Schema");
  command->add_option("--sample", options->sample, "File with a text that fits: what is gone along")->required();
  command->add_option("--token-ms", options->token_ms, "What a token of the model takes, to compare with");
  command->add_flag("--json", options->json, "One JSON document on standard output");
  return command;
}

}  // namespace ctl
