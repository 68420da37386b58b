#include "app/logs/archive_stream.h"

#include <archive.h>
#include <archive_entry.h>

#include "engine/base/error.h"

namespace app::logs {
using namespace std::string_view_literals;

bool is_archive(std::string_view head) {
  for (const std::string_view magic : {"\xFD"
                                       "7zXZ\0"sv,
                                       "BZh"sv, "\x04\x22\x4D\x18"sv, "PK\x03\x04"sv}) {
    if (head.starts_with(magic)) return true;
  }
  return head.size() >= 262 && head.substr(257, 5) == "ustar";
}

struct ArchiveReader::State {
  archive* handle = nullptr;
  std::unique_ptr<ByteStream> source;
  std::string path;
  InputLimits limits;
  std::string block;               // what libarchive reads from; lives until its next call
  std::vector<std::string> notes;  // of the archive as a whole
  std::string read_error;          // message of an Error that crossed libarchive
  uint64_t expanded = 0;
  int member = 0;  // counts up, so that an old stream knows that it is over
  bool over = false;

  ~State() {
    if (handle != nullptr) archive_read_free(handle);
  }

  // An Error must not cross libarchive's C frames: it waits in read_error.
  static la_ssize_t read_block(archive*, void* self, const void** data) {
    State& s = *static_cast<State*>(self);
    try {
      s.block.resize(256 << 10);
      const size_t n = s.source->read(s.block.data(), s.block.size());
      *data = s.block.data();
      return la_ssize_t(n);
    } catch (const std::exception& e) {
      s.read_error = e.what();
      return -1;
    }
  }

  std::string problem() const {
    const char* text = archive_error_string(handle);
    return !read_error.empty() ? read_error : text != nullptr ? text : "damaged";
  }

  // Whether the expanded size is beyond what an honest log would reach.
  bool too_big() const {
    if (expanded > limits.max_expanded_bytes) return true;
    return expanded > limits.free_expanded_bytes &&
           expanded / limits.max_ratio > source->position();
  }
};

namespace {

class MemberStream : public ByteStream {
 public:
  MemberStream(std::shared_ptr<ArchiveReader::State> state, int member, std::string name)
      : state_(std::move(state)), member_(member), name_(std::move(name)) {}

  size_t read(char* data, size_t size_bytes) override {
    ArchiveReader::State& s = *state_;
    if (ended_ || s.over || s.member != member_) return 0;
    const la_ssize_t n = archive_read_data(s.handle, data, size_bytes);
    if (n < 0) {
      ended_ = true;
      s.over = n == ARCHIVE_FATAL;
      notes_.push_back(engine::format(
          "%s: damaged or cut off after %llu bytes of text (%s); what came before was read",
          name_.c_str(), static_cast<unsigned long long>(n_bytes_), s.problem().c_str()));
      return 0;
    }
    n_bytes_ += uint64_t(n);
    s.expanded += uint64_t(n);
    if (s.too_big()) {
      ended_ = s.over = true;
      notes_.push_back(
          engine::format("%s: cut after %llu bytes of text, it expands far beyond what a log does",
                         name_.c_str(), static_cast<unsigned long long>(n_bytes_)));
    }
    ended_ = ended_ || n == 0;
    return size_t(n);
  }

  std::vector<std::string> notes() const override { return notes_; }
  uint64_t position() const override { return state_->source->position(); }

 private:
  std::shared_ptr<ArchiveReader::State> state_;
  int member_;
  std::string name_;
  uint64_t n_bytes_ = 0;
  bool ended_ = false;
  std::vector<std::string> notes_;
};

}  // namespace

ArchiveReader::ArchiveReader(std::unique_ptr<ByteStream> source, std::string path,
                             InputLimits limits)
    : state_(std::make_shared<State>()) {
  state_->source = std::move(source);
  state_->path = std::move(path);
  state_->limits = limits;
  state_->handle = archive_read_new();
  if (state_->handle == nullptr) {
    engine::fail(engine::ErrorKind::out_of_memory, "%s: no memory to open the archive",
                 state_->path.c_str());
  }
  archive* a = state_->handle;
  archive_read_support_filter_xz(a);
  archive_read_support_filter_bzip2(a);
  archive_read_support_filter_lz4(a);
  archive_read_support_format_tar(a);
  archive_read_support_format_zip_streamable(a);
  archive_read_support_format_raw(a);
  if (archive_read_open(a, state_.get(), nullptr, State::read_block, nullptr) != ARCHIVE_OK) {
    state_->notes.push_back(engine::format("%s: cannot be unpacked: %s", state_->path.c_str(),
                                           state_->problem().c_str()));
    state_->over = true;
  }
}

ArchiveReader::~ArchiveReader() = default;

std::optional<ArchiveMember> ArchiveReader::next() {
  State& s = *state_;
  ++s.member;
  while (!s.over) {
    archive_entry* entry = nullptr;
    const int status = archive_read_next_header(s.handle, &entry);
    if (status == ARCHIVE_EOF) break;
    if (status < ARCHIVE_WARN) {
      s.over = true;
      s.notes.push_back(
          engine::format("%s: damaged or cut off after %d members (%s); what came before was read",
                         s.path.c_str(), s.member - 1, s.problem().c_str()));
      break;
    }
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) != nullptr)
      continue;
    ArchiveMember member;
    const bool raw = archive_format(s.handle) == ARCHIVE_FORMAT_RAW;
    if (raw &&
        archive_filter_count(s.handle) < 2) {  // nothing was unpacked: only its magic is there
      s.notes.push_back(engine::format("%s: damaged, it cannot be unpacked", s.path.c_str()));
      break;
    }
    const char* name = archive_entry_pathname(entry);
    if (!raw) member.name = name != nullptr && *name != '\0' ? name : "unnamed";
    if (!raw && archive_entry_mtime_is_set(entry)) {
      member.modified = unix_epoch_ticks + int64_t(archive_entry_mtime(entry)) * ticks_per_second;
    }
    const std::string shown = raw ? s.path : s.path + "!" + member.name;
    member.stream = std::make_unique<MemberStream>(state_, s.member, shown);
    return member;
  }
  s.over = true;
  return std::nullopt;
}

std::vector<std::string> ArchiveReader::notes() const {
  std::vector<std::string> all = state_->source->notes();
  all.insert(all.end(), state_->notes.begin(), state_->notes.end());
  return all;
}

}  // namespace app::logs
