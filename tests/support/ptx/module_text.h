// tests/support/ptx/module_text.h: PTX text as nvcc writes it, taken apart but not yet decoded.
// Registers get numbers (a name declared in an inner block is another register), labels become instruction
// indices, and every instruction remembers its line in the PTX text and, from .loc, in the source.
#pragma once
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace ptx {

// PTX that can't be read or isn't simulated. The message names the line and the instruction.
struct ParseError : std::runtime_error {
  using runtime_error::runtime_error;
};

enum class Space : uint8_t { none, reg, param, shared, global, local, constant };

struct Variable {
  std::string name;
  Space space = Space::none;
  uint32_t align = 1;
  uint64_t size_bytes = 0;              // 0 for `extern .shared x[]`
  uint64_t offset = 0;                  // from the start of its space in the kernel
  std::vector<uint8_t> initial;         // module variables; the rest is zero
};

struct Register {
  std::string name;
  uint8_t bits = 32;  // 1 for a predicate
};

struct TextOperand {
  enum class Kind : uint8_t { none, reg, immediate, symbol, special, vector, address, sink };
  Kind kind = Kind::none;
  int reg = -1;           // reg; base register of an address (-1: none)
  int pair = -1;          // second destination of `%p|%q`
  bool negated = false;   // !%p
  uint64_t value = 0;     // immediate bits; byte offset of an address
  char suffix = 0;        // 'f' and 'd' for 0f and 0d literals
  std::string symbol;     // variable, label or special register; base of an address
  std::vector<TextOperand> items;
};

struct TextInstruction {
  int guard = -1;
  bool guard_negated = false;
  std::string opcode;               // with all its dots
  std::vector<std::string> parts;   // split at the dots
  std::vector<TextOperand> operands;
  std::string text;                 // as one line
  int ptx_line = 0, file = 0, source_line = 0;
  bool has(std::string_view part) const;
};

struct TextKernel {
  std::string name;
  std::vector<Variable> params;
  uint32_t param_bytes = 0;
  std::vector<Register> registers;
  std::vector<Variable> variables;  // .shared and .local of the body
  std::vector<TextInstruction> code;
  std::map<std::string, int> labels;                        // instruction index
  std::map<std::string, std::vector<std::string>> targets;  // .branchtargets lists
  int max_threads = 1024;
};

struct TextModule {
  int target = 0;  // 80 for sm_80
  std::string version;
  std::map<int, std::string> files;
  std::vector<Variable> variables;  // .global, .const and .shared at module level
  std::vector<TextKernel> kernels;
};

// Throws ParseError.
TextModule parse_text(std::string_view text);

// Bits of a PTX type name: "u32" 32, "bf16x2" 32, "pred" 1; 0 for anything else.
int type_bits(std::string_view type);

}  // namespace ptx
