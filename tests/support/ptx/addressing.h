// tests/support/ptx/addressing.h: from an instruction's address operand to checked host pointers.
#pragma once
#include "tests/support/ptx/lanes.h"

namespace ptx {

// Addresses of all lanes; operand `at` is the base, Op::imm the offset.
void lane_addresses(const Warp& warp, const Op& op, int at, uint64_t* address);

struct MemoryRequest {
  Space space = Space::none;  // none: generic
  uint32_t n_bytes = 0;       // of one lane
  bool store = false, atomic = false;
};

// Host pointers of the lanes of `on`, every check made and noted.
void resolve(Warp& warp, const MemoryRequest& request, const uint64_t* address, Mask on, uint8_t** pointers);

}  // namespace ptx
