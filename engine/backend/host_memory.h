// engine/backend/host_memory.h: large blocks of the host's memory, in huge pages where the kernel
// gives them: weights and caches are read from end to end, and 4 KB pages would stop the
// prefetchers and fill the TLB.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "engine/backend/backend.h"

namespace engine {

// Zero bytes, at 64-byte alignment. Throws Error{out_of_memory} naming `what` and the bytes, also
// where the machine (or this process's control group) has less than that free now: the kernel would
// promise the memory and kill the process later.
std::unique_ptr<Buffer> allocate_host_memory(size_t size_bytes, const std::string& what);

// Throws as above where so much cannot be had, without taking it.
void require_host_memory(uint64_t size_bytes, const std::string& what);

// Tells the kernel that pages wholly inside a read-only mapping are not needed soon.
void release_mapped_pages(const std::byte* data, size_t size_bytes);

}  // namespace engine
