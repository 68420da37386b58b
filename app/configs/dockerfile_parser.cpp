#include <algorithm>
#include <cctype>

#include "app/configs/dockerfile.h"
#include "engine/base/text.h"

namespace app::configs::dockerfile {
namespace {

std::string upper(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return out;
}

bool is_keyword(const std::string& word) {
  static constexpr const char* known[] = {
      "FROM", "RUN",     "CMD",        "LABEL",       "EXPOSE", "ENV",
      "ADD",  "COPY",    "ENTRYPOINT", "VOLUME",      "USER",   "WORKDIR",
      "ARG",  "ONBUILD", "STOPSIGNAL", "HEALTHCHECK", "SHELL",  "MAINTAINER"};
  return std::find(std::begin(known), std::end(known), word) != std::end(known);
}

// Words as docker splits them: blanks separate, quotes group and go away.
std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool open = false;
  char quote = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote) {
      if (c == quote)
        quote = 0;
      else
        word += c;
    } else if (c == '"' || c == '\'') {
      quote = c;
      open = true;
    } else if (std::isspace(static_cast<unsigned char>(c))) {
      if (open) words.push_back(word);
      word.clear();
      open = false;
    } else {
      word += c;
      open = true;
    }
  }
  if (open) words.push_back(word);
  return words;
}

// ["a", "b"], or nothing where the text is not such a list of strings.
std::optional<std::vector<std::string>> json_words(std::string_view text) {
  text = engine::trim(text);
  if (text.empty() || text.front() != '[' || text.back() != ']') return std::nullopt;
  std::vector<std::string> words;
  size_t i = 1;
  const auto skip = [&] {
    while (i < text.size() && std::isspace(static_cast<unsigned char>(text[i]))) ++i;
  };
  for (skip(); text[i] != ']'; skip()) {
    if (text[i] != '"') return std::nullopt;
    std::string word;
    for (++i; i < text.size() && text[i] != '"'; ++i) {
      if (text[i] == '\\' && i + 1 < text.size()) ++i;
      word += text[i];
    }
    if (++i >= text.size()) return std::nullopt;
    words.push_back(word);
    skip();
    if (text[i] == ',')
      ++i;
    else if (text[i] != ']')
      return std::nullopt;
  }
  return words;
}

struct Line {
  std::string_view text;
  int number = 0;
};

class Parser {
 public:
  explicit Parser(std::string_view text) {
    int number = 0;
    for (std::string_view line : engine::split(text, '\n')) {
      if (line.ends_with('\r')) line.remove_suffix(1);
      lines_.push_back({line, ++number});
    }
  }

  File run() {
    read_directives();
    while (at_ < lines_.size()) {
      const std::string_view trimmed = engine::trim(lines_[at_].text);
      if (trimmed.empty()) {
        ++at_;
      } else if (trimmed.front() == '#') {
        file_.comments.emplace_back(lines_[at_].number, std::string(trimmed.substr(1)));
        ++at_;
      } else {
        read_instruction();
      }
    }
    if (file_.stages.empty()) file_.stages.emplace_back();
    return std::move(file_);
  }

 private:
  // "# escape=`" before anything else changes the character that continues a line.
  void read_directives() {
    for (const Line& line : lines_) {
      const std::string_view trimmed = engine::trim(line.text);
      if (!trimmed.starts_with('#')) return;
      const std::string_view body = trimmed.substr(1);
      const size_t equals = std::min(body.find('='), body.size());
      const std::string_view value = engine::trim(body.substr(std::min(equals + 1, body.size())));
      if (engine::to_lower_ascii(engine::trim(body.substr(0, equals))) == "escape" &&
          value.size() == 1)
        escape_ = value.front();
    }
  }

  bool continues(std::string_view line) const {
    const std::string_view trimmed = engine::trim(line);
    return !trimmed.empty() && trimmed.back() == escape_;
  }

  void read_instruction() {
    Instruction instruction;
    instruction.line = lines_[at_].number;
    std::string joined;
    while (at_ < lines_.size()) {
      const Line& line = lines_[at_++];
      const std::string_view trimmed = engine::trim(line.text);
      const bool first = joined.empty();
      if (!first && (trimmed.empty() || trimmed.front() == '#'))
        continue;  // allowed between continuation lines
      instruction.line_starts.push_back(static_cast<int>(joined.size()));
      instruction.line_numbers.push_back(line.number);
      std::string_view body = first ? trimmed : std::string_view(line.text);
      const bool more = continues(body);
      if (more) body = body.substr(0, body.find_last_of(escape_));
      joined += body;
      if (!more) break;
      joined += ' ';
    }
    instruction.column =
        static_cast<int>(
            lines_[static_cast<size_t>(instruction.line - 1)].text.find_first_not_of(" \t")) +
        1;
    finish(std::move(instruction), joined);
  }

  void finish(Instruction instruction, std::string_view joined) {
    const size_t space = std::min(joined.find_first_of(" \t"), joined.size());
    instruction.keyword = upper(joined.substr(0, space));
    const size_t begin = std::min(joined.find_first_not_of(" \t", space), joined.size());
    for (int& start : instruction.line_starts) start = std::max(0, start - static_cast<int>(begin));
    instruction.text = engine::trim(joined.substr(begin));
    if (!is_keyword(instruction.keyword)) {
      if (!file_.error)
        file_.error = ParseError{instruction.line, instruction.column,
                                 "\"" + std::string(joined.substr(0, std::min<size_t>(space, 40))) +
                                     "\" is not an instruction"};
      return;
    }
    read_heredocs(instruction);
    read_flags(instruction);
    if (instruction.keyword == "ONBUILD") {
      add(instruction);
      Instruction inner = instruction;
      inner.on_build = true;
      inner.flags.clear();
      const std::string text = instruction.text;
      return finish_inner(std::move(inner), text);
    }
    add(std::move(instruction));
  }

  void finish_inner(Instruction inner, const std::string& text) {
    const size_t space = std::min(text.find_first_of(" \t"), text.size());
    inner.keyword = upper(std::string_view(text).substr(0, space));
    if (!is_keyword(inner.keyword) || inner.keyword == "ONBUILD" || inner.keyword == "FROM") return;
    inner.text = engine::trim(std::string_view(text).substr(space));
    read_flags(inner);
    add(std::move(inner));
  }

  void read_heredocs(Instruction& instruction) {
    if (instruction.keyword != "RUN" && instruction.keyword != "COPY" &&
        instruction.keyword != "ADD")
      return;
    for (size_t at = instruction.text.find("<<"); at != std::string::npos;
         at = instruction.text.find("<<", at + 2)) {
      size_t i = at + 2;
      const bool strip = i < instruction.text.size() && instruction.text[i] == '-';
      if (strip) ++i;
      std::string end;
      for (; i < instruction.text.size() &&
             (std::isalnum(static_cast<unsigned char>(instruction.text[i])) ||
              instruction.text[i] == '_' || instruction.text[i] == '"' ||
              instruction.text[i] == '\'');
           ++i) {
        if (instruction.text[i] != '"' && instruction.text[i] != '\'') end += instruction.text[i];
      }
      if (end.empty() || std::isdigit(static_cast<unsigned char>(end[0]))) continue;
      std::string body;
      for (; at_ < lines_.size(); ++at_) {
        const std::string_view line = strip ? engine::trim(lines_[at_].text) : lines_[at_].text;
        if (line == end) break;
        body += std::string(lines_[at_].text) + "\n";
      }
      ++at_;
      instruction.heredocs.push_back(std::move(body));
    }
  }

  static void read_flags(Instruction& instruction) {
    std::string_view rest = instruction.text;
    while (rest.starts_with("--")) {
      const size_t end = std::min(rest.find_first_of(" \t"), rest.size());
      const std::string_view flag = rest.substr(2, end - 2);
      const size_t equals = flag.find('=');
      std::string value(equals == std::string_view::npos ? "" : flag.substr(equals + 1));
      std::erase_if(value, [](char c) { return c == '"' || c == '\''; });
      instruction.flags.emplace_back(std::string(flag.substr(0, equals)), value);
      rest = engine::trim(rest.substr(end));
    }
    const auto json = json_words(rest);
    instruction.is_json = json.has_value();
    instruction.words = json ? *json : split_words(rest);
    const size_t skipped = instruction.text.size() - rest.size();
    instruction.text = std::string(rest);
    for (int& start : instruction.line_starts)
      start = std::max(0, start - static_cast<int>(skipped));
  }

  void add(Instruction instruction) {
    if (instruction.keyword == "FROM" && !instruction.on_build) start_stage(instruction);
    if (file_.stages.empty() && instruction.keyword != "ARG") file_.stages.emplace_back();
    instruction.stage = file_.stages.empty() ? 0 : file_.stages.size() - 1;
    file_.instructions.push_back(std::move(instruction));
  }

  void start_stage(const Instruction& from) {
    Stage stage;
    stage.from = file_.instructions.size();
    if (!from.words.empty()) stage.image = parse_image(from.words[0]);
    if (from.words.size() >= 3 && upper(from.words[1]) == "AS") stage.alias = from.words[2];
    for (size_t i = 0; i < file_.stages.size(); ++i) {
      if (!file_.stages[i].alias.empty() && !from.words.empty() &&
          file_.stages[i].alias == from.words[0])
        stage.parent = i;
    }
    file_.stages.push_back(std::move(stage));
  }

  std::vector<Line> lines_;
  size_t at_ = 0;
  char escape_ = '\\';
  File file_;
};

}  // namespace

int Instruction::line_at(size_t offset) const {
  int found = line;
  for (size_t i = 0; i < line_starts.size() && line_starts[i] <= static_cast<int>(offset); ++i)
    found = line_numbers[i];
  return found;
}

std::string Instruction::flag(std::string_view name) const {
  for (const auto& [flag_name, value] : flags) {
    if (flag_name == name) return value;
  }
  return "";
}

std::vector<Command> Instruction::commands() const {
  if (keyword != "RUN" && keyword != "CMD" && keyword != "ENTRYPOINT") return {};
  if (is_json) {
    Command command;
    if (words.empty()) return {};
    command.name = words[0];
    command.args.assign(words.begin() + 1, words.end());
    return {command};
  }
  std::vector<Command> all = shell_commands(text);
  if (!text.starts_with("<<") && !heredocs.empty())
    return all;  // the here-document feeds a command
  for (const std::string& body : heredocs) {
    for (Command& command : shell_commands(body)) all.push_back(std::move(command));
  }
  return all;
}

File parse(std::string_view text) { return Parser(text).run(); }

}  // namespace app::configs::dockerfile
