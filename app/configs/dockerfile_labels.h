// app/configs/dockerfile_labels.h: what the checks of instructions share, and the check of labels.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "app/configs/dockerfile.h"

namespace app::configs::dockerfile {

std::string lower(std::string_view text);
void add(Report& report, const char* rule, const Instruction& at, std::string_view detail = {});
std::string unquoted(std::string text);

// KEY=value pairs of LABEL, ENV and ARG; the old form "KEY value" is one.
struct Pair {
  std::string key, value;
};
std::vector<Pair> pairs_of(const Instruction& instruction);

void check_labels(const Instruction& instruction, Report& report);

}  // namespace app::configs::dockerfile
