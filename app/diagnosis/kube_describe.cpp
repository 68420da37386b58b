#include "app/diagnosis/kube_describe.h"

#include <algorithm>

#include "engine/base/text.h"

namespace app::diagnosis {
namespace {

using engine::trim;

// A described object starts with "Name:" at column 0; some tools put a quote before it.
bool starts_object(std::string_view line) {
  size_t at = line.find_first_not_of(" \"");
  return at != std::string_view::npos && at <= 2 && line.substr(at).starts_with("Name:") &&
         (at == 0 || line[at - 1] == '"');
}

bool is_key(std::string_view key) {
  return !key.empty() && key.size() < 64 && key.find_first_of("{}\"$=") == std::string_view::npos &&
         key.find("  ") == std::string_view::npos;
}

struct Level_ {
  size_t indent;
  std::string path;
};

std::string guess_kind(const DescribedObject& object) {
  auto has = [&](const char* path) { return object.find(path) != nullptr; };
  if (has("Replicas") && has("StrategyType")) return "Deployment";
  if (has("Metrics") && (has("Min replicas") || has("Reference"))) return "HorizontalPodAutoscaler";
  if (has("Completions") && has("Parallelism")) return "Job";
  if (has("Schedule")) return "CronJob";
  if (has("Access Modes") && has("StorageClass") && !has("Reclaim Policy")) return "PersistentVolumeClaim";
  if (has("Reclaim Policy")) return "PersistentVolume";
  if (has("Ingress Class") || has("Default backend")) return "Ingress";
  if (has("Endpoints") || has("Session Affinity")) return "Service";
  if (has("Taints") && has("Unschedulable")) return "Node";
  if (has("QoS Class") || (has("Containers") && has("Node"))) return "Pod";
  if (has("Update Strategy") || has("Volume Claims")) return "StatefulSet";
  if (has("Desired Number of Nodes Scheduled")) return "DaemonSet";
  if (has("Pod Template") && has("Controlled By")) return "ReplicaSet";
  return "";
}

// Fields of lines [object.begin, object.end) by indentation.
void parse_fields(const Document& document, DescribedObject& object) {
  std::vector<Level_> stack;
  bool in_text = false;     // below Command: or Args:
  size_t text_indent = 0;
  for (size_t i = object.begin; i < object.end; i++) {
    std::string_view line = document.lines[i].text;
    if (i == object.begin) line = line.substr(line.find("Name:"));
    std::string_view text = trim(line);
    if (text.empty()) continue;
    size_t indent = line.find_first_not_of(" \t");
    if (in_text && indent > text_indent) {
      std::string& value = object.fields.back().value;
      if (value.size() < 2000) value += (value.empty() ? "" : " ") + std::string(text);
      continue;
    }
    in_text = false;
    while (!stack.empty() && stack.back().indent >= indent) stack.pop_back();
    size_t colon = text.find(':');
    bool ends_key = colon != std::string_view::npos && (colon + 1 == text.size() || text[colon + 1] == ' ');
    if (!ends_key || !is_key(text.substr(0, colon))) continue;
    std::string path = (stack.empty() ? "" : stack.back().path + "/") + std::string(text.substr(0, colon));
    std::string value(trim(text.substr(colon + 1)));
    in_text = value.empty() && (text == "Command:" || text == "Args:");
    text_indent = indent;
    object.fields.push_back({path, value, i});
    stack.push_back({indent, path});
  }
}

const DescribedObject* object_at(const std::vector<DescribedObject>& objects, size_t line) {
  for (const DescribedObject& object : objects)
    if (line >= object.begin && line < object.end) return &object;
  return nullptr;
}

// The container whose block holds the line, or the only one, or the one that is not well.
std::string container_at(const DescribedObject& object, size_t line, std::string_view text) {
  std::vector<std::string> all = object.containers();
  std::string within, named, unwell;
  for (const std::string& path : all) {
    const DescribedField* head = object.find(path);
    size_t last = head->line;
    for (const DescribedField& field : object.fields)
      if (field.path.starts_with(path + "/")) last = std::max(last, field.line);
    std::string name = path.substr(path.rfind('/') + 1);
    if (line >= head->line && line <= last) within = path;
    if (named.empty() && text.find(name) != std::string_view::npos) named = path;
    bool waits = object.get(path + "/State") == "Waiting" || object.get(path + "/State") == "Terminated";
    if (unwell.empty() && waits && object.get(path + "/State/Reason") != "PodInitializing" &&
        object.get(path + "/State/Reason") != "Completed")
      unwell = path;
  }
  if (!within.empty()) return within;
  if (!named.empty()) return named;
  if (!unwell.empty()) return unwell;
  return all.size() == 1 ? all[0] : "";
}

// "$ kubectl logs web-1 -n shop" or {"pod_name": "web-1"} on a line that shows a command.
std::string named_by_command(const Document& document, size_t line) {
  constexpr size_t most_lines_above = 20'000;
  const size_t from = std::min(line + 1, document.lines.size());
  for (size_t i = from; i-- > from - std::min(from, most_lines_above);) {
    std::string_view text = document.lines[i].text;
    if (!text.starts_with("$ ") && !text.starts_with("# kubectl")) continue;
    for (std::string_view key : {"\"pod_name\": \"", "\"name\": \"", "\"resource_name\": \""}) {
      size_t at = text.find(key);
      if (at == std::string_view::npos) continue;
      std::string_view rest = text.substr(at + key.size());
      return std::string(rest.substr(0, rest.find('"')));
    }
    for (std::string_view verb : {" logs ", " describe pod ", " describe "}) {
      size_t at = text.find(verb);
      if (at == std::string_view::npos) continue;
      for (std::string_view word : engine::split(text.substr(at + verb.size()), ' '))
        if (!word.empty() && word[0] != '-') return std::string(word);
    }
    return "";
  }
  return "";
}

}  // namespace

const DescribedField* DescribedObject::find(const std::string& path) const {
  for (const DescribedField& field : fields)
    if (field.path == path) return &field;
  return nullptr;
}

std::string DescribedObject::get(const std::string& path) const {
  const DescribedField* field = find(path);
  return field && field->value != "<none>" && field->value != "<unset>" ? field->value : "";
}

std::vector<std::string> DescribedObject::containers() const {
  std::vector<std::string> paths;
  for (const DescribedField& field : fields) {
    size_t slash = field.path.rfind('/');
    if (slash == std::string::npos || !field.value.empty()) continue;
    std::string parent = field.path.substr(0, slash);
    for (const char* list : {"Init Containers", "Containers", "Pod Template/Init Containers", "Pod Template/Containers"})
      if (parent == list) paths.push_back(field.path);
  }
  return paths;
}

std::vector<DescribedObject> parse_described(const Document& document) {
  std::vector<DescribedObject> objects;
  if (document.manifest) return objects;
  for (size_t i = 0; i < document.lines.size(); i++)
    if (starts_object(document.lines[i].text)) {
      if (!objects.empty()) objects.back().end = i;
      objects.push_back({.begin = i, .end = document.lines.size()});
    }
  for (DescribedObject& object : objects) {
    parse_fields(document, object);
    object.name = object.get("Name");
    object.name_space = object.get("Namespace");
    object.kind = guess_kind(object);
  }
  return objects;
}

void add_context(const Document& document, const std::vector<DescribedObject>& objects, size_t line,
                 Values& values, std::vector<std::pair<std::string, size_t>>& lines) {
  const DescribedObject* object = object_at(objects, line);
  if (!object) {
    values.add("object", named_by_command(document, line));
    return;
  }
  auto add = [&](const char* name, const std::string& path) {
    const DescribedField* field = object->find(path);
    if (!field || field->value.empty() || field->value == "<none>") return;
    values.add(name, field->value);
    lines.emplace_back(name, field->line);
  };
  add("object", "Name");
  values.add("kind", object->kind);
  add("namespace", "Namespace");
  add("node", "Node");
  add("node_selector", "Node-Selectors");
  add("status", "Status");
  std::string container = container_at(*object, line, document.lines[line].text);
  if (container.empty()) return;
  values.add("container", container.substr(container.rfind('/') + 1));
  add("image", container + "/Image");
  add("memory_limit", container + "/Limits/memory");
  add("memory_request", container + "/Requests/memory");
  add("restarts", container + "/Restart Count");
  add("command", container + "/Command");
  add("args", container + "/Args");
  add("reason", container + "/Last State/Reason");
  add("reason", container + "/State/Reason");
  add("exit_code", container + "/Last State/Exit Code");
  add("exit_code", container + "/State/Exit Code");
  add("exit_message", container + "/Last State/Message");
}

}  // namespace app::diagnosis
