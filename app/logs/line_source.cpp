#include "app/logs/line_source.h"

#include <algorithm>

#include "engine/base/text.h"

namespace app::logs {
namespace {

constexpr size_t block_bytes = 1 << 20;
constexpr size_t sample_bytes = 64 << 10;

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char raw) {
    const unsigned char c = static_cast<unsigned char>(raw);
    return (c < 0x20 && c != '\t' && c != '\n') || c == 0x7F;
  });
}

}  // namespace

LineSource::LineSource(ByteStream& stream, size_t max_bytes_of_line, const std::string& encoding)
    : stream_(stream), max_bytes_of_line_(max_bytes_of_line), decoder_(false), chosen_(encoding) {
  if (!chosen_.empty()) transcoder_.emplace(chosen_);
  std::string head = stream.peek_at(0, sample_bytes);
  if (head.empty()) {  // the stream cannot look ahead: read its head now
    raw_.resize(sample_bytes);
    size_t n = 0;
    while (n < raw_.size()) {
      const size_t got = stream.read(raw_.data() + n, raw_.size() - n);
      if (got == 0) break;
      n += got;
    }
    raw_.resize(n);
    head = raw_;
  }
  if (chosen_.empty()) guess_ = guess_encoding(head);
  decoder_ = Utf16Decoder(guess_.encoding == Encoding::utf16be);
}

void LineSource::fill() {
  std::string bytes;
  if (!raw_.empty()) {
    bytes.swap(raw_);
  } else {
    bytes.resize(block_bytes);
    size_t n = 0;
    while (n < bytes.size()) {  // pipes give little at a time
      const size_t got = stream_.read(bytes.data() + n, bytes.size() - n);
      if (got == 0) {
        at_end_ = true;
        break;
      }
      n += got;
    }
    bytes.resize(n);
  }
  std::string_view text = bytes;
  if (n_bytes_ == 0) text.remove_prefix(std::min(guess_.bom_bytes, text.size()));
  n_bytes_ += bytes.size();
  if (transcoder_) {
    transcoder_->decode(text, carry_);
    if (at_end_) transcoder_->finish(carry_);
    return;
  }
  if (guess_.encoding == Encoding::utf8) {
    if (carry_.empty() && text.size() == bytes.size())
      carry_ = std::move(bytes);
    else
      carry_ += text;
    return;
  }
  decoder_.decode(text, carry_);
  if (at_end_) decoder_.finish(carry_);
}

bool LineSource::next(LineBlock& out) {
  size_t searched = 0;
  for (;;) {
    // Only what is new is searched, so that a long line costs its length once.
    const size_t newline = std::string_view(carry_).substr(searched).rfind('\n');
    const bool too_long = newline == std::string_view::npos && carry_.size() > max_bytes_of_line_;
    const bool rest = at_end_ && newline == std::string_view::npos && !carry_.empty();
    if (newline != std::string_view::npos || too_long || rest) {
      size_t end = newline != std::string_view::npos ? searched + newline + 1 : carry_.size();
      if (at_end_ && !too_long) end = carry_.size();
      if (too_long) {
        end = engine::utf8_prefix(carry_, max_bytes_of_line_).size();
      }
      auto owner = std::make_shared<std::string>(std::move(carry_));
      carry_.assign(*owner, end, std::string::npos);
      out.text = std::string_view(*owner).substr(0, end);
      out.bytes = std::move(owner);
      out.plain = is_plain_ascii(out.text);
      out.cut = too_long;
      return true;
    }
    if (at_end_) return false;
    searched = carry_.size();
    fill();
  }
}

void LineSource::sample_lines(std::string bytes, bool from_start, bool to_end) {
  if (transcoder_) {
    std::string decoded;
    Transcoder(chosen_).decode(bytes, decoded);
    bytes = std::move(decoded);
  } else if (guess_.encoding != Encoding::utf8) {
    std::string decoded;
    Utf16Decoder decoder(guess_.encoding == Encoding::utf16be);
    decoder.decode(std::string_view(bytes).substr(from_start ? guess_.bom_bytes : 0), decoded);
    bytes = std::move(decoded);
  } else if (from_start) {
    bytes.erase(0, guess_.bom_bytes);
  }
  sampled_.push_back(std::make_unique<std::string>(without_ansi(bytes)));
  std::vector<std::string_view> lines = engine::split(*sampled_.back(), '\n');
  constexpr size_t max_lines = 400;
  for (size_t i = from_start ? 0 : 1; i < lines.size() && i < max_lines; ++i) {
    if (i + 1 == lines.size() && !to_end && lines.size() > 1)
      break;  // cut by the end of the sample
    std::string_view line = lines[i];
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) sample_lines_.push_back(line);
  }
}

std::vector<std::string_view> LineSource::sample(uint64_t size_bytes) {
  sampled_.clear();
  sample_lines_.clear();
  std::string head = raw_.empty() ? stream_.peek_at(0, sample_bytes) : raw_;
  const bool whole = head.size() < sample_bytes;
  sample_lines(std::move(head), true, whole);
  if (!whole && size_bytes > 4 * sample_bytes) {
    for (const int part : {1, 2, 3, 4}) {
      uint64_t offset = size_bytes / 4 * uint64_t(part);
      if (part == 4) offset = size_bytes - sample_bytes;
      std::string bytes = stream_.peek_at(offset & ~uint64_t(1), sample_bytes);
      if (!bytes.empty()) sample_lines(std::move(bytes), false, part == 4);
    }
  }
  return sample_lines_;
}

std::string_view clean_line(std::string_view line, CleanCounts& counts, std::string& scratch) {
  if (is_plain_ascii(line)) return line;
  const bool valid = engine::is_valid_utf8(line);
  if (valid && !has_control(line)) {
    counts.multi_byte = true;
    return line;
  }
  if (!valid && !counts.multi_byte && looks_like_windows_1252(line) && !has_multi_byte_utf8(line)) {
    ++counts.n_windows_1252;
    scratch = windows_1252_to_utf8(line);
    if (!has_control(scratch)) return scratch;
    scratch = engine::escape_invalid_utf8(scratch);
    return scratch;
  }
  ++counts.n_escaped;
  scratch = engine::escape_invalid_utf8(line);
  return scratch;
}

}  // namespace app::logs
