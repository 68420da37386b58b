// docker-compose files.
#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "app/configs/image.h"
#include "app/configs/kinds.h"
#include "engine/base/text.h"

namespace app::configs {
namespace {

struct PortRange {
  int first = 0, last = 0;
};

std::optional<PortRange> parse_range(std::string_view text) {
  const auto parts = engine::split(text, '-');
  PortRange range;
  for (std::string_view part : parts) {
    if (part.empty() || part.size() > 5 ||
        part.find_first_not_of("0123456789") != std::string_view::npos)
      return std::nullopt;
  }
  range.first = std::atoi(std::string(parts.front()).c_str());
  range.last = std::atoi(std::string(parts.back()).c_str());
  return range;
}

// "[host ip:]published:target[/protocol]": the published part, or the whole where it stands alone.
std::string published_part(std::string text) {
  text = text.substr(0, text.find('/'));
  const size_t bracket = text.rfind(']');  // [::1]:80:80
  if (bracket != std::string::npos) text = text.substr(std::min(bracket + 2, text.size()));
  const auto parts = engine::split(text, ':');
  return std::string(parts.size() >= 2 ? parts[parts.size() - 2] : parts[0]);
}

bool names_interface(const Node& port) {
  if (port.is_map()) return port.has("host_ip");
  const std::string& text = port.text;
  return text.starts_with('[') || std::count(text.begin(), text.end(), ':') >= 2;
}

void check_ports(const Node& services, Report& report) {
  struct Taken {
    PortRange range;
    std::string service;
  };
  std::vector<Taken> taken;
  for (const Node::Member& service : services.members) {
    const std::string& name = service.first->text;
    std::string before;
    for (const Node* port : (*service.second)["ports"].items) {
      if (port->is_scalar() && !port->quoted) report.add("compose/unquoted-port", *port, name);
      if (!names_interface(*port)) report.add("compose/port-on-all-interfaces", *port, name);
      const std::string text =
          port->is_map() ? (*port)["published"].text : published_part(port->text);
      const auto range = parse_range(text);
      if (!range) continue;
      const std::string sort_key = std::string(text.size() < 12 ? 12 - text.size() : 0, '0') + text;
      if (sort_key < before) report.add("compose/ports-order", *port, name);
      before = sort_key;
      for (const Taken& other : taken) {
        if (other.service != name && range->first <= other.range.last &&
            other.range.first <= range->last) {
          report.add("compose/port-taken-twice", *port, name,
                     "port " + text + " is published by " + other.service + " as well");
          break;
        }
      }
      taken.push_back({*range, name});
    }
  }
}

void check_image(const Node& service, const std::string& name, Report& report) {
  const Node& text = service["image"];
  if (text.empty() || text.text.find('$') != std::string::npos) return;
  const Image image = parse_image(text.text);
  static const std::set<std::string> moving = {"",        "latest", "stable", "edge",   "test",
                                               "nightly", "dev",    "beta",   "canary", "lts"};
  if (image.digest.empty() && moving.contains(image.tag))
    report.add("compose/image-tag-not-fixed", text, name);
}

bool is_container_name(const std::string& name) {
  return name.size() >= 2 && std::isalnum(static_cast<unsigned char>(name[0])) &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) || c == '_' || c == '.' || c == '-';
         });
}

// Reports the first key that stands behind one that should follow it.
template <class Rank>
void check_order(const Node& map, const char* rule, const std::string& subject, Rank rank,
                 Report& report) {
  for (size_t i = 1; i < map.members.size(); ++i) {
    const std::string& before = map.members[i - 1].first->text;
    const std::string& key = map.members[i].first->text;
    if (rank(key) < rank(before)) {
      report.add(rule, *map.members[i].first, subject, key + " stands behind " + before);
      return;
    }
  }
}

size_t rank_in(std::initializer_list<std::string_view> order, const std::string& key) {
  return static_cast<size_t>(std::find(order.begin(), order.end(), key) - order.begin());
}

size_t service_key_rank(const std::string& key) {
  return rank_in(
      {"image",        "build",       "container_name", "depends_on", "volumes",     "volumes_from",
       "configs",      "secrets",     "environment",    "env_file",   "ports",       "networks",
       "network_mode", "extra_hosts", "command",        "entrypoint", "working_dir", "restart",
       "healthcheck",  "logging",     "labels",         "user",       "isolation"},
      key);
}

size_t top_key_rank(const std::string& key) {
  return key.starts_with("x-") ? 0
                               : 1 + rank_in({"version", "name", "include", "services", "networks",
                                              "volumes", "secrets", "configs"},
                                             key);
}

void check_service(const Node& key, const Node& service, std::map<std::string, std::string>& names,
                   Report& report) {
  const std::string& name = key.text;
  if (service.has("build") && service.has("image") && !service.has("pull_policy"))
    report.add("compose/build-and-image", key, name);
  check_image(service, name, report);
  const Node& container = service["container_name"];
  if (container.is_scalar()) {
    if (!is_container_name(container.text) && container.text.find('$') == std::string::npos)
      report.add("compose/container-name", container, name,
                 "the name \"" + container.text + "\" has characters that docker refuses");
    const auto [other, is_new] = names.emplace(container.text, name);
    if (!is_new)
      report.add("compose/duplicate-container-name", container, name,
                 "the name " + container.text + " is taken by " + other->second);
  }
  for (const Node* volume : service["volumes"].items) {
    if (volume->is_scalar() && volume->quoted) report.add("compose/quoted-volume", *volume, name);
  }
  const auto dependencies = service["depends_on"].strings();
  if (!std::is_sorted(dependencies.begin(), dependencies.end()))
    report.add("compose/dependencies-order", service["depends_on"], name);
  check_order(service, "compose/service-keys-order", name, service_key_rank, report);
  if (service["privileged"].is_true())
    report.add("compose/privileged", service["privileged"], name);
  if (service["network_mode"].text == "host")
    report.add("compose/host-network", service["network_mode"], name);
  for (const Node* volume : service["volumes"].items) {
    const std::string source = volume->is_map() ? (*volume)["source"].text : volume->text;
    if (source.find("docker.sock") != std::string::npos)
      report.add("compose/docker-socket", *volume, name);
  }
}

void check_document(const Node& root, Report& report) {
  if (root.has("version")) report.add("compose/version-field", root.key_of("version"), "");
  if (!root.has("name")) report.add("compose/no-project-name", root, "");
  check_order(root, "compose/top-level-order", "", top_key_rank, report);
  const Node& services = root["services"];
  check_order(
      services, "compose/services-order", "services", [](const std::string& key) { return key; },
      report);
  std::map<std::string, std::string> names;
  for (const Node::Member& service : services.members)
    check_service(*service.first, *service.second, names, report);
  check_ports(services, report);
}

}  // namespace

void review_docker_compose(std::vector<YamlFile>& files) {
  for (YamlFile& file : files) {
    for (const Document& document : file.yaml.documents) {
      if (document.root->is_map())
        check_document(*document.root, *file.report);
      else
        file.report->add("docker-compose/cannot-parse", *document.root, "",
                         "the top level must be a map with services");
    }
  }
}

}  // namespace app::configs
