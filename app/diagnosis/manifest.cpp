#include "app/diagnosis/manifest.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::diagnosis {
namespace {

const std::string in_namespace(const YamlNode& yaml) {
  std::string name = yaml.get("metadata/namespace");
  return name.empty() ? "default" : name;
}

void add_object(Manifests& manifests, const Document& document, YamlNode yaml) {
  std::string kind = yaml.get("kind");
  if (kind.empty()) return;
  if (kind.ends_with("List") && yaml.find("items")) {
    for (const YamlNode* item : yaml.items("items")) add_object(manifests, document, *item);
    return;
  }
  manifests.objects.push_back({.kind = kind, .name = yaml.get("metadata/name"), .name_space = in_namespace(yaml),
                               .document = &document, .yaml = std::move(yaml)});
}

void parse_document(Manifests& manifests, const Document& document) {
  std::vector<std::string_view> lines;
  for (const DocumentLine& line : document.lines) lines.push_back(line.text);
  size_t begin = 0;
  for (size_t i = 0; i <= lines.size(); i++) {
    if (i < lines.size() && !lines[i].starts_with("---")) continue;
    if (i > begin) add_object(manifests, document, parse_yaml_lines(lines, begin, i));
    begin = i + 1;
  }
}

const char* pod_template_path(const std::string& kind) {
  if (kind == "Pod") return "";
  if (kind == "CronJob") return "spec/jobTemplate/spec/template";
  for (const char* name : {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "ReplicationController", "Rollout"})
    if (kind == name) return "spec/template";
  return nullptr;
}

void add_workload(Manifests& manifests, const ManifestObject& object) {
  const char* path = pod_template_path(object.kind);
  if (!path) return;
  const YamlNode* pod = *path ? object.yaml.find(path) : &object.yaml;
  if (!pod || !pod->find("spec")) return;
  Workload workload{.object = &object, .pod_spec = pod->find("spec"), .labels_node = pod->find("metadata/labels")};
  workload.labels = labels_of(workload.labels_node);
  std::string replicas = object.yaml.get("spec/replicas");
  if (!replicas.empty()) std::from_chars(replicas.data(), replicas.data() + replicas.size(), workload.replicas);
  workload.containers = workload.pod_spec->items("containers");
  workload.init_containers = workload.pod_spec->items("initContainers");
  manifests.workloads.push_back(std::move(workload));
}

// kubectl labels what it creates: app=NAME for a deployment, run=NAME for a pod.
void add_commanded(Manifests& manifests, const Document& document) {
  for (size_t i = 0; i < document.lines.size(); i++) {
    std::string_view text = document.lines[i].text;
    for (auto [verb, key] : {std::pair{"kubectl create deployment ", "app"}, std::pair{"kubectl run ", "run"}}) {
      size_t at = text.find(verb);
      if (at == std::string_view::npos) continue;
      std::string_view rest = text.substr(at + std::string_view(verb).size());
      std::string name(rest.substr(0, rest.find(' ')));
      if (!name.empty() && name[0] != '-') manifests.commanded.push_back({Labels{{key, name}}, document.ref(i)});
    }
  }
}

}  // namespace

LineRef ManifestObject::ref(const YamlNode* node) const {
  if (!node) node = yaml.find("metadata/name");
  if (!node) node = yaml.find("kind");
  return document->ref(node ? node->line : yaml.line);
}

std::string Workload::label() const { return object->kind + " " + object->name; }

std::vector<const ManifestObject*> Manifests::of_kind(const std::string& kind) const {
  std::vector<const ManifestObject*> out;
  for (const ManifestObject& object : objects)
    if (object.kind == kind) out.push_back(&object);
  return out;
}

const ManifestObject* Manifests::find(const std::string& kind, const std::string& name, const std::string& name_space) const {
  for (const ManifestObject& object : objects)
    if (object.kind == kind && object.name == name && (name_space.empty() || object.name_space == name_space)) return &object;
  return nullptr;
}

Manifests parse_manifests(const ScanResult& scan) {
  Manifests manifests;
  for (const Document& document : scan.documents) {
    if (document.manifest) parse_document(manifests, document);
    add_commanded(manifests, document);
  }
  // Only now: a workload points at its object, and the list has to stay where it is.
  for (const ManifestObject& object : manifests.objects) add_workload(manifests, object);
  return manifests;
}

Labels labels_of(const YamlNode* node) {
  Labels labels;
  if (node)
    for (const YamlNode& child : node->children)
      if (child.children.empty()) labels[child.key] = child.value;
  return labels;
}

bool selects(const Labels& selector, const Labels& labels) {
  return std::all_of(selector.begin(), selector.end(), [&](const auto& wanted) {
    auto it = labels.find(wanted.first);
    return it != labels.end() && it->second == wanted.second;
  });
}

std::string to_text(const Labels& labels) {
  std::string text;
  for (const auto& [key, value] : labels) text += (text.empty() ? "" : ", ") + key + "=" + value;
  return text.empty() ? "(none)" : text;
}

std::optional<double> quantity(const std::string& text) {
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  std::string unit(end, text.data() + text.size());
  static const std::map<std::string, double> units = {
      {"", 1}, {"m", 1e-3}, {"k", 1e3}, {"K", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12},
      {"Ki", 1024.0}, {"Mi", 1048576.0}, {"Gi", 1073741824.0}, {"Ti", 1099511627776.0}};
  auto it = units.find(unit);
  if (it == units.end()) return std::nullopt;
  return value * it->second;
}

std::string quantity_text(double value, bool memory) {
  if (memory) return engine::format("%.0fMi", std::ceil(value / 1048576.0));
  if (value < 1 || std::fmod(value, 1.0) != 0) return engine::format("%.0fm", value * 1000);
  return engine::format("%.0f", value);
}

RawFinding manifest_finding(Severity severity, double specific, std::string title, std::string cause,
                            std::vector<LineRef> evidence, std::vector<NextStep> steps) {
  RawFinding raw;
  raw.finding.severity = severity;
  raw.finding.title = std::move(title);
  raw.finding.cause = std::move(cause);
  raw.finding.evidence = std::move(evidence);
  raw.finding.n_matches = 1;
  raw.finding.next_steps = std::move(steps);
  raw.specific = specific;
  return raw;
}

}  // namespace app::diagnosis
