// Disruption budgets and autoscalers, and what holds for any object: its API version and metadata.
#include <algorithm>
#include <cctype>

#include "app/configs/kubernetes.h"
#include "engine/base/text.h"

namespace app::configs::kubernetes {
namespace {

// --- disruption budgets and autoscalers ----------------------------------------------------------

double share_or_count(const Node& value, double replicas) {
  if (!value.text.ends_with('%')) return value.number().value_or(0);
  Node share = value;
  share.text.pop_back();
  return share.number().value_or(0) / 100 * replicas;
}

bool budget_selects(const Node& selector, const Object& workload) {
  return selector_matches(selector, pod_labels(workload)) ||
         selector_matches(selector, workload.at("spec.selector.matchLabels"));
}

void check_disruption_budget(const Object& budget, const Cluster& cluster, Report& report) {
  const Node& spec = budget["spec"];
  const Node& minimum = spec["minAvailable"];
  const Node& maximum = spec["maxUnavailable"];
  if (!minimum.exists() && !maximum.exists())
    report.add("k8s/disruption-budget-without-policy", placed({&spec, budget.root}),
               budget.subject);
  if (!spec.has("unhealthyPodEvictionPolicy"))
    report.add("k8s/disruption-budget-unhealthy-pods", placed({&spec, budget.root}),
               budget.subject);
  const bool all = minimum.text.ends_with('%') && share_or_count(minimum, 1) >= 1;
  if (all)
    report.add("k8s/disruption-budget-blocks-all", minimum, budget.subject,
               "asks for every pod, so that no node can be drained");
  for (const Object& workload : cluster.objects) {
    if (all || !workload.is({"Deployment", "StatefulSet", "DeploymentConfig", "ReplicaSet"}) ||
        !same_namespace(workload, budget) || !budget_selects(spec["selector"], workload))
      continue;
    double replicas = workload.replicas();
    if (const Object* scaler = autoscaler_of(workload, cluster)) {
      const Node& least = scaler->kind == "ScaledObject" ? scaler->at("spec.minReplicaCount")
                                                         : scaler->at("spec.minReplicas");
      replicas = least.number().value_or(1);
    }
    if (minimum.exists() && share_or_count(minimum, replicas) >= replicas) {
      report.add("k8s/disruption-budget-blocks-all", minimum, budget.subject,
                 "asks for as many running pods as " + workload.subject +
                     " has, so that no node can be drained");
    }
  }
  if (maximum.exists() && share_or_count(maximum, 1) == 0)
    report.add("k8s/disruption-budget-allows-none", maximum, budget.subject);
}

void check_autoscaler(const Object& scaler, const Cluster& cluster, Report& report) {
  const Node& target = scaler.at("spec.scaleTargetRef");
  const bool found =
      std::any_of(cluster.objects.begin(), cluster.objects.end(), [&](const Object& other) {
        return other.kind == target["kind"].text && other.name == target["name"].text &&
               same_namespace(other, scaler);
      });
  if (!found)
    report.add("k8s/autoscaler-without-target", placed({&target, scaler.root}), scaler.subject);
  const Node& least = scaler.at("spec.minReplicas");
  const Node& at = placed({&least, &scaler["spec"], scaler.root});
  const auto most = scaler.at("spec.maxReplicas").number();
  if (most && *most <= least.number().value_or(1))
    report.add("k8s/autoscaler-cannot-scale", scaler.at("spec.maxReplicas"), scaler.subject);
  if (least.number().value_or(1) < 2)
    report.add("k8s/autoscaler-single-replica", at, scaler.subject);
  if (least.number().value_or(1) < 3)
    report.add("k8s/autoscaler-fewer-than-three", at, scaler.subject);
}

// --- any object ----------------------------------------------------------------------------------

struct OldApi {
  const char* api_version;
  const char* kind;  // "" = every kind
  const char* replacement;
};
constexpr OldApi old_apis[] = {
    {"extensions/v1beta1", "Ingress", "networking.k8s.io/v1"},
    {"extensions/v1beta1", "NetworkPolicy", "networking.k8s.io/v1"},
    {"extensions/v1beta1", "PodSecurityPolicy", "Pod Security admission"},
    {"extensions/v1beta1", "", "apps/v1"},
    {"apps/v1beta1", "", "apps/v1"},
    {"apps/v1beta2", "", "apps/v1"},
    {"batch/v1beta1", "", "batch/v1"},
    {"batch/v2alpha1", "", "batch/v1"},
    {"networking.k8s.io/v1beta1", "", "networking.k8s.io/v1"},
    {"policy/v1beta1", "PodDisruptionBudget", "policy/v1"},
    {"policy/v1beta1", "PodSecurityPolicy", "Pod Security admission"},
    {"rbac.authorization.k8s.io/v1beta1", "", "rbac.authorization.k8s.io/v1"},
    {"rbac.authorization.k8s.io/v1alpha1", "", "rbac.authorization.k8s.io/v1"},
    {"autoscaling/v2beta1", "", "autoscaling/v2"},
    {"autoscaling/v2beta2", "", "autoscaling/v2"},
    {"scheduling.k8s.io/v1beta1", "", "scheduling.k8s.io/v1"},
    {"storage.k8s.io/v1beta1", "", "storage.k8s.io/v1"},
    {"apiextensions.k8s.io/v1beta1", "", "apiextensions.k8s.io/v1"},
    {"admissionregistration.k8s.io/v1beta1", "", "admissionregistration.k8s.io/v1"},
};

void check_api_version(const Object& object, Report& report) {
  const Node& version = object["apiVersion"];
  if (object.api_version.starts_with("extensions/v1beta"))
    report.add("k8s/extensions-v1beta", version, object.subject);
  for (const OldApi& old : old_apis) {
    if (object.api_version != old.api_version || (*old.kind && object.kind != old.kind)) continue;
    report.add("k8s/deprecated-api-version", version, object.subject,
               object.api_version + " is deprecated or gone; use " + old.replacement);
    return;
  }
}

bool is_label_value(const std::string& value) {
  if (value.empty()) return true;
  const auto edge = [](unsigned char c) { return std::isalnum(c) != 0; };
  return value.size() <= 63 && edge(value.front()) && edge(value.back()) &&
         std::all_of(value.begin(), value.end(), [](unsigned char c) {
           return std::isalnum(c) || c == '-' || c == '_' || c == '.';
         });
}

bool is_email(const std::string& text) {
  const size_t at = text.find('@');
  return at != std::string::npos && at > 0 && text.find('.', at + 2) != std::string::npos;
}

void check_metadata(const Object& object, Report& report) {
  const Node& metadata = object["metadata"];
  const Node& at = placed({&metadata, object.root});
  for (const Node::Member& label : metadata["labels"].members) {
    if (!is_label_value(label.second->text))
      report.add("k8s/label-value", *label.second, object.subject);
  }
  if (!is_email(metadata["annotations"]["email"].text))
    report.add("k8s/no-email-annotation", at, object.subject);
  if (metadata["labels"]["owner"].empty()) report.add("k8s/no-owner-label", at, object.subject);

  const bool namespaced =
      object.is({"Pod", "Deployment", "DeploymentConfig", "DaemonSet", "StatefulSet", "ReplicaSet",
                 "ReplicationController", "Job", "CronJob", "Service", "Secret", "ServiceAccount",
                 "Role", "RoleBinding", "ConfigMap", "Ingress"});
  const bool built_in = (object.kind == "ServiceAccount" && object.name == "default") ||
                        (object.kind == "Service" && object.name == "kubernetes");
  if (namespaced && !built_in && (object.name_space.empty() || object.name_space == "default")) {
    report.add("k8s/default-namespace", placed({&metadata["namespace"], &at}), object.subject);
  }
}

void check_pod_security_policy(const Object& policy, Report& report) {
  const Node& spec = policy["spec"];
  const Node& at = placed({&spec, policy.root});
  const std::pair<const char*, const char*> shared[] = {{"hostPID", "k8s/psp-host-pid"},
                                                        {"privileged", "k8s/psp-privileged"},
                                                        {"hostIPC", "k8s/psp-host-ipc"},
                                                        {"hostNetwork", "k8s/psp-host-network"}};
  for (const auto& [key, rule] : shared) {
    if (spec[key].is_true()) report.add(rule, spec[key], policy.subject);
  }
  if (!spec["allowPrivilegeEscalation"].is_false())
    report.add("k8s/psp-privilege-escalation", placed({&spec["allowPrivilegeEscalation"], &at}),
               policy.subject);
  const Node& user = spec["runAsUser"];
  bool root = user["rule"].text != "MustRunAsNonRoot" && user["rule"].text != "MustRunAs";
  if (user["rule"].text == "MustRunAs") {
    root = user["ranges"].empty();
    for (const Node* range : user["ranges"].items)
      root |= (*range)["min"].number().value_or(0) == 0;
  }
  if (root) report.add("k8s/psp-root", placed({&user, &at}), policy.subject);
  const Node& dropped = spec["requiredDropCapabilities"];
  if (!dropped.contains("ALL") && !dropped.contains("NET_RAW"))
    report.add("k8s/psp-net-raw", placed({&dropped, &at}), policy.subject);
  if (dropped.empty()) report.add("k8s/psp-capabilities-kept", at, policy.subject);
  if (!spec["allowedCapabilities"].empty())
    report.add("k8s/psp-capabilities-allowed", spec["allowedCapabilities"], policy.subject);
  const std::string& profile =
      policy.at("metadata.annotations")["seccomp.security.alpha.kubernetes.io/defaultProfileName"]
          .text;
  if (profile.find("docker/default") == std::string::npos &&
      profile.find("runtime/default") == std::string::npos) {
    report.add("k8s/psp-seccomp", placed({&policy["metadata"], policy.root}), policy.subject);
  }
}

void check_config_map(const Object& map, Report& report) {
  for (const Node::Member& entry : map["data"].members) {
    const std::string& value = entry.second->text;
    const bool setting = value.empty() || entry.second->is_true() || entry.second->is_false() ||
                         value.find('\n') != std::string::npos;  // a file, not a value
    if (holds_private_key(value) || (!setting && names_secret(entry.first->text)))
      report.add("k8s/secret-in-config-map", *entry.first, map.subject,
                 entry.first->text + " stands in plain text");
  }
}

void check_service_monitor(const Object& monitor, const Cluster& cluster, Report& report) {
  const Node& selector = monitor.at("spec.selector");
  const Node& namespaces = monitor.at("spec.namespaceSelector");
  const bool found =
      std::any_of(cluster.objects.begin(), cluster.objects.end(), [&](const Object& other) {
        if (other.kind != "Service" || !selector_matches(selector, other.at("metadata.labels")))
          return false;
        if (namespaces["any"].is_true()) return true;
        return namespaces["matchNames"].empty()
                   ? same_namespace(other, monitor)
                   : namespaces["matchNames"].contains(other.name_space);
      });
  if (!found)
    report.add("k8s/service-monitor-selects-nothing", placed({&selector, monitor.root}),
               monitor.subject);
}

}  // namespace

void check_object(const Object& object, const Cluster& cluster, Report& report) {
  check_api_version(object, report);
  check_metadata(object, report);
  if (object.kind == "PodDisruptionBudget") check_disruption_budget(object, cluster, report);
  if (object.kind == "HorizontalPodAutoscaler") check_autoscaler(object, cluster, report);
  if (object.kind == "PodSecurityPolicy") check_pod_security_policy(object, report);
  if (object.kind == "ConfigMap") check_config_map(object, report);
  if (object.kind == "ServiceMonitor") check_service_monitor(object, cluster, report);
  if (object.kind == "SecurityContextConstraints" && object["allowPrivilegedContainer"].is_true()) {
    report.add("k8s/scc-privileged", object["allowPrivilegedContainer"], object.subject);
  }
}

}  // namespace app::configs::kubernetes
