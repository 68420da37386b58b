// engine/backend/backend.h: the operations that a decoder-only transformer needs, on some device.
// Activations are f32 rows, one row a token, in the backend's memory (`float*` below). Several
// steps that always follow each other are one operation, so that a backend can do them in one pass
// (a norm before a product, SiLU behind it, the residual addition).
//
// A backend runs one operation at a time: callers on several threads take turns (SigmaModel holds
// the lock). Operations may be queued; download() and wait() see their results. A stop asked for by
// set_stop() ends an operation early, its output is then unspecified; check with stopped().
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>

#include "engine/tensor.h"

namespace engine {

// Memory on a backend, freed with its last owner.
class Buffer {
 public:
  virtual ~Buffer() = default;
  std::byte* data() const { return data_; }  // an address of the backend, not always the host's
  size_t size_bytes() const { return size_bytes_; }
  float* floats() const { return reinterpret_cast<float*>(data_); }

 protected:
  std::byte* data_ = nullptr;
  size_t size_bytes_ = 0;
};

// A weight matrix in the layout that the backend's kernels want: y = W x.
class Matrix {
 public:
  virtual ~Matrix() = default;
  int n_in() const { return n_in_; }
  int n_out() const { return n_out_; }
  size_t size_bytes() const { return size_bytes_; }  // of the backend's copy

 protected:
  int n_in_ = 0, n_out_ = 0;
  size_t size_bytes_ = 0;
};

// fp8: e4m3, without a scale. bf16 and fp8 are held on GPUs alone, q4_0 on the CPU alone.
enum class CacheType { f32, f16, q8_0, q4_0, bf16, fp8 };
const char* cache_type_name(CacheType type);  // "f32", "f16", "q8_0", "q4_0", "bf16", "fp8"
CacheType cpu_cache_type(CacheType type);     // what the CPU has in its place: f16 for bf16, q8_0 for fp8, else the same

struct AttentionShape {
  int n_heads_q = 0, n_heads_k = 0, n_heads_v = 0;  // n_heads_q a multiple of both others
  int head_dim_k = 0, head_dim_v = 0;
  int selective_v_top_k = 0;  // 0: every V row
  int window = 0;             // a token sees so many, itself included; 0: all before it
};

// Keys and values of one layer, each head's tokens in one stream; the layout inside is the
// backend's own. Borrowed from a KvCache. Either one piece (k, v), or blocks that hold
// block_tokens tokens each and may be shared between caches: in block i stands, k_offset and
// v_offset bytes behind blocks[i], what a cache of block_tokens tokens in one piece would hold.
struct KvLayer {
  std::byte* k = nullptr;
  std::byte* v = nullptr;
  CacheType k_type = CacheType::f16, v_type = CacheType::f16;
  int n_ctx = 0;  // tokens there is room for
  std::byte* const* blocks = nullptr;
  size_t k_offset = 0, v_offset = 0;
  int block_tokens = 0;  // a multiple of kv_block_step

  // Tokens of one piece, and the piece that a token is in.
  int piece_tokens() const { return blocks ? block_tokens : n_ctx; }
  std::byte* k_piece(int64_t i) const { return blocks ? blocks[i] + k_offset : k; }
  std::byte* v_piece(int64_t i) const { return blocks ? blocks[i] + v_offset : v; }
};
// A run of this many keys from a multiple of it on lies in one block.
constexpr int kv_block_step = 128;

// Consecutive tokens of one text. A pass over several texts has their runs one behind the other in its activations.
struct KvRun {
  KvLayer cache;
  int first_position = 0, n_tokens = 0;
};

// Angle of pair i at position p is p * frequencies[i] (head_dim_k / 2 of them, host memory).
struct Rope {
  std::span<const double> frequencies;
  bool interleaved = false;  // pairs (2i, 2i+1) instead of (i, i + d/2)
};

// One product of several that share their input.
struct Projection {
  const Matrix* weights = nullptr;
  float* y = nullptr;  // (n_tokens, n_out)
};

// rms_norm of each row before a product: x / sqrt(mean(x*x) + eps) * weights. Off where null.
struct Norm {
  const float* weights = nullptr;
  float eps = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string name() const = 0;  // "cpu avx512, 2 threads"
  virtual int n_threads() const { return 1; }  // that have buffers of their own
  virtual bool is_gpu() const { return false; }  // its memory and its faults are a device's

  // While on, each row of every result is, to the last bit, what its token would get in a batch of
  // one: speculative decoding checks its drafts so. Otherwise only equal up to rounding.
  virtual void set_exact(bool on) = 0;
  // Do these weights leave memory once for a small exact batch? Where not, one gains nothing.
  virtual bool exact_batches_pay(const Matrix& weights) const = 0;

  // Throws Error{out_of_memory} naming `what` and the bytes asked for.
  virtual std::unique_ptr<Buffer> allocate(size_t size_bytes, const std::string& what) = 0;
  virtual void upload(Buffer& to, size_t offset_bytes, std::span<const std::byte> from) = 0;
  virtual void download(std::span<std::byte> to, const Buffer& from, size_t offset_bytes) = 0;
  virtual void copy(Buffer& to, const Buffer& from) = 0;  // from's bytes; to is as large or larger
  virtual uint64_t free_bytes() const = 0;  // of its memory, now
  // Throws what allocate would where so much more cannot be had now.
  virtual void require_memory(uint64_t size_bytes, const std::string& what) const = 0;
  virtual void wait() = 0;

  // Copies weights {n_in, n_out} of any DType. source_may_go: they lie in a mapped file and the host
  // does not read them again; their pages go while they are copied, so that large matrices are not in
  // memory twice. Throws Error{cancelled} soon after a stop.
  virtual std::unique_ptr<Matrix> load_matrix(const Tensor& weights, const std::string& name,
                                              bool source_may_go = false) = 0;
  // Bytes of the copy that load_matrix would make.
  virtual size_t matrix_bytes(const Tensor& weights) const = 0;

  virtual void set_stop(std::stop_token stop) = 0;
  virtual bool stopped() const = 0;

  // A pass through the model begins. repeats: a decoding step, whose like will follow: a backend may keep what it takes.
  virtual void begin_pass(bool /*repeats*/) {}

  // x[t] = row tokens[t] of the table {dim, n_vocab}, host memory; every id was checked.
  virtual void embed(const Tensor& table, std::span<const int32_t> tokens, float* x) = 0;
  // The same, to the last bit, from the copy that load_matrix made of a table, where the backend can:
  // a tied embedding is then in memory once. False: nothing was done.
  virtual bool embed_from(const Matrix& /*table*/, std::span<const int32_t> /*tokens*/, float* /*x*/) { return false; }
  // y_i = W_i norm(x) for each projection.
  virtual void matmul(std::span<const Projection> projections, const float* x, Norm norm,
                      int n_tokens) = 0;
  // y += W x
  virtual void matmul_add(const Matrix& weights, const float* x, float* y, int n_tokens) = 0;
  // y = silu(W_gate norm(x)) * (W_up norm(x))
  virtual void gated_matmul(const Matrix& gate, const Matrix& up, const float* x, Norm norm,
                            float* y, int n_tokens) = 0;

  // Steps that some architectures add between those above, on rows of activations. A backend without
  // them (and without AttentionShape::window) says so here and is not given such models.
  virtual bool has_row_operations() const { return false; }
  virtual void add_bias(const float* bias, float* x, int width, int n_rows);        // x[r] += bias
  virtual void norm_rows(Norm norm, float* x, int width, int n_rows);               // in place
  virtual void norm_and_add(Norm norm, const float* x, float* y, int width, int n_rows);  // y += norm(x)
  virtual void scale(float factor, float* x, int64_t n);
  virtual void gelu_mul(const float* up, float* gate, int64_t n);  // gate = gelu(gate) up, tanh form

  // Bytes of one layer's K or V cache for n_ctx tokens; nothing of it need be initialised.
  virtual size_t k_cache_bytes(const AttentionShape& shape, CacheType type, int n_ctx) const = 0;
  virtual size_t v_cache_bytes(const AttentionShape& shape, CacheType type, int n_ctx) const = 0;
  // Another number wherever the same cached tokens are other bytes; saved caches carry it.
  virtual uint32_t cache_layout() const = 0;
  // Rotates q (n_tokens, n_heads_q, head_dim_k) in place and k (n_tokens, n_heads_k, head_dim_k) on
  // its way into the cache; v (n_tokens, n_heads_v, head_dim_v) goes as it is. Positions are
  // first_position, first_position + 1, ...
  virtual void rope_and_store(const AttentionShape& shape, const Rope& rope, float* q,
                              const float* k, const float* v, const KvLayer& cache,
                              int first_position, int n_tokens) = 0;
  // out (n_tokens, n_heads_q, head_dim_v): causal attention of the tokens at first_position.. over
  // the cache, which holds them already. Scores are q.k / sqrt(head_dim_k).
  virtual void attention(const AttentionShape& shape, const float* q, const KvLayer& cache,
                         float* out, int first_position, int n_tokens) = 0;
  // Both for several texts, each with its own cache; the caches are of one pool. As called for one run after the other.
  virtual void rope_and_store_runs(const AttentionShape& shape, const Rope& rope, float* q, const float* k, const float* v,
                                   std::span<const KvRun> runs);
  virtual void attend_runs(const AttentionShape& shape, const float* q, std::span<const KvRun> runs, float* out);
};

struct CpuOptions {
  int n_threads = 0;  // 0: one for each core
  std::string isa = {};  // "avx512", "avx2", "plain"; empty: the widest that this processor has
};

// Throws Error{invalid_input} on an instruction set that the processor lacks.
std::unique_ptr<Backend> make_cpu_backend(const CpuOptions& options = {});

}  // namespace engine
