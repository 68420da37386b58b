// What a pod and its containers are allowed to do, need and promise.
#include <algorithm>
#include <array>
#include <cctype>
#include <set>

#include "app/configs/image.h"
#include "app/configs/kubernetes.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::configs::kubernetes {
namespace {

bool is_job(const Object& object) { return object.is({"Job", "CronJob"}); }

// true, false, or unset at the container, falling back to the pod.
const Node& effective(const Node& container, const Node& pod_spec, std::string_view key) {
  const Node& own = container["securityContext"][key];
  return own.exists() ? own : pod_spec["securityContext"][key];
}

bool drops(const Node& capabilities, std::string_view name) {
  for (const std::string& dropped : capabilities["drop"].strings()) {
    if (engine::to_lower_ascii(dropped) == "all" ||
        (!name.empty() && dropped.find(name) != std::string::npos)) {
      return true;
    }
  }
  return false;
}

// --- privileges -------------------------------------------------------------------------------

void check_capabilities(const Container& container, Report& report) {
  const Node& context = (*container.node)["securityContext"];
  const Node& capabilities = context["capabilities"];
  const Node& at = placed({&capabilities, &context, container.node});
  if (!drops(capabilities, "NET_RAW")) report.add("k8s/net-raw-kept", at, container.subject);
  if (!drops(capabilities, "")) report.add("k8s/capabilities-not-dropped", at, container.subject);

  const Node& added = capabilities["add"];
  if (!added.empty()) report.add("k8s/capability-added", added, container.subject);
  if (added.contains("SYS_ADMIN")) report.add("k8s/capability-sys-admin", added, container.subject);
  const bool adds_net_raw = added.contains("NET_RAW") || added.contains("ALL");
  if (adds_net_raw || (capabilities.is_map() && !drops(capabilities, "NET_RAW"))) {
    report.add("k8s/capability-net-raw", capabilities, container.subject);
  }
}

void check_privileges(const Container& container, Report& report) {
  const Node& context = (*container.node)["securityContext"];
  const Node& at = placed({&context, container.node});
  if (context.empty())
    report.add("k8s/container-security-context", *container.node, container.subject);
  if (!context["allowPrivilegeEscalation"].is_false()) {
    report.add("k8s/privilege-escalation-not-forbidden",
               placed({&context["allowPrivilegeEscalation"], &at}), container.subject);
  }
  const Node& added = context["capabilities"]["add"];
  if (context["allowPrivilegeEscalation"].is_true() || context["privileged"].is_true() ||
      added.contains("SYS_ADMIN")) {
    report.add("k8s/privilege-escalation", at, container.subject);
  }
  if (context["privileged"].is_true()) {
    report.add("k8s/privileged-container", context["privileged"], container.subject);
  }
  if (!context["readOnlyRootFilesystem"].is_true()) {
    report.add("k8s/writable-root-filesystem", placed({&context["readOnlyRootFilesystem"], &at}),
               container.subject);
  }
  if (context["procMount"].text == "Unmasked") {
    report.add("k8s/proc-unmasked", context["procMount"], container.subject);
  }
  check_capabilities(container, report);
}

// --- who the processes are ----------------------------------------------------------------------

bool may_run_as_root(const Node& container, const Node& pod_spec) {
  const Node& user = effective(container, pod_spec, "runAsUser");
  if (user.number().has_value()) return *user.number() == 0;
  return !effective(container, pod_spec, "runAsNonRoot").is_true();
}

void check_user(const Object& object, Report& report) {
  const Node& pod = *object.pod_spec;
  for (const Container& container : object.containers) {
    const Node& node = *container.node;
    const Node& at = placed({&node["securityContext"], &node});
    const Node& user = effective(node, pod, "runAsUser");
    const Node& group = effective(node, pod, "runAsGroup");
    if (may_run_as_root(node, pod) && !container.init) {
      report.add("k8s/runs-as-root", at, container.subject);
    }
    if (may_run_as_root(node, pod) || (group.number().has_value() && *group.number() == 0)) {
      report.add("k8s/root-user-or-group", at, container.subject);
    }
    const auto low = [](const Node& id) { return !id.number() || *id.number() < 10000; };
    if (!container.init && low(user) && !pod["hostUsers"].is_false()) {
      report.add("k8s/low-user-id", at, container.subject);
    }
    if (low(user) || low(group)) report.add("k8s/low-user-or-group-id", at, container.subject);
  }
}

bool seccomp_set(const Object& object) {
  const Node& annotations = (*object.pod_metadata)["annotations"];
  const std::string& by_annotation = annotations["seccomp.security.alpha.kubernetes.io/pod"].text;
  const std::string& pod_profile = object.pod_spec->at("securityContext.seccompProfile.type").text;
  if (!pod_profile.empty()) return pod_profile == "RuntimeDefault";
  size_t n_set = 0, n_containers = 0;
  for (const Container& container : object.containers) {
    if (container.init) continue;
    ++n_containers;
    const std::string& profile = container.node->at("securityContext.seccompProfile.type").text;
    if (!profile.empty() && profile != "RuntimeDefault") return false;
    n_set += !profile.empty();
  }
  if (n_containers > 0 && n_set == n_containers) return true;
  return by_annotation.find("runtime/default") != std::string::npos ||
         by_annotation.find("docker/default") != std::string::npos;
}

// --- images --------------------------------------------------------------------------------------

void check_image(const Container& container, Report& report) {
  const Node& node = *container.node;
  const Node& at = placed({&node["image"], &node});
  const Image image = parse_image(node["image"].text);
  const bool moving = image.tag.empty() || image.tag == "latest";
  if (image.digest.empty()) report.add("k8s/image-without-digest", at, container.subject);
  if (image.digest.empty() && moving) report.add("k8s/image-tag-not-fixed", at, container.subject);

  const Node& policy = node["imagePullPolicy"];
  const bool never_pulled = policy.exists() ? policy.text != "Always" : !moving;
  if (image.digest.empty() && (never_pulled || node["image"].empty())) {
    report.add("k8s/image-pull-policy", placed({&policy, &at}), container.subject);
  }
  if (image.name.find("kubernetes-dashboard") != std::string::npos ||
      image.name.find("kubernetesui") != std::string::npos) {
    report.add("k8s/dashboard-deployed", at, container.subject);
  }
}

bool is_tiller(const Object& object, const Container& container) {
  const Node& labels = (*object.pod_metadata)["labels"];
  return (*container.node)["image"].text.find("tiller") != std::string::npos ||
         labels["app"].text == "helm" || labels["name"].text == "tiller";
}

void check_known_software(const Object& object, Report& report) {
  const Node& labels = (*object.pod_metadata)["labels"];
  if (labels["app"].text == "kubernetes-dashboard" ||
      labels["k8s-app"].text == "kubernetes-dashboard") {
    report.add("k8s/dashboard-deployed", labels, object.subject);
  }
  for (const Container& container : object.containers) {
    const Node& node = *container.node;
    if (is_tiller(object, container)) {
      report.add("k8s/tiller-deployed", placed({&node["image"], &node}), container.subject);
      const auto args = node["args"].strings();
      const bool local = std::any_of(args.begin(), args.end(), [](const std::string& arg) {
        return arg.find("--listen") != std::string::npos &&
               (arg.find("localhost") != std::string::npos ||
                arg.find("127.0.0.1") != std::string::npos);
      });
      if (!local)
        report.add("k8s/tiller-reachable", placed({&node["args"], &node}), container.subject);
    }
    for (const Node* env : node["env"].items) {
      if ((*env)["name"].text == "GITSYNC_GIT")
        report.add("k8s/git-sync-command", *env, container.subject);
    }
  }
}

// --- resources -----------------------------------------------------------------------------------

// A Kubernetes quantity as a number: 500m, 1Gi, 2e3.
std::optional<double> quantity(const Node& node) {
  if (!node.is_scalar()) return std::nullopt;
  const std::string& text = node.text;
  const size_t end = text.find_last_of("0123456789.");
  if (end == std::string::npos) return std::nullopt;
  Node digits = node;
  digits.text = text.substr(0, end + 1);
  const auto value = digits.number();
  static const std::pair<const char*, double> suffixes[] = {{"", 1},
                                                            {"m", 1e-3},
                                                            {"k", 1e3},
                                                            {"M", 1e6},
                                                            {"G", 1e9},
                                                            {"T", 1e12},
                                                            {"P", 1e15},
                                                            {"Ki", 1024.0},
                                                            {"Mi", 1048576.0},
                                                            {"Gi", 1073741824.0},
                                                            {"Ti", 1099511627776.0},
                                                            {"Pi", 1125899906842624.0}};
  for (const auto& [suffix, factor] : suffixes) {
    if (value && text.substr(end + 1) == suffix) return *value * factor;
  }
  return std::nullopt;
}

bool is_zero(const Node& node) { return node.empty() || quantity(node) == 0.0; }

void check_resources(const Container& container, Report& report) {
  const Node& resources = (*container.node)["resources"];
  const Node& limits = resources["limits"];
  const Node& requests = resources["requests"];
  const Node& at = placed({&resources, container.node});
  const std::array<std::tuple<const Node*, const char*, const char*>, 6> wanted = {{
      {&limits, "cpu", "k8s/no-cpu-limit"},
      {&requests, "cpu", "k8s/no-cpu-request"},
      {&limits, "memory", "k8s/no-memory-limit"},
      {&requests, "memory", "k8s/no-memory-request"},
      {&limits, "ephemeral-storage", "k8s/no-ephemeral-storage-limit"},
      {&requests, "ephemeral-storage", "k8s/no-ephemeral-storage-request"},
  }};
  for (const auto& [map, key, rule] : wanted) {
    if (is_zero((*map)[key])) report.add(rule, placed({map, &at}), container.subject);
  }
  const std::pair<const char*, const char*> pairs[] = {
      {"cpu", "k8s/cpu-request-differs-from-limit"},
      {"memory", "k8s/memory-request-differs-from-limit"},
      {"ephemeral-storage", "k8s/ephemeral-storage-request-differs-from-limit"}};
  for (const auto& [key, rule] : pairs) {
    if (!limits.has(key) && !requests.has(key)) continue;
    if (limits[key].text != requests[key].text &&
        quantity(limits[key]) != quantity(requests[key])) {
      report.add(rule, at, container.subject);
    }
  }
}

// --- environment ---------------------------------------------------------------------------------

// A password or key as plain text; a switch such as ALLOW_EMPTY_PASSWORD=yes or a file's name is
// none.
bool is_plain_secret(const Node& name, const Node& value) {
  if (value.empty() || !value.is_scalar() || value.text.find("$(") != std::string::npos)
    return false;
  static const std::set<std::string> switches = {"true", "false", "yes", "no",
                                                 "on",   "off",   "1",   "0"};
  if (switches.contains(engine::to_lower_ascii(value.text)) || value.text.starts_with('/'))
    return false;
  return names_secret(name.text) || holds_private_key(value.text);
}

void check_environment(const Container& container, Report& report) {
  std::set<std::string> seen;
  for (const Node* env : (*container.node)["env"].items) {
    const Node& name = (*env)["name"];
    if (!seen.insert(name.text).second) {
      report.add("k8s/duplicate-env-var", *env, container.subject,
                 "the variable " + name.text + " is set twice; the last one wins");
    }
    if (engine::contains_ignoring_case(name.text, "secret") && !(*env)["value"].empty()) {
      report.add("k8s/secret-in-env-value", *env, container.subject,
                 "the variable " + name.text + " carries a secret in plain text");
    }
    if (is_plain_secret(name, (*env)["value"])) {
      report.add("k8s/password-in-env-value", *env, container.subject,
                 "the value of " + name.text + " stands in plain text");
    }
    const Node& secret = env->at("valueFrom.secretKeyRef");
    if (secret.exists()) report.add("k8s/secret-as-env-var", secret, container.subject);
  }
  for (const Node* from : (*container.node)["envFrom"].items) {
    if (from->has("secretRef")) report.add("k8s/secret-as-env-var", *from, container.subject);
  }
}

// --- ports and probes ----------------------------------------------------------------------------

bool exposes(const Container& container, const Node& port) {
  for (const Node* each : (*container.node)["ports"].items) {
    const std::string& protocol = (*each)["protocol"].text;
    if (!protocol.empty() && protocol != "TCP") continue;
    if ((*each)["name"].text == port.text || (*each)["containerPort"].text == port.text)
      return true;
  }
  return false;
}

void check_probe_port(const Container& container, const char* probe_name, const char* rule,
                      Report& report) {
  const Node& probe = (*container.node)[probe_name];
  for (const char* action : {"httpGet", "tcpSocket", "grpc"}) {
    const Node& port = probe[action]["port"];
    if (port.exists() && !exposes(container, port)) {
      report.add(rule, port, container.subject,
                 std::string(probe_name) + " asks port " + port.text +
                     ", which the container does not list");
    }
  }
}

std::string port_name_fault(const std::string& name) {
  if (name.size() > 15) return "is longer than 15 characters";
  const bool has_letter =
      std::any_of(name.begin(), name.end(), [](char c) { return c >= 'a' && c <= 'z'; });
  const bool all_allowed = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
  if (!all_allowed) return "may only hold lower-case letters, digits and '-'";
  if (!has_letter) return "needs at least one letter";
  if (name.front() == '-' || name.back() == '-' || name.find("--") != std::string::npos) {
    return "has a '-' at its ends or two in a row";
  }
  return "";
}

void check_ports(const Container& container, Report& report) {
  std::set<std::string> names;
  for (const Node* port : (*container.node)["ports"].items) {
    const Node& number = (*port)["containerPort"];
    const auto value = number.number();
    const std::string& protocol = (*port)["protocol"].text;
    const bool tcp = protocol.empty() || protocol == "TCP";
    if (port->has("hostPort")) report.add("k8s/host-port", (*port)["hostPort"], container.subject);
    if (value && *value > 0 && *value < 1024) {
      report.add("k8s/privileged-port", number, container.subject,
                 "listens on port " + number.text + ", below 1024");
    }
    if (value == 22.0 && tcp) report.add("k8s/ssh-port", number, container.subject);
    if (number.exists() && (!value || *value < 1 || *value > 65535)) {
      report.add("k8s/invalid-port", number, container.subject,
                 "port " + number.text + " is not between 1 and 65535");
    }
    const Node& name = (*port)["name"];
    const std::string fault = name.empty() ? "" : port_name_fault(name.text);
    if (!fault.empty())
      report.add("k8s/invalid-port", name, container.subject,
                 "the port name " + name.text + " " + fault);
    const bool repeated = !name.empty() && !names.insert(name.text).second;
    if (repeated || name.text.size() > 15 || !number.exists()) {
      report.add("k8s/container-port-fault", *port, container.subject);
    }
  }
}

void check_probes(const Object& object, const Container& container, Report& report) {
  check_probe_port(container, "livenessProbe", "k8s/liveness-port-not-exposed", report);
  check_probe_port(container, "readinessProbe", "k8s/readiness-port-not-exposed", report);
  check_probe_port(container, "startupProbe", "k8s/startup-port-not-exposed", report);
  if (container.init || is_job(object)) return;
  const Node& node = *container.node;
  if (node["livenessProbe"].empty()) report.add("k8s/no-liveness-probe", node, container.subject);
  if (node["readinessProbe"].empty()) report.add("k8s/no-readiness-probe", node, container.subject);
}

// --- volumes -------------------------------------------------------------------------------------

bool is_sensitive(const std::string& path) {
  static const std::set<std::string> directories = {"/",    "/boot", "/dev", "/etc",
                                                    "/lib", "/proc", "/sys", "/usr"};
  const bool trailing = path.size() > 1 && path.back() == '/';
  return directories.contains(trailing ? path.substr(0, path.size() - 1) : path);
}

void check_volumes(const Object& object, Report& report) {
  for (const Node* volume : (*object.pod_spec)["volumes"].items) {
    const Node& path = volume->at("hostPath.path");
    if (!path.exists()) continue;
    report.add("k8s/host-path-volume", path, object.subject,
               "the volume " + (*volume)["name"].text + " is " + path.text + " of the node");
    if (path.text.ends_with("docker.sock") || path.text.ends_with("containerd.sock") ||
        path.text.ends_with("crio.sock")) {
      report.add("k8s/container-runtime-socket", path, object.subject);
    }
    for (const Container& container : object.containers) {
      for (const Node* mount : (*container.node)["volumeMounts"].items) {
        if ((*mount)["name"].text != (*volume)["name"].text) continue;
        if (is_sensitive(path.text)) {
          report.add("k8s/sensitive-host-mount", *mount, container.subject,
                     "mounts " + path.text + " of the node");
        }
        if (!(*mount)["readOnly"].is_true()) {
          report.add("k8s/writable-host-mount", *mount, container.subject,
                     "can write to " + path.text + " of the node");
        }
      }
    }
  }
}

// --- the pod as a whole --------------------------------------------------------------------------

bool is_unsafe_sysctl(const std::string& name) {
  static const std::set<std::string> safe = {"kernel.shm_rmid_forced",
                                             "net.ipv4.ip_local_port_range",
                                             "net.ipv4.tcp_syncookies",
                                             "net.ipv4.ping_group_range",
                                             "net.ipv4.ip_unprivileged_port_start",
                                             "net.ipv4.ip_local_reserved_ports",
                                             "net.ipv4.tcp_keepalive_time",
                                             "net.ipv4.tcp_fin_timeout",
                                             "net.ipv4.tcp_keepalive_intvl",
                                             "net.ipv4.tcp_keepalive_probes",
                                             "net.ipv4.tcp_rmem",
                                             "net.ipv4.tcp_wmem"};
  return !name.empty() && !safe.contains(name);
}

void check_host_process(const Node& holder, const std::string& subject, Report& report) {
  const Node& host_process = holder.at("securityContext.windowsOptions.hostProcess");
  if (host_process.is_true()) report.add("k8s/host-process", host_process, subject);
}

void check_host_sharing(const Object& object, Report& report) {
  const Node& pod = *object.pod_spec;
  check_host_process(pod, object.subject, report);
  for (const Container& container : object.containers)
    check_host_process(*container.node, container.subject, report);
  const std::pair<const char*, const char*> shared[] = {{"hostIPC", "k8s/host-ipc"},
                                                        {"hostPID", "k8s/host-pid"},
                                                        {"hostNetwork", "k8s/host-network"}};
  for (const auto& [key, rule] : shared) {
    if (pod[key].is_true()) report.add(rule, pod[key], object.subject);
  }
  for (const Node* sysctl : pod.at("securityContext.sysctls").items) {
    if (is_unsafe_sysctl((*sysctl)["name"].text)) {
      report.add("k8s/unsafe-sysctl", *sysctl, object.subject,
                 "sets " + (*sysctl)["name"].text + ", which can disturb other pods of the node");
    }
  }
}

void check_service_account(const Object& object, Report& report) {
  const Node& pod = *object.pod_spec;
  const Node& account = pod["serviceAccountName"];
  const Node& old_field = pod["serviceAccount"];
  const std::string& name = account.empty() ? old_field.text : account.text;
  if (name.empty() || name == "default") {
    report.add("k8s/default-service-account", placed({&account, &pod}), object.subject);
  }
  if (!old_field.empty() && old_field.text != account.text) {
    report.add("k8s/deprecated-service-account-field", old_field, object.subject);
  }
}

bool is_good_topology(const Node& constraint) {
  const std::string& action = constraint["whenUnsatisfiable"].text;
  const auto min_domains = constraint["minDomains"].number();
  return constraint["maxSkew"].number().value_or(0) > 0 && (!min_domains || *min_domains > 0) &&
         !constraint["topologyKey"].empty() && constraint["labelSelector"].exists() &&
         (action == "DoNotSchedule" || action == "ScheduleAnyway");
}

void check_scheduling(const Object& object, Report& report) {
  const Node& pod = *object.pod_spec;
  for (const Node* constraint : pod["topologySpreadConstraints"].items) {
    if (!is_good_topology(*constraint))
      report.add("k8s/topology-spread-fault", *constraint, object.subject);
  }
  if (pod.at("affinity.nodeAffinity").empty()) {
    report.add("k8s/no-node-affinity", placed({&pod["affinity"], &pod}), object.subject);
  }
  if (pod["priorityClassName"].empty()) report.add("k8s/no-priority-class", pod, object.subject);
  const std::string& restart = pod["restartPolicy"].text;
  if (restart != "Always" && restart != "OnFailure") {
    report.add("k8s/restart-policy", placed({&pod["restartPolicy"], &pod}), object.subject);
  }
  bool ndots = false;
  for (const Node* option : pod.at("dnsConfig.options").items) {
    ndots |= (*option)["name"].text == "ndots" && (*option)["value"].text == "2";
  }
  if (!ndots) report.add("k8s/dns-ndots", placed({&pod["dnsConfig"], &pod}), object.subject);
}

}  // namespace

void check_pod(const Object& object, Report& report) {
  const Node& pod = *object.pod_spec;
  if (pod["securityContext"].empty()) {
    report.add("k8s/pod-security-context", placed({&pod["securityContext"], &pod}), object.subject);
  }
  if (!seccomp_set(object)) {
    report.add("k8s/no-seccomp-profile", placed({&pod["securityContext"], &pod}), object.subject);
  }
  check_host_sharing(object, report);
  check_service_account(object, report);
  check_scheduling(object, report);
  check_user(object, report);
  check_volumes(object, report);
  check_known_software(object, report);
  for (const Container& container : object.containers) {
    check_privileges(container, report);
    check_image(container, report);
    check_resources(container, report);
    check_environment(container, report);
    check_ports(container, report);
    check_probes(object, container, report);
  }
}

}  // namespace app::configs::kubernetes
