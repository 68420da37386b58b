#include "tests/support/ptx/addressing.h"

#include <algorithm>
#include <cstdio>

namespace ptx {

namespace {

std::string hex(uint64_t n) {
  char text[32];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(n));
  return text;
}

// How many passes over the 32 banks the lanes' 4-byte words take. Wide accesses go in parts of the warp,
// each at most 128 bytes: a half warp for 8 bytes a lane, a quarter for 16.
uint32_t count_waves(const uint64_t* offset, Mask on, uint32_t n_bytes, uint32_t& ideal) {
  const int lanes_a_part = n_bytes <= 4 ? 32 : (n_bytes == 8 ? 16 : 8);
  uint32_t waves = 0;
  ideal = 0;
  for (int first = 0; first < n_lanes; first += lanes_a_part) {
    uint32_t words[64];
    int n = 0;
    for (int l = first; l < first + lanes_a_part; ++l)
      if (on >> l & 1)
        for (uint32_t b = 0; b < n_bytes; b += 4) words[n++] = static_cast<uint32_t>((offset[l] + b) / 4);
    if (!n) continue;
    std::sort(words, words + n);
    n = static_cast<int>(std::unique(words, words + n) - words);
    uint8_t used[32] = {};
    uint8_t most = 0;
    for (int i = 0; i < n; ++i) most = std::max(most, ++used[words[i] % 32]);
    waves += most;
    ideal += static_cast<uint32_t>((n + 31) / 32);
  }
  return waves;
}

void access_local(Warp& warp, const uint64_t* offset, Mask on, uint32_t n, uint8_t** pointers) {
  Block& block = *warp.block;
  const uint64_t size = block.kernel.local_bytes;
  each_lane(on, [&](int l) {
    if (offset[l] % n) fault(warp, FindingKind::misaligned, l, "local " + hex(offset[l]));
    if (offset[l] > size || size - offset[l] < n) fault(warp, FindingKind::out_of_bounds, l, "local " + hex(offset[l]) + " of " + std::to_string(size) + " bytes");
    const uint64_t thread = static_cast<uint64_t>(warp.index) * n_lanes + static_cast<uint64_t>(l);
    pointers[l] = block.local.data() + thread * size + offset[l];
  });
}

Space space_of(uint64_t address) {
  if (address >= shared_window && address < shared_window + window_bytes) return Space::shared;
  if (address >= local_window && address < local_window + window_bytes) return Space::local;
  return Space::global;
}

}  // namespace

void lane_addresses(const Warp& warp, const Op& op, int at, uint64_t* address) {
  if (op.a[at] == ref_none) {
    for (int l = 0; l < n_lanes; ++l) address[l] = op.imm;
  } else if (op.wide >> at & 1) {
    const uint64_t* base = warp.in<uint64_t>(op.a[at]);
    for (int l = 0; l < n_lanes; ++l) address[l] = base[l] + op.imm;
  } else {
    const uint32_t* base = warp.in<uint32_t>(op.a[at]);
    const auto offset = static_cast<uint32_t>(op.imm);
    for (int l = 0; l < n_lanes; ++l) address[l] = base[l] + offset;
  }
}

void access_shared(Warp& warp, const uint64_t* offset, Mask on, uint32_t n, bool store, bool atomic, uint8_t** pointers) {
  Block& block = *warp.block;
  Access access{warp.index, 0, store, atomic};
  each_lane(on, [&](int l) {
    const uint64_t at = offset[l];
    if (at & (n - 1)) fault(warp, FindingKind::misaligned, l, "shared " + hex(at) + " for " + std::to_string(n) + " bytes");
    if (at > block.shared.size_bytes() || block.shared.size_bytes() - at < n)
      fault(warp, FindingKind::out_of_bounds, l,
            "shared byte " + std::to_string(at) + " of " + std::to_string(block.shared.size_bytes()));
    access.lane = l;
    const FindingKind found = block.shared.touch(static_cast<uint32_t>(at), n, access, block.clocks);
    if (found != FindingKind::misuse) report(warp, found, l, "shared byte " + std::to_string(at));
    pointers[l] = block.shared.at(static_cast<uint32_t>(at));
  });
  OpCount& count = block.counts[static_cast<size_t>(warp.pc)];
  uint32_t ideal = 0;
  count.waves += count_waves(offset, on, n, ideal);
  count.waves_ideal += ideal;
  ++count.requests;
}

void resolve(Warp& warp, const MemoryRequest& request, const uint64_t* address, Mask on, uint8_t** pointers) {
  Space space = request.space;
  uint64_t moved[n_lanes];
  if (space == Space::none) {
    const Space first = space_of(address[__builtin_ctz(on)]);
    Mask same = 0;
    each_lane(on, [&](int l) { same |= Mask{space_of(address[l]) == first} << l; });
    const uint64_t window = first == Space::shared ? shared_window : first == Space::local ? local_window : 0;
    for (int l = 0; l < n_lanes; ++l) moved[l] = address[l] - window;
    MemoryRequest one = request;
    one.space = first;
    resolve(warp, one, moved, same, pointers);
    if (on & ~same) resolve(warp, request, address, on & ~same, pointers);
    return;
  }
  if (space == Space::shared) {
    access_shared(warp, address, on, request.n_bytes, request.store, request.atomic, pointers);
  } else if (space == Space::local) {
    access_local(warp, address, on, request.n_bytes, pointers);
  } else {
    access_global(warp, address, on, {request.n_bytes, request.store, request.atomic, true}, pointers);
  }
}

}  // namespace ptx
