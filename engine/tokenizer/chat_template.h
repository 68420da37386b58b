// engine/tokenizer/chat_template.h: writes a conversation the way a model was trained to read it.
// The template text of a model file is a Jinja program; running one from an untrusted file has given
// other programs code execution, so it is only looked at to recognise its family, never run.
#pragma once
#include <span>
#include <string>
#include <string_view>

namespace engine {

struct ChatMessage {
  std::string role;                // system, user, assistant
  std::string content;
};

enum class ChatFamily {
  chatml,    // <|im_start|>role\n...<|im_end|>\n          (SmolLM, Qwen)
  llama3,    // <|start_header_id|>role<|end_header_id|>\n\n...<|eot_id|>
  zephyr,    // <|user|>\n...</s>\n
  gemma,     // <start_of_turn>user\n...<end_of_turn>\n
  llama2,    // [INST] <<SYS>>\nsystem\n<</SYS>>\n\n... [/INST] answer </s><s>[INST] ...   (Mistral without <<SYS>>)
  plain,     // User: ...\n\nAssistant:   where nothing is recognised
};

const char* chat_family_name(ChatFamily family);
ChatFamily detect_chat_family(std::string_view chat_template);

// A conversation that ends where the model should answer, without a BOS token. template_text: for
// what a family leaves to the model, its default system message. A message's text stands as it is;
// the caller sees to it that it cannot forge control tokens (break_pieces).
std::string format_chat(ChatFamily family, std::string_view template_text,
                        std::span<const ChatMessage> messages);

// text with a space after the first character of each of the pieces found in it, so that it can no
// longer be read as one.
std::string break_pieces(std::string_view text, std::span<const std::string_view> pieces);

}  // namespace engine
