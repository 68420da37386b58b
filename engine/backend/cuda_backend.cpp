#include "engine/backend/cuda_backend.h"

#include <algorithm>
#include <cstring>

#include "engine/backend/host_memory.h"
#include "engine/base/error.h"

namespace engine {

using namespace kernels::cuda;

namespace {

const CudaMatrix& cuda(const Matrix& m) { return static_cast<const CudaMatrix&>(m); }

unsigned ceil_div(int64_t n, int64_t d) { return unsigned((n + d - 1) / d); }

constexpr int most_skinny_tokens = 8, any_rows = 8, any_tokens = 8;
constexpr int gemm_tile = 128;                      // rows and tokens of a CTA
constexpr unsigned gemm_shared_bytes = 3 * gemm_tile * tile_columns * 2;
constexpr size_t staged_tiles_bytes = size_t(2) << 20;  // re-tiled and sent at once

}  // namespace

CudaBuffer::CudaBuffer(CudaDevice& device, CudaQueue& queue, size_t size_bytes, const std::string& what)
    : device_(device), queue_(queue) {
  data_ = reinterpret_cast<std::byte*>(device.allocate(size_bytes, what));
  size_bytes_ = size_bytes;
}

// Nothing that is queued may read it later.
CudaBuffer::~CudaBuffer() {
  try {
    if (!device_.failed()) queue_.wait();
  } catch (const Error&) {  // the next operation says it
  }
  if (device_.failed()) queue_.settle();
  device_.release(address());
}

SkinnyPart CudaMatrix::part(float* y, int first_tile) const {
  const std::byte* base = tiles->data();
  return {.weights = base,
          .scales = sizes.scale_bytes > 0 ? base + sizes.weight_bytes : nullptr,
          .mins = sizes.min_bytes > 0 ? base + sizes.weight_bytes + sizes.scale_bytes : nullptr,
          .y = y,
          .n_out = n_out(),
          .first_tile = first_tile};
}

CudaBackend::CudaBackend() : queue_(device_), pool_(0) {}

std::string CudaBackend::name() const { return "cuda " + device_.name(); }

std::byte* CudaBackend::scratch(Scratch& s, size_t size_bytes, const char* what) {
  if (!s.buffer || s.buffer->size_bytes() < size_bytes) {
    s.buffer.reset();
    s.buffer = std::make_unique<CudaBuffer>(device_, queue_, size_bytes, what);
  }
  return s.buffer->data();
}

// ---- memory

std::unique_ptr<Buffer> CudaBackend::allocate(size_t size_bytes, const std::string& what) {
  return std::make_unique<CudaBuffer>(device_, queue_, size_bytes, what);
}

void CudaBackend::upload(Buffer& to, size_t offset_bytes, std::span<const std::byte> from) {
  CHECK_INVARIANT(offset_bytes <= to.size_bytes() && from.size() <= to.size_bytes() - offset_bytes);
  if (!from.empty()) queue_.upload(static_cast<CudaBuffer&>(to).address() + offset_bytes, from.data(), from.size());
}

void CudaBackend::download(std::span<std::byte> to, const Buffer& from, size_t offset_bytes) {
  CHECK_INVARIANT(offset_bytes <= from.size_bytes() && to.size() <= from.size_bytes() - offset_bytes);
  if (!to.empty()) queue_.download(to.data(), static_cast<const CudaBuffer&>(from).address() + offset_bytes, to.size());
}

void CudaBackend::copy(Buffer& to, const Buffer& from) {
  CHECK_INVARIANT(from.size_bytes() <= to.size_bytes());
  std::vector<std::byte> bytes(from.size_bytes());
  download(bytes, from, 0);
  upload(to, 0, bytes);
}

void CudaBackend::require_memory(uint64_t size_bytes, const std::string& what) const {
  const uint64_t free = device_.free_bytes();
  if (size_bytes <= free) return;
  fail(ErrorKind::out_of_memory,
       "%s needs %.1f MB of the GPU's memory and %.1f of %.1f MB are free; choose a smaller model or context, or run on "
       "the CPU (--gpu off)",
       what.c_str(), double(size_bytes) / 1e6, double(free) / 1e6, double(device_.total_bytes()) / 1e6);
}

size_t CudaBackend::matrix_bytes(const Tensor& weights) const {
  return size_t(tiled_sizes(weight_kind(kernels::WeightType(weights.dtype)), weights.dims[1], weights.dims[0]).total());
}

std::unique_ptr<Matrix> CudaBackend::load_matrix(const Tensor& weights, const std::string& name, bool source_may_go) {
  const auto type = kernels::WeightType(weights.dtype);
  const int64_t n_in = weights.dims[0], n_out = weights.dims[1];
  const kernels::BlockSize block = kernels::block_size(type);
  CHECK_INVARIANT(block.n_bytes > 0 && n_in > 0 && n_out > 0 && n_in % block.n_elements == 0);
  CHECK_INVARIANT(uint64_t(n_in / block.n_elements) * uint64_t(block.n_bytes) * uint64_t(n_out) <= weights.size_bytes);
  const WeightKind kind = weight_kind(type);
  const TiledSizes sizes = tiled_sizes(kind, n_out, n_in);
  auto matrix = std::make_unique<CudaMatrix>(int(n_in), int(n_out), size_t(sizes.total()));
  matrix->kind = kind;
  matrix->sizes = sizes;
  matrix->tiles = std::make_unique<CudaBuffer>(device_, queue_, size_t(sizes.total()), name);

  // Tiles of a few MB at a time, by all threads, into memory that the GPU copies from.
  const int64_t n_tiles = (n_out + tile_rows - 1) / tile_rows;
  const int64_t tile_bytes = tile_weight_bytes(kind, n_in), scale_bytes = tile_scale_bytes(kind, n_in);
  const int64_t at_once = std::clamp<int64_t>(int64_t(staged_tiles_bytes) / (tile_bytes + 2 * scale_bytes), 1, n_tiles);
  const DevicePtr address = matrix->tiles->address();
  const auto* rows = reinterpret_cast<const uint8_t*>(weights.data);
  const bool has_mins = sizes.min_bytes > 0;
  std::vector<std::byte> tiles(size_t(at_once * tile_bytes));
  std::vector<uint16_t> scales(size_t(at_once * scale_bytes / 2)), mins(has_mins ? scales.size() : 0);
  for (int64_t first = 0; first < n_tiles; first += at_once) {
    if (stopped()) fail(ErrorKind::cancelled, "loading was cancelled at %s", name.c_str());
    const int64_t n = std::min(at_once, n_tiles - first);
    pool_.run(n, [&](int64_t i, int) {
      tile_weights(type, rows, n_out, n_in, first + i, first + i + 1,
                   reinterpret_cast<uint8_t*>(tiles.data()) + i * tile_bytes, scales.data() + i * scale_bytes / 2,
                   has_mins ? mins.data() + i * scale_bytes / 2 : nullptr);
    });
    const int64_t here = kind == WeightKind::f32 ? std::min(n_out - first * tile_rows, n * tile_rows) * n_in * 4 : n * tile_bytes;
    queue_.upload(address + DevicePtr(first * tile_bytes), tiles.data(), size_t(here));
    const DevicePtr scales_at = address + DevicePtr(sizes.weight_bytes + first * scale_bytes);
    if (scale_bytes > 0) queue_.upload(scales_at, scales.data(), size_t(n * scale_bytes));
    if (has_mins) queue_.upload(scales_at + DevicePtr(sizes.scale_bytes), mins.data(), size_t(n * scale_bytes));
  }
  queue_.wait();
  if (source_may_go) release_mapped_pages(weights.data, weights.size_bytes);
  return matrix;
}

// ---- products

void CudaBackend::begin_pass(bool repeats) {
  queue_.collect(repeats);
  step_read_ = false;
}

// The table stays in the file's map: a step's row is a few KB, the table up to a GB that the GPU has better use for.
void CudaBackend::embed(const Tensor& table, std::span<const int32_t> tokens, float* x) {
  const auto type = kernels::WeightType(table.dtype);
  const kernels::BlockSize block = kernels::block_size(type);
  const int64_t dim = table.dims[0], row_bytes = dim / block.n_elements * block.n_bytes;
  const int64_t at_once = std::max<int64_t>(1, int64_t(CudaQueue::most_staged / 4) / (dim * 4));
  for (int64_t first = 0; first < int64_t(tokens.size()); first += at_once) {
    const int64_t n = std::min(at_once, int64_t(tokens.size()) - first);
    std::byte* const staged = queue_.stage(size_t(n * dim * 4));
    for (int64_t t = 0; t < n; ++t) {
      const std::byte* row = table.data + tokens[size_t(first + t)] * row_bytes;
      kernels::dequantize_row(type, reinterpret_cast<const uint8_t*>(row), reinterpret_cast<float*>(staged) + t * dim, dim);
    }
    queue_.send(reinterpret_cast<DevicePtr>(x + first * dim), staged, size_t(n * dim * 4));
  }
}

// Shared memory of a skinny product: as many columns of x at once as leave room for two CTAs of an H100.
unsigned CudaBackend::skinny_shared_bytes(SkinnyParams& p, WeightKind kind) const {
  const bool with_min = kind == WeightKind::w8m || kind == WeightKind::w4m;
  const int padded = (p.n_in + tile_columns - 1) / tile_columns * tile_columns;
  const auto bytes = [&](int columns) {
    return 2 * p.n_tokens * (columns + 32) * 2 + (with_min ? p.n_tokens * columns / scale_columns * 4 : 0);
  };
  const int most = std::min(device_.most_shared_bytes(), 99 << 10) - (20 << 10);  // the rest is the kernel's own
  int n_chunks = 1;
  // Chunks of whole rounds of the 8 warps: a warp then adds up the same columns in the same order whatever the batch, and a
  // token's result is the same to the last bit.
  const auto columns_of = [&](int chunks) {
    constexpr int round = 8 * tile_columns;
    return chunks == 1 ? padded : (padded / chunks + round - 1) / round * round;
  };
  while (bytes(columns_of(n_chunks)) > most) ++n_chunks;
  p.k_chunk = columns_of(n_chunks);
  return unsigned(bytes(p.k_chunk));
}

void CudaBackend::skinny(std::span<const Projection> projections, const float* x, Norm norm, int n_tokens, int epilogue) {
  const CudaMatrix& first = cuda(*projections[0].weights);
  for (int token = 0; token < n_tokens; token += most_skinny_tokens) {
    SkinnyParams p{};
    int n_tiles = 0;
    for (const Projection& projection : projections) {
      const CudaMatrix& w = cuda(*projection.weights);
      p.part[p.n_parts++] = w.part(projection.y + int64_t(token) * w.n_out(), n_tiles);
      n_tiles += int(ceil_div(w.n_out(), tile_rows));
    }
    p.x = x + int64_t(token) * first.n_in();
    p.norm = norm.weights;
    p.eps = norm.eps;
    p.n_in = first.n_in();
    p.n_tokens = std::min(n_tokens - token, most_skinny_tokens);
    p.epilogue = epilogue;
    const unsigned shared = skinny_shared_bytes(p, first.kind);
    const std::string name = std::string("skinny_") + weight_kind_name(first.kind) + (p.n_tokens > 4 ? "_n8" : "_n4");
    queue_.launch("skinny", name, {.grid = {unsigned(n_tiles), 1, 1}, .threads = 256, .shared_bytes = shared}, p);
  }
}

void CudaBackend::any(std::span<const Projection> projections, const float* x, Norm norm, int n_tokens, int epilogue) {
  SkinnyParams p{};
  int n_tiles = 0;
  for (const Projection& projection : projections) {
    const CudaMatrix& w = cuda(*projection.weights);
    p.part[p.n_parts++] = w.part(projection.y, n_tiles);
    n_tiles += int(ceil_div(w.n_out(), any_rows));
  }
  p.x = x;
  p.norm = norm.weights;
  p.eps = norm.eps;
  p.n_in = cuda(*projections[0].weights).n_in();
  p.n_tokens = n_tokens;
  p.epilogue = epilogue;
  queue_.launch("any", "any_f32", {.grid = {unsigned(n_tiles), ceil_div(n_tokens, any_tokens), 1}, .threads = 256}, p);
}

void CudaBackend::product(std::span<const Projection> projections, const float* x, Norm norm, int n_tokens, int epilogue) {
  if (n_tokens == 0 || stopped()) return;
  if (cuda(*projections[0].weights).kind == WeightKind::f32) return any(projections, x, norm, n_tokens, epilogue);
  if (n_tokens > most_skinny_tokens && !exact_) return prefill(projections, x, norm, n_tokens, epilogue);
  skinny(projections, x, norm, n_tokens, epilogue);
}

// x is normed and rounded once, then each product runs on tensor cores.
void CudaBackend::prefill(std::span<const Projection> projections, const float* x, Norm norm, int n_tokens, int epilogue) {
  const CudaMatrix& first = cuda(*projections[0].weights);
  PackParams pack{};
  pack.n_in = first.n_in();
  pack.n_padded = (first.n_in() + tile_columns - 1) / tile_columns * tile_columns;
  const size_t packed_bytes = (size_t(n_tokens) * size_t(pack.n_padded) * 2 + 255) / 256 * 256;
  std::byte* const packed = scratch(packed_, packed_bytes + size_t(n_tokens) * 4, "packed activations");
  pack.x = x;
  pack.norm = norm.weights;
  pack.eps = norm.eps;
  pack.packed = reinterpret_cast<uint16_t*>(packed);
  pack.unscale = reinterpret_cast<float*>(packed + packed_bytes);
  queue_.launch("prefill", first.kind == WeightKind::bf16 ? "pack_bf16" : "pack_f16",
                {.grid = {unsigned(n_tokens), 1, 1}, .threads = 256}, pack);
  for (const Projection& projection : projections) {
    const CudaMatrix& w = cuda(*projection.weights);
    const SkinnyPart part = w.part(projection.y, 0);
    const GemmParams p{.weights = part.weights, .scales = part.scales, .mins = part.mins, .x = pack.packed,
                       .unscale = pack.unscale, .y = projection.y, .n_out = w.n_out(), .n_padded = pack.n_padded,
                       .n_tokens = n_tokens, .epilogue = epilogue};
    queue_.launch("prefill", std::string("gemm_") + weight_kind_name(w.kind),
                  {.grid = {ceil_div(w.n_out(), gemm_tile), ceil_div(n_tokens, gemm_tile), 1}, .threads = 256,
                   .shared_bytes = gemm_shared_bytes}, p);
  }
}

// Neighbours of one kind go together.
void CudaBackend::matmul(std::span<const Projection> projections, const float* x, Norm norm, int n_tokens) {
  constexpr size_t most_parts = std::size(SkinnyParams{}.part);
  for (size_t begin = 0; begin < projections.size();) {
    size_t end = begin + 1;
    while (end < projections.size() && end - begin < most_parts &&
           cuda(*projections[end].weights).kind == cuda(*projections[begin].weights).kind) {
      ++end;
    }
    product(projections.subspan(begin, end - begin), x, norm, n_tokens, epilogue_store);
    begin = end;
  }
}

void CudaBackend::matmul_add(const Matrix& weights, const float* x, float* y, int n_tokens) {
  const Projection projection[] = {{&weights, y}};
  product(projection, x, {}, n_tokens, epilogue_add);
}

void CudaBackend::gated_matmul(const Matrix& gate, const Matrix& up, const float* x, Norm norm, float* y, int n_tokens) {
  if (n_tokens == 0 || stopped()) return;
  const CudaMatrix &g = cuda(gate), &u = cuda(up);
  const bool many = g.kind != WeightKind::f32 && n_tokens > most_skinny_tokens && !exact_;
  if (g.kind != u.kind || many) {
    const size_t bytes = size_t(n_tokens) * size_t(g.n_out()) * 4;
    float* const ups = reinterpret_cast<float*>(scratch(ups_, bytes, "activations"));
    const Projection both[] = {{&gate, y}, {&up, ups}};
    matmul(both, x, norm, n_tokens);
    const SiluMulParams p{y, ups, y, int64_t(n_tokens) * g.n_out()};
    queue_.launch("any", "silu_mul", {.grid = {ceil_div(p.n, 256), 1, 1}, .threads = 256}, p);
    return;
  }
  SkinnyParams p{};
  p.n_parts = 2;
  p.norm = norm.weights;
  p.eps = norm.eps;
  p.n_in = g.n_in();
  const bool f32 = g.kind == WeightKind::f32;
  const int at_once = f32 ? n_tokens : most_skinny_tokens;
  for (int token = 0; token < n_tokens; token += at_once) {
    float* const to = y + int64_t(token) * g.n_out();
    p.part[0] = g.part(to, 0);
    p.part[1] = u.part(to, 0);
    p.x = x + int64_t(token) * g.n_in();
    p.n_tokens = std::min(n_tokens - token, at_once);
    if (f32) {
      queue_.launch("any", "any_f32_gated",
                    {.grid = {ceil_div(g.n_out(), any_rows), ceil_div(p.n_tokens, any_tokens), 1}, .threads = 256}, p);
      continue;
    }
    const unsigned shared = skinny_shared_bytes(p, g.kind);
    const std::string name = std::string("gated_") + weight_kind_name(g.kind) + (p.n_tokens > 4 ? "_n8" : "_n4");
    queue_.launch("gated", name, {.grid = {ceil_div(g.n_out(), tile_rows), 1, 1}, .threads = 256, .shared_bytes = shared}, p);
  }
}

}  // namespace engine
