// app/diagnosis/manifest.h: the Kubernetes objects of all manifests given, to be read against each
// other: workloads with the labels and containers of their pods, and everything they name.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/diagnosis/code_checks.h"
#include "app/diagnosis/scan.h"
#include "app/diagnosis/yaml_lines.h"

namespace app::diagnosis {

using Labels = std::map<std::string, std::string>;

struct ManifestObject {
  std::string kind{}, name{}, name_space{};
  const Document* document = nullptr;
  YamlNode yaml;

  LineRef ref(const YamlNode* node) const;  // node: of this object; null: its name's line
};

// What runs pods: Pod, Deployment, StatefulSet, DaemonSet, ReplicaSet, Job, CronJob.
struct Workload {
  const ManifestObject* object = nullptr;
  const YamlNode* pod_spec = nullptr;
  const YamlNode* labels_node = nullptr;
  Labels labels{};
  int replicas = 1;
  std::vector<const YamlNode*> containers{}, init_containers{};
  std::string label() const;                // "Deployment web"
};

struct Manifests {
  std::vector<ManifestObject> objects;
  std::vector<Workload> workloads;
  // Labels of `kubectl create deployment NAME` and `kubectl run NAME` in the texts given.
  std::vector<std::pair<Labels, LineRef>> commanded;

  std::vector<const ManifestObject*> of_kind(const std::string& kind) const;
  const ManifestObject* find(const std::string& kind, const std::string& name, const std::string& name_space) const;
};

Manifests parse_manifests(const ScanResult& scan);

Labels labels_of(const YamlNode* node);
bool selects(const Labels& selector, const Labels& labels);  // an empty selector selects all
std::string to_text(const Labels& labels);                   // "app=web, tier=front"

// "100m" -> 0.1, "64Mi" -> 67108864, "2" -> 2; none where it is no quantity.
std::optional<double> quantity(const std::string& text);
std::string quantity_text(double value, bool memory);        // "30m", "192Mi"

// A finding of a manifest check, to be filled further.
RawFinding manifest_finding(Severity severity, double specific, std::string title, std::string cause,
                            std::vector<LineRef> evidence, std::vector<NextStep> steps);

}  // namespace app::diagnosis
