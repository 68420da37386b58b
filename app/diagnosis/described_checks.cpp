// Output of `kubectl describe` and `kubectl get`, read as objects: why a container ended, services
// without endpoints, ingresses without a class.
#include <algorithm>
#include <map>
#include <set>

#include "app/diagnosis/code_checks.h"
#include "app/diagnosis/pattern_set.h"
#include "app/diagnosis/wording.h"
#include "engine/base/text.h"

namespace app::diagnosis {
namespace {

// What an exit code says, after the shell's and the container runtimes' conventions.
std::string exit_meaning(const std::string& code) {
  static const std::map<std::string, const char*> meanings{
      {"0", "it finished without an error, and what ends is restarted: the command is not a long-running service"},
      {"1", "an error of the application"},
      {"2", "wrong usage of the program, or a shell syntax error"},
      {"125", "the command chose to exit 125, or the container runtime itself failed"},
      {"126", "the program was found but cannot be executed (permission, wrong architecture)"},
      {"127", "the command was not found"},
      {"128", "the container could not be started"},
      {"134", "it aborted (SIGABRT)"},
      {"137", "it was killed (SIGKILL): out of memory, or a failed liveness probe"},
      {"139", "it crashed with a segmentation fault (SIGSEGV)"},
      {"143", "it was asked to stop (SIGTERM)"},
      {"255", "the program reported -1, or the runtime lost it"}};
  auto it = meanings.find(code);
  return it == meanings.end() ? "an error code of the application" : it->second;
}

// Lines of other texts that hold the output of this pod: shown by a command line that names it.
bool is_log_of(const Document& document, const std::string& pod) {
  if (document.lines.empty() || pod.empty()) return false;
  const std::string& first = document.lines[0].text;
  return first.starts_with("$ ") && first.find("log") != std::string::npos && first.find(pod) != std::string::npos;
}

bool is_tool_noise(const std::string& text) {
  std::string_view line = engine::trim(text);
  return line.empty() || line == "stdout:" || line == "stderr:" || line.starts_with("$ ") || line.starts_with("Error from server") ||
         line.starts_with("Command `") || line.starts_with("Defaulted container") || line.starts_with("error: error from server");
}

// What the program said last, or the last line that speaks of an error.
const DocumentLine* last_words(const Document& document) {
  static const Regex alarm(R"((?i)\b(error|exception|fatal|panic|undefined|missing|required|not set|cannot|could not|failed|denied|refused|invalid)\b)");
  const DocumentLine* last = nullptr;
  for (const DocumentLine& line : document.lines)
    if (!is_tool_noise(line.text)) last = &line;
  if (last && document.lines.size() > 3)
    for (auto it = document.lines.rbegin(); it != document.lines.rend() && it - document.lines.rbegin() < 40; ++it)
      if (!is_tool_noise(it->text) && alarm.matches(it->text)) return &*it;
  return last;
}

struct Exit {
  const DescribedObject* object;
  std::string path, name;        // of the container
  std::string reason, code, message;
  size_t line = 0;               // of the exit code or the reason
};

bool is_fine(const std::string& state, const std::string& reason) {
  return state == "Running" || reason == "PodInitializing" || reason == "ContainerCreating" || reason == "Completed" || reason.empty();
}

std::vector<Exit> exits_of(const DescribedObject& object) {
  std::vector<Exit> out;
  for (const std::string& path : object.containers()) {
    std::string state = object.get(path + "/State"), waiting = object.get(path + "/State/Reason");
    std::string last = object.get(path + "/Last State/Reason"), code = object.get(path + "/Last State/Exit Code");
    if (code.empty()) code = object.get(path + "/State/Exit Code");
    if (code.empty() || (code == "0" && waiting != "CrashLoopBackOff")) continue;
    if (is_fine(state, waiting) && (last.empty() || last == "Completed" || object.get(path + "/Ready") == "True")) continue;
    const DescribedField* at = object.find(path + "/Last State/Exit Code");
    if (!at) at = object.find(path + "/State/Exit Code");
    std::string message = object.get(path + "/Last State/Message");
    if (message.empty()) message = object.get(path + "/State/Message");
    out.push_back({.object = &object, .path = path, .name = path.substr(path.rfind('/') + 1), .reason = last.empty() ? waiting : last,
                   .code = code, .message = message, .line = at->line});
  }
  return out;
}

void report_exit(const CheckContext& context, const Document& document, const Exit& exit, std::vector<RawFinding>& out) {
  const DescribedObject& pod = *exit.object;
  RawFinding raw;
  Finding& f = raw.finding;
  auto add = [&](const std::string& path) {
    if (const DescribedField* field = pod.find(path)) f.evidence.push_back(document.ref(field->line));
  };
  f.evidence.push_back(document.ref(exit.line));
  std::string limit = pod.get(exit.path + "/Limits/memory");
  std::string loop = pod.get(exit.path + "/State/Reason") == "CrashLoopBackOff" ? " and is restarted again and again (CrashLoopBackOff)" : "";
  if (exit.reason == "OOMKilled") {
    f.title = "Pod " + pod.name + ": container " + exit.name + " is OOMKilled" + (limit.empty() ? "" : ", memory limit " + limit);
    f.cause = "The container used more memory than it may" + (limit.empty() ? std::string() : " (limit " + limit + ")") +
              ", so the kernel's out-of-memory killer ended it with exit code " + exit.code + loop + ".";
    f.next_steps = {{.text = "Compare the use of memory with the limit", .command = "kubectl top pod " + pod.name + " -n " + pod.name_space + " --containers"},
                    {.text = "Raise resources.limits.memory above the need, or make the program use less", .command = "", .changes_state = true}};
    add(exit.path + "/Last State/Reason");
    add(exit.path + "/Limits/memory");
    raw.specific = 0.95;
    raw.topics = {"memory", "oom", "crash", "restart", "kill"};
  } else {
    f.title = "Pod " + pod.name + ": container " + exit.name + " ends with exit code " + exit.code + loop;
    f.cause = "Exit code " + exit.code + ": " + exit_meaning(exit.code) + ".";
    if (!exit.message.empty()) f.cause += " Message: " + excerpt(exit.message, 0, 0, 300);
    f.next_steps = {{.text = "Read what the last run printed", .command = "kubectl logs " + pod.name + " -c " + exit.name + " --previous -n " + pod.name_space}};
    raw.specific = 0.6;
    raw.topics = {"crash", "restart", "exit"};
    raw.explains = {"kube_pod_status", "kube_backoff"};
  }
  for (const char* part : {"/Command", "/Args"})
    if (const DescribedField* field = pod.find(exit.path + part); field && !field->value.empty()) {
      if (exit.reason != "OOMKilled") f.cause += " It runs: " + excerpt(field->value, 0, 0, 240) + ".";
      if (field->line + 1 < document.lines.size()) f.evidence.push_back(document.ref(field->line + 1));
    }
  for (const Document& other : context.scan.documents) {
    if (!is_log_of(other, pod.name)) continue;
    const DocumentLine* words = last_words(other);
    if (!words) continue;
    f.cause += " Its output says: \"" + excerpt(words->text, 0, 0, 240) + "\".";
    f.evidence.push_back(other.ref(static_cast<size_t>(words - other.lines.data())));
    raw.specific = std::max(raw.specific, 0.75);
    break;
  }
  f.severity = Severity::error;
  f.n_matches = std::max<uint64_t>(1, f.evidence.empty() ? 0 : 1);
  raw.subject = pod.name;
  if (exit.reason == "OOMKilled") raw.explains = {"kube_pod_status", "kube_backoff", "kube_oom_killed"};
  out.push_back(std::move(raw));
}

// A Deployment whose script ends by itself, seen in its pod template.
void report_ending_script(const Document& document, const DescribedObject& object, std::vector<RawFinding>& out) {
  static const Regex ends(R"(\bexit (\d+);?\s*$)");
  if (object.kind == "Pod" || object.kind == "Job" || object.kind == "CronJob") return;
  for (const std::string& path : object.containers())
    for (const char* part : {"/Args", "/Command"}) {
      const DescribedField* field = object.find(path + part);
      std::vector<std::string_view> groups;
      if (!field || field->value.find("while ") != std::string::npos || !ends.match(field->value, groups)) continue;
      size_t at = field->line;
      while (at + 1 < object.end && document.lines[at].text.find("exit ") == std::string::npos) at++;
      RawFinding raw;
      std::string code(groups[1]);
      raw.finding = {.check = "", .title = object.kind + " " + object.name + ": its container ends by itself with exit " + code,
                     .cause = "The command of container " + path.substr(path.rfind('/') + 1) + " of " + object.name + " ends with `exit " + code +
                              "`, so each run of the container stops with exit code " + code + " and is restarted (CrashLoopBackOff). It runs: " +
                              excerpt(field->value, 0, 0, 260),
                     .severity = Severity::error, .n_matches = 1, .evidence = {document.ref(at)},
                     .next_steps = {{.text = "Read what the last run printed", .command = "kubectl logs deployment/" + object.name + " --previous -n " + object.name_space},
                                    {.text = "Give the container a command that keeps running", .command = "kubectl edit deployment " + object.name + " -n " + object.name_space, .changes_state = true}}};
      raw.specific = 0.9;
      raw.subject = object.name;
      raw.topics = {"crash", "healthy", "restart"};
      raw.explains = {"kube_pod_status", "kube_backoff"};
      out.push_back(std::move(raw));
      return;
    }
}

// Names in the first column of a listing of that kind, or "none at all": {found, names, line}.
struct Listing {
  bool found = false;
  std::set<std::string> names{};
  const Document* document = nullptr;
  size_t line = 0;
};

Listing listing_of(const ScanResult& scan, const char* kind) {
  Listing listing;
  for (const Document& document : scan.documents)
    for (size_t i = 0; i < document.lines.size(); i++) {
      const std::string& text = document.lines[i].text;
      if (!text.starts_with("$ ") || !engine::contains_ignoring_case(text, kind) || text.find("describe") != std::string::npos) continue;
      listing = {.found = true, .document = &document, .line = std::min(i + 1, document.lines.size() - 1)};
      for (size_t j = i + 1; j < document.lines.size() && !document.lines[j].text.starts_with("$ "); j++) {
        std::string_view line = engine::trim(document.lines[j].text);
        listing.names.insert(std::string(line.substr(0, line.find(' '))));
      }
    }
  return listing;
}

void report_ingress(const CheckContext& context, const Document& document, const DescribedObject& ingress, std::vector<RawFinding>& out) {
  const DescribedField* class_field = ingress.find("Ingress Class");
  const DescribedField* address = ingress.find("Address");
  if (!class_field || class_field->value.empty() || (address && !address->value.empty())) return;
  Listing classes = listing_of(context.scan, "ingressclass");
  bool missing = classes.found && !classes.names.contains(class_field->value);
  RawFinding raw;
  Finding& f = raw.finding;
  f.evidence = {document.ref(class_field->line)};
  if (address) f.evidence.push_back(document.ref(address->line));
  if (missing) {
    f.title = "Ingress " + ingress.name + ": ingress class " + class_field->value + " does not exist";
    f.cause = "The ingress asks for IngressClass " + class_field->value + ", and the cluster has no ingress class of that name. No controller serves the ingress, "
              "so it has no address and nothing from outside reaches its hosts.";
    f.evidence.push_back(classes.document->ref(classes.line));
    f.severity = Severity::error;
    raw.specific = 0.95;
  } else {
    f.title = "Ingress " + ingress.name + " has no address";
    f.cause = "No controller has taken the ingress (class " + class_field->value + "): its address is empty.";
    f.severity = Severity::warning;
    raw.specific = 0.6;
  }
  f.n_matches = 1;
  f.next_steps = {{.text = "List the classes of the cluster", .command = "kubectl get ingressclass"},
                  {.text = "Set ingressClassName to a class that exists, or install its controller",
                   .command = "kubectl edit ingress " + ingress.name + " -n " + ingress.name_space, .changes_state = true}};
  raw.subject = ingress.name;
  raw.topics = {"ingress", "outside", "reach", "external"};
  out.push_back(std::move(raw));
}

}  // namespace

void check_described_exits(const CheckContext& context, std::vector<RawFinding>& out) {
  std::set<std::string> reported;
  for (size_t d = 0; d < context.described.size(); d++)
    for (const DescribedObject& object : context.described[d]) {
      for (const Exit& exit : exits_of(object))
        if (reported.insert(object.name + "/" + exit.name).second) report_exit(context, context.scan.documents[d], exit, out);
      if (!object.containers().empty()) report_ending_script(context.scan.documents[d], object, out);
    }
}

void check_described_ingress(const CheckContext& context, std::vector<RawFinding>& out) {
  for (size_t d = 0; d < context.described.size(); d++)
    for (const DescribedObject& object : context.described[d])
      if (object.kind == "Ingress") report_ingress(context, context.scan.documents[d], object, out);
}

void check_described_services(const CheckContext& context, std::vector<RawFinding>& out) {
  for (size_t d = 0; d < context.described.size(); d++)
    for (const DescribedObject& object : context.described[d]) {
      const DescribedField* endpoints = object.find("Endpoints");
      if (object.kind != "Service" || !endpoints || !(endpoints->value.empty() || endpoints->value == "<none>")) continue;
      const DescribedField* selector = object.find("Selector");
      RawFinding raw;
      raw.finding = {.check = "", .title = "Service " + object.name + " has no endpoints",
                     .cause = "No ready pod matches the selector of service " + object.name + " (" + object.get("Selector") +
                              "): the labels do not match, or the pods are not ready. Connections to the service fail.",
                     .severity = Severity::error, .n_matches = 1, .evidence = {context.scan.documents[d].ref(endpoints->line)},
                     .next_steps = {{.text = "Compare the selector with the labels of the pods", .command = "kubectl get pods -n " + object.name_space + " --show-labels"}}};
      if (selector) raw.finding.evidence.push_back(context.scan.documents[d].ref(selector->line));
      raw.specific = 0.85;
      raw.subject = object.name;
      raw.topics = {"service", "connect", "reach", "endpoint"};
      out.push_back(std::move(raw));
    }
}

}  // namespace app::diagnosis
