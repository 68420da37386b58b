#include "app/logs/input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <filesystem>

#include "app/logs/archive_stream.h"
#include "app/logs/decompress.h"
#include "engine/base/error.h"

namespace app::logs {
namespace fs = std::filesystem;
using engine::ErrorKind;
using engine::fail;

std::string ByteStream::peek_at(uint64_t, size_t) { return {}; }
std::vector<std::string> ByteStream::notes() const { return {}; }

namespace {

// A file descriptor: a regular file, a pipe, standard input.
class FileStream : public ByteStream {
 public:
  FileStream(int fd, std::string path, bool regular)
      : fd_(fd), path_(std::move(path)), regular_(regular) {}
  ~FileStream() override {
    if (fd_ > 2) ::close(fd_);
  }
  FileStream(const FileStream&) = delete;
  FileStream& operator=(const FileStream&) = delete;

  size_t read(char* data, size_t size_bytes) override {
    for (;;) {
      const ssize_t n = ::read(fd_, data, size_bytes);
      if (n >= 0) {
        position_ += uint64_t(n);
        return size_t(n);
      }
      if (errno != EINTR) {
        fail(ErrorKind::io, "%s: cannot be read beyond byte %llu: %s", path_.c_str(),
             static_cast<unsigned long long>(position_), std::strerror(errno));
      }
    }
  }

  std::string peek_at(uint64_t offset, size_t size_bytes) override {
    if (!regular_) return {};
    std::string out(size_bytes, '\0');
    const ssize_t n = ::pread(fd_, out.data(), size_bytes, off_t(offset));
    out.resize(n > 0 ? size_t(n) : 0);
    return out;
  }

  uint64_t position() const override { return position_; }

 private:
  int fd_;
  std::string path_;
  bool regular_;
  uint64_t position_ = 0;
};

class TextStream : public ByteStream {
 public:
  explicit TextStream(std::string text) : text_(std::move(text)) {}
  size_t read(char* data, size_t size_bytes) override {
    const size_t n = std::min(size_bytes, text_.size() - position_);
    std::memcpy(data, text_.data() + position_, n);
    position_ += n;
    return n;
  }
  std::string peek_at(uint64_t offset, size_t size_bytes) override {
    return offset < text_.size() ? text_.substr(offset, size_bytes) : std::string();
  }
  uint64_t position() const override { return position_; }

 private:
  std::string text_;
  size_t position_ = 0;
};

// Gives back the head that was read to find out what a stream is, then the rest.
class RewoundStream : public ByteStream {
 public:
  RewoundStream(std::string head, std::unique_ptr<ByteStream> rest)
      : head_(std::move(head)), rest_(std::move(rest)) {}
  size_t read(char* data, size_t size_bytes) override {
    if (given_ == head_.size()) return rest_->read(data, size_bytes);
    const size_t n = std::min(size_bytes, head_.size() - given_);
    std::memcpy(data, head_.data() + given_, n);
    given_ += n;
    return n;
  }
  std::string peek_at(uint64_t offset, size_t size_bytes) override {
    if (offset < head_.size() && offset + size_bytes <= head_.size()) {
      return head_.substr(offset, size_bytes);
    }
    std::string from_rest = rest_->peek_at(offset, size_bytes);
    if (from_rest.empty() && offset < head_.size()) return head_.substr(offset, size_bytes);
    return from_rest;
  }
  std::vector<std::string> notes() const override { return rest_->notes(); }
  uint64_t position() const override { return rest_->position(); }

 private:
  std::string head_;
  size_t given_ = 0;
  std::unique_ptr<ByteStream> rest_;
};

constexpr size_t head_bytes = 64 << 10;

std::string read_head(ByteStream& stream) {
  std::string head(head_bytes, '\0');
  size_t n = 0;
  while (n < head.size()) {
    const size_t got = stream.read(head.data() + n, head.size() - n);
    if (got == 0) break;
    n += got;
  }
  head.resize(n);
  return head;
}

Ticks ticks_from_unix(int64_t seconds) { return unix_epoch_ticks + seconds * ticks_per_second; }

std::string last_part(const std::string& path) {
  const std::string name = fs::path(path).filename().string();
  return name.empty() ? path : name;
}

LogInput open_file(const std::string& path) {
  struct stat info;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) {
    const ErrorKind kind = errno == ENOENT ? ErrorKind::not_found : ErrorKind::io;
    fail(kind, "%s: cannot be opened: %s; check the path and that you may read it", path.c_str(),
         std::strerror(errno));
  }
  if (::fstat(fd, &info) != 0 || S_ISBLK(info.st_mode) || S_ISCHR(info.st_mode)) {
    ::close(fd);
    fail(ErrorKind::invalid_input,
         "%s: is a device, not a log; give a file, a folder or - for standard input", path.c_str());
  }
  const bool regular = S_ISREG(info.st_mode);
  LogInput input;
  input.name = last_part(path);
  input.path = path;
  input.kind = "file";
  input.size_bytes = regular ? uint64_t(info.st_size) : 0;
  input.modified = regular ? ticks_from_unix(info.st_mtim.tv_sec) : no_time;
  input.stream = std::make_unique<FileStream>(fd, path, regular);
  return input;
}

}  // namespace

std::string known_binary_kind(std::string_view head) {
  struct Magic {
    std::string_view bytes;
    const char* kind;
    size_t offset = 0;
  };
  using namespace std::string_view_literals;
  static constexpr Magic magics[] = {
      {"\xFF\xD8\xFF"sv, "JPEG image"},
      {"\x89PNG\r\n\x1A\n"sv, "PNG image"},
      {"GIF87a"sv, "GIF image"},
      {"GIF89a"sv, "GIF image"},
      {"WEBP"sv, "WebP image", 8},
      {"%PDF-"sv, "PDF document"},
      {"\x7F"
       "ELF"sv,
       "program (ELF)"},
      {"MZ\x90\0"sv, "Windows program"},
      {"SQLite format 3\0"sv, "SQLite database"},
      {"GGUF"sv, "model file (GGUF)"},
      {"LPKSHHRH"sv, "systemd journal; export it with `journalctl --file FILE -o json`"},
      {"ElfFile\0"sv, "Windows event log; export it as text or XML"},
      {"\0\0\0\x18"
       "ftyp"sv,
       "MP4 video"},
      {"\0\0\0\x20"
       "ftyp"sv,
       "MP4 video"},
      {"OggS\0"sv, "Ogg audio"},
      {"ID3"sv, "MP3 audio"},
      {"RIFF"sv, "RIFF media file"},
      {"\xCA\xFE\xBA\xBE"sv, "Java class file"},
      {"7z\xBC\xAF\x27\x1C"sv, "7-Zip archive; unpack it first"},
      {"Rar!\x1A\x07"sv, "RAR archive; unpack it first"},
      {"PAR1"sv, "Parquet file"},
      {"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"sv, "Office document"},
  };
  // A log may begin with "RIFF" or "GGUF" as a word: then nothing near it is binary.
  const std::string_view start = head.substr(0, 512);
  const bool binary = std::any_of(start.begin(), start.end(), [](char raw) {
    const unsigned char c = static_cast<unsigned char>(raw);
    return c >= 0x80 || (c < 0x20 && c != '\t' && c != '\n' && c != '\r');
  });
  if (!binary) return {};
  for (const Magic& m : magics) {
    if (head.size() >= m.offset + m.bytes.size() &&
        head.substr(m.offset, m.bytes.size()) == m.bytes) {
      return m.kind;
    }
  }
  return {};
}

struct InputList::State {
  // An archive being walked, and what it was called.
  struct Open {
    std::shared_ptr<ArchiveReader> archive;
    std::string path;
    Ticks modified = no_time;
    uint64_t size_bytes = 0;
    int n_members = 0;
  };

  InputLimits limits;
  std::deque<std::pair<std::string, bool>> pending;  // path, named by the user
  std::vector<Open> open;                            // innermost last
  std::vector<std::string> notes;
  uint64_t n_inputs = 0;

  void note(std::string text) {
    constexpr size_t max_notes = 200;
    if (notes.size() < max_notes) notes.push_back(std::move(text));
  }

  void list_folder(const std::string& path) {
    std::vector<std::string> files;
    std::error_code error;
    const auto options = fs::directory_options::skip_permission_denied;
    for (fs::recursive_directory_iterator it(path, options, error), end; !error && it != end;
         it.increment(error)) {
      std::error_code ignored;
      if (it->is_regular_file(ignored)) files.push_back(it->path().string());
      if (files.size() >= limits.max_inputs) break;
    }
    if (error)
      note(engine::format("%s: not read to its end: %s", path.c_str(), error.message().c_str()));
    std::sort(files.begin(), files.end());
    if (files.empty()) note(engine::format("%s: the folder holds no files", path.c_str()));
    for (auto file = files.rbegin(); file != files.rend(); ++file)
      pending.emplace_front(*file, false);
  }

  // Looks at what the input holds: gives it back, or opens it as an archive, or skips it.
  std::optional<LogInput> look_into(LogInput input, bool named, int depth = 0) {
    std::string head = read_head(*input.stream);
    if (const std::string kind = known_binary_kind(head); !kind.empty()) {
      if (named) {
        fail(ErrorKind::invalid_input,
             "%s: this is a %s, not a log; give a text log, or a .gz, .zst, .tar or .zip of logs",
             input.path.c_str(), kind.c_str());
      }
      note(engine::format("%s: skipped, it is a %s", input.path.c_str(), kind.c_str()));
      return std::nullopt;
    }
    const bool gzip = is_gzip(head), zstd = is_zstd(head), archive = is_archive(head);
    auto stream = std::make_unique<RewoundStream>(std::move(head), std::move(input.stream));
    if ((gzip || zstd || archive) && int(open.size()) + depth >= limits.max_depth) {
      note(engine::format("%s: skipped, archives are nested deeper than %d", input.path.c_str(),
                          limits.max_depth));
      return std::nullopt;
    }
    if (gzip || zstd) {
      input.stream = gzip ? open_gzip(std::move(stream), input.path, limits)
                          : open_zstd(std::move(stream), input.path, limits);
      return look_into(std::move(input), named, depth + 1);
    }
    if (archive) {
      open.push_back({std::make_shared<ArchiveReader>(std::move(stream), input.path, limits),
                      input.path, input.modified, input.size_bytes});
      return std::nullopt;
    }
    input.stream = std::move(stream);
    return input;
  }

  std::optional<LogInput> next_member() {
    Open& top = open.back();
    std::optional<ArchiveMember> member = top.archive->next();
    if (!member) {
      for (const std::string& text : top.archive->notes()) note(text);
      if (top.n_members == 0) note(engine::format("%s: holds no files", top.path.c_str()));
      open.pop_back();
      return std::nullopt;
    }
    ++top.n_members;
    LogInput input;
    // A compressed single file goes by its own name; a member by archive!member.
    input.path = member->name.empty() ? top.path : top.path + "!" + member->name;
    input.name = last_part(member->name.empty() ? top.path : member->name);
    input.kind = member->name.empty() ? "file" : "archive_member";
    input.size_bytes = top.size_bytes;
    input.modified = member->modified != no_time ? member->modified : top.modified;
    input.stream = std::move(member->stream);
    return look_into(std::move(input), false);
  }

  std::optional<LogInput> next_pending() {
    const auto [path, named] = pending.front();
    pending.pop_front();
    if (path == "-") {
      LogInput input;
      input.name = "stdin";
      input.path = "-";
      input.stream = std::make_unique<FileStream>(0, "standard input", false);
      std::optional<LogInput> looked = look_into(std::move(input), true);
      if (looked) looked->kind = "stdin";
      return looked;
    }
    std::error_code ignored;
    if (fs::is_directory(path, ignored)) {
      list_folder(path);
      return std::nullopt;
    }
    if (named) return look_into(open_file(path), true);
    try {
      return look_into(open_file(path), false);
    } catch (const engine::Error& e) {
      note(engine::format("skipped: %s", e.what()));
      return std::nullopt;
    }
  }
};

InputList::InputList(std::vector<std::string> paths, InputLimits limits)
    : state_(std::make_unique<State>()) {
  state_->limits = limits;
  for (std::string& path : paths) state_->pending.emplace_back(std::move(path), true);
}
InputList::~InputList() = default;
InputList::InputList(InputList&&) noexcept = default;
InputList& InputList::operator=(InputList&&) noexcept = default;

std::optional<LogInput> InputList::next() {
  State& s = *state_;
  while (!s.open.empty() || !s.pending.empty()) {
    if (s.n_inputs >= s.limits.max_inputs) {
      s.note(engine::format("only the first %llu inputs were read",
                            static_cast<unsigned long long>(s.limits.max_inputs)));
      return std::nullopt;
    }
    std::optional<LogInput> input = s.open.empty() ? s.next_pending() : s.next_member();
    if (input) {
      ++s.n_inputs;
      return input;
    }
  }
  return std::nullopt;
}

const std::vector<std::string>& InputList::notes() const { return state_->notes; }

LogInput pasted_text(std::string text, std::string name) {
  LogInput input;
  input.name = std::move(name);
  input.kind = "paste";
  input.size_bytes = text.size();
  input.stream = std::make_unique<TextStream>(std::move(text));
  return input;
}

}  // namespace app::logs
