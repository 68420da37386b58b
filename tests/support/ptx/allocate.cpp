#include "tests/support/ptx/allocate.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

namespace ptx {

namespace {

bool has_destination(const TextInstruction& in) {
  static const std::set<std::string_view> none = {
      "st", "red", "bra", "brx", "bar", "barrier", "ret", "exit", "cp", "membar", "fence", "prefetch", "prefetchu",
      "nanosleep", "stmatrix", "trap", "brkpt", "griddepcontrol", "discard", "applypriority"};
  return in.has("red") ? in.parts[0] == "bar" || in.parts[0] == "barrier" : !none.count(in.parts[0]);
}

void collect(const TextOperand& o, std::vector<int>& to) {
  if (o.reg >= 0) to.push_back(o.reg);
  if (o.pair >= 0) to.push_back(o.pair);
  for (const TextOperand& item : o.items) collect(item, to);
}

struct Touched {
  std::vector<int> uses, definitions;
};

Touched touched_by(const TextInstruction& in) {
  Touched t;
  const bool destination = has_destination(in);
  for (size_t i = 0; i < in.operands.size(); ++i) collect(in.operands[i], i == 0 && destination ? t.definitions : t.uses);
  if (in.guard >= 0) {
    t.uses.push_back(in.guard);
    t.uses.insert(t.uses.end(), t.definitions.begin(), t.definitions.end());  // what isn't written stays
  }
  return t;
}

struct BasicBlock {
  int begin = 0, end = 0;
  std::vector<int> next;  // blocks
  std::vector<bool> in, out, defined, used;
};

// Where control may go after instruction i besides to the next.
std::vector<int> jumps(const TextKernel& kernel, const TextInstruction& in) {
  std::vector<int> to;
  if (in.parts[0] == "bra") to.push_back(kernel.labels.at(in.operands[0].symbol));
  if (in.parts[0] == "brx")
    for (const std::string& label : kernel.targets.at(in.operands[1].symbol)) to.push_back(kernel.labels.at(label));
  return to;
}

bool falls_through(const TextInstruction& in) {
  const std::string& name = in.parts[0];
  return in.guard >= 0 || (name != "bra" && name != "brx" && name != "ret" && name != "exit" && name != "trap");
}

std::vector<BasicBlock> split(const TextKernel& kernel) {
  const int n = static_cast<int>(kernel.code.size());
  std::set<int> leaders = {0};
  for (int i = 0; i < n; ++i) {
    const auto to = jumps(kernel, kernel.code[static_cast<size_t>(i)]);
    leaders.insert(to.begin(), to.end());
    if (!to.empty() || !falls_through(kernel.code[static_cast<size_t>(i)])) leaders.insert(i + 1);
  }
  leaders.insert(n);
  std::vector<BasicBlock> blocks;
  for (auto it = leaders.begin(); std::next(it) != leaders.end() && *it < n; ++it) {
    blocks.emplace_back();
    blocks.back().begin = *it;
    blocks.back().end = *std::next(it);
  }
  const auto block_at = [&](int i) {
    const auto above = std::upper_bound(blocks.begin(), blocks.end(), i, [](int x, const BasicBlock& b) { return x < b.begin; });
    return static_cast<int>(above - blocks.begin()) - 1;
  };
  for (BasicBlock& b : blocks) {
    const TextInstruction& last = kernel.code[static_cast<size_t>(b.end - 1)];
    for (const int to : jumps(kernel, last))
      if (to < n) b.next.push_back(block_at(to));
    if (falls_through(last) && b.end < n) b.next.push_back(block_at(b.end));
  }
  return blocks;
}

void find_live(const TextKernel& kernel, const std::vector<Touched>& touched, std::vector<BasicBlock>& blocks) {
  const size_t n = kernel.registers.size();
  for (BasicBlock& b : blocks) {
    b.in.assign(n, false);
    b.out.assign(n, false);
    b.defined.assign(n, false);
    b.used.assign(n, false);
    for (int i = b.begin; i < b.end; ++i) {
      const Touched& t = touched[static_cast<size_t>(i)];
      for (const int r : t.uses)
        if (!b.defined[static_cast<size_t>(r)]) b.used[static_cast<size_t>(r)] = true;
      for (const int r : t.definitions) b.defined[static_cast<size_t>(r)] = true;
    }
    b.in = b.used;
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t k = blocks.size(); k-- > 0;) {
      BasicBlock& b = blocks[k];
      for (const int next : b.next)
        for (size_t r = 0; r < n; ++r)
          if (blocks[static_cast<size_t>(next)].in[r] && !b.out[r]) {
            b.out[r] = true;
            changed = true;
            if (!b.defined[r]) b.in[r] = true;
          }
    }
  }
}

struct Range {
  int reg = 0, first = INT32_MAX, last = -1;
};

// Linear scan; one pool of equal places for each width.
class Pool {
 public:
  uint32_t take(int last) {
    uint32_t place = n_;
    if (!free_.empty()) {
      place = *free_.begin();
      free_.erase(free_.begin());
    } else {
      ++n_;
    }
    busy_.insert({last, place});
    return place;
  }
  // A register whose last use is this instruction may give its place to the instruction's result.
  void release_until(int instruction) {
    while (!busy_.empty() && busy_.begin()->first <= instruction) {
      free_.insert(busy_.begin()->second);
      busy_.erase(busy_.begin());
    }
  }
  uint32_t size() const { return n_; }

 private:
  uint32_t n_ = 0;
  std::set<uint32_t> free_;
  std::set<std::pair<int, uint32_t>> busy_;
};

}  // namespace

Places allocate_registers(const TextKernel& kernel, uint32_t first) {
  std::vector<Touched> touched;
  for (const TextInstruction& in : kernel.code) touched.push_back(touched_by(in));
  std::vector<BasicBlock> blocks = split(kernel);
  find_live(kernel, touched, blocks);

  // In half steps, so that of one instruction the uses come before the definitions.
  std::vector<Range> ranges(kernel.registers.size());
  const auto cover = [&](size_t r, int at) {
    ranges[r].first = std::min(ranges[r].first, at);
    ranges[r].last = std::max(ranges[r].last, at);
  };
  for (const BasicBlock& b : blocks) {
    for (size_t r = 0; r < ranges.size(); ++r) {
      if (b.in[r]) cover(r, 2 * b.begin);
      if (b.out[r]) cover(r, 2 * b.end - 1);
    }
    for (int i = b.begin; i < b.end; ++i) {
      for (const int r : touched[static_cast<size_t>(i)].uses) cover(static_cast<size_t>(r), 2 * i);
      for (const int r : touched[static_cast<size_t>(i)].definitions) cover(static_cast<size_t>(r), 2 * i + 1);
    }
  }
  for (size_t r = 0; r < ranges.size(); ++r) ranges[r].reg = static_cast<int>(r);
  std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) {
    return a.first != b.first ? a.first < b.first : a.reg < b.reg;
  });

  std::array<Pool, 3> pools;  // predicates, 32-bit, 64-bit
  std::vector<uint32_t> place(ranges.size(), 0);
  const auto pool_of = [&](int reg) -> size_t {
    const int bits = kernel.registers[static_cast<size_t>(reg)].bits;
    return bits == 1 ? 0 : bits == 64 ? 2 : 1;
  };
  for (const Range& range : ranges) {
    if (range.last < 0) continue;  // never touched
    Pool& pool = pools[pool_of(range.reg)];
    pool.release_until(range.first - 1);
    place[static_cast<size_t>(range.reg)] = pool.take(range.last);
  }
  const uint32_t predicates = (first + 63) / 64 * 64, narrow = (predicates + 4 * pools[0].size() + 63) / 64 * 64;
  const uint32_t wide = narrow + 128 * pools[1].size();
  Places result;
  result.n_bytes = wide + 256 * pools[2].size();
  for (size_t r = 0; r < ranges.size(); ++r) {
    const size_t pool = pool_of(static_cast<int>(r));
    result.offset.push_back(pool == 0 ? predicates + 4 * place[r] : pool == 1 ? narrow + 128 * place[r] : wide + 256 * place[r]);
  }
  return result;
}

}  // namespace ptx
