// app/configs/dockerfile.h: a Dockerfile as instructions, and the shell commands inside RUN.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/configs/image.h"
#include "app/configs/rule_book.h"
#include "app/configs/yaml_reader.h"  // ParseError

namespace app::configs::dockerfile {

// One simple command of a shell script, quotes removed.
struct Command {
  std::string name;                                              // "apt-get"
  std::vector<std::string> args;                                 // everything after it
  std::vector<std::pair<std::string, std::string>> environment;  // NAME=value in front of it
  size_t offset = 0;                                             // in the script
  bool piped = false;  // its output goes into the next one

  bool has_flag(std::initializer_list<std::string_view> flags)
      const;  // "-y", "--yes", "--yes=..."; "-qy" has -y
  bool has_arg(std::string_view arg) const;
  // Args that are neither flags nor the values of flags that take one.
  std::vector<std::string> words(
      std::initializer_list<std::string_view> flags_with_value = {}) const;
};

// Splits a script into its commands, in order; those inside $(...), ( ), { } and if/for too.
std::vector<Command> shell_commands(std::string_view script);

struct Instruction {
  std::string keyword;  // upper case
  std::string text;     // what follows it, continuation lines joined by a space
  int line = 0, column = 0;
  std::vector<int> line_starts;   // offsets in text where each following physical line begins...
  std::vector<int> line_numbers;  // ...and its number
  std::vector<std::pair<std::string, std::string>> flags;  // --from=x, --mount=...
  std::vector<std::string> words;  // of text after the flags, quotes removed; or of the JSON array
  bool is_json = false;            // ["exec", "form"]
  std::vector<std::string> heredocs;
  bool on_build = false;  // stood behind ONBUILD
  size_t stage = 0;       // index into File::stages

  int line_at(size_t offset) const;
  std::string flag(std::string_view name) const;  // "" where it is not given
  std::vector<Command> commands() const;          // of RUN, and of CMD and ENTRYPOINT in shell form
};

struct Stage {
  std::string alias;  // "" where none
  Image image;
  std::optional<size_t> parent;  // the earlier stage it builds on
  size_t from = 0;  // index of its FROM in File::instructions; npos before the first FROM
};

struct File {
  std::vector<Instruction> instructions;
  std::vector<Stage> stages;  // at least one: text without FROM is a stage of its own
  std::vector<std::pair<int, std::string>> comments;  // line, text after '#'
  std::optional<ParseError> error;
};

File parse(std::string_view text);

void check_instructions(const File& file, Report& report);  // dockerfile.cpp
void check_commands(const File& file, Report& report);      // dockerfile_commands.cpp

}  // namespace app::configs::dockerfile
