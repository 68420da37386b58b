// app/configs/dockerfile_run.h: the commands of one RUN, and the checks of programs in them.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "app/configs/dockerfile.h"

namespace app::configs::dockerfile {

using Words = std::vector<std::string>;

// One RUN with its commands, and where to report.
struct Run {
  const File& file;
  const Instruction& instruction;
  std::vector<Command> commands;
  Report& report;

  void add(const char* rule, const Command& command, std::string_view detail = {}) const;
  bool mounts(std::string_view path) const;  // a cache or tmpfs mount that covers the path
};

bool is_one_of(const std::string& text, std::initializer_list<std::string_view> list);
bool takes(const Words& words, std::initializer_list<std::string_view> sub_commands);
bool is_variable(const std::string& word);
bool removes(const Command& command, std::string_view path);  // rm -r path...
// Some command after the given one passes the test.
bool later(const Run& run, const Command& from, const std::function<bool(const Command&)>& test);

// dockerfile_system_packages.cpp
void check_apt(const Run& run, const Command& command);
void check_apk(const Run& run, const Command& command);
void check_rpm_programs(const Run& run, const Command& command);  // yum, dnf and their like
void check_zypper(const Run& run, const Command& command);
void check_apt_lists(const Run& run);
void check_lone_update(const Run& run);

// dockerfile_language_packages.cpp
void check_pip(const Run& run, const Command& command);
void check_npm(const Run& run, const Command& command);
void check_gem(const Run& run, const Command& command);
void check_go(const Run& run, const Command& command);
void check_yarn(const Run& run, const Command& command);

}  // namespace app::configs::dockerfile
