// sigmactl completion bash|zsh|fish: a completion script made from the commands themselves, so that it
// cannot fall behind them.
#include <cstdio>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "tools/ctl/command.h"

namespace ctl {
namespace {

// A command path ("model fetch") with what may follow it.
struct Node {
  std::string path;
  std::vector<std::string> commands, options;
  std::vector<std::string> abouts;  // of the commands
};

void walk(const CLI::App& app, const std::string& path, std::vector<Node>& out) {
  Node node;
  node.path = path;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    node.commands.push_back(command->get_name());
    node.abouts.push_back(command->get_description());
  }
  for (const CLI::Option* option : app.get_options([](const CLI::Option*) { return true; })) {
    for (const std::string& name : option->get_lnames()) node.options.push_back("--" + name);
    for (const std::string& name : option->get_snames()) node.options.push_back("-" + name);
  }
  out.push_back(node);
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    walk(*command, path.empty() ? command->get_name() : path + " " + command->get_name(), out);
  }
}

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

// Single quotes for a shell.
std::string shell_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

void print_bash(const std::vector<Node>& nodes) {
  std::printf("# bash completion for sigmactl\n_sigmactl() {\n"
              "  local current=\"${COMP_WORDS[COMP_CWORD]}\" path=\"\" word words\n"
              "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
              "    [[ $word == -* ]] && continue\n"
              "    case \"${path:+$path }$word\" in\n");
  std::string known;
  for (const Node& node : nodes) {
    if (!node.path.empty()) known += (known.empty() ? "" : "|") + ('"' + node.path + '"');
  }
  std::printf("      %s) path=\"${path:+$path }$word\" ;;\n    esac\n  done\n  case \"$path\" in\n", known.c_str());
  for (const Node& node : nodes) {
    const std::string& words = node.commands.empty() ? join(node.options) : join(node.commands) + " " + join(node.options);
    std::printf("    \"%s\") words=\"%s\" ;;\n", node.path.c_str(), words.c_str());
  }
  std::printf("  esac\n  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n}\n"
              "complete -o default -o bashdefault -F _sigmactl sigmactl\n");
}

void print_zsh(const std::vector<Node>& nodes) {
  std::printf("#compdef sigmactl\nautoload -U +X bashcompinit && bashcompinit\n");
  print_bash(nodes);
}

void print_fish(const std::vector<Node>& nodes) {
  for (const Node& node : nodes) {
    std::string condition = "__fish_use_subcommand";
    if (!node.path.empty()) {
      condition.clear();
      size_t begin = 0;
      while (begin < node.path.size()) {
        const size_t end = std::min(node.path.find(' ', begin), node.path.size());
        condition += (condition.empty() ? "" : "; and ") + ("__fish_seen_subcommand_from " + node.path.substr(begin, end - begin));
        begin = end + 1;
      }
    }
    for (size_t i = 0; i < node.commands.size(); ++i) {
      std::printf("complete -c sigmactl -f -n %s -a %s -d %s\n", shell_quoted(condition).c_str(),
                  shell_quoted(node.commands[i]).c_str(), shell_quoted(node.abouts[i]).c_str());
    }
    for (const std::string& option : node.options) {
      const bool is_long = option.starts_with("--");
      std::printf("complete -c sigmactl -n %s -%s %s\n", shell_quoted(condition).c_str(), is_long ? "l" : "s",
                  option.substr(is_long ? 2 : 1).c_str());
    }
  }
}

}  // namespace

void add_completion(Program& program) {
  CLI::App* command = program.cli.add_subcommand(
      "completion", "Print a shell completion script: source <(sigmactl completion bash)");
  auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback(chosen(program, [&program, shell] {
    std::vector<Node> nodes;
    walk(program.cli, {}, nodes);
    *shell == "bash" ? print_bash(nodes) : *shell == "zsh" ? print_zsh(nodes) : print_fish(nodes);
    return 0;
  }));
}

}  // namespace ctl
