// Saving and restoring a model's caches: kv_file.cpp does the bytes; here are the files, the model's
// hash and its lock.
#include <filesystem>
#include <fstream>

#include "engine/backend/host_memory.h"
#include "engine/base/error.h"
#include "engine/files/model_file.h"
#include "engine/model/kv_file.h"
#include "engine/model/sigma.h"
#include "engine/model/sigma_weights.h"

namespace engine {

namespace fs = std::filesystem;

ContentHash SigmaModel::content_hash() const {
  std::call_once(hash_once_, [&] {
    for (const std::span<const std::byte> part : file_->mapped()) {
      hash_ = engine::content_hash(part, hash_);
      release_mapped_pages(part.data(), part.size());
    }
    if (file_->format() == ModelFormat::gguf) return;
    // The numbers of an HF model stand in its config.json, which is not mapped.
    for (const std::string_view key : file_->keys()) {
      const std::string value = std::string(key) + "=" + file_->show_value(key, 10'000);
      hash_ = engine::content_hash(std::as_bytes(std::span(value)), hash_);
    }
  });
  return hash_;
}

void SigmaModel::save_cache(const KvCache& cache, const std::string& path) const {
  const KvFileContext context{config_, content_hash()};
  const std::string part = path + ".part";
  try {
    std::ofstream out(part, std::ios::binary | std::ios::trunc);
    if (!out) fail(ErrorKind::io, "%s: cannot create it; is the folder there and yours to write?", part.c_str());
    std::error_code ignored;
    fs::permissions(part, fs::perms::owner_read | fs::perms::owner_write, ignored);
    const std::lock_guard<std::mutex> lock(mutex_);
    write_kv_file(out, part, cache, context);
    out.close();
    if (!out) fail(ErrorKind::io, "%s: cannot write it; is the disk full?", part.c_str());
    std::error_code error;
    fs::rename(part, path, error);
    if (error) fail(ErrorKind::io, "%s: cannot put it in its place (%s)", path.c_str(), error.message().c_str());
  } catch (...) {
    std::error_code ignored;
    fs::remove(part, ignored);
    throw;
  }
}

int SigmaModel::restore_cache(KvCache& cache, const std::string& path) const {
  const KvFileContext context{config_, content_hash()};
  std::error_code ignored;
  std::ifstream in(path, std::ios::binary);
  if (!in || !fs::is_regular_file(path, ignored)) fail(ErrorKind::not_found, "%s: cannot open it", path.c_str());
  const std::lock_guard<std::mutex> lock(mutex_);
  return read_kv_file(in, path, cache, context);
}

}  // namespace engine
