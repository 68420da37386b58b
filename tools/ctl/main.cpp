// sigmactl: everything Sigma Desk does without a screen. Exit status: 0 done, 1 bad input or
// request, 2 wrong usage, 3 a fault of ours.
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <vector>

#include "app/kql/diagnostic.h"
#include "engine/base/error.h"
#include "engine/base/log.h"
#include "tools/ctl/command.h"

namespace {

int exit_status(engine::ErrorKind kind) {
  if (kind == engine::ErrorKind::usage) return 2;
  return kind == engine::ErrorKind::internal ? 3 : 1;
}

// The chosen command that wants a command of its own, or the program itself.
const CLI::App& innermost(const CLI::App& cli) {
  const auto chosen = cli.get_subcommands();
  return chosen.empty() ? cli : innermost(*chosen.front());
}

// "A subcommand is required" says nothing to someone who mistyped one: name the word and the nearest command.
bool report_unknown_command(const CLI::App& cli) {
  const CLI::App& asked = innermost(cli);
  std::vector<std::string> commands;
  for (const CLI::App* command : asked.get_subcommands({})) commands.push_back(command->get_name());
  const std::vector<std::string> words = cli.remaining(true);
  if (commands.empty() || words.empty()) return false;
  const std::string near = app::kql::nearest_name(words.front(), commands);
  std::string path = &asked == &cli ? "sigmactl" : "sigmactl " + asked.get_name();
  std::fprintf(stderr, "sigmactl: there is no command `%s`%s; `%s --help` lists them\n", words.front().c_str(),
               near.empty() ? "" : (", did you mean `" + near + "`?").c_str(), path.c_str());
  return true;
}

int run(int argc, char** argv) {
  CLI::App cli("Sigma Desk on the command line: find what broke in logs and configs, offline, with proof.",
               "sigmactl");
  cli.require_subcommand(1);
  cli.set_version_flag("--version", SIGMA_VERSION);
  cli.footer("Example: sigmactl diagnose /var/log/syslog --question \"what broke?\"\n"
             "Each command has its own --help.");
  ctl::Program program{cli, {}, {}};
  cli.add_option("--data-folder", program.data_folder,
                 "Folder of sessions, settings and models (default: the user's data folder)");
  cli.add_flag_callback("-v,--verbose", [] { engine::set_log_verbose(true); },
                        "Print progress messages on standard error");
  ctl::add_commands(program);
  try {
    cli.parse(argc, argv);
  } catch (const CLI::RequiredError& e) {
    if (report_unknown_command(cli)) return 2;
    return cli.exit(e) == 0 ? 0 : 2;
  } catch (const CLI::ParseError& e) {
    return cli.exit(e) == 0 ? 0 : 2;
  }
  return program.run ? program.run() : 2;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const engine::Error& e) {
    std::fprintf(stderr, "sigmactl: %s\n", e.what());
    return exit_status(e.kind());
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "sigmactl: out of memory; close other programs or give a smaller input\n");
    return 1;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "sigmactl: internal fault: %s; please report it\n", e.what());
    return 3;
  }
}
