// Resources that manifests ask for against quotas, limits, autoscalers and the placement of pods.
#include <algorithm>
#include <cmath>

#include "app/diagnosis/manifest.h"
#include "app/diagnosis/pattern_set.h"
#include "engine/base/error.h"

namespace app::diagnosis {
namespace {

// "requests.cpu" of a quota -> the path of a container's resources. "" where it is not of containers.
std::string container_path(const std::string& quota_key) {
  std::string key = quota_key;
  if (key == "cpu" || key == "memory") key = "requests." + key;  // the quota's short names
  for (const char* list : {"requests.", "limits."})
    if (key.starts_with(list)) {
      std::string kind(list, std::string(list).size() - 1);
      std::string what = key.substr(kind.size() + 1);
      return what == "storage" ? "" : "resources/" + kind + "/" + what;
    }
  return "";
}

std::vector<const Workload*> workloads_in(const Manifests& manifests, const std::string& name_space) {
  std::vector<const Workload*> out;
  for (const Workload& workload : manifests.workloads)
    if (workload.object->name_space == name_space) out.push_back(&workload);
  return out;
}

NextStep quota_step(const ManifestObject& quota) {
  return {.text = "See what the quota allows and what is used",
          .command = "kubectl describe resourcequota " + quota.name + " -n " + quota.name_space};
}

void missing_in_container(const Manifests& manifests, const ManifestObject& quota, const YamlNode& entry, std::vector<RawFinding>& out) {
  std::string path = container_path(entry.key);
  if (path.empty()) return;
  // A LimitRange fills in defaults.
  for (const ManifestObject* range : manifests.of_kind("LimitRange"))
    if (range->name_space == quota.name_space) return;
  for (const Workload* workload : workloads_in(manifests, quota.name_space))
    for (const YamlNode* container : workload->containers) {
      bool limit_stands_in = path.starts_with("resources/requests/") && container->find("resources/limits/" + path.substr(19));
      if (container->find(path) || limit_stands_in) continue;
      const YamlNode* resources = container->find("resources");
      RawFinding raw = manifest_finding(
          Severity::error, 0.95,
          workload->label() + ": container " + container->get("name") + " has no " + entry.key + ", which ResourceQuota " + quota.name + " demands",
          "ResourceQuota " + quota.name + " limits " + entry.key + ", so every container of namespace " + quota.name_space + " must specify it. " +
              entry.key + " is not set on container " + container->get("name") + ", and the API server refuses the pods (403 forbidden: must specify " + entry.key + ").",
          {workload->object->ref(resources ? resources : container), quota.ref(&entry)},
          {quota_step(quota),
           {.text = "Add " + entry.key + " to the container", .command = "kubectl edit " + workload->object->kind + " " + workload->object->name + " -n " + quota.name_space, .changes_state = true}});
      raw.subject = workload->object->name;
      raw.topics = {"pending", "quota", "create", "pod", "replica"};
      out.push_back(std::move(raw));
      return;
    }
}

void sum_over_quota(const Manifests& manifests, const ManifestObject& quota, const YamlNode& entry, std::vector<RawFinding>& out) {
  auto hard = quantity(entry.value);
  if (!hard) return;
  std::string path = container_path(entry.key);
  bool counts_pods = entry.key == "pods" || entry.key == "count/pods";
  if (path.empty() && !counts_pods) return;
  double sum = 0;
  std::string sums;
  std::vector<LineRef> evidence{quota.ref(&entry)};
  const Workload* biggest = nullptr;
  bool memory = entry.key.find("memory") != std::string::npos;
  for (const Workload* workload : workloads_in(manifests, quota.name_space)) {
    double each = counts_pods ? 1 : 0;
    for (const YamlNode* container : workload->containers)
      if (const YamlNode* node = path.empty() ? nullptr : container->find(path))
        if (auto value = quantity(node->value)) {
          each += *value;
          evidence.push_back(workload->object->ref(node));
        }
    if (each == 0) continue;
    sum += each * workload->replicas;
    biggest = workload;
    if (const YamlNode* replicas = workload->object->yaml.find("spec/replicas")) evidence.push_back(workload->object->ref(replicas));
    sums += (sums.empty() ? "" : ", ") + workload->label() + ": " + std::to_string(workload->replicas) + " x " +
            (counts_pods ? "1 pod" : quantity_text(each, memory));
  }
  if (!biggest || sum <= *hard * (1 + 1e-9)) return;
  std::string total = counts_pods ? engine::format("%.0f", sum) : quantity_text(sum, memory);
  RawFinding raw = manifest_finding(
      Severity::error, 0.95, "ResourceQuota " + quota.name + " is exceeded: " + entry.key + " needs " + total + ", the quota allows " + entry.value,
      "The pods of namespace " + quota.name_space + " need " + total + " of " + entry.key + " (" + sums + "), more than ResourceQuota " + quota.name +
          " allows (" + entry.value + "). The API server creates pods until the quota is used up and forbids the rest (exceeded quota).",
      std::move(evidence),
      {quota_step(quota),
       {.text = "See why the replica set cannot create pods", .command = "kubectl get events -n " + quota.name_space + " --field-selector reason=FailedCreate"},
       {.text = "Raise the quota, or lower replicas or requests", .command = "kubectl edit resourcequota " + quota.name + " -n " + quota.name_space, .changes_state = true}});
  raw.subject = biggest->object->name;
  raw.topics = {"quota", "pending", "create", "replica", "pod"};
  out.push_back(std::move(raw));
}

void self_anti_affinity(const Workload& workload, std::vector<RawFinding>& out) {
  for (const YamlNode* term : workload.pod_spec->items("affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution")) {
    const YamlNode* labels = term->find("labelSelector/matchLabels");
    const YamlNode* topology = term->find("topologyKey");
    if (workload.replicas < 2 || !topology || (labels && !selects(labels_of(labels), workload.labels))) continue;
    std::string n = std::to_string(workload.replicas);
    bool host = topology->value == "kubernetes.io/hostname";
    std::string place = host ? "node" : topology->value;
    RawFinding raw = manifest_finding(
        Severity::warning, 0.85,
        workload.label() + ": required pod anti-affinity lets only one pod run per " + place + ", so " + n + " replicas need " + n + " " + place + "s",
        "The pods of " + workload.label() + " must each run on a different " + place + " (podAntiAffinity, topologyKey " + topology->value +
            ", required). With fewer nodes than " + n + " that accept them the rest stay Pending: \"didn't match pod anti-affinity rules\".",
        {workload.object->ref(term), workload.object->ref(topology), workload.object->ref(workload.object->yaml.find("spec/replicas"))},
        {{.text = "Count the nodes", .command = "kubectl get nodes"},
         {.text = "Make the rule preferred, or lower replicas to the number of nodes",
          .command = "kubectl edit " + workload.object->kind + " " + workload.object->name + " -n " + workload.object->name_space, .changes_state = true}});
    raw.subject = workload.object->name;
    raw.topics = {"schedul", "pending", "affinity", "node"};
    out.push_back(std::move(raw));
  }
}

void placement(const Manifests& manifests, const Workload& workload, std::vector<RawFinding>& out) {
  std::vector<std::pair<std::string, const YamlNode*>> wanted;
  if (const YamlNode* selector = workload.pod_spec->find("nodeSelector"))
    for (const YamlNode& child : selector->children) wanted.emplace_back(child.key + "=" + child.value, &child);
  for (const YamlNode* term : workload.pod_spec->items("affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms"))
    for (const YamlNode* expression : term->items("matchExpressions")) {
      std::string values;
      for (const YamlNode* value : expression->items("values")) values += (values.empty() ? "" : ",") + value->value;
      wanted.emplace_back(expression->get("key") + " " + expression->get("operator") + " " + values, expression);
    }
  for (const auto& [text, node] : wanted) {
    if (text.starts_with("kubernetes.io/os=linux") || text.starts_with("kubernetes.io/arch=")) continue;
    bool known = false;
    for (const ManifestObject* n : manifests.of_kind("Node")) {
      Labels labels = labels_of(n->yaml.find("metadata/labels"));
      for (const auto& [key, value] : labels) known = known || key + "=" + value == text;
    }
    if (known) continue;
    RawFinding raw = manifest_finding(
        Severity::warning, 0.7, workload.label() + " runs only on nodes with " + text,
        "The pods ask for nodes with " + text + " (nodeSelector or node affinity). If no node has that label they stay Pending: \"didn't match Pod's node affinity/selector\".",
        {workload.object->ref(node)},
        {{.text = "See which nodes have the label", .command = "kubectl get nodes --show-labels"}});
    raw.subject = workload.object->name;
    raw.topics = {"schedul", "pending", "selector", "node"};
    out.push_back(std::move(raw));
  }
  for (const YamlNode* container : workload.containers)
    for (const char* resource : {"cpu", "memory"}) {
      const YamlNode* request = container->find(std::string("resources/requests/") + resource);
      if (!request) continue;
      auto value = quantity(request->value);
      bool huge = value && *value > (std::string(resource) == "cpu" ? 64.0 : 512.0 * 1073741824.0);
      if (!huge) continue;
      RawFinding raw = manifest_finding(
          Severity::warning, 0.75, workload.label() + " requests " + request->value + " of " + resource + " for one container",
          "Few nodes have " + request->value + " of " + std::string(resource) + " to give: without one the pod stays Pending (Insufficient " + resource + ").",
          {workload.object->ref(request)}, {{.text = "See what the nodes can give", .command = "kubectl describe nodes"}});
      raw.subject = workload.object->name;
      raw.topics = {"schedul", "pending", "insufficient"};
      out.push_back(std::move(raw));
    }
  if (workload.object->yaml.get("spec/replicas") == "0")
    out.push_back(manifest_finding(Severity::warning, 0.8, workload.label() + " is scaled to 0 replicas",
                                   "No pod runs, and services that select its pods have no endpoints.",
                                   {workload.object->ref(workload.object->yaml.find("spec/replicas"))},
                                   {{.text = "Scale it up", .command = "kubectl scale " + workload.object->kind + " " + workload.object->name + " --replicas=1 -n " + workload.object->name_space, .changes_state = true}}));
}

void without_request(const ManifestObject& hpa, const Workload& target, const std::string& resource, const YamlNode* metric, std::vector<RawFinding>& out) {
  for (const YamlNode* container : target.containers) {
    if (container->find("resources/requests/" + resource) || container->find("resources/limits/" + resource)) continue;
    RawFinding raw = manifest_finding(
        Severity::error, 0.95,
        "HorizontalPodAutoscaler " + hpa.name + " cannot scale " + target.object->name + ": container " + container->get("name") + " has no " + resource + " request",
        "The HPA scales by " + resource + " utilization, a percentage of the " + resource + " request, but resource requests are missing in " + target.label() +
            " (container " + container->get("name") + " does not define resources.requests." + resource + "). The metric is <unknown> and the autoscaler does nothing.",
        {hpa.ref(metric), target.object->ref(container)},
        {{.text = "See what the autoscaler says", .command = "kubectl describe hpa " + hpa.name + " -n " + hpa.name_space},
         {.text = "Define resources.requests." + resource + " on every container", .command = "kubectl edit " + target.object->kind + " " + target.object->name + " -n " + hpa.name_space, .changes_state = true}});
    raw.subject = target.object->name;
    raw.topics = {"scal", "hpa", "autoscal", "cpu"};
    out.push_back(std::move(raw));
    return;
  }
}

void check_autoscaler(const Manifests& manifests, const ManifestObject& hpa, std::vector<RawFinding>& out) {
  const YamlNode* target_name = hpa.yaml.find("spec/scaleTargetRef/name");
  if (!target_name) return;
  const Workload* target = nullptr;
  for (const Workload& workload : manifests.workloads)
    if (workload.object->name == target_name->value && workload.object->name_space == hpa.name_space) target = &workload;
  if (!target) {
    if (!workloads_in(manifests, hpa.name_space).empty())
      out.push_back(manifest_finding(
          Severity::error, 0.9, "HorizontalPodAutoscaler " + hpa.name + " targets " + target_name->value + ", which does not exist in the files given",
          "The scale target is not defined in namespace " + hpa.name_space + ": the autoscaler reports FailedGetScale and does nothing.",
          {hpa.ref(target_name)}, {{.text = "See what the autoscaler says", .command = "kubectl describe hpa " + hpa.name + " -n " + hpa.name_space}}));
    return;
  }
  if (const YamlNode* old = hpa.yaml.find("spec/targetCPUUtilizationPercentage")) without_request(hpa, *target, "cpu", old, out);
  for (const YamlNode* metric : hpa.yaml.items("spec/metrics"))
    if (metric->get("resource/target/type") == "Utilization" || metric->find("resource/targetAverageUtilization"))
      without_request(hpa, *target, metric->get("resource/name"), metric->find("resource/name"), out);
  if (!hpa.yaml.get("spec/maxReplicas").empty() && hpa.yaml.get("spec/minReplicas") == hpa.yaml.get("spec/maxReplicas"))
    out.push_back(manifest_finding(Severity::warning, 0.8, "HorizontalPodAutoscaler " + hpa.name + " has equal minReplicas and maxReplicas",
                                   "With both at " + hpa.yaml.get("spec/maxReplicas") + " it can never change the number of pods.",
                                   {hpa.ref(hpa.yaml.find("spec/maxReplicas"))}, {{.text = "Raise maxReplicas", .command = "kubectl edit hpa " + hpa.name + " -n " + hpa.name_space, .changes_state = true}}));
}

// All text of a container that a shell would run.
std::string script_of(const YamlNode& container) {
  std::string text;
  for (const char* part : {"command", "args"}) {
    if (const YamlNode* node = container.find(part)) text += node->value + "\n";
    for (const YamlNode* item : container.items(part)) text += item->value + "\n";
  }
  for (const YamlNode* env : container.items("env")) text += env->get("name") + "=" + env->get("value") + "\n";
  return text;
}

struct MemoryUse {
  double bytes = 0;
  std::string text;
};

// What a script is told to allocate: dd bs * count, stress --vm-bytes, -Xmx, a plain read of /dev/zero.
MemoryUse wanted_memory(const std::string& script) {
  static const Regex dd(R"(dd\s+(?:\S+\s+)*?bs=(\d+[kKMG]?)i?B?\s+(?:\S+\s+)*?count=(\d+))");
  static const Regex dd_swapped(R"(dd\s+(?:\S+\s+)*?count=(\d+)\s+(?:\S+\s+)*?bs=(\d+[kKMG]?))");
  static const Regex stress(R"(--vm-bytes[ =\n]+(\d+[kKMGg]?))");
  static const Regex heap(R"(-Xmx(\d+[kKmMgG]))");
  static const Regex endless(R"(tail\s+/dev/zero|</dev/zero\s+tail|:\(\)\{)");
  auto bytes = [](std::string size) {
    for (char& c : size) c = c == 'm' ? 'M' : c == 'g' ? 'G' : c;
    if (!size.empty() && std::string("kKMG").find(size.back()) != std::string::npos) size += "i";
    if (size.ends_with("ki")) size[size.size() - 2] = 'K';
    return quantity(size).value_or(0);
  };
  std::vector<std::string_view> groups;
  if (dd.match(script, groups)) return {bytes(std::string(groups[1])) * quantity(std::string(groups[2])).value_or(0), std::string(groups[0])};
  if (dd_swapped.match(script, groups)) return {bytes(std::string(groups[2])) * quantity(std::string(groups[1])).value_or(0), std::string(groups[0])};
  if (stress.match(script, groups)) return {bytes(std::string(groups[1])), "stress --vm-bytes " + std::string(groups[1])};
  if (heap.match(script, groups)) return {bytes(std::string(groups[1])), std::string(groups[0])};
  if (endless.match(script, groups)) return {1e18, std::string(groups[0])};
  return {};
}

}  // namespace

void check_manifest_quota(const CheckContext& context, std::vector<RawFinding>& out) {
  for (const ManifestObject* quota : context.manifests->of_kind("ResourceQuota"))
    for (const YamlNode* entry : quota->yaml.items("spec/hard")) {
      missing_in_container(*context.manifests, *quota, *entry, out);
      sum_over_quota(*context.manifests, *quota, *entry, out);
    }
}

void check_manifest_scheduling(const CheckContext& context, std::vector<RawFinding>& out) {
  for (const Workload& workload : context.manifests->workloads) {
    self_anti_affinity(workload, out);
    placement(*context.manifests, workload, out);
  }
}

void check_manifest_autoscaler(const CheckContext& context, std::vector<RawFinding>& out) {
  for (const ManifestObject* hpa : context.manifests->of_kind("HorizontalPodAutoscaler")) check_autoscaler(*context.manifests, *hpa, out);
}

void check_manifest_memory(const CheckContext& context, std::vector<RawFinding>& out) {
  for (const Workload& workload : context.manifests->workloads)
    for (const YamlNode* container : workload.containers) {
      const YamlNode* limit = container->find("resources/limits/memory");
      auto allowed = limit ? quantity(limit->value) : std::nullopt;
      MemoryUse use = allowed ? wanted_memory(script_of(*container)) : MemoryUse{};
      if (!allowed || use.bytes <= *allowed) continue;
      std::vector<LineRef> evidence{workload.object->ref(limit)};
      size_t first = container->line, last = limit->line + 40;
      for (size_t i = first; i < std::min(last, workload.object->document->lines.size()); i++)
        if (workload.object->document->lines[i].text.find(use.text.substr(0, use.text.find_first_of(" \n"))) != std::string::npos)
          evidence.push_back(workload.object->document->ref(i));
      std::string amount = use.bytes > 1e17 ? "without end" : quantity_text(use.bytes, true);
      RawFinding raw = manifest_finding(
          Severity::error, 0.92,
          workload.label() + ": container " + container->get("name") + " uses more memory than its limit of " + limit->value + " and is OOMKilled",
          "The container runs `" + use.text + "`, which takes memory (" + amount + ") beyond the memory limit " + limit->value +
              ": what it allocates, or writes to a memory-backed path, counts, so the kernel kills it (OOMKilled, exit code 137) and it restarts.",
          std::move(evidence),
          {{.text = "See the last exit of the container", .command = "kubectl describe pod -n " + workload.object->name_space},
           {.text = "Raise the memory limit above the need, or use less", .command = "kubectl edit " + workload.object->kind + " " + workload.object->name + " -n " + workload.object->name_space, .changes_state = true}});
      raw.subject = workload.object->name;
      raw.topics = {"crash", "memory", "oom", "restart", "kill"};
      raw.explains = {"kube_backoff"};
      out.push_back(std::move(raw));
    }
}

}  // namespace app::diagnosis
