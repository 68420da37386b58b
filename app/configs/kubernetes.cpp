#include "app/configs/kubernetes.h"

#include <algorithm>

#include "app/configs/kinds.h"
#include "engine/base/text.h"

namespace app::configs::kubernetes {
namespace {

struct PodPaths {
  const char* kind;
  const char* spec;
  const char* metadata;
};

// Where each kind of workload keeps what its pods will be.
constexpr PodPaths pod_paths[] = {
    {"Pod", "spec", "metadata"},
    {"PodTemplate", "template.spec", "template.metadata"},
    {"CronJob", "spec.jobTemplate.spec.template.spec", "spec.jobTemplate.spec.template.metadata"},
    {"Deployment", "spec.template.spec", "spec.template.metadata"},
    {"DeploymentConfig", "spec.template.spec", "spec.template.metadata"},
    {"DaemonSet", "spec.template.spec", "spec.template.metadata"},
    {"Job", "spec.template.spec", "spec.template.metadata"},
    {"ReplicaSet", "spec.template.spec", "spec.template.metadata"},
    {"ReplicationController", "spec.template.spec", "spec.template.metadata"},
    {"StatefulSet", "spec.template.spec", "spec.template.metadata"},
};

void add_containers(Object& object, const char* list, bool init) {
  for (const Node* node : (*object.pod_spec)[list].items) {
    if (!node->is_map()) continue;
    Container container;
    container.node = node;
    container.init = init;
    container.subject =
        object.subject + (init ? " init container " : " container ") + (*node)["name"].text;
    object.containers.push_back(std::move(container));
  }
}

void add_object(const Node& root, size_t file, Cluster& cluster) {
  Object object;
  object.file = file;
  object.root = &root;
  object.kind = root["kind"].text;
  object.api_version = root["apiVersion"].text;
  object.name = root.at("metadata.name").text;
  object.name_space = root.at("metadata.namespace").text;
  object.subject = object.kind + "/" + object.name;
  object.pod_spec = object.pod_metadata = &Node::missing();
  for (const PodPaths& paths : pod_paths) {
    if (object.kind != paths.kind) continue;
    object.pod_spec = &root.at(paths.spec);
    object.pod_metadata = &root.at(paths.metadata);
  }
  add_containers(object, "initContainers", true);
  add_containers(object, "containers", false);
  cluster.objects.push_back(std::move(object));
}

// Labels that no manifest carries: a controller adds them to the pods that it makes.
bool is_set_by_controller(const std::string& label) {
  for (const char* own :
       {"statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index", "pod-template-hash",
        "controller-revision-hash", "batch.kubernetes.io/job-name", "job-name"}) {
    if (label == own) return true;
  }
  return false;
}

bool expression_matches(const Node& expression, const Node& labels) {
  const Node& label = labels[expression["key"].text];
  const std::string& op = expression["operator"].text;
  if (op == "Exists") return label.exists();
  if (op == "DoesNotExist") return !label.exists();
  if (op == "In") return label.exists() && expression["values"].contains(label.text);
  if (op == "NotIn") return !label.exists() || !expression["values"].contains(label.text);
  return false;
}

}  // namespace

bool Object::is(std::initializer_list<std::string_view> kinds) const {
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

double Object::replicas() const { return at("spec.replicas").number().value_or(1); }

void add_objects(const Document& document, size_t file, Cluster& cluster) {
  const Node& root = *document.root;
  if (!root.is_map()) return;
  if (root["kind"].text == "List" ||
      (root["items"].is_list() && root["kind"].text.ends_with("List"))) {
    for (const Node* item : root["items"].items) {
      if (item->is_map()) add_object(*item, file, cluster);
    }
    return;
  }
  add_object(root, file, cluster);
}

bool labels_match(const Node& wanted, const Node& labels) {
  for (const Node::Member& member : wanted.members) {
    if (is_set_by_controller(member.first->text)) continue;
    const Node& have = labels[member.first->text];
    if (!have.exists() || have.text != member.second->text) return false;
  }
  return true;
}

bool selector_matches(const Node& selector, const Node& labels) {
  if (!selector.exists()) return false;
  if (!labels_match(selector["matchLabels"], labels)) return false;
  const auto& expressions = selector["matchExpressions"].items;
  return std::all_of(expressions.begin(), expressions.end(),
                     [&](const Node* each) { return expression_matches(*each, labels); });
}

bool same_namespace(const Object& a, const Object& b) {
  const auto name = [](const Object& o) { return o.name_space.empty() ? "default" : o.name_space; };
  return name(a) == name(b);
}

bool names_secret(std::string_view name) {
  const std::string lower = engine::to_lower_ascii(name);
  for (const char* pointer : {"_file", "_path", "_dir", "_name", "_url", "_ref", "_key_id"}) {
    if (lower.ends_with(pointer) && lower != "aws_access_key_id") return false;
  }
  for (const char* word : {"password", "passwd", "secret_access_key", "secret_key", "private_key",
                           "api_key", "apikey", "auth_token", "access_token", "aws_access_key_id",
                           "account_key", "batch_key", "key_content"}) {
    if (lower.find(word) != std::string::npos) return true;
  }
  return false;
}

bool holds_private_key(std::string_view value) {
  const size_t begin = value.find("-----BEGIN ");
  return begin != value.npos && value.find("PRIVATE KEY-----", begin) != value.npos;
}

const Node& pod_labels(const Object& workload) { return (*workload.pod_metadata)["labels"]; }

bool is_targeted_by_service(const Object& workload, const Cluster& cluster) {
  return std::any_of(cluster.objects.begin(), cluster.objects.end(), [&](const Object& other) {
    return other.kind == "Service" && same_namespace(other, workload) &&
           !other.at("spec.selector").empty() &&
           labels_match(other.at("spec.selector"), pod_labels(workload));
  });
}

const Object* autoscaler_of(const Object& workload, const Cluster& cluster) {
  for (const Object& other : cluster.objects) {
    if (!other.is({"HorizontalPodAutoscaler", "ScaledObject"}) || !same_namespace(other, workload))
      continue;
    const Node& target = other.at("spec.scaleTargetRef");
    const std::string& kind = target["kind"].text;
    if (target["name"].text == workload.name && (kind.empty() || kind == workload.kind))
      return &other;
  }
  return nullptr;
}

void check_all(const Object& object, const Cluster& cluster, Report& report) {
  if (object.is_workload()) check_pod(object, report);
  check_control_plane(object, report);
  check_access(object, cluster, report);
  check_workload(object, cluster, report);
  check_network(object, cluster, report);
  check_object(object, cluster, report);
}

}  // namespace app::configs::kubernetes

namespace app::configs {

void review_kubernetes(std::vector<YamlFile>& files) {
  kubernetes::Cluster cluster;
  for (size_t i = 0; i < files.size(); ++i) {
    for (const Document& document : files[i].yaml.documents) {
      kubernetes::add_objects(document, i, cluster);
    }
  }
  for (const kubernetes::Object& object : cluster.objects) {
    if (object.kind.empty()) {
      files[object.file].report->note("A document without a kind was not reviewed.");
      continue;
    }
    Report& report = *files[object.file].report;
    kubernetes::check_all(object, cluster, report);
    // The Prometheus operator's object holds what a rule file holds.
    if (object.kind == "PrometheusRule" && object["spec"].is_map())
      check_prometheus_groups(object["spec"], report);
  }
}

}  // namespace app::configs
