// sigmactl tokenize: text on standard input to token ids and back.
#include <cctype>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "engine/files/json_input.h"
#include "engine/files/model_file.h"
#include "engine/tokenizer/tokenizer.h"
#include "tools/ctl/command.h"

namespace ctl {
namespace {

struct Choices {
  std::string model;
  bool decode = false, special = false, lines = false;
};

void print_ids(const std::vector<int32_t>& ids) {
  std::string out = "[";
  for (size_t i = 0; i < ids.size(); ++i) out += (i == 0 ? "" : ", ") + std::to_string(ids[i]);
  std::printf("%s]\n", out.c_str());
}

std::vector<int32_t> parse_ids(const std::string& text) {
  const nlohmann::json list = engine::parse_json_input(text, "standard input", 2);
  std::vector<int32_t> ids;
  for (const auto& id : list) {
    if (!list.is_array() || !id.is_number_unsigned() || id.get<uint64_t>() > INT32_MAX) {
      engine::fail(engine::ErrorKind::invalid_input, "standard input: token ids are a JSON list of whole numbers, [1, 2, 3]");
    }
    ids.push_back(static_cast<int32_t>(id.get<uint64_t>()));
  }
  return ids;
}

int run(const Choices& choices) {
  const auto file = engine::ModelFile::open(choices.model);
  const auto tokenizer = engine::Tokenizer::load(*file);
  if (choices.lines) {
    for (std::string line; std::getline(std::cin, line);) {
      if (choices.decode) {
        std::printf("%s\n", nlohmann::json(tokenizer->decode(parse_ids(line), choices.special))
                                .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
      } else {
        print_ids(tokenizer->encode(line, choices.special));
      }
    }
    return 0;
  }
  const std::string text((std::istreambuf_iterator<char>(std::cin)), {});
  if (choices.decode) {
    const std::string out = tokenizer->decode(parse_ids(text), choices.special);
    std::fwrite(out.data(), 1, out.size(), stdout);
  } else {
    print_ids(tokenizer->encode(text, choices.special));
  }
  return 0;
}

}  // namespace

void add_tokenize_command(Program& program) {
  CLI::App* command = program.cli.add_subcommand("tokenize", "Text on standard input to token ids, one JSON list");
  const auto choices = std::make_shared<Choices>();
  command->add_option("--model", choices->model, "GGUF file or HF folder")->required();
  command->add_flag("--decode", choices->decode, "The other way: a JSON list of ids on standard input to text");
  command->add_flag("--special", choices->special, "Read (or write) control tokens such as <|im_end|> in the text");
  command->add_flag("--lines", choices->lines, "Each input line by itself, one result a line");
  command->callback(chosen(program, [choices] { return run(*choices); }));
}

}  // namespace ctl
