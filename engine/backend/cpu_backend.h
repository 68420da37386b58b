// engine/backend/cpu_backend.h: the CPU's implementation, split over cpu_backend.cpp (weights,
// products) and cpu_attention.cpp (RoPE, cache, attention).
#pragma once
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/backend/backend.h"
#include "engine/base/thread_pool.h"
#include "kernels/cpu/kernels.h"
#include "kernels/shapes.h"

namespace engine {

class CpuMatrix : public Matrix {
 public:
  kernels::WeightType type = kernels::WeightType::f32;
  int64_t tile_bytes = 0;
  std::unique_ptr<Buffer> tiles;

  CpuMatrix(int n_in, int n_out, size_t size_bytes) {
    n_in_ = n_in;
    n_out_ = n_out;
    size_bytes_ = size_bytes;
  }
  const uint8_t* tile(int64_t i) const {
    return reinterpret_cast<const uint8_t*>(tiles->data()) + i * tile_bytes;
  }
  int64_t n_tiles() const { return kernels::n_tiles(n_out()); }
};

// Memory that grows to the largest size asked for and is used again; contents do not survive.
class Scratch {
 public:
  std::byte* get(size_t size_bytes, const char* what);
  float* floats(size_t n, const char* what) { return reinterpret_cast<float*>(get(n * 4, what)); }

 private:
  std::unique_ptr<Buffer> buffer_;
};

class CpuBackend : public Backend {
 public:
  CpuBackend(const kernels::CpuKernels& kernels, int n_threads);

  std::string name() const override;
  int n_threads() const override { return pool_.n_threads(); }
  std::unique_ptr<Buffer> allocate(size_t size_bytes, const std::string& what) override;
  void upload(Buffer& to, size_t offset_bytes, std::span<const std::byte> from) override;
  void download(std::span<std::byte> to, const Buffer& from, size_t offset_bytes) override;
  void copy(Buffer& to, const Buffer& from) override;
  uint64_t free_bytes() const override;
  void require_memory(uint64_t size_bytes, const std::string& what) const override;
  void wait() override {}
  void set_exact(bool on) override { exact_ = on; }
  bool exact_batches_pay(const Matrix& weights) const override;
  std::unique_ptr<Matrix> load_matrix(const Tensor& weights, const std::string& name, bool source_may_go) override;
  size_t matrix_bytes(const Tensor& weights) const override;
  void set_stop(std::stop_token stop) override { stop_ = std::move(stop); }
  bool stopped() const override { return stop_.stop_requested(); }

  void embed(const Tensor& table, std::span<const int32_t> tokens, float* x) override;
  bool embed_from(const Matrix& table, std::span<const int32_t> tokens, float* x) override;
  void matmul(std::span<const Projection> projections, const float* x, Norm norm,
              int n_tokens) override;
  void matmul_add(const Matrix& weights, const float* x, float* y, int n_tokens) override;
  void gated_matmul(const Matrix& gate, const Matrix& up, const float* x, Norm norm, float* y,
                    int n_tokens) override;

  bool has_row_operations() const override { return true; }
  void add_bias(const float* bias, float* x, int width, int n_rows) override;
  void norm_rows(Norm norm, float* x, int width, int n_rows) override;
  void norm_and_add(Norm norm, const float* x, float* y, int width, int n_rows) override;
  void scale(float factor, float* x, int64_t n) override;
  void gelu_mul(const float* up, float* gate, int64_t n) override;

  size_t k_cache_bytes(const AttentionShape& shape, CacheType type, int n_ctx) const override;
  size_t v_cache_bytes(const AttentionShape& shape, CacheType type, int n_ctx) const override;
  uint32_t cache_layout() const override { return 2; }  // of kernels/shapes.h
  void rope_and_store(const AttentionShape& shape, const Rope& rope, float* q, const float* k,
                      const float* v, const KvLayer& cache, int first_position,
                      int n_tokens) override;
  void attention(const AttentionShape& shape, const float* q, const KvLayer& cache, float* out,
                 int first_position, int n_tokens) override;

 private:
  // x, normed, as activation tiles of one kind.
  struct Packed {
    const std::byte* data = nullptr;
    int n_tiles = 0;
    int64_t token_bytes = 0;  // a tile of n tokens takes n of these
  };
  Packed pack(bool as_int8, const float* x, Norm norm, int n_in, int n_tokens, Scratch& to);
  struct Inputs;
  Inputs pack_for(std::span<const Matrix* const> weights, const float* x, Norm norm, int n_tokens);
  void product_rows(const CpuMatrix& w, const Inputs& in, int64_t tile_begin, int64_t tile_end,
                    float* y, int n_tokens, kernels::Store how) const;
  void gated_rows(const CpuMatrix& gate, const CpuMatrix& up, const Inputs& in, int64_t tile_begin,
                  int64_t tile_end, float* y, int n_tokens) const;
  // So that nothing is allocated, and can fail, on a pool thread.
  void reserve_thread_scratch(size_t size_bytes, const char* what);

  template <typename Run>
  void over_rows(int64_t n_rows, int64_t width, const Run& run);

  struct AttentionJob;
  void attend(const AttentionJob& job, int group, int block, int split, int thread);
  void attend_selected(const AttentionJob& job, int group, int token, int thread);
  void merge_splits(const AttentionJob& job);
  void take_in_scores(const float* scores, int64_t stride, int64_t n_keys, float* tile_max,
                      struct SelectedKeys& kept) const;
  static int select_keys(const float* scores, int64_t stride, int64_t n_keys, int n, const float* tile_max,
                         float* spare, int* order);
  static void prefetch_value(const AttentionJob& job, const uint8_t* tile, int lane);
  uint16_t quantize_for_cache(kernels::CacheKind kind, const float* x, int n, int8_t* q) const;
  void pack_queries(const AttentionJob& job, int group, int first_token, int n_tokens,
                    const struct AttentionScratch& scratch) const;
  void score_keys(const AttentionJob& job, int group, int n_tokens, int64_t first_key, int n_tiles,
                  const struct AttentionScratch& scratch, float* scores) const;
  void store_token(const AttentionShape& shape, const KvLayer& cache, const float* k,
                   const float* v, int position) const;
  void find_turns(const Rope& rope, int first_position, int n_tokens);

  const kernels::CpuKernels& kernels_;
  ThreadPool pool_;
  std::stop_token stop_;
  bool exact_ = false;
  Scratch int8_, f32_, ups_, partials_;

  // Cosines and sines of the positions last asked for: the same for every layer of a pass.
  Scratch turns_;
  std::vector<double> turn_frequencies_;
  int turn_position_ = -1, turn_tokens_ = 0;
  std::vector<Scratch> thread_scratch_;
};

}  // namespace engine
