// tests/support/ptx/block.h: running one block: its warps between barriers.
#pragma once
#include "tests/support/ptx/warp.h"

namespace ptx {

// Prepares block for `linear` of the grid and runs it to its end. Throws LaunchFault.
void run_block(Block& block, uint32_t linear);

}  // namespace ptx
