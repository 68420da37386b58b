// Optiflow: an all-gather plan for a GPU topology. Every GPU holds bytes_per_gpu bytes, cut into
// `chunks` equal chunks, that all others need. A step sends a chunk of an origin from src to dst in
// latency + bytes / chunks / bandwidth (1 GB/s = 1000 bytes per microsecond); it starts when src
// has the chunk and its link (per-link sharing) or both ports (per-port) are free, in list order.
#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "app/aimicius/scorers.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::aimicius {
namespace {

using nlohmann::json;

constexpr size_t max_steps = 2'000'000;
constexpr int64_t max_chunks = 4096;

struct Outcome {
  std::string fault;  // why the plan is not valid, or empty
  double latency_us = 0;
};

// A topology and a size become one sample: "dgx1-v100/65536".
std::vector<json> read(const std::string& path) {
  std::ifstream in(path);
  if (!in)
    engine::fail(engine::ErrorKind::not_found, "%s cannot be read; check the path", path.c_str());
  const json file = json::parse(in, nullptr, false);
  if (!file.is_array())
    engine::fail(engine::ErrorKind::invalid_input, "%s: not a JSON list of topologies",
                 path.c_str());
  std::vector<json> items;
  for (const json& topology : file) {
    const bool whole = topology.is_object() && topology.contains("id") &&
                       topology.contains("n_gpus") && topology.contains("bandwidth_GBps") &&
                       topology.contains("latency_us");
    if (!whole)
      engine::fail(engine::ErrorKind::invalid_input,
                   "%s: topology %zu lacks id, n_gpus, bandwidth_GBps or latency_us", path.c_str(),
                   items.size() + 1);
    for (const json& reference : topology.value("reference", json::array())) {
      json item = topology;
      item["reference"] = reference;
      item["id"] = topology["id"].get<std::string>() + "/" +
                   std::to_string(reference.value("bytes_per_gpu", int64_t{0}));
      items.push_back(std::move(item));
    }
  }
  return items;
}

double matrix(const json& item, const char* name, size_t src, size_t dst) {
  const json& rows = item.at(name);
  if (!rows.is_array() || src >= rows.size() || !rows[src].is_array() || dst >= rows[src].size() ||
      !rows[src][dst].is_number())
    return 0;
  return rows[src][dst];
}

struct Step {
  int64_t origin = 0, chunk = 0, src = 0, dst = 0;
};

// {"origin", "chunk", "src", "dst"} or [origin, chunk, src, dst].
bool read_step(const json& each, Step& step) {
  int64_t* fields[] = {&step.origin, &step.chunk, &step.src, &step.dst};
  const char* names[] = {"origin", "chunk", "src", "dst"};
  for (size_t i = 0; i < 4; ++i) {
    const json value = each.is_array() && each.size() == 4 ? each[i]
                       : each.is_object()                  ? each.value(names[i], json())
                                                           : json();
    if (!value.is_number_integer()) return false;
    *fields[i] = value;
  }
  return true;
}

Outcome simulate(const json& item, const json& plan) {
  const int64_t n = item.at("n_gpus");
  const int64_t n_chunks = plan.value("chunks", int64_t{1});
  const json steps = plan.value("steps", json::array());
  if (n < 1 || n > 1024 || n_chunks < 1 || n_chunks > max_chunks)
    return {"chunks must be between 1 and 4096", 0};
  if (!steps.is_array() || steps.size() > max_steps)
    return {"steps must be a list of at most 2,000,000", 0};
  const double bytes =
      item["reference"].value("bytes_per_gpu", 0.0) / static_cast<double>(n_chunks);
  const bool per_port = item.value("sharing", "per-link") == "per-port";
  std::map<std::array<int64_t, 3>, double> owned;  // (gpu, origin, chunk) -> time it is there
  for (int64_t gpu = 0; gpu < n; ++gpu) {
    for (int64_t chunk = 0; chunk < n_chunks; ++chunk) owned[{gpu, gpu, chunk}] = 0;
  }
  std::map<std::pair<int64_t, int64_t>, double>
      free_at;  // link (src, dst), or port (gpu, -1 out / -2 in)
  Outcome outcome;
  for (size_t i = 0; i < steps.size(); ++i) {
    Step s;
    const std::string place = "step " + std::to_string(i) + ": ";
    if (!read_step(steps[i], s)) return {place + "needs origin, chunk, src and dst", 0};
    if (std::min({s.origin, s.src, s.dst}) < 0 || std::max({s.origin, s.src, s.dst}) >= n ||
        s.chunk < 0 || s.chunk >= n_chunks)
      return {place + "names a GPU or chunk that does not exist", 0};
    const double bandwidth =
        matrix(item, "bandwidth_GBps", static_cast<size_t>(s.src), static_cast<size_t>(s.dst));
    if (bandwidth <= 0)
      return {
          place + "there is no link from " + std::to_string(s.src) + " to " + std::to_string(s.dst),
          0};
    const auto have = owned.find({s.src, s.origin, s.chunk});
    if (have == owned.end())
      return {place + "GPU " + std::to_string(s.src) + " does not have that chunk yet", 0};
    double& out = per_port ? free_at[{s.src, -1}] : free_at[{s.src, s.dst}];
    double& in = per_port ? free_at[{s.dst, -2}] : out;
    const double start = std::max({have->second, out, in});
    const double end =
        start + matrix(item, "latency_us", static_cast<size_t>(s.src), static_cast<size_t>(s.dst)) +
        bytes / (bandwidth * 1000);
    out = in = end;
    const auto [there, is_new] = owned.try_emplace({s.dst, s.origin, s.chunk}, end);
    if (!is_new) there->second = std::min(there->second, end);
    outcome.latency_us = std::max(outcome.latency_us, end);
  }
  const auto wanted = static_cast<size_t>(n * n * n_chunks);
  if (owned.size() < wanted)
    outcome.fault = std::to_string(wanted - owned.size()) + " chunks never arrive";
  return outcome;
}

Scored score(const json& item, const json* prediction) {
  Scored scored;
  scored.sample.input = item["id"];
  const json& reference = item["reference"];
  scored.sample.expected = reference.dump();
  json plan = prediction ? *prediction : json();
  if (plan.is_string()) plan = json::parse(plan.get<std::string>(), nullptr, false);
  scored.sample.output = prediction ? prediction->dump() : "";
  scored.sample.parse_state = !prediction ? "missing" : plan.is_object() ? "ok" : "no JSON object";
  const Outcome outcome = plan.is_object()
                              ? simulate(item, plan)
                              : Outcome{prediction ? "no JSON object" : "no prediction", 0};
  scored.right = outcome.fault.empty();
  scored.values["valid"] = scored.right;
  scored.sample.failure = outcome.fault;
  const double bound = reference.value("lower_bound_us", 0.0);
  if (scored.right) {
    if (bound > 0) scored.values["latency_over_lower_bound"] = outcome.latency_us / bound;
    const double greedy = reference.value("greedy_best_us", 0.0);
    if (greedy > 0) scored.values["beats_greedy"] = outcome.latency_us < greedy;
  }
  scored.sample.score = scored.right && bound > 0 && outcome.latency_us > 0
                            ? std::min(1.0, bound / outcome.latency_us)
                            : 0;
  scored.sample.details =
      json{{"latency_us", outcome.latency_us}, {"values", scored.values}}.dump();
  return scored;
}

TaskPrompt prompt(const json& item) {
  std::string links;
  const auto n = item.at("n_gpus").get<size_t>();
  for (size_t src = 0; src < n; ++src) {
    for (size_t dst = 0; dst < n; ++dst) {
      const double bandwidth = matrix(item, "bandwidth_GBps", src, dst);
      if (bandwidth > 0)
        links += engine::format("%zu>%zu %g GB/s, %g us\n", src, dst, bandwidth, matrix(item, "latency_us", src, dst));
    }
  }
  return {.system = "You plan an all-gather: every GPU holds data that all others need. Answer with one JSON object: \"chunks\" "
                    "is how many equal chunks each GPU's data is cut into, \"steps\" a list of [origin, chunk, src, dst]: the chunk "
                    "of GPU origin goes from src to dst over a link that exists, after src has it. The last step should end early.",
          .user = engine::format("%zu GPUs, %lld bytes on each, links:\n", n,
                                 static_cast<long long>(item["reference"].value("bytes_per_gpu", int64_t{0}))) + links,
          .json_schema = R"({"type": "object", "required": ["chunks", "steps"], "additionalProperties": false,
  "properties": {
    "chunks": {"type": "integer", "minimum": 1, "maximum": 64},
    "steps": {"type": "array", "items": {"type": "array", "items": {"type": "integer"}, "minItems": 4, "maxItems": 4}}}})",
          .max_tokens = 2048};
}

}  // namespace

const Scorer optiflow = {
    "optiflow",
    "Optiflow: an all-gather plan for a GPU topology",
    "data: a JSON list of topologies; predictions: {\"id\": \"TOPOLOGY/BYTES\", \"prediction\": "
    "{\"chunks\": C, \"steps\": [[origin, chunk, src, dst], ...]}} a line",
    "valid",
    read,
    score,
    prompt};

}  // namespace app::aimicius
