// app/diagnosis/code_checks.h: the checks that are functions, since they read lines together:
// numbers over time, tables of a command's output, Kubernetes objects against each other.
// A new one is a row in code_checks.cpp and a function.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "app/diagnosis/kube_describe.h"
#include "app/diagnosis/scan.h"
#include "app/types.h"

namespace app::diagnosis {

struct Manifests;

// A finding before it is ranked.
struct RawFinding {
  Finding finding;
  double specific = 0.6;               // 0..1: how much it names a root cause
  std::vector<std::string> explains;   // ids of checks that follow from it
  std::vector<std::string> topics;     // words of a question that point at it
  std::string subject;                 // what it speaks of: a pod, a host, a device
};

struct CheckContext {
  const store::LogSnapshot& log;
  std::span<const Anomaly> anomalies;
  const ScanResult& scan;
  std::vector<std::vector<DescribedObject>> described{};// by document
  const Manifests* manifests = nullptr;                 // never null when a check runs
  std::vector<RawFinding> found{};                      // by the data checks
};

struct CodeCheck {
  const char* id;
  const char* title;
  const char* algorithm;               // one sentence
  void (*run)(const CheckContext& context, std::vector<RawFinding>& out);
  bool whole_sources = true;           // sees nothing of a source that is not among the documents
};

std::span<const CodeCheck> code_checks();

// The functions, by file.
void check_manifest_services(const CheckContext&, std::vector<RawFinding>&);      // manifest_network.cpp
void check_manifest_policies(const CheckContext&, std::vector<RawFinding>&);
void check_manifest_ingress(const CheckContext&, std::vector<RawFinding>&);
void check_manifest_references(const CheckContext&, std::vector<RawFinding>&);    // manifest_references.cpp
void check_manifest_storage(const CheckContext&, std::vector<RawFinding>&);
void check_manifest_rbac(const CheckContext&, std::vector<RawFinding>&);
void check_manifest_quota(const CheckContext&, std::vector<RawFinding>&);         // manifest_resources.cpp
void check_manifest_scheduling(const CheckContext&, std::vector<RawFinding>&);
void check_manifest_autoscaler(const CheckContext&, std::vector<RawFinding>&);
void check_manifest_memory(const CheckContext&, std::vector<RawFinding>&);
void check_manifest_commands(const CheckContext&, std::vector<RawFinding>&);      // manifest_containers.cpp
void check_manifest_probes(const CheckContext&, std::vector<RawFinding>&);
void check_manifest_images(const CheckContext&, std::vector<RawFinding>&);
void check_described_exits(const CheckContext&, std::vector<RawFinding>&);        // described_checks.cpp
void check_described_ingress(const CheckContext&, std::vector<RawFinding>&);
void check_described_services(const CheckContext&, std::vector<RawFinding>&);
void check_disk_tables(const CheckContext&, std::vector<RawFinding>&);            // table_checks.cpp
void check_gpu_power_limits(const CheckContext&, std::vector<RawFinding>&);
void check_nccl_gid_index(const CheckContext&, std::vector<RawFinding>&);
void check_number_trends(const CheckContext&, std::vector<RawFinding>&);          // series_checks.cpp
void check_error_window(const CheckContext&, std::vector<RawFinding>&);
void check_change_before_errors(const CheckContext&, std::vector<RawFinding>&);
void check_unclassified_errors(const CheckContext&, std::vector<RawFinding>&);

}  // namespace app::diagnosis
