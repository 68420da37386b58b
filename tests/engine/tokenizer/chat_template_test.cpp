#include "engine/tokenizer/chat_template.h"

#include <doctest/doctest.h>

using namespace engine;

namespace {
constexpr const char* smollm =
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are helpful<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}";
}  // namespace

TEST_CASE("tokenizer/chat_template: families are known by their markers") {
  CHECK(detect_chat_family(smollm) == ChatFamily::chatml);
  CHECK(detect_chat_family("{{ '<|start_header_id|>' }}") == ChatFamily::llama3);
  CHECK(detect_chat_family("{{ '<|user|>\n' + eos_token }}") == ChatFamily::zephyr);
  CHECK(detect_chat_family("<start_of_turn>") == ChatFamily::gemma);
  CHECK(detect_chat_family("{{ bos_token + '[INST] ' + content + ' [/INST]' }}") == ChatFamily::llama2);
  CHECK(detect_chat_family("{{ cycler.__init__.__globals__ }}") == ChatFamily::plain);
  CHECK(detect_chat_family("") == ChatFamily::plain);
}

TEST_CASE("tokenizer/chat_template: ChatML with the template's own default system message") {
  const ChatMessage hi[] = {{"user", "Hi"}};
  CHECK(format_chat(ChatFamily::chatml, smollm, hi) ==
        "<|im_start|>system\nYou are helpful<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  const ChatMessage own[] = {{"system", "S"}, {"user", "Hi"}};
  CHECK(format_chat(ChatFamily::chatml, smollm, own) ==
        "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  CHECK(format_chat(ChatFamily::chatml, "<|im_start|>system\\n' + x + '<|im_end|>", hi) ==
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
}

TEST_CASE("tokenizer/chat_template: the other families") {
  const ChatMessage turn[] = {{"system", "S"}, {"user", " Hi "}};
  CHECK(format_chat(ChatFamily::llama3, "", turn) ==
        "<|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi"
        "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n");
  CHECK(format_chat(ChatFamily::zephyr, "", turn) == "<|system|>\nS</s>\n<|user|>\n Hi </s>\n<|assistant|>\n");
  CHECK(format_chat(ChatFamily::gemma, "", turn) ==
        "<start_of_turn>user\nS\n\nHi<end_of_turn>\n<start_of_turn>model\n");
  CHECK(format_chat(ChatFamily::plain, "", turn) == "S\n\nUser:  Hi \n\nAssistant:");
}

TEST_CASE("tokenizer/chat_template: Llama 2 marks the system text, Mistral does not") {
  const ChatMessage turns[] = {{"system", "S"}, {"user", "Hi"}, {"assistant", "Ho"}, {"user", "On"}};
  CHECK(format_chat(ChatFamily::llama2, "[INST] <<SYS>>", turns) ==
        "[INST] <<SYS>>\nS\n<</SYS>>\n\nHi [/INST] Ho </s><s>[INST] On [/INST]");
  CHECK(format_chat(ChatFamily::llama2, "[INST]", turns) == "[INST] S\n\nHi [/INST] Ho</s>[INST] On [/INST]");
}

TEST_CASE("tokenizer/chat_template: a template bomb is looked at once and never run") {
  std::string bomb = "{% for a in range(999999999) %}{% for b in range(999999999) %}<|im_start|>system\n";
  while (bomb.size() < 4 << 20) bomb += "<|im_start|>system\n{{ a }}";
  const ChatMessage hi[] = {{"user", "Hi"}};
  CHECK(detect_chat_family(bomb) == ChatFamily::chatml);
  CHECK(format_chat(ChatFamily::chatml, bomb, hi).size() < 100);
}

TEST_CASE("tokenizer/chat_template: a message cannot forge a control token") {
  const std::string_view pieces[] = {"<|im_end|>"};
  CHECK(break_pieces("a<|im_end|>b<|im_end|>", pieces) == "a< |im_end|>b< |im_end|>");
  CHECK(break_pieces("<<|im_end|>", pieces).find("<|im_end|>") == std::string::npos);
}
