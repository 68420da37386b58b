// Faults put into the program's own kernels, one at a time, must each be seen: by a finding where the fault is one of order,
// addresses or waits, by wrong numbers where it is one of arithmetic. An edit that no longer finds its instruction fails, too.
#include <functional>
#include <map>
#include <re2/re2.h>

#include "tests/gpu/simulated_gpu.h"

using namespace engine;
using namespace gpu_tests;
using namespace test_support;
using ptx::FindingKind;

namespace {

constexpr CacheTypes half{CacheType::f16, CacheType::f16};
constexpr double wrong_numbers = 0.01;

struct Outcome {
  std::vector<ptx::Finding> findings;
  std::vector<float> prompt, logits;  // of a prompt's tokens and of tokens one by one; empty: the run failed
  bool edited = false;

  bool found(FindingKind kind) const {
    return std::any_of(findings.begin(), findings.end(), [&](const ptx::Finding& f) { return f.kind == kind; });
  }
};

// The kernel's text alone with the head of its module; empty where the module has no such kernel.
std::string only_kernel(const std::string& ptx, const std::string& kernel) {
  const size_t first = ptx.find(".visible .entry"), name = ptx.find(".entry " + kernel + "(");
  if (name == std::string::npos) return {};
  const size_t begin = ptx.rfind(".visible", name), end = ptx.find(".visible .entry", name);
  const size_t section = ptx.find(".section");
  std::string head = ptx.substr(0, first), body = ptx.substr(begin, std::min(end, section) - begin);
  for (size_t at = 0; (at = ptx.find("\n\t.file", at)) != std::string::npos; ++at)  // they stand behind the kernels
    head += ptx.substr(at, ptx.find('\n', at + 1) - at);
  // Shared variables of the module stand before the first kernel that uses them.
  for (size_t at = first; (at = ptx.find("\n.shared", at)) != std::string::npos && at < name; ++at)
    head += ptx.substr(at, ptx.find('\n', at + 1) - at) + "\n";
  return head + "\n" + body;
}

// Replaces the n-th match; \\1 in `with` is its first group.
bool replace_nth(std::string& text, const RE2& pattern, const std::string& with, int n) {
  std::vector<re2::StringPiece> groups(static_cast<size_t>(pattern.NumberOfCapturingGroups()) + 1);
  const auto n_groups = static_cast<int>(groups.size());
  for (size_t at = 0; pattern.Match(text, at, text.size(), RE2::UNANCHORED, groups.data(), n_groups); --n) {
    const auto begin = static_cast<size_t>(groups[0].data() - text.data());
    at = begin + groups[0].size();
    if (n) continue;
    std::string changed;
    if (!pattern.Rewrite(&changed, with, groups.data(), n_groups)) return false;
    text.replace(begin, at - begin, changed);
    return true;
  }
  return false;
}

// A model whose attention takes the specialised kernels, in more than one split.
const TinyFile& model_file() {
  static const TinyFile file = [] {
    SigmaConfig c = config_of_width(64);
    c.n_layers = 1;
    c.n_vocab = 64;
    return TinyFile(c);
  }();
  return file;
}

Outcome run(const std::string& kernel, const std::function<bool(std::string&)>& edit) {
  fake_cuda::Control& fake = *fake_cuda::control();
  fake.reset({});
  Outcome outcome;
  fake.edit_modules([&](std::string ptx) {
    if (kernel.empty()) return ptx;
    std::string alone = only_kernel(ptx, kernel);
    if (alone.empty()) return ptx;
    outcome.edited = edit(alone);
    return outcome.edited ? alone : ptx;
  });
  try {
    // Room for two splits, filled so far that the second has a part of a tile.
    const auto model = model_file().on_gpu();
    const auto tokens = random_tokens(270, 64, 21);
    KvCache cache(model->config(), 600, model->backend(), half);
    std::vector<float> logits(64), prompt(66 * 64);
    forward(*model, cache, std::span(tokens).first(200), LogitsWanted::none, {});
    forward(*model, cache, std::span(tokens).subspan(200, 66), LogitsWanted::all, prompt);
    outcome.prompt = prompt;
    for (size_t t = 266; t < 270; ++t) {
      forward(*model, cache, std::span(tokens).subspan(t, 1), LogitsWanted::last, logits);
      outcome.logits.insert(outcome.logits.end(), logits.begin(), logits.end());
    }
  } catch (const Error&) {
    outcome.prompt.clear();
    outcome.logits.clear();
  }
  fake.edit_modules({});
  outcome.findings = fake.take_findings();
  fake.reset({});
  return outcome;
}

struct Mutant {
  std::string name, kernel;
  std::string pattern;  // of one instruction
  std::string with;
  std::vector<FindingKind> expected;  // any of them; none: wrong numbers
};

const char* const decode = "dq_decode_f16_k64_v64_h2";
const char* const prefill = "dq_prefill_f16_k64_v64_h2";
const char* const skinny = "skinny_f16_n4";
const char* const half_of_warp =
    "{ .reg .pred %mutant; .reg .b32 %lane; mov.u32 %lane, %laneid; setp.lt.u32 %mutant, %lane, 16; @%mutant bar.sync 0; }";

const Mutant mutants[] = {
    {"a barrier dropped from the decode pipeline", decode, "bar\\.sync\\s+0;", "", {FindingKind::shared_race}},
    {"a barrier for half of each warp", decode, "bar\\.sync\\s+0;", half_of_warp, {FindingKind::barrier}},
    {"a wait dropped", decode, "cp\\.async\\.wait_group\\s+\\d+;", "", {FindingKind::async_copy}},
    {"a wait for too few groups", decode, "cp\\.async\\.wait_group\\s+\\d+;", "cp.async.wait_group 7;", {FindingKind::async_copy}},
    {"a group not committed", decode, "cp\\.async\\.commit_group;", "", {FindingKind::async_copy}},
    {"a fence dropped before the ticket", decode, "membar\\.gl;", "", {FindingKind::global_race}},
    {"a row guard one too wide", decode, "setp\\.lt\\.s32", "setp.le.s32", {FindingKind::unwritten_global, FindingKind::out_of_bounds}},
    {"a store past the end", decode, "(st\\.global\\.f32\\s+\\[%rd\\d+)[^\\]]*\\]", "\\1+268435456]", {FindingKind::out_of_bounds}},
    {"a copy from a shifted address", decode, "(cp\\.async\\.cg[^;\\[]*\\[%r\\d+\\], \\[%rd\\d+)\\]", "\\1+8]", {FindingKind::misaligned}},
    {"a copy to the wrong stage", decode, "(cp\\.async\\.cg[^;\\[]*\\[%r\\d+)\\]", "\\1+65536]", {FindingKind::out_of_bounds}},
    {"fragments of B swapped", decode, "(mma\\.sync[^;]*\\}, \\{)(%r\\d+), ?(%r\\d+)\\}(, \\{%f\\d+)", "\\1\\3, \\2}\\4", {}},
    {"a matrix not transposed", decode, "\\.x4\\.trans", ".x4", {}},
    {"a barrier dropped from the prompt's pipeline", prefill, "bar\\.sync\\s+0;", "", {FindingKind::shared_race}},
    {"a wait dropped from the prompt's pipeline", prefill, "cp\\.async\\.wait_group\\s+\\d+;", "", {FindingKind::async_copy}},
    {"a group not committed in the prompt's pipeline", prefill, "cp\\.async\\.commit_group;", "", {FindingKind::async_copy}},
    {"a guard of the prompt's rows one too wide", prefill, "setp\\.lt\\.s32", "setp.le.s32", {FindingKind::unwritten_global, FindingKind::out_of_bounds}},
    {"a result of the prompt stored past the end", prefill, "(st\\.global\\.v2\\.f32\\s+\\[%rd\\d+)[^\\]]*\\]", "\\1+268435456]", {FindingKind::out_of_bounds}},
    {"the causal mask one too narrow", prefill, "setp\\.gt\\.s32", "setp.ge.s32", {}},
    {"fragments of the prompt's keys swapped", prefill, "(mma\\.sync[^;]*\\}, \\{)(%r\\d+), ?(%r\\d+)\\}(, \\{%f\\d+)", "\\1\\3, \\2}\\4", {}},
    {"the prompt's values not transposed", prefill, "\\.x4\\.trans", ".x4", {}},
    {"a barrier dropped from the skinny product", skinny, "bar\\.sync\\s+0;", "", {FindingKind::shared_race}},
    {"the staged x not written", skinny, "st\\.shared\\.v4\\.u32[^;]*;", "", {FindingKind::unwritten_shared}},
    {"a shuffle that names half of the warp", skinny, "(shfl\\.sync\\.bfly[^;]*), [^,;]+;", "\\1, 65535;", {FindingKind::barrier}},
    {"weights read from the wrong tile", skinny, "(ld\\.global\\.nc[^;]*\\[%rd\\d+)[^\\]]*\\]", "\\1+512]", {}},
};

bool is_seen(const Mutant& mutant, const Outcome& outcome, const Outcome& right) {
  for (const FindingKind kind : mutant.expected)
    if (outcome.found(kind)) return true;
  if (!mutant.expected.empty()) return false;
  const auto differs = [](const std::vector<float>& got, const std::vector<float>& expected) {
    return got.size() != expected.size() || !(relative_error(got, expected) < wrong_numbers);
  };
  return differs(outcome.logits, right.logits) || differs(outcome.prompt, right.prompt);
}

}  // namespace

TEST_CASE("mutants: every fault put into a kernel is found") {
  if (!has_simulator()) return;
  const Outcome good = run("", {});
  CHECK_MESSAGE(good.findings.empty(), text_of(good.findings));
  REQUIRE(!good.logits.empty());
  for (const Mutant& mutant : mutants) {
    CAPTURE(mutant.name);
    // Not every barrier or guard matters for this run: one of the first few places must.
    bool seen = false;
    std::string log;
    for (int place = 0; place < 12 && !seen; ++place) {
      const Outcome outcome = run(mutant.kernel, [&](std::string& text) {
        return replace_nth(text, RE2(mutant.pattern), mutant.with, place);
      });
      if (!outcome.edited) {
        CHECK_MESSAGE(place > 0, "its instruction is no longer in the kernel: " << mutant.pattern);
        break;
      }
      seen = is_seen(mutant, outcome, good);
      log += "place " + std::to_string(place) + ": " + (outcome.findings.empty() ? "nothing\n" : text_of(outcome.findings));
    }
    CHECK_MESSAGE(seen, log);
  }
}
