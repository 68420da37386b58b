// engine/backend/cuda_backend.h: the GPU's implementation, split over cuda_backend.cpp (memory, weights, products) and
// cuda_attention.cpp (RoPE, cache, attention). Addresses that it gives are the device's. Operations are queued; those of a
// decoding step go as one CUDA graph (cuda_queue.h).
#pragma once
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/backend/backend.h"
#include "engine/backend/cuda_device.h"
#include "engine/backend/cuda_queue.h"
#include "engine/base/thread_pool.h"
#include "kernels/cuda/decode_shapes.h"
#include "kernels/cuda/params.h"
#include "kernels/cuda/weights.h"

namespace engine {

class CudaBuffer : public Buffer {
 public:
  CudaBuffer(CudaDevice& device, CudaQueue& queue, size_t size_bytes, const std::string& what);
  ~CudaBuffer() override;
  kernels::cuda::DevicePtr address() const { return reinterpret_cast<kernels::cuda::DevicePtr>(data_); }

 private:
  CudaDevice& device_;
  CudaQueue& queue_;
};

class CudaMatrix : public Matrix {
 public:
  kernels::cuda::WeightKind kind = kernels::cuda::WeightKind::f32;
  kernels::cuda::TiledSizes sizes;
  std::unique_ptr<CudaBuffer> tiles;

  CudaMatrix(int n_in, int n_out, size_t size_bytes) {
    n_in_ = n_in;
    n_out_ = n_out;
    size_bytes_ = size_bytes;
  }
  kernels::cuda::SkinnyPart part(float* y, int first_tile) const;
};

class CudaBackend : public Backend {
 public:
  CudaBackend();  // throws as CudaDevice does

  std::string name() const override;
  bool is_gpu() const override { return true; }
  void set_exact(bool on) override { exact_ = on; }
  bool exact_batches_pay(const Matrix&) const override { return true; }
  std::unique_ptr<Buffer> allocate(size_t size_bytes, const std::string& what) override;
  void upload(Buffer& to, size_t offset_bytes, std::span<const std::byte> from) override;
  void download(std::span<std::byte> to, const Buffer& from, size_t offset_bytes) override;
  void copy(Buffer& to, const Buffer& from) override;
  uint64_t free_bytes() const override { return device_.free_bytes(); }
  void require_memory(uint64_t size_bytes, const std::string& what) const override;
  void wait() override { queue_.wait(); }
  std::unique_ptr<Matrix> load_matrix(const Tensor& weights, const std::string& name, bool source_may_go) override;
  size_t matrix_bytes(const Tensor& weights) const override;
  void set_stop(std::stop_token stop) override { stop_ = std::move(stop); }
  bool stopped() const override { return stop_.stop_requested(); }
  void begin_pass(bool repeats) override;

  void embed(const Tensor& table, std::span<const int32_t> tokens, float* x) override;
  void matmul(std::span<const Projection> projections, const float* x, Norm norm, int n_tokens) override;
  void matmul_add(const Matrix& weights, const float* x, float* y, int n_tokens) override;
  void gated_matmul(const Matrix& gate, const Matrix& up, const float* x, Norm norm, float* y, int n_tokens) override;

  size_t k_cache_bytes(const AttentionShape& shape, CacheType type, int n_ctx) const override;
  size_t v_cache_bytes(const AttentionShape& shape, CacheType type, int n_ctx) const override;
  uint32_t cache_layout() const override;
  void rope_and_store(const AttentionShape& shape, const Rope& rope, float* q, const float* k, const float* v,
                      const KvLayer& cache, int first_position, int n_tokens) override;
  void attention(const AttentionShape& shape, const float* q, const KvLayer& cache, float* out, int first_position,
                 int n_tokens) override;
  void rope_and_store_runs(const AttentionShape& shape, const Rope& rope, float* q, const float* k, const float* v,
                           std::span<const KvRun> runs) override;
  void attend_runs(const AttentionShape& shape, const float* q, std::span<const KvRun> runs, float* out) override;

  const CudaDevice& device() const { return device_; }
  const CudaQueue& queue() const { return queue_; }

 private:
  // Memory that grows to the largest size asked for; contents do not survive.
  struct Scratch {
    std::unique_ptr<CudaBuffer> buffer;
  };
  std::byte* scratch(Scratch& scratch, size_t size_bytes, const char* what);

  // Products of one kind of weights, of up to 8 tokens or any number.
  void product(std::span<const Projection> projections, const float* x, Norm norm, int n_tokens, int epilogue);
  void skinny(std::span<const Projection> projections, const float* x, Norm norm, int n_tokens, int epilogue);
  void prefill(std::span<const Projection> projections, const float* x, Norm norm, int n_tokens, int epilogue);
  void any(std::span<const Projection> projections, const float* x, Norm norm, int n_tokens, int epilogue);
  unsigned skinny_shared_bytes(kernels::cuda::SkinnyParams& params, kernels::cuda::WeightKind kind) const;

  // What kernels read that changes from pass to pass: StepState, cosines and sines, the cache's blocks.
  void prepare_step(const Rope& rope, const KvLayer& cache, int first_position, int n_tokens);
  void prepare_blocks(const KvLayer& cache, int n_tokens);
  // Likewise for several texts: each token's length and table of blocks.
  void prepare_batch(const Rope& rope, std::span<const KvRun> runs);
  std::vector<float> turns_of(const Rope& rope, std::span<const int32_t> positions) const;
  void store(const AttentionShape& shape, const Rope& rope, const KvLayer& cache, kernels::cuda::RopeStoreParams& params, int n_tokens);
  // params.n_queries queries, the longest of which sees n_keys keys of a cache with room for n_ctx.
  void attend(const AttentionShape& shape, const KvLayer& cache, kernels::cuda::AttentionParams& params, int n_ctx, int n_keys);
  void attend_prompt(const kernels::cuda::AttentionParams& params, const kernels::cuda::DecodeInstance& instance);
  void attend_selected(const kernels::cuda::AttentionParams& all, int top_k, CacheType type, int n_ctx, int n_keys);
  kernels::cuda::CachePool pool(const KvLayer& cache, bool keys, const AttentionShape& shape, const Scratch& blocks) const;

  CudaDevice device_;
  CudaQueue queue_;
  ThreadPool pool_;  // re-tiles weights
  std::stop_token stop_;
  bool exact_ = false;

  Scratch state_, turns_, blocks_, partials_, arrived_, ups_, packed_, selected_;
  std::vector<double> turn_frequencies_;
  std::vector<std::byte*> blocks_sent_;
  int state_position_ = -1, state_tokens_ = 0;
  // Of a batch: lengths of its tokens, their tables of blocks (table_stride_ entries each), their turns.
  Scratch lengths_, tables_, batch_turns_;
  std::vector<int32_t> lengths_sent_;
  std::vector<uint64_t> tables_sent_;
  std::vector<double> batch_frequencies_;
  int table_stride_ = 0;
  bool step_read_ = false;  // something collected reads the step's state
  size_t arrived_zeroed_ = 0;
};

}  // namespace engine
