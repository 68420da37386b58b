// tests/support/ptx/kernel.h: a kernel decoded for the machine.
// Each instruction is one Op: a function that runs it for the lanes of a mask, and where its operands lie.
// A register is 32 lanes side by side (128 bytes, 256 for 64-bit types), a predicate one bit a lane.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/ptx/module_text.h"

namespace ptx {

using Mask = uint32_t;  // one bit a lane
constexpr int n_lanes = 32;
constexpr Mask all_lanes = ~Mask{0};

struct Warp;
struct Op;
using Execute = void (*)(Warp& warp, const Op& op, Mask on);

// Where an operand lies: a byte offset into the warp's registers, or into the kernel's constants.
using Ref = uint32_t;
constexpr Ref ref_constant = 1u << 31;
constexpr Ref ref_negated = 1u << 30;  // predicates
constexpr Ref ref_none = 0x3fffffffu;
constexpr Ref ref_offset = 0x3fffffffu;

enum class Flow : uint8_t {
  plain,
  sync,       // needs all the lanes it names at once: shuffles, votes, mma, ldmatrix
  branch,
  branch_indexed,
  barrier,
  exit,
};

enum class OpClass : uint8_t { integer, floating, convert, move, special, tensor, global, shared, other_memory, control, sync };
constexpr int n_op_classes = 11;
const char* op_class_name(OpClass c);

struct Op {
  Execute execute = nullptr;
  Ref a[5] = {ref_none, ref_none, ref_none, ref_none, ref_none};  // destination first, where there is one
  Ref guard = ref_none;
  uint64_t imm = 0;      // branch target, address offset, lut ...
  uint32_t list = 0;     // operands in braces start here in Kernel::lists
  uint8_t n_list = 0;
  uint8_t bytes = 0;     // of one element in memory
  uint8_t mode = 0;      // variants of one instruction, each function's own
  uint8_t wide = 0;      // bit i: operand i is a 64-bit register
  Space space = Space::none;
  bool is_signed = false;
  Flow flow = Flow::plain;
  OpClass op_class = OpClass::integer;
};

struct SpecialRegister {
  std::string name;
  Ref ref;
  bool wide = false;
};

struct Source {
  std::string text;
  int ptx_line = 0, source_line = 0;
  std::string file;  // its last path component
};

struct Kernel {
  std::string name;
  std::vector<Variable> params;
  uint32_t param_bytes = 0;
  uint32_t static_shared_bytes = 0, local_bytes = 0;
  int max_threads = 1024;
  std::vector<Op> code;
  std::vector<Source> source;  // one for each Op
  std::vector<Ref> lists;
  std::vector<std::vector<int>> jump_tables;
  std::vector<uint8_t> constants;
  uint32_t register_bytes = 0;  // of one warp
  std::vector<SpecialRegister> specials;
  std::string where(int pc) const;  // "decode.cu:120 (PTX line 845)"
};

// Byte address in the constant bank or in global memory of a module variable.
using Symbols = std::map<std::string, uint64_t, std::less<>>;

// Throws ParseError naming the first instruction that is not simulated. `symbols` holds the addresses of
// the module's .global and .const variables.
Kernel decode(const TextModule& module, const TextKernel& kernel, const Symbols& symbols);

}  // namespace ptx
