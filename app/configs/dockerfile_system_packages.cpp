// Packages of the system: apt, apk, yum and its like, zypper.
#include <algorithm>
#include <cctype>

#include "app/configs/dockerfile_run.h"
#include "engine/base/text.h"

namespace app::configs::dockerfile {

// --- apt -----------------------------------------------------------------------------------------

namespace {

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

}  // namespace

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

namespace {

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

}  // namespace

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

namespace {

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

}  // namespace

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

void check_rpm_programs(const Run& run, const Command& command) {
  for (const RpmRules& rules : rpm_rules) {
    if (std::find(rules.programs.begin(), rules.programs.end(), command.name) !=
        rules.programs.end())
      check_rpm(run, command, rules);
  }
}

}  // namespace app::configs::dockerfile
