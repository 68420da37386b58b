// Packages of languages: pip, npm, gem, go, yarn.
#include <algorithm>
#include <cctype>

#include "app/configs/dockerfile_run.h"
#include "engine/base/text.h"

namespace app::configs::dockerfile {

// --- languages -----------------------------------------------------------------------------------

namespace {

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

}  // namespace

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

namespace {

bool is_pinned_npm(const std::string& word) {
  if (is_variable(word) || word.starts_with('.') || word.starts_with('/') ||
      word.starts_with('~') || word.ends_with(".tgz") || word.ends_with(".tar") ||
      word.ends_with(".tar.gz"))
    return true;
  if (word.starts_with("git") && word.find("://") != std::string::npos)
    return word.find('#') != std::string::npos;
  return word.find('@', 1) != std::string::npos;
}

}  // namespace

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

}  // namespace app::configs::dockerfile
