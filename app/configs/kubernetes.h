// app/configs/kubernetes.h: Kubernetes objects as the checks see them. One Object for each document
// (and each item of a List); objects of all files reviewed together know each other through
// Cluster.
#pragma once
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "app/configs/node.h"
#include "app/configs/rule_book.h"
#include "app/configs/yaml_reader.h"

namespace app::configs::kubernetes {

struct Container {
  const Node* node = nullptr;
  bool init = false;
  std::string subject;  // "Deployment/web container app"
};

struct Object {
  size_t file = 0;  // index of the file it stands in
  const Node* root = nullptr;
  std::string kind, api_version, name, name_space;  // name_space: "" where none is given
  std::string subject;                              // "Deployment/web"
  const Node* pod_spec = nullptr;                   // of a workload; the missing node elsewhere
  const Node* pod_metadata = nullptr;               // labels and annotations of its pods
  std::vector<Container> containers;                // init containers too

  const Node& operator[](std::string_view key) const { return (*root)[key]; }
  const Node& at(std::string_view path) const { return root->at(path); }
  bool is(std::initializer_list<std::string_view> kinds) const;
  bool is_workload() const { return pod_spec->is_map(); }
  double replicas() const;  // 1 where none are given, as the API server defaults it
};

struct Cluster {
  std::vector<Object> objects;
};

// Appends the objects of a document; a List gives its items.
void add_objects(const Document& document, size_t file, Cluster& cluster);

// A labelSelector against labels; an empty selector matches everything, a missing one nothing.
bool selector_matches(const Node& selector, const Node& labels);
// A plain map of labels, as in a Service: every pair must be among the labels.
bool labels_match(const Node& wanted, const Node& labels);
bool same_namespace(const Object& a, const Object& b);
const Node& pod_labels(const Object& workload);
bool is_targeted_by_service(const Object& workload, const Cluster& cluster);
const Object* autoscaler_of(const Object& workload, const Cluster& cluster);  // null: none

// A name such as db_password or AWS_SECRET_ACCESS_KEY; what points to a file or an object is none.
bool names_secret(std::string_view name);
bool holds_private_key(std::string_view value);

// Some workload of the same namespace satisfies the test.
template <class Test>
bool any_workload(const Cluster& cluster, const Object& from, Test test) {
  return std::any_of(cluster.objects.begin(), cluster.objects.end(), [&](const Object& other) {
    return other.is_workload() && same_namespace(other, from) && test(other);
  });
}

void check_pod(const Object& object, Report& report);            // kubernetes_pods
void check_control_plane(const Object& object, Report& report);  // kubernetes_cluster
void check_access(const Object& object, const Cluster& cluster,
                  Report& report);  // kubernetes_cluster
void check_workload(const Object& object, const Cluster& cluster,
                    Report& report);  // kubernetes_workloads
void check_network(const Object& object, const Cluster& cluster,
                   Report& report);  // kubernetes_network
void check_object(const Object& object, const Cluster& cluster,
                  Report& report);  // kubernetes_objects

// All checks of one object.
void check_all(const Object& object, const Cluster& cluster, Report& report);

}  // namespace app::configs::kubernetes

namespace app::configs {

// One text that was read as YAML, for the checks of its kind.
struct YamlFile {
  YamlText yaml;
  Report* report = nullptr;
};

void review_kubernetes(std::vector<YamlFile>& files);

}  // namespace app::configs
