// app/logs/decompress.h: gzip and zstd as streams that give every byte that can be had: what is cut
// off or damaged ends with a note, and all text before that point is there. (libarchive drops its
// whole last block, which of a small file is everything.)
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "app/logs/input.h"

namespace app::logs {

bool is_gzip(std::string_view head);
bool is_zstd(std::string_view head);

// Several gzip members or zstd frames one after the other are one text. path is for the notes.
std::unique_ptr<ByteStream> open_gzip(std::unique_ptr<ByteStream> source, std::string path,
                                      InputLimits limits);
std::unique_ptr<ByteStream> open_zstd(std::unique_ptr<ByteStream> source, std::string path,
                                      InputLimits limits);

}  // namespace app::logs
