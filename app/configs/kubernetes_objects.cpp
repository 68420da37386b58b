// Objects other than the pod itself, and how they refer to each other.
#include <algorithm>
#include <cctype>

#include "app/configs/kubernetes.h"
#include "engine/base/text.h"

namespace app::configs::kubernetes {
namespace {

bool is_hostname(const Node& key) { return key.text == "kubernetes.io/hostname"; }

const Node& pod_labels(const Object& object) { return (*object.pod_metadata)["labels"]; }

// Some workload of the same namespace satisfies the test.
template <class Test>
bool any_workload(const Cluster& cluster, const Object& from, Test test) {
  return std::any_of(cluster.objects.begin(), cluster.objects.end(), [&](const Object& other) {
    return other.is_workload() && same_namespace(other, from) && test(other);
  });
}

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

// --- workloads -----------------------------------------------------------------------------------

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

void check_workload(const Object& object, const Cluster& cluster, Report& report) {
  if (object.is({"Deployment", "StatefulSet", "DeploymentConfig", "ReplicaSet"}))
    check_spread(object, report);
  if (object.is({"Deployment", "DeploymentConfig", "DaemonSet", "StatefulSet"}))
    check_update_strategy(object, cluster, report);
  check_selector(object, report);
  check_disruption_budget_exists(object, cluster, report);
  check_replicas(object, cluster, report);
  check_network_isolation(object, cluster, report);
  check_served_probes(object, cluster, report);
  check_references(object, cluster, report);
  if (object.kind == "StatefulSet") check_stateful_set(object, cluster, report);
}

// --- services, ingresses, policies ---------------------------------------------------------------

void check_service(const Object& service, const Cluster& cluster, Report& report) {
  const Node& spec = service["spec"];
  const std::string& type = spec["type"].text;
  const Node& selector = spec["selector"];
  const bool found = any_workload(
      cluster, service, [&](const Object& o) { return labels_match(selector, pod_labels(o)); });
  if (!selector.empty() && type != "ExternalName" && !found)
    report.add("k8s/service-selects-nothing", selector, service.subject);
  if (type == "NodePort") report.add("k8s/node-port-service", spec["type"], service.subject);
  if (type == "NodePort" || type == "LoadBalancer")
    report.add("k8s/exposed-service", spec["type"], service.subject);
  for (const Node* port : spec["ports"].items) {
    const Node& target = (*port)["targetPort"];
    if (!target.exists()) continue;
    const auto value = target.number();
    const bool valid_name =
        target.text.size() <= 15 && std::any_of(target.text.begin(), target.text.end(),
                                                [](unsigned char c) { return std::isalpha(c); });
    if (value ? (*value < 1 || *value > 65535) : !valid_name) {
      report.add("k8s/invalid-port", target, service.subject,
                 "targetPort " + target.text + " is neither a port nor a port name");
    }
  }
  bool tiller = engine::contains_ignoring_case(service.name, "tiller");
  for (const Node* labels : {&service.at("metadata.labels"), &selector}) {
    for (const Node::Member& member : labels->members)
      tiller |= engine::contains_ignoring_case(member.second->text, "tiller");
  }
  if (tiller) report.add("k8s/tiller-service", *service.root, service.subject);
}

bool service_has_port(const Cluster& cluster, const Object& from, const std::string& name,
                      const Node& port) {
  for (const Object& other : cluster.objects) {
    if (other.kind != "Service" || other.name != name || !same_namespace(other, from)) continue;
    for (const Node* each : other.at("spec.ports").items) {
      if ((*each)["port"].text == port.text || (*each)["name"].text == port.text) return true;
    }
  }
  return false;
}

void check_backend(const Object& ingress, const Node& backend, const Cluster& cluster,
                   Report& report) {
  if (!backend.is_map() || backend.has("resource")) return;
  const bool old_form = ingress.api_version != "networking.k8s.io/v1";
  const Node& name = old_form ? backend["serviceName"] : backend.at("service.name");
  const Node& number = backend.at("service.port.number");
  const Node& port = old_form          ? backend["servicePort"]
                     : number.exists() ? number
                                       : backend.at("service.port.name");
  if (!name.exists() || !service_has_port(cluster, ingress, name.text, port)) {
    report.add("k8s/ingress-without-service", placed({&name, &backend}), ingress.subject);
  }
}

void check_ingress(const Object& ingress, const Cluster& cluster, Report& report) {
  for (const Node* rule : ingress.at("spec.rules").items) {
    for (const Node* path : rule->at("http.paths").items)
      check_backend(ingress, (*path)["backend"], cluster, report);
  }
  check_backend(ingress, ingress.at("spec.backend"), cluster, report);
  check_backend(ingress, ingress.at("spec.defaultBackend"), cluster, report);

  static constexpr const char* code_parts[] = {"lua_", "_lua", "_lua_", "kubernetes.io"};
  for (const Node::Member& annotation : ingress.at("metadata.annotations").members) {
    if (annotation.first->text.find("snippet") == std::string::npos) continue;
    const std::string& snippet = annotation.second->text;
    report.add("k8s/ingress-snippet", *annotation.first, ingress.subject);
    if (snippet.find("alias") != std::string::npos)
      report.add("k8s/ingress-snippet-alias", *annotation.first, ingress.subject);
    const bool code =
        std::any_of(std::begin(code_parts), std::end(code_parts),
                    [&](const char* part) { return snippet.find(part) != std::string::npos; });
    if (code) report.add("k8s/ingress-snippet-lua", *annotation.first, ingress.subject);
  }
}

void check_peers(const Object& policy, const Node& rules, const char* key, const Cluster& cluster,
                 Report& report) {
  for (const Node* rule : rules.items) {
    for (const Node* peer : (*rule)[key].items) {
      const Node& selector = (*peer)["podSelector"];
      if (selector.empty()) continue;
      // A namespaceSelector reaches pods of other namespaces, whose labels may be anywhere.
      const bool anywhere = peer->has("namespaceSelector");
      const bool found =
          std::any_of(cluster.objects.begin(), cluster.objects.end(), [&](const Object& o) {
            return o.is_workload() && (anywhere || same_namespace(o, policy)) &&
                   selector_matches(selector, pod_labels(o));
          });
      if (!found) report.add("k8s/network-policy-peer-selects-nothing", selector, policy.subject);
    }
  }
}

void check_network_policy(const Object& policy, const Cluster& cluster, Report& report) {
  const Node& selector = policy.at("spec.podSelector");
  if (!selector.empty() && !any_workload(cluster, policy, [&](const Object& o) {
        return selector_matches(selector, pod_labels(o));
      })) {
    report.add("k8s/network-policy-selects-nothing", selector, policy.subject);
  }
  check_peers(policy, policy.at("spec.ingress"), "from", cluster, report);
  check_peers(policy, policy.at("spec.egress"), "to", cluster, report);
}

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
  for (const Object& workload : cluster.objects) {
    if (!workload.is({"Deployment", "StatefulSet", "DeploymentConfig", "ReplicaSet"}) ||
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
  if (object.is_workload()) check_workload(object, cluster, report);
  // Also where the template is missing: these two ask about the object's own figures.
  else if (object.is({"Deployment", "DeploymentConfig"}))
    check_replicas(object, cluster, report);
  check_jobs(object, report);
  if (object.kind == "Service") check_service(object, cluster, report);
  if (object.kind == "Ingress") check_ingress(object, cluster, report);
  if (object.kind == "NetworkPolicy") check_network_policy(object, cluster, report);
  if (object.kind == "PodDisruptionBudget") check_disruption_budget(object, cluster, report);
  if (object.kind == "HorizontalPodAutoscaler") check_autoscaler(object, cluster, report);
  if (object.kind == "PodSecurityPolicy") check_pod_security_policy(object, report);
  if (object.kind == "ServiceMonitor") check_service_monitor(object, cluster, report);
  if (object.kind == "SecurityContextConstraints" && object["allowPrivilegedContainer"].is_true()) {
    report.add("k8s/scc-privileged", object["allowPrivilegedContainer"], object.subject);
  }
}

}  // namespace app::configs::kubernetes
