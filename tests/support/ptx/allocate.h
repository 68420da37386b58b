// tests/support/ptx/allocate.h: places for registers.
// PTX names a new register for nearly every result. Giving registers that are never alive together one place
// keeps a warp's state small enough for the host's caches, which is most of the simulator's speed. Lanes that have diverged
// each follow a path of the control flow, and a lane's value is its own, so liveness along paths is enough.
#pragma once
#include <cstdint>
#include <vector>

#include "tests/support/ptx/module_text.h"

namespace ptx {

struct Places {
  std::vector<uint32_t> offset;  // by register: bytes into a warp's registers
  uint32_t n_bytes = 0;
};

// first: bytes kept free in front.
Places allocate_registers(const TextKernel& kernel, uint32_t first);

}  // namespace ptx
