// tests/support/ptx/decoder.h: what the decoders of instruction families share.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/ptx/kernel.h"

namespace ptx {

// Turns the operands of one instruction into Refs.
class Decoder {
 public:
  virtual ~Decoder() = default;
  const TextInstruction* in = nullptr;

  // The i-th operand as a source of this many bits (1: predicate), or as a destination.
  virtual Ref source(const TextOperand& operand, int bits) = 0;
  virtual Ref destination(const TextOperand& operand) = 0;
  virtual int register_bits(const TextOperand& operand) const = 0;  // 0: not a register
  // Base register and offset of an address go to a[at] and imm; what the symbol adds is resolved.
  virtual void address(const TextOperand& operand, Op& op, int at) = 0;
  virtual uint32_t add_list(const std::vector<Ref>& refs) = 0;
  virtual uint64_t symbol_address(const std::string& name, Space& space) = 0;

  const TextOperand& operand(size_t i) const;
  bool has(std::string_view part) const { return in->has(part); }
  const std::string& type() const { return in->parts.back(); }
  // destination + n sources of the same width into a[0..n].
  void plain(Op& op, int n_sources, int bits);
  [[noreturn]] void unsupported(const std::string& what = {}) const;
};

// Each returns false when the instruction isn't of its family, throws ParseError where a form isn't simulated.
bool decode_integer(Decoder& d, Op& op);
bool decode_float(Decoder& d, Op& op);
bool decode_convert(Decoder& d, Op& op);
bool decode_move(Decoder& d, Op& op);
bool decode_compare(Decoder& d, Op& op);
bool decode_memory(Decoder& d, Op& op);
bool decode_atomic(Decoder& d, Op& op);
bool decode_async(Decoder& d, Op& op);
bool decode_warp(Decoder& d, Op& op);
bool decode_matrix(Decoder& d, Op& op);

}  // namespace ptx
