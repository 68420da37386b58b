// tools/ctl/command.h: how a sigmactl command is added: one file a command (or a group of them),
// one line in command_list.cpp.
#pragma once
#include <CLI/CLI.hpp>
#include <functional>
#include <string>

namespace ctl {

// What the command line chose; run() is called after parsing and its status is the program's.
// It may throw engine::Error: main() prints the message and picks the status.
struct Program {
  CLI::App& cli;
  std::function<int()> run;      // set by the chosen command's callback
  std::string data_folder;       // --data-folder; empty: the user's
};

// A command's callback, as CLI11 wants it: `command->callback(chosen(program, [=] { return 0; }))`.
std::function<void()> chosen(Program& program, std::function<int()> run);

void add_commands(Program& program);  // command_list.cpp: all of them, in the order of the help

}  // namespace ctl
