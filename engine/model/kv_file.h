// engine/model/kv_file.h: a key-value cache on disk, so that a long text need not be computed again.
// The layout, little-endian:
//    0   8  "SIGMA-KV"
//    8   4  version, 1             12  4  Backend::cache_layout()
//   16   4  number format of K     20  4  of V (CacheType)
//   24   4  tokens in a block      28  4  tokens, n
//   32   8  bytes of a block
//   40  16  content hash of the model's files
//   56  16  checksum: content_hash of the 56 bytes before, then of the tokens, then of each block
//   72  4n  token ids, then zeros up to a multiple of 64 bytes
//           blocks (kv_pool.h), as many as n tokens need; places of the last one behind the text
//           are zero
// A file is untrusted: every number is compared with what the cache at hand has before anything is
// read, sizes with the file's, and the cache is empty unless everything fits. What was computed by
// another build or processor may differ in the last bits, as caches may.
#pragma once
#include <cstdint>
#include <iosfwd>
#include <string>

#include "engine/model/content_hash.h"
#include "engine/model/kv_cache.h"
#include "engine/model/sigma_config.h"

namespace engine {

// What both sides need to know. The backends of the cache must be free: SigmaModel's save_cache and
// restore_cache see to it.
struct KvFileContext {
  const SigmaConfig& config;
  ContentHash model;
};

// name is for messages. Throw Error{io}.
void write_kv_file(std::ostream& out, const std::string& name, const KvCache& cache, const KvFileContext& context);
// Replaces what the cache holds. Returns the tokens read. Throws Error{invalid_input} naming what
// does not fit; Error{unsupported} where the file is of another version, or of another model.
int read_kv_file(std::istream& in, const std::string& name, KvCache& cache, const KvFileContext& context);

}  // namespace engine
