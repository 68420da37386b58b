// app/configs/review.h: the deterministic review of infrastructure configuration files.
// A kind is one of kind_names(); each is parsed for real (multi-document YAML, nginx blocks,
// Dockerfile instructions, systemd units, HCL), so that every finding has an exact line and column.
// Includes, remote modules and templates are never followed: a note says so.
// All functions are pure and may be called from any thread.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "app/types.h"

namespace app::configs {

// One rule as data: assets/config_rules/<kind>.json, built into the program.
struct Rule {
  std::string id;  // our own id, "k8s/privileged-container"
  std::string kind;
  std::vector<std::string> covers;  // rules of known linters, "hadolint:DL3006"
  Severity severity = Severity::warning;
  std::string title, fix, docs;  // docs: why it matters, readable offline
};

struct ReviewResult {
  std::string kind;                     // what the text was reviewed as; "" where nothing fits
  std::vector<ConfigFinding> findings;  // by line, then column, then rule
  std::vector<std::string> notes;       // what was not looked at, and why; a sentence each
};

// kubernetes, nginx, dockerfile, docker-compose, systemd-unit, prometheus-rules, terraform.
const std::vector<std::string>& kind_names();

// The kind that the file's name and content speak for, or "" where none does.
std::string detect_kind(std::string_view file_name, std::string_view text);

// Reviews one file; kind empty: detect_kind(). A text that cannot be parsed gives one finding of
// the rule "<kind>/cannot-parse" at the place where reading stopped, beside what was found before
// it. Throws Error{invalid_input} for an unknown kind, naming those there are.
ReviewResult review(const std::string& file_name, std::string_view text,
                    const std::string& kind = {});

// Several files that belong together (a folder of manifests): references between them (a Service
// and its pods) are looked up over all files of a kind. results[i] is for files[i].
struct File {
  std::string name;
  std::string text;
  std::string kind;  // empty: detect_kind()
};
std::vector<ReviewResult> review_together(const std::vector<File>& files);

// Every rule there is, by id; find_rule gives nullptr for an id that does not exist.
const std::vector<Rule>& rules();
const Rule* find_rule(std::string_view id);

}  // namespace app::configs
