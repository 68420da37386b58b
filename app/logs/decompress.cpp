#include "app/logs/decompress.h"

#include <zlib.h>
#include <zstd.h>

#include <vector>

#include "engine/base/error.h"

namespace app::logs {
namespace {

constexpr size_t in_bytes = 256 << 10;

// What both share: the source, the limits, the notes.
class Decompressed : public ByteStream {
 public:
  Decompressed(std::unique_ptr<ByteStream> source, std::string path, InputLimits limits)
      : source_(std::move(source)), path_(std::move(path)), limits_(limits), in_(in_bytes) {}

  size_t read(char* data, size_t size_bytes) final {
    if (ended_) return 0;
    const size_t n = inflate_some(data, size_bytes);
    n_out_ += n;
    if (n_out_ > limits_.max_expanded_bytes ||
        (n_out_ > limits_.free_expanded_bytes && n_out_ / limits_.max_ratio > n_in_)) {
      end(engine::format("%s: cut after %llu bytes of text, it expands far beyond what a log does",
                         path_.c_str(), static_cast<unsigned long long>(n_out_)));
    }
    return n;
  }

  std::vector<std::string> notes() const final {
    std::vector<std::string> all = source_->notes();
    all.insert(all.end(), notes_.begin(), notes_.end());
    return all;
  }
  uint64_t position() const final { return source_->position(); }

 protected:
  virtual size_t inflate_some(char* data, size_t size_bytes) = 0;

  // More of the source; false at its end.
  bool refill(const char*& begin, size_t& n) {
    n = source_->read(in_.data(), in_.size());
    begin = in_.data();
    n_in_ += n;
    return n > 0;
  }
  void end(std::string note) {
    ended_ = true;
    if (!note.empty()) notes_.push_back(std::move(note));
  }
  void end_damaged(const char* why, size_t n_now) {
    end(engine::format("%s: %s after %llu bytes of text; what came before was read", path_.c_str(),
                       why, static_cast<unsigned long long>(n_out_ + n_now)));
  }

 private:
  std::unique_ptr<ByteStream> source_;
  std::string path_;
  InputLimits limits_;
  std::vector<char> in_;
  uint64_t n_in_ = 0, n_out_ = 0;
  bool ended_ = false;
  std::vector<std::string> notes_;
};

class Gzip : public Decompressed {
 public:
  using Decompressed::Decompressed;
  ~Gzip() override {
    if (open_) inflateEnd(&z_);
  }

 private:
  bool start() {
    constexpr int window_and_gzip = 15 + 16;
    if (open_) return inflateReset(&z_) == Z_OK;
    return open_ = inflateInit2(&z_, window_and_gzip) == Z_OK;
  }

  size_t inflate_some(char* data, size_t size_bytes) override {
    if (!open_ && !start()) {
      end_damaged("cannot be unpacked (no memory)", 0);
      return 0;
    }
    z_.next_out = reinterpret_cast<Bytef*>(data);
    z_.avail_out = uInt(std::min<size_t>(size_bytes, 1 << 30));
    const size_t room = z_.avail_out;
    while (z_.avail_out > 0) {
      if (z_.avail_in == 0) {
        const char* begin = nullptr;
        size_t n = 0;
        if (!refill(begin, n)) {
          if (within_member_)
            end_damaged("cut off", room - z_.avail_out);
          else
            end({});
          break;
        }
        z_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(begin));
        z_.avail_in = uInt(n);
      }
      within_member_ = true;
      const int status = inflate(&z_, Z_NO_FLUSH);
      if (status == Z_STREAM_END) {
        within_member_ = false;
        had_member_ = true;
        // Zeros after the last member are padding.
        while (z_.avail_in > 0 && *z_.next_in == 0) ++z_.next_in, --z_.avail_in;
        if (!start()) end({});
        continue;
      }
      if (status == Z_OK || (status == Z_BUF_ERROR && z_.avail_in == 0)) continue;
      end_damaged(
          had_member_ && status == Z_DATA_ERROR ? "followed by bytes that are not gzip" : "damaged",
          room - z_.avail_out);
      break;
    }
    return room - z_.avail_out;
  }

  z_stream z_ = {};
  bool open_ = false, within_member_ = true, had_member_ = false;
};

class Zstd : public Decompressed {
 public:
  Zstd(std::unique_ptr<ByteStream> source, std::string path, InputLimits limits)
      : Decompressed(std::move(source), std::move(path), limits), z_(ZSTD_createDStream()) {
    // Long-distance archives (zstd --long) need a larger window than the default allows.
    if (z_ != nullptr) ZSTD_DCtx_setParameter(z_, ZSTD_d_windowLogMax, 29);
  }
  ~Zstd() override { ZSTD_freeDStream(z_); }
  Zstd(const Zstd&) = delete;
  Zstd& operator=(const Zstd&) = delete;

 private:
  size_t inflate_some(char* data, size_t size_bytes) override {
    ZSTD_outBuffer out = {data, size_bytes, 0};
    while (z_ != nullptr && out.pos < out.size) {
      if (in_.pos == in_.size) {
        const char* begin = nullptr;
        size_t n = 0;
        if (!refill(begin, n)) {
          // Nothing new may be left in the decoder.
          const size_t before = out.pos;
          ZSTD_inBuffer none = {nullptr, 0, 0};
          if (within_frame_ && !ZSTD_isError(ZSTD_decompressStream(z_, &out, &none)) &&
              out.pos > before)
            continue;
          if (within_frame_)
            end_damaged("cut off", out.pos);
          else
            end({});
          break;
        }
        in_ = {begin, n, 0};
      }
      const size_t status = ZSTD_decompressStream(z_, &out, &in_);
      if (ZSTD_isError(status)) {
        end_damaged("damaged", out.pos);
        break;
      }
      within_frame_ = status != 0;
    }
    if (z_ == nullptr) end_damaged("cannot be unpacked (no memory)", 0);
    return out.pos;
  }

  ZSTD_DStream* z_;
  ZSTD_inBuffer in_ = {nullptr, 0, 0};
  bool within_frame_ = true;
};

}  // namespace

bool is_gzip(std::string_view head) { return head.starts_with("\x1F\x8B"); }
bool is_zstd(std::string_view head) { return head.starts_with("\x28\xB5\x2F\xFD"); }

std::unique_ptr<ByteStream> open_gzip(std::unique_ptr<ByteStream> source, std::string path,
                                      InputLimits limits) {
  return std::make_unique<Gzip>(std::move(source), std::move(path), limits);
}
std::unique_ptr<ByteStream> open_zstd(std::unique_ptr<ByteStream> source, std::string path,
                                      InputLimits limits) {
  return std::make_unique<Zstd>(std::move(source), std::move(path), limits);
}

}  // namespace app::logs
