// A shell script as a flat list of simple commands: enough for "which program is run how", not a
// shell. Expansions stay as written; here-documents inside a script are read as commands.
#include <algorithm>
#include <cctype>
#include <set>

#include "app/configs/dockerfile.h"

namespace app::configs::dockerfile {
namespace {

constexpr int max_depth = 20;  // $( $( ... ) )

bool is_reserved(const std::string& word) {
  static const std::set<std::string> words = {"if",   "then",  "else",    "elif",   "fi", "do",
                                              "done", "while", "until",   "{",      "}",  "!",
                                              "time", "exec",  "command", "builtin"};
  return words.contains(word);
}

bool is_assignment(const std::string& word) {
  const size_t equals = word.find('=');
  if (equals == std::string::npos || equals == 0 ||
      std::isdigit(static_cast<unsigned char>(word[0])))
    return false;
  return std::all_of(word.begin(), word.begin() + static_cast<long>(equals),
                     [](unsigned char c) { return std::isalnum(c) || c == '_'; });
}

class Splitter {
 public:
  Splitter(std::string_view script, int depth) : script_(script), depth_(depth) {}

  std::vector<Command> run() {
    while (at_ < script_.size()) step();
    end_command(false);
    return std::move(commands_);
  }

 private:
  void step() {
    const char c = script_[at_];
    const char next = at_ + 1 < script_.size() ? script_[at_ + 1] : '\0';
    if (c == '\'') return single_quoted();
    if (c == '"') return double_quoted();
    if (c == '\\') return escaped();
    if (c == '$' && next == '(') return substitution('(', ')', 2);
    if (c == '`') return backticks();
    if (c == '#' && word_.empty() && !in_word_) return comment();
    if (c == '&' && next == '&') return separator(2, false);
    if (c == '|' && next == '|') return separator(2, false);
    if (c == '|') return separator(next == '&' ? 2 : 1, true);
    if (c == '&' && (next == '>' || (!word_.empty() && word_.back() == '>'))) return plain();
    if (c == ';' || c == '\n' || c == '&' || c == '(' || c == ')') return separator(1, false);
    if (c == '>' || c == '<') return plain();
    if (std::isspace(static_cast<unsigned char>(c))) {
      end_word();
      ++at_;
      return;
    }
    plain();
  }

  void plain() {
    begin_word();
    word_ += script_[at_++];
  }

  void begin_word() {
    if (!in_word_ && words_.empty()) offset_ = at_;
    in_word_ = true;
  }

  void single_quoted() {
    begin_word();
    const size_t end = script_.find('\'', at_ + 1);
    const size_t stop = end == std::string_view::npos ? script_.size() : end;
    word_ += script_.substr(at_ + 1, stop - at_ - 1);
    at_ = stop + 1;
  }

  void double_quoted() {
    begin_word();
    for (++at_; at_ < script_.size() && script_[at_] != '"';) {
      if (script_[at_] == '\\' && at_ + 1 < script_.size()) {
        word_ += script_[at_ + 1];
        at_ += 2;
      } else if (script_[at_] == '$' && at_ + 1 < script_.size() && script_[at_ + 1] == '(') {
        substitution('(', ')', 2);
      } else {
        word_ += script_[at_++];
      }
    }
    ++at_;
  }

  void escaped() {
    begin_word();
    if (at_ + 1 < script_.size() && !std::isspace(static_cast<unsigned char>(script_[at_ + 1])))
      word_ += script_[at_ + 1];
    at_ += 2;
  }

  void substitution(char open, char close, size_t skip) {
    begin_word();
    const size_t begin = at_ + skip;
    size_t end = begin;
    for (int level = 1; end < script_.size(); ++end) {
      if (script_[end] == open) ++level;
      if (script_[end] == close && --level == 0) break;
    }
    run_inner(script_.substr(begin, end - begin), begin);
    word_ += "$(...)";
    at_ = std::min(end + 1, script_.size());
  }

  void backticks() {
    begin_word();
    const size_t end = std::min(script_.find('`', at_ + 1), script_.size());
    run_inner(script_.substr(at_ + 1, end - at_ - 1), at_ + 1);
    word_ += "$(...)";
    at_ = end + 1;
  }

  void run_inner(std::string_view script, size_t offset) {
    if (depth_ >= max_depth) return;
    for (Command& command : Splitter(script, depth_ + 1).run()) {
      command.offset += offset;
      inner_.push_back(std::move(command));
    }
  }

  void comment() {
    while (at_ < script_.size() && script_[at_] != '\n') ++at_;
  }

  void separator(size_t length, bool pipe) {
    end_command(pipe);
    at_ += length;
  }

  void end_word() {
    if (in_word_) words_.push_back(word_);
    word_.clear();
    in_word_ = false;
  }

  void end_command(bool pipe) {
    end_word();
    Command command;
    command.offset = offset_;
    command.piped = pipe;
    size_t i = 0;
    while (i < words_.size() && (is_reserved(words_[i]) || is_assignment(words_[i]))) {
      const size_t equals = words_[i].find('=');
      if (!is_reserved(words_[i]))
        command.environment.emplace_back(words_[i].substr(0, equals), words_[i].substr(equals + 1));
      ++i;
    }
    for (Command& each : inner_) commands_.push_back(std::move(each));
    inner_.clear();
    if (i < words_.size()) {
      command.name = words_[i];
      const size_t slash = command.name.rfind('/');
      if (command.name.starts_with("/usr/bin/") || command.name.starts_with("/bin/"))
        command.name = command.name.substr(slash + 1);
      command.args.assign(words_.begin() + static_cast<long>(i) + 1, words_.end());
      commands_.push_back(std::move(command));
    }
    words_.clear();
  }

  std::string_view script_;
  int depth_;
  size_t at_ = 0, offset_ = 0;
  std::string word_;
  bool in_word_ = false;
  std::vector<std::string> words_;
  std::vector<Command> commands_, inner_;
};

}  // namespace

bool Command::has_arg(std::string_view arg) const {
  return std::find(args.begin(), args.end(), arg) != args.end();
}

bool Command::has_flag(std::initializer_list<std::string_view> flags) const {
  for (const std::string& arg : args) {
    for (std::string_view flag : flags) {
      if (arg == flag || (flag.starts_with("--") && arg.starts_with(std::string(flag) + "=")))
        return true;
      // Bundled short flags: -yqq has -y.
      const bool bundle = flag.size() == 2 && arg.size() > 2 && arg[0] == '-' && arg[1] != '-';
      if (bundle && arg.substr(0, arg.find('=')).find(flag[1]) != std::string::npos) return true;
    }
  }
  return false;
}

std::vector<std::string> Command::words(
    std::initializer_list<std::string_view> flags_with_value) const {
  std::vector<std::string> out;
  for (size_t i = 0; i < args.size(); ++i) {
    if (args[i] == "--") break;
    const bool redirect = args[i].find_first_of("<>") != std::string::npos &&
                          args[i].find_first_not_of("0123456789<>&") == std::string::npos;
    if (redirect || std::find(flags_with_value.begin(), flags_with_value.end(), args[i]) !=
                        flags_with_value.end()) {
      ++i;
    } else if (!args[i].starts_with('-') && !args[i].starts_with('>') &&
               !args[i].starts_with("2>")) {
      out.push_back(args[i]);
    }
  }
  return out;
}

std::vector<Command> shell_commands(std::string_view script) { return Splitter(script, 0).run(); }

}  // namespace app::configs::dockerfile
