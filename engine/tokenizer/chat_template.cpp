#include "engine/tokenizer/chat_template.h"

#include <algorithm>

#include "engine/base/text.h"

namespace engine {
namespace {

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// The system message that a ChatML template adds where the conversation brings none: a literal
// between the markers. Anything computed (quotes, braces) is not one.
std::string default_system(std::string_view chat_template) {
  // Templates are some KB. A file may hold one that is all openings: looking for each one's end takes
  // so much text and no more.
  constexpr size_t longest_template = 1 << 20, longest_literal = 4096;
  chat_template = chat_template.substr(0, longest_template);
  constexpr std::string_view open = "<|im_start|>system", close = "<|im_end|>";
  for (size_t at = chat_template.find(open); at != std::string_view::npos;
       at = chat_template.find(open, at + 1)) {
    std::string_view rest = chat_template.substr(at + open.size());
    if (rest.substr(0, 2) == "\\n") {
      rest.remove_prefix(2);
    } else if (rest.substr(0, 1) == "\n") {
      rest.remove_prefix(1);
    } else {
      continue;
    }
    const size_t end = rest.substr(0, longest_literal).find(close);
    if (end == std::string_view::npos) continue;
    const std::string_view literal = rest.substr(0, end);
    if (literal.find_first_of("'\"{}") != std::string_view::npos) continue;
    return std::string(literal);
  }
  return "";
}

std::string chatml(std::string_view chat_template, std::span<const ChatMessage> messages) {
  std::string out;
  const std::string system = default_system(chat_template);
  if (!system.empty() && (messages.empty() || messages[0].role != "system")) {
    out += "<|im_start|>system\n" + system + "<|im_end|>\n";
  }
  for (const ChatMessage& m : messages) out += "<|im_start|>" + m.role + "\n" + m.content + "<|im_end|>\n";
  return out + "<|im_start|>assistant\n";
}

std::string llama3(std::span<const ChatMessage> messages) {
  std::string out;
  for (const ChatMessage& m : messages) {
    out += "<|start_header_id|>" + m.role + "<|end_header_id|>\n\n" + std::string(trim(m.content)) + "<|eot_id|>";
  }
  return out + "<|start_header_id|>assistant<|end_header_id|>\n\n";
}

std::string zephyr(std::span<const ChatMessage> messages) {
  std::string out;
  for (const ChatMessage& m : messages) out += "<|" + m.role + "|>\n" + m.content + "</s>\n";
  return out + "<|assistant|>\n";
}

// Gemma knows no system role: its text leads the first user message.
std::string gemma(std::span<const ChatMessage> messages) {
  std::string out, system;
  for (const ChatMessage& m : messages) {
    if (m.role == "system") {
      system += std::string(trim(m.content)) + "\n\n";
      continue;
    }
    const bool from_model = m.role == "assistant";
    out += std::string("<start_of_turn>") + (from_model ? "model" : "user") + "\n";
    if (!from_model) {
      out += system;
      system.clear();
    }
    out += std::string(trim(m.content)) + "<end_of_turn>\n";
  }
  return out + "<start_of_turn>model\n";
}

// The system text leads the first question, in <<SYS>> marks where the template has them.
std::string llama2(std::string_view chat_template, std::span<const ChatMessage> messages) {
  const bool has_marks = has(chat_template, "<<SYS>>");
  std::string out, system;
  bool answered = false;
  for (const ChatMessage& m : messages) {
    const std::string text(trim(m.content));
    if (m.role == "system") {
      system += has_marks ? "<<SYS>>\n" + text + "\n<</SYS>>\n\n" : text + "\n\n";
    } else if (m.role == "assistant") {
      out += " " + text + (has_marks ? " </s>" : "</s>");
      answered = true;
    } else {
      if (answered && has_marks) out += "<s>";
      out += "[INST] " + system + text + " [/INST]";
      system.clear();
    }
  }
  return out;
}

std::string plain(std::span<const ChatMessage> messages) {
  std::string out;
  for (const ChatMessage& m : messages) {
    if (m.role == "user") out += "User: ";
    if (m.role == "assistant") out += "Assistant: ";
    out += m.content + "\n\n";
  }
  return out + "Assistant:";
}

}  // namespace

const char* chat_family_name(ChatFamily family) {
  static constexpr const char* names[] = {"chatml", "llama3", "zephyr", "gemma", "llama2", "plain"};
  return names[static_cast<int>(family)];
}

ChatFamily detect_chat_family(std::string_view chat_template) {
  if (has(chat_template, "<|im_start|>")) return ChatFamily::chatml;
  if (has(chat_template, "<|start_header_id|>")) return ChatFamily::llama3;
  if (has(chat_template, "<start_of_turn>")) return ChatFamily::gemma;
  if (has(chat_template, "[INST]")) return ChatFamily::llama2;
  if (has(chat_template, "<|user|>") && !has(chat_template, "<|end|>")) return ChatFamily::zephyr;
  return ChatFamily::plain;
}

std::string format_chat(ChatFamily family, std::string_view template_text,
                        std::span<const ChatMessage> messages) {
  switch (family) {
    case ChatFamily::chatml: return chatml(template_text, messages);
    case ChatFamily::llama3: return llama3(messages);
    case ChatFamily::zephyr: return zephyr(messages);
    case ChatFamily::gemma: return gemma(messages);
    case ChatFamily::llama2: return llama2(template_text, messages);
    case ChatFamily::plain: break;
  }
  return plain(messages);
}

std::string break_pieces(std::string_view text, std::span<const std::string_view> pieces) {
  std::string out(text);
  for (const std::string_view piece : pieces) {
    if (piece.size() < 2) continue;
    for (size_t at = out.find(piece); at != std::string::npos; at = out.find(piece, at + 2)) {
      out.insert(at + 1, " ");
    }
  }
  return out;
}

}  // namespace engine
