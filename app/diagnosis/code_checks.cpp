#include "app/diagnosis/code_checks.h"

namespace app::diagnosis {
namespace {

constexpr CodeCheck all_checks[] = {
    {"container_exit", "Why containers end", "Reads state, reason and exit code of each container that `kubectl describe` shows as not running.", check_described_exits},
    {"ingress_class", "Ingress without a class", "An ingress with an empty address whose class no listing of ingress classes holds.", check_described_ingress},
    {"service_endpoints", "Services without endpoints", "A described service whose list of endpoints is empty.", check_described_services},
    {"service_selector", "Service selector against pods", "Holds the selector and target port of each service to the labels and ports of the pods in the same manifests.", check_manifest_services},
    {"network_policy", "Network policies against clients", "Finds pods that a policy shuts out of the pods it selects, those that name its services first.", check_manifest_policies},
    {"ingress_backend", "Ingress backends", "Looks up the class and the backend services of each ingress in the manifests.", check_manifest_ingress},
    {"missing_reference", "Names that nothing defines", "Looks up every secret, config map, key, claim, volume and service account that pods name.", check_manifest_references},
    {"storage_class", "Storage classes and claims", "Looks up the storage class of each claim and holds the claim to the volumes given.", check_manifest_storage},
    {"rbac", "Roles and bindings", "Looks up the role and the accounts of each binding, and holds a role's name to what it grants.", check_manifest_rbac},
    {"resource_quota", "Quotas against requests", "Adds up what the pods of a namespace ask for and compares it with its quotas; finds containers that lack a field a quota demands.", check_manifest_quota},
    {"pod_placement", "Where pods may run", "Reads anti-affinity, node selectors and sizes that leave few or no nodes for the replicas.", check_manifest_scheduling},
    {"autoscaler", "Autoscalers against their targets", "Looks up the target of each HorizontalPodAutoscaler and the requests that its metrics need.", check_manifest_autoscaler},
    {"memory_limit", "Memory limits against commands", "Adds up what a container's command allocates and compares it with the memory limit.", check_manifest_memory},
    {"container_command", "Commands of containers", "Finds commands with broken quotes, near-miss names, programs the image does not hold, and services that end by themselves.", check_manifest_commands},
    {"probe_target", "Probes against containers", "Holds path and port of each probe to what the container serves and lists.", check_manifest_probes},
    {"image_tag", "Image tags", "Finds tags of official images that do not look like published ones.", check_manifest_images},
    {"disk_table", "Full file systems in df output", "Reads the table that df prints: 90 % is a warning, 98 % an error.", check_disk_tables},
    {"gpu_outlier", "One GPU unlike the others", "Compares each GPU with the median in power limit, clocks, PCIe link and memory of a nvidia-smi table.", check_gpu_power_limits},
    {"nccl_gid_index", "GID index against the device", "Looks up NCCL_IB_GID_INDEX in the list of GIDs of the network devices.", check_nccl_gid_index},
    {"number_trend", "Numbers that keep growing", "Compares the medians of ten equal parts of each numeric field that means memory, latency, backlog, connections or failure rate.", check_number_trends, false},
    {"error_window", "Errors in one window of time", "Finds the shortest window that holds nine of ten errors and reports it when it is under a fifth of the log's time.", check_error_window, false},
    {"change_before_errors", "Errors after a change", "Finds a line that tells of a changed configuration or version shortly before the first error of the log.", check_change_before_errors},
    {"unclassified_errors", "Errors of no known kind", "Groups the lines of level error or worse that no other check matched by their form, numbers masked.", check_unclassified_errors, false},
};

}  // namespace

std::span<const CodeCheck> code_checks() { return all_checks; }

}  // namespace app::diagnosis
