// app/logs/text_arena.h: keeps texts alive for the views of a batch.
#pragma once
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace app::logs {

class TextArena {
 public:
  std::string_view keep(std::string_view text) {
    if (text.size() > left_) {
      const size_t size = text.size() > block_bytes / 4 ? text.size() : block_bytes;
      blocks_.push_back(std::make_unique<char[]>(size));
      if (size != block_bytes) {  // a block of its own; the open one goes on
        std::memcpy(blocks_.back().get(), text.data(), text.size());
        return {blocks_.back().get(), text.size()};
      }
      at_ = blocks_.back().get();
      left_ = size;
    }
    if (text.empty()) return {};
    std::memcpy(at_, text.data(), text.size());
    const std::string_view kept(at_, text.size());
    at_ += text.size();
    left_ -= text.size();
    return kept;
  }

 private:
  static constexpr size_t block_bytes = 64 << 10;
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* at_ = nullptr;
  size_t left_ = 0;
};

}  // namespace app::logs
