#include "app/logs/transcode.h"

#include <iconv.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::logs {
namespace {

struct Candidate {
  const char *name, *title;
  double prior;  // between encodings in which the text reads as well
};
constexpr Candidate candidates[] = {
    {"UTF-8", "Unicode, UTF-8", 0.3},
    {"WINDOWS-1252", "Western European, Windows-1252", 0.02},
    {"ISO-8859-15", "Western European, ISO 8859-15", 0},
    {"WINDOWS-1250", "Central European, Windows-1250", 0},
    {"ISO-8859-2", "Central European, ISO 8859-2", -0.01},
    {"WINDOWS-1251", "Cyrillic, Windows-1251", 0.02},
    {"KOI8-R", "Cyrillic, KOI8-R", 0},
    {"CP866", "Cyrillic, DOS code page 866", -0.01},
    {"CP850", "Western European, DOS code page 850", -0.05},
    {"CP437", "DOS code page 437", -0.1},
    {"WINDOWS-1253", "Greek, Windows-1253", 0},
    {"SHIFT_JIS", "Japanese, Shift JIS", 0.05},
    {"EUC-JP", "Japanese, EUC-JP", 0.04},
    {"GB18030", "Simplified Chinese, GB 18030", 0.03},
    {"BIG5", "Traditional Chinese, Big5", 0},
    {"EUC-KR", "Korean, EUC-KR", 0.02},
};

void append_hex(std::string& out, unsigned char byte) {
  constexpr char digits[] = "0123456789ABCDEF";
  out += "\\x";
  out += digits[byte >> 4];
  out += digits[byte & 15];
}

// The next code point of valid UTF-8; at moves behind it.
uint32_t next_code_point(std::string_view text, size_t& at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char c = byte(at++);
  if (c < 0x80) return c;
  const int n = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1;
  uint32_t code = c & (0x3F >> n);
  for (int i = 0; i < n && at < text.size(); ++i) code = code << 6 | (byte(at++) & 0x3F);
  return code;
}

enum class Script { none, ascii, latin, greek, cyrillic, kana, hangul, han, symbol, box, junk };

Script script_of(uint32_t c) {
  if (c < 0x80) return (c | 32) >= 'a' && (c | 32) <= 'z' ? Script::ascii : Script::none;
  if (c < 0xA0 || (c >= 0xE000 && c < 0xF900) || c == 0xFFFD) return Script::junk;
  if (c == 0xD7 || c == 0xF7 || c < 0xC0) return Script::symbol;
  if (c < 0x250) return Script::latin;
  if (c >= 0x370 && c < 0x400) return Script::greek;
  if (c >= 0x400 && c < 0x530) return Script::cyrillic;
  if (c >= 0x3041 && c < 0x3100) return Script::kana;
  if (c >= 0xAC00 && c < 0xD7A4) return Script::hangul;
  if ((c >= 0x4E00 && c < 0xA000) || (c >= 0x3400 && c < 0x4DC0)) return Script::han;
  if (c >= 0x2500 && c < 0x25A0) return Script::box;
  return Script::symbol;
}

bool is_upper(uint32_t c, Script script) {
  if (script == Script::latin) return c < 0x100 ? c < 0xE0 && c != 0xDF : c % 2 == 0;
  if (script == Script::cyrillic) return c < 0x430;
  if (script == Script::greek) return c < 0x3AC;
  return script == Script::ascii && c < 'a';
}

// The letters that make up most of Russian, Ukrainian and Bulgarian text: what is upper case in one
// Cyrillic encoding is lower case in another, only the letters tell them apart.
bool is_common_cyrillic(uint32_t c) {
  if (c >= 0x410 && c < 0x430) c += 0x20;
  constexpr std::u32string_view common = U"оеаинтсрвлкмдпу";
  return common.find(char32_t(c)) != std::u32string_view::npos;
}

// How much each character beyond ASCII reads like one of a text: letters among their kind count for,
// changes of script or to upper case within a word, symbols and controls against.
double score_of(std::string_view text, bool korean) {
  double sum = 0;
  size_t n = 0;
  Script before = Script::none;
  bool before_lower = false;
  uint32_t n_run = 0;   // letters of one alphabet beyond ASCII in a row
  for (size_t at = 0; at < text.size();) {
    const uint32_t c = next_code_point(text, at);
    const Script script = script_of(c);
    const bool upper = is_upper(c, script);
    n_run = script == before ? n_run + 1 : 1;
    double value = 0;
    switch (script) {
      case Script::none:
      case Script::ascii: break;
      case Script::latin: value = n_run > 2 ? -0.6 : n_run == 2 ? 0.3 : before == Script::none ? 0.8 : 1; break;
      case Script::cyrillic: value = before == Script::ascii ? -0.5 : 0.8 + (is_common_cyrillic(c) ? 0.3 : 0) - (upper ? 0.1 : 0); break;
      case Script::greek: value = before == Script::ascii ? -0.5 : 0.85 - (upper ? 0.1 : 0); break;
      case Script::kana: value = 1.1; break;
      case Script::hangul: value = korean ? 1 : 0.6; break;
      case Script::han: value = korean ? 0.1 : before == Script::ascii ? 0.5 : 0.9; break;
      case Script::symbol: value = 0.1; break;
      case Script::box: value = -0.3; break;
      case Script::junk: value = -3; break;
    }
    const bool letter = script >= Script::latin && script <= Script::cyrillic;
    if (letter && upper && before_lower) value -= 1;
    if (script == Script::ascii && (before == Script::cyrillic || before == Script::greek)) sum -= 0.5;
    if (script != Script::none && script != Script::ascii) {
      sum += value;
      ++n;
    }
    before = script;
    before_lower = (letter || script == Script::ascii) && !upper;
  }
  return n == 0 ? 0 : sum / double(n);
}

std::string shortened(std::string_view line) {
  constexpr size_t most = 200;
  if (line.size() <= most) return std::string(line);
  return std::string(engine::utf8_prefix(line, most)) + "…";
}

}  // namespace

struct Transcoder::State {
  iconv_t converter = iconv_t(-1);
  std::string waiting;   // the beginning of a character whose end has not come
  size_t n_bad = 0;
  ~State() {
    if (converter != iconv_t(-1)) iconv_close(converter);
  }
};

Transcoder::Transcoder(const std::string& encoding) : state_(std::make_unique<State>()) {
  state_->converter = iconv_open("UTF-8", encoding.c_str());
  if (state_->converter == iconv_t(-1))
    engine::fail(engine::ErrorKind::invalid_input, "the encoding \"%s\" is not known on this machine; `iconv --list` names those that are", encoding.c_str());
}
Transcoder::~Transcoder() = default;
Transcoder::Transcoder(Transcoder&&) noexcept = default;
Transcoder& Transcoder::operator=(Transcoder&&) noexcept = default;

size_t Transcoder::n_bad() const { return state_->n_bad; }

void Transcoder::decode(std::string_view bytes, std::string& out) {
  std::string joined;
  if (!state_->waiting.empty()) {
    joined.swap(state_->waiting);
    joined += bytes;
    bytes = joined;
  }
  // iconv does not write through its input.
  char* from = const_cast<char*>(bytes.data());
  size_t n_left = bytes.size();
  char buffer[16384];
  while (n_left > 0) {
    char* to = buffer;
    size_t room = sizeof buffer;
    const size_t result = iconv(state_->converter, &from, &n_left, &to, &room);
    const int error = errno;
    out.append(buffer, sizeof buffer - room);
    if (result != size_t(-1) || error == E2BIG) continue;
    if (error == EINVAL) {  // ends within a character
      state_->waiting.assign(from, n_left);
      return;
    }
    append_hex(out, static_cast<unsigned char>(*from));
    ++state_->n_bad;
    ++from;
    --n_left;
    iconv(state_->converter, nullptr, nullptr, nullptr, nullptr);
  }
}

void Transcoder::finish(std::string& out) {
  for (const char c : state_->waiting) append_hex(out, static_cast<unsigned char>(c));
  state_->n_bad += state_->waiting.size();
  state_->waiting.clear();
}

std::vector<EncodingChoice> guess_encodings(std::string_view sample, size_t most) {
  // Only lines with other than ASCII say anything, and a thousand of them say enough.
  std::string bytes;
  for (const std::string_view line : engine::split(sample, '\n')) {
    if (std::all_of(line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; })) continue;
    bytes += line;
    bytes += '\n';
    if (bytes.size() > 256 * 1024) break;
  }
  const auto n_high = double(std::count_if(bytes.begin(), bytes.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }));
  std::vector<EncodingChoice> choices;
  if (n_high == 0) return choices;
  for (const Candidate& candidate : candidates) {
    std::string text;
    size_t n_bad = 0;
    try {
      Transcoder transcoder(candidate.name);
      transcoder.decode(bytes, text);
      transcoder.finish(text);
      n_bad = transcoder.n_bad();
    } catch (const engine::Error&) {
      continue;  // this machine's C library lacks it
    }
    // A damaged byte here and there may be; a text full of them is in another encoding.
    if (double(n_bad) > 0.05 * n_high) continue;
    EncodingChoice choice{candidate.name, candidate.title, score_of(text, std::string_view(candidate.name) == "EUC-KR") + candidate.prior - 4 * double(n_bad) / n_high, {}};
    if (choice.score <= -0.5) continue;
    for (const std::string_view line : engine::split(text, '\n')) {
      if (line.empty()) continue;
      choice.preview.push_back(shortened(line));
      if (choice.preview.size() == 3) break;
    }
    // The same text twice helps nobody choose.
    const bool known = std::any_of(choices.begin(), choices.end(), [&](const EncodingChoice& c) { return c.preview == choice.preview && c.score >= choice.score; });
    if (!known) choices.push_back(std::move(choice));
  }
  std::stable_sort(choices.begin(), choices.end(), [](const EncodingChoice& a, const EncodingChoice& b) { return a.score > b.score; });
  if (choices.size() > most) choices.resize(most);
  return choices;
}

}  // namespace app::logs
