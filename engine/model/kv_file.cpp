#include "engine/model/kv_file.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <istream>
#include <ostream>

#include "engine/base/error.h"

namespace engine {
namespace {

constexpr char magic[] = "SIGMA-KV";
constexpr uint32_t version = 1;
constexpr size_t header_bytes = 72, checked_bytes = 56;
constexpr int block_tokens = KvPool::block_tokens;

class Header {
 public:
  std::array<std::byte, header_bytes> bytes{};

  template <typename T>
  T get(size_t at) const {
    T value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
  }
  template <typename T>
  void set(size_t at, T value) {
    std::memcpy(bytes.data() + at, &value, sizeof value);
  }
  ContentHash hash(size_t at) const { return {get<uint64_t>(at), get<uint64_t>(at + 8)}; }
  void set_hash(size_t at, ContentHash h) {
    set(at, h.a);
    set(at + 8, h.b);
  }
  ContentHash begin_checksum() const { return content_hash(std::span(bytes).first(checked_bytes)); }
};

// Another one wherever the same text's blocks are other bytes.
uint32_t layout_of(const KvPool& pool) {
  uint32_t layout = 0;
  for (const KvPart& part : pool.parts()) layout = layout * 31 + part.backend->cache_layout() + uint32_t(part.first_layer) * 7919;
  return layout;
}

// What a file of this cache's says for certain; the number of tokens is the file's own.
Header header_for(const KvCache& cache, const KvFileContext& context, int n_tokens) {
  Header h;
  std::memcpy(h.bytes.data(), magic, 8);
  h.set<uint32_t>(8, version);
  h.set<uint32_t>(12, layout_of(cache.pool()));
  h.set<uint32_t>(16, uint32_t(cache.types().k));
  h.set<uint32_t>(20, uint32_t(cache.types().v));
  h.set<uint32_t>(24, block_tokens);
  h.set<uint32_t>(28, uint32_t(n_tokens));
  h.set<uint64_t>(32, cache.pool().block_bytes());
  h.set_hash(40, context.model);
  return h;
}

size_t padded_token_bytes(size_t n_tokens) {
  const size_t end = header_bytes + n_tokens * 4;
  return (end + 63) / 64 * 64 - header_bytes;
}

// A block as it is saved, one part of it: of the last block only the text's places, so that nothing of an
// earlier text that stood in the same memory is written to a file.
void read_block(const KvCache& cache, const KvFileContext& context, int index, size_t part_index, std::span<std::byte> to) {
  const KvPart& part = cache.pool().parts()[part_index];
  Backend& backend = *part.backend;
  const int n_used = std::min(block_tokens, cache.n_tokens() - index * block_tokens);
  if (n_used == block_tokens) {
    backend.download(to, cache.block(index, part_index), 0);
    return;
  }
  const SigmaConfig& c = context.config;
  const AttentionShape shape{c.n_heads_q, c.n_heads_k, c.n_heads_v, c.head_dim_k, c.head_dim_v, 0};
  const auto copy = backend.allocate(to.size(), "a block of the key-value cache");
  backend.copy(*copy, cache.block(index, part_index));
  const int n_rest = block_tokens - n_used;
  const auto zeros = [&](int64_t width) {
    const std::vector<std::byte> none(size_t(n_rest) * size_t(width) * 4);
    auto rows = backend.allocate(none.size(), "rows of zeros");
    backend.upload(*rows, 0, none);
    return rows;
  };
  const auto q = zeros(int64_t(c.n_heads_q) * c.head_dim_k), k = zeros(int64_t(c.n_heads_k) * c.head_dim_k),
             v = zeros(int64_t(c.n_heads_v) * c.head_dim_v);
  const std::vector<double> still(size_t(c.head_dim_k / 2));
  std::byte* const data = copy->data();
  for (int layer = part.first_layer; layer < part.first_layer + part.n_layers; ++layer) {
    KvLayer view = cache.layer(layer);
    view.blocks = &data;
    view.n_ctx = block_tokens;
    backend.rope_and_store(shape, {.frequencies = still, .interleaved = false}, q->floats(), k->floats(), v->floats(), view,
                           n_used, n_rest);
  }
  backend.download(to, *copy, 0);
}

// Each part's share of a block, in turn.
template <typename Function>
void for_parts(const KvPool& pool, std::span<std::byte> block, const Function& function) {
  for (size_t part = 0; part < pool.parts().size(); ++part) {
    const size_t n = pool.parts()[part].block_bytes();
    function(part, block.first(n));
    block = block.subspan(n);
  }
}

void read_exactly(std::istream& in, const std::string& name, std::span<std::byte> to, const char* what) {
  in.read(reinterpret_cast<char*>(to.data()), std::streamsize(to.size()));
  if (size_t(in.gcount()) != to.size()) {
    fail(ErrorKind::invalid_input, "%s: ends inside %s; it is cut, remove it", name.c_str(), what);
  }
}

// Number of tokens of a header that fits the cache.
int check_header(const Header& h, const std::string& name, const KvCache& cache, const KvFileContext& context) {
  const char* const n = name.c_str();
  if (std::memcmp(h.bytes.data(), magic, 8) != 0) {
    fail(ErrorKind::invalid_input, "%s: is no saved key-value cache (it does not begin with %s)", n, magic);
  }
  const Header wanted = header_for(cache, context, 0);
  if (h.get<uint32_t>(8) != version || h.get<uint32_t>(12) != wanted.get<uint32_t>(12)) {
    fail(ErrorKind::unsupported, "%s: was saved by another version of this program (%u, layout %u); remove it and let the "
         "text be computed again", n, h.get<uint32_t>(8), h.get<uint32_t>(12));
  }
  if (h.hash(40) != context.model) {
    fail(ErrorKind::unsupported, "%s: was saved for another model, or this one's files have changed; remove it and let the "
         "text be computed again", n);
  }
  if (h.get<uint32_t>(16) != wanted.get<uint32_t>(16) || h.get<uint32_t>(20) != wanted.get<uint32_t>(20)) {
    fail(ErrorKind::unsupported, "%s: was saved with other number formats than this cache has (%s keys, %s values); choose "
         "the same as when it was saved", n, cache_type_name(cache.types().k), cache_type_name(cache.types().v));
  }
  if (h.get<uint32_t>(24) != block_tokens || h.get<uint64_t>(32) != wanted.get<uint64_t>(32)) {
    fail(ErrorKind::invalid_input, "%s: its blocks have %u tokens and %llu bytes where this model's have %d and %llu; it is "
         "damaged, remove it", n, h.get<uint32_t>(24), static_cast<unsigned long long>(h.get<uint64_t>(32)), block_tokens,
         static_cast<unsigned long long>(wanted.get<uint64_t>(32)));
  }
  const uint32_t n_tokens = h.get<uint32_t>(28);
  if (n_tokens > uint32_t(cache.n_ctx())) {
    fail(ErrorKind::invalid_input, "%s: holds %u tokens but the context only %d; take a context of %u or more", n, n_tokens,
         cache.n_ctx(), n_tokens);
  }
  return int(n_tokens);
}

// So that a cut or padded file is told before its blocks are read.
void check_size(std::istream& in, const std::string& name, int n_tokens, uint64_t block_bytes) {
  const uint64_t expected = header_bytes + padded_token_bytes(size_t(n_tokens)) +
                            uint64_t(KvPool::n_blocks_for(n_tokens)) * block_bytes;
  in.seekg(0, std::ios::end);
  const std::streamoff size = in.tellg();
  in.seekg(std::streamoff(header_bytes));
  if (!in || size < 0 || uint64_t(size) != expected) {
    fail(ErrorKind::invalid_input, "%s: has %lld bytes where %d tokens take %llu; it is cut or damaged, remove it",
         name.c_str(), static_cast<long long>(size), n_tokens, static_cast<unsigned long long>(expected));
  }
}

}  // namespace

void write_kv_file(std::ostream& out, const std::string& name, const KvCache& cache, const KvFileContext& context) {
  const auto write = [&](std::span<const std::byte> bytes) {
    out.write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
    if (!out) fail(ErrorKind::io, "%s: cannot write it; is the disk full?", name.c_str());
  };
  Header header = header_for(cache, context, cache.n_tokens());
  std::vector<std::byte> tokens(padded_token_bytes(cache.tokens().size()));
  if (!cache.tokens().empty()) std::memcpy(tokens.data(), cache.tokens().data(), cache.tokens().size_bytes());
  ContentHash sum = content_hash(tokens, header.begin_checksum());
  const auto begin = out.tellp();
  write(header.bytes);
  write(tokens);
  std::vector<std::byte> block(cache.pool().block_bytes());
  for (int i = 0; i < KvPool::n_blocks_for(cache.n_tokens()); ++i) {
    for_parts(cache.pool(), block, [&](size_t part, std::span<std::byte> bytes) { read_block(cache, context, i, part, bytes); });
    sum = content_hash(block, sum);
    write(block);
  }
  header.set_hash(checked_bytes, sum);
  out.seekp(begin);
  write(header.bytes);
  out.flush();
  if (!out) fail(ErrorKind::io, "%s: cannot write it; is the disk full?", name.c_str());
}

int read_kv_file(std::istream& in, const std::string& name, KvCache& cache, const KvFileContext& context) {
  Header header;
  read_exactly(in, name, header.bytes, "its header");
  const int n_tokens = check_header(header, name, cache, context);
  const size_t block_bytes = cache.pool().block_bytes();
  check_size(in, name, n_tokens, block_bytes);

  std::vector<std::byte> token_bytes(padded_token_bytes(size_t(n_tokens)));
  read_exactly(in, name, token_bytes, "its tokens");
  std::vector<int32_t> tokens(static_cast<size_t>(n_tokens));
  if (n_tokens > 0) std::memcpy(tokens.data(), token_bytes.data(), tokens.size() * 4);
  for (const int32_t token : tokens) {
    if (token < 0 || token >= context.config.n_vocab) {
      fail(ErrorKind::invalid_input, "%s: token %d is outside the model's vocabulary of %d; it is damaged, remove it",
           name.c_str(), token, context.config.n_vocab);
    }
  }
  ContentHash sum = content_hash(token_bytes, header.begin_checksum());
  cache.begin({});
  try {
    cache.prepare(n_tokens);
    std::vector<std::byte> block(block_bytes);
    for (int i = 0; i < KvPool::n_blocks_for(n_tokens); ++i) {
      read_exactly(in, name, block, "its blocks");
      sum = content_hash(block, sum);
      for_parts(cache.pool(), block, [&](size_t part, std::span<std::byte> bytes) {
        cache.pool().parts()[part].backend->upload(cache.block(i, part), 0, bytes);
      });
    }
    if (sum != header.hash(checked_bytes)) {
      fail(ErrorKind::invalid_input, "%s: its checksum does not fit; it is damaged, remove it", name.c_str());
    }
  } catch (...) {
    cache.truncate(0);
    throw;
  }
  cache.append(tokens);
  return n_tokens;
}

}  // namespace engine
