// tools/ctl/bench_grammar.h: `sigmactl bench grammar`: what holding a text to a grammar costs a token.
#pragma once
#include <memory>
#include <string>

#include "tools/ctl/command.h"

namespace ctl {

struct GrammarBenchOptions {
  std::string tokenizer, grammar, schema, sample;
  double token_ms = 0;
  bool json = false;
};

CLI::App* add_grammar_bench(CLI::App& bench, const std::shared_ptr<GrammarBenchOptions>& options);
int run_grammar_bench(const GrammarBenchOptions& options);

}  // namespace ctl
