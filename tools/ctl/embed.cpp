// sigmactl embed: sentence embeddings, a JSON list of numbers for each line of standard input.
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>

#include "engine/generate/sentence_encoder.h"
#include "tools/ctl/command.h"

namespace ctl {
namespace {

struct Choices {
  std::string model;
  int n_threads = 0;
  bool json = true;
};

int run(const Choices& choices) {
  const auto encoder = engine::SentenceEncoder::load(choices.model, choices.n_threads);
  for (std::string line; std::getline(std::cin, line);) {
    const std::vector<float> embedding = encoder->embed(line);
    std::string out = "[";
    char number[32];
    for (size_t i = 0; i < embedding.size(); ++i) {
      std::snprintf(number, sizeof number, "%s%.8g", i == 0 ? "" : ", ", double(embedding[i]));
      out += number;
    }
    std::printf("%s]\n", out.c_str());
  }
  return 0;
}

}  // namespace

void add_embed_command(Program& program) {
  CLI::App* command = program.cli.add_subcommand("embed", "Sentence embeddings, a JSON list for each line of standard input");
  const auto choices = std::make_shared<Choices>();
  command->add_option("--model", choices->model, "Folder of a BERT sentence encoder (all-MiniLM-L6-v2)")->required();
  command->add_option("--threads", choices->n_threads, "Threads; 0: one for each core")->check(CLI::Range(0, 256));
  command->add_flag("--json", choices->json, "The only form there is");
  command->callback(chosen(program, [choices] { return run(*choices); }));
}

}  // namespace ctl
