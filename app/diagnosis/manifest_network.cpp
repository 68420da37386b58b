// Services, network policies and ingresses against the pods they should reach.
#include <algorithm>
#include <set>

#include "app/diagnosis/manifest.h"

namespace app::diagnosis {
namespace {

// Of the workloads in a name space the one that the selector misses by least: the one it was meant for.
const Workload* nearest(const Manifests& manifests, const std::string& name_space, const Labels& selector) {
  const Workload* best = nullptr;
  size_t most = 0;
  for (const Workload& workload : manifests.workloads) {
    if (workload.object->name_space != name_space) continue;
    size_t score = 1;
    for (const auto& [key, value] : selector) {
      auto it = workload.labels.find(key);
      if (it != workload.labels.end()) score += it->second == value ? 4 : 1;
    }
    if (score > most) {
      most = score;
      best = &workload;
    }
  }
  return best;
}

// "selector version=v2, pods have version=v1" for each label that differs.
std::string difference(const Labels& selector, const Labels& labels) {
  std::string text;
  for (const auto& [key, value] : selector) {
    auto it = labels.find(key);
    if (it != labels.end() && it->second == value) continue;
    text += (text.empty() ? "" : "; ") + std::string("the selector asks for ") + key + "=" + value +
            (it == labels.end() ? ", the pods have no label " + key : ", the pods have " + key + "=" + it->second);
  }
  return text;
}

NextStep endpoints_step(const ManifestObject& service) {
  return {.text = "See whether the service has endpoints",
          .command = "kubectl get endpoints " + service.name + " -n " + service.name_space};
}

void service_without_pods(const Manifests& manifests, const ManifestObject& service, const Labels& selector,
                          std::vector<RawFinding>& out) {
  const YamlNode* at = service.yaml.find("spec/selector");
  const Workload* meant = nearest(manifests, service.name_space, selector);
  std::vector<LineRef> evidence{service.ref(at)};
  for (const YamlNode& child : at->children) evidence.push_back(service.ref(&child));
  Labels pods;
  std::string whose;
  if (meant) {
    pods = meant->labels;
    whose = meant->label();
    if (meant->labels_node)
      for (const YamlNode& child : meant->labels_node->children) evidence.push_back(meant->object->ref(&child));
  } else if (!manifests.commanded.empty()) {
    pods = manifests.commanded[0].first;
    whose = "the workload created on the command line";
    evidence.push_back(manifests.commanded[0].second);
  } else {
    return;  // no pods are known: nothing to hold the selector to
  }
  std::string text = to_text(selector);
  RawFinding raw = manifest_finding(
      Severity::error, 0.95, "Service " + service.name + ": selector " + text + " matches no pod, so it has no endpoints",
      "The selector of service " + service.name + " (" + text + ") does not match the pod labels of " + whose + " (" +
          to_text(pods) + "): " + difference(selector, pods) + ". A service without matching pods has no endpoints, and "
          "every connection to it fails.",
      std::move(evidence),
      {endpoints_step(service),
       {.text = "Compare with the labels of the pods", .command = "kubectl get pods -n " + service.name_space + " --show-labels"},
       {.text = "Make the selector equal to the pod labels (" + to_text(pods) + ")",
        .command = "kubectl edit service " + service.name + " -n " + service.name_space, .changes_state = true}});
  raw.subject = service.name;
  raw.topics = {"service", "connect", "reach", "endpoint", "routing", "network"};
  raw.explains = {"connection_*", "http_5xx", "request_timeouts"};
  out.push_back(std::move(raw));
}

bool has_port(const Workload& workload, const std::string& port) {
  bool any = false;
  for (const YamlNode* container : workload.containers)
    for (const YamlNode* entry : container->items("ports")) {
      any = true;
      if (entry->get("containerPort") == port || entry->get("name") == port) return true;
    }
  return !any;  // a container need not list its ports
}

void service_port(const Manifests& manifests, const ManifestObject& service, const Labels& selector,
                  std::vector<RawFinding>& out) {
  for (const YamlNode* entry : service.yaml.items("spec/ports")) {
    const YamlNode* target = entry->find("targetPort") ? entry->find("targetPort") : entry->find("port");
    if (!target || target->value.empty()) continue;
    for (const Workload& workload : manifests.workloads) {
      if (workload.object->name_space != service.name_space || !selects(selector, workload.labels)) continue;
      if (has_port(workload, target->value)) continue;
      std::vector<LineRef> evidence{service.ref(target)};
      std::string listed;
      for (const YamlNode* container : workload.containers)
        for (const YamlNode* port : container->items("ports"))
          if (const YamlNode* number = port->find("containerPort")) {
            evidence.push_back(workload.object->ref(number));
            listed += (listed.empty() ? "" : ", ") + number->value;
          }
      RawFinding raw = manifest_finding(
          Severity::error, 0.85, "Service " + service.name + " sends to port " + target->value + ", which its pods do not list",
          "Service " + service.name + " has targetPort " + target->value + ", but the containers of " + workload.label() +
              " list port " + listed + ". Connections are refused unless something listens on " + target->value + ".",
          std::move(evidence),
          {endpoints_step(service),
           {.text = "Set targetPort to the port that the container listens on",
            .command = "kubectl edit service " + service.name + " -n " + service.name_space, .changes_state = true}});
      raw.subject = service.name;
      raw.topics = {"service", "connect", "reach", "port", "refused"};
      out.push_back(std::move(raw));
    }
  }
}

// Does a rule's peer list let in the pods with these labels?
bool lets_in(const YamlNode& rule, const char* peers, const Labels& labels) {
  std::vector<const YamlNode*> from = rule.items(peers);
  if (from.empty()) return true;
  for (const YamlNode* peer : from) {
    const YamlNode* pods = peer->find("podSelector");
    if (!pods) {
      if (peer->find("ipBlock")) continue;
      return true;  // a name space selector alone: all its pods
    }
    if (pods->find("matchExpressions")) return true;
    if (selects(labels_of(pods->find("matchLabels")), labels)) return true;
  }
  return false;
}

bool has_type(const ManifestObject& policy, const char* type) {
  std::vector<const YamlNode*> types = policy.yaml.items("spec/policyTypes");
  if (types.empty()) return std::string(type) == "Ingress" || policy.yaml.find("spec/egress");
  return std::any_of(types.begin(), types.end(), [&](const YamlNode* n) { return n->value == type; });
}

bool shielded_from(const ManifestObject& policy, const Workload& client) {
  for (const YamlNode* rule : policy.yaml.items("spec/ingress"))
    if (lets_in(*rule, "from", client.labels)) return false;
  return true;
}

// Lines of the client that name one of the services in front of the shielded pods.
const YamlNode* speaks_to(const YamlNode& node, const std::set<std::string>& services) {
  for (const std::string& service : services)
    if (node.value.find(service) != std::string::npos) return &node;
  for (const YamlNode& child : node.children)
    if (const YamlNode* found = speaks_to(child, services)) return found;
  return nullptr;
}

void blocked_client(const Manifests& manifests, const ManifestObject& policy, const Workload& server,
                    const Workload& client, std::vector<RawFinding>& out) {
  std::set<std::string> services{server.object->name};
  for (const ManifestObject* service : manifests.of_kind("Service"))
    if (selects(labels_of(service->yaml.find("spec/selector")), server.labels)) services.insert(service->name);
  const YamlNode* mention = speaks_to(*client.pod_spec, services);
  std::vector<LineRef> evidence{policy.ref(nullptr)};
  std::string allowed;
  for (const YamlNode* rule : policy.yaml.items("spec/ingress"))
    for (const YamlNode* peer : rule->items("from"))
      if (const YamlNode* wanted = peer->find("podSelector/matchLabels")) {
        for (const YamlNode& child : wanted->children) evidence.push_back(policy.ref(&child));
        allowed += (allowed.empty() ? "" : " or ") + to_text(labels_of(wanted));
      }
  if (client.labels_node)
    for (const YamlNode& child : client.labels_node->children) evidence.push_back(client.object->ref(&child));
  if (mention) evidence.push_back(client.object->ref(mention));
  std::string who = allowed.empty() ? "allows ingress from nobody" : "only allows ingress from pods with " + allowed;
  RawFinding raw = manifest_finding(
      mention ? Severity::error : Severity::warning, mention ? 0.95 : 0.5,
      "NetworkPolicy " + policy.name + " blocks " + client.object->name + " from reaching " + server.object->name,
      "NetworkPolicy " + policy.name + " on the pods of " + server.object->name + " " + who + "; the pods of " + client.label() +
          " have the labels " + to_text(client.labels) + ", so their packets are dropped and connections time out.",
      std::move(evidence),
      {{.text = "Read the policy as the cluster has it",
        .command = "kubectl describe networkpolicy " + policy.name + " -n " + policy.name_space},
       {.text = "Allow ingress from pods with " + to_text(client.labels),
        .command = "kubectl edit networkpolicy " + policy.name + " -n " + policy.name_space, .changes_state = true}});
  raw.subject = client.object->name;
  raw.topics = {"timeout", "connect", "reach", "network", "block", "policy"};
  raw.explains = {"connection_*", "request_timeouts"};
  out.push_back(std::move(raw));
}

void blocked_egress(const ManifestObject& policy, std::vector<RawFinding>& out) {
  if (!has_type(policy, "Egress") || !policy.yaml.items("spec/egress").empty()) return;
  const YamlNode* at = policy.yaml.find("spec/policyTypes");
  RawFinding raw = manifest_finding(
      Severity::warning, 0.7, "NetworkPolicy " + policy.name + " denies all egress, DNS included",
      "The policy names Egress among its types and has no egress rule: the selected pods can open no connection and "
      "resolve no name.",
      {policy.ref(nullptr), policy.ref(at)},
      {{.text = "Allow at least DNS (UDP and TCP 53) and the services the pods need",
        .command = "kubectl edit networkpolicy " + policy.name + " -n " + policy.name_space, .changes_state = true}});
  raw.topics = {"dns", "connect", "egress", "network", "resolve"};
  out.push_back(std::move(raw));
}

}  // namespace

void check_manifest_services(const CheckContext& context, std::vector<RawFinding>& out) {
  const Manifests& manifests = *context.manifests;
  for (const ManifestObject* service : manifests.of_kind("Service")) {
    Labels selector = labels_of(service->yaml.find("spec/selector"));
    if (selector.empty()) continue;
    bool matched = false;
    for (const Workload& workload : manifests.workloads)
      matched = matched || (workload.object->name_space == service->name_space && selects(selector, workload.labels));
    for (const auto& [labels, line] : manifests.commanded) matched = matched || selects(selector, labels);
    if (matched)
      service_port(manifests, *service, selector, out);
    else
      service_without_pods(manifests, *service, selector, out);
  }
  for (const Workload& workload : manifests.workloads) {
    const YamlNode* wanted = workload.object->yaml.find("spec/selector/matchLabels");
    if (!wanted || selects(labels_of(wanted), workload.labels)) continue;
    out.push_back(manifest_finding(
        Severity::error, 0.9, workload.label() + ": its selector does not match its own pod template",
        "The selector (" + to_text(labels_of(wanted)) + ") does not match the labels of the pod template (" +
            to_text(workload.labels) + "); the API server refuses such an object.",
        {workload.object->ref(wanted), workload.object->ref(workload.labels_node)},
        {{.text = "Give the pod template the labels of the selector", .command = "", .changes_state = true}}));
  }
}

void check_manifest_policies(const CheckContext& context, std::vector<RawFinding>& out) {
  const Manifests& manifests = *context.manifests;
  for (const ManifestObject* policy : manifests.of_kind("NetworkPolicy")) {
    blocked_egress(*policy, out);
    if (!has_type(*policy, "Ingress") || policy->yaml.find("spec/podSelector/matchExpressions")) continue;
    Labels selector = labels_of(policy->yaml.find("spec/podSelector/matchLabels"));
    for (const Workload& server : manifests.workloads) {
      if (server.object->name_space != policy->name_space || !selects(selector, server.labels)) continue;
      for (const Workload& client : manifests.workloads)
        if (&client != &server && client.object->name_space == policy->name_space && shielded_from(*policy, client))
          blocked_client(manifests, *policy, server, client, out);
    }
  }
}

void check_manifest_ingress(const CheckContext& context, std::vector<RawFinding>& out) {
  const Manifests& manifests = *context.manifests;
  bool knows_services = !manifests.of_kind("Service").empty();
  for (const ManifestObject* ingress : manifests.of_kind("Ingress")) {
    const YamlNode* class_name = ingress->yaml.find("spec/ingressClassName");
    static const std::set<std::string> common{"nginx", "traefik", "haproxy", "alb", "gce", "kong", "istio", "public", "contour"};
    if (class_name && !common.contains(class_name->value) && !manifests.find("IngressClass", class_name->value, ""))
      out.push_back(manifest_finding(
          Severity::warning, 0.8, "Ingress " + ingress->name + ": ingress class " + class_name->value + " not found in the files given",
          "The ingress asks for class " + class_name->value + ", and no IngressClass of that name is defined in the files; "
          "without one no controller serves the ingress and it gets no address.",
          {ingress->ref(class_name)},
          {{.text = "List the classes of the cluster", .command = "kubectl get ingressclass"}}));
    for (const YamlNode* rule : ingress->yaml.items("spec/rules"))
      for (const YamlNode* path : rule->items("http/paths")) {
        const YamlNode* backend = path->find("backend/service/name") ? path->find("backend/service/name") : path->find("backend/serviceName");
        if (!backend || !knows_services || manifests.find("Service", backend->value, ingress->name_space)) continue;
        out.push_back(manifest_finding(
            Severity::error, 0.85, "Ingress " + ingress->name + " points at service " + backend->value + ", which does not exist in the files given",
            "The backend service " + backend->value + " is not defined in namespace " + ingress->name_space +
                "; the ingress controller answers 503 for this path.",
            {ingress->ref(backend)},
            {{.text = "List the services of the namespace", .command = "kubectl get services -n " + ingress->name_space}}));
      }
  }
}

}  // namespace app::diagnosis
