// kernels/cuda/params.h: what each kernel is given, by value. Host and device include this (C++17, plain data), so that
// both agree on every offset. Pointers are device addresses. README.md lists entry names and launch shapes.
#pragma once
#include <cstdint>

namespace kernels::cuda {

// ---- weights: tiles of 16 rows x 64 columns in the order of mma.m16n8k16 fragments (weights.h)

constexpr int tile_rows = 16, tile_columns = 64, scale_columns = 32;

struct SkinnyPart {
  const void* weights;   // tiles
  const void* scales;    // f16, w8 and w4 kinds only
  const void* mins;      // f16, w8m and w4m only
  float* y;              // (n_tokens, n_out)
  int32_t n_out;
  int32_t first_tile;    // of blockIdx.x
};
enum SkinnyEpilogue : int32_t { epilogue_store = 0, epilogue_add = 1 };

// skinny_*: y_i = W_i norm(x) or y += W x.  gated_*: y = silu(W_0 norm(x)) * (W_1 norm(x)), y of part 0.
struct SkinnyParams {
  SkinnyPart part[3];
  const float* x;        // (n_tokens, n_in)
  const float* norm;     // (n_in) or null
  float eps;
  int32_t n_parts;
  int32_t n_in;
  int32_t n_tokens;      // 1..4 (n4) or 1..8 (n8)
  int32_t k_chunk;       // columns of x staged at once, a multiple of 64
  int32_t epilogue;
};

// any_f32: the same products of f32 weights [n_out][n_in], any number of tokens (grid y: blocks of 8).
// The layout of SkinnyParams; first_tile counts blocks of 8 rows; k_chunk is not read.
// any_f32_gated: likewise.

// ---- prefill products: x is packed first (norm, 16-bit), then gemm_* runs

struct PackParams {      // pack_bf16, pack_f16
  const float* x;        // (n_tokens, n_in)
  const float* norm;     // or null
  uint16_t* packed;      // (n_tokens, n_padded), zero beyond n_in
  float* unscale;        // (n_tokens): what a product of the row is multiplied by (f16; 1 for bf16)
  float eps;
  int32_t n_in, n_padded;
};
struct GemmParams {      // gemm_*
  const void *weights, *scales, *mins;
  const uint16_t* x;     // packed
  const float* unscale;
  float* y;              // (n_tokens, n_out)
  int32_t n_out, n_padded, n_tokens;
  int32_t epilogue;
};
struct SiluMulParams {   // silu_mul: y = silu(gate) * up; y may be gate
  const float *gate, *up;
  float* y;
  int64_t n;
};

// ---- attention

constexpr int page_tokens = 64;

// One layer's K or V. Tokens lie in blocks of block_tokens (a multiple of 64), a block's rows as pages of 64 tokens,
// [page][n_heads][64][dim]: a head's page is contiguous, and so is a row. int8 rows have one f16 scale each, behind the
// block's rows in the same order [page][n_heads][64].
struct CachePool {
  const uint64_t* blocks;  // [batch][block_stride] device addresses; null: one block, at `base`
  uint64_t base;           // of this layer's rows in each block (blocks == null: the address itself)
  int64_t scales_at;       // bytes from there to the scales
  int32_t block_tokens;
};

// Where the tokens of this pass stand; rewritten before each pass (and each graph replay).
struct StepState {
  int32_t first_position;
  int32_t n_tokens;
};

struct RopeStoreParams {  // rope_store_*
  float* q;               // (n_tokens, n_heads_q, dim_k), turned in place
  const float *k, *v;     // (n_tokens, n_heads_k, dim_k), (n_tokens, n_heads_v, dim_v)
  const float* turns;     // (n_tokens, dim_k / 2, 2): cosine, sine of each pair
  CachePool k_pool, v_pool;
  const int32_t* lengths; // (n_tokens): position + 1 of token i, whose table of blocks is its own; null: first_position + i
  const StepState* state; // read where lengths is null
  int32_t n_heads_q, n_heads_k, n_heads_v, dim_k, dim_v;
  int32_t interleaved;
  int32_t block_stride;   // as in AttentionParams
};

struct AttentionParams {  // dq_decode_*, dq_any_*, dq_prefill_*
  const float* q;         // (n, n_heads_q, dim_k), turned
  float* out;             // (n, n_heads_q, dim_v)
  CachePool k_pool, v_pool;
  const int32_t* lengths; // (n): tokens that query i sees; null: first_position + first_token + i + 1
  const StepState* state; // read where lengths is null
  float* partial_out;     // (n, n_heads_q, max_splits, dim_v)
  float* partial_max_sum; // (n, n_heads_q, max_splits, 2): maximum in log2 units, sum
  int32_t* arrived;       // (n, grid y), zero between launches
  float scale_log2;       // log2(e) / sqrt(dim_k)
  int32_t n_heads_q, n_heads_k, n_heads_v, dim_k, dim_v;
  int32_t first_token;    // of the pass that query 0 belongs to
  int32_t block_stride;   // from a query's table of blocks to the next one's; 0: all share one
  int32_t max_splits;     // grid x
  int32_t heads_per_cta;  // Q heads that a CTA takes, 1..8 (specialised kernels)
  int32_t n_queries;
};

struct SelectParams {      // select_*: selective V
  AttentionParams a;       // q, out, pools, lengths or state, heads, widths, first_token, block_stride, scale_log2
  float* scores;           // (n, n_heads_q, max_tokens), log2 units
  int32_t* chosen;         // (n, n_heads_q, top_k) tokens, ascending
  float* weights;          // (n, n_heads_q, top_k)
  int32_t max_tokens, top_k;
};

}  // namespace kernels::cuda
