// Resources of Terraform's Kubernetes provider, turned into the manifests they stand for.
#include <cctype>
#include <map>

#include "app/configs/kubernetes.h"
#include "app/configs/terraform.h"

namespace app::configs::terraform {
namespace {

// Blocks that are lists in a manifest, under their plural.
const std::map<std::string, std::string>& plurals() {
  static const std::map<std::string, std::string> names = {
      {"container", "containers"},
      {"init_container", "initContainers"},
      {"env", "env"},
      {"env_from", "envFrom"},
      {"port", "ports"},
      {"volume", "volumes"},
      {"volume_mount", "volumeMounts"},
      {"rule", "rules"},
      {"subject", "subjects"},
      {"sysctl", "sysctls"},
      {"topology_spread_constraint", "topologySpreadConstraints"},
      {"range", "ranges"}};
  return names;
}

std::string camel_case(const std::string& snake) {
  static const std::map<std::string, std::string> special = {{"host_ipc", "hostIPC"},
                                                             {"host_pid", "hostPID"},
                                                             {"role_ref", "roleRef"},
                                                             {"api_groups", "apiGroups"}};
  if (const auto found = special.find(snake); found != special.end()) return found->second;
  std::string out;
  bool up = false;
  for (char c : snake) {
    if (c == '_')
      up = true;
    else
      out += up ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c, up = false;
  }
  return out;
}

bool keeps_keys(const std::string& name) {
  return name == "labels" || name == "annotations" || name == "match_labels" || name == "limits" ||
         name == "requests" || name == "selector" || name == "data";
}

// What locals put in many places is copied for each: a budget bounds it.
constexpr size_t most_nodes = 200'000;
constexpr int max_depth = 400;

const Node* convert(const Node& node, bool keep_keys, Document& out, int depth = 0) {
  if (out.nodes.size() > most_nodes || depth > max_depth) return &out.add(Node::Kind::unknown, node.line, node.column);
  Node& copy = out.add(node.kind, node.line, node.column);
  copy.text = node.text;
  copy.quoted = node.quoted;
  for (const Node* item : node.items) copy.items.push_back(convert(*item, keep_keys, out, depth + 1));
  for (const Node::Member& member : node.members) {
    const std::string& name = member.first->text;
    const Node* value = member.second;
    const bool block = value->is_list() && !value->items.empty() && value->items[0]->is_map();
    const auto plural = plurals().find(name);
    Node& key = out.add(Node::Kind::scalar, member.first->line, member.first->column);
    key.text = keep_keys                            ? name
               : plural != plurals().end() && block ? plural->second
                                                    : camel_case(name);
    if (block && plural == plurals().end()) value = value->items[0];  // one block is one map
    copy.members.emplace_back(&key, convert(*value, keep_keys || keeps_keys(name), out, depth + 1));
  }
  return &copy;
}

std::string kind_of(std::string type) {
  static const std::map<std::string, std::string> kinds = {
      {"pod", "Pod"},
      {"deployment", "Deployment"},
      {"daemonset", "DaemonSet"},
      {"daemon_set", "DaemonSet"},
      {"stateful_set", "StatefulSet"},
      {"job", "Job"},
      {"cron_job", "CronJob"},
      {"replication_controller", "ReplicationController"},
      {"service", "Service"},
      {"service_account", "ServiceAccount"},
      {"role", "Role"},
      {"cluster_role", "ClusterRole"},
      {"role_binding", "RoleBinding"},
      {"cluster_role_binding", "ClusterRoleBinding"},
      {"ingress", "Ingress"},
      {"network_policy", "NetworkPolicy"},
      {"secret", "Secret"},
      {"config_map", "ConfigMap"},
      {"pod_security_policy", "PodSecurityPolicy"},
      {"default_service_account", "ServiceAccount"}};
  type = type.substr(11);  // "kubernetes_"
  for (const char* version : {"_v1", "_v2", "_v1beta1"}) {
    if (type.ends_with(version)) type.resize(type.size() - std::string_view(version).size());
  }
  const auto found = kinds.find(type);
  return found == kinds.end() ? "" : found->second;
}

void add_text(Document& document, Node& map, const char* key_text, const std::string& value_text) {
  Node& key = document.add(Node::Kind::scalar, map.line, map.column);
  key.text = key_text;
  Node& value = document.add(Node::Kind::scalar, map.line, map.column);
  value.text = value_text;
  map.members.emplace_back(&key, &value);
}

}  // namespace

void check_kubernetes(const hcl::Block& block, const std::string& subject, Report& report) {
  if (block.type != "resource" || block.labels.size() != 2 ||
      !block.labels[0].starts_with("kubernetes_"))
    return;
  const std::string kind = kind_of(block.labels[0]);
  if (kind.empty()) return;
  Document document;
  Node* root = const_cast<Node*>(convert(*block.body, false, document));
  add_text(document, *root, "kind", kind);
  if (block.labels[0].starts_with("kubernetes_default_service_account"))
    add_text(document, *root, "isDefault", "true");
  document.root = root;
  kubernetes::Cluster cluster;
  kubernetes::add_objects(document, 0, cluster);
  for (kubernetes::Object& object : cluster.objects) {
    object.subject = subject;
    // The containers of one resource are told apart by their lines; the resource is what is named.
    for (kubernetes::Container& container : object.containers) container.subject = subject;
    if (object.is_workload()) kubernetes::check_pod(object, report);
    kubernetes::check_control_plane(object, report);
    kubernetes::check_access(object, cluster, report);
    kubernetes::check_object(object, cluster, report);
  }
}

}  // namespace app::configs::terraform
