// Each kind of finding by the smallest kernel that earns it, and by its mended twin that must be silent.
#include <doctest/doctest.h>

#include "tests/gpu/ptx_bench.h"

using namespace gpu_tests;
using ptx::FindingKind;

namespace {

// Thread t stores to shared word t and reads the word of thread (t + 32) mod 64.
std::string exchange(const std::string& between) {
  return "mov.u32 %r4, s;\nshl.b32 %r5, %r0, 2;\nadd.u32 %r5, %r4, %r5;\nst.shared.u32 [%r5], %r0;\n" + between +
         "\nxor.b32 %r6, %r0, 32;\nshl.b32 %r6, %r6, 2;\nadd.u32 %r6, %r4, %r6;\nld.shared.u32 %r7, [%r6];\nst.global.u32 [%rd2], %r7;\n";
}

const char* const copy_in =  // 16 bytes of `in` to shared word 4 * thread
    "mov.u32 %r4, s;\nshl.b32 %r5, %r0, 4;\nadd.u32 %r5, %r4, %r5;\nmul.wide.u32 %rd3, %r0, 16;\nadd.s64 %rd3, %rd1, %rd3;\n"
    "cp.async.cg.shared.global [%r5], [%rd3], 16;\ncp.async.commit_group;\n";

std::vector<uint32_t> numbers(size_t n) {
  std::vector<uint32_t> v(n);
  for (size_t i = 0; i < n; ++i) v[i] = static_cast<uint32_t>(i);
  return v;
}

void check_only(const PtxRun& run, FindingKind kind) {
  CAPTURE(run.text());
  CHECK(run.found(kind));
}

void check_silent(const PtxRun& run) {
  CAPTURE(run.text());
  CHECK(run.findings.empty());
  CHECK(run.finished);
}

}  // namespace

TEST_CASE("ptx: an exchange through shared memory needs a barrier") {
  check_only(run_ptx(exchange(""), {.threads = 64}), FindingKind::shared_race);
  const PtxRun mended = run_ptx(exchange("bar.sync 0;"), {.threads = 64});
  check_silent(mended);
  for (uint32_t i = 0; i < 64; ++i) CHECK(mended.out[i] == (i ^ 32));
}

TEST_CASE("ptx: a store after another warp's read needs a barrier, too") {
  const std::string body = exchange("bar.sync 0;");
  check_only(run_ptx(body + "st.shared.u32 [%r5], %r7;\n", {.threads = 64}), FindingKind::shared_race);
  check_silent(run_ptx(body + "bar.sync 0;\nst.shared.u32 [%r5], %r7;\n", {.threads = 64}));
}

TEST_CASE("ptx: lanes of a warp need a warp barrier between them") {
  std::string body = exchange("");
  body.replace(body.find(", 32;"), 5, ", 1;");
  check_only(run_ptx(body), FindingKind::shared_race);
  std::string mended = exchange("bar.warp.sync 0xffffffff;");
  mended.replace(mended.find(", 32;"), 5, ", 1;");
  check_silent(run_ptx(mended));
}

TEST_CASE("ptx: neighbouring halves written by two lanes are no race") {
  check_silent(run_ptx("mov.u32 %r4, s;\nshl.b32 %r5, %r0, 1;\nadd.u32 %r5, %r4, %r5;\ncvt.u16.u32 %h0, %r0;\n"
                       "st.shared.u16 [%r5], %h0;\nld.shared.u16 %h1, [%r5];\nadd.u16 %h1, %h1, 1;\nst.shared.u16 [%r5], %h1;\n"
                       "bar.sync 0;\nld.shared.u16 %h2, [%r5];\ncvt.u32.u16 %r6, %h2;\nst.global.u32 [%rd2], %r6;\n"));
}

TEST_CASE("ptx: a named barrier orders those that take part") {
  // Warps 0 and 1 meet at barrier 1, warp 2 does not.
  const std::string body = "setp.ge.u32 %p0, %r0, 64;\n@%p0 bra done;\n" + exchange("bar.sync 1, 64;") + "done:\n";
  check_silent(run_ptx(body, {.threads = 96, .n_out = 96}));
  // The producer only arrives.
  const std::string produce =
      "mov.u32 %r4, s;\nsetp.lt.u32 %p0, %r0, 32;\nand.b32 %r6, %r0, 31;\nshl.b32 %r5, %r6, 2;\nadd.u32 %r5, %r4, %r5;\n"
      "@!%p0 bra consume;\nst.shared.u32 [%r5], %r0;\nbar.arrive 2, 64;\nbra done;\nconsume:\nbar.sync 2, 64;\n"
      "ld.shared.u32 %r7, [%r5];\nst.global.u32 [%rd2], %r7;\ndone:\n";
  check_silent(run_ptx(produce, {.threads = 64}));
}

TEST_CASE("ptx: a barrier that part of a warp or block passes by is found") {
  check_only(run_ptx("setp.lt.u32 %p0, %r0, 16;\n@%p0 bar.sync 0;\n"), FindingKind::barrier);
  check_only(run_ptx("setp.lt.u32 %p0, %r0, 32;\n@%p0 bra a;\nbar.sync 1, 64;\nbra b;\na:\nbar.sync 2, 64;\nb:\n", {.threads = 64}),
             FindingKind::barrier);
  // Both sides of a branch lead to the same barrier: fine.
  check_silent(run_ptx("setp.lt.u32 %p0, %r0, 16;\n@%p0 bra a;\nadd.u32 %r5, %r0, 1;\na:\nbar.sync 0;\n"));
  // Threads that have ended are not waited for.
  check_silent(run_ptx("setp.lt.u32 %p0, %r0, 32;\n@%p0 bra a;\nret;\na:\nbar.sync 0;\n", {.threads = 64}));
}

TEST_CASE("ptx: warp operations need the lanes they name") {
  check_only(run_ptx("setp.lt.u32 %p0, %r0, 16;\n@!%p0 bra a;\nshfl.sync.bfly.b32 %r5, %r0, 1, 31, -1;\na:\nbar.sync 0;\n"),
             FindingKind::barrier);
  check_silent(run_ptx("setp.lt.u32 %p0, %r0, 16;\n@!%p0 bra a;\nshfl.sync.bfly.b32 %r5, %r0, 1, 31, 0xffff;\na:\n"));
  check_only(run_ptx("setp.lt.u32 %p0, %r0, 16;\n@!%p0 bra a;\nshfl.sync.bfly.b32 %r5, %r0, 16, 31, 0xffff;\na:\n"),
             FindingKind::undefined_result);
}

TEST_CASE("ptx: addresses outside every allocation end the launch") {
  const PtxRun past = run_ptx("st.global.u32 [%rd2+256], %r0;\n");
  check_only(past, FindingKind::out_of_bounds);
  CHECK(!past.finished);
  check_only(run_ptx("ld.global.u32 %r5, [%rd1+-4];\n"), FindingKind::out_of_bounds);
  check_only(run_ptx("st.shared.u32 [s+1024], %r0;\n"), FindingKind::out_of_bounds);
  check_only(run_ptx("mov.u64 %rd4, 0;\nst.u32 [%rd4], %r0;\n"), FindingKind::out_of_bounds);
  int on_the_host = 0;
  check_only(run_ptx("mov.u64 %rd4, " + std::to_string(reinterpret_cast<uint64_t>(&on_the_host)) + ";\nst.global.u32 [%rd4], %r0;\n"),
             FindingKind::host_pointer);
}

TEST_CASE("ptx: dynamic shared memory has the size of the launch") {
  const std::string body = "mov.u32 %r4, d;\nshl.b32 %r5, %r0, 2;\nadd.u32 %r4, %r4, %r5;\nst.shared.u32 [%r4], %r0;\n";
  check_silent(run_ptx(body, {.dynamic_shared = 128}));
  check_only(run_ptx(body, {.dynamic_shared = 124}), FindingKind::out_of_bounds);
}

TEST_CASE("ptx: misaligned accesses are found") {
  check_only(run_ptx("ld.global.u32 %r5, [%rd1+2];\n", {.in = numbers(64)}), FindingKind::misaligned);
  check_only(run_ptx("ld.global.v4.u32 {%r5,%r6,%r7,%r8}, [%rd1+8];\n", {.in = numbers(64)}), FindingKind::misaligned);
  check_only(run_ptx("st.shared.u16 [s+1], %h0;\n"), FindingKind::misaligned);
}

TEST_CASE("ptx: reading what nothing wrote is found") {
  check_only(run_ptx("ld.global.u32 %r5, [%rd1];\n"), FindingKind::unwritten_global);
  check_only(run_ptx("ld.shared.u32 %r5, [s];\n"), FindingKind::unwritten_shared);
  check_silent(run_ptx("ld.global.u32 %r5, [%rd1];\n", {.in = numbers(64)}));
}

TEST_CASE("ptx: cp.async is found where its wait is missing") {
  const std::string read = "ld.shared.u32 %r6, [%r5];\nst.global.u32 [%rd2], %r6;\n";
  const PtxSetup setup{.in = numbers(128)};
  const PtxRun good = run_ptx(std::string(copy_in) + "cp.async.wait_group 0;\n" + read, setup);
  check_silent(good);
  CHECK(good.out[3] == 12);
  check_only(run_ptx(copy_in + read + "cp.async.wait_group 0;\n", setup), FindingKind::async_copy);
  check_only(run_ptx(std::string(copy_in) + "cp.async.wait_group 1;\n" + read + "cp.async.wait_all;\n", setup), FindingKind::async_copy);
  check_only(run_ptx(copy_in, setup), FindingKind::async_copy);  // exits with it
  // Another thread's copy needs its wait and a barrier.
  const std::string other = "xor.b32 %r5, %r5, 16;\n" + read;
  check_only(run_ptx(std::string(copy_in) + "cp.async.wait_group 0;\n" + other, setup), FindingKind::shared_race);
  check_silent(run_ptx(std::string(copy_in) + "cp.async.wait_group 0;\nbar.sync 0;\n" + other, setup));
}

TEST_CASE("ptx: cp.async fills with zeros what it does not read") {
  std::string body = copy_in;
  body.replace(body.find(", 16;\ncp.async.commit"), 5, ", 16, 4;");
  const PtxRun run = run_ptx(body + "cp.async.wait_all;\nld.shared.v2.u32 {%r6,%r7}, [%r5];\nadd.u32 %r6, %r6, %r7;\nst.global.u32 [%rd2], %r6;\n",
                             {.in = numbers(128)});
  check_silent(run);
  CHECK(run.out[5] == 20);
}

TEST_CASE("ptx: blocks that write one word, or read what another writes, race") {
  check_only(run_ptx("st.global.u32 [%rd0], %r1;\n", {.blocks = 2, .threads = 1}), FindingKind::global_race);
  check_only(run_ptx("mul.wide.u32 %rd3, %r1, 4;\nadd.s64 %rd3, %rd0, %rd3;\nst.global.u32 [%rd3], %r1;\nld.global.u32 %r5, [%rd0];\n",
                     {.blocks = 2, .threads = 1, .out_written = true}),
             FindingKind::global_race);
  // Whichever order the blocks ran in, the read of one and the write of the other are found.
  for (uint32_t seed = 1; seed < 5; ++seed) {
    check_only(run_ptx("setp.eq.u32 %p0, %r1, 0;\n@%p0 st.global.u32 [%rd0], %r1;\n@!%p0 ld.global.u32 %r5, [%rd0];\n",
                       {.blocks = 2, .threads = 1, .seed = seed, .out_written = true}),
               FindingKind::global_race);
  }
  check_silent(run_ptx("st.global.u32 [%rd2], %r1;\nld.global.u32 %r5, [%rd2];\n", {.blocks = 2}));
}

TEST_CASE("ptx: the block that takes the last ticket may read what the others fenced") {
  // out[1 + block] = block; ticket = atomic on out[0]; the last one reads all.
  const auto body = [](const std::string& fence) {
    return "mul.wide.u32 %rd3, %r1, 4;\nadd.s64 %rd3, %rd0, %rd3;\nst.global.u32 [%rd3+4], %r1;\n" + fence +
           "atom.global.add.u32 %r5, [%rd0], 1;\nsetp.ne.u32 %p0, %r5, 3;\n@%p0 bra done;\n" + fence +
           "ld.global.u32 %r6, [%rd0+4];\nld.global.u32 %r7, [%rd0+16];\nadd.u32 %r6, %r6, %r7;\nst.global.u32 [%rd0+64], %r6;\n"
           "mov.u32 %r8, 0;\nst.global.u32 [%rd0], %r8;\ndone:\n";
  };
  for (uint32_t seed = 1; seed < 4; ++seed) {
    const PtxSetup setup{.blocks = 4, .threads = 1, .seed = seed, .out_written = true};
    const PtxRun run = run_ptx(body("membar.gl;\n"), setup);
    check_silent(run);
    CHECK(run.out[16] == 3);
    CHECK(run.out[0] == 0);
    check_only(run_ptx(body(""), setup), FindingKind::global_race);
  }
}

TEST_CASE("ptx: warps of a block that exchange through global memory need a barrier") {
  const auto body = [](const std::string& between) {
    return "st.global.u32 [%rd2], %r0;\n" + between + "xor.b32 %r5, %r0, 32;\nmul.wide.u32 %rd3, %r5, 4;\nadd.s64 %rd3, %rd0, %rd3;\nld.global.u32 %r6, [%rd3];\n";
  };
  bool found = false;
  for (uint32_t seed = 1; seed < 6; ++seed) found = found || run_ptx(body(""), {.threads = 64, .seed = seed}).found(FindingKind::global_race);
  CHECK(found);
  check_silent(run_ptx(body("bar.sync 0;\n"), {.threads = 64}));
}

TEST_CASE("ptx: a kernel that never ends, divides by zero or traps is found") {
  check_only(run_ptx("again:\nadd.u32 %r5, %r0, 1;\nbra again;\n"), FindingKind::hang);
  check_only(run_ptx("mov.u32 %r5, 0;\ndiv.u32 %r6, %r0, %r5;\n"), FindingKind::undefined_result);
  check_only(run_ptx("trap;\n"), FindingKind::trap);
}

TEST_CASE("ptx: a finding names the kernel, the instruction and its line") {
  const PtxRun run = run_ptx("ld.shared.u32 %r5, [s];\n");
  REQUIRE(run.findings.size() == 1);
  CHECK(run.findings[0].kernel == "k");
  CHECK(run.findings[0].instruction == "ld.shared.u32 %r5, [s]");
  CHECK(run.findings[0].where.find("PTX line 22") != std::string::npos);
  CHECK(run.findings[0].count == 32);
}
