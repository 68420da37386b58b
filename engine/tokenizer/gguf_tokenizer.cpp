// Reads tokenizer.ggml.* of a GGUF file.
#include <algorithm>

#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/files/model_file.h"
#include "engine/tokenizer/bpe.h"

namespace engine {
namespace {

constexpr const char* kPrefix = "tokenizer.ggml.";

std::string key(const char* name) { return std::string(kPrefix) + name; }

std::optional<int32_t> token_id(const ModelFile& file, const char* name, size_t n_vocab) {
  const auto id = file.u64(key(name));
  if (!id) return std::nullopt;
  if (*id == UINT32_MAX) return std::nullopt;  // what converters write for "none"
  if (*id >= n_vocab) {
    fail(ErrorKind::invalid_input, "%s: %s%s is %llu but the vocabulary has %zu tokens; fetch it again",
         file.path().c_str(), kPrefix, name, static_cast<unsigned long long>(*id), n_vocab);
  }
  return static_cast<int32_t>(*id);
}

// GGUF's token types, llama.cpp's enumeration: 1 normal .. 6 byte.
std::vector<TokenKind> read_kinds(const ModelFile& file, size_t n_vocab) {
  std::vector<TokenKind> kinds(n_vocab, TokenKind::normal);
  const auto types = file.i64_array(key("token_type"));
  if (!types) return kinds;
  if (types->size() != n_vocab) {
    fail(ErrorKind::invalid_input, "%s: %zu token types for %zu tokens; fetch it again", file.path().c_str(),
         types->size(), n_vocab);
  }
  for (size_t i = 0; i < n_vocab; ++i) {
    switch ((*types)[i]) {
      case 0:
      case 1: break;
      case 2: kinds[i] = TokenKind::unknown; break;
      case 3: kinds[i] = TokenKind::control; break;
      case 4: kinds[i] = TokenKind::user_defined; break;
      case 5: kinds[i] = TokenKind::unused; break;
      case 6: kinds[i] = TokenKind::byte; break;
      default:
        fail(ErrorKind::invalid_input, "%s: token %zu has type %lld, which does not exist; fetch it again",
             file.path().c_str(), i, static_cast<long long>((*types)[i]));
    }
  }
  return kinds;
}

std::vector<std::pair<std::string, std::string>> read_merges(const ModelFile& file) {
  const auto lines = file.string_array(key("merges"));
  if (!lines) {
    fail(ErrorKind::invalid_input, "%s: it has a BPE vocabulary but no tokenizer.ggml.merges; convert it again",
         file.path().c_str());
  }
  std::vector<std::pair<std::string, std::string>> merges;
  merges.reserve(lines->size());
  for (const std::string_view line : *lines) {
    const size_t space = line.find(' ', 1);
    if (line.empty() || space == std::string_view::npos || space + 1 == line.size()) {
      fail(ErrorKind::invalid_input, "%s: merge %zu is not two pieces with a space between; fetch it again",
           file.path().c_str(), merges.size());
    }
    merges.emplace_back(line.substr(0, space), line.substr(space + 1));
  }
  return merges;
}

// SentencePiece's two kinds: "llama" joins by score, "t5" searches the best split.
void read_sentencepiece(const ModelFile& file, bool unigram, BpeDescription& d) {
  d.kind = unigram ? BpeDescription::Kind::unigram : BpeDescription::Kind::scored;
  const auto scores = file.f64_array(key("scores"));
  if (!scores || scores->size() != d.pieces.size()) {
    fail(ErrorKind::invalid_input, "%s: %zu tokens but %zu tokenizer.ggml.scores; convert it again", file.path().c_str(),
         d.pieces.size(), scores ? scores->size() : size_t{0});
  }
  for (const double score : *scores) d.scores.push_back(static_cast<float>(score));
  if (unigram && file.array_size(key("precompiled_charsmap")).value_or(0) > 0) {
    fail(ErrorKind::unsupported, "%s: its tokenizer rewrites text by a table of its own (precompiled_charsmap), which is "
         "not read here", file.path().c_str());
  }
  if (file.boolean(key("remove_extra_whitespaces")).value_or(false)) {
    fail(ErrorKind::unsupported, "%s: its tokenizer drops repeated spaces, which is not done here", file.path().c_str());
  }
  d.escapes_spaces = true;
  d.byte_fallback = std::find(d.kinds.begin(), d.kinds.end(), TokenKind::byte) != d.kinds.end();
  d.fuse_unknown = true;
  if (file.boolean(key("add_space_prefix")).value_or(true)) d.space_prefix = BpeDescription::Prefix::always;
  for (size_t i = 0; i < d.kinds.size() && !d.unknown; ++i) {
    if (d.kinds[i] == TokenKind::unknown) d.unknown = static_cast<int32_t>(i);
  }
}

void read_pre_tokenizer(const ModelFile& file, BpeDescription& d) {
  const std::string pre(file.string(key("pre")).value_or(""));
  if (pre.empty() || pre == "default") {
    log_warning("%s: it names no pre-tokenizer; words are cut as GPT-2 does", file.path().c_str());
    d.pre_tokenizer = *pre_tokenizer_by_name("gpt-2");
  } else if (const auto steps = pre_tokenizer_by_name(pre)) {
    d.pre_tokenizer = *steps;
  } else {
    fail(ErrorKind::unsupported, "%s: pre-tokenizer \"%s\" is not known here; smollm, gpt-2, llama-bpe and qwen2 "
         "families are", file.path().c_str(), pre.substr(0, 40).c_str());
  }
  d.ignore_merges = d.pre_tokenizer == PreTokenizer{SplitStep::llama3};  // as Llama 3's tokenizer.json says
}

}  // namespace

BpeDescription read_gguf_tokenizer(const ModelFile& file) {
  const std::string model(file.string(key("model")).value_or(""));
  if (model.empty() || model == "none" || model == "no_vocab") {
    fail(ErrorKind::unsupported, "%s: the file holds no tokenizer; give token ids, or a file with one",
         file.path().c_str());
  }
  if (model != "gpt2" && model != "llama" && model != "t5") {
    fail(ErrorKind::unsupported, "%s: its tokenizer is of kind \"%s\"; byte-level BPE (\"gpt2\") and SentencePiece "
         "(\"llama\", \"t5\") are read here", file.path().c_str(), model.substr(0, 40).c_str());
  }
  BpeDescription d;
  d.name = file.path();
  const auto tokens = file.string_array(key("tokens"));
  if (!tokens || tokens->empty()) {
    fail(ErrorKind::invalid_input, "%s: tokenizer.ggml.tokens is missing or empty; convert it again",
         file.path().c_str());
  }
  d.pieces.assign(tokens->begin(), tokens->end());
  d.kinds = read_kinds(file, d.pieces.size());
  if (model == "gpt2") {
    d.merges = read_merges(file);
    read_pre_tokenizer(file, d);
  } else {
    read_sentencepiece(file, model == "t5", d);
  }

  const size_t n_vocab = d.pieces.size();
  d.bos = token_id(file, "bos_token_id", n_vocab);
  d.eos = token_id(file, "eos_token_id", n_vocab);
  if (const auto unknown = token_id(file, "unknown_token_id", n_vocab)) d.unknown = unknown;
  for (const char* name : {"eot_token_id", "eom_token_id"}) {
    if (const auto id = token_id(file, name, n_vocab)) d.ends.push_back(*id);
  }
  d.adds_bos = file.boolean(key("add_bos_token")).value_or(model == "llama" || (model == "gpt2" && d.ignore_merges));
  if (model == "gpt2") d.add_prefix_space = file.boolean(key("add_space_prefix")).value_or(false);
  d.chat_template = std::string(file.string("tokenizer.chat_template").value_or(""));
  return d;
}

}  // namespace engine
