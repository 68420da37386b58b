// What manifests name and nobody defines: secrets, config maps, keys, claims, classes, accounts, roles.
#include <algorithm>
#include <cctype>
#include <set>

#include "app/diagnosis/manifest.h"

namespace app::diagnosis {
namespace {

struct Reference {
  std::string kind{}, name{}, key{}; // key: of a Secret or ConfigMap, or empty
  const YamlNode* node = nullptr;
  bool optional = false;
};

void add_keyed(const YamlNode& at, const char* path, const char* kind, std::vector<Reference>& out) {
  const YamlNode* node = at.find(path);
  if (!node) return;
  std::string name_key = node->find("secretName") ? "secretName" : "name";
  if (!node->find(name_key)) return;
  out.push_back({.kind = kind, .name = node->get(name_key), .key = node->get("key"), .node = node->find(name_key),
                 .optional = node->get("optional") == "true"});
}

std::vector<Reference> references_of(const Workload& workload) {
  std::vector<Reference> out;
  std::vector<const YamlNode*> containers = workload.containers;
  containers.insert(containers.end(), workload.init_containers.begin(), workload.init_containers.end());
  for (const YamlNode* container : containers) {
    for (const YamlNode* env : container->items("env")) {
      add_keyed(*env, "valueFrom/secretKeyRef", "Secret", out);
      add_keyed(*env, "valueFrom/configMapKeyRef", "ConfigMap", out);
    }
    for (const YamlNode* env : container->items("envFrom")) {
      add_keyed(*env, "secretRef", "Secret", out);
      add_keyed(*env, "configMapRef", "ConfigMap", out);
    }
  }
  for (const YamlNode* volume : workload.pod_spec->items("volumes")) {
    add_keyed(*volume, "secret", "Secret", out);
    add_keyed(*volume, "configMap", "ConfigMap", out);
    if (const YamlNode* claim = volume->find("persistentVolumeClaim/claimName"))
      out.push_back({.kind = "PersistentVolumeClaim", .name = claim->value, .node = claim});
  }
  for (const YamlNode* secret : workload.pod_spec->items("imagePullSecrets"))
    if (const YamlNode* name = secret->find("name")) out.push_back({.kind = "Secret", .name = name->value, .node = name});
  if (const YamlNode* account = workload.pod_spec->find("serviceAccountName"))
    if (account->value != "default") out.push_back({.kind = "ServiceAccount", .name = account->value, .node = account});
  return out;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

std::string effect_of(const std::string& kind) {
  if (kind == "PersistentVolumeClaim") return "The pod stays Pending until the claim exists and is bound.";
  if (kind == "ServiceAccount") return "The controller cannot create the pods: the service account has to exist first.";
  return "The container stays in CreateContainerConfigError (or the volume does not mount) until it exists.";
}

std::string command_kind(const std::string& kind) {
  if (kind == "PersistentVolumeClaim") return "pvc";
  if (kind == "ServiceAccount") return "serviceaccount";
  return kind == "Secret" ? "secret" : "configmap";
}

// Objects of the kind that are there, for "there is db-credentials, perhaps that was meant".
std::string others_of(const Manifests& manifests, const std::string& kind, const std::string& name_space, std::vector<LineRef>& evidence) {
  std::string names;
  for (const ManifestObject* other : manifests.of_kind(kind)) {
    if (other->name_space != name_space) continue;
    names += (names.empty() ? "" : ", ") + other->name;
    evidence.push_back(other->ref(nullptr));
  }
  return names;
}

void missing_object(const Manifests& manifests, const Workload& workload, const Reference& reference,
                    const std::vector<LineRef>& lines, std::vector<RawFinding>& out) {
  const std::string& name_space = workload.object->name_space;
  std::vector<LineRef> evidence = lines;
  std::string others = others_of(manifests, reference.kind, name_space, evidence);
  std::string command = "kubectl get " + command_kind(reference.kind) + " " + reference.name + " -n " + name_space;
  // Another object of the kind beside it is a sign of a wrong name; nothing of the kind at all may
  // just mean that it is kept elsewhere.
  RawFinding raw = manifest_finding(
      others.empty() ? Severity::warning : Severity::error, others.empty() ? 0.75 : 0.92,
      reference.kind + " " + reference.name + ", which " + workload.label() + " needs, not found in the files given",
      workload.label() + " refers to " + reference.kind + " " + reference.name + ", which does not exist among the objects given" +
          (others.empty() ? "" : " (there is " + others + ")") + ". " + effect_of(reference.kind),
      std::move(evidence),
      {{.text = "See whether the cluster has it", .command = command},
       {.text = others.empty() ? "Create it, or correct the name" : "Correct the name to one that exists (" + others + "), or create it",
        .command = "kubectl edit " + lower(workload.object->kind) + " " + workload.object->name + " -n " + name_space, .changes_state = true}});
  raw.subject = workload.object->name;
  raw.topics = {"start", "secret", "config", "mount", "pending", "crash"};
  raw.explains = {"kube_backoff", "kube_config_error"};
  out.push_back(std::move(raw));
}

void missing_key(const Workload& workload, const Reference& reference, const ManifestObject& object, std::vector<RawFinding>& out) {
  bool has = false;
  std::string keys;
  for (const char* part : {"data", "stringData", "binaryData"})
    for (const YamlNode* entry : object.yaml.items(part)) {
      has = has || entry->key == reference.key;
      keys += (keys.empty() ? "" : ", ") + entry->key;
    }
  if (has) return;
  RawFinding raw = manifest_finding(
      Severity::error, 0.92, reference.kind + " " + reference.name + " has no key " + reference.key + ", which " + workload.label() + " needs",
      workload.label() + " reads key " + reference.key + " of " + reference.kind + " " + reference.name + ", which holds only: " + keys +
          ". The container stays in CreateContainerConfigError.",
      {workload.object->ref(reference.node), object.ref(object.yaml.find("data"))},
      {{.text = "List its keys", .command = "kubectl describe " + command_kind(reference.kind) + " " + reference.name + " -n " + object.name_space}});
  raw.subject = workload.object->name;
  out.push_back(std::move(raw));
}

std::string storage_class_of(const YamlNode& spec, const YamlNode*& node) {
  node = spec.find("storageClassName");
  return node ? node->value : "";
}

void check_claim(const Manifests& manifests, const ManifestObject& owner, const YamlNode& spec, const std::string& claim,
                 std::vector<RawFinding>& out) {
  const YamlNode* node = nullptr;
  std::string name = storage_class_of(spec, node);
  if (name.empty() || manifests.find("StorageClass", name, "")) return;
  for (const ManifestObject* volume : manifests.of_kind("PersistentVolume"))
    if (volume->yaml.get("spec/storageClassName") == name) return;
  // Classes that clouds and local clusters bring along.
  static const std::set<std::string> common{"standard", "default", "gp2", "gp3", "standard-rwo", "premium-rwo", "managed",
                                            "managed-csi", "managed-premium", "local-path", "hostpath", "manual"};
  bool usual = common.contains(name);
  std::vector<LineRef> evidence{owner.ref(node)};
  for (const Workload& workload : manifests.workloads)
    for (const YamlNode* volume : workload.pod_spec->items("volumes"))
      if (const YamlNode* used = volume->find("persistentVolumeClaim/claimName"))
        if (used->value == claim) evidence.push_back(workload.object->ref(used));
  RawFinding raw = manifest_finding(
      usual ? Severity::info : Severity::warning, usual ? 0.3 : 0.9,
      "PersistentVolumeClaim " + claim + " asks for storage class " + name + ", which is not found in the files given",
      "Claim " + claim + " names StorageClass " + name + ", and no such class (nor a volume of it) is defined in the files. If the "
      "cluster does not have it either, the storage class does not exist, the claim stays Pending and the pods that mount it never start.",
      std::move(evidence),
      {{.text = "List the storage classes of the cluster", .command = "kubectl get storageclass"},
       {.text = "See why the claim waits", .command = "kubectl describe pvc " + claim + " -n " + owner.name_space},
       {.text = "Change storageClassName to a class that exists and create the claim again", .command = "", .changes_state = true}});
  raw.subject = claim;
  raw.topics = {"storage", "pvc", "volume", "claim", "pending", "running", "start", "schedul"};
  raw.explains = {"kube_unschedulable*", "kube_pvc_*"};
  out.push_back(std::move(raw));
}

// A claim and the volumes given: none large enough, or with the access mode.
void check_volumes(const Manifests& manifests, const ManifestObject& claim, std::vector<RawFinding>& out) {
  std::vector<const ManifestObject*> volumes = manifests.of_kind("PersistentVolume");
  if (volumes.empty()) return;
  auto wanted = quantity(claim.yaml.get("spec/resources/requests/storage"));
  std::string class_name = claim.yaml.get("spec/storageClassName"), reasons;
  std::vector<LineRef> evidence{claim.ref(claim.yaml.find("spec/resources/requests/storage"))};
  for (const ManifestObject* volume : volumes) {
    auto size = quantity(volume->yaml.get("spec/capacity/storage"));
    std::set<std::string> modes;
    for (const YamlNode* mode : volume->yaml.items("spec/accessModes")) modes.insert(mode->value);
    std::string reason;
    if (wanted && size && *wanted > *size) reason = "is smaller than the claim asks for";
    for (const YamlNode* mode : claim.yaml.items("spec/accessModes"))
      if (!modes.contains(mode->value)) reason = "does not offer access mode " + mode->value;
    if (volume->yaml.get("spec/storageClassName") != class_name) reason = "is of storage class \"" + volume->yaml.get("spec/storageClassName") + "\", the claim of \"" + class_name + "\"";
    if (reason.empty()) return;
    reasons += (reasons.empty() ? "" : "; ") + volume->name + " " + reason;
    evidence.push_back(volume->ref(nullptr));
  }
  RawFinding raw = manifest_finding(
      Severity::error, 0.9, "PersistentVolumeClaim " + claim.name + " fits none of the volumes given",
      "No PersistentVolume in the files can be bound to claim " + claim.name + ": " + reasons + ". Without one the claim stays Pending.",
      std::move(evidence), {{.text = "See why the claim waits", .command = "kubectl describe pvc " + claim.name + " -n " + claim.name_space}});
  raw.topics = {"storage", "pvc", "volume", "claim", "pending"};
  raw.subject = claim.name;
  out.push_back(std::move(raw));
}

}  // namespace

void check_manifest_references(const CheckContext& context, std::vector<RawFinding>& out) {
  const Manifests& manifests = *context.manifests;
  for (const Workload& workload : manifests.workloads) {
    std::vector<Reference> references = references_of(workload);
    std::set<std::string> reported;
    for (const Reference& reference : references) {
      if (reference.name.empty() || reference.optional || reference.name == "kube-root-ca.crt") continue;
      const ManifestObject* object = manifests.find(reference.kind, reference.name, workload.object->name_space);
      if (object && !reference.key.empty()) missing_key(workload, reference, *object, out);
      if (object || !reported.insert(reference.kind + "/" + reference.name).second) continue;
      std::vector<LineRef> lines;
      for (const Reference& other : references)
        if (other.kind == reference.kind && other.name == reference.name) lines.push_back(workload.object->ref(other.node));
      missing_object(manifests, workload, reference, lines, out);
    }
    std::set<std::string> volumes;
    for (const YamlNode* volume : workload.pod_spec->items("volumes")) volumes.insert(volume->get("name"));
    for (const YamlNode* entry : workload.object->yaml.items("spec/volumeClaimTemplates")) volumes.insert(entry->get("metadata/name"));
    for (const YamlNode* container : workload.containers)
      for (const YamlNode* mount : container->items("volumeMounts"))
        if (const YamlNode* name = mount->find("name"); name && !volumes.contains(name->value))
          out.push_back(manifest_finding(
              Severity::error, 0.9, workload.label() + ": container " + container->get("name") + " mounts volume " + name->value + ", which is not defined",
              "The pod template has no volume " + name->value + "; the API server refuses the pod.", {workload.object->ref(name)},
              {{.text = "Add the volume to spec.volumes or correct the name", .command = "", .changes_state = true}}));
  }
}

void check_manifest_storage(const CheckContext& context, std::vector<RawFinding>& out) {
  const Manifests& manifests = *context.manifests;
  for (const ManifestObject* claim : manifests.of_kind("PersistentVolumeClaim")) {
    if (const YamlNode* spec = claim->yaml.find("spec")) check_claim(manifests, *claim, *spec, claim->name, out);
    check_volumes(manifests, *claim, out);
  }
  for (const ManifestObject& object : manifests.objects)
    for (const YamlNode* entry : object.yaml.items("spec/volumeClaimTemplates"))
      if (const YamlNode* spec = entry->find("spec")) check_claim(manifests, object, *spec, entry->get("metadata/name"), out);
}

void check_manifest_rbac(const CheckContext& context, std::vector<RawFinding>& out) {
  const Manifests& manifests = *context.manifests;
  for (const char* kind : {"RoleBinding", "ClusterRoleBinding"})
    for (const ManifestObject* binding : manifests.of_kind(kind)) {
      const YamlNode* role = binding->yaml.find("roleRef/name");
      std::string role_kind = binding->yaml.get("roleRef/kind");
      bool knows = !manifests.of_kind(role_kind).empty();
      const ManifestObject* defined = role ? manifests.find(role_kind, role->value, "") : nullptr;
      if (role && knows && !defined)
        out.push_back(manifest_finding(
            Severity::error, 0.9, binding->kind + " " + binding->name + " refers to " + role_kind + " " + role->value + ", which does not exist in the files given",
            "The binding grants nothing until that role exists.", {binding->ref(role)},
            {{.text = "List the roles", .command = "kubectl get roles -n " + binding->name_space}}));
      for (const YamlNode* subject : binding->yaml.items("subjects")) {
        std::string name_space = subject->get("namespace").empty() ? binding->name_space : subject->get("namespace");
        if (subject->get("kind") != "ServiceAccount" || subject->get("name") == "default") continue;
        if (manifests.of_kind("ServiceAccount").empty() || manifests.find("ServiceAccount", subject->get("name"), name_space)) continue;
        out.push_back(manifest_finding(
            Severity::error, 0.88, binding->kind + " " + binding->name + " grants to service account " + name_space + "/" + subject->get("name") + ", which does not exist in the files given",
            "The pods run under another account or in another namespace and get 403 Forbidden.", {binding->ref(subject)},
            {{.text = "List the service accounts", .command = "kubectl get serviceaccounts -n " + name_space}}));
      }
      // What the role is called against what it grants: "pod-reader" over deployments.
      if (!defined) continue;
      for (const YamlNode* rule : defined->yaml.items("rules")) {
        std::set<std::string> resources;
        for (const YamlNode* resource : rule->items("resources")) resources.insert(resource->value);
        for (const char* noun : {"pod", "deployment", "secret", "configmap", "service", "job", "node"}) {
          std::string plural = std::string(noun) + "s";
          bool named = defined->name.starts_with(std::string(noun) + "-") || binding->name.find(plural) != std::string::npos || defined->name.find(plural) != std::string::npos;
          if (!named || resources.empty() || resources.contains(plural) || resources.contains("*")) continue;
          RawFinding raw = manifest_finding(
              Severity::warning, 0.85, role_kind + " " + defined->name + " does not grant access to " + plural,
              "By its name the role is meant for " + plural + ", but its rule lists only " + *resources.begin() +
                  ": requests for " + plural + " are forbidden (403).",
              {defined->ref(rule->find("resources")), binding->ref(role)},
              {{.text = "Ask the API server", .command = "kubectl auth can-i list " + plural + " -n " + binding->name_space},
               {.text = "Put " + plural + " into the rule's resources", .command = "kubectl edit role " + defined->name + " -n " + defined->name_space, .changes_state = true}});
          raw.topics = {"rbac", "role", "permission", "forbidden", "access", "read", "list"};
          out.push_back(std::move(raw));
        }
      }
    }
}

}  // namespace app::diagnosis
