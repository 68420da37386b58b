// Rules about the commands inside RUN: package managers, downloads, pipes.
#include <algorithm>
#include <cctype>
#include <functional>
#include <set>

#include "app/configs/dockerfile.h"
#include "engine/base/text.h"

namespace app::configs::dockerfile {
namespace {

using Words = std::vector<std::string>;

// One RUN with its commands, and where to report.
struct Run {
  const File& file;
  const Instruction& instruction;
  std::vector<Command> commands;
  Report& report;

  void add(const char* rule, const Command& command, std::string_view detail = {}) const {
    report.add(rule, instruction.line_at(command.offset), instruction.column, "RUN " + command.name,
               detail);
  }
  // A cache or tmpfs mount that covers the path.
  bool mounts(std::string_view path) const {
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
};

bool is_one_of(const std::string& text, std::initializer_list<std::string_view> list) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

// The words after the sub-command ("install"), or nothing where it is another sub-command.
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

// --- apt -----------------------------------------------------------------------------------------

Words apt_words(const Command& command) {
  return command.words({"-t", "--target-release", "--default-release", "-o", "--option", "-c",
                        "--config-file", "-a", "--host-architecture"});
}

bool is_used_stage(const File& file, size_t stage) {
  if (stage + 1 == file.stages.size()) return true;
  return std::any_of(file.stages.begin(), file.stages.end(),
                     [&](const Stage& other) { return other.parent == stage; });
}

bool docker_clean_removed(const Run& run) {
  for (const Instruction& other : run.file.instructions) {
    if (other.line > run.instruction.line || other.stage != run.instruction.stage) continue;
    for (const Command& command : other.commands()) {
      if (command.name != "rm") continue;
      for (const std::string& arg : command.args) {
        if (arg.find("docker-clean") != std::string::npos) return true;
      }
    }
  }
  return false;
}

void check_apt_lists(const Run& run) {
  const Command* update = nullptr;
  bool lists = run.mounts("/var/lib/apt/lists"), archives = run.mounts("/var/cache/apt");
  for (const Command& command : run.commands) {
    const Words words = apt_words(command);
    const bool apt = is_one_of(command.name, {"apt-get", "apt", "aptitude"});
    if (apt && takes(words, {"update"}) && !update) update = &command;
    if (apt && takes(words, {"clean"})) archives = true;
    if (removes(command, "/var/lib/apt/lists") || removes(command, "/var/lib/apt")) lists = true;
    if (removes(command, "/var/cache/apt")) archives = true;
  }
  if (!update || !is_used_stage(run.file, run.instruction.stage)) return;
  if (!lists || (!archives && docker_clean_removed(run)))
    run.add("dockerfile/apt-lists-left", *update);
}

bool answers_yes(const Command& command) {
  if (command.has_flag({"-y", "--yes", "--assume-yes"}) || command.has_arg("-q=2") ||
      command.has_flag({"--force-yes"}))
    return true;
  size_t quiet = 0;
  for (const std::string& arg : command.args) {
    if (arg == "--quiet")
      ++quiet;
    else if (arg.starts_with('-') && !arg.starts_with("--"))
      quiet += static_cast<size_t>(std::count(arg.begin(), arg.end(), 'q'));
  }
  return quiet >= 2;
}

bool skips_recommends(const Command& command) {
  if (command.has_flag({"--no-install-recommends"})) return true;
  return std::any_of(command.args.begin(), command.args.end(), [](const std::string& arg) {
    const std::string lower = engine::to_lower_ascii(arg);
    const size_t at = lower.find("apt::install-recommends=");
    return at != std::string::npos && is_one_of(lower.substr(at + 24), {"false", "0", "no", "off"});
  });
}

bool only_simulates(const Command& command) {
  return command.has_flag({"-s", "--simulate", "--dry-run", "--just-print", "--no-act", "--recon"});
}

void check_apt(const Run& run, const Command& command) {
  if (only_simulates(command)) return;
  if (command.name == "apt") run.add("dockerfile/apt-in-script", command);
  if (command.name == "apt-get" && command.has_flag({"--allow-unauthenticated"}))
    run.add("dockerfile/apt-unauthenticated", command);
  if (command.name == "apt-get" && command.has_flag({"--force-yes"}))
    run.add("dockerfile/apt-force-yes", command);
  const Words words = apt_words(command);
  if (command.name != "apt-get" || !takes(words, {"install"})) return;
  for (size_t i = 1; i < words.size(); ++i) {
    const bool pinned = words[i].find('=') != std::string::npos ||
                        words[i].find('/') != std::string::npos || words[i].ends_with(".deb");
    if (!pinned && !is_variable(words[i])) {
      run.add("dockerfile/apt-unpinned", command,
              words[i] + " is installed in whatever version there is");
      break;
    }
  }
  if (!answers_yes(command)) run.add("dockerfile/apt-asks", command);
  if (!skips_recommends(command)) run.add("dockerfile/apt-recommends", command);
}

// An update in a RUN of its own is cached, and later installs use the old lists.
void check_lone_update(const Run& run) {
  const Command* update = nullptr;
  bool used = false;
  for (const Command& command : run.commands) {
    const Words words = apt_words(command);
    if (is_one_of(command.name, {"apt-get", "apt", "apk", "yum", "dnf"}) &&
        takes(words, {"update"}) && command.name != "yum" && command.name != "dnf")
      update = &command;
    used |= is_one_of(command.name, {"apt-get", "apt", "apk"}) &&
            takes(words, {"install", "upgrade", "dist-upgrade", "full-upgrade", "add", "build-dep",
                          "source", "download"});
    used |= is_one_of(command.name, {"apt-add-repository", "bash", "sh"});
  }
  if (update && !used) run.add("dockerfile/update-alone", *update);
}

// --- apk -----------------------------------------------------------------------------------------

void check_apk(const Run& run, const Command& command) {
  if (command.has_flag({"--allow-untrusted"})) run.add("dockerfile/apk-untrusted", command);
  const Words words = command.words({"-t", "--virtual", "-X", "--repository", "-p", "--root",
                                     "--arch", "--cache-dir", "--keys-dir", "--wait"});
  if (!takes(words, {"add"})) return;
  const bool cached = run.mounts("/var/cache/apk") || run.mounts("/etc/apk/cache");
  if (!command.has_flag({"--no-cache"}) && !cached) run.add("dockerfile/apk-cache", command);
  for (size_t i = 1; i < words.size(); ++i) {
    if (words[i].find_first_of("=~<>") == std::string::npos && !words[i].ends_with(".apk") &&
        !is_variable(words[i])) {
      run.add("dockerfile/apk-unpinned", command,
              words[i] + " is installed in whatever version there is");
      return;
    }
  }
}

// --- yum, dnf, zypper ----------------------------------------------------------------------------

struct RpmRules {
  std::initializer_list<std::string_view> programs;
  const char* asks;
  const char* uncleaned;
  const char* unpinned;
  std::initializer_list<std::string_view>
      fills_cache;  // sub-commands after which the cache is full
};
const RpmRules rpm_rules[] = {
    {{"yum"},
     "dockerfile/yum-asks",
     "dockerfile/yum-uncleaned",
     "dockerfile/yum-unpinned",
     {"install", "groupinstall", "localinstall", "reinstall", "module"}},
    {{"dnf", "microdnf"},
     "dockerfile/dnf-asks",
     "dockerfile/dnf-uncleaned",
     "dockerfile/dnf-unpinned",
     {"install", "in", "groupinstall", "group", "localinstall", "reinstall", "rei", "upgrade", "up",
      "update", "module", "distro-sync"}},
};

// httpd-2.4.24, openssl-1:1.1.1k: a digit after a dash.
bool has_rpm_version(const std::string& word) {
  for (size_t i = 0; i + 1 < word.size(); ++i) {
    if (word[i] == '-' && std::isdigit(static_cast<unsigned char>(word[i + 1]))) return true;
  }
  return word.ends_with(".rpm") || is_variable(word);
}

void check_rpm(const Run& run, const Command& command, const RpmRules& rules) {
  const Words words = command.words({"--setopt", "-c", "--config", "--installroot", "--releasever",
                                     "--enablerepo", "--disablerepo", "-x", "--exclude", "--repo"});
  const bool module = words.size() > 1 && words[0] == "module" && words[1] == "install";
  const bool group = words.size() > 1 && words[0] == "group" && words[1] == "install";
  const bool install = takes(words, {"install", "in"});
  if ((install || module || group || takes(words, {"groupinstall", "localinstall"})) &&
      !command.has_flag({"-y", "--assumeyes", "--yes"}))
    run.add(rules.asks, command);

  const bool mounted = run.mounts("/var/cache/yum") || run.mounts("/var/cache/dnf") ||
                       run.mounts("/var/cache/libdnf5");
  const bool fills = !words.empty() &&
                             std::find(rules.fills_cache.begin(), rules.fills_cache.end(),
                                       words[0]) != rules.fills_cache.end() &&
                             words[0] != "group"
                         ? (words[0] != "module" || module)
                         : group;
  const bool cleaned = later(run, command, [&](const Command& other) {
    const bool same =
        std::find(rules.programs.begin(), rules.programs.end(), other.name) != rules.programs.end();
    const Words cleaning = other.words();
    return (same && cleaning.size() > 1 && cleaning[0] == "clean" && cleaning[1] == "all") ||
           removes(other, "/var/cache/yum") || removes(other, "/var/cache/dnf") ||
           removes(other, "/var/cache/libdnf5");
  });
  if (fills && !mounted && !cleaned) run.add(rules.uncleaned, command);

  for (size_t i = module ? 2 : 1; (install || module) && i < words.size(); ++i) {
    const bool pinned =
        module ? words[i].find(':') != std::string::npos : has_rpm_version(words[i]);
    if (!pinned)
      return run.add(rules.unpinned, command,
                     words[i] + " is installed in whatever version there is");
  }
}

void check_zypper(const Run& run, const Command& command) {
  const Words words = command.words({"-r", "--repo", "-f", "--from", "-t", "--type"});
  const bool install = takes(words, {"install", "in"});
  if ((install || takes(words, {"remove", "rm", "source-install", "si", "patch"})) &&
      !command.has_flag({"-y", "--no-confirm", "-n", "--non-interactive"})) {
    run.add("dockerfile/zypper-asks", command);
  }
  if (takes(words, {"dist-upgrade", "dup"})) run.add("dockerfile/zypper-dist-upgrade", command);
  const bool cleaned = later(run, command, [](const Command& other) {
    return other.name == "zypper" && takes(other.words(), {"clean", "cc"});
  });
  if (install && !cleaned && !run.mounts("/var/cache/zypp"))
    run.add("dockerfile/zypper-uncleaned", command);
  for (size_t i = 1; install && i < words.size(); ++i) {
    if (words[i].find_first_of("=<>") == std::string::npos && !words[i].ends_with(".rpm") &&
        !is_variable(words[i])) {
      return run.add("dockerfile/zypper-unpinned", command,
                     words[i] + " is installed in whatever version there is");
    }
  }
}

// --- languages -----------------------------------------------------------------------------------

// pip, pip3, pip2.7, python -m pip; gives the command as "pip ...".
bool as_pip(const Command& command, Command& pip) {
  pip = command;
  if (command.name == "pip" ||
      (command.name.starts_with("pip") &&
       command.name.find_first_not_of("0123456789.", 3) == std::string::npos))
    return true;
  if (!command.name.starts_with("python") || command.args.size() < 2) return false;
  const auto module = std::find(command.args.begin(), command.args.end(), "-m");
  if (module == command.args.end() || module + 1 == command.args.end() || *(module + 1) != "pip")
    return false;
  pip.args.assign(module + 2, command.args.end());
  return true;
}

bool is_pinned_pip(const std::string& word) {
  if (is_variable(word) || word == "." || word.ends_with(".whl") || word.ends_with(".tar.gz") ||
      word.ends_with(".zip"))
    return true;
  if (word.starts_with("git+")) return word.find('@', word.rfind('/')) != std::string::npos;
  if (word.find('/') != std::string::npos) return true;  // a path or an address
  return word.find_first_of("=<>@~") != std::string::npos || word.find("!=") != std::string::npos;
}

bool names_requirements(const Command& command) {
  return command.has_flag({"-r", "--requirement", "-c", "--constraint", "--requirements"});
}

bool is_set(const std::string& value) {
  return !value.empty() && !is_one_of(engine::to_lower_ascii(value), {"0", "false", "no", "off"});
}

bool pip_cache_off(const Run& run, const Command& command) {
  constexpr const char* variable = "PIP_NO_CACHE_DIR";
  for (const auto& [name, value] : command.environment) {
    if (name == variable) return is_set(value);
  }
  for (const Command& other : run.commands) {
    if (other.name != "export") continue;
    for (const std::string& arg : other.args) {
      if (arg.starts_with(std::string(variable) + "=") && is_set(arg.substr(arg.find('=') + 1)))
        return true;
    }
  }
  bool off = false;
  for (const Instruction& env : run.file.instructions) {
    if (env.keyword != "ENV" || env.stage != run.instruction.stage ||
        env.line > run.instruction.line)
      continue;
    const size_t at = env.text.find(variable);
    if (at == std::string::npos) continue;
    std::string value = env.text.substr(at + std::string_view(variable).size() + 1);
    value = value.substr(0, value.find_first_of(" \t"));
    std::erase_if(value, [](char c) { return c == '"' || c == '\'' || c == '='; });
    off = is_set(value);
  }
  return off;
}

void check_pip(const Run& run, const Command& command) {
  Command pip;
  const bool pipx = command.name == "pipx";
  if (!pipx && !as_pip(command, pip)) return;
  if (pipx) pip = command;
  if (pip.has_flag({"--trusted-host"})) run.add("dockerfile/pip-trusted-host", command);
  const Words words = pip.words({"-t",
                                 "--target",
                                 "-i",
                                 "--index-url",
                                 "-r",
                                 "--requirement",
                                 "-c",
                                 "--constraint",
                                 "--root",
                                 "--prefix",
                                 "-b",
                                 "--build",
                                 "-e",
                                 "--editable",
                                 "--extra-index-url",
                                 "--trusted-host",
                                 "--cache-dir",
                                 "--src",
                                 "--timeout",
                                 "--retries",
                                 "--proxy",
                                 "--cert",
                                 "--client-cert",
                                 "-f",
                                 "--find-links",
                                 "--abi",
                                 "--platform",
                                 "--implementation",
                                 "--python-version",
                                 "--progress-bar",
                                 "--upgrade-strategy",
                                 "--global-option",
                                 "--install-option",
                                 "--python",
                                 "--log",
                                 "--no-binary",
                                 "--only-binary",
                                 "--exists-action",
                                 "--root-user-action",
                                 "--build-option",
                                 "--config-settings",
                                 "--pip-args",
                                 "--suffix"});
  if (!takes(words, {"install"})) return;
  const bool unpinned = std::any_of(words.begin() + 1, words.end(),
                                    [](const std::string& word) { return !is_pinned_pip(word); });
  if (unpinned && !names_requirements(pip)) run.add("dockerfile/pip-unpinned", command);
  if (!pipx && !pip.has_flag({"--no-cache-dir"}) && !pip_cache_off(run, command) &&
      !run.mounts("/root/.cache/pip") && !run.mounts("/root/.cache")) {
    run.add("dockerfile/pip-cache", command);
  }
}

bool is_pinned_npm(const std::string& word) {
  if (is_variable(word) || word.starts_with('.') || word.starts_with('/') ||
      word.starts_with('~') || word.ends_with(".tgz") || word.ends_with(".tar") ||
      word.ends_with(".tar.gz"))
    return true;
  if (word.starts_with("git") && word.find("://") != std::string::npos)
    return word.find('#') != std::string::npos;
  return word.find('@', 1) != std::string::npos;
}

void check_npm(const Run& run, const Command& command) {
  const Words words = command.words({"--prefix", "--registry", "--loglevel", "--tag", "-C"});
  if (takes(words, {"install", "i", "add"}) &&
      std::any_of(words.begin() + 1, words.end(),
                  [](const std::string& word) { return !is_pinned_npm(word); })) {
    run.add("dockerfile/npm-unpinned", command);
  }
  const bool config = words.size() > 2 && words[0] == "config" && words[1] == "set";
  if (config && (words[2] == "strict-ssl=false" ||
                 (words.size() > 3 && words[2] == "strict-ssl" && words[3] == "false")))
    run.add("dockerfile/tls-off-npm", command);
}

void check_gem(const Run& run, const Command& command) {
  const Words words = command.words({"-v", "--version", "--source", "-s", "--install-dir", "-i",
                                     "--bindir", "-n", "--use-system-libraries", "-P"});
  if (!takes(words, {"install", "i"}) || command.has_flag({"--version"}) || command.has_arg("-v"))
    return;
  if (std::any_of(words.begin() + 1, words.end(), [](const std::string& word) {
        return word.find(':') == std::string::npos && !word.ends_with(".gem") && !is_variable(word);
      })) {
    run.add("dockerfile/gem-unpinned", command);
  }
}

void check_go(const Run& run, const Command& command) {
  const Words words = command.words(
      {"-ldflags", "-tags", "-o", "-mod", "-modfile", "-C", "-p", "-gcflags", "-asmflags"});
  if (!takes(words, {"install", "get", "run"})) return;
  const size_t n_packages = words[0] == "run" ? std::min<size_t>(words.size(), 2) : words.size();
  for (size_t i = 1; i < n_packages; ++i) {
    const std::string& package = words[i];
    if (package.starts_with('.') || package.starts_with('/') || package.ends_with(".go") ||
        is_variable(package))
      continue;
    const size_t at = package.find('@');
    if (at == std::string::npos || package.substr(at) == "@latest" || package.substr(at) == "@none")
      return run.add("dockerfile/go-unpinned", command);
  }
}

void check_yarn(const Run& run, const Command& command) {
  const Words words = command.words();
  const bool cleaned = later(run, command, [](const Command& other) {
    const Words cleaning = other.words();
    return other.name == "yarn" && cleaning.size() > 1 && cleaning[0] == "cache" &&
           cleaning[1] == "clean";
  });
  if (takes(words, {"install"}) && !cleaned && !run.mounts("/usr/local/share/.cache/yarn") &&
      !run.mounts("/root/.cache/yarn") && !run.mounts("/root/.yarn")) {
    run.add("dockerfile/yarn-cache", command);
  }
}

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
  for (const RpmRules& rules : rpm_rules) {
    if (std::find(rules.programs.begin(), rules.programs.end(), command.name) !=
        rules.programs.end())
      check_rpm(run, command, rules);
  }
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
