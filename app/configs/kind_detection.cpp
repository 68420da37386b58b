// What kind of configuration a text is: by the file's name where that settles it, else by content.
#include <algorithm>
#include <cctype>

#include "app/configs/review.h"
#include "engine/base/text.h"

namespace app::configs {
namespace {

constexpr size_t max_looked_at = 256 * 1024;  // the head of a file tells its kind

std::string base_name(std::string_view path) {
  const size_t slash = path.find_last_of("/\\");
  return engine::to_lower_ascii(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

// Calls look(line without indentation, indentation) for each line that is not empty or a comment.
template <class Look>
void for_lines(std::string_view text, Look look) {
  for (std::string_view line : engine::split(text.substr(0, max_looked_at), '\n')) {
    const std::string_view trimmed = engine::trim(line);
    if (trimmed.empty() || trimmed.front() == '#') continue;
    look(trimmed, line.find(trimmed.front()));
  }
}

struct Hints {
  bool api_version = false, kind = false, services = false, groups = false, rule_key = false,
       other_prometheus = false;
  bool unit_section = false, any_section = false, docker_instruction = false, hcl_block = false,
       nginx_block = false;
  int n_nginx_statements = 0, n_lines = 0;
};

bool is_docker_instruction(std::string_view line) {
  static constexpr const char* words[] = {
      "FROM", "RUN",     "CMD",        "LABEL",       "EXPOSE", "ENV",
      "ADD",  "COPY",    "ENTRYPOINT", "VOLUME",      "USER",   "WORKDIR",
      "ARG",  "ONBUILD", "STOPSIGNAL", "HEALTHCHECK", "SHELL",  "MAINTAINER"};
  const size_t space = line.find_first_of(" \t");
  if (space == std::string_view::npos) return false;
  std::string word(line.substr(0, space));
  std::transform(word.begin(), word.end(), word.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

bool is_hcl_block(std::string_view line) {
  for (const char* word : {"resource \"", "data \"", "variable \"", "provider \"", "module \"",
                           "output \"", "terraform {", "locals {"}) {
    if (line.starts_with(word)) return true;
  }
  return false;
}

bool is_nginx_block(std::string_view line) {
  for (const char* word : {"server {", "server{", "http {", "http{", "events {", "events{",
                           "location ", "upstream ", "if ("}) {
    if (line.starts_with(word)) return true;
  }
  return false;
}

bool is_unit_section(std::string_view line) {
  for (const char* word : {"[Unit]", "[Service]", "[Install]", "[Socket]", "[Timer]", "[Mount]",
                           "[Network]", "[Match]"}) {
    if (line.starts_with(word)) return true;
  }
  return false;
}

// The server's own file, promtool's unit tests and Alertmanager's routes hold no rules.
bool is_other_prometheus_key(std::string_view line) {
  for (const char* key :
       {"scrape_configs:", "rule_files:", "tests:", "alerting:", "route:", "receivers:"}) {
    if (line.starts_with(key)) return true;
  }
  return false;
}

Hints read_hints(std::string_view text) {
  Hints hints;
  for_lines(text, [&](std::string_view line, size_t indent) {
    if (hints.n_lines == 0) hints.docker_instruction = is_docker_instruction(line);
    ++hints.n_lines;
    const bool item = line.starts_with("- ");
    const std::string_view key = item ? engine::trim(line.substr(2)) : line;
    if (key.starts_with("apiVersion:") || line.starts_with("\"apiVersion\""))
      hints.api_version = true;
    if (indent == 0 && key.starts_with("kind:")) hints.kind = true;
    if (line.starts_with("\"kind\"")) hints.kind = true;
    if (indent == 0 && line.starts_with("services:")) hints.services = true;
    if (indent == 0 && line.starts_with("groups:")) hints.groups = true;
    if (indent == 0) hints.other_prometheus |= is_other_prometheus_key(line);
    if (key.starts_with("alert:") || key.starts_with("record:") || key.starts_with("expr:"))
      hints.rule_key = true;
    if (indent == 0) hints.unit_section |= is_unit_section(line);
    if (indent == 0) hints.any_section |= line.starts_with('[');
    if (indent == 0) hints.hcl_block |= is_hcl_block(line);
    hints.nginx_block |= is_nginx_block(line);
    hints.n_nginx_statements += line.ends_with(';');
  });
  return hints;
}

std::string kind_by_name(const std::string& name) {
  const auto ends = [&](const char* suffix) { return name.ends_with(suffix); };
  if (ends(".tf") || ends(".tfvars") || ends(".hcl")) return "terraform";
  const bool yaml = ends(".yaml") || ends(".yml");
  for (const char* word : {"dockerfile", "containerfile"}) {
    if (!yaml && (name.starts_with(word) || ends(word))) return "dockerfile";
  }
  if (name.find("docker-compose") != std::string::npos && (yaml || name.find('.') == name.npos))
    return "docker-compose";
  if (name.ends_with("compose.yaml") || name.ends_with("compose.yml")) return "docker-compose";
  for (const char* suffix :
       {".service", ".socket", ".timer", ".mount", ".automount", ".swap", ".target", ".path",
        ".slice", ".scope", ".network", ".netdev", ".link", ".unit"}) {
    if (ends(suffix)) return "systemd-unit";
  }
  if (name.find("nginx") != name.npos && !yaml && !ends(".json")) return "nginx";
  return "";
}

}  // namespace

std::string detect_kind(std::string_view file_name, std::string_view text) {
  const std::string name = base_name(file_name);
  const std::string by_name = kind_by_name(name);
  if (!by_name.empty()) return by_name;
  const Hints hints = read_hints(text);
  if (name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".json") ||
      name.empty()) {
    if (hints.api_version || hints.kind) return "kubernetes";
    if (hints.groups) return "prometheus-rules";
    if (hints.services) return "docker-compose";
    if (hints.other_prometheus) return "";
    if (hints.rule_key || name.find("prometheus") != std::string::npos ||
        name.find("alert") != std::string::npos || name.find("rules") != std::string::npos) {
      return "prometheus-rules";
    }
    if (!name.empty()) return name.find("kube") != std::string::npos ? "kubernetes" : "";
  }
  if (hints.api_version && hints.kind) return "kubernetes";
  if (hints.unit_section) return "systemd-unit";
  if (hints.hcl_block) return "terraform";
  if (hints.nginx_block || hints.n_nginx_statements * 2 > hints.n_lines) return "nginx";
  if (hints.docker_instruction) return "dockerfile";
  if (name.ends_with(".conf") && !hints.any_section && hints.n_nginx_statements > 0) return "nginx";
  return "";
}

}  // namespace app::configs
