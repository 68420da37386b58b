// engine/tokenizer/tokenizer.h: text to token ids and back, as the model file describes it.
// Byte-level BPE: text is cut into words by the model's pre-tokenizer, the bytes of a word are
// joined by rank of their merges. SentencePiece: spaces become U+2581, characters join by rank or
// score, or the best split is searched (unigram); what is not in the vocabulary falls back to bytes.
// Immutable after load and safe from any thread.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

class ModelFile;

enum class TokenKind : uint8_t { normal, unknown, control, user_defined, unused, byte };

class Tokenizer {
 public:
  // From tokenizer.ggml.* of a GGUF file, or tokenizer.json (+ tokenizer_config.json) of an HF
  // folder. Throws Error{unsupported} where there is none or it is of a kind not read here,
  // Error{invalid_input} where it is damaged.
  static std::unique_ptr<Tokenizer> load(const ModelFile& file, std::stop_token stop = {});
  // text: a tokenizer.json; name: what to call it in messages.
  static std::unique_ptr<Tokenizer> from_hf_json(std::string_view text, const std::string& name);
  virtual ~Tokenizer() = default;

  virtual int n_vocab() const = 0;
  // The bytes that the token stands for; empty for control tokens and ids outside the vocabulary.
  virtual std::string_view bytes(int32_t token) const = 0;
  // The token as the file writes it ("<|im_end|>", "Ġthe"); empty for ids outside.
  virtual std::string_view piece(int32_t token) const = 0;
  virtual TokenKind kind(int32_t token) const = 0;
  virtual std::optional<int32_t> find(std::string_view piece) const = 0;

  virtual std::optional<int32_t> bos() const = 0;
  virtual std::optional<int32_t> eos() const = 0;
  virtual bool adds_bos() const = 0;                     // the file asks for it before a prompt
  virtual bool adds_space() const { return false; }      // encode puts one before the text; decode takes it off
  virtual bool ends_generation(int32_t token) const = 0;  // eos, end of turn, end of message
  virtual std::string_view chat_template() const = 0;     // template text, or empty

  // Without the BOS token. parse_special: pieces of control tokens in the text become those
  // tokens; otherwise they are plain text (user-defined tokens are always found). Text need not be
  // valid UTF-8: malformed bytes are tokenized as bytes. Time grows as n log n, one word included.
  virtual std::vector<int32_t> encode(std::string_view text, bool parse_special) const = 0;
  // Bytes of all tokens in a row; control tokens give nothing unless show_special. The first space
  // goes where adds_space().
  std::string decode(std::span<const int32_t> tokens, bool show_special = false) const;
};

// Turns the bytes of one token after another into pieces of valid UTF-8: a sequence that is not
// complete yet waits, bytes that can never be part of one become U+FFFD.
class Utf8Stream {
 public:
  std::string add(std::string_view bytes);
  std::string finish();  // what waits, as U+FFFD; the stream is then empty

 private:
  std::string pending_;
};

}  // namespace engine
