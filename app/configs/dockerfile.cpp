// Rules about instructions: images, stages, copies, labels, users, ports.
#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "app/configs/dockerfile_labels.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::configs {
namespace dockerfile {

std::string lower(std::string_view text) { return engine::to_lower_ascii(text); }

void add(Report& report, const char* rule, const Instruction& at, std::string_view detail) {
  report.add(rule, at.line, at.column, at.keyword, detail);
}

std::string unquoted(std::string text) {
  while (!text.empty() && (text.front() == '\\' || text.front() == '"' || text.front() == '\''))
    text.erase(0, 1);
  while (!text.empty() && (text.back() == '"' || text.back() == '\'')) text.pop_back();
  return text;
}

std::vector<Pair> pairs_of(const Instruction& instruction) {
  std::vector<Pair> pairs;
  const bool old_form =
      !instruction.words.empty() && instruction.words[0].find('=') == std::string::npos;
  if (old_form) {
    const size_t space = std::min(instruction.text.find_first_of(" \t"), instruction.text.size());
    pairs.push_back(
        {unquoted(instruction.text.substr(0, space)),
         unquoted(std::string(engine::trim(std::string_view(instruction.text).substr(space))))});
    return pairs;
  }
  for (const std::string& word : instruction.words) {
    const size_t equals = std::min(word.find('='), word.size());
    pairs.push_back({word.substr(0, equals), word.substr(std::min(equals + 1, word.size()))});
  }
  return pairs;
}

namespace {

bool is_absolute(const std::string& raw) {
  const std::string path = unquoted(raw);
  const bool drive =
      path.size() >= 2 && std::isalpha(static_cast<unsigned char>(path[0])) && path[1] == ':';
  return path.starts_with('/') || path.starts_with('$') || drive;
}

bool is_number(const std::string& text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c); });
}

// --- FROM and stages -----------------------------------------------------------------------------

bool is_own_stage(const File& file, const Instruction& from) {
  for (size_t i = 0; i < from.stage; ++i) {
    if (!from.words.empty() && file.stages[i].alias == from.words[0]) return true;
  }
  return false;
}

void check_from(const File& file, const Instruction& from, Report& report) {
  const Stage& stage = file.stages[from.stage];
  const bool open = stage.image.name.find('$') != std::string::npos ||
                    stage.image.tag.find('$') != std::string::npos;
  const bool known = stage.image.name == "scratch" || is_own_stage(file, from);
  if (!known && !open && stage.image.digest.empty()) {
    if (stage.image.tag.empty())
      add(report, "dockerfile/image-without-tag", from, stage.image.name + " has no tag");
    if (stage.image.tag == "latest") add(report, "dockerfile/image-latest", from);
  }
  const std::string platform = from.flag("platform");
  if (!platform.empty() && platform.find("BUILDPLATFORM") == std::string::npos &&
      platform.find("TARGETPLATFORM") == std::string::npos) {
    add(report, "dockerfile/fixed-platform", from);
  }
  if (platform == "$TARGETPLATFORM" || platform == "${TARGETPLATFORM}")
    add(report, "dockerfile/default-platform", from);
  static const std::set<std::string> reserved = {"scratch", "context"};
  if (reserved.contains(lower(stage.alias))) add(report, "dockerfile/reserved-stage-name", from);
  for (size_t i = 0; i < from.stage; ++i) {
    if (!stage.alias.empty() && file.stages[i].alias == stage.alias) {
      add(report, "dockerfile/duplicate-stage-name", from,
          "the name " + stage.alias + " is taken by an earlier stage");
      return;
    }
  }
}

// --- what may not stand in an image
// ---------------------------------------------------------------

bool names_secret(const std::string& raw) {
  const std::string name = lower(raw);
  if (name.ends_with("_file") || name.find("tokeniz") != std::string::npos) return false;
  static constexpr const char* words[] = {
      "api_key", "client_key", "password",          "private",        "secret",
      "token",   "username",   "aws_access_key_id", "application_key"};
  return std::any_of(std::begin(words), std::end(words),
                     [&](const char* word) { return name.find(word) != std::string::npos; });
}

void check_secret(const Instruction& instruction, const std::string& name, Report& report) {
  if (names_secret(name))
    add(report, "dockerfile/secret-in-arg-or-env", instruction,
        name + " stays readable in the image's history");
}

// --- COPY and ADD --------------------------------------------------------------------------------

bool is_archive(const std::string& name) {
  static constexpr const char* endings[] = {
      ".tar", ".tar.gz", ".tgz",    ".gz",  ".tar.bz2", ".tbz2", ".tbz",
      ".tb2", ".bz2",    ".tar.xz", ".txz", ".xz",      ".tlz",  ".tar.lzma",
      ".tpz", ".tz",     ".z",      ".lz",  ".lzma",    ".tzst", ".zst"};
  return std::any_of(std::begin(endings), std::end(endings),
                     [&](const char* ending) { return lower(name).ends_with(ending); });
}

void check_add(const Instruction& instruction, Report& report) {
  add(report, "dockerfile/add-used", instruction);
  if (instruction.words.size() < 2 || !instruction.heredocs.empty()) return;
  for (size_t i = 0; i + 1 < instruction.words.size(); ++i) {
    const std::string source = unquoted(instruction.words[i]);
    const bool remote = source.find("://") != std::string::npos || source.starts_with("git@");
    if (!remote && !is_archive(source)) add(report, "dockerfile/add-instead-of-copy", instruction);
  }
}

void check_copy_source(const File& file, const Instruction& copy, Report& report) {
  const std::string from = copy.flag("from");
  if (from.empty() || from.find_first_of(":/@$") != std::string::npos) return;
  if (is_number(from)) {
    if (static_cast<size_t>(std::atoi(from.c_str())) >= copy.stage)
      add(report, "dockerfile/copy-from-unknown-stage", copy,
          "there is no stage " + from + " before this one");
    return;
  }
  if (file.stages[copy.stage].alias == from)
    return add(report, "dockerfile/copy-from-itself", copy);
  for (size_t i = 0; i < copy.stage; ++i) {
    if (file.stages[i].alias == from) return;
  }
  add(report, "dockerfile/copy-from-unknown-stage", copy, "no earlier stage is named " + from);
}

void check_copy(const File& file, const Instruction& copy, bool has_workdir, Report& report) {
  check_copy_source(file, copy, report);
  if (copy.words.size() < 2) return;
  const std::string target = unquoted(copy.words.back());
  if (copy.words.size() > 2 && copy.heredocs.empty() && !target.ends_with('/') &&
      !target.ends_with('\\') && target != ".") {
    add(report, "dockerfile/copy-target-no-slash", copy);
  }
  if (!copy.flag("from").empty() && target == "/" && unquoted(copy.words[0]) == "/")
    add(report, "dockerfile/whole-filesystem-copied", copy);
  if (!has_workdir && !is_absolute(target)) add(report, "dockerfile/copy-without-workdir", copy);
}

std::string base_name(const std::string& path) {
  const size_t slash = path.find_last_of("/\\");
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

bool extracts(const Command& command, const std::string& archive) {
  static const std::set<std::string> unpackers = {"gunzip", "bunzip2",    "unlzma", "unxz",
                                                  "zgz",    "uncompress", "zcat",   "bzcat",
                                                  "xzcat",  "gzcat"};
  const bool tar = command.name == "tar" && (command.has_flag({"-x", "--extract", "--get"}) ||
                                             (!command.args.empty() && command.args[0][0] != '-' &&
                                              command.args[0].find('x') != std::string::npos));
  if (!tar && !unpackers.contains(command.name) &&
      !(command.name == "gzip" && command.has_flag({"-d"})))
    return false;
  return std::any_of(command.args.begin(), command.args.end(),
                     [&](const std::string& arg) { return base_name(arg) == archive; });
}

// An archive is copied in one instruction and unpacked in another, where ADD would do both.
void check_copied_archives(const File& file, Report& report) {
  for (const Instruction& copy : file.instructions) {
    if (copy.keyword != "COPY" || !copy.flag("from").empty() || copy.words.size() < 2) continue;
    for (size_t i = 0; i + 1 < copy.words.size(); ++i) {
      if (!is_archive(copy.words[i])) continue;
      const std::string target = unquoted(copy.words.back());
      const std::string name =
          is_archive(target) ? base_name(target) : base_name(unquoted(copy.words[i]));
      for (const Instruction& run : file.instructions) {
        if (run.keyword != "RUN" || run.line < copy.line || run.stage != copy.stage) continue;
        const auto commands = run.commands();
        if (std::any_of(commands.begin(), commands.end(),
                        [&](const Command& command) { return extracts(command, name); })) {
          add(report, "dockerfile/archive-copied-and-unpacked", copy);
          break;
        }
      }
    }
  }
}

// --- ENV
// ------------------------------------------------------------------------------------------

bool refers_to(const std::string& value, const std::string& name) {
  for (size_t at = value.find('$'); at != std::string::npos; at = value.find('$', at + 1)) {
    const size_t begin = at + (value.compare(at + 1, 1, "{") == 0 ? 2 : 1);
    if (value.compare(begin, name.size(), name) != 0) continue;
    const size_t end = begin + name.size();
    if (end >= value.size() ||
        !(std::isalnum(static_cast<unsigned char>(value[end])) || value[end] == '_'))
      return true;
  }
  return false;
}

bool is_off(const std::string& value) {
  const std::string text = lower(value);
  return text == "0" || text == "false" || text == "no" || text == "off";
}

void check_env(const Instruction& instruction, Report& report) {
  const std::vector<Pair> pairs = pairs_of(instruction);
  for (size_t i = 0; i < pairs.size(); ++i) {
    for (size_t j = 0; j < pairs.size(); ++j) {
      if (i != j && !pairs[j].key.empty() && refers_to(pairs[i].value, pairs[j].key)) {
        add(report, "dockerfile/env-refers-to-itself", instruction,
            pairs[i].key + " uses " + pairs[j].key + ", which the same ENV sets");
        i = pairs.size();
        break;
      }
    }
  }
  for (const Pair& pair : pairs) {
    check_secret(instruction, pair.key, report);
    const std::string name = lower(pair.key);
    if (name == "pythonhttpsverify" && is_off(pair.value))
      add(report, "dockerfile/tls-off-python", instruction);
    if (name == "node_tls_reject_unauthorized" && is_off(pair.value))
      add(report, "dockerfile/tls-off-node", instruction);
    if (name == "npm_config_strict_ssl" && is_off(pair.value))
      add(report, "dockerfile/tls-off-npm-env", instruction);
    if (name == "git_ssl_no_verify" && !is_off(pair.value))
      add(report, "dockerfile/tls-off-git", instruction);
    if (name == "pip_trusted_host" && !pair.value.empty())
      add(report, "dockerfile/pip-trusted-host-env", instruction);
  }
}

// --- the rest ------------------------------------------------------------------------------------

void check_expose(const Instruction& instruction, Report& report) {
  for (const std::string& word : instruction.words) {
    const std::string ports = word.substr(0, word.find('/'));
    for (std::string_view part : engine::split(ports, '-')) {
      const std::string number(part);
      if (!is_number(number)) continue;
      if (number.size() > 5 || std::atoi(number.c_str()) > 65535)
        add(report, "dockerfile/invalid-port", instruction, "port " + number + " is above 65535");
    }
    if (ports == "22") add(report, "dockerfile/ssh-port", instruction);
  }
}

// State that is looked at instruction by instruction within a stage.
struct StageState {
  int n_cmd = 0, n_entrypoint = 0, n_healthcheck = 0;
  bool has_workdir = false, has_label = false;
  std::vector<std::string> args;
  const Instruction* last_user = nullptr;
};

// A name is looked up in the image's passwd; Kubernetes' runAsNonRoot can judge a number only.
void check_user_number(const Instruction& user, const std::vector<std::string>& args,
                       Report& report) {
  if (user.words.empty()) return;
  const std::string name = user.words[0].substr(0, user.words[0].find(':'));
  const bool by_arg = std::any_of(args.begin(), args.end(),
                                  [&](const std::string& arg) { return refers_to(name, arg); });
  if (!is_number(name) && !by_arg) add(report, "dockerfile/user-not-numeric", user);
}

bool is_root(const Instruction* user) {
  if (!user || user->words.empty()) return false;
  const std::string name = user->words[0].substr(0, user->words[0].find(':'));
  return name == "root" || name == "0";
}

void check_one(const File& file, const Instruction& instruction, StageState& state,
               Report& report) {
  const std::string& keyword = instruction.keyword;
  if (keyword == "FROM") check_from(file, instruction, report);
  if (keyword == "ADD") check_add(instruction, report);
  if (keyword == "COPY") check_copy(file, instruction, state.has_workdir, report);
  if (keyword == "LABEL") check_labels(instruction, report), state.has_label = true;
  if (keyword == "ENV") check_env(instruction, report);
  if (keyword == "EXPOSE") check_expose(instruction, report);
  if (keyword == "MAINTAINER") add(report, "dockerfile/maintainer", instruction);
  if (keyword == "USER") {
    check_user_number(instruction, state.args, report);
    state.last_user = &instruction;
  }
  if (keyword == "ARG") {
    for (const Pair& pair : pairs_of(instruction)) {
      state.args.push_back(pair.key);
      check_secret(instruction, pair.key, report);
    }
  }
  if (keyword == "WORKDIR") {
    if (!is_absolute(instruction.text)) add(report, "dockerfile/relative-workdir", instruction);
    state.has_workdir = true;
  }
  if ((keyword == "CMD" || keyword == "ENTRYPOINT") && !instruction.is_json)
    add(report, "dockerfile/shell-form", instruction);
  if (instruction.on_build) return;
  if (keyword == "CMD" && ++state.n_cmd > 1) add(report, "dockerfile/several-cmd", instruction);
  if (keyword == "ENTRYPOINT" && ++state.n_entrypoint > 1)
    add(report, "dockerfile/several-entrypoint", instruction);
  if (keyword == "HEALTHCHECK" && ++state.n_healthcheck > 1)
    add(report, "dockerfile/several-healthcheck", instruction);
  if (keyword == "ONBUILD") {
    const std::string inner = lower(instruction.words.empty() ? "" : instruction.words[0]);
    if (inner == "onbuild" || inner == "from" || inner == "maintainer")
      add(report, "dockerfile/onbuild-not-allowed", instruction);
  }
}

void check_order(const File& file, Report& report) {
  for (const Instruction& instruction : file.instructions) {
    if (instruction.keyword == "FROM") return;
    if (instruction.keyword != "ARG") return add(report, "dockerfile/not-from-first", instruction);
  }
}

// What holds for the image as a whole: its user, health check and labels.
void check_image(const File& file, const std::vector<StageState>& states, Report& report) {
  const Stage& last = file.stages.back();
  if (last.from >= file.instructions.size() || file.instructions[last.from].keyword != "FROM")
    return;
  const Instruction& from = file.instructions[last.from];
  const Instruction* user = nullptr;
  bool health = false, label = false;
  for (std::optional<size_t> stage = file.stages.size() - 1; stage;
       stage = file.stages[*stage].parent) {
    if (!user) user = states[*stage].last_user;
    health |= states[*stage].n_healthcheck > 0;
    label |= states[*stage].has_label;
  }
  if (!health) add(report, "dockerfile/no-healthcheck", from);
  if (!user) add(report, "dockerfile/no-user", from);
  if (!label) add(report, "dockerfile/no-labels", from);
}

}  // namespace

void check_instructions(const File& file, Report& report) {
  std::vector<StageState> states(file.stages.size());
  for (size_t i = 0; i < file.stages.size(); ++i) {
    if (file.stages[i].parent) states[i].has_workdir = false;
  }
  size_t current = 0;
  for (const Instruction& instruction : file.instructions) {
    if (instruction.keyword == "FROM" && !instruction.on_build &&
        file.stages[instruction.stage].parent) {
      states[instruction.stage].has_workdir =
          states[*file.stages[instruction.stage].parent].has_workdir;
    }
    current = instruction.stage;
    check_one(file, instruction, states[current], report);
  }
  for (size_t i = 0; i < states.size(); ++i) {
    if (!is_root(states[i].last_user)) continue;
    add(report, "dockerfile/last-user-root", *states[i].last_user);
    if (i + 1 == states.size()) add(report, "dockerfile/image-runs-as-root", *states[i].last_user);
  }
  check_order(file, report);
  check_copied_archives(file, report);
  check_image(file, states, report);
  for (const auto& [line, comment] : file.comments) {
    if (engine::trim(comment).starts_with("hadolint ") &&
        comment.find("ignore") != std::string::npos) {
      report.add("dockerfile/inline-ignore", line, 1, "");
    }
  }
}

}  // namespace dockerfile

void review_dockerfile(std::string_view text, Report& report) {
  const dockerfile::File file = dockerfile::parse(text);
  if (file.error)
    report.add("dockerfile/cannot-parse", file.error->line, file.error->column, "",
               file.error->message);
  dockerfile::check_instructions(file, report);
  dockerfile::check_commands(file, report);
}

}  // namespace app::configs
