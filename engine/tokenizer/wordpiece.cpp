#include "engine/tokenizer/wordpiece.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/files/json_input.h"
#include "engine/tokenizer/unicode.h"

namespace engine {
namespace {

using Json = nlohmann::json;

bool is_chinese(char32_t c) {
  static constexpr char32_t ranges[][2] = {{0x4E00, 0x9FFF},   {0x3400, 0x4DBF},   {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F},
                                           {0x2B740, 0x2B81F}, {0x2B920, 0x2CEAF}, {0xF900, 0xFAFF},   {0x2F800, 0x2FA1F}};
  for (const auto& range : ranges) {
    if (c >= range[0] && c <= range[1]) return true;
  }
  return false;
}

bool is_punctuation(char32_t c) {
  if (c < 128) return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) || (c >= 123 && c <= 126);
  return is_unicode_punctuation(c);
}

bool is_space(char32_t c) { return char_class(c) == CharClass::space; }

class WordPieceTokenizer final : public Tokenizer {
 public:
  explicit WordPieceTokenizer(WordPieceDescription description) : d_(std::move(description)) {
    if (d_.pieces.empty() || d_.pieces.size() > INT32_MAX / 2 || d_.kinds.size() != d_.pieces.size()) {
      fail(ErrorKind::invalid_input, "%s: a vocabulary of %zu pieces; fetch it again", d_.name.c_str(), d_.pieces.size());
    }
    bytes_.resize(d_.pieces.size());
    for (size_t i = 0; i < d_.pieces.size(); ++i) {
      const std::string& piece = d_.pieces[i];
      ids_.try_emplace(piece, static_cast<int32_t>(i));
      longest_ = std::max(longest_, piece.size());
      if (d_.kinds[i] == TokenKind::normal) bytes_[i] = piece.starts_with("##") ? piece.substr(2) : " " + piece;
    }
    for (const int32_t id : {d_.unknown, d_.cls, d_.sep}) {
      if (id < 0 || id >= n_vocab()) {
        fail(ErrorKind::invalid_input, "%s: the vocabulary lacks [UNK], [CLS] or [SEP]; fetch it again", d_.name.c_str());
      }
    }
  }

  int n_vocab() const override { return static_cast<int>(d_.pieces.size()); }
  std::string_view bytes(int32_t token) const override { return has(token) ? std::string_view(bytes_[size_t(token)]) : ""; }
  std::string_view piece(int32_t token) const override { return has(token) ? std::string_view(d_.pieces[size_t(token)]) : ""; }
  TokenKind kind(int32_t token) const override { return has(token) ? d_.kinds[size_t(token)] : TokenKind::unused; }
  std::optional<int32_t> find(std::string_view piece) const override {
    const auto at = ids_.find(piece);
    return at == ids_.end() ? std::nullopt : std::optional(at->second);
  }
  std::optional<int32_t> bos() const override { return d_.cls; }
  std::optional<int32_t> eos() const override { return d_.sep; }
  bool adds_bos() const override { return true; }
  bool adds_space() const override { return true; }
  bool ends_generation(int32_t token) const override { return token == d_.sep; }
  std::string_view chat_template() const override { return ""; }

  std::vector<int32_t> encode(std::string_view text, bool) const override {
    const std::string normal = normalized(text);
    std::vector<int32_t> out;
    for (size_t at = 0; at < normal.size();) {
      size_t begin = at;
      char32_t c = decode_utf8(normal, at);
      if (is_space(c)) continue;
      size_t end = at, n_characters = 1;
      if (!is_punctuation(c)) {
        for (size_t next = at; next < normal.size(); end = at = next, ++n_characters) {
          c = decode_utf8(normal, next);
          if (is_space(c) || is_punctuation(c)) break;
        }
      }
      encode_word(std::string_view(normal).substr(begin, end - begin), n_characters, out);
    }
    return out;
  }

 private:
  bool has(int32_t token) const { return token >= 0 && token < n_vocab(); }

  std::string normalized(std::string_view text) const {
    std::string out;
    for (size_t at = 0; at < text.size();) {
      const char32_t c = decode_utf8(text, at);
      const bool space = c == '\t' || c == '\n' || c == '\r' || is_space(c);
      if (d_.clean_text && !space && (c == 0 || c == replacement_character || is_unicode_other(c))) continue;
      if (d_.clean_text && space) {
        out += ' ';
      } else if (d_.spaces_chinese && is_chinese(c)) {
        out += ' ';
        append_utf8(out, c);
        out += ' ';
      } else {
        append_utf8(out, c);
      }
    }
    if (d_.strip_accents) out = without_marks(out);
    if (d_.lower_case) out = to_lower(out);
    return out;
  }

  void encode_word(std::string_view word, size_t n_characters, std::vector<int32_t>& out) const {
    const size_t n_before = out.size();
    if (n_characters > d_.max_word_characters) return out.push_back(d_.unknown);
    std::string wanted;
    for (size_t begin = 0; begin < word.size();) {
      const size_t n_mark = begin > 0 ? 2 : 0;
      size_t end = std::min(word.size(), begin + (longest_ > n_mark ? longest_ - n_mark : 0));
      int32_t found = -1;
      for (; end > begin; --end) {
        if (end < word.size() && (static_cast<unsigned char>(word[end]) & 0xC0) == 0x80) continue;
        wanted = begin > 0 ? "##" : "";
        wanted += word.substr(begin, end - begin);
        const auto at = ids_.find(std::string_view(wanted));
        if (at == ids_.end()) continue;
        found = at->second;
        break;
      }
      if (found < 0) {
        out.resize(n_before);
        return out.push_back(d_.unknown);
      }
      out.push_back(found);
      begin = end;
    }
  }

  WordPieceDescription d_;
  std::vector<std::string> bytes_;
  std::unordered_map<std::string_view, int32_t> ids_;  // views into d_.pieces
  size_t longest_ = 0;
};

[[noreturn]] void bad(const std::string& name, const char* cause) {
  fail(ErrorKind::invalid_input, "%s: %s; fetch it again", name.c_str(), cause);
}

const Json* member(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto at = object.find(key);
  return at == object.end() || at->is_null() ? nullptr : &*at;
}

std::string text_of(const Json& object, const char* key) {
  const Json* value = member(object, key);
  return value != nullptr && value->is_string() ? value->get<std::string>() : "";
}

bool flag_of(const Json* object, const char* key, bool otherwise) {
  const Json* value = object == nullptr ? nullptr : member(*object, key);
  return value != nullptr && value->is_boolean() ? value->get<bool>() : otherwise;
}

void read_pieces(const Json& model, WordPieceDescription& d) {
  const Json* vocab = member(model, "vocab");
  if (vocab == nullptr || !vocab->is_object() || vocab->empty()) bad(d.name, "model.vocab holds no pieces");
  d.pieces.resize(vocab->size());
  std::vector<bool> taken(vocab->size());
  for (const auto& [piece, id] : vocab->items()) {
    const uint64_t at = id.is_number_unsigned() ? id.get<uint64_t>() : UINT64_MAX;
    if (at >= d.pieces.size() || taken[at]) bad(d.name, "the ids of model.vocab are not 0 to its size less 1");
    taken[at] = true;
    d.pieces[at] = piece;
  }
  d.kinds.assign(d.pieces.size(), TokenKind::normal);
}

}  // namespace

std::unique_ptr<Tokenizer> make_wordpiece_tokenizer(WordPieceDescription description) {
  return std::make_unique<WordPieceTokenizer>(std::move(description));
}

bool is_wordpiece_json(std::string_view tokenizer_json, const std::string& name) {
  if (tokenizer_json.find("\"WordPiece\"") == std::string_view::npos) return false;  // large files are parsed once
  const Json root = parse_json_input(tokenizer_json, name);
  const Json* model = member(root, "model");
  return model != nullptr && text_of(*model, "type") == "WordPiece";
}

WordPieceDescription read_hf_wordpiece(std::string_view tokenizer_json, const std::string& name) {
  const Json root = parse_json_input(tokenizer_json, name);
  WordPieceDescription d;
  d.name = name;
  const Json* model = member(root, "model");
  if (model == nullptr) bad(name, "it has no model");
  read_pieces(*model, d);
  const auto not_read = [&](const std::string& what) {
    fail(ErrorKind::unsupported, "%s: %s is not read here; BERT's own is", name.c_str(), escape_invalid_utf8(what.substr(0, 60)).c_str());
  };
  const Json* normalizer = member(root, "normalizer");
  if (normalizer != nullptr && text_of(*normalizer, "type") != "BertNormalizer") not_read("a normalizer of another type");
  if (normalizer == nullptr) d.clean_text = d.spaces_chinese = d.lower_case = false;
  d.clean_text = flag_of(normalizer, "clean_text", d.clean_text);
  d.spaces_chinese = flag_of(normalizer, "handle_chinese_chars", d.spaces_chinese);
  d.lower_case = flag_of(normalizer, "lowercase", d.lower_case);
  d.strip_accents = flag_of(normalizer, "strip_accents", d.lower_case);
  const Json* pre = member(root, "pre_tokenizer");
  if (pre == nullptr || text_of(*pre, "type") != "BertPreTokenizer") not_read("a pre-tokenizer of another type");
  const std::string prefix = text_of(*model, "continuing_subword_prefix");
  if (!prefix.empty() && prefix != "##") not_read("the prefix " + prefix);
  // The search of a word takes the square of its length.
  if (const Json* most = member(*model, "max_input_chars_per_word"); most != nullptr && most->is_number_unsigned()) {
    d.max_word_characters = static_cast<size_t>(std::min<uint64_t>(most->get<uint64_t>(), 200));
  }
  for (size_t i = 0; i < d.pieces.size(); ++i) {
    const std::string& piece = d.pieces[i];
    const auto id = static_cast<int32_t>(i);
    if (piece == "[UNK]") d.unknown = id, d.kinds[i] = TokenKind::unknown;
    if (piece == "[CLS]") d.cls = id;
    if (piece == "[SEP]") d.sep = id;
    if (piece == "[CLS]" || piece == "[SEP]" || piece == "[PAD]" || piece == "[MASK]") d.kinds[i] = TokenKind::control;
  }
  return d;
}

}  // namespace engine
