// What instructions compute, against the PTX manual's definitions, and how odd text is refused.
#include <doctest/doctest.h>

#include <cmath>

#include "tests/gpu/ptx_bench.h"
#include "tests/support/ptx/floats.h"

using namespace gpu_tests;

namespace {

// Runs the body, which leaves its result in %r9, with in[thread] in %r4.
std::vector<uint32_t> compute(const std::string& body, std::vector<uint32_t> in) {
  in.resize(64);
  const PtxRun run = run_ptx("mul.wide.u32 %rd3, %r0, 4;\nadd.s64 %rd3, %rd1, %rd3;\nld.global.u32 %r4, [%rd3];\n" + body + "\nst.global.u32 [%rd2], %r9;\n",
                             {.in = in});
  INFO(run.text());
  CHECK(run.finished);
  CHECK(run.findings.empty());
  return run.out;
}
uint32_t compute_one(const std::string& body, uint32_t in) { return compute(body, {in})[0]; }
uint32_t bits(float x) { return ptx::as_bits(x); }

}  // namespace

TEST_CASE("ptx: every f16 and bf16 value survives the way through f32") {
  for (uint32_t h = 0; h < 0x10000; ++h) {
    const bool nan16 = (h & 0x7fff) > 0x7c00, nan_brain = (h & 0x7fff) > 0x7f80;
    if (!nan16 && ptx::float_to_f16(ptx::f16_to_float(h)) != h) FAIL("f16 ", h);
    if (!nan_brain && ptx::float_to_bf16(ptx::bf16_to_float(h)) != h) FAIL("bf16 ", h);
  }
  CHECK(ptx::float_to_f16(65519.0f) == 0x7bff);
  CHECK(ptx::float_to_f16(65520.0f) == 0x7c00);
  CHECK(ptx::float_to_f16(0x1p-25f) == 0);            // ties to even
  CHECK(ptx::float_to_f16(0x1.8p-24f) == 2);
  CHECK(ptx::float_to_f16(1.00048828125f) == 0x3c00);  // halfway between 1 and the next
  CHECK(ptx::float_to_bf16(NAN) == 0x7fff);
}

TEST_CASE("ptx: the 8-bit floats round to the nearest of their values") {
  for (uint32_t b = 0; b < 256; ++b) {
    const float e4m3 = ptx::e4m3_to_float(b), e5m2 = ptx::e5m2_to_float(b);
    if (e4m3 == e4m3) CHECK(ptx::float_to_e4m3(e4m3) == b);
    if (e5m2 == e5m2 && std::isfinite(e5m2)) CHECK(ptx::float_to_e5m2(e5m2) == b);
  }
  CHECK(ptx::e4m3_to_float(0x7e) == 448.0f);
  CHECK(ptx::float_to_e4m3(1e9f) == 0x7e);
  CHECK(ptx::float_to_e4m3(1.0625f) == 0x38);  // halfway, to even
  CHECK(ptx::float_to_e5m2(-1e9f) == 0xfb);
}

TEST_CASE("ptx: ex2.approx keeps within its error") {
  double worst = 0;
  for (float x = -125.9f; x < 127.9f; x += 0.0137f)
    worst = std::max(worst, std::fabs(static_cast<double>(ptx::exp2_approx(x)) / std::exp2(static_cast<double>(x)) - 1));
  CHECK(worst < 3e-7);
  CHECK(ptx::exp2_approx(-INFINITY) == 0);
  CHECK(ptx::exp2_approx(128.0f) == INFINITY);
  CHECK(ptx::exp2_approx(0.0f) == 1.0f);
  CHECK(std::isnan(ptx::exp2_approx(NAN)));
}

TEST_CASE("ptx: integer arithmetic") {
  CHECK(compute_one("mul.hi.s32 %r9, %r4, -3;", 0x40000000) == 0xffffffffu);
  CHECK(compute_one("mul.hi.u32 %r9, %r4, 8;", 0x40000000) == 2);
  CHECK(compute_one("mad.lo.s32 %r9, %r4, %r4, 7;", 5) == 32);
  CHECK(compute_one("shr.s32 %r9, %r4, 40;", 0x80000000) == 0xffffffffu);
  CHECK(compute_one("shr.u32 %r9, %r4, 32;", 0x80000000) == 0);
  CHECK(compute_one("shl.b32 %r9, %r4, 33;", 1) == 0);
  CHECK(compute_one("shf.l.wrap.b32 %r9, %r4, %r4, 36;", 0x80000001) == 0x18);
  CHECK(compute_one("shf.r.clamp.b32 %r9, %r4, 1, 32;", 7) == 1);
  CHECK(compute_one("bfe.u32 %r9, %r4, 4, 8;", 0xabcd) == 0xbc);
  CHECK(compute_one("bfe.s32 %r9, %r4, 4, 8;", 0xabcd) == 0xffffffbcu);
  CHECK(compute_one("bfe.s32 %r9, %r4, 28, 8;", 0x80000000) == 0xfffffff8u);
  CHECK(compute_one("bfi.b32 %r9, %r4, -1, 8, 4;", 5) == 0xfffff5ffu);
  CHECK(compute_one("lop3.b32 %r9, %r4, 0x0f, 0xf0, 0xea;", 0xf3) == 0xf3);   // (a & b) | c
  CHECK(compute_one("prmt.b32 %r9, %r4, 0x55667788, 0x7340;", 0x11223344) == 0x55118844u);
  CHECK(compute_one("prmt.b32 %r9, %r4, 0, 0x00f8;", 0x80) == 0x808000ffu);
  CHECK(compute_one("popc.b32 %r9, %r4;", 0xf0f) == 8);
  CHECK(compute_one("clz.b32 %r9, %r4;", 0) == 32);
  CHECK(compute_one("brev.b32 %r9, %r4;", 1) == 0x80000000u);
  CHECK(compute_one("bfind.u32 %r9, %r4;", 0x300) == 9);
  CHECK(compute_one("dp4a.s32.s32 %r9, %r4, 0x01020304, 10;", 0xff010101) == 10u - 1 + 2 + 3 + 4);
  CHECK(compute_one("dp4a.u32.u32 %r9, %r4, 0x01000000, 0;", 0xff000000) == 255);
  CHECK(compute_one("rem.s32 %r9, %r4, 3;", static_cast<uint32_t>(-7)) == static_cast<uint32_t>(-1));
  CHECK(compute_one("min.s32 %r9, %r4, 1;", 0xffffffff) == 0xffffffffu);
  CHECK(compute_one("min.u32 %r9, %r4, 1;", 0xffffffff) == 1);
  CHECK(compute_one("abs.s32 %r9, %r4;", static_cast<uint32_t>(-9)) == 9);
  CHECK(compute_one("sad.u32 %r9, %r4, 9, 1;", 4) == 6);
}

TEST_CASE("ptx: floats and their conversions") {
  const std::string f = "mov.b32 %f0, %r4;\n", end = "mov.b32 %r9, %f1;";
  CHECK(compute_one(f + "min.f32 %f1, %f0, 0f3f800000;\n" + end, bits(NAN)) == bits(1.0f));
  CHECK(compute_one(f + "fma.rn.f32 %f1, %f0, %f0, 0fbf800000;\n" + end, bits(1.0f + 0x1p-12f)) == bits(0x1p-11f + 0x1p-24f));
  CHECK(compute_one(f + "fma.rm.f32 %f1, %f0, 0f3f800000, 0f33000000;\n" + end, bits(1.0f)) == bits(1.0f));
  CHECK(compute_one(f + "add.rp.f32 %f1, %f0, 0f33000000;\n" + end, bits(1.0f)) == bits(1.0f + 0x1p-23f));
  CHECK(compute_one(f + "mul.ftz.f32 %f1, %f0, 0f3f000000;\n" + end, 0x00800000) == 0);
  CHECK(compute_one(f + "add.sat.f32 %f1, %f0, %f0;\n" + end, bits(3.0f)) == bits(1.0f));
  CHECK(compute_one(f + "cvt.rni.s32.f32 %r9, %f0;", bits(2.5f)) == 2);
  CHECK(compute_one(f + "cvt.rmi.s32.f32 %r9, %f0;", bits(-2.5f)) == static_cast<uint32_t>(-3));
  CHECK(compute_one(f + "cvt.rzi.u32.f32 %r9, %f0;", bits(-2.5f)) == 0);
  CHECK(compute_one(f + "cvt.rzi.s32.f32 %r9, %f0;", bits(1e20f)) == 0x7fffffffu);
  CHECK(compute_one("cvt.rn.f32.s32 %f1, %r4;\n" + end, static_cast<uint32_t>(-5)) == bits(-5.0f));
  CHECK(compute_one("cvt.s32.s8 %r9, %r4;", 0x1ff) == 0xffffffffu);
  CHECK(compute_one("cvt.u32.u8 %r9, %r4;", 0x1ff) == 0xffu);
  CHECK(compute_one("cvt.sat.u8.s32 %r9, %r4;", 300) == 255);
  CHECK(compute_one(f + "cvt.rn.f16x2.f32 %r9, %f0, 0f40000000;", bits(1.0f)) == 0x3c004000u);
  CHECK(compute_one(f + "cvt.rn.bf16x2.f32 %r9, %f0, 0f40000000;", bits(1.0f)) == 0x3f804000u);
  CHECK(compute_one(f + "cvt.rn.satfinite.e4m3x2.f32 %h0, %f0, 0f3f800000;\ncvt.u32.u16 %r9, %h0;", bits(2.0f)) == 0x4038u);
  CHECK(compute_one("cvt.u16.u32 %h0, %r4;\ncvt.rn.f16x2.e5m2x2 %r9, %h0;", 0x3c40) == 0x3c004000u);
  CHECK(compute_one("fma.rn.f16x2 %r9, %r4, %r4, %r4;", 0x3c004000) == 0x40004600u);   // {1,2}: 1+1, 4+2
  CHECK(compute_one("fma.rn.bf16x2 %r9, %r4, 0x3f803f80, 0xc308c308;", 0x430a4300) == 0x4000c100u);
  CHECK(compute_one(f + "setp.ltu.f32 %p0, %f0, 0f00000000;\nselp.b32 %r9, 1, 2, %p0;", bits(NAN)) == 1);
  CHECK(compute_one(f + "setp.ne.f32 %p0, %f0, 0f00000000;\nselp.b32 %r9, 1, 2, %p0;", bits(NAN)) == 2);
  CHECK(compute_one("setp.lt.and.u32 %p0|%p1, %r4, 5, %p0;\nmov.u32 %r9, 3;", 1) == 3);
}

TEST_CASE("ptx: lanes exchange values") {
  std::vector<uint32_t> in;
  for (uint32_t i = 0; i < 32; ++i) in.push_back(i * i);
  const auto up = compute("shfl.sync.up.b32 %r9|%p0, %r4, 3, 0, -1;", in);
  const auto down = compute("shfl.sync.down.b32 %r9, %r4, 3, 31, -1;", in);
  const auto index = compute("shfl.sync.idx.b32 %r9, %r4, 5, 0x181f, -1;", in);  // segments of 8
  const auto same = compute("and.b32 %r5, %r4, 3;\nmatch.any.sync.b32 %r9, %r5, -1;", in);
  const auto ballot = compute("setp.gt.u32 %p0, %r4, 100;\nvote.sync.ballot.b32 %r9, %p0, -1;", in);
  const auto sum = compute("redux.sync.add.s32 %r9, %r4, -1;", in);
  for (uint32_t i = 0; i < 32; ++i) {
    CHECK(up[i] == (i < 3 ? in[i] : in[i - 3]));
    CHECK(down[i] == (i > 28 ? in[i] : in[i + 3]));
    CHECK(index[i] == in[i / 8 * 8 + 5]);
    CHECK(same[i] == (i % 2 ? 0xaaaaaaaau : 0x55555555u));
    CHECK(ballot[i] == 0xfffff800u);
    CHECK(sum[i] == 31 * 32 * 63 / 6);
  }
}

TEST_CASE("ptx: lanes that went different ways meet again") {
  std::vector<uint32_t> in;
  for (uint32_t i = 0; i < 32; ++i) in.push_back(i);
  // A loop with a trip count of its own in every lane, then a shuffle of all.
  const auto out = compute("mov.u32 %r5, 0;\nmov.u32 %r6, 0;\nloop:\nadd.u32 %r5, %r5, %r6;\nadd.u32 %r6, %r6, 1;\n"
                           "setp.le.u32 %p0, %r6, %r4;\n@%p0 bra loop;\nshfl.sync.bfly.b32 %r9, %r5, 1, 31, -1;",
                           in);
  for (uint32_t i = 0; i < 32; ++i) CHECK(out[i] == (i ^ 1) * ((i ^ 1) + 1) / 2);
  const auto jumped = compute("and.b32 %r5, %r4, 3;\nbrx.idx %r5, table;\ntable: .branchtargets a, b, c, c;\na:\nmov.u32 %r9, 10;\nbra end;\n"
                              "b:\nmov.u32 %r9, 20;\nbra end;\nc:\nmov.u32 %r9, 30;\nend:",
                              in);
  for (uint32_t i = 0; i < 32; ++i) CHECK(jumped[i] == (i % 4 == 0 ? 10u : i % 4 == 1 ? 20u : 30u));
}

TEST_CASE("ptx: atomics in shared and global memory") {
  const PtxRun run = run_ptx("mov.u32 %r4, 0;\nsetp.eq.u32 %p0, %r0, 0;\n@%p0 st.shared.u32 [s], %r4;\nbar.sync 0;\n"
                             "atom.shared.add.u32 %r5, [s], 2;\nbar.sync 0;\nld.shared.u32 %r6, [s];\nred.global.add.u32 [%rd0], %r6;\n"
                             "mov.f32 %f0, 0f3fc00000;\nred.global.add.f32 [%rd0+4], %f0;\natom.global.max.s32 %r7, [%rd0+8], %r0;\n"
                             "atom.global.cas.b32 %r8, [%rd0+12], 0, %r0;\n",
                             {.blocks = 3, .threads = 64, .out_written = true});
  INFO(run.text());
  CHECK(run.findings.empty());
  CHECK(run.out[0] == 3 * 64 * 128);
  CHECK(run.out[1] == bits(1.5f * 3 * 64));
  CHECK(run.out[2] == 63);
}

TEST_CASE("ptx: mma multiplies as its fragments say") {
  // A[r][k] = r + k / 16 as bf16 is exact; B[k][n] = (k == 2 n): D[r][n] = A[r][2 n].
  std::string body = "shr.u32 %r10, %r0, 2;\nand.b32 %r11, %r0, 3;\n";
  const auto element = [&](const std::string& reg, int row_add, int k_add) {  // two neighbours in k
    body += "add.u32 %r12, %r10, " + std::to_string(row_add) + ";\nshl.b32 %r12, %r12, 4;\nshl.b32 %r13, %r11, 1;\nadd.u32 %r13, %r13, " +
            std::to_string(k_add) + ";\nadd.u32 %r12, %r12, %r13;\ncvt.rn.f32.u32 %f0, %r12;\nadd.u32 %r12, %r12, 1;\ncvt.rn.f32.u32 %f1, %r12;\n"
            "cvt.rn.f16x2.f32 " + reg + ", %f1, %f0;\n";
  };
  element("%r20", 0, 0);
  element("%r21", 8, 0);
  element("%r22", 0, 8);
  element("%r23", 8, 8);
  const auto column = [&](const std::string& reg, int k_add) {
    body += "shl.b32 %r12, %r10, 1;\nshl.b32 %r13, %r11, 1;\nadd.u32 %r13, %r13, " + std::to_string(k_add) +
            ";\nsetp.eq.u32 %p0, %r12, %r13;\nselp.b32 " + reg + ", 0x3c00, 0, %p0;\n";
  };
  column("%r24", 0);
  column("%r25", 8);
  body += "mov.f32 %f4, 0f3f000000;\n"
          "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%f5,%f6,%f7,%f8}, {%r20,%r21,%r22,%r23}, {%r24,%r25}, {%f4,%f4,%f4,%f4};\n";
  for (int i = 0; i < 4; ++i) {
    const PtxRun run = run_ptx(body + "st.global.f32 [%rd2], %f" + std::to_string(5 + i) + ";\n");
    INFO(run.text());
    CHECK(run.findings.empty());
    for (uint32_t l = 0; l < 32; ++l) {
      const uint32_t row = l / 4 + (i >= 2 ? 8 : 0), n = l % 4 * 2 + static_cast<uint32_t>(i % 2);
      CHECK(run.out[l] == bits(static_cast<float>(row * 16 + 2 * n) + 0.5f));
    }
  }
}

TEST_CASE("ptx: an integer mma sums products of bytes") {
  const PtxRun run = run_ptx("mov.u32 %r4, 0xff01ff02;\nmov.u32 %r5, 0x01020304;\nmov.u32 %r6, 7;\n"
                             "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%r10,%r11,%r12,%r13}, {%r4,%r4,%r4,%r4}, {%r5,%r5}, {%r6,%r6,%r6,%r6};\n"
                             "st.global.u32 [%rd2], %r13;\n");
  CHECK(run.findings.empty());
  CHECK(run.out[9] == static_cast<uint32_t>(7 + 8 * (-1 + 2 - 3 + 8)));
}

TEST_CASE("ptx: ldmatrix hands out rows, transposed or not") {
  // Half i of shared memory holds i; 8 rows of 8 halves.
  const std::string fill = "mov.u32 %r4, s;\nshl.b32 %r5, %r0, 2;\nadd.u32 %r5, %r4, %r5;\nshl.b32 %r6, %r0, 1;\nshl.b32 %r7, %r6, 16;\n"
                           "add.u32 %r7, %r7, 0x10000;\nor.b32 %r7, %r7, %r6;\nst.shared.u32 [%r5], %r7;\nbar.warp.sync -1;\n"
                           "and.b32 %r8, %r0, 7;\nshl.b32 %r8, %r8, 4;\nadd.u32 %r8, %r4, %r8;\n";
  const PtxRun rows = run_ptx(fill + "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r9}, [%r8];\nst.global.u32 [%rd2], %r9;\n");
  const PtxRun columns = run_ptx(fill + "ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%r9}, [%r8];\nst.global.u32 [%rd2], %r9;\n");
  INFO(rows.text() << columns.text());
  CHECK((rows.findings.empty() && columns.findings.empty()));
  for (uint32_t l = 0; l < 32; ++l) {
    const uint32_t g = l / 4, t = l % 4;
    CHECK(rows.out[l] == ((g * 8 + 2 * t) | (g * 8 + 2 * t + 1) << 16));
    CHECK(columns.out[l] == ((2 * t * 8 + g) | ((2 * t + 1) * 8 + g) << 16));
  }
}

TEST_CASE("ptx: bytes, sectors and bank waves are counted") {
  const PtxRun together = run_ptx("ld.global.u32 %r5, [%rd1];\nmul.wide.u32 %rd3, %r0, 4;\nadd.s64 %rd3, %rd1, %rd3;\nld.global.u32 %r6, [%rd3];\n",
                                  {.in = std::vector<uint32_t>(64)});
  CHECK(together.counts.global_loaded_bytes == 4 + 128);
  CHECK(together.counts.global_sectors == 1 + 4);
  const PtxRun apart = run_ptx("mul.wide.u32 %rd3, %r0, 32;\nadd.s64 %rd3, %rd1, %rd3;\nld.global.u32 %r6, [%rd3];\n",
                               {.in = std::vector<uint32_t>(32 * 8)});
  CHECK(apart.counts.global_sectors == 32);
  CHECK(apart.counts.global_sectors_ideal == 4);
  const auto waves = [](uint32_t stride) {
    return run_ptx("mov.u32 %r4, s;\nmul.lo.u32 %r5, %r0, " + std::to_string(stride) + ";\nadd.u32 %r5, %r4, %r5;\nst.shared.u32 [%r5], %r0;\n").counts;
  };
  CHECK(waves(4).shared_waves == 1);
  CHECK(waves(8).shared_waves == 2);
  CHECK(waves(32).shared_waves == 8);
  CHECK(waves(32).shared_waves_ideal == 1);
}

TEST_CASE("ptx: what isn't simulated or isn't PTX is one clear error") {
  const auto error = [](const std::string& body) -> std::string {
    try {
      run_ptx(body);
    } catch (const ptx::ParseError& e) {
      return e.what();
    }
    return "none";
  };
  CHECK(error("wgmma.fence.sync.aligned;\n") == "PTX line 22: this instruction is not simulated: wgmma.fence.sync.aligned");
  CHECK(error("mov.u32 %r5, %clock;\n").find("special register %clock") != std::string::npos);
  CHECK(error("add.u32 %r5, %r77, 1;\n").find("PTX line 22") != std::string::npos);
  CHECK(error("bra nowhere;\n").find("no label 'nowhere'") != std::string::npos);
  CHECK(error("add.u32 %r5, %r6").find("PTX line") != std::string::npos);
  CHECK(error("mul.rz.f64 %f1, %f1, %f1;\n").find("not simulated") != std::string::npos);
  CHECK(error("call.uni foo, (%r1);\n").find("PTX line 22") != std::string::npos);
}
