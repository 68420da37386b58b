// sigmactl config: reviews of infrastructure configuration files.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/configs/compare.h"
#include "app/configs/diff.h"
#include "app/configs/fix.h"
#include "app/configs/review.h"
#include "engine/base/error.h"
#include "engine/base/text.h"
#include "tools/ctl/command.h"

namespace ctl {
namespace {

namespace fs = std::filesystem;
using app::configs::File;

std::string read_all(const std::string& path) {
  if (path == "-") return {std::istreambuf_iterator<char>(std::cin), {}};
  std::ifstream in(path, std::ios::binary);
  if (!in)
    engine::fail(engine::ErrorKind::not_found,
                 "%s cannot be read; check the path and its permissions", path.c_str());
  return {std::istreambuf_iterator<char>(in), {}};
}

// The files below a folder that some reviewer takes; they are one group, since its manifests refer
// to each other. A file named by itself is a group of its own.
std::vector<File> files_below(const std::string& folder, const std::string& kind) {
  std::vector<std::string> found;
  for (const auto& entry :
       fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied)) {
    if (entry.is_regular_file() && entry.file_size() < (16u << 20))
      found.push_back(entry.path().string());
  }
  std::sort(found.begin(), found.end());
  std::vector<File> files;
  for (const std::string& path : found) {
    std::string text = read_all(path);
    if (!kind.empty() || !app::configs::detect_kind(path, text).empty())
      files.push_back({path, std::move(text), kind});
  }
  return files;
}

std::vector<std::vector<File>> collect(const std::vector<std::string>& paths,
                                       const std::string& kind, bool together) {
  std::vector<std::vector<File>> groups;
  for (const std::string& path : paths) {
    if (groups.empty() || !together) groups.emplace_back();
    std::vector<File>& group = groups.back();
    if (path != "-" && fs::is_directory(path)) {
      for (File& file : files_below(path, kind)) group.push_back(std::move(file));
    } else {
      group.push_back({path, read_all(path), kind});
    }
  }
  return groups;
}

nlohmann::json to_json(const app::ConfigFinding& finding) {
  return {{"file", finding.file},
          {"line", finding.line},
          {"column", finding.column},
          {"kind", finding.kind},
          {"rule", finding.rule},
          {"covers", finding.covers},
          {"severity", app::severity_names[static_cast<int>(finding.severity)]},
          {"subject", finding.subject},
          {"message", finding.message},
          {"fix", finding.fix}};
}

// What the fix changes, as a patch of the file; empty where the rule's fix cannot be made by itself.
std::string patch_of(const File& file, const app::ConfigFinding& finding) {
  const auto fixed = app::configs::fixed_text(file, finding);
  return fixed ? app::configs::unified_diff(file.name, file.name, file.text, *fixed) : std::string();
}

struct Reviewed {
  File file;
  app::configs::ReviewResult result;
};

void print_text(const std::vector<Reviewed>& reviewed, bool with_diff) {
  size_t n_findings = 0;
  for (const Reviewed& each : reviewed) {
    for (const auto& f : each.result.findings) {
      ++n_findings;
      std::printf("%s:%d:%d: %s: %s [%s]\n", f.file.c_str(), f.line, f.column,
                  app::severity_names[static_cast<int>(f.severity)], f.message.c_str(),
                  f.rule.c_str());
      if (!f.fix.empty()) std::printf("    fix: %s\n", f.fix.c_str());
      if (with_diff) std::printf("%s", patch_of(each.file, f).c_str());
    }
  }
  std::printf("%zu findings in %zu files\n", n_findings, reviewed.size());
}

bool at_least(const app::ConfigFinding& finding, const std::string& severity) {
  if (severity.empty()) return true;
  const auto* end = app::severity_names + 4;
  const auto* found = std::find(app::severity_names, end, severity);
  return static_cast<int>(finding.severity) >= found - app::severity_names;
}

struct Options {
  std::vector<std::string> paths;
  std::string kind, severity;
  bool json = false, together = false, diff = false;
};

int check(const Options& options) {
  std::vector<Reviewed> results;
  nlohmann::json found = nlohmann::json::array(), notes = nlohmann::json::array();
  for (const std::vector<File>& group : collect(options.paths, options.kind, options.together)) {
    const auto reviewed = app::configs::review_together(group);
    for (size_t i = 0; i < reviewed.size(); ++i) {
      for (const std::string& note : reviewed[i].notes) {
        notes.push_back({{"file", group[i].name}, {"note", note}});
        if (!options.json) std::fprintf(stderr, "%s: %s\n", group[i].name.c_str(), note.c_str());
      }
      results.push_back({group[i], reviewed[i]});
      std::erase_if(results.back().result.findings,
                    [&](const auto& finding) { return !at_least(finding, options.severity); });
      if (!options.json) continue;
      for (const auto& finding : results.back().result.findings) {
        found.push_back(to_json(finding));
        if (options.diff) found.back()["diff"] = patch_of(group[i], finding);
      }
    }
  }
  if (results.empty())
    engine::fail(engine::ErrorKind::invalid_input,
                 "no file to review; name a file, or a folder with configuration files");
  if (options.json) {
    const nlohmann::json document = {
        {"findings", found}, {"notes", notes}, {"files", results.size()}};
    std::cout << document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
  } else {
    print_text(results, options.diff);
  }
  return 0;
}

app::configs::ReviewedFile review_file(const std::string& path, const std::string& kind) {
  app::configs::ReviewedFile file{path, kind, read_all(path), {}};
  app::configs::ReviewResult result = app::configs::review(file.name, file.text, kind);
  if (result.kind.empty()) engine::fail(engine::ErrorKind::invalid_input, "%s: no known kind of config; name it with --kind", path.c_str());
  file.kind = result.kind;
  file.findings = std::move(result.findings);
  return file;
}

int compare(const std::string& before_path, const std::string& after_path, const std::string& kind, bool as_json) {
  const auto before = review_file(before_path, kind), after = review_file(after_path, kind);
  const app::configs::Comparison c = app::configs::compare(before, after);
  if (!as_json) {
    std::printf("%s", app::configs::to_text(before, after, c).c_str());
    return 0;
  }
  nlohmann::json gone = nlohmann::json::array(), added = nlohmann::json::array();
  for (const size_t i : c.gone) gone.push_back(to_json(before.findings[i]));
  for (const size_t i : c.added) added.push_back(to_json(after.findings[i]));
  const nlohmann::json document = {{"gone", gone}, {"new", added}, {"kept", c.n_kept}, {"diff", app::configs::unified_diff(before.name, after.name, before.text, after.text)}};
  std::cout << document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
  return 0;
}

}  // namespace

void add_config_command(Program& program) {
  CLI::App* group = program.cli.add_subcommand(
      "config",
      "Review Kubernetes, nginx, Dockerfile, compose, systemd, Prometheus and Terraform files");
  group->require_subcommand(1);
  CLI::App* command = group->add_subcommand(
      "check", "List what is wrong or risky in configuration files, with line, reason and fix");
  auto options = std::make_shared<Options>();
  command->add_option("PATH", options->paths, "Files or folders; - reads standard input")
      ->required();
  command->add_option("--kind", options->kind, "Review as this kind instead of guessing")
      ->check(CLI::IsMember(app::configs::kind_names()));
  command->add_option("--severity", options->severity, "Leave out findings below this severity")
      ->check(CLI::IsMember({"info", "warning", "error", "critical"}));
  command->add_flag("--together", options->together,
                    "Look up references between all the files; those of one folder always are");
  command->add_flag("--diff", options->diff, "Show what each fix changes as a patch, where it can be made without asking");
  command->add_flag("--json", options->json, "Print one JSON document");
  command->callback(chosen(program, [options] { return check(*options); }));

  struct Pair {
    std::string before, after, kind;
    bool json = false;
  };
  CLI::App* c = group->add_subcommand("compare", "Two versions of a configuration file: findings that came and went, and the diff");
  auto pair = std::make_shared<Pair>();
  c->add_option("BEFORE", pair->before, "The one version")->required();
  c->add_option("AFTER", pair->after, "The other")->required();
  c->add_option("--kind", pair->kind, "Review as this kind instead of guessing")->check(CLI::IsMember(app::configs::kind_names()));
  c->add_flag("--json", pair->json, "Print one JSON document");
  c->callback(chosen(program, [pair] { return compare(pair->before, pair->after, pair->kind, pair->json); }));
}

}  // namespace ctl
