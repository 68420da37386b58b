// app/store/chunk_builder.h: the open chunk: records go in, columns come out.
#pragma once
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "app/columns/column.h"
#include "app/store/log_store.h"

namespace app::store {

// The lines of one source that a chunk holds.
struct LineRange {
  uint32_t source = 0;
  uint64_t first = 0, last = 0;
};

struct ChunkMeta {
  ChunkInfo info;
  std::vector<LineRange> lines;
};

// The text of one chunk; a record that would pass it starts the next chunk.
constexpr size_t max_chunk_text_bytes = 64u << 20;
// A longer record is refused.
constexpr size_t max_record_bytes = 256u << 20;

class ChunkBuilder {
 public:
  explicit ChunkBuilder(RowId first_row = 0) { meta_.info.first_row = first_row; }

  bool has_room_for(const Record& record) const;
  void add(const Record& record);
  size_t n_rows() const { return meta_.info.n_rows; }
  RowId end_row() const { return meta_.info.first_row + n_rows(); }
  const ChunkMeta& meta() const { return meta_; }
  // A copy of the rows from begin on. Names of sources are looked up now, by id.
  columns::Chunk rows_from(size_t begin, const std::vector<Source>& sources) const;

 private:
  // Values seen in this chunk, numbered in order of first use.
  struct Dictionary {
    uint32_t code(std::string_view value);
    std::vector<std::string> values;

   private:
    struct Hash {
      using is_transparent = void;
      size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
    };
    std::unordered_map<std::string, uint32_t, Hash, std::equal_to<>> codes_;
    uint32_t last_ = 0;
  };
  void add_text(const Record& record);
  void note_line(const Record& record);

  ChunkMeta meta_;
  Dictionary hosts_, processes_;
  std::vector<int64_t> time_, pid_, template_id_, line_, n_lines_, source_id_;
  std::vector<uint32_t> level_, source_, host_, process_;
  std::string text_;  // raw lines, each followed by its message where that is no part of it
  std::vector<uint32_t> raw_begin_, raw_length_, message_begin_, message_length_;
  std::string properties_;
  std::vector<uint32_t> properties_begin_, properties_length_;
  uint32_t last_range_ = 0;
  std::unordered_map<uint32_t, uint32_t> range_of_source_;  // index in meta_.lines
};

}  // namespace app::store
