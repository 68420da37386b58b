// app/logs/archive_stream.h: archives (tar, zip) and the rarer compressions (xz, bzip2, lz4)
// through libarchive, fed from any ByteStream. What can be read of a damaged one is read; a note
// says where it ended.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/logs/input.h"

namespace app::logs {

// True for tar, zip, xz, bzip2 and lz4, by content.
bool is_archive(std::string_view head);

struct ArchiveMember {
  std::string name;  // empty: the content of a compressed single file
  Ticks modified = no_time;
  std::unique_ptr<ByteStream> stream;  // ends where the next member is asked for
};

class ArchiveReader : public std::enable_shared_from_this<ArchiveReader> {
 public:
  ArchiveReader(std::unique_ptr<ByteStream> source, std::string path, InputLimits limits);
  ~ArchiveReader();
  // The next file (folders and links are passed over), or none at the end or where it is damaged.
  std::optional<ArchiveMember> next();
  std::vector<std::string> notes() const;

  struct State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace app::logs
