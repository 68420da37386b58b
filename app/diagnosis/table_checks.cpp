// Tables that tools print: df, nvidia-smi --query-gpu, show_gids.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>

#include "app/diagnosis/code_checks.h"
#include "app/diagnosis/pattern_set.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::diagnosis {
namespace {

std::vector<std::string> fields_of(std::string_view line, char separator) {
  std::vector<std::string> out;
  for (std::string_view part : engine::split(line, separator)) {
    part = engine::trim(part);
    if (!part.empty() || separator == ',') out.emplace_back(part);
  }
  return out;
}

std::optional<double> leading_number(const std::string& text) {
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end != text.data() ? std::optional(value) : std::nullopt;
}

// Read-only images and boot partitions are full by design.
bool full_by_design(const std::string& device, const std::string& mount) {
  return device.starts_with("/dev/loop") || mount.starts_with("/snap/") || device == "squashfs" || mount.starts_with("/sys/firmware") || mount.starts_with("/run/");
}

void full_disk(const Document& document, size_t line, const std::vector<std::string>& row, bool inodes, std::vector<RawFinding>& out) {
  // Six columns: device, size, used, free, share, mount point (which may hold blanks).
  double share = leading_number(row[4]).value_or(0);
  const std::string& mount = row[5];
  if (row[4].back() != '%' || share < 90 || full_by_design(row[0], mount)) return;
  bool full = share >= 98, shm = mount == "/dev/shm";
  RawFinding raw;
  Finding& f = raw.finding;
  std::string what = inodes ? "Inodes" : "Disk space";
  f.title = shm ? "Shared memory /dev/shm is full: " + row[2] + " of " + row[1] + " used" : what + " on " + mount + (full ? " is used up" : " is running out") + ": " + row[4] + " of " + row[1];
  f.cause = shm ? "The shared memory of this container (/dev/shm, " + row[1] + ") has no space left; programs that share memory between processes, NCCL and data loaders among them, fail there. Containers get 64 MB unless told otherwise."
                : (inodes ? "The file system on " + mount + " has no inodes left: no file can be created, though bytes may be free."
                          : "The file system on " + mount + " (" + row[0] + ") is at " + row[4] + "; writes fail with \"No space left on device\" when it is full.");
  f.severity = full ? Severity::error : Severity::warning;
  f.n_matches = 1;
  f.evidence = {document.ref(line)};
  if (shm)
    f.next_steps = {{.text = "See its size inside the container", .command = "df -h /dev/shm"},
                    {.text = "Start the container with more shared memory: --shm-size=8g or --ipc=host; in Kubernetes mount an emptyDir with medium Memory at /dev/shm", .command = "", .changes_state = true}};
  else
    f.next_steps = {{.text = "Find what takes the space", .command = inodes ? "du --inodes -x " + mount + " | sort -n | tail -20" : "du -xh --max-depth=2 " + mount + " | sort -h | tail -20"},
                    {.text = "Look for deleted files that are still open", .command = "lsof +L1"},
                    {.text = "Free space or extend the volume", .command = "", .changes_state = true}};
  raw.specific = full ? 0.9 : 0.5;
  raw.topics = {"disk", "space", "full", "storage", "shm", "shared memory"};
  raw.explains = {"disk_full", "nccl_shm", "database_*", "kube_evicted", "nccl_*"};
  raw.subject = mount;
  out.push_back(std::move(raw));
}

// --- GPUs side by side

struct GpuTable {
  const Document* document = nullptr;
  size_t header = 0;
  std::vector<std::string> columns{};
  std::vector<std::pair<size_t, std::vector<std::string>>> rows{}; // line, cells
};

std::vector<GpuTable> gpu_tables(const Document& document) {
  std::vector<GpuTable> tables;
  for (size_t i = 0; i < document.lines.size(); i++) {
    std::string_view text = document.lines[i].text;
    bool header = text.find("index") != std::string_view::npos && text.find(',') != std::string_view::npos &&
                  (text.find("power.") != std::string_view::npos || text.find("clocks.") != std::string_view::npos ||
                   text.find("pcie.") != std::string_view::npos || text.find("temperature.") != std::string_view::npos || text.find("memory.") != std::string_view::npos);
    if (!header) continue;
    GpuTable table{.document = &document, .header = i, .columns = fields_of(text, ',')};
    for (size_t j = i + 1; j < document.lines.size(); j++) {
      auto cells = fields_of(document.lines[j].text, ',');
      if (cells.size() != table.columns.size()) break;
      table.rows.emplace_back(j, std::move(cells));
    }
    if (table.rows.size() >= 2) tables.push_back(std::move(table));
  }
  return tables;
}

struct GpuColumn {
  const char* name;        // as nvidia-smi calls it
  const char* title;       // what a lower value means
  double ratio;            // an outlier is below median * ratio; above it where the ratio is over 1
  double specific;
};
constexpr GpuColumn gpu_columns[] = {
    {"power.limit", "has a lower power limit", 0.97, 0.95},
    {"enforced.power.limit", "has a lower enforced power limit", 0.97, 0.95},
    {"pcie.link.width.current", "runs with fewer PCIe lanes", 0.99, 0.9},
    {"pcie.link.gen.current", "runs at a slower PCIe generation", 0.99, 0.8},
    {"memory.total", "reports less memory", 0.97, 0.85},
    {"clocks.max.sm", "has a lower clock limit", 0.97, 0.9},
    {"clocks.applications.graphics", "has lower application clocks", 0.97, 0.9},
    {"temperature.gpu", "is hotter", 1.25, 0.85},
    {"clocks.sm", "runs at lower clocks", 0.8, 0.6},
};

constexpr double hot = 80;  // degrees Celsius; below it a difference means little

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

void gpu_outliers(const GpuTable& table, std::vector<RawFinding>& out) {
  size_t index_column = std::find_if(table.columns.begin(), table.columns.end(), [](const std::string& c) { return c == "index"; }) - table.columns.begin();
  for (const GpuColumn& known : gpu_columns)
    for (size_t c = 0; c < table.columns.size(); c++) {
      if (table.columns[c].substr(0, table.columns[c].find(' ')) != known.name) continue;
      std::vector<double> values;
      for (const auto& [line, cells] : table.rows)
        if (auto value = leading_number(cells[c])) values.push_back(*value);
      if (values.size() < 2) continue;
      double usual = table.rows.size() == 2 && known.ratio < 1 ? *std::max_element(values.begin(), values.end()) : median(values);
      for (const auto& [line, cells] : table.rows) {
        auto value = leading_number(cells[c]);
        bool outlier = value && (known.ratio > 1 ? *value > usual * known.ratio && *value >= hot : *value < usual * known.ratio);
        if (!outlier) continue;
        std::string gpu = index_column < cells.size() ? cells[index_column] : "?";
        std::string normal;
        for (const auto& [other, other_cells] : table.rows)
          if (leading_number(other_cells[c]) == usual) normal = other_cells[c];
        RawFinding raw;
        bool power = std::string(known.name).find("power") != std::string::npos;
        raw.finding = {.check = "", .title = "GPU " + gpu + " " + known.title + " than the others: " + cells[c] + " instead of " + normal,
                       .cause = "In column " + table.columns[c] + " GPU " + gpu + " shows " + cells[c] + " where the others show " + normal + "." +
                                (power ? " A lower power limit caps its clocks, so it computes slower than its neighbours; a job waits for the slowest GPU."
                                 : known.ratio > 1 ? " A hot GPU lowers its clocks (thermal throttling): check its cooling. A job waits for the slowest GPU." : " A job waits for the slowest GPU."),
                       .severity = known.specific >= 0.8 ? Severity::error : Severity::warning, .n_matches = 1,
                             .evidence = {table.document->ref(line), table.document->ref(table.header)}, .next_steps = {}};
        raw.finding.next_steps = {{.text = "Show limits and reasons for throttling", .command = "nvidia-smi -i " + gpu + " -q -d POWER,CLOCK,PERFORMANCE"}};
        if (power) raw.finding.next_steps.push_back({.text = "Set the power limit of the others", .command = "nvidia-smi -i " + gpu + " -pl " + engine::format("%.0f", usual), .changes_state = true});
        raw.specific = known.specific;
        raw.topics = {"slow", "gpu", "performance", "power", "clock"};
        raw.subject = "GPU " + gpu;
        out.push_back(std::move(raw));
      }
    }
}

// --- GIDs of RoCE devices: "mlx5_0 1 3 0000::ffff:0a01:0203 10.1.2.3 v2 eth2"

struct Gid {
  const Document* document;
  size_t line;
  std::string device, index, address, version;
};

std::vector<Gid> gids_of(const ScanResult& scan) {
  static const Regex row(R"(^\s*(\w+_\w+)\s+(\d+)\s+(\d+)\s+[0-9a-f:]+\s+(?:(\d+\.\d+\.\d+\.\d+)\s+)?(v\d)\b)");
  std::vector<Gid> gids;
  std::vector<std::string_view> g;
  for (const Document& document : scan.documents)
    for (size_t i = 0; i < document.lines.size(); i++)
      if (row.match(document.lines[i].text, g))
        gids.push_back({&document, i, std::string(g[1]), std::string(g[3]), std::string(g[4]), std::string(g[5])});
  return gids;
}

}  // namespace

void check_disk_tables(const CheckContext& context, std::vector<RawFinding>& out) {
  for (const Document& document : context.scan.documents) {
    bool inodes = false, in_table = false;
    for (size_t i = 0; i < document.lines.size(); i++) {
      std::string_view text = document.lines[i].text;
      if (text.find("Mounted on") != std::string_view::npos && text.find("Use%") != std::string_view::npos) {
        in_table = true;
        inodes = text.find("IUse%") != std::string_view::npos;
        continue;
      }
      if (!in_table) continue;
      auto row = fields_of(text, ' ');
      if (row.size() < 6 || row[4].empty())
        in_table = false;
      else
        full_disk(document, i, row, inodes, out);
    }
  }
}

void check_gpu_power_limits(const CheckContext& context, std::vector<RawFinding>& out) {
  for (const Document& document : context.scan.documents)
    for (const GpuTable& table : gpu_tables(document)) gpu_outliers(table, out);
}

void check_nccl_gid_index(const CheckContext& context, std::vector<RawFinding>& out) {
  std::vector<Gid> gids = gids_of(context.scan);
  if (gids.empty()) return;
  static const Regex setting(R"(\bNCCL_IB_GID_INDEX\s*(?:=|set by environment to|set to)\s*(\d+))");
  std::vector<std::string_view> g;
  for (const Document& document : context.scan.documents)
    for (size_t i = 0; i < document.lines.size(); i++) {
      if (!setting.match(document.lines[i].text, g)) continue;
      std::string index(g[1]), usable;
      const Gid* chosen = nullptr;
      const Gid* good = nullptr;
      for (const Gid& gid : gids) {
        if (gid.index == index) chosen = &gid;
        if (gid.version == "v2" && !gid.address.empty() && !good) good = &gid;
      }
      if (chosen && chosen->version == "v2" && !chosen->address.empty()) continue;
      if (good) usable = " The RoCE v2 GID with an IPv4 address is index " + good->index + " (" + good->device + ", " + good->address + ").";
      RawFinding raw;
      raw.finding = {.check = "", .title = "NCCL_IB_GID_INDEX=" + index + (chosen ? " is not a routable RoCE v2 GID" : ": the network device has no GID index " + index),
                     .cause = "NCCL is told to use GID index " + index + (chosen ? ", which is a " + chosen->version + " GID without an IPv4 address." : ", and the device lists no such index.") + usable +
                              " Queue pairs cannot be connected with a wrong GID (ibv_modify_qp fails with EINVAL or the connection times out).",
                     .severity = Severity::error, .n_matches = 1, .evidence = {document.ref(i)},
                     .next_steps = {{.text = "List the GIDs on every node", .command = "show_gids"},
                                    {.text = good ? "Set the index that exists on all nodes, or unset the variable" : "Unset the variable", .command = good ? "export NCCL_IB_GID_INDEX=" + good->index : "unset NCCL_IB_GID_INDEX", .changes_state = true}}};
      if (good) raw.finding.evidence.push_back(good->document->ref(good->line));
      raw.specific = 0.95;
      raw.topics = {"roce", "gid", "connection", "nccl", "infiniband"};
      raw.explains = {"nccl_*"};
      out.push_back(std::move(raw));
    }
}

}  // namespace app::diagnosis
