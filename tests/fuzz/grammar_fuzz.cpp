// A GBNF grammar or, where the text begins with '{', a JSON Schema: compiled and walked over a
// vocabulary of the 256 bytes, or one Error is thrown.
#include <cstdint>
#include <string_view>

#include "engine/base/error.h"
#include "engine/generate/grammar.h"
#include "engine/generate/grammar_machine.h"
#include "engine/tokenizer/bpe.h"
#include "engine/tokenizer/byte_level.h"

namespace {

const engine::TokenTrie& bytes_vocabulary() {
  static const auto tokenizer = [] {
    engine::BpeDescription d;
    d.name = "bytes";
    for (int b = 0; b < 256; ++b) d.pieces.push_back(engine::byte_level_encode(std::string(1, static_cast<char>(b))));
    d.kinds.assign(256, engine::TokenKind::normal);
    return engine::make_bpe_tokenizer(std::move(d));
  }();
  static const engine::TokenTrie trie(*tokenizer);
  return trie;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace engine;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const Grammar grammar = !text.empty() && text[0] == '{' ? Grammar::from_json_schema(text) : Grammar::from_gbnf(text);
    GrammarMachine machine(grammar.rules(), bytes_vocabulary());
    int32_t state = machine.start();
    // Takes the first byte allowed behind a moving place; a state that may not end must allow one.
    for (unsigned i = 0; i < 64; ++i) {
      int32_t next = GrammarMachine::dead;
      for (unsigned b = 0; b < 256 && next == GrammarMachine::dead; ++b) next = machine.step(state, static_cast<uint8_t>(b + i * 37));
      if (next == GrammarMachine::dead) {
        if (!machine.accepts(state)) __builtin_trap();
        break;
      }
      state = next;
    }
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::internal) __builtin_trap();
  }
  return 0;
}
