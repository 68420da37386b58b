#include "app/diagnosis/scan.h"

#include <algorithm>
#include <atomic>
#include <cctype>
#include <mutex>
#include <thread>

#include "app/store/log_store.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::diagnosis {
namespace {

using store::LogColumn;

constexpr size_t max_line_bytes = 64 << 10;
constexpr size_t piece_lines = 8'192;                // of a document, read by one thread at a time
constexpr size_t max_kept = 12;     // hits of one group
constexpr size_t max_groups = 64;   // of one pattern
constexpr size_t max_times = 50'000;
constexpr size_t max_shapes = 2'000;
constexpr size_t max_error_times = 200'000;
constexpr size_t max_samples = 20'000;      // lines over the whole log
constexpr size_t min_samples_a_chunk = 64;

struct Line {
  std::string_view text{};
  RowId row = no_row;
  uint32_t source = 0;
  uint64_t number = 0;
  Ticks time = no_time;
  Level level = Level::none;
  int document = -1;
  size_t document_line = 0;
};

// The hits of one share of the work; shares are joined in order, so the result is always the same.
struct Share {
  std::map<int, std::map<std::string, HitGroup>> hits;
  std::map<uint32_t, Document> documents, samples;
  uint64_t n_rows = 0, n_lines = 0, n_long_lines = 0;
  uint64_t by_level[n_levels] = {};
  Ticks first_time = no_time, last_time = no_time;
  std::map<std::string, ErrorShape> errors;
  std::vector<Ticks> error_times;
};

void widen(Ticks& first, Ticks& last, Ticks time) {
  if (time == no_time) return;
  if (first == no_time || time < first) first = time;
  if (last == no_time || time > last) last = time;
}

void join_shape(ErrorShape& shape, const ErrorShape& other) {
  shape.n += other.n;
  shape.explained = shape.explained || other.explained;
  widen(shape.first_time, shape.last_time, other.first_time);
  widen(shape.first_time, shape.last_time, other.last_time);
  for (const LineRef& line : other.lines)
    if (shape.lines.size() < 3) shape.lines.push_back(line);
}

const columns::Column& column(const columns::Chunk& chunk, LogColumn which) {
  return chunk.columns[static_cast<size_t>(which)];
}

Level level_named(std::string_view name) {
  for (int i = 1; i < n_levels; i++)
    if (name == level_names[i]) return static_cast<Level>(i);
  return Level::none;
}

// Calls each(line, index) for each physical line of a record.
template <typename Each>
void each_line(std::string_view raw, Each each) {
  uint32_t index = 0;
  for (size_t begin = 0; begin <= raw.size();) {
    size_t end = std::min(raw.find('\n', begin), raw.size());
    each(raw.substr(begin, end - begin), index++);
    begin = end + 1;
  }
}

class Scanner {
 public:
  Scanner(const store::LogSnapshot& log, const CheckLibrary& library, const CheckOptions& options)
      : log_(log), library_(library), options_(options) {
    group_.reserve(library.patterns.size());
    for (size_t p = 0; p < library.patterns.size(); p++) group_.push_back(group_index(static_cast<int>(p)));
    large_ = sources_in_lines_only();
  }

  ScanResult run() {
    std::vector<Share> shares(log_.n_chunks());
    n_shares_ = std::max<size_t>(1, shares.size());
    in_parallel(shares.size(), [&](size_t i) { read_chunk(i, shares[i]); });

    ScanResult result;
    result.documents = join_documents(shares, &Share::documents);
    result.samples = join_documents(shares, &Share::samples);
    in_parallel(result.documents.size(), [&](size_t i) { mark_program_text(result.documents[i]); });
    std::vector<Piece> pieces;
    for (size_t d = 0; d < result.documents.size(); d++)
      for (size_t begin = 0, n = result.documents[d].lines.size(); begin < n; begin += piece_lines)
        pieces.push_back({d, begin, std::min(n, begin + piece_lines)});
    std::vector<Share> document_shares(pieces.size());
    in_parallel(pieces.size(), [&](size_t i) { read_document(result.documents[pieces[i].document], pieces[i], document_shares[i]); });
    result.in_lines_only = large_;
    result.hits.resize(library_.patterns.size());
    for (Share& share : shares) join(share, result);
    for (Share& share : document_shares) join(share, result);
    result.partial = options_.stop.stop_requested();
    return result;
  }

 private:
  struct Piece {
    size_t document, begin, end;
  };

  // Sources that are not kept whole, by id: the largest go first.
  std::vector<uint32_t> sources_in_lines_only() const {
    std::vector<const Source*> by_size;
    for (const Source& source : log_.sources()) by_size.push_back(&source);
    std::stable_sort(by_size.begin(), by_size.end(), [](const Source* a, const Source* b) { return a->n_records < b->n_records; });
    std::vector<uint32_t> large;
    uint64_t n_rows = 0, n_bytes = 0;
    for (const Source* source : by_size) {
      n_rows += source->n_records;
      n_bytes += source->n_bytes;
      if (n_rows > options_.max_document_rows || n_bytes > options_.max_document_bytes) large.push_back(source->id);
    }
    std::sort(large.begin(), large.end());
    return large;
  }

  // The capture that the pattern's check groups by, or -1.
  int group_index(int pattern) const {
    const std::string& name = library_.checks[library_.patterns[pattern].check].group_by;
    const auto& names = library_.pattern_set.regex(pattern).names();
    for (size_t i = 1; i < names.size(); i++)
      if (!name.empty() && names[i] == name) return static_cast<int>(i);
    return -1;
  }

  template <typename Work>
  void in_parallel(size_t n, Work work) {
    std::atomic<size_t> next{0};
    std::exception_ptr failure;
    std::mutex mutex;
    auto worker = [&] {
      for (size_t i; (i = next++) < n && !options_.stop.stop_requested();) {
        try {
          work(i);
        } catch (...) {
          std::lock_guard lock(mutex);
          if (!failure) failure = std::current_exception();
          next = n;
        }
      }
    };
    size_t wanted = options_.n_threads > 0 ? options_.n_threads : std::max(1u, std::thread::hardware_concurrency());
    std::vector<std::jthread> threads;
    for (size_t t = 1; t < std::min(wanted, n); t++) threads.emplace_back(worker);
    worker();
    threads.clear();
    if (failure) std::rethrow_exception(failure);
  }

  void read_chunk(size_t index, Share& share) {
    auto chunk = log_.chunk(index);
    RowId first_row = log_.info(index).first_row;
    const auto& raw = column(*chunk, LogColumn::raw);
    const auto& level = column(*chunk, LogColumn::level);
    const auto& time = column(*chunk, LogColumn::timestamp);
    const auto& number = column(*chunk, LogColumn::line);
    const auto& source = column(*chunk, LogColumn::source_id);
    PatternSet::Scratch scratch;
    std::vector<std::string_view> groups;
    size_t stride = std::max<size_t>(1, chunk->n_rows / std::max(min_samples_a_chunk, max_samples / n_shares_));
    for (size_t i = 0; i < chunk->n_rows; i++) {
      auto source_id = static_cast<uint32_t>(source.i64(i));
      Line line{.row = first_row + i, .source = source_id,
                .time = time.is_null(i) ? no_time : time.i64(i), .level = level_named(level.text(i))};
      share.n_rows++;
      share.by_level[static_cast<int>(line.level)]++;
      widen(share.first_time, share.last_time, line.time);
      bool small = !std::binary_search(large_.begin(), large_.end(), source_id);
      each_line(raw.text(i), [&](std::string_view text, uint32_t in_record) {
        line.text = text;
        line.number = static_cast<uint64_t>(number.i64(i)) + in_record;
        share.n_lines++;
        if (small) {
          keep_line(share.documents, line);
          return;
        }
        if (in_record == 0 && i % stride == 0 && text.size() < 4096) keep_line(share.samples, line);
        bool matched = match_line(line, share, scratch, groups);
        if (in_record == 0) note_error(line, matched, share);
      });
    }
    if (options_.on_progress) options_.on_progress(double(++n_done_) / double(n_shares_));
  }

  static void keep_line(std::map<uint32_t, Document>& documents, const Line& line) {
    Document& document = documents[line.source];
    document.source = line.source;
    document.lines.push_back({.text = std::string(line.text), .row = line.row, .number = line.number,
                              .time = line.time, .level = line.level});
  }

  std::vector<Document> join_documents(std::vector<Share>& shares, std::map<uint32_t, Document> Share::*which) const {
    std::map<uint32_t, Document> joined;
    for (Share& share : shares)
      for (auto& [id, part] : share.*which) {
        Document& document = joined[id];
        document.source = id;
        std::move(part.lines.begin(), part.lines.end(), std::back_inserter(document.lines));
      }
    std::vector<Document> documents;
    for (auto& [id, document] : joined) {
      document.file = file_name(id);
      documents.push_back(std::move(document));
    }
    return documents;
  }

  std::string file_name(uint32_t id) const {
    for (const Source& source : log_.sources())
      if (source.id == id) return source.path.empty() ? source.name : source.path;
    return "";
  }

  void read_document(const Document& document, const Piece& piece, Share& share) const {
    PatternSet::Scratch scratch;
    std::vector<std::string_view> groups;
    for (size_t i = piece.begin; i < piece.end; i++) {
      const DocumentLine& l = document.lines[i];
      if (l.program_text) continue;
      Line line{.text = l.text, .row = l.row, .source = document.source, .number = l.number,
                .time = l.time, .level = l.level, .document = static_cast<int>(piece.document), .document_line = i};
      bool matched = match_line(line, share, scratch, groups);
      bool first_of_record = i == 0 || document.lines[i - 1].row != l.row;
      if (first_of_record) note_error(line, matched, share);
    }
  }

  void note_error(const Line& line, bool matched, Share& share) const {
    if (line.level < Level::error) return;
    if (line.time != no_time && share.error_times.size() < max_error_times) share.error_times.push_back(line.time);
    std::string key = shape_of(line.text);
    if (share.errors.size() >= max_shapes && !share.errors.contains(key)) return;
    ErrorShape shape{.n = 1, .explained = matched, .first_time = line.time, .last_time = line.time};
    ErrorShape& known = share.errors[key];
    if (known.lines.size() < 3)
      shape.lines.push_back({.row = line.row, .source = line.source, .file = file_name(line.source),
                             .line = line.number, .text = std::string(line.text)});
    join_shape(known, shape);
  }

  // True where some pattern matched.
  bool match_line(const Line& line, Share& share, PatternSet::Scratch& scratch,
                  std::vector<std::string_view>& groups) const {
    std::string_view text = line.text;
    if (text.size() > max_line_bytes) {
      text = text.substr(0, max_line_bytes);
      share.n_long_lines++;
    }
    bool matched = false;
    library_.pattern_set.find_candidates(text, scratch);
    for (int p : scratch.candidates) {
      const CheckPattern& pattern = library_.patterns[p];
      if (pattern.min_level > line.level && line.level != Level::none) continue;
      if (pattern.min_level != Level::none && line.level == Level::none) continue;
      const Regex& regex = library_.pattern_set.regex(p);
      auto voids = [&](const Regex& r) { return r.matches(text); };
      auto& known = share.hits[p];
      // Once a group without values is full, only the count matters: no captures, twice as fast.
      bool full = group_[p] < 0 && known.contains("") && known[""].kept.size() >= max_kept;
      if (full ? !regex.matches(text) : !regex.match(text, groups)) continue;
      if (std::any_of(pattern.unless.begin(), pattern.unless.end(), voids)) continue;
      const auto& unless = library_.checks[pattern.check].unless;
      if (std::any_of(unless.begin(), unless.end(), voids)) continue;
      std::string key = group_[p] >= 0 ? std::string(groups[group_[p]]) : "";
      if (!known.contains(key) && known.size() >= max_groups) key = "";
      note_hit(known[key], line, p, full ? std::vector<std::string_view>{} : groups);
      matched = true;
    }
    return matched;
  }

  void note_hit(HitGroup& group, const Line& line, int pattern, const std::vector<std::string_view>& groups) const {
    group.n_hits++;
    group.n_above_info += line.level == Level::none || line.level >= Level::warning;
    if (line.time != no_time) {
      if (group.first_time == no_time || line.time < group.first_time) group.first_time = line.time;
      if (group.last_time == no_time || line.time > group.last_time) group.last_time = line.time;
      if (group.times.size() < max_times) group.times.push_back(line.time);
    }
    if (group.kept.size() >= max_kept || groups.empty()) return;
    Hit hit{.line = {.row = line.row, .source = line.source, .file = file_name(line.source),
                     .line = line.number, .text = std::string(line.text)},
            .time = line.time, .level = line.level, .pattern = pattern,
            .match_begin = static_cast<size_t>(groups[0].data() - line.text.data()),
            .match_length = groups[0].size(),
            .groups = std::vector<std::string>(groups.begin(), groups.end()),
            .document = line.document, .document_line = line.document_line};
    group.kept.push_back(std::move(hit));
  }

  static void join(Share& share, ScanResult& result) {
    result.n_rows += share.n_rows;
    result.n_lines += share.n_lines;
    result.n_long_lines += share.n_long_lines;
    for (int l = 0; l < n_levels; l++) result.by_level[l] += share.by_level[l];
    widen(result.first_time, result.last_time, share.first_time);
    widen(result.first_time, result.last_time, share.last_time);
    for (const auto& [key, shape] : share.errors)
      if (result.errors.size() < max_shapes || result.errors.contains(key)) join_shape(result.errors[key], shape);
    for (Ticks time : share.error_times)
      if (result.error_times.size() < max_error_times) result.error_times.push_back(time);
    for (auto& [pattern, groups] : share.hits)
      for (auto& [key, part] : groups) {
        if (part.n_hits == 0) continue;
        HitGroup& group = result.hits[pattern][key];
        group.n_hits += part.n_hits;
        group.n_above_info += part.n_above_info;
        if (group.first_time == no_time || (part.first_time != no_time && part.first_time < group.first_time))
          group.first_time = part.first_time;
        group.last_time = std::max(group.last_time, part.last_time);
        for (Hit& hit : part.kept)
          if (group.kept.size() < max_kept) group.kept.push_back(std::move(hit));
        size_t room = max_times - std::min(max_times, group.times.size());
        group.times.insert(group.times.end(), part.times.begin(),
                           part.times.begin() + std::min(room, part.times.size()));
      }
  }

  const store::LogSnapshot& log_;
  const CheckLibrary& library_;
  const CheckOptions& options_;
  std::vector<int> group_;
  std::vector<uint32_t> large_;
  size_t n_shares_ = 1;
  std::atomic<size_t> n_done_{0};
};

size_t indent_of(std::string_view line) { return std::min(line.find_first_not_of(' '), line.size()); }

}  // namespace

LineRef Document::ref(size_t line) const {
  const DocumentLine& l = lines[line];
  return {.row = l.row, .source = source, .file = file, .line = l.number, .text = l.text};
}

std::string shape_of(std::string_view line) {
  constexpr size_t max_bytes = 160;
  std::string shape;
  bool in_number = false;
  for (size_t i = 0; i < line.size() && shape.size() < max_bytes; i++) {
    auto c = static_cast<unsigned char>(line[i]);
    bool hex_digit = std::isxdigit(c) && i > 0 && (std::isdigit(static_cast<unsigned char>(line[i - 1])) || in_number);
    bool digit = std::isdigit(c) || (in_number && (hex_digit || c == '.' || c == ':'));
    if (digit && !in_number) shape += '#';
    if (!digit) shape += static_cast<char>(c);
    in_number = digit;
  }
  return shape;
}

void mark_program_text(Document& document) {
  bool has_version = false, has_kind = false;
  for (const DocumentLine& line : document.lines) {
    has_version = has_version || line.text.starts_with("apiVersion:");
    has_kind = has_kind || line.text.starts_with("kind:");
  }
  document.manifest = has_version && has_kind;
  size_t block_indent = 0;
  bool in_block = false;
  for (DocumentLine& line : document.lines) {
    line.program_text = document.manifest;
    std::string_view trimmed = engine::trim(line.text);
    if (trimmed.empty()) continue;
    size_t indent = indent_of(line.text);
    if (in_block && indent <= block_indent) in_block = false;
    if (in_block) line.program_text = true;
    if (!in_block && (trimmed == "Command:" || trimmed == "Args:")) {
      in_block = true;
      block_indent = indent;
    }
  }
}

ScanResult scan(const store::LogSnapshot& log, const CheckLibrary& library, const CheckOptions& options) {
  return Scanner(log, library, options).run();
}

}  // namespace app::diagnosis
