// A product runs as: activations packed into tiles of up to 12 tokens (norm included), then row
// tiles shared among threads. A thread takes a few row tiles and goes through all tokens with them,
// so that weights come from memory once and an activation tile serves several row tiles from L1.
#include "engine/backend/cpu_backend.h"

#include <algorithm>
#include <cstring>

#include "engine/backend/host_memory.h"
#include "engine/base/error.h"
#include "engine/base/free_memory.h"
#include "kernels/cpu/pack.h"

namespace engine {
namespace {

using kernels::WeightType;

static_assert(int(DType::q4_k) == int(WeightType::q4_k) && int(DType::bf16) == int(WeightType::bf16) &&
              int(DType::iq4_nl) == int(WeightType::iq4_nl));

const CpuMatrix& cpu(const Matrix& m) { return static_cast<const CpuMatrix&>(m); }

// Bytes of a file's weights between two releases of their pages.
constexpr int64_t packed_at_once = 4 << 20;

// Row tiles that a thread takes at once. Decoding reads long runs of memory; prefill wants enough
// tiles that an activation tile read from L2 is used several times.
int64_t tiles_at_once(int64_t n_tiles, int n_threads, int n_tokens) {
  const int64_t fair = std::max<int64_t>(1, n_tiles / (int64_t(n_threads) * 4));
  return std::min<int64_t>(fair, n_tokens > 1 ? 4 : 64);
}

}  // namespace

std::byte* Scratch::get(size_t size_bytes, const char* what) {
  if (!buffer_ || buffer_->size_bytes() < size_bytes) {
    buffer_.reset();
    buffer_ = allocate_host_memory(size_bytes, what);
  }
  return buffer_->data();
}

CpuBackend::CpuBackend(const kernels::CpuKernels& kernels, int n_threads)
    : kernels_(kernels), pool_(n_threads), thread_scratch_(size_t(pool_.n_threads())) {}

std::string CpuBackend::name() const {
  return format("cpu %s, %d thread%s", kernels_.name, pool_.n_threads(),
                pool_.n_threads() == 1 ? "" : "s");
}

std::unique_ptr<Buffer> CpuBackend::allocate(size_t size_bytes, const std::string& what) {
  return allocate_host_memory(size_bytes, what);
}

void CpuBackend::upload(Buffer& to, size_t offset_bytes, std::span<const std::byte> from) {
  CHECK_INVARIANT(offset_bytes <= to.size_bytes() && from.size() <= to.size_bytes() - offset_bytes);
  if (!from.empty()) std::memcpy(to.data() + offset_bytes, from.data(), from.size());
}

void CpuBackend::download(std::span<std::byte> to, const Buffer& from, size_t offset_bytes) {
  CHECK_INVARIANT(offset_bytes <= from.size_bytes() && to.size() <= from.size_bytes() - offset_bytes);
  if (!to.empty()) std::memcpy(to.data(), from.data() + offset_bytes, to.size());
}

void CpuBackend::copy(Buffer& to, const Buffer& from) {
  CHECK_INVARIANT(from.size_bytes() <= to.size_bytes());
  std::memcpy(to.data(), from.data(), from.size_bytes());
}

uint64_t CpuBackend::free_bytes() const { return free_memory_bytes(); }

void CpuBackend::require_memory(uint64_t size_bytes, const std::string& what) const {
  require_host_memory(size_bytes, what);
}

// A tile product of quantised weights does the same steps in the same order for each of its tokens,
// however many there are; of float weights, narrow tiles split their sums into more chains.
bool CpuBackend::exact_batches_pay(const Matrix& weights) const {
  return !kernels::is_float(cpu(weights).type);
}

size_t CpuBackend::matrix_bytes(const Tensor& weights) const {
  return size_t(kernels::tile_bytes(WeightType(weights.dtype), weights.dims[0]) * kernels::n_tiles(weights.dims[1]));
}

std::unique_ptr<Matrix> CpuBackend::load_matrix(const Tensor& weights, const std::string& name, bool source_may_go) {
  const WeightType type = WeightType(weights.dtype);
  const int64_t n_in = weights.dims[0], n_out = weights.dims[1];
  const kernels::BlockSize block = kernels::block_size(type);
  CHECK_INVARIANT(block.n_bytes > 0 && n_in > 0 && n_out > 0 && n_in % block.n_elements == 0);
  CHECK_INVARIANT(n_in < (1 << 30) && n_out < (1 << 30));
  CHECK_INVARIANT(uint64_t(n_in / block.n_elements) * uint64_t(block.n_bytes) * uint64_t(n_out) <=
                  weights.size_bytes);
  const int64_t tile_bytes = kernels::tile_bytes(type, n_in), n_tiles = kernels::n_tiles(n_out);
  auto matrix = std::make_unique<CpuMatrix>(int(n_in), int(n_out), matrix_bytes(weights));
  matrix->type = type;
  matrix->tile_bytes = tile_bytes;
  matrix->tiles = allocate_host_memory(matrix->size_bytes(), name);

  uint8_t* tiles = reinterpret_cast<uint8_t*>(matrix->tiles->data());
  const uint8_t* rows = reinterpret_cast<const uint8_t*>(weights.data);
  const int64_t source_bytes = n_in / block.n_elements * block.n_bytes * kernels::tile_rows;  // of a tile
  const int64_t at_once = std::max<int64_t>(1, packed_at_once / source_bytes);
  for (int64_t first = 0; first < n_tiles; first += at_once) {
    pool_.run(std::min(at_once, n_tiles - first), [&](int64_t i, int) {
      if (stopped()) return;
      kernels::pack_tiles(type, rows, n_out, n_in, first + i, first + i + 1, tiles);
    });
    if (stopped()) fail(ErrorKind::cancelled, "loading was cancelled at %s", name.c_str());
    if (!source_may_go) continue;
    const size_t begin = size_t(first * source_bytes), end = size_t((first + at_once) * source_bytes);
    release_mapped_pages(weights.data + begin, std::min(end, weights.size_bytes) - begin);
  }
  return matrix;
}

void CpuBackend::embed(const Tensor& table, std::span<const int32_t> tokens, float* x) {
  const WeightType type = WeightType(table.dtype);
  const kernels::BlockSize block = kernels::block_size(type);
  const int64_t dim = table.dims[0], row_bytes = dim / block.n_elements * block.n_bytes;
  for (size_t t = 0; t < tokens.size(); ++t) {
    const std::byte* row = table.data + tokens[t] * row_bytes;
    kernels::dequantize_row(type, reinterpret_cast<const uint8_t*>(row), x + int64_t(t) * dim, dim);
  }
}

bool CpuBackend::embed_from(const Matrix& table, std::span<const int32_t> tokens, float* x) {
  const CpuMatrix& w = cpu(table);
  pool_.run(int64_t(tokens.size()), [&](int64_t t, int) {
    kernels::unpack_row(w.type, w.tile(0), tokens[size_t(t)], w.n_in(), x + t * w.n_in());
  });
  return true;
}

// Activations of one product in the forms that its matrices want.
struct CpuBackend::Inputs {
  Packed int8, f32;
};

CpuBackend::Packed CpuBackend::pack(bool as_int8, const float* x, Norm norm, int n_in, int n_tokens,
                                    Scratch& to) {
  const int width = as_int8 ? kernels_.tokens_int8 : kernels_.tokens_f32;
  Packed packed;
  packed.n_tiles = kernels::n_token_tiles(n_tokens, width);
  packed.token_bytes = as_int8 ? kernels::int8_activation_bytes(n_in, 1) : int64_t(n_in) * 4;
  std::byte* data = to.get(size_t(packed.token_bytes) * size_t(n_tokens), "activations");
  const size_t normed_bytes = size_t(n_in) * 4 * kernels::max_tile_tokens;
  if (norm.weights) reserve_thread_scratch(normed_bytes, "normed activations");
  packed.data = data;
  pool_.run(packed.n_tiles, [&](int64_t tile, int thread) {
    const int begin = kernels::token_tile_begin(int(tile), packed.n_tiles, n_tokens);
    const int end = kernels::token_tile_begin(int(tile) + 1, packed.n_tiles, n_tokens);
    const float* rows = x + int64_t(begin) * n_in;
    if (norm.weights) {
      float* normed = reinterpret_cast<float*>(
          thread_scratch_[size_t(thread)].get(normed_bytes, "normed activations"));
      for (int t = begin; t < end; ++t) {
        kernels_.rms_norm(x + int64_t(t) * n_in, norm.weights, normed + int64_t(t - begin) * n_in,
                          n_in, norm.eps);
      }
      rows = normed;
    }
    const auto pack_tile = as_int8 ? kernels_.pack_int8 : kernels_.pack_f32;
    pack_tile(rows, n_in, end - begin, n_in, data + begin * packed.token_bytes);
  });
  return packed;
}

CpuBackend::Inputs CpuBackend::pack_for(std::span<const Matrix* const> weights, const float* x,
                                        Norm norm, int n_tokens) {
  Inputs in;
  for (const Matrix* w : weights) {
    const bool as_int8 = !kernels::is_float(cpu(*w).type);
    Packed& packed = as_int8 ? in.int8 : in.f32;
    if (!packed.data) packed = pack(as_int8, x, norm, w->n_in(), n_tokens, as_int8 ? int8_ : f32_);
  }
  return in;
}

void CpuBackend::reserve_thread_scratch(size_t size_bytes, const char* what) {
  for (Scratch& scratch : thread_scratch_) scratch.get(size_bytes, what);
}

void CpuBackend::product_rows(const CpuMatrix& w, const Inputs& in, int64_t tile_begin,
                              int64_t tile_end, float* y, int n_tokens, kernels::Store how) const {
  const Packed& x = kernels::is_float(w.type) ? in.f32 : in.int8;
  alignas(64) float sums[kernels::max_tile_tokens * kernels::tile_rows];
  for (int t = 0; t < x.n_tiles; ++t) {
    const int begin = kernels::token_tile_begin(t, x.n_tiles, n_tokens);
    const int n = kernels::token_tile_begin(t + 1, x.n_tiles, n_tokens) - begin;
    const kernels::TileDot dot = kernels_.tile_dot[int(w.type)][n];
    for (int64_t tile = tile_begin; tile < tile_end; ++tile) {
      const int64_t row = tile * kernels::tile_rows;
      const int n_rows = int(std::min<int64_t>(kernels::tile_rows, w.n_out() - row));
      dot(w.tile(tile), x.data + begin * x.token_bytes, w.n_in(), sums);
      kernels_.store_tile(sums, n, n_rows, y + int64_t(begin) * w.n_out() + row, w.n_out(), how);
    }
  }
}

void CpuBackend::matmul(std::span<const Projection> projections, const float* x, Norm norm,
                        int n_tokens) {
  constexpr size_t most = 4;
  const size_t n = projections.size();
  CHECK_INVARIANT(n <= most);
  const auto pays = [&](const Projection& p) { return exact_batches_pay(*p.weights); };
  if (exact_ && n_tokens > 1 && !std::all_of(projections.begin(), projections.end(), pays)) {
    Projection one[most];
    std::copy(projections.begin(), projections.end(), one);
    for (int t = 0; t < n_tokens; ++t) {
      matmul({one, n}, x + int64_t(t) * one[0].weights->n_in(), norm, 1);
      for (size_t i = 0; i < n; ++i) one[i].y += one[i].weights->n_out();
    }
    return;
  }
  const Matrix* weights[most] = {};
  int64_t chunk[most] = {}, first[most + 1] = {};
  for (size_t i = 0; i < n; ++i) {
    weights[i] = projections[i].weights;
    CHECK_INVARIANT(weights[i]->n_in() == weights[0]->n_in());
    const int64_t n_tiles = cpu(*weights[i]).n_tiles();
    chunk[i] = tiles_at_once(n_tiles, pool_.n_threads(), n_tokens);
    first[i + 1] = first[i] + (n_tiles + chunk[i] - 1) / chunk[i];
  }
  const Inputs in = pack_for({weights, n}, x, norm, n_tokens);

  pool_.run(first[n], [&](int64_t item, int) {
    if (stopped()) return;
    size_t i = 0;
    while (item >= first[i + 1]) ++i;
    const CpuMatrix& w = cpu(*weights[i]);
    const int64_t begin = (item - first[i]) * chunk[i];
    product_rows(w, in, begin, std::min(begin + chunk[i], w.n_tiles()), projections[i].y, n_tokens,
                 kernels::Store::set);
  });
}

void CpuBackend::matmul_add(const Matrix& weights, const float* x, float* y, int n_tokens) {
  if (exact_ && n_tokens > 1 && !exact_batches_pay(weights)) {
    for (int64_t t = 0; t < n_tokens; ++t) matmul_add(weights, x + t * weights.n_in(), y + t * weights.n_out(), 1);
    return;
  }
  const Matrix* const list[] = {&weights};
  const CpuMatrix& w = cpu(weights);
  const Inputs in = pack_for(list, x, {}, n_tokens);
  const int64_t chunk = tiles_at_once(w.n_tiles(), pool_.n_threads(), n_tokens);
  pool_.run((w.n_tiles() + chunk - 1) / chunk, [&](int64_t item, int) {
    if (stopped()) return;
    product_rows(w, in, item * chunk, std::min((item + 1) * chunk, w.n_tiles()), y, n_tokens,
                 kernels::Store::add);
  });
}

void CpuBackend::gated_rows(const CpuMatrix& gate, const CpuMatrix& up, const Inputs& in,
                            int64_t tile_begin, int64_t tile_end, float* y, int n_tokens) const {
  const Packed& x = kernels::is_float(gate.type) ? in.f32 : in.int8;
  alignas(64) float gates[kernels::max_tile_tokens * kernels::tile_rows];
  alignas(64) float ups[kernels::max_tile_tokens * kernels::tile_rows];
  for (int t = 0; t < x.n_tiles; ++t) {
    const int begin = kernels::token_tile_begin(t, x.n_tiles, n_tokens);
    const int n = kernels::token_tile_begin(t + 1, x.n_tiles, n_tokens) - begin;
    const std::byte* from = x.data + begin * x.token_bytes;
    for (int64_t tile = tile_begin; tile < tile_end; ++tile) {
      const int64_t row = tile * kernels::tile_rows;
      const int n_rows = int(std::min<int64_t>(kernels::tile_rows, gate.n_out() - row));
      kernels_.tile_dot[int(gate.type)][n](gate.tile(tile), from, gate.n_in(), gates);
      kernels_.tile_dot[int(up.type)][n](up.tile(tile), from, up.n_in(), ups);
      kernels_.silu_mul_tile(gates, ups, n, n_rows, y + int64_t(begin) * gate.n_out() + row,
                             gate.n_out());
    }
  }
}

void CpuBackend::gated_matmul(const Matrix& gate, const Matrix& up, const float* x, Norm norm,
                              float* y, int n_tokens) {
  const CpuMatrix &g = cpu(gate), &u = cpu(up);
  CHECK_INVARIANT(g.n_out() == u.n_out() && g.n_in() == u.n_in());
  if (exact_ && n_tokens > 1 && !(exact_batches_pay(gate) && exact_batches_pay(up))) {
    for (int64_t t = 0; t < n_tokens; ++t) gated_matmul(gate, up, x + t * g.n_in(), norm, y + t * g.n_out(), 1);
    return;
  }
  const bool same_kind = kernels::is_float(g.type) == kernels::is_float(u.type);
  const int64_t chunk = tiles_at_once(g.n_tiles(), pool_.n_threads(), n_tokens);
  const int64_t n_items = (g.n_tiles() + chunk - 1) / chunk;
  if (same_kind) {
    const Matrix* const list[] = {&gate, &up};
    const Inputs in = pack_for(list, x, norm, n_tokens);
    pool_.run(n_items, [&](int64_t item, int) {
      if (stopped()) return;
      gated_rows(g, u, in, item * chunk, std::min((item + 1) * chunk, g.n_tiles()), y, n_tokens);
    });
    return;
  }
  // One of f32, one of int8 activations: their token tiles differ, so two products and a third step.
  float* ups = ups_.floats(size_t(n_tokens) * size_t(u.n_out()), "activations");
  const Projection both[] = {{&gate, y}, {&up, ups}};
  matmul(both, x, norm, n_tokens);
  pool_.run(n_tokens, [&](int64_t t, int) {
    float *gates = y + t * g.n_out(), *other = ups + t * g.n_out();
    for (int64_t row = 0; row < g.n_out(); row += kernels::tile_rows) {
      const int n_rows = int(std::min<int64_t>(kernels::tile_rows, g.n_out() - row));
      alignas(64) float a[kernels::tile_rows] = {}, b[kernels::tile_rows] = {};
      std::copy_n(gates + row, n_rows, a);
      std::copy_n(other + row, n_rows, b);
      kernels_.silu_mul_tile(a, b, 1, n_rows, gates + row, 0);
    }
  });
}

std::unique_ptr<Backend> make_cpu_backend(const CpuOptions& options) {
  std::string known;
  for (int i = 0; i < kernels::n_cpu_kernels(); ++i) {
    const kernels::CpuKernels& kernels = kernels::cpu_kernels(i);
    if (options.isa.empty() || options.isa == kernels.name) {
      return std::make_unique<CpuBackend>(kernels, options.n_threads);
    }
    known += std::string(known.empty() ? "" : ", ") + kernels.name;
  }
  fail(ErrorKind::invalid_input, "this processor has no instruction set \"%s\"; it has %s",
       options.isa.c_str(), known.c_str());
}

}  // namespace engine
