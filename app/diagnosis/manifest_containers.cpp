// What containers are told to run, to pull and to be probed with.
#include <algorithm>
#include <array>
#include <cctype>
#include <set>

#include "app/diagnosis/manifest.h"
#include "engine/base/text.h"

namespace app::diagnosis {
namespace {

// Programs that small official images do not hold. `image` is the last part of the image's name.
struct Missing {
  const char* program;
  std::set<std::string> has_it;  // images that do
};
const std::array<Missing, 8>& programs() {
  static const std::array<Missing, 8> table{{
      {"python3", {"python", "pypy", "jupyter", "ubuntu"}}, {"python", {"python", "pypy"}},
      {"node", {"node"}}, {"npm", {"node"}}, {"java", {"openjdk", "eclipse-temurin", "amazoncorretto", "maven", "gradle", "tomcat"}},
      {"ruby", {"ruby"}}, {"php", {"php", "wordpress"}}, {"go", {"golang"}}}};
  return table;
}
const std::set<std::string> small_images{"nginx", "busybox", "alpine", "httpd", "redis", "postgres", "mysql", "mariadb", "memcached",
                                         "haproxy", "traefik", "debian", "bash", "curl", "rabbitmq", "caddy"};
const std::set<std::string> known_programs{"wget", "curl", "python", "python3", "node", "java", "nginx", "bash", "sleep", "redis-server",
                                           "postgres", "mysqld", "httpd", "npm", "ruby", "perl", "gunicorn", "uvicorn", "flask", "dotnet"};

std::string image_name(const std::string& image) {
  std::string name = image.substr(image.rfind('/') + 1);
  return name.substr(0, name.find_first_of(":@"));
}
std::string image_tag(const std::string& image) {
  std::string name = image.substr(image.rfind('/') + 1);
  size_t colon = name.find(':');
  return colon == std::string::npos || name.find('@') != std::string::npos ? "" : name.substr(colon + 1);
}
bool is_official(const std::string& image) { return image.find('/') == std::string::npos || image.starts_with("library/") || image.starts_with("docker.io/library/"); }

// One letter added, left out, changed or swapped.
bool is_near(const std::string& a, const std::string& b) {
  if (a == b || a.size() < 3) return false;
  if (a.size() == b.size()) {
    size_t n = 0, first = 0;
    for (size_t i = 0; i < a.size(); i++)
      if (a[i] != b[i] && n++ == 0) first = i;
    bool swapped = n == 2 && first + 1 < a.size() && a[first] == b[first + 1] && a[first + 1] == b[first];
    return n == 1 || swapped;
  }
  const std::string& longer = a.size() > b.size() ? a : b;
  const std::string& shorter = a.size() > b.size() ? b : a;
  if (longer.size() != shorter.size() + 1) return false;
  size_t i = 0;
  while (i < shorter.size() && shorter[i] == longer[i]) i++;
  return longer.compare(i + 1, std::string::npos, shorter, i) == 0;
}

struct Command {
  std::vector<std::pair<std::string, const YamlNode*>> words;  // command, then args
  bool in_shell = false;
  std::string script;                                          // what the shell runs
  const YamlNode* script_node = nullptr;
};

Command command_of(const YamlNode& container) {
  Command out;
  for (const char* part : {"command", "args"}) {
    const YamlNode* node = container.find(part);
    if (!node) continue;
    if (!node->value.empty()) out.words.emplace_back(node->value, node);
    for (const YamlNode& item : node->children) out.words.emplace_back(item.value.empty() ? item.key : item.value, &item);
  }
  for (size_t i = 0; i + 1 < out.words.size(); i++)
    if (out.words[i].first == "-c") {
      out.in_shell = true;
      out.script = out.words[i + 1].first;
      out.script_node = out.words[i + 1].second;
    }
  return out;
}

bool unbalanced_quotes(const std::string& script) {
  int parentheses = 0;
  char quote = 0;
  for (size_t i = 0; i < script.size(); i++) {
    char c = script[i];
    if (c == '\\' && quote != '\'') i++;
    else if (quote) { if (c == quote) quote = 0; }
    else if (c == '"' || c == '\'') quote = c;
    else if (c == '(') parentheses++;
    else if (c == ')') parentheses--;
  }
  // A ')' without '(' is right in a case statement.
  return quote != 0 || (parentheses != 0 && script.find("case ") == std::string::npos);
}

std::string first_program(const std::string& script) {
  std::string_view text = engine::trim(script);
  std::string word(text.substr(0, text.find_first_of(" \n;|&")));
  return word.substr(word.rfind('/') + 1);
}

void report(const Workload& workload, const YamlNode& container, const YamlNode* at, double specific, std::string title, std::string cause, std::vector<RawFinding>& out) {
  RawFinding raw = manifest_finding(
      Severity::error, specific, workload.label() + ": " + std::move(title), std::move(cause),
      {workload.object->ref(at), workload.object->ref(container.find("image"))},
      {{.text = "Read what the last run said", .command = "kubectl logs " + workload.object->kind + "/" + workload.object->name + " --previous -n " + workload.object->name_space},
       {.text = "Correct or remove the command", .command = "kubectl edit " + workload.object->kind + " " + workload.object->name + " -n " + workload.object->name_space, .changes_state = true}});
  raw.subject = workload.object->name;
  raw.topics = {"crash", "restart", "start", "command"};
  raw.explains = {"kube_backoff"};
  out.push_back(std::move(raw));
}

void check_command(const Workload& workload, const YamlNode& container, std::vector<RawFinding>& out) {
  Command command = command_of(container);
  if (command.words.empty()) return;
  std::string image = image_name(container.get("image"));
  std::string name = container.get("name");
  const YamlNode* at = command.script_node ? command.script_node : command.words[0].second;
  std::string program = command.in_shell ? first_program(command.script) : first_program(command.words[0].first);
  bool broken = command.in_shell && unbalanced_quotes(command.script);
  std::string quoting = broken ? " Its quoting is broken as well (unbalanced quote or parenthesis), a syntax error for the shell." : "";
  for (const Missing& missing : programs())
    if (program == missing.program && small_images.contains(image) && !missing.has_it.contains(image)) {
      report(workload, container, at, 0.9, "container " + name + " runs " + program + ", which is not in the image " + container.get("image"),
             "The command starts " + program + ", and " + program + " is not found in the image " + container.get("image") + ": the container exits at once (127) and restarts again and again." + quoting, out);
      return;
    }
  for (const std::string& known : known_programs)
    if (!known_programs.contains(program) && is_near(program, known)) {
      report(workload, container, at, 0.9, "container " + name + " runs `" + program + "`, probably a typo for `" + known + "`",
             "A program `" + program + "` is most likely not found in the image; the name differs by one letter from `" + known + "`. The container cannot start." + quoting, out);
      return;
    }
  if (broken)
    report(workload, container, at, 0.85, "container " + name + " has a command with broken quoting",
           "The shell script of the container has an unbalanced quote or parenthesis: the shell reports a syntax error and the container exits at once.", out);
}

// A long-running workload whose script ends by itself.
void check_ending(const Workload& workload, const YamlNode& container, std::vector<RawFinding>& out) {
  if (workload.object->kind == "Job" || workload.object->kind == "CronJob") return;
  Command command = command_of(container);
  if (!command.in_shell) return;
  std::string script(engine::trim(command.script));
  size_t at = script.rfind("exit ");
  bool ends = at != std::string::npos && at + 8 >= script.size();
  if (!ends || script.find("while ") != std::string::npos) return;
  std::string code(engine::trim(std::string_view(script).substr(at + 5)));
  if (!code.empty() && code.back() == ';') code.pop_back();
  report(workload, container, command.script_node, 0.85, "container " + container.get("name") + " ends by itself with exit " + code,
         "The script of the container ends with `exit " + code + "`. A container of a " + workload.object->kind + " must keep running: it is restarted each time and ends in CrashLoopBackOff (exit code " + code + ").", out);
}

void check_probe(const Workload& workload, const YamlNode& container, const char* which, std::vector<RawFinding>& out) {
  const YamlNode* probe = container.find(which);
  if (!probe) return;
  std::string kind = std::string(which) == "livenessProbe" ? "liveness" : std::string(which) == "readinessProbe" ? "readiness" : "startup";
  std::set<std::string> ports;
  for (const YamlNode* port : container.items("ports")) {
    ports.insert(port->get("containerPort"));
    ports.insert(port->get("name"));
  }
  auto add = [&](Severity severity, double specific, const YamlNode* at, std::string title, std::string cause) {
    RawFinding raw = manifest_finding(
        severity, specific, workload.label() + ": " + std::move(title), std::move(cause),
        {workload.object->ref(at), workload.object->ref(container.find("image"))},
        {{.text = "Read the probe failures", .command = "kubectl get events -n " + workload.object->name_space + " --field-selector reason=Unhealthy"},
         {.text = "Point the probe at what the container serves", .command = "kubectl edit " + workload.object->kind + " " + workload.object->name + " -n " + workload.object->name_space, .changes_state = true}});
    raw.subject = workload.object->name;
    raw.topics = {"probe", "health", "ready", "restart", "working", "crash", "unavailable"};
    raw.explains = {"kube_probe_failed", "kube_backoff"};
    out.push_back(std::move(raw));
  };
  std::string image = image_name(container.get("image"));
  const YamlNode* path = probe->find("httpGet/path");
  bool own_content = !container.items("volumeMounts").empty();
  bool stock = is_official(container.get("image")) && (image == "nginx" || image == "httpd");
  if (path && stock && !own_content && path->value != "/" && !path->value.starts_with("/index.html"))
    add(Severity::error, 0.9, path, kind + " probe asks for " + path->value + ", which the stock " + image + " image does not serve",
        "The " + kind + " probe requests " + path->value + "; " + container.get("image") + " without mounted content serves only /, so it answers 404, the probe fails and the pod is " +
            (kind == "liveness" ? "restarted." : "never ready."));
  for (const char* handler : {"httpGet/port", "tcpSocket/port"}) {
    const YamlNode* port = probe->find(handler);
    if (port && ports.size() > 0 && !ports.contains(port->value))
      add(Severity::error, 0.85, port, kind + " probe uses port " + port->value + ", which the container does not list",
          "The container lists other ports than " + port->value + ". If nothing listens there, the probe fails with connection refused.");
  }
  if (kind == "liveness" && !container.find("startupProbe")) {
    auto number = [&](const char* key, double otherwise) { return quantity(probe->get(key)).value_or(otherwise); };
    double patience = number("initialDelaySeconds", 0) + number("periodSeconds", 10) * number("failureThreshold", 3);
    if (patience <= 5)
      add(Severity::warning, 0.6, probe, "liveness probe gives the container only " + std::to_string(int(patience)) + " s to answer",
          "After initialDelaySeconds plus failureThreshold periods the container is restarted; a slow start never completes.");
  }
}

bool looks_unpublished(const std::string& tag) {
  static const std::set<std::string> common{"latest", "stable", "alpine", "slim", "mainline", "edge", "lts", "bookworm", "bullseye", "buster",
                                            "jammy", "focal", "noble", "musl", "glibc", "uclibc", "perl", "management", "apache", "fpm", "cli", "trixie"};
  if (tag.empty() || std::isdigit(static_cast<unsigned char>(tag[0])) || (tag[0] == 'v' && tag.size() > 1 && std::isdigit(static_cast<unsigned char>(tag[1])))) {
    std::string lower = tag;
    for (const char* word : {"nonexist", "invalid", "does-not", "not-exist", "missing", "wrong", "bogus", "fake"})
      if (lower.find(word) != std::string::npos) return true;
    return false;
  }
  std::string head = tag.substr(0, tag.find_first_of("-."));
  return !common.contains(head);
}

}  // namespace

void check_manifest_commands(const CheckContext& context, std::vector<RawFinding>& out) {
  for (const Workload& workload : context.manifests->workloads) {
    for (const auto* list : {&workload.init_containers, &workload.containers})
      for (const YamlNode* container : *list) check_command(workload, *container, out);
    for (const YamlNode* container : workload.containers) check_ending(workload, *container, out);
  }
}

void check_manifest_probes(const CheckContext& context, std::vector<RawFinding>& out) {
  for (const Workload& workload : context.manifests->workloads)
    for (const YamlNode* container : workload.containers)
      for (const char* which : {"livenessProbe", "readinessProbe", "startupProbe"}) check_probe(workload, *container, which, out);
}

void check_manifest_images(const CheckContext& context, std::vector<RawFinding>& out) {
  for (const Workload& workload : context.manifests->workloads)
    for (const YamlNode* container : workload.containers) {
      const YamlNode* image = container->find("image");
      if (!image || !is_official(image->value) || !small_images.contains(image_name(image->value)) || !looks_unpublished(image_tag(image->value))) continue;
      RawFinding raw = manifest_finding(
          Severity::warning, 0.8, workload.label() + ": image " + image->value + " probably does not exist",
          "`" + image_tag(image->value) + "` does not look like a tag that is published for " + image_name(image->value) +
              ". If the registry has no such tag the image cannot be pulled: ErrImagePull, then ImagePullBackOff.",
          {workload.object->ref(image)},
          {{.text = "Ask the registry", .command = "docker manifest inspect " + image->value},
           {.text = "Set a tag that exists", .command = "kubectl set image " + workload.object->kind + "/" + workload.object->name + " " + container->get("name") + "=" + image_name(image->value) + ":latest -n " + workload.object->name_space, .changes_state = true}});
      raw.subject = workload.object->name;
      raw.topics = {"image", "pull", "start", "pending"};
      out.push_back(std::move(raw));
    }
}

}  // namespace app::diagnosis
