// Services, Ingresses and NetworkPolicies, and the pods they reach.
#include <algorithm>
#include <cctype>

#include "app/configs/kubernetes.h"
#include "engine/base/text.h"

namespace app::configs::kubernetes {
namespace {

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

// Controllers of cloud load balancers take the certificate from an annotation.
void check_ingress_tls(const Object& ingress, Report& report) {
  if (!ingress.at("spec.tls").empty()) return;
  for (const Node::Member& annotation : ingress.at("metadata.annotations").members) {
    const std::string& key = annotation.first->text;
    if (key.find("cert") != std::string::npos || key.find("tls") != std::string::npos ||
        key.find("ssl") != std::string::npos)
      return;
  }
  report.add("k8s/ingress-without-tls", placed({&ingress["spec"], ingress.root}), ingress.subject);
}

void check_ingress(const Object& ingress, const Cluster& cluster, Report& report) {
  for (const Node* rule : ingress.at("spec.rules").items) {
    for (const Node* path : rule->at("http.paths").items)
      check_backend(ingress, (*path)["backend"], cluster, report);
  }
  check_backend(ingress, ingress.at("spec.backend"), cluster, report);
  check_backend(ingress, ingress.at("spec.defaultBackend"), cluster, report);

  check_ingress_tls(ingress, report);

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

}  // namespace

void check_network(const Object& object, const Cluster& cluster, Report& report) {
  if (object.kind == "Service") check_service(object, cluster, report);
  if (object.kind == "Ingress") check_ingress(object, cluster, report);
  if (object.kind == "NetworkPolicy") check_network_policy(object, cluster, report);
}

}  // namespace app::configs::kubernetes
