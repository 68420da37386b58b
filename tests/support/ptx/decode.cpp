// From the text of a kernel to Ops: operands get their places, each instruction its function.
#include <algorithm>
#include <cstring>

#include "tests/support/ptx/allocate.h"
#include "tests/support/ptx/decoder.h"

namespace ptx {

namespace {

constexpr uint32_t special_bytes = 256;  // one special register, room for 64-bit lanes

uint64_t align_up(uint64_t n, uint64_t to) { return (n + to - 1) / to * to; }

// Special registers are written once, when a warp starts.
const std::pair<const char*, bool> special_names[] = {  // name, 64-bit
    {"%tid.x", false}, {"%tid.y", false}, {"%tid.z", false}, {"%ntid.x", false}, {"%ntid.y", false}, {"%ntid.z", false},
    {"%ctaid.x", false}, {"%ctaid.y", false}, {"%ctaid.z", false}, {"%nctaid.x", false}, {"%nctaid.y", false}, {"%nctaid.z", false},
    {"%laneid", false}, {"%warpid", false}, {"%nwarpid", false}, {"%smid", false}, {"%nsmid", false}, {"%gridid", true},
    {"%lanemask_eq", false}, {"%lanemask_le", false}, {"%lanemask_lt", false}, {"%lanemask_ge", false}, {"%lanemask_gt", false},
    {"%dynamic_smem_size", false}, {"%total_smem_size", false}};

class KernelDecoder : public Decoder {
 public:
  KernelDecoder(const TextModule& module, const TextKernel& text, const Symbols& symbols)
      : module_(module), text_(text), symbols_(symbols) {}
  Kernel run();

  Ref source(const TextOperand& o, int bits) override;
  Ref destination(const TextOperand& o) override;
  int register_bits(const TextOperand& o) const override {
    return o.kind == TextOperand::Kind::reg ? text_.registers[static_cast<size_t>(o.reg)].bits : 0;
  }
  void address(const TextOperand& o, Op& op, int at) override;
  uint32_t add_list(const std::vector<Ref>& refs) override {
    const auto first = static_cast<uint32_t>(kernel_.lists.size());
    kernel_.lists.insert(kernel_.lists.end(), refs.begin(), refs.end());
    return first;
  }
  uint64_t symbol_address(const std::string& name, Space& space) override;

 private:
  void lay_out_variables();
  void collect_specials(const TextOperand& o);
  Ref constant(uint64_t value, int bits);
  Op decode_one();
  void decode_branch(Op& op);

  const TextModule& module_;
  const TextKernel& text_;
  const Symbols& symbols_;
  Kernel kernel_;
  Places places_;
  std::map<std::pair<uint64_t, int>, Ref> constants_;
  std::map<std::string, std::pair<Space, uint64_t>> variables_;
};

void KernelDecoder::lay_out_variables() {
  for (const Variable& p : text_.params) variables_[p.name] = {Space::param, p.offset};
  std::vector<const Variable*> shared, dynamic;
  for (const Variable& v : text_.variables) {
    if (v.space == Space::local) {
      kernel_.local_bytes = static_cast<uint32_t>(align_up(kernel_.local_bytes, v.align));
      variables_[v.name] = {Space::local, kernel_.local_bytes};
      kernel_.local_bytes += static_cast<uint32_t>(v.size_bytes);
    } else {
      (v.size_bytes ? shared : dynamic).push_back(&v);
    }
  }
  kernel_.local_bytes = static_cast<uint32_t>(align_up(kernel_.local_bytes, 16));
  // Of the module's shared variables the kernel holds those it names.
  for (const Variable& v : module_.variables) {
    if (v.space != Space::shared) continue;
    const bool named = std::any_of(text_.code.begin(), text_.code.end(),
                                   [&](const TextInstruction& i) { return i.text.find(v.name) != std::string::npos; });
    if (named) (v.size_bytes ? shared : dynamic).push_back(&v);
  }
  uint64_t end = 0;
  for (const Variable* v : shared) {
    end = align_up(end, std::max(v->align, 16u));
    variables_[v->name] = {Space::shared, end};
    end += v->size_bytes;
  }
  if (end > (uint64_t{1} << 20)) throw ParseError(text_.name + ": over 1 MiB of shared memory");
  kernel_.static_shared_bytes = static_cast<uint32_t>(end);
  for (const Variable* v : dynamic) variables_[v->name] = {Space::shared, align_up(end, 128)};
}

void KernelDecoder::collect_specials(const TextOperand& o) {
  for (const TextOperand& item : o.items) collect_specials(item);
  if (o.kind != TextOperand::Kind::special) return;
  for (const SpecialRegister& known : kernel_.specials)
    if (known.name == o.symbol) return;
  for (const auto& [name, wide] : special_names)
    if (o.symbol == name) {
      kernel_.specials.push_back({name, static_cast<Ref>(kernel_.specials.size() * special_bytes), wide});
      return;
    }
  unsupported("special register " + o.symbol + " is not");
}

Ref KernelDecoder::constant(uint64_t value, int bits) {
  const auto [known, fresh] = constants_.insert({{value, bits}, 0});
  if (!fresh) return known->second;
  const size_t at = kernel_.constants.size();
  known->second = static_cast<Ref>(at) | ref_constant;
  if (bits == 1) {
    kernel_.constants.resize(at + 64);
    const Mask mask = value ? all_lanes : 0;
    std::memcpy(&kernel_.constants[at], &mask, sizeof mask);
  } else if (bits == 64) {
    kernel_.constants.resize(at + 8 * n_lanes);
    for (size_t l = 0; l < n_lanes; ++l) std::memcpy(&kernel_.constants[at + 8 * l], &value, 8);
  } else {
    kernel_.constants.resize(at + 4 * n_lanes);
    const auto low = static_cast<uint32_t>(value);
    for (size_t l = 0; l < n_lanes; ++l) std::memcpy(&kernel_.constants[at + 4 * l], &low, 4);
  }
  return known->second;
}

Ref KernelDecoder::source(const TextOperand& o, int bits) {
  switch (o.kind) {
    case TextOperand::Kind::reg: {
      const int have = register_bits(o);
      // A narrower or wider register than the type is for ld, st and cvt alone, which ask for register_bits.
      if ((have == 1) != (bits == 1)) unsupported("a predicate where a value belongs is not");
      if (bits == 64 && have != 64) unsupported("a 32-bit register of a 64-bit type is not");
      return places_.offset[static_cast<size_t>(o.reg)] | (o.negated ? ref_negated : 0);
    }
    case TextOperand::Kind::immediate: return constant(o.value, bits);
    case TextOperand::Kind::special:
      for (const SpecialRegister& s : kernel_.specials) {
        if (s.name != o.symbol) continue;
        if (s.wide != (bits == 64)) unsupported("a special register of another width is not");
        return s.ref;
      }
      break;
    case TextOperand::Kind::symbol: {
      Space space;
      return constant(symbol_address(o.symbol, space) + o.value, bits);
    }
    default: break;
  }
  unsupported("this kind of operand is not");
}

Ref KernelDecoder::destination(const TextOperand& o) {
  if (o.kind == TextOperand::Kind::sink) return ref_none;
  if (o.kind != TextOperand::Kind::reg) unsupported("a destination that is no register is not");
  return places_.offset[static_cast<size_t>(o.reg)];
}

uint64_t KernelDecoder::symbol_address(const std::string& name, Space& space) {
  if (const auto found = variables_.find(name); found != variables_.end()) {
    space = found->second.first;
    return found->second.second;
  }
  if (const auto found = symbols_.find(name); found != symbols_.end()) {
    space = Space::global;
    return found->second;
  }
  unsupported("the symbol " + name + " is not");
}

void KernelDecoder::address(const TextOperand& o, Op& op, int at) {
  if (o.kind != TextOperand::Kind::address) unsupported("an operand that is no address is not");
  op.imm = o.value;
  if (o.reg >= 0) {
    op.a[at] = places_.offset[static_cast<size_t>(o.reg)];
    if (register_bits(o) == 64 || text_.registers[static_cast<size_t>(o.reg)].bits == 64)
      op.wide |= static_cast<uint8_t>(1u << at);
  } else if (!o.symbol.empty()) {
    Space space = Space::none;
    op.imm += symbol_address(o.symbol, space);
  }
}

void KernelDecoder::decode_branch(Op& op) {
  op.op_class = OpClass::control;
  if (in->parts[0] == "bra") {
    op.flow = Flow::branch;
    op.imm = static_cast<uint64_t>(text_.labels.at(operand(0).symbol));
    return;
  }
  if (!text_.targets.count(operand(1).symbol)) unsupported();
  op.flow = Flow::branch_indexed;
  op.a[1] = source(operand(0), 32);
  std::vector<int> table;
  for (const std::string& label : text_.targets.at(operand(1).symbol)) table.push_back(text_.labels.at(label));
  op.imm = kernel_.jump_tables.size();
  kernel_.jump_tables.push_back(std::move(table));
}

Op KernelDecoder::decode_one() {
  Op op;
  if (in->guard >= 0)
    op.guard = places_.offset[static_cast<size_t>(in->guard)] | (in->guard_negated ? ref_negated : 0);
  const std::string& name = in->parts[0];
  if (name == "bra" || name == "brx") {
    decode_branch(op);
    return op;
  }
  using Family = bool (*)(Decoder&, Op&);
  static constexpr Family families[] = {decode_move, decode_memory, decode_convert, decode_compare, decode_float, decode_integer,
                                        decode_async, decode_matrix, decode_warp, decode_atomic};
  const Op empty = op;
  for (const Family family : families) {
    if (family(*this, op)) return op;
    op = empty;
  }
  unsupported();
}

Kernel KernelDecoder::run() {
  kernel_.name = text_.name;
  kernel_.params = text_.params;
  kernel_.param_bytes = text_.param_bytes;
  kernel_.max_threads = text_.max_threads;
  lay_out_variables();
  for (const TextInstruction& i : text_.code) {
    in = &i;
    for (const TextOperand& o : i.operands) collect_specials(o);
  }
  places_ = allocate_registers(text_, static_cast<uint32_t>(kernel_.specials.size() * special_bytes));
  kernel_.register_bytes = places_.n_bytes;
  for (const TextInstruction& i : text_.code) {
    in = &i;
    kernel_.code.push_back(decode_one());
    Source s;
    s.text = i.text;
    s.ptx_line = i.ptx_line;
    s.source_line = i.source_line;
    if (const auto file = module_.files.find(i.file); file != module_.files.end())
      s.file = file->second.substr(file->second.rfind('/') + 1);
    kernel_.source.push_back(std::move(s));
  }
  return std::move(kernel_);
}

}  // namespace

const TextOperand& Decoder::operand(size_t i) const {
  if (i >= in->operands.size()) unsupported("so few operands are not");
  return in->operands[i];
}

void Decoder::plain(Op& op, int n_sources, int bits) {
  op.a[0] = destination(operand(0));
  for (int i = 1; i <= n_sources; ++i) op.a[i] = source(operand(static_cast<size_t>(i)), bits);
}

void Decoder::unsupported(const std::string& what) const {
  throw ParseError("PTX line " + std::to_string(in->ptx_line) + ": " + (what.empty() ? "this instruction is not" : what) +
                   " simulated: " + in->text);
}

const char* op_class_name(OpClass c) {
  static const char* const names[] = {"integer", "floating", "convert", "move", "special", "tensor",
                                      "global", "shared", "other memory", "control", "sync"};
  return names[static_cast<int>(c)];
}

std::string Kernel::where(int pc) const {
  if (pc < 0 || static_cast<size_t>(pc) >= source.size()) return "";
  const Source& s = source[static_cast<size_t>(pc)];
  const std::string line = "PTX line " + std::to_string(s.ptx_line);
  return s.file.empty() ? line : s.file + ":" + std::to_string(s.source_line) + " (" + line + ")";
}

Kernel decode(const TextModule& module, const TextKernel& kernel, const Symbols& symbols) {
  return KernelDecoder(module, kernel, symbols).run();
}

}  // namespace ptx
