// sigmactl generate: text from a model, raw or as an answer to one message.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "engine/base/error.h"
#include "engine/generate/generation.h"
#include "engine/generate/grammar.h"
#include "engine/model/sigma_config.h"
#include "engine/tokenizer/tokenizer.h"
#include "tools/ctl/command.h"
#include "tools/ctl/gpu_option.h"

namespace ctl {
namespace {

struct Choices {
  std::string model, prompt, prompt_file, tokens, system, grammar, schema, save_cache, load_cache, gpu = "auto";
  engine::SessionOptions session;
  engine::GenerateOptions options;
  int n_ctx = 4096, n_threads = 0;
  bool chat = false, json = false, special = false, one_by_one = false;
};

// Ctrl-C ends the answer, not the program's report of it.
std::stop_source interrupt;
void on_interrupt(int) { interrupt.request_stop(); }

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) engine::fail(engine::ErrorKind::not_found, "%s: cannot open it", path.c_str());
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<int32_t> parse_tokens(const std::string& text) {
  std::vector<int32_t> ids;
  const nlohmann::json list = nlohmann::json::parse("[" + text + "]", nullptr, false);
  for (const auto& id : list) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() > INT32_MAX) {
      engine::fail(engine::ErrorKind::usage, "--tokens takes whole numbers with commas between: 1,2,3");
    }
    ids.push_back(static_cast<int32_t>(id.get<uint64_t>()));
  }
  return ids;
}

std::vector<int32_t> prompt_tokens(const Choices& c, const engine::LanguageModel& model) {
  if (!c.tokens.empty()) return parse_tokens(c.tokens);
  const std::string text = c.prompt_file.empty() ? c.prompt : read_file(c.prompt_file);
  if (c.chat) {
    std::vector<engine::ChatMessage> messages;
    if (!c.system.empty()) messages.push_back({"system", c.system});
    messages.push_back({"user", text});
    return model.tokenize(model.apply_chat_template(messages), true);
  }
  std::vector<int32_t> ids = model.tokenize(text, c.special);
  if (model.tokenizer().adds_bos()) ids.insert(ids.begin(), *model.tokenizer().bos());
  return ids;
}

void print_json(const engine::Generation& g) {
  const int n_new = g.prompt_tokens - g.reused_tokens;
  const auto n = static_cast<int>(g.tokens.size());
  // The first token comes with the prefill; the others are what decoding took its time for.
  nlohmann::json out = {
      {"text", g.text},
      {"tokens", g.tokens},
      {"prompt_tokens", g.prompt_tokens},
      {"reused_tokens", g.reused_tokens},
      {"generated_tokens", n},
      {"prefill_tok_s", g.prefill_seconds > 0 ? n_new / g.prefill_seconds : 0},
      {"decode_tok_s", n > 1 && g.decode_seconds > 0 ? (n - 1) / g.decode_seconds : 0},
      {"first_token_ms", g.first_token_seconds * 1000},
      {"passes", g.n_passes},
      {"drafted_tokens", g.drafted_tokens},
      {"accepted_tokens", g.accepted_tokens},
      {"finish_reason", engine::finish_reason_name(g.finish_reason)},
  };
  std::printf("%s\n", out.dump().c_str());
}

std::optional<engine::Grammar> read_grammar(const Choices& c) {
  if (!c.grammar.empty()) return engine::Grammar::from_gbnf(read_file(c.grammar), c.grammar);
  if (!c.schema.empty()) return engine::Grammar::from_json_schema(read_file(c.schema), c.schema);
  return std::nullopt;
}

int run(const Choices& c) {
  std::signal(SIGINT, on_interrupt);
  const std::optional<engine::Grammar> grammar = read_grammar(c);
  engine::LoadOptions load;
  load.n_threads = c.n_threads;
  load.gpu = engine::gpu_mode(c.gpu);
  load.n_ctx = c.n_ctx;
  load.session = c.session;
  const auto model = engine::LanguageModel::load(c.model, load, interrupt.get_token());
  const std::vector<int32_t> prompt = prompt_tokens(c, *model);
  const int n_trained = model->n_ctx_trained();
  const auto session =
      engine::GenerationSession::create(model, n_trained > 0 ? std::min(c.n_ctx, n_trained) : c.n_ctx, c.session);
  if (!c.load_cache.empty()) session->restore(c.load_cache);
  const auto show = [&](std::string_view text) {
    if (c.json) return;
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  };
  engine::GenerateOptions options = c.options;
  options.grammar = grammar ? &*grammar : nullptr;
  options.speculative = !c.one_by_one;
  const engine::Generation g = session->generate(prompt, options, show, interrupt.get_token());
  if (c.json) {
    print_json(g);
  } else {
    std::printf("\n");
  }
  if (!c.save_cache.empty()) session->save(c.save_cache);
  return g.finish_reason == engine::FinishReason::cancelled ? 1 : 0;
}

}  // namespace

void add_generate_command(Program& program) {
  CLI::App* command = program.cli.add_subcommand("generate", "Text from a model: continue a prompt, or answer it (--chat)");
  const auto c = std::make_shared<Choices>();
  auto& sampling = c->options.sampling;
  command->add_option("--model", c->model, "GGUF file or HF folder")->required();
  add_gpu_option(*command, c->gpu);
  auto* from = command->add_option_group("prompt");
  from->add_option("--prompt", c->prompt, "Text to continue");
  from->add_option("--prompt-file", c->prompt_file, "File with the text to continue");
  from->add_option("--tokens", c->tokens, "Token ids to continue: 1,2,3");
  from->require_option(1);
  command->add_flag("--chat", c->chat, "The prompt is a message; wrap it as the model was trained to see one");
  command->add_option("--system", c->system, "With --chat: the system message");
  command->add_flag("--special", c->special, "Read control tokens such as <|im_end|> in the prompt");
  command->add_option("-n", c->options.max_tokens, "Tokens at most")->capture_default_str()->check(CLI::NonNegativeNumber);
  command->add_option("--temp", sampling.temperature, "Temperature; 0 always takes the likeliest token")->capture_default_str();
  command->add_option("--top-k", sampling.top_k, "Only the k likeliest; 0: off")->capture_default_str();
  command->add_option("--top-p", sampling.top_p, "Only the likeliest that reach this share; 1: off")->capture_default_str();
  command->add_option("--min-p", sampling.min_p, "Only those with this share of the likeliest; 0: off")->capture_default_str();
  command->add_option("--repetition-penalty", sampling.repetition_penalty, "Above 1 avoids repeating; 1: off")->capture_default_str();
  command->add_option("--seed", sampling.seed, "The same seed gives the same text")->capture_default_str();
  command->add_option("--stop", c->options.stop, "Text that ends the answer; may be given several times");
  auto* grammar = command->add_option("--grammar", c->grammar, "File with a GBNF grammar that the text must follow");
  command->add_option("--json-schema", c->schema, "File with a JSON Schema that the text must follow")->excludes(grammar);
  command->add_option("--ctx", c->n_ctx, "Context size in tokens, at most what the model was trained for")->capture_default_str();
  command->add_option("--threads", c->n_threads, "0: one for each core")->capture_default_str();
  command->add_option("--cache-k", c->session.k_cache, "Number format of cached keys: f16, q8_0, ...; default: f16 (f32 for f32 weights)");
  command->add_option("--cache-v", c->session.v_cache, "Number format of cached values");
  command->add_option("--save-cache", c->save_cache, "Afterwards, write what was computed to this file");
  command->add_option("--load-cache", c->load_cache, "A file of --save-cache: a prompt that begins the same is not computed again");
  command->add_option_function<std::string>("--speculate", [c](const std::string& how) { c->one_by_one = how == "off"; },
                                            "on: guess several tokens ahead and check them at once, which changes no text; off")
      ->check(CLI::IsMember({"on", "off"}));
  command->add_flag("--one-by-one", c->one_by_one, "The same as --speculate off");
  command->add_flag("--json", c->json, "One JSON document: text, tokens, speeds, why it ended");
  command->callback(chosen(program, [c] { return run(*c); }));
}

}  // namespace ctl
