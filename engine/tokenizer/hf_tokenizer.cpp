// Reads a Hugging Face tokenizer.json (BPE over bytes or characters, unigram) and the files beside it.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "engine/base/mapped_file.h"
#include "engine/base/text.h"
#include "engine/files/json_input.h"
#include "engine/tokenizer/bpe.h"

namespace engine {
namespace {

using Json = nlohmann::json;
constexpr const char* escaped_space = "\xE2\x96\x81";  // U+2581
namespace fs = std::filesystem;

[[noreturn]] void bad(const std::string& name, const std::string& cause) {
  fail(ErrorKind::invalid_input, "%s: %s; fetch it again", name.c_str(), cause.c_str());
}

[[noreturn]] void not_read(const std::string& name, const std::string& what) {
  fail(ErrorKind::unsupported, "%s: %s is not read here; byte-level BPE of the GPT-2, SmolLM, Llama 3 and Qwen2 "
       "families and SentencePiece BPE and unigram are", name.c_str(), what.c_str());
}

const Json* find(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto at = object.find(key);
  return at == object.end() || at->is_null() ? nullptr : &*at;
}

std::string text_of(const Json& object, const char* key) {
  const Json* value = find(object, key);
  return value != nullptr && value->is_string() ? value->get<std::string>() : "";
}

bool flag_of(const Json& object, const char* key, bool otherwise) {
  const Json* value = find(object, key);
  return value != nullptr && value->is_boolean() ? value->get<bool>() : otherwise;
}

size_t token_id(const Json& value, size_t n_entries, const std::string& name) {
  // Vocabularies have few holes: an id far beyond the number of entries is a fault.
  if (!value.is_number_unsigned() || value.get<uint64_t>() >= n_entries * 2 + 1024) {
    bad(name, "a token id is no number or far outside the vocabulary");
  }
  return static_cast<size_t>(value.get<uint64_t>());
}

void place(BpeDescription& d, size_t id, const std::string& piece, TokenKind kind) {
  if (d.pieces.size() <= id) {
    d.pieces.resize(id + 1);
    d.kinds.resize(id + 1, TokenKind::unused);
  }
  d.pieces[id] = piece;
  d.kinds[id] = kind;
}

// [["piece", -3.2], ...] in the order of their ids.
void read_scored_pieces(const Json& vocab, BpeDescription& d) {
  for (const Json& entry : vocab) {
    if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() || !entry[1].is_number()) {
      bad(d.name, "entry " + std::to_string(d.pieces.size()) + " of model.vocab is no piece with its score");
    }
    place(d, d.pieces.size(), entry[0].get<std::string>(), TokenKind::normal);
    d.scores.push_back(entry[1].get<float>());
  }
}

void read_vocabulary(const Json& root, BpeDescription& d) {
  const Json* model = find(root, "model");
  if (model == nullptr) bad(d.name, "it has no model");
  const std::string type = text_of(*model, "type");
  const bool unigram = type == "Unigram";
  if (type != "BPE" && !unigram && !(type.empty() && find(*model, "merges") != nullptr)) {
    not_read(d.name, "a tokenizer model of type \"" + escape_invalid_utf8(type.substr(0, 40)) + "\"");
  }
  const Json* vocab = find(*model, "vocab");
  const bool right_kind = vocab != nullptr && (unigram ? vocab->is_array() : vocab->is_object()) && !vocab->empty();
  if (!right_kind) bad(d.name, "model.vocab holds no pieces");
  const Json* added = find(root, "added_tokens");
  if (added != nullptr && !added->is_array()) bad(d.name, "added_tokens is no list");
  const size_t n_entries = vocab->size() + (added == nullptr ? 0 : added->size());
  if (unigram) {
    read_scored_pieces(*vocab, d);
  } else {
    for (const auto& [piece, id] : vocab->items()) place(d, token_id(id, n_entries, d.name), piece, TokenKind::normal);
  }
  if (added == nullptr) return;
  for (const Json& token : *added) {
    const Json* id_value = find(token, "id");
    if (id_value == nullptr) bad(d.name, "an added token has no id");
    const size_t id = token_id(*id_value, n_entries, d.name);
    place(d, id, text_of(token, "content"),
          flag_of(token, "special", false) ? TokenKind::control : TokenKind::user_defined);
    if (flag_of(token, "lstrip", false)) d.strips_left.push_back(static_cast<int32_t>(id));
    if (flag_of(token, "rstrip", false)) d.strips_right.push_back(static_cast<int32_t>(id));
  }
}

void read_merges(const Json& model, BpeDescription& d) {
  const Json* merges = find(model, "merges");
  if (merges == nullptr || !merges->is_array()) bad(d.name, "model.merges is no list");
  d.merges.reserve(merges->size());
  for (const Json& merge : *merges) {
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      d.merges.emplace_back(merge[0].get<std::string>(), merge[1].get<std::string>());
      continue;
    }
    const std::string line = merge.is_string() ? merge.get<std::string>() : "";
    const size_t space = line.empty() ? std::string::npos : line.find(' ', 1);
    if (space == std::string::npos || space + 1 == line.size()) {
      bad(d.name, "merge " + std::to_string(d.merges.size()) + " is not two pieces");
    }
    d.merges.emplace_back(line.substr(0, space), line.substr(space + 1));
  }
}

void read_normal_step(const Json& step, BpeDescription& d) {
  const std::string type = text_of(step, "type");
  const bool characters = d.kind != BpeDescription::Kind::byte_level;
  const Json* pattern = find(step, "pattern");
  if (type == "NFC") {
    d.nfc = true;
  } else if (type == "NFKC" && characters) {
    d.nfkc = true;
  } else if (type == "Prepend" && characters && text_of(step, "prepend") == escaped_space) {
    d.space_prefix = BpeDescription::Prefix::always;
  } else if (type == "Replace" && characters && pattern != nullptr && text_of(*pattern, "String") == " " &&
             text_of(step, "content") == escaped_space) {
    d.escapes_spaces = true;
  } else {
    not_read(d.name, "a normalizer of type \"" + escape_invalid_utf8(type.substr(0, 40)) + "\" with its settings");
  }
}

void read_normalizer(const Json& root, BpeDescription& d) {
  const Json* normalizer = find(root, "normalizer");
  if (normalizer == nullptr) return;
  const Json* parts = find(*normalizer, "normalizers");
  if (text_of(*normalizer, "type") == "Sequence" && parts != nullptr && parts->is_array()) {
    for (const Json& part : *parts) read_normal_step(part, d);
  } else {
    read_normal_step(*normalizer, d);
  }
}

// Byte-level BPE says so in a step of its pre-tokenizer.
bool has_byte_level_step(const Json& root) {
  const Json* pre = find(root, "pre_tokenizer");
  if (pre == nullptr) return false;
  const Json* steps = find(*pre, "pretokenizers");
  if (steps == nullptr || !steps->is_array()) return text_of(*pre, "type") == "ByteLevel";
  for (const Json& step : *steps) {
    if (text_of(step, "type") == "ByteLevel") return true;
  }
  return false;
}

// "Metaspace" writes spaces as U+2581 and may put one before the text.
void read_metaspace(const Json& step, BpeDescription& d) {
  using Prefix = BpeDescription::Prefix;
  if (text_of(step, "replacement") != escaped_space) not_read(d.name, "a Metaspace of another character");
  d.escapes_spaces = true;
  const std::string scheme = text_of(step, "prepend_scheme");
  if (scheme == "first") d.space_prefix = Prefix::first;
  else if (scheme == "always" || (scheme.empty() && flag_of(step, "add_prefix_space", true))) d.space_prefix = Prefix::always;
  d.prefix_only_if_missing = true;
  d.splits_at_spaces = flag_of(step, "split", true);
}

// Of a tokenizer over characters: only what leaves its words to the merges.
void read_character_step(const Json& step, BpeDescription& d) {
  const std::string type = text_of(step, "type");
  const Json* pattern = find(step, "pattern");
  const bool splits_no_more = type == "Split" && pattern != nullptr && text_of(*pattern, "String") == " " && d.escapes_spaces;
  if (type == "Metaspace") read_metaspace(step, d);
  else if (!splits_no_more) not_read(d.name, "a pre-tokenizer of type \"" + escape_invalid_utf8(type.substr(0, 40)) + "\" for characters");
}

void read_pre_step(const Json& step, BpeDescription& d) {
  const std::string type = text_of(step, "type");
  if (type == "ByteLevel") {
    d.add_prefix_space = flag_of(step, "add_prefix_space", true);
    if (flag_of(step, "use_regex", true)) d.pre_tokenizer.push_back(SplitStep::gpt2);
  } else if (type == "Digits") {
    d.pre_tokenizer.push_back(flag_of(step, "individual_digits", false) ? SplitStep::digits_individual
                                                                        : SplitStep::digits_together);
  } else if (type == "Split") {
    const Json* pattern = find(step, "pattern");
    const std::string regex = pattern == nullptr ? "" : text_of(*pattern, "Regex");
    const auto known = split_step_by_regex(regex);
    if (!known || text_of(step, "behavior") != "Isolated" || flag_of(step, "invert", false)) {
      not_read(d.name, "the split pattern \"" + escape_invalid_utf8(regex.substr(0, 60)) + "\"");
    }
    d.pre_tokenizer.push_back(*known);
  } else {
    not_read(d.name, "a pre-tokenizer of type \"" + escape_invalid_utf8(type.substr(0, 40)) + "\"");
  }
}

void read_pre_tokenizer(const Json& root, BpeDescription& d) {
  const Json* pre = find(root, "pre_tokenizer");
  if (pre == nullptr) return;
  const auto read_step = d.kind == BpeDescription::Kind::byte_level ? read_pre_step : read_character_step;
  const Json* steps = find(*pre, "pretokenizers");
  if (text_of(*pre, "type") == "Sequence" && steps != nullptr && steps->is_array()) {
    for (const Json& step : *steps) read_step(step, d);
  } else {
    read_step(*pre, d);
  }
}

std::optional<int32_t> id_of(const BpeDescription& d, const std::string& piece) {
  for (size_t i = 0; i < d.pieces.size() && !piece.empty(); ++i) {
    if (d.pieces[i] == piece) return static_cast<int32_t>(i);
  }
  return std::nullopt;
}

// {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<bos>"}}, {"Sequence": ...}]},
// perhaps inside a Sequence of processors: a template that begins with a token adds that one.
void read_post_processor(const Json& root, BpeDescription& d) {
  const Json* post = find(root, "post_processor");
  if (post == nullptr) return;
  std::vector<const Json*> processors = {post};
  if (const Json* list = find(*post, "processors"); list != nullptr && list->is_array()) {
    for (const Json& one : *list) processors.push_back(&one);
  }
  for (const Json* one : processors) {
    const Json* single = find(*one, "single");
    if (single == nullptr || !single->is_array() || single->empty()) continue;
    const Json* first = find(single->front(), "SpecialToken");
    if (first == nullptr) continue;
    d.bos = id_of(d, text_of(*first, "id"));
    d.adds_bos = d.bos.has_value();
  }
}

std::string read_small_file(const fs::path& path) {
  constexpr size_t kMaxBytes = 64 << 20;
  const MappedFile map(path.string());
  if (map.bytes().size() > kMaxBytes) bad(map.path(), "far larger than such a file is");
  return {reinterpret_cast<const char*>(map.bytes().data()), map.bytes().size()};
}

// bos_token and the like are text or {"content": text}.
std::string special_text(const Json& config, const char* key) {
  const Json* value = find(config, key);
  if (value == nullptr) return "";
  return value->is_string() ? value->get<std::string>() : text_of(*value, "content");
}

void read_chat_template(const Json& config, BpeDescription& d) {
  const Json* value = find(config, "chat_template");
  if (value == nullptr) return;
  if (value->is_string()) d.chat_template = value->get<std::string>();
  if (!value->is_array()) return;
  for (const Json& one : *value) {
    if (text_of(one, "name") == "default") d.chat_template = text_of(one, "template");
  }
}

void add_ends(const Json& generation, BpeDescription& d) {
  const Json* eos = find(generation, "eos_token_id");
  if (eos == nullptr) return;
  const auto add = [&](const Json& id) {
    if (id.is_number_unsigned() && id.get<uint64_t>() < d.pieces.size()) {
      d.ends.push_back(static_cast<int32_t>(id.get<uint64_t>()));
    }
  };
  if (!eos->is_array()) return add(*eos);
  for (const Json& id : *eos) add(id);
}

}  // namespace

BpeDescription read_hf_tokenizer(std::string_view tokenizer_json, const std::string& name) {
  const Json root = parse_json_input(tokenizer_json, name);
  BpeDescription d;
  d.name = name;
  read_vocabulary(root, d);
  const Json& model = root["model"];
  if (text_of(model, "type") == "Unigram") d.kind = BpeDescription::Kind::unigram;
  else if (!has_byte_level_step(root)) d.kind = BpeDescription::Kind::characters;
  if (d.kind == BpeDescription::Kind::unigram) {
    const Json* unknown = find(model, "unk_id");
    if (unknown != nullptr) {
      const size_t id = token_id(*unknown, d.pieces.size(), d.name);
      if (id >= d.pieces.size()) bad(d.name, "unk_id names none of its pieces");
      d.unknown = static_cast<int32_t>(id);
    }
    d.fuse_unknown = true;
    d.scores.resize(d.pieces.size());  // added tokens have none
  } else {
    read_merges(model, d);
    d.unknown = id_of(d, text_of(model, "unk_token"));
    d.fuse_unknown = flag_of(model, "fuse_unk", false);
  }
  d.byte_fallback = flag_of(model, "byte_fallback", false);
  d.ignore_merges = flag_of(model, "ignore_merges", false);
  if (d.unknown && d.kind != BpeDescription::Kind::byte_level && d.kinds[static_cast<size_t>(*d.unknown)] == TokenKind::normal) {
    d.kinds[static_cast<size_t>(*d.unknown)] = TokenKind::unknown;
  }
  read_normalizer(root, d);
  read_pre_tokenizer(root, d);
  read_post_processor(root, d);
  return d;
}

void read_hf_tokenizer_config(const std::string& folder, BpeDescription& d) {
  const fs::path where(folder);
  if (fs::exists(where / "tokenizer_config.json")) {
    const std::string name = (where / "tokenizer_config.json").string();
    const Json config = parse_json_input(read_small_file(name), name);
    if (const auto bos = id_of(d, special_text(config, "bos_token"))) d.bos = bos;
    if (const auto eos = id_of(d, special_text(config, "eos_token"))) d.eos = eos;
    d.adds_bos = flag_of(config, "add_bos_token", d.adds_bos);
    read_chat_template(config, d);
  }
  if (fs::exists(where / "generation_config.json")) {
    const std::string name = (where / "generation_config.json").string();
    add_ends(parse_json_input(read_small_file(name), name), d);
  }
  if (fs::exists(where / "chat_template.jinja")) d.chat_template = read_small_file(where / "chat_template.jinja");
}

}  // namespace engine
