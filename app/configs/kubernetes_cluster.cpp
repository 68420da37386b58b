// The control plane's own flags, and who may do what (RBAC).
#include <algorithm>
#include <set>

#include "app/configs/kubernetes.h"
#include "engine/base/text.h"

namespace app::configs::kubernetes {
namespace {

// What a flag has to be. value is compared as text, or as a number for at_least and at_most.
enum class Want {
  equals,       // must stand there with this value
  not_equals,   // may be absent, but not have this value
  present,      // must be set to something
  absent,       // must not be set
  at_least,     // must be set to a number not below
  at_most,      // may be absent, but no number above
  includes,     // must be set to a list with this item
  may_include,  // where it is set, the list must have this item (or the second)
  excludes,     // the list must not have this item
  file_suffix,  // where it is set, a file name with this ending
  duration,     // where it is set, a duration like 300s or 1m30s
  strong_ciphers,
};

struct FlagRule {
  const char* rule;
  const char* component;
  const char* flag;
  Want want;
  const char* value = "";
  const char* second =
      "";  // may_include: an alternative; present: a second flag that must be set too
};

constexpr FlagRule flag_rules[] = {
    {"k8s/apiserver-anonymous-auth", "kube-apiserver", "--anonymous-auth", Want::equals, "false"},
    {"k8s/apiserver-basic-auth-file", "kube-apiserver", "--basic-auth-file", Want::absent},
    {"k8s/apiserver-token-auth-file", "kube-apiserver", "--token-auth-file", Want::absent},
    {"k8s/apiserver-kubelet-https", "kube-apiserver", "--kubelet-https", Want::not_equals, "false"},
    {"k8s/apiserver-kubelet-client-cert", "kube-apiserver", "--kubelet-client-certificate",
     Want::present, "", "--kubelet-client-key"},
    {"k8s/apiserver-kubelet-ca", "kube-apiserver", "--kubelet-certificate-authority",
     Want::present},
    {"k8s/apiserver-always-allow", "kube-apiserver", "--authorization-mode", Want::excludes,
     "AlwaysAllow"},
    {"k8s/apiserver-authorization-node", "kube-apiserver", "--authorization-mode", Want::includes,
     "Node"},
    {"k8s/apiserver-authorization-rbac", "kube-apiserver", "--authorization-mode", Want::includes,
     "RBAC"},
    {"k8s/apiserver-always-admit", "kube-apiserver", "--enable-admission-plugins", Want::excludes,
     "AlwaysAdmit"},
    {"k8s/apiserver-always-pull-images", "kube-apiserver", "--enable-admission-plugins",
     Want::may_include, "AlwaysPullImages"},
    {"k8s/apiserver-security-context-deny", "kube-apiserver", "--enable-admission-plugins",
     Want::may_include, "SecurityContextDeny", "PodSecurityPolicy"},
    {"k8s/apiserver-service-account-plugin", "kube-apiserver", "--enable-admission-plugins",
     Want::may_include, "ServiceAccount"},
    {"k8s/apiserver-namespace-lifecycle", "kube-apiserver", "--enable-admission-plugins",
     Want::may_include, "NamespaceLifecycle"},
    {"k8s/apiserver-pod-security-policy", "kube-apiserver", "--enable-admission-plugins",
     Want::may_include, "PodSecurityPolicy"},
    {"k8s/apiserver-node-restriction", "kube-apiserver", "--enable-admission-plugins",
     Want::may_include, "NodeRestriction"},
    {"k8s/apiserver-insecure-bind-address", "kube-apiserver", "--insecure-bind-address",
     Want::absent},
    {"k8s/apiserver-insecure-port", "kube-apiserver", "--insecure-port", Want::equals, "0"},
    {"k8s/apiserver-secure-port", "kube-apiserver", "--secure-port", Want::not_equals, "0"},
    {"k8s/apiserver-profiling", "kube-apiserver", "--profiling", Want::equals, "false"},
    {"k8s/apiserver-audit-log", "kube-apiserver", "--audit-log-path", Want::present},
    {"k8s/apiserver-audit-maxage", "kube-apiserver", "--audit-log-maxage", Want::at_least, "30"},
    {"k8s/apiserver-audit-maxbackup", "kube-apiserver", "--audit-log-maxbackup", Want::at_least,
     "10"},
    {"k8s/apiserver-audit-maxsize", "kube-apiserver", "--audit-log-maxsize", Want::at_least, "100"},
    {"k8s/apiserver-request-timeout", "kube-apiserver", "--request-timeout", Want::duration},
    {"k8s/apiserver-service-account-lookup", "kube-apiserver", "--service-account-lookup",
     Want::equals, "true"},
    {"k8s/apiserver-service-account-key", "kube-apiserver", "--service-account-key-file",
     Want::file_suffix, ".pem", ".pub"},
    {"k8s/apiserver-etcd-cert", "kube-apiserver", "--etcd-certfile", Want::present, "",
     "--etcd-keyfile"},
    {"k8s/apiserver-tls-cert", "kube-apiserver", "--tls-cert-file", Want::present, "",
     "--tls-private-key-file"},
    {"k8s/apiserver-etcd-ca", "kube-apiserver", "--etcd-cafile", Want::present},
    {"k8s/apiserver-encryption-config", "kube-apiserver", "--encryption-provider-config",
     Want::present},
    {"k8s/apiserver-ciphers", "kube-apiserver", "--tls-cipher-suites", Want::strong_ciphers},
    {"k8s/controller-terminated-pods", "kube-controller-manager", "--terminated-pod-gc-threshold",
     Want::at_least, "1"},
    {"k8s/controller-profiling", "kube-controller-manager", "--profiling", Want::equals, "false"},
    {"k8s/controller-service-account-credentials", "kube-controller-manager",
     "--use-service-account-credentials", Want::equals, "true"},
    {"k8s/controller-service-account-key", "kube-controller-manager",
     "--service-account-private-key-file", Want::file_suffix, ".pem", ".key"},
    {"k8s/controller-root-ca", "kube-controller-manager", "--root-ca-file", Want::file_suffix,
     ".pem", ".crt"},
    {"k8s/controller-bind-address", "kube-controller-manager", "--bind-address", Want::equals,
     "127.0.0.1"},
    {"k8s/scheduler-profiling", "kube-scheduler", "--profiling", Want::equals, "false"},
    {"k8s/scheduler-bind-address", "kube-scheduler", "--bind-address", Want::equals, "127.0.0.1"},
    {"k8s/etcd-cert", "etcd", "--cert-file", Want::present, "", "--key-file"},
    {"k8s/etcd-client-cert-auth", "etcd", "--client-cert-auth", Want::equals, "true"},
    {"k8s/etcd-auto-tls", "etcd", "--auto-tls", Want::not_equals, "true"},
    {"k8s/etcd-peer-cert", "etcd", "--peer-cert-file", Want::present, "", "--peer-key-file"},
    {"k8s/etcd-peer-client-cert-auth", "etcd", "--peer-client-cert-auth", Want::equals, "true"},
    {"k8s/kubelet-anonymous-auth", "kubelet", "--anonymous-auth", Want::equals, "false"},
    {"k8s/kubelet-always-allow", "kubelet", "--authorization-mode", Want::excludes, "AlwaysAllow"},
    {"k8s/kubelet-client-ca", "kubelet", "--client-ca-file", Want::present},
    {"k8s/kubelet-read-only-port", "kubelet", "--read-only-port", Want::equals, "0"},
    {"k8s/kubelet-streaming-timeout", "kubelet", "--streaming-connection-idle-timeout",
     Want::not_equals, "0"},
    {"k8s/kubelet-kernel-defaults", "kubelet", "--protect-kernel-defaults", Want::equals, "true"},
    {"k8s/kubelet-iptables-chains", "kubelet", "--make-iptables-util-chains", Want::equals, "true"},
    {"k8s/kubelet-hostname-override", "kubelet", "--hostname-override", Want::absent},
    {"k8s/kubelet-event-qps", "kubelet", "--event-qps", Want::at_most, "5"},
    {"k8s/kubelet-tls-cert", "kubelet", "--tls-cert-file", Want::present, "",
     "--tls-private-key-file"},
    {"k8s/kubelet-rotate-certificates", "kubelet", "--rotate-certificates", Want::not_equals,
     "false"},
    {"k8s/kubelet-ciphers", "kubelet", "--tls-cipher-suites", Want::strong_ciphers},
};

struct Flag {
  const Node* node = nullptr;
  std::string name, value;
};

std::vector<Flag> flags_of(const Node& container) {
  std::vector<Flag> flags;
  for (const char* list : {"command", "args"}) {
    for (const Node* item : container[list].items) {
      const size_t equals = item->text.find('=');
      Flag flag;
      flag.node = item;
      flag.name = item->text.substr(0, equals);
      if (equals != std::string::npos) flag.value = item->text.substr(equals + 1);
      flags.push_back(std::move(flag));
    }
  }
  return flags;
}

bool runs(const std::vector<Flag>& flags, std::string_view component) {
  return std::any_of(flags.begin(), flags.end(), [&](const Flag& flag) {
    return flag.name == component ||
           (flag.name.starts_with('/') && flag.name.ends_with("/" + std::string(component)));
  });
}

const Flag* find_flag(const std::vector<Flag>& flags, std::string_view name) {
  for (const Flag& flag : flags) {
    if (flag.name == name) return &flag;
  }
  return nullptr;
}

bool lists(const std::string& value, std::string_view item) {
  const auto parts = engine::split(value, ',');
  return std::find(parts.begin(), parts.end(), item) != parts.end();
}

double number_of(const std::string& text) {
  Node node;
  node.kind = Node::Kind::scalar;
  node.text = text;
  return node.number().value_or(-1);
}

// 300s, 1m30s, 1h: numbers with units, the larger unit first.
bool is_duration(const std::string& text) {
  static constexpr std::string_view units = "hms";
  size_t unit = 0;
  bool digits = false;
  for (char c : text) {
    if (c >= '0' && c <= '9') {
      digits = true;
      continue;
    }
    const size_t at = units.find(c, unit);
    if (!digits || at == std::string_view::npos) return false;
    unit = at + 1;
    digits = false;
  }
  return !text.empty() && !digits;
}

// Suites with authenticated encryption; CBC, RC4 and 3DES are not among them.
bool is_strong(std::string_view cipher) {
  return cipher.find("_GCM_") != std::string_view::npos ||
         cipher.find("CHACHA20_POLY1305") != std::string_view::npos;
}

bool holds(const FlagRule& rule, const std::vector<Flag>& flags) {
  const Flag* flag = find_flag(flags, rule.flag);
  const std::string value = flag ? flag->value : "";
  const std::string_view second = rule.second;
  switch (rule.want) {
    case Want::equals:
      return flag && value == rule.value;
    case Want::not_equals:
      return !flag || value != rule.value;
    case Want::present:
      return flag && !value.empty() && (second.empty() || find_flag(flags, second));
    case Want::absent:
      return !flag;
    case Want::at_least:
      return flag && (value.empty() || number_of(value) >= number_of(rule.value));
    case Want::at_most:
      return !flag || number_of(value) <= number_of(rule.value);
    case Want::includes:
      return flag && lists(value, rule.value);
    case Want::may_include:
      return !flag || lists(value, rule.value) || (!second.empty() && lists(value, second));
    case Want::excludes:
      return !flag || (!value.empty() && !lists(value, rule.value));
    case Want::file_suffix:
      return !flag || value.ends_with(rule.value) || value.ends_with(second);
    case Want::duration:
      return !flag || is_duration(value);
    case Want::strong_ciphers: {
      if (!flag) return true;
      const auto ciphers = engine::split(value, ',');
      return std::all_of(ciphers.begin(), ciphers.end(), is_strong);
    }
  }
  return true;
}

void check_container_flags(const Container& container, bool is_etcd_pod, Report& report) {
  const std::vector<Flag> flags = flags_of(*container.node);
  for (const FlagRule& rule : flag_rules) {
    const bool peer_rule = std::string_view(rule.rule) == "k8s/etcd-peer-client-cert-auth";
    if (!runs(flags, rule.component) && !(peer_rule && is_etcd_pod && !flags.empty())) continue;
    if (holds(rule, flags)) continue;
    const Flag* flag = find_flag(flags, rule.flag);
    report.add(rule.rule,
               flag ? *flag->node : placed({&(*container.node)["command"], container.node}),
               container.subject);
  }
  for (const Flag& flag : flags) {
    if (flag.name == "--feature-gates" &&
        flag.value.find("RotateKubeletServerCertificate=false") != std::string::npos) {
      report.add("k8s/rotate-server-certificate", *flag.node, container.subject);
    }
  }
}

// --- RBAC ----------------------------------------------------------------------------------------

struct Permission {
  std::vector<std::string_view> groups, resources, verbs;
};

bool grants(const Node& granted, const std::vector<std::string_view>& wanted) {
  for (const std::string& each : granted.strings()) {
    if (each == "*" || std::find(wanted.begin(), wanted.end(), each) != wanted.end()) return true;
    // "*/approval" gives the subresource of every resource.
    for (std::string_view want : wanted) {
      const size_t slash = want.find('/');
      if (slash != std::string_view::npos && each == "*" + std::string(want.substr(slash)))
        return true;
    }
  }
  return false;
}

const Node* rule_granting(const Node& role, const Permission& permission) {
  for (const Node* rule : role["rules"].items) {
    if (!permission.groups.empty() && !grants((*rule)["apiGroups"], permission.groups)) continue;
    if (grants((*rule)["resources"], permission.resources) &&
        grants((*rule)["verbs"], permission.verbs))
      return rule;
  }
  return nullptr;
}

void check_role(const Object& role, Report& report) {
  struct RolePermission {
    const char* rule;
    bool cluster_only;
    std::vector<Permission> all;  // the rule fires where all of them are granted
  };
  static const std::vector<RolePermission> dangerous = {
      {"k8s/role-controls-webhooks",
       true,
       {{{"admissionregistration.k8s.io"},
         {"mutatingwebhookconfigurations", "validatingwebhookconfigurations"},
         {"create", "update", "patch"}}}},
      {"k8s/role-approves-certificates",
       true,
       {{{"certificates.k8s.io"}, {"certificatesigningrequests/approval"}, {"update", "patch"}},
        {{"certificates.k8s.io"}, {"signers"}, {"approve"}}}},
      {"k8s/role-binds-roles",
       false,
       {{{"rbac.authorization.k8s.io"},
         {"roles", "clusterroles", "rolebindings", "clusterrolebindings"},
         {"bind"}}}},
      {"k8s/role-pod-exec", false, {{{""}, {"pods/exec", "pods/attach"}, {"create", "get"}}}},
      {"k8s/role-escalates",
       false,
       {{{"rbac.authorization.k8s.io"}, {"roles", "clusterroles"}, {"escalate"}}}},
  };
  for (const RolePermission& each : dangerous) {
    if (each.cluster_only && role.kind != "ClusterRole") continue;
    if (std::string_view(each.rule) == "k8s/role-pod-exec" && role.name.starts_with("system:"))
      continue;  // the control plane's own
    const Node* first = nullptr;
    bool all = true;
    for (const Permission& permission : each.all) {
      const Node* rule = rule_granting(*role.root, permission);
      all &= rule != nullptr;
      if (!first) first = rule;
    }
    if (all && first) report.add(each.rule, *first, role.subject);
  }
  for (const Node* rule : role["rules"].items) {
    for (const char* key : {"apiGroups", "resources", "verbs"}) {
      if (!(*rule)[key].contains("*")) continue;
      report.add("k8s/role-wildcard", (*rule)[key], role.subject,
                 std::string("grants every one of its ") + key);
      if (std::string_view(key) != "apiGroups")
        report.add("k8s/role-wildcard-resources-or-verbs", (*rule)[key], role.subject);
    }
  }
}

const Object* role_of(const Object& binding, const Cluster& cluster) {
  const Node& ref = binding["roleRef"];
  for (const Object& object : cluster.objects) {
    if (object.kind != ref["kind"].text || object.name != ref["name"].text) continue;
    if (object.kind == "ClusterRole" || same_namespace(object, binding)) return &object;
  }
  return nullptr;
}

void check_binding(const Object& binding, const Cluster& cluster, Report& report) {
  bool to_machine = false;  // a service account or a node holds it, not a person
  for (const Node* subject : binding["subjects"].items) {
    const std::string& kind = (*subject)["kind"].text;
    to_machine |= kind == "ServiceAccount" || kind == "Node";
    if (kind == "ServiceAccount" && (*subject)["name"].text == "default") {
      report.add("k8s/default-service-account-bound", *subject, binding.subject);
    }
  }
  const Node& ref = binding["roleRef"];
  if (ref["name"].text == "cluster-admin")
    report.add("k8s/cluster-admin-bound", ref, binding.subject);
  const Object* role = role_of(binding, cluster);
  if (!role) return;

  struct BoundPermission {
    const char* rule;
    bool machines_only;
    Permission permission;
  };
  static const std::vector<BoundPermission> bound = {
      {"k8s/binding-creates-pods",
       false,
       {{},
        {"pods", "deployments", "statefulsets", "replicasets", "cronjobs", "cronjob", "jobs",
         "daemonsets"},
        {"create"}}},
      {"k8s/binding-reads-secrets",
       false,
       {{}, {"secrets"}, {"get", "list", "delete", "create", "watch"}}},
      {"k8s/binding-escalates-bindings",
       true,
       {{}, {"rolebindings", "clusterrolebindings"}, {"create", "update", "patch"}}},
      {"k8s/binding-exec-or-proxy", true, {{}, {"pods/exec", "nodes/proxy"}, {"create"}}},
      {"k8s/binding-impersonates",
       true,
       {{}, {"groups", "users", "serviceaccounts"}, {"impersonate"}}},
      {"k8s/binding-service-status", true, {{}, {"services/status"}, {"update", "patch"}}},
  };
  for (const BoundPermission& each : bound) {
    if (each.machines_only && !to_machine) continue;
    if (!rule_granting(*role->root, each.permission)) continue;
    report.add(each.rule, ref, binding.subject, "binds " + role->subject + ", which grants it");
  }
  for (const Node* rule : (*role)["rules"].items) {
    const bool reads = grants((*rule)["resources"], {"secrets"}) &&
                       grants((*rule)["verbs"], {"get", "list", "watch"});
    if (to_machine && reads && !rule->has("resourceNames"))
      report.add("k8s/binding-all-secrets", ref, binding.subject);
  }
}

}  // namespace

void check_control_plane(const Object& object, Report& report) {
  for (const Container& container : object.containers) {
    check_container_flags(container, object.kind == "Pod" && object.name == "etcd", report);
  }
  if (object.kind == "AdmissionConfiguration") {
    bool limited = false;
    for (const Node* plugin : object["plugins"].items)
      limited |= (*plugin)["name"].text == "EventRateLimit";
    if (!limited)
      report.add("k8s/admission-event-rate-limit", placed({&object["plugins"], object.root}),
                 object.subject);
  }
}

void check_access(const Object& object, const Cluster& cluster, Report& report) {
  if (object.is({"Role", "ClusterRole"})) check_role(object, report);
  if (object.is({"RoleBinding", "ClusterRoleBinding"})) check_binding(object, cluster, report);
  if (object.kind == "ServiceAccount" && object.name == "default" &&
      !object["automountServiceAccountToken"].is_false()) {
    report.add("k8s/default-account-token", *object.root, object.subject);
  }
}

}  // namespace app::configs::kubernetes
