// engine/model/content_hash.h: 128 bits that tell one content from another: did these bytes change,
// was this written for that model? Fast (memory speed) and no protection against somebody who wants
// two contents to have the same hash.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace engine {

struct ContentHash {
  uint64_t a = 0, b = 0;
  friend bool operator==(const ContentHash&, const ContentHash&) = default;
};

// Of the bytes, and of what came before them: content_hash(second, content_hash(first)).
ContentHash content_hash(std::span<const std::byte> bytes, ContentHash before = {});

}  // namespace engine
