// Deployments, StatefulSets, DaemonSets and jobs: replicas, spread, updates and what they refer to.
#include <algorithm>

#include "app/configs/kubernetes.h"

namespace app::configs::kubernetes {
namespace {

bool is_hostname(const Node& key) { return key.text == "kubernetes.io/hostname"; }

bool term_spreads(const Node& term, const Object& object) {
  if (!is_hostname(term["topologyKey"])) return false;
  const Node& namespaces = term["namespaces"];
  if (!namespaces.empty() &&
      !namespaces.contains(object.name_space.empty() ? "default" : object.name_space))
    return false;
  return selector_matches(term["labelSelector"], pod_labels(object));
}

bool spreads_over_hosts(const Object& object) {
  const Node& affinity = object.pod_spec->at("affinity.podAntiAffinity");
  for (const Node* term : affinity["requiredDuringSchedulingIgnoredDuringExecution"].items) {
    if (term_spreads(*term, object)) return true;
  }
  for (const Node* weighted : affinity["preferredDuringSchedulingIgnoredDuringExecution"].items) {
    if (term_spreads((*weighted)["podAffinityTerm"], object)) return true;
  }
  return false;
}

void check_spread(const Object& object, Report& report) {
  if (object.replicas() < 2 || spreads_over_hosts(object)) return;
  const Node& at =
      placed({&object.pod_spec->at("affinity.podAntiAffinity"), object.pod_spec, object.root});
  report.add("k8s/no-anti-affinity", at, object.subject);
  if (object.kind == "Deployment") report.add("k8s/deployment-not-spread", at, object.subject);
  if (object.kind == "StatefulSet") report.add("k8s/statefulset-not-spread", at, object.subject);
}

bool selects_own_pods(const Object& object) {
  const Node& selector = object.at("spec.selector");
  if (object.is({"DeploymentConfig", "ReplicationController"}))
    return labels_match(selector, pod_labels(object));
  return selector_matches(selector, pod_labels(object));
}

void check_selector(const Object& object, Report& report) {
  const Node& selector = object.at("spec.selector");
  if (!object.is({"Deployment", "DeploymentConfig", "StatefulSet", "DaemonSet", "ReplicaSet"}))
    return;
  if (selector.empty() || selects_own_pods(object)) return;
  report.add("k8s/selector-mismatch", selector, object.subject);
  if (object.kind == "Deployment")
    report.add("k8s/deployment-selector-mismatch", selector, object.subject);
  if (object.kind == "StatefulSet")
    report.add("k8s/statefulset-selector-mismatch", selector, object.subject);
}

void check_disruption_budget_exists(const Object& object, const Cluster& cluster, Report& report) {
  const auto replicas = object.at("spec.replicas").number();
  if (replicas && *replicas < 2) return;
  const bool covered =
      std::any_of(cluster.objects.begin(), cluster.objects.end(), [&](const Object& other) {
        return other.kind == "PodDisruptionBudget" && same_namespace(other, object) &&
               selector_matches(other.at("spec.selector"), pod_labels(object));
      });
  if (covered) return;
  if (object.kind == "Deployment")
    report.add("k8s/deployment-without-disruption-budget", *object.root, object.subject);
  if (object.kind == "StatefulSet")
    report.add("k8s/statefulset-without-disruption-budget", *object.root, object.subject);
}

void check_update_strategy(const Object& object, const Cluster& cluster, Report& report) {
  const Node& spec = object["spec"];
  const Node& strategy = spec.has("strategy") ? spec["strategy"] : spec["updateStrategy"];
  const std::string& type = strategy["type"].text;
  if (type != "RollingUpdate" && type != "Rolling") {
    report.add("k8s/no-rolling-update", placed({&strategy, &spec, object.root}), object.subject);
  }
  const bool deployment = object.kind == "Deployment";
  if (!deployment || !is_targeted_by_service(object, cluster)) return;
  if (!type.empty() && type != "RollingUpdate")
    report.add("k8s/recreate-behind-service", strategy, object.subject);
  if (object.replicas() < 2 && !autoscaler_of(object, cluster)) {
    report.add("k8s/single-replica-behind-service", placed({&spec["replicas"], &spec}),
               object.subject);
  }
}

void check_replicas(const Object& object, const Cluster& cluster, Report& report) {
  const Node& replicas = object.at("spec.replicas");
  const Node& at = placed({&replicas, &object["spec"], object.root});
  if (object.is({"Deployment", "DeploymentConfig"}) && object.replicas() < 3) {
    report.add("k8s/fewer-than-three-replicas", at, object.subject);
  }
  if (object.kind == "Deployment" && replicas.exists() && autoscaler_of(object, cluster)) {
    report.add("k8s/replicas-fought-by-autoscaler", replicas, object.subject);
  }
}

void check_network_isolation(const Object& object, const Cluster& cluster, Report& report) {
  bool ingress = false, egress = false, selected = false;
  for (const Object& other : cluster.objects) {
    if (other.kind != "NetworkPolicy" || !same_namespace(other, object)) continue;
    if (!selector_matches(other.at("spec.podSelector"), pod_labels(object))) continue;
    selected = true;
    const Node& types = other.at("spec.policyTypes");
    ingress |= types.empty() || types.contains("Ingress");
    egress |= types.empty() ? !other.at("spec.egress").empty() : types.contains("Egress");
  }
  if (!selected) report.add("k8s/no-network-policy", *object.root, object.subject);
  if (!ingress || !egress) report.add("k8s/network-policy-one-way", *object.root, object.subject);
}

bool same_probe(const Node& a, const Node& b) {
  for (const char* action : {"httpGet", "tcpSocket", "exec", "grpc"}) {
    if (a.has(action) != b.has(action)) return false;
    for (const char* key : {"path", "port", "host", "scheme", "service"}) {
      if (a[action][key].text != b[action][key].text) return false;
    }
    if (a[action]["command"].strings() != b[action]["command"].strings()) return false;
  }
  return true;
}

void check_served_probes(const Object& object, const Cluster& cluster, Report& report) {
  if (object.is({"Job", "CronJob"}) || !is_targeted_by_service(object, cluster)) return;
  bool ready = false, live = false;
  for (const Container& container : object.containers) {
    if (container.init) continue;
    const Node& readiness = (*container.node)["readinessProbe"];
    const Node& liveness = (*container.node)["livenessProbe"];
    ready |= readiness.is_map();
    live |= liveness.is_map();
    if (readiness.is_map() && liveness.is_map() && same_probe(readiness, liveness)) {
      report.add("k8s/identical-probes", liveness, container.subject);
    }
  }
  if (!ready || !live)
    report.add("k8s/served-pod-without-probes", *object.pod_spec, object.subject);
}

bool has_object(const Cluster& cluster, const Object& from, std::string_view kind,
                const std::string& name) {
  return std::any_of(cluster.objects.begin(), cluster.objects.end(), [&](const Object& other) {
    return other.kind == kind && other.name == name && same_namespace(other, from);
  });
}

// The pod's own word counts, else that of its service account.
void check_account_token(const Object& object, const Cluster& cluster, Report& report) {
  const Node& pod = *object.pod_spec;
  const Node* says = &pod["automountServiceAccountToken"];
  const std::string& name = pod["serviceAccountName"].text;
  for (const Object& other : cluster.objects) {
    if (says->exists() || name.empty()) break;
    if (other.kind == "ServiceAccount" && other.name == name && same_namespace(other, object))
      says = &other["automountServiceAccountToken"];
  }
  if (!says->is_false()) {
    report.add("k8s/service-account-token-mounted",
               placed({&pod["automountServiceAccountToken"], &pod}), object.subject);
  }
}

void check_references(const Object& object, const Cluster& cluster, Report& report) {
  const Node& account = (*object.pod_spec)["serviceAccountName"];
  if (!account.empty() && account.text != "default" &&
      !has_object(cluster, object, "ServiceAccount", account.text)) {
    report.add("k8s/service-account-not-found", account, object.subject);
  }
  for (const Container& container : object.containers) {
    for (const Node* env : (*container.node)["env"].items) {
      const std::pair<const char*, const char*> sources[] = {{"secretKeyRef", "Secret"},
                                                             {"configMapKeyRef", "ConfigMap"}};
      for (const auto& [key, kind] : sources) {
        const Node& ref = (*env)["valueFrom"][key];
        if (!ref.is_map() || ref["optional"].is_true()) continue;
        if (!has_object(cluster, object, kind, ref["name"].text)) {
          report.add("k8s/env-source-not-found", ref, container.subject,
                     std::string("takes ") + (*env)["name"].text + " from " + kind + " " +
                         ref["name"].text + ", which is not among these files");
        }
      }
    }
  }
}

void check_jobs(const Object& object, Report& report) {
  if (object.kind == "Job" && !object.at("spec.ttlSecondsAfterFinished").exists()) {
    report.add("k8s/job-ttl", *object.root, object.subject);
  }
  if (object.kind != "CronJob") return;
  const Node& ttl = object.at("spec.jobTemplate.spec.ttlSecondsAfterFinished");
  if (ttl.exists()) {
    report.add("k8s/job-ttl", ttl, object.subject,
               "deletes its jobs by age as well as by the history limits");
  }
  if (!object.at("spec.startingDeadlineSeconds").exists()) {
    report.add("k8s/cronjob-without-deadline", placed({&object["spec"], object.root}),
               object.subject);
  }
  const std::string& restart = (*object.pod_spec)["restartPolicy"].text;
  if (restart != "Never" && restart != "OnFailure") {
    report.add("k8s/cronjob-restart-policy", *object.pod_spec, object.subject);
  }
}

void check_stateful_set(const Object& object, const Cluster& cluster, Report& report) {
  const std::string& wanted = object.at("spec.serviceName").text;
  const bool found =
      std::any_of(cluster.objects.begin(), cluster.objects.end(), [&](const Object& other) {
        return other.kind == "Service" && other.name == wanted && same_namespace(other, object) &&
               other.at("spec.clusterIP").text == "None" &&
               labels_match(other.at("spec.selector"), pod_labels(object));
      });
  if (!found) {
    report.add("k8s/statefulset-service-missing",
               placed({&object.at("spec.serviceName"), &object["spec"]}), object.subject);
  }
  for (const Node* claim : object.at("spec.volumeClaimTemplates").items) {
    if (claim->at("metadata.annotations").empty()) {
      report.add("k8s/volume-claim-annotation", *claim, object.subject);
    }
  }
}

}  // namespace

void check_workload(const Object& object, const Cluster& cluster, Report& report) {
  check_jobs(object, report);
  // Also where the template is missing: replicas are the object's own figure.
  check_replicas(object, cluster, report);
  if (!object.is_workload()) return;
  if (object.is({"Deployment", "StatefulSet", "DeploymentConfig", "ReplicaSet"}))
    check_spread(object, report);
  if (object.is({"Deployment", "DeploymentConfig", "DaemonSet", "StatefulSet"}))
    check_update_strategy(object, cluster, report);
  check_selector(object, report);
  check_disruption_budget_exists(object, cluster, report);
  check_network_isolation(object, cluster, report);
  check_served_probes(object, cluster, report);
  check_references(object, cluster, report);
  check_account_token(object, cluster, report);
  if (object.kind == "StatefulSet") check_stateful_set(object, cluster, report);
}

}  // namespace app::configs::kubernetes
