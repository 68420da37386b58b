#include "tests/support/ptx/machine.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <thread>

#include "tests/support/ptx/block.h"

namespace ptx {

namespace {

std::string thread_text(const Warp& warp, int lane) {
  const Block& b = *warp.block;
  std::string text = "block (" + std::to_string(b.index.x) + "," + std::to_string(b.index.y) + "," + std::to_string(b.index.z) + ") ";
  return text + (lane < 0 ? "warp " + std::to_string(warp.index) : "thread " + std::to_string(warp.index * n_lanes + lane));
}

// Takes blocks off the list until it is empty.
void work(Launch& launch, const std::vector<uint32_t>& order, std::atomic<size_t>& next, LaunchCounts& counts) {
  Block block(launch);
  try {
    for (size_t i = next++; i < order.size() && !launch.abandoned.load(); i = next++) {
      run_block(block, order[i]);
      if (!block.seen.empty()) {
        const std::lock_guard lock(launch.mutex);
        launch.seen[block.linear] = block.seen;
      }
    }
  } catch (const LaunchFault&) {
    launch.abandoned = true;
  }
  const std::lock_guard lock(launch.mutex);
  launch.reads.insert(launch.reads.end(), block.reads.begin(), block.reads.end());
  block.counts.resize(launch.kernel.code.size());
  for (size_t i = 0; i < block.counts.size(); ++i) counts.ops[i] += block.counts[i];
}

}  // namespace

OpCount& OpCount::operator+=(const OpCount& other) {
  executed += other.executed;
  requests += other.requests;
  bytes += other.bytes;
  sectors += other.sectors;
  waves += other.waves;
  waves_ideal += other.waves_ideal;
  return *this;
}

LaunchCounts& LaunchCounts::operator+=(const LaunchCounts& other) {
  launches += other.launches;
  ops.resize(std::max(ops.size(), other.ops.size()));
  for (size_t i = 0; i < other.ops.size(); ++i) ops[i] += other.ops[i];
  return *this;
}

void report(const Warp& warp, FindingKind kind, int lane, const std::string& detail) {
  const Kernel& kernel = warp.block->kernel;
  const auto pc = static_cast<size_t>(std::max(warp.pc, 0));
  Finding finding;
  finding.kind = kind;
  finding.kernel = kernel.name;
  if (pc < kernel.source.size()) finding.instruction = kernel.source[pc].text;
  finding.where = kernel.where(warp.pc);
  finding.detail = thread_text(warp, lane) + ": " + detail;
  finding.pc = warp.pc;
  warp.block->launch.findings.add(std::move(finding));
}

void fault(const Warp& warp, FindingKind kind, int lane, const std::string& detail) {
  report(warp, kind, lane, detail);
  throw LaunchFault{};
}

namespace {

// The instruction's name without its guard begins so.
bool begins(const std::string& text, const char* name) {
  const size_t opcode = text[0] == '@' ? text.find(' ') + 1 : 0;
  return text.compare(opcode, std::char_traits<char>::length(name), name) == 0;
}

}  // namespace

KernelCounts summarise(const Kernel& kernel, const LaunchCounts& counts) {
  KernelCounts sum;
  sum.launches = counts.launches;
  for (size_t i = 0; i < counts.ops.size() && i < kernel.code.size(); ++i) {
    const OpCount& c = counts.ops[i];
    const Op& op = kernel.code[i];
    sum.instructions += c.executed;
    sum.by_class[static_cast<size_t>(op.op_class)] += c.executed;
    if (c.sectors) {
      const std::string& text = kernel.source[i].text;
      if (text.find("no_allocate") != std::string::npos) sum.streamed_loaded_bytes += c.bytes;
      if (begins(text, "cp.async")) sum.async_loaded_bytes += c.bytes;
      (begins(text, "st.") || begins(text, "red.") ? sum.global_stored_bytes : sum.global_loaded_bytes) += c.bytes;
      sum.global_sectors += c.sectors;
      sum.global_sectors_ideal += (c.bytes + 31) / 32;
    }
    sum.shared_waves += c.waves;
    sum.shared_waves_ideal += c.waves_ideal;
  }
  return sum;
}

bool run_launch(const Kernel& kernel, const LaunchConfig& config, DeviceMemory& memory, Findings& findings, LaunchCounts& counts) {
  Launch launch(kernel, config, memory, findings);
  const uint32_t dynamic_at = config.dynamic_shared_bytes ? (kernel.static_shared_bytes + 127) / 128 * 128 : kernel.static_shared_bytes;
  launch.shared_bytes = dynamic_at + config.dynamic_shared_bytes;

  std::vector<uint32_t> order(config.grid.count());
  std::iota(order.begin(), order.end(), 0u);
  std::mt19937 random(config.seed);
  std::shuffle(order.begin(), order.end(), random);

  LaunchCounts mine;
  mine.launches = 1;
  mine.ops.resize(kernel.code.size());
  std::atomic<size_t> next{0};
  const int n_threads = static_cast<int>(std::min<size_t>(static_cast<size_t>(std::max(config.n_threads, 1)), order.size()));
  {
    std::vector<std::jthread> helpers;
    for (int i = 1; i < n_threads; ++i) helpers.emplace_back([&] { work(launch, order, next, mine); });
    work(launch, order, next, mine);
  }
  finish_races(launch);
  counts += mine;
  return !launch.abandoned;
}

}  // namespace ptx
