#include "engine/tokenizer/tokenizer.h"

#include <filesystem>

#include "engine/base/error.h"
#include "engine/base/mapped_file.h"
#include "engine/base/text.h"
#include "engine/files/model_file.h"
#include "engine/tokenizer/bpe.h"
#include "engine/tokenizer/wordpiece.h"

namespace engine {
namespace {

constexpr size_t kMaxTokenizerBytes = 200'000'000;

// Bytes of the sequence at the end of text that more bytes may complete; 0 where there is none.
size_t incomplete_tail(std::string_view text) {
  for (size_t n = 1; n <= 3 && n <= text.size(); ++n) {
    const auto b = static_cast<unsigned char>(text[text.size() - n]);
    if ((b & 0xC0) == 0x80) continue;
    const size_t length = b >= 0xF0 ? 4 : b >= 0xE0 ? 3 : b >= 0xC0 ? 2 : 1;
    return length > n ? n : 0;
  }
  return 0;
}

void append_clean(std::string& out, std::string_view text) {
  for (size_t at = 0; at < text.size();) append_utf8(out, decode_utf8(text, at));
}

}  // namespace

std::unique_ptr<Tokenizer> Tokenizer::load(const ModelFile& file, std::stop_token stop) {
  if (stop.stop_requested()) fail(ErrorKind::cancelled, "%s: loading was cancelled", file.path().c_str());
  if (file.format() == ModelFormat::gguf) return make_bpe_tokenizer(read_gguf_tokenizer(file));
  const std::filesystem::path json = std::filesystem::path(file.path()) / "tokenizer.json";
  if (!std::filesystem::exists(json)) {
    fail(ErrorKind::unsupported, "%s: no tokenizer.json in this folder; give token ids, or fetch that file too",
         file.path().c_str());
  }
  const MappedFile map(json.string());
  if (map.bytes().size() > kMaxTokenizerBytes) {
    fail(ErrorKind::invalid_input, "%s: far larger than a tokenizer is (%zu bytes)", map.path().c_str(),
         map.bytes().size());
  }
  const std::string_view text(reinterpret_cast<const char*>(map.bytes().data()), map.bytes().size());
  if (is_wordpiece_json(text, map.path())) return make_wordpiece_tokenizer(read_hf_wordpiece(text, map.path()));
  BpeDescription description = read_hf_tokenizer(text, map.path());
  read_hf_tokenizer_config(file.path(), description);
  return make_bpe_tokenizer(std::move(description));
}

std::unique_ptr<Tokenizer> Tokenizer::from_hf_json(std::string_view text, const std::string& name) {
  if (is_wordpiece_json(text, name)) return make_wordpiece_tokenizer(read_hf_wordpiece(text, name));
  return make_bpe_tokenizer(read_hf_tokenizer(text, name));
}

std::string Tokenizer::decode(std::span<const int32_t> tokens, bool show_special) const {
  std::string out;
  for (const int32_t token : tokens) {
    const std::string_view text = bytes(token);
    out += text.empty() && show_special ? piece(token) : text;
  }
  if (adds_space() && !out.empty() && out[0] == ' ') out.erase(0, 1);
  return out;
}

std::string Utf8Stream::add(std::string_view bytes) {
  pending_ += bytes;
  const size_t n_tail = incomplete_tail(pending_);
  std::string out;
  append_clean(out, std::string_view(pending_).substr(0, pending_.size() - n_tail));
  pending_.erase(0, pending_.size() - n_tail);
  // A tail that no byte can complete (ED A0, F4 90, ...) is malformed now; it shows as U+FFFD when
  // the next byte comes, so nothing is lost or shown twice.
  return out;
}

std::string Utf8Stream::finish() {
  std::string out;
  append_clean(out, pending_);
  pending_.clear();
  return out;
}

}  // namespace engine
