// The commands inside RUN: which check looks at which program, downloads, pipes, layers.
#include <algorithm>
#include <set>

#include "app/configs/dockerfile_run.h"
#include "engine/base/text.h"

namespace app::configs::dockerfile {

void Run::add(const char* rule, const Command& command, std::string_view detail) const {
  report.add(rule, instruction.line_at(command.offset), instruction.column, "RUN " + command.name,
             detail);
}

bool Run::mounts(std::string_view path) const {
  for (const auto& [name, value] : instruction.flags) {
    if (name != "mount" || (value.find("type=cache") == std::string::npos &&
                            value.find("type=tmpfs") == std::string::npos))
      continue;
    for (std::string_view part : engine::split(value, ',')) {
      const size_t equals = part.find('=');
      const std::string_view key = part.substr(0, equals);
      if (equals == std::string_view::npos ||
          (key != "target" && key != "dst" && key != "destination"))
        continue;
      std::string_view target = part.substr(equals + 1);
      while (target.size() > 1 && target.ends_with('/')) target.remove_suffix(1);
      if (target == path || (path.starts_with(target) && path[target.size()] == '/')) return true;
    }
  }
  return false;
}

bool is_one_of(const std::string& text, std::initializer_list<std::string_view> list) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

bool takes(const Words& words, std::initializer_list<std::string_view> sub_commands) {
  return !words.empty() && is_one_of(words[0], sub_commands);
}

bool is_variable(const std::string& word) { return word.starts_with('$'); }

bool removes(const Command& command, std::string_view path) {
  if (command.name != "rm" || !command.has_flag({"-r", "-R", "--recursive"})) return false;
  return std::any_of(command.args.begin(), command.args.end(),
                     [&](const std::string& arg) { return arg.starts_with(path); });
}

// Some command after the given one passes the test.
bool later(const Run& run, const Command& from, const std::function<bool(const Command&)>& test) {
  return std::any_of(run.commands.begin(), run.commands.end(),
                     [&](const Command& command) { return &command > &from && test(command); });
}

namespace {

// --- downloads and the rest ----------------------------------------------------------------------

void check_download(const Run& run, const Command& command) {
  if (command.name == "curl" && command.has_flag({"-k", "--insecure"}))
    run.add("dockerfile/curl-insecure", command);
  if (command.name != "wget") return;
  if (command.has_flag({"--no-check-certificate"})) run.add("dockerfile/wget-insecure", command);
  const bool quiet =
      command.has_flag(
          {"--progress", "--quiet", "--no-verbose", "--output-file", "--append-output"}) ||
      command.has_arg("-nv") || command.has_arg("-q") || command.has_arg("-o") ||
      command.has_arg("-a") ||
      std::any_of(command.args.begin(), command.args.end(), [](const std::string& arg) {
        return arg.size() > 1 && arg[0] == '-' && arg[1] != '-' &&
               arg.find('q') != std::string::npos;
      });
  if (!quiet) run.add("dockerfile/wget-progress", command);
}

void check_useradd(const Run& run, const Command& command) {
  if (command.has_arg("-l") || command.has_flag({"--no-log-init"})) return;
  for (size_t i = 0; i < command.args.size(); ++i) {
    const std::string& arg = command.args[i];
    std::string id;
    if ((arg == "-u" || arg == "--uid") && i + 1 < command.args.size()) id = command.args[i + 1];
    if (arg.starts_with("--uid=")) id = arg.substr(6);
    if (id.size() > 5) run.add("dockerfile/useradd-high-id", command);
  }
}

void check_any(const Run& run, const Command& command) {
  static const std::set<std::string> pointless = {"ssh",   "vim",      "shutdown", "service",
                                                  "ps",    "free",     "top",      "kill",
                                                  "mount", "ifconfig", "nano"};
  if (pointless.contains(command.name)) run.add("dockerfile/pointless-command", command);
  if (command.name == "sudo") run.add("dockerfile/sudo", command);
  if (command.name == "cd") run.add("dockerfile/cd-in-run", command);
  if (command.name == "chpasswd") run.add("dockerfile/chpasswd", command);
  if (command.name == "ln" && command.has_arg("/bin/sh"))
    run.add("dockerfile/shell-by-link", command);
  if (command.name == "rpm" &&
      command.has_flag({"--nodigest", "--nosignature", "--noverify", "--nofiledigest"}))
    run.add("dockerfile/rpm-unverified", command);
  if (is_one_of(command.name, {"yum", "dnf", "tdnf", "zypper"}) &&
      command.has_flag({"--nogpgcheck", "--no-gpg-checks"}))
    run.add("dockerfile/yum-unverified", command);
  if (is_one_of(command.name, {"yum-config-manager", "yum", "dnf"})) {
    for (const std::string& arg : command.args) {
      if (arg.find("sslverify=false") != std::string::npos ||
          arg.find("sslverify=0") != std::string::npos)
        run.add("dockerfile/yum-tls-off", command);
    }
  }
}

struct ProgramCheck {
  std::string_view program;
  void (*check)(const Run&, const Command&);
};
constexpr ProgramCheck program_checks[] = {
    {"apt", check_apt},       {"apt-get", check_apt},     {"apk", check_apk},
    {"zypper", check_zypper}, {"npm", check_npm},         {"gem", check_gem},
    {"go", check_go},         {"yarn", check_yarn},       {"curl", check_download},
    {"wget", check_download}, {"useradd", check_useradd},
};

void check_command(const Run& run, const Command& command) {
  check_any(run, command);
  check_pip(run, command);
  for (const ProgramCheck& each : program_checks) {
    if (command.name == each.program) each.check(run, command);
  }
  check_rpm_programs(run, command);
  if (command.name == "sudo" && !command.args.empty()) {  // what sudo runs is looked at as well
    Command inner = command;
    inner.name = command.args[0];
    inner.args.erase(inner.args.begin());
    for (const ProgramCheck& each : program_checks) {
      if (inner.name == each.program) each.check(run, inner);
    }
  }
}

// The shell of a stage so far: none named, one with pipefail, or one that is not a POSIX shell.
struct ShellState {
  bool pipefail = false, foreign = false;
};

ShellState shell_of(const Instruction& instruction) {
  ShellState state;
  const Words& words = instruction.words;
  if (words.empty()) return state;
  const std::string program = engine::to_lower_ascii(words[0]);
  for (const char* name : {"pwsh", "powershell", "cmd"})
    state.foreign |= program.find(name) != std::string::npos;
  for (size_t i = 0; i + 1 < words.size(); ++i)
    state.pipefail |=
        words[i].ends_with('o') && words[i].starts_with('-') && words[i + 1] == "pipefail";
  return state;
}

void check_pipes(const Run& run, const ShellState& shell) {
  if (shell.pipefail || shell.foreign || run.instruction.is_json) return;
  for (const Command& command : run.commands) {
    if (command.name == "set" && command.has_arg("pipefail")) return;
    if (command.piped) return run.add("dockerfile/pipe-without-pipefail", command);
  }
}

// Two RUNs in a row with one command each could be one layer.
void check_consecutive(const File& file, Report& report) {
  const Instruction* before = nullptr;
  for (const Instruction& instruction : file.instructions) {
    const bool run =
        instruction.keyword == "RUN" && !instruction.on_build && instruction.heredocs.empty();
    const bool single = run && instruction.commands().size() == 1;
    if (single && before && before->flags == instruction.flags) {
      report.add("dockerfile/consecutive-run", instruction.line, instruction.column, "RUN");
    }
    before = single ? &instruction : nullptr;
  }
}

}  // namespace

void check_commands(const File& file, Report& report) {
  std::vector<ShellState> shells(file.stages.size());
  std::vector<std::set<std::string>> downloaders(file.stages.size());
  for (const Instruction& instruction : file.instructions) {
    const size_t stage = instruction.stage;
    if (instruction.keyword == "FROM" && file.stages[stage].parent)
      shells[stage] = shells[*file.stages[stage].parent];
    if (instruction.keyword == "SHELL") shells[stage] = shell_of(instruction);
    if (instruction.keyword != "RUN") continue;
    const Run run{file, instruction, instruction.commands(), report};
    for (const Command& command : run.commands) {
      check_command(run, command);
      if (!is_one_of(command.name, {"curl", "wget"})) continue;
      if (downloaders[stage].insert(command.name).second && downloaders[stage].size() == 2)
        run.add("dockerfile/curl-and-wget", command);
    }
    check_apt_lists(run);
    check_lone_update(run);
    check_pipes(run, shells[stage]);
  }
  check_consecutive(file, report);
}

}  // namespace app::configs::dockerfile
