#include "app/aimicius/command_text.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "engine/base/text.h"

namespace app::aimicius {
namespace {

bool is_operator(std::string_view word) {
  static const std::set<std::string_view> operators = {
      "|", "||", "&&", "&", ";", ">", ">>", "<", "<<", "(", ")", "2>", "2>&1", "|&", "&>", ">&"};
  return operators.contains(word);
}

bool is_assignment(std::string_view word) {
  const size_t equals = word.find('=');
  if (equals == std::string_view::npos || equals == 0 ||
      std::isdigit(static_cast<unsigned char>(word[0])))
    return false;
  return std::all_of(word.begin(), word.begin() + static_cast<long>(equals),
                     [](unsigned char c) { return std::isalnum(c) || c == '_'; });
}

std::string_view without_fence(std::string_view answer, bool& fenced) {
  const size_t open = answer.find("```");
  if (open == std::string_view::npos) return answer;
  const size_t body = answer.find('\n', open);
  if (body == std::string_view::npos) return answer;
  fenced = true;
  return answer.substr(body + 1, answer.find("```", body) - body - 1);
}

class Words {
 public:
  explicit Words(std::string_view text) : text_(text) {}

  std::vector<std::string> run() {
    while (at_ < text_.size()) step();
    end_word();
    return std::move(words_);
  }

 private:
  void step() {
    const char c = text_[at_];
    if (text_.substr(at_).starts_with("{{")) return place_holder();
    if (c == '\'' || c == '"') return quoted(c);
    if (c == '\\' && at_ + 1 < text_.size()) {
      at_ += 2;
      if (text_[at_ - 1] == '\n') return end_word();
      open_ = true;
      word_ += text_[at_ - 1];
    } else if (std::isspace(static_cast<unsigned char>(c))) {
      end_word();
      ++at_;
    } else if (c == '|' || c == '&' || c == ';' || c == '>' || c == '<' || c == '(' || c == ')') {
      operator_at();
    } else {
      open_ = true;
      word_ += c;
      ++at_;
    }
  }

  void place_holder() {
    const size_t end = text_.find("}}", at_);
    const size_t stop = end == std::string_view::npos ? text_.size() : end + 2;
    open_ = true;
    word_ += text_.substr(at_, stop - at_);
    at_ = stop;
  }

  void quoted(char quote) {
    open_ = true;
    for (++at_; at_ < text_.size() && text_[at_] != quote; ++at_) {
      const bool escape = quote == '"' && text_[at_] == '\\' && at_ + 1 < text_.size() &&
                          std::string_view("\"\\$`").find(text_[at_ + 1]) != std::string_view::npos;
      if (escape) ++at_;
      word_ += text_[at_];
    }
    ++at_;
  }

  void operator_at() {
    const bool joins =
        !word_.empty() &&
        (word_.back() == '$' || word_.find_first_not_of("0123456789") == std::string::npos);
    if (text_[at_] == '(' && joins &&
        word_.back() == '$') {  // $( ... ) stays with its word's words
      word_ += text_[at_++];
      return end_word();
    }
    std::string op;
    if ((text_[at_] == '>' || text_[at_] == '<') && joins) op = std::exchange(word_, "");
    end_word();
    while (at_ < text_.size() &&
           (text_[at_] == '|' || text_[at_] == '&' || text_[at_] == '>' || text_[at_] == '<') &&
           op.size() < 4)
      op += text_[at_++];
    if (op.empty()) op = text_[at_++];
    if (op.ends_with('&') && op.size() > 1 && at_ < text_.size() &&
        std::isdigit(static_cast<unsigned char>(text_[at_])))
      op += text_[at_++];
    words_.push_back(op);
  }

  void end_word() {
    if (open_ || !word_.empty()) words_.push_back(word_);
    word_.clear();
    open_ = false;
  }

  std::string_view text_;
  size_t at_ = 0;
  std::string word_;
  bool open_ = false;
  std::vector<std::string> words_;
};

}  // namespace

ExtractedCommand extract_command(std::string_view answer) {
  ExtractedCommand command;
  std::string joined;
  for (std::string_view line : engine::split(without_fence(answer, command.fenced), '\n')) {
    line = engine::trim(line);
    if (line.empty() && joined.empty()) continue;
    if (line.empty()) break;
    joined += line;
    if (!line.ends_with('\\')) break;  // a continued command goes on in the next line
    joined.back() = ' ';
  }
  std::string_view text = engine::trim(joined);
  if (text.starts_with("$ ") || text.starts_with("# ") || text.starts_with("> "))
    text = engine::trim(text.substr(2));
  while (text.size() >= 2 && text.front() == '`' && text.back() == '`')
    text = engine::trim(text.substr(1, text.size() - 2));
  command.text = text;
  command.found = !text.empty();
  return command;
}

std::vector<std::string> command_words(std::string_view command) { return Words(command).run(); }

bool same_command(std::string_view a, std::string_view b) {
  return command_words(a) == command_words(b);
}

std::string command_tool(std::string_view command) {
  for (const std::string& word : command_words(command)) {
    if (!is_assignment(word) && !is_operator(word)) return word;
  }
  return "";
}

std::set<std::string> command_flags(std::string_view command) {
  std::set<std::string> flags;
  for (const std::string& word : command_words(command)) {
    const bool flag =
        word.size() > 1 && word[0] == '-' && !std::isdigit(static_cast<unsigned char>(word[1]));
    if (flag) flags.insert(word.substr(0, word.find('=')));
  }
  return flags;
}

}  // namespace app::aimicius
