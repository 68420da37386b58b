// The table of `sigmactl bench roofline` twice: from its formulas, and from what the kernels did on the simulator with matrices and
// caches of the 1.5B model's own size. Rows must agree within 2 %.
#include "engine/model/decode_cost.h"
#include "kernels/quant.h"
#include "tests/gpu/simulated_gpu.h"

using namespace engine;
using namespace gpu_tests;

namespace {

constexpr double h100_bytes_per_s = 3.35e12, h100_operations_per_s = 989e12;

// arXiv:2501.13629, and its baseline of equal heads.
SigmaConfig sigma_1_5b() {
  SigmaConfig c;
  c.dim = 2048;
  c.ffn_dim = 6144;
  c.n_heads_q = 32;
  c.n_heads_k = 4;
  c.n_heads_v = 16;
  c.head_dim_k = c.head_dim_v = 64;
  c.augmented_q_dim = 3072;
  return c;
}
SigmaConfig baseline() {
  SigmaConfig c = sigma_1_5b();
  c.n_heads_k = 16;
  c.augmented_q_dim = 0;
  return c;
}

// Backend, matrices and activations of one kernel at a time: its values do not matter, all are small numbers.
class Runner {
 public:
  Runner(const SimulatedGpu& gpu, DType type) : gpu_(gpu), type_(type), backend_(make_cuda_backend()) {}

  struct Counted {
    double bytes = 0, operations = 0;
  };

  // y_i = W_i x of so many rows each, or y = silu(W_0 x) * (W_1 x).
  Counted product(std::vector<int> n_out, int n_in, bool gated) {
    std::vector<std::unique_ptr<Matrix>> matrices;
    std::vector<std::unique_ptr<Buffer>> results;
    std::vector<Projection> projections;
    const auto x = floats(n_in), norm = floats(n_in);
    for (const int n : n_out) {
      matrices.push_back(matrix(n, n_in));
      results.push_back(backend_->allocate(size_t(n) * 4, "y"));
      projections.push_back({matrices.back().get(), results.back()->floats()});
    }
    begin();
    if (gated) {
      backend_->gated_matmul(*matrices[0], *matrices[1], x->floats(), {norm->floats(), 1e-5f}, results[0]->floats(), 1);
    } else {
      backend_->matmul(projections, x->floats(), {norm->floats(), 1e-5f}, 1);
    }
    return end();
  }

  Counted attention(const AttentionShape& s, int n_tokens) {
    const size_t k_bytes = backend_->k_cache_bytes(s, CacheType::f16, n_tokens), v_bytes = backend_->v_cache_bytes(s, CacheType::f16, n_tokens);
    const auto k = backend_->allocate(k_bytes, "k"), v = backend_->allocate(v_bytes, "v");
    backend_->upload(*k, 0, std::vector<std::byte>(k_bytes));
    backend_->upload(*v, 0, std::vector<std::byte>(v_bytes));
    KvLayer cache;
    cache.k = k->data();
    cache.v = v->data();
    cache.n_ctx = n_tokens;
    const auto q = floats(s.n_heads_q * s.head_dim_k), new_k = floats(s.n_heads_k * s.head_dim_k), new_v = floats(s.n_heads_v * s.head_dim_v);
    const auto out = backend_->allocate(size_t(s.n_heads_q * s.head_dim_v) * 4, "out");
    const std::vector<double> still(size_t(s.head_dim_k / 2));
    backend_->rope_and_store(s, {still, false}, q->floats(), new_k->floats(), new_v->floats(), cache, n_tokens - 1, 1);
    begin();
    backend_->attention(s, q->floats(), cache, out->floats(), n_tokens - 1, 1);
    return end();
  }

 private:
  std::unique_ptr<Buffer> floats(int n) {
    auto buffer = backend_->allocate(size_t(n) * 4, "x");
    const std::vector<float> values(size_t(n), 0.5f);
    backend_->upload(*buffer, 0, std::as_bytes(std::span(values)));
    return buffer;
  }
  std::unique_ptr<Matrix> matrix(int n_out, int n_in) {
    const kernels::BlockSize block = kernels::block_size(kernels::WeightType(type_));
    const std::vector<std::byte> bytes(size_t(n_out) * size_t(n_in / block.n_elements * block.n_bytes), std::byte{0x11});
    Tensor t;
    t.data = bytes.data();
    t.size_bytes = bytes.size();
    t.dtype = type_;
    t.n_dims = 2;
    t.dims = {n_in, n_out};
    return backend_->load_matrix(t, "weights", false);
  }
  void begin() {
    backend_->wait();
    gpu_.fake().reset({});
  }
  // Weights come past the first cache, K and V by cp.async; a tensor instruction has 16 x 16 weights.
  Counted end() {
    backend_->wait();
    Counted sum;
    for (const auto& [name, c] : gpu_.fake().counts()) {
      sum.bytes += double(c.streamed_loaded_bytes + c.async_loaded_bytes);
      sum.operations += 2 * 256 * double(c.by_class[size_t(ptx::OpClass::tensor)]);
    }
    return sum;
  }

  const SimulatedGpu& gpu_;
  DType type_;
  std::unique_ptr<Backend> backend_;
};

void compare(const SigmaConfig& c, DType type, double weight_bytes, int n_tokens) {
  const SimulatedGpu gpu;
  Runner runner(gpu, type);
  const int q = c.n_heads_q * c.head_dim_k, k = c.n_heads_k * c.head_dim_k, v = c.n_heads_v * c.head_dim_v;
  std::string table = format("%-20s %14s %14s %10s %10s\n", "", "bytes", "counted", "us", "counted");
  for (const KernelCost& kernel : decode_costs(c, n_tokens)) {
    const std::string name = kernel.name;
    const Runner::Counted counted = name == "norm, q k v"          ? runner.product({q, k, v}, c.dim, false)
                                    : name == "aug. Q gate, up"    ? runner.product({c.augmented_q_dim, c.augmented_q_dim}, q, true)
                                    : name == "aug. Q down"        ? runner.product({q}, c.augmented_q_dim, false)
                                    : name == "output"             ? runner.product({c.dim}, c.n_heads_q * c.head_dim_v, false)
                                    : name == "norm, FFN gate, up" ? runner.product({c.ffn_dim, c.ffn_dim}, c.dim, true)
                                    : name == "FFN down"           ? runner.product({c.dim}, c.ffn_dim, false)
                                                                   : runner.attention({c.n_heads_q, c.n_heads_k, c.n_heads_v, c.head_dim_k, c.head_dim_v}, n_tokens);
    const Floor floor = floor_of(kernel, weight_bytes, 1, h100_bytes_per_s, h100_operations_per_s);
    const bool product = kernel.weights > 0;
    const double us = floor_us(counted.bytes, product ? counted.operations : floor.operations, h100_bytes_per_s, h100_operations_per_s);
    table += format("%-20s %14.0f %14.0f %10.3f %10.3f\n", kernel.name, floor.bytes, counted.bytes, floor.us, us);
    CAPTURE(name);
    CHECK(counted.bytes == doctest::Approx(floor.bytes).epsilon(0.02));
    CHECK(us == doctest::Approx(floor.us).epsilon(0.02));
    if (product) CHECK(counted.operations == doctest::Approx(floor.operations).epsilon(0.02));
  }
  MESSAGE("floors on an H100, ", n_tokens, " tokens, formula and simulator:\n", table);
}

}  // namespace

TEST_CASE("gpu roofline: the formulas' bytes, operations and times are the kernels' own, bf16") {
  if (!has_simulator()) return;
  compare(sigma_1_5b(), DType::bf16, 2, 4096);
}

TEST_CASE("gpu roofline: the formulas' bytes, operations and times are the kernels' own, 4 bits") {
  if (!has_simulator()) return;
  compare(sigma_1_5b(), DType::q4_0, 0.5 + 2.0 / 32, 2048);
}

TEST_CASE("gpu roofline: the baseline of equal heads moves what its formula says") {
  if (!has_simulator()) return;
  compare(baseline(), DType::q4_0, 0.5 + 2.0 / 32, 2048);
}
