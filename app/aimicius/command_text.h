// app/aimicius/command_text.h: command lines made comparable.
// Two lines are equal where a shell would see the same words: white space, the kind of quotes and
// line continuations do not matter; option order and spelling do.
#pragma once
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace app::aimicius {

// The command inside a model's answer: the first fenced block, or the first line that is not empty;
// a leading "$ " and surrounding back-quotes go away. found is false where nothing is left.
struct ExtractedCommand {
  std::string text;
  bool found = false;
  bool fenced = false;
};
ExtractedCommand extract_command(std::string_view answer);

// Words and operators (| && ; > ...) of a command line, quotes removed. {{place holders}} are one
// word. An unclosed quote runs to the end.
std::vector<std::string> command_words(std::string_view command);

bool same_command(std::string_view a, std::string_view b);

// The program a line starts, variables in front of it skipped: "nvidia-smi".
std::string command_tool(std::string_view command);

// Its options without their values: {"-i", "--query-gpu"}.
std::set<std::string> command_flags(std::string_view command);

}  // namespace app::aimicius
