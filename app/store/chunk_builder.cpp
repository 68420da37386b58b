#include "app/store/chunk_builder.h"

#include <algorithm>
#include <functional>

#include "engine/base/error.h"

namespace app::store {
namespace {

using columns::Column;
using columns::Type;

std::shared_ptr<const columns::Dictionary> level_dictionary() {
  static const auto dictionary = std::make_shared<const columns::Dictionary>(
      columns::Dictionary{{std::begin(level_names), std::end(level_names)}});
  return dictionary;
}

template <typename T>
std::vector<T> from(const std::vector<T>& values, size_t begin) {
  return std::vector<T>(values.begin() + static_cast<std::ptrdiff_t>(begin), values.end());
}

// Numbers of which one means "none".
Column nullable(Type type, const std::vector<int64_t>& all, size_t begin, int64_t none) {
  std::vector<int64_t> values = from(all, begin);
  std::vector<uint8_t> valid;
  if (std::find(values.begin(), values.end(), none) != values.end()) {
    valid.reserve(values.size());
    for (int64_t& value : values) {
      valid.push_back(value != none);
      if (value == none) value = 0;
    }
  }
  return Column::from_i64(type, std::move(values), std::move(valid));
}

// Slices of text from the first byte that row `begin` uses.
Column slices(Type type, const std::shared_ptr<const std::string>& bytes, uint32_t offset,
              const std::vector<uint32_t>& begins, const std::vector<uint32_t>& lengths, size_t begin) {
  std::vector<uint32_t> at = from(begins, begin), length = from(lengths, begin);
  for (uint32_t& value : at) value -= offset;
  std::vector<uint8_t> valid;
  if (type != Type::string && std::find(length.begin(), length.end(), 0u) != length.end()) {
    for (const uint32_t n : length) valid.push_back(n != 0);
  }
  return Column::from_slices(type, bytes, std::move(at), std::move(length), std::move(valid));
}

bool lies_in(std::string_view part, std::string_view whole) {
  const std::less_equal<const char*> before;
  return before(whole.data(), part.data()) &&
         before(part.data() + part.size(), whole.data() + whole.size());
}

}  // namespace

uint32_t ChunkBuilder::Dictionary::code(std::string_view value) {
  // Neighbours are mostly alike.
  if (!values.empty() && values[last_] == value) return last_;
  const auto found = codes_.find(value);
  if (found != codes_.end()) return last_ = found->second;
  last_ = static_cast<uint32_t>(values.size());
  values.emplace_back(value);
  codes_.emplace(std::string(value), last_);
  return last_;
}

bool ChunkBuilder::has_room_for(const Record& record) const {
  if (n_rows() == 0) return true;
  return n_rows() < columns::chunk_rows &&
         text_.size() + record.raw.size() + record.message.size() <= max_chunk_text_bytes &&
         properties_.size() + record.properties.size() <= max_chunk_text_bytes;
}

void ChunkBuilder::add(const Record& record) {
  if (std::max({record.raw.size(), record.message.size(), record.properties.size()}) > max_record_bytes) {
    engine::fail(engine::ErrorKind::invalid_input,
                 "the record at line %llu is longer than %zu MB; split it before it is stored",
                 static_cast<unsigned long long>(record.line), max_record_bytes >> 20);
  }
  add_text(record);
  note_line(record);
  time_.push_back(record.time);
  pid_.push_back(record.pid);
  template_id_.push_back(record.template_id == no_template ? -1 : int64_t{record.template_id});
  line_.push_back(static_cast<int64_t>(record.line));
  n_lines_.push_back(record.n_lines);
  source_id_.push_back(record.source);
  const auto level = std::min<uint32_t>(static_cast<uint32_t>(record.level), n_levels - 1);
  level_.push_back(level);
  host_.push_back(hosts_.code(record.host));
  process_.push_back(processes_.code(record.process));

  ChunkInfo& info = meta_.info;
  ++info.n_rows;
  info.levels |= 1u << level;
  info.all_timed = (info.n_rows == 1 || info.all_timed) && record.time != no_time;
  if (record.time == no_time) return;
  if (info.min_time == no_time || record.time < info.min_time) info.min_time = record.time;
  if (info.max_time == no_time || record.time > info.max_time) info.max_time = record.time;
}

void ChunkBuilder::add_text(const Record& record) {
  const auto begin = static_cast<uint32_t>(text_.size());
  const auto n_raw = static_cast<uint32_t>(record.raw.size());
  raw_begin_.push_back(begin);
  raw_length_.push_back(n_raw);
  text_ += record.raw;
  message_length_.push_back(static_cast<uint32_t>(record.message.size()));
  if (record.message.empty()) {
    message_begin_.push_back(begin);
  } else if (lies_in(record.message, record.raw)) {
    message_begin_.push_back(begin + static_cast<uint32_t>(record.message.data() - record.raw.data()));
  } else if (record.raw.ends_with(record.message)) {
    message_begin_.push_back(begin + n_raw - static_cast<uint32_t>(record.message.size()));
  } else {
    message_begin_.push_back(static_cast<uint32_t>(text_.size()));
    text_ += record.message;
  }
  properties_begin_.push_back(static_cast<uint32_t>(properties_.size()));
  properties_length_.push_back(static_cast<uint32_t>(record.properties.size()));
  properties_ += record.properties;
}

void ChunkBuilder::note_line(const Record& record) {
  std::vector<LineRange>& ranges = meta_.lines;
  if (ranges.empty() || ranges[last_range_].source != record.source) {
    const auto [it, is_new] =
        range_of_source_.try_emplace(record.source, static_cast<uint32_t>(ranges.size()));
    if (is_new) ranges.push_back({record.source, record.line, record.line});
    last_range_ = it->second;
  }
  LineRange& range = ranges[last_range_];
  range.first = std::min(range.first, record.line);
  range.last = std::max(range.last, record.line + (record.n_lines > 0 ? record.n_lines - 1 : 0));
  source_.push_back(last_range_);
}

columns::Chunk ChunkBuilder::rows_from(size_t begin, const std::vector<Source>& sources) const {
  CHECK_INVARIANT(begin <= n_rows());
  const uint32_t text_at = begin < n_rows() ? raw_begin_[begin] : static_cast<uint32_t>(text_.size());
  const uint32_t properties_at =
      begin < n_rows() ? properties_begin_[begin] : static_cast<uint32_t>(properties_.size());
  const auto text = std::make_shared<const std::string>(text_, text_at);
  const auto properties = std::make_shared<const std::string>(properties_, properties_at);

  auto names = std::make_shared<columns::Dictionary>(), paths = std::make_shared<columns::Dictionary>();
  for (const LineRange& range : meta_.lines) {
    const bool known = range.source < sources.size();
    names->values.push_back(known ? sources[range.source].name : std::string());
    paths->values.push_back(known ? sources[range.source].path : std::string());
  }
  const auto dictionary = [](const Dictionary& values) {
    return std::make_shared<const columns::Dictionary>(columns::Dictionary{values.values});
  };
  columns::Chunk chunk;
  chunk.n_rows = n_rows() - begin;
  chunk.columns = {
      nullable(Type::datetime, time_, begin, no_time),
      Column::from_dictionary(Type::string, level_dictionary(), from(level_, begin)),
      Column::from_dictionary(Type::string, names, from(source_, begin)),
      Column::from_dictionary(Type::string, dictionary(hosts_), from(host_, begin)),
      Column::from_dictionary(Type::string, dictionary(processes_), from(process_, begin)),
      nullable(Type::int64, pid_, begin, -1),
      nullable(Type::int64, template_id_, begin, -1),
      slices(Type::string, text, text_at, message_begin_, message_length_, begin),
      slices(Type::string, text, text_at, raw_begin_, raw_length_, begin),
      Column::from_i64(Type::int64, from(line_, begin)),
      Column::from_dictionary(Type::string, paths, from(source_, begin)),
      slices(Type::dynamic, properties, properties_at, properties_begin_, properties_length_, begin),
      Column::from_i64(Type::int64, from(n_lines_, begin)),
      Column::from_i64(Type::int64, from(source_id_, begin)),
  };
  return chunk;
}

}  // namespace app::store
