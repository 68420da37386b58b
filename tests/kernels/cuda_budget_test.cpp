// What the compiled kernels may use: kernels/cuda/budget.tsv holds a row a kernel, and ptxas compiles the PTX that the
// program carries for every architecture it meets. No GPU is needed. A change that breaks a row fails with the kernel's
// name and the row as it is now.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "kernels/cuda/image.h"

namespace {

namespace fs = std::filesystem;

struct Architecture {
  int number, threads_per_sm, shared_per_sm, shared_per_block;
};
// CUDA programming guide, "technical specifications per compute capability".
constexpr Architecture architectures[] = {{80, 2048, 164 << 10, 163 << 10}, {89, 1536, 100 << 10, 99 << 10},
                                          {90, 2048, 228 << 10, 227 << 10}, {100, 2048, 228 << 10, 227 << 10},
                                          {120, 1536, 100 << 10, 99 << 10}};
constexpr size_t n_architectures = std::size(architectures);

struct Compiled {
  int registers = 0, spill_bytes = 0, shared_bytes = 0;
  std::map<std::string, int> opcodes;
};

// Blocks that fit on a multiprocessor: registers go to a warp in units of 256, to the four schedulers evenly; a block
// takes 1 KB of shared memory for the system.
int resident_blocks(const Architecture& a, const Compiled& k, int threads, int dynamic_bytes) {
  const int shared = k.shared_bytes + dynamic_bytes;
  if (shared > a.shared_per_block) return 0;
  const int warps = (threads + 31) / 32, per_warp = (k.registers * 32 + 255) / 256 * 256;
  const int by_registers = 65536 / 4 / per_warp * 4 / warps;
  const int by_shared = a.shared_per_sm / ((shared + 127) / 128 * 128 + 1024);
  return std::min({by_registers, by_shared, a.threads_per_sm / threads, a.number == 89 || a.number == 120 ? 24 : 32});
}

std::string run(const std::string& command) {
  std::string output;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 4096> part;
  while (const size_t n = fread(part.data(), 1, part.size(), pipe)) output.append(part.data(), n);
  REQUIRE_MESSAGE(pclose(pipe) == 0, command, "\n", output);
  return output;
}

// "Compiling entry function 'name'", "N bytes spill stores, M bytes spill loads", "Used R registers, ..., S bytes smem"
void read_report(const std::string& report, std::map<std::string, Compiled>& kernels) {
  std::istringstream lines(report);
  std::string line, name;
  const auto number_before = [&](const char* words) {
    const size_t at = line.find(words);
    if (at == std::string::npos) return 0;
    size_t begin = at;
    while (begin > 0 && std::isdigit(static_cast<unsigned char>(line[begin - 1]))) --begin;
    return std::atoi(line.c_str() + begin);
  };
  while (std::getline(lines, line)) {
    if (const size_t at = line.find("entry function '"); at != std::string::npos) {
      name = line.substr(at + 16, line.find('\'', at + 16) - at - 16);
    }
    Compiled& kernel = kernels[name];
    kernel.spill_bytes += number_before(" bytes spill stores") + number_before(" bytes spill loads");
    if (line.find("Used ") == std::string::npos) continue;
    kernel.registers = number_before(" registers");
    kernel.shared_bytes = number_before(" bytes smem");
  }
  kernels.erase("");
}

template <class T>
T read_at(const std::string& bytes, size_t at) {
  T value{};
  REQUIRE(at + sizeof(T) <= bytes.size());
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  return value;
}

// Opcodes in the machine code of each .text section: 16 bytes an instruction, the opcode in its low 12 bits, the access
// size in bits 73..75. Found by compiling small kernels; the same from compute 8.0 to 12.0.
void count_opcodes(const std::string& cubin, std::map<std::string, Compiled>& kernels) {
  static const std::map<int, std::string> names = {
      {0x381, "LDG"}, {0x981, "LDG"}, {0x983, "LDL"}, {0x387, "STL"}, {0x987, "STL"}, {0xfae, "LDGSTS"}, {0x83b, "LDSM"}, {0x23c, "HMMA"}};
  const auto sections = read_at<uint64_t>(cubin, 0x28);
  const auto size = read_at<uint16_t>(cubin, 0x3A), count = read_at<uint16_t>(cubin, 0x3C), strings = read_at<uint16_t>(cubin, 0x3E);
  const auto header = [&](size_t i) { return size_t(sections) + i * size; };
  const auto name_table = read_at<uint64_t>(cubin, header(strings) + 24);
  for (size_t i = 0; i < count; ++i) {
    const std::string name = cubin.c_str() + name_table + read_at<uint32_t>(cubin, header(i));
    if (name.rfind(".text.", 0) != 0) continue;
    const auto begin = read_at<uint64_t>(cubin, header(i) + 24), bytes = read_at<uint64_t>(cubin, header(i) + 32);
    Compiled& kernel = kernels[name.substr(6)];
    for (uint64_t at = begin; at + 16 <= begin + bytes; at += 16) {
      const auto low = read_at<uint64_t>(cubin, at), high = read_at<uint64_t>(cubin, at + 8);
      const auto found = names.find(int(low & 0xfff));
      if (found == names.end() || (low >> 12 & 15) == 15) continue;  // @!PT: never run
      ++kernel.opcodes[found->second];
      if (found->second == "LDG" && (high >> 9 & 7) == 6) ++kernel.opcodes["LDG.128"];
    }
  }
}

struct Row {
  int threads = 0, dynamic_bytes = 0, registers = 0;
  std::array<int, n_architectures> blocks{};
  std::string opcodes;  // that must be there, "HMMA,LDG.128", or "-"
};

std::map<std::string, Row> read_budget() {
  std::map<std::string, Row> rows;
  std::ifstream in(std::string(SIGMA_SOURCE_ROOT) + "/kernels/cuda/budget.tsv");
  std::string line, name;
  while (std::getline(in, line)) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream fields(line);
    Row row;
    fields >> name >> row.threads >> row.dynamic_bytes >> row.registers;
    for (int& blocks : row.blocks) fields >> blocks;
    fields >> row.opcodes;
    REQUIRE_MESSAGE(bool(fields), "budget.tsv: a row is not complete: ", line);
    rows[name] = row;
  }
  return rows;
}

using ByArchitecture = std::array<std::map<std::string, Compiled>, n_architectures>;

void check_row(const std::string& name, const Row& row, const ByArchitecture& compiled) {
  CAPTURE(name);
  std::string now = name + "\t" + std::to_string(row.threads) + "\t" + std::to_string(row.dynamic_bytes);
  int registers = 0;
  std::string blocks;
  bool kept = true;
  for (size_t i = 0; i < n_architectures; ++i) {
    const Compiled& kernel = compiled[i].at(name);
    const int resident = resident_blocks(architectures[i], kernel, row.threads, row.dynamic_bytes);
    registers = std::max(registers, kernel.registers);
    blocks += "\t" + std::to_string(resident);
    kept = kept && resident >= row.blocks[i] && kernel.registers <= row.registers;
    CAPTURE(architectures[i].number);
    CHECK_MESSAGE(kernel.spill_bytes == 0, name, " spills registers");
    CHECK_MESSAGE(kernel.opcodes.count("LDL") + kernel.opcodes.count("STL") == 0, name, " uses local memory");
    std::istringstream wanted(row.opcodes);
    for (std::string opcode; std::getline(wanted, opcode, ',') && opcode != "-";) {
      CHECK_MESSAGE(kernel.opcodes.count(opcode) == 1, name, " has no ", opcode);
    }
  }
  CHECK_MESSAGE(kept, "budget.tsv: the row of ", name, " is broken; it is now: ", now, "\t", registers, blocks, "\t", row.opcodes);
}

}  // namespace

TEST_CASE("cuda budget: registers, spills, shared memory, occupancy and opcodes of every kernel on every architecture") {
  if (kernels::cuda::n_images() == 0) {
    MESSAGE("skipped: built without nvcc");
    return;
  }
  char pattern[] = "/tmp/sigma-budget-XXXXXX";
  REQUIRE(mkdtemp(pattern) != nullptr);
  const fs::path folder = pattern;
  ByArchitecture compiled;
  for (int i = 0; i < kernels::cuda::n_images(); ++i) {
    const kernels::cuda::Image& image = kernels::cuda::image(i);
    const std::string ptx = (folder / (std::string(image.name) + ".ptx")).string(), cubin = (folder / "kernels.cubin").string();
    std::ofstream(ptx) << image.ptx;
    for (size_t a = 0; a < n_architectures; ++a) {
      read_report(run(std::string(SIGMA_PTXAS) + " -v -arch=sm_" + std::to_string(architectures[a].number) + " -o " + cubin + " " + ptx), compiled[a]);
      std::ifstream in(cubin, std::ios::binary);
      count_opcodes(std::string(std::istreambuf_iterator<char>(in), {}), compiled[a]);
    }
  }
  fs::remove_all(folder);

  const std::map<std::string, Row> budget = read_budget();
  for (const auto& entry : compiled[0]) {
    const std::string& name = entry.first;
    if (const auto row = budget.find(name); row != budget.end()) {
      check_row(name, row->second, compiled);
    } else {
      check_row(name, Row{256, 0, 0, {}, "-"}, compiled);
      FAIL_CHECK("budget.tsv has no row for ", name);
    }
  }
  for (const auto& entry : budget) {
    CHECK_MESSAGE(compiled[0].count(entry.first) == 1, "budget.tsv names ", entry.first, ", which is no kernel");
  }
}
