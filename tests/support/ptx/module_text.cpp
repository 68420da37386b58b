#include "tests/support/ptx/module_text.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <optional>

#include "tests/support/ptx/tokens.h"

namespace ptx {

bool TextInstruction::has(std::string_view part) const {
  return std::find(parts.begin(), parts.end(), part) != parts.end();
}

int type_bits(std::string_view type) {
  if (type == "pred") return 1;
  if (type == "f16x2" || type == "bf16x2") return 32;
  if (type == "tf32") return 32;
  if (type == "bf16") return 16;
  if (type == "e4m3x2" || type == "e5m2x2") return 16;
  if (type.size() < 2 || std::string_view("busf").find(type[0]) == std::string_view::npos) return 0;
  int bits = 0;
  const auto [end, error] = std::from_chars(type.data() + 1, type.data() + type.size(), bits);
  if (error != std::errc{} || end != type.data() + type.size()) return 0;
  return bits == 8 || bits == 16 || bits == 32 || bits == 64 || bits == 128 ? bits : 0;
}

namespace {

constexpr uint64_t max_variable_bytes = uint64_t{1} << 30;

std::optional<Space> space_of(std::string_view word) {
  if (word == ".shared") return Space::shared;
  if (word == ".global") return Space::global;
  if (word == ".const") return Space::constant;
  if (word == ".local") return Space::local;
  if (word == ".param") return Space::param;
  return std::nullopt;
}

uint64_t align_up(uint64_t n, uint64_t to) { return (n + to - 1) / to * to; }

class Parser {
 public:
  explicit Parser(std::string_view text) : tokens_(tokenize(text)) {}
  TextModule module();

 private:
  // Tokens.
  bool done() const { return at_ >= tokens_.size(); }
  std::string_view peek(size_t ahead = 0) const {
    return at_ + ahead < tokens_.size() ? tokens_[at_ + ahead].text : std::string_view();
  }
  int line() const { return tokens_.empty() ? 0 : tokens_[std::min(at_, tokens_.size() - 1)].line; }
  std::string_view next() {
    if (done()) error("the text ends in the middle of a statement");
    return tokens_[at_++].text;
  }
  bool take(std::string_view text) {
    if (peek() != text) return false;
    ++at_;
    return true;
  }
  void expect(std::string_view text) {
    if (!take(text)) error("expected '" + std::string(text) + "' before '" + std::string(peek()) + "'");
  }
  [[noreturn]] void error(const std::string& what) const {
    throw ParseError("PTX line " + std::to_string(line()) + ": " + what);
  }
  uint64_t integer();
  void skip_line();
  void skip_braces();
  void skip_past(std::string_view text);

  // Declarations.
  Variable variable(Space space);
  void initialiser(Variable& v, int element_bytes);
  void registers(TextKernel& kernel);
  void directive(TextKernel& kernel);

  // Bodies.
  TextKernel kernel();
  void body(TextKernel& kernel);
  void instruction(TextKernel& kernel);
  TextOperand operand();
  TextOperand address();
  TextOperand literal(std::string_view word, bool minus);
  int find_register(std::string_view name) const;

  std::vector<Token> tokens_;
  size_t at_ = 0;
  std::vector<std::map<std::string, int, std::less<>>> scopes_;
  int loc_file_ = 0, loc_line_ = 0;
};

uint64_t Parser::integer() {
  const bool minus = take("-");
  std::string word(next());
  if (!word.empty() && (word.back() == 'U' || word.back() == 'u')) word.pop_back();
  char* end = nullptr;
  const uint64_t value = std::strtoull(word.c_str(), &end, 0);
  if (word.empty() || *end) error("expected a number instead of '" + word + "'");
  return minus ? uint64_t{0} - value : value;
}

void Parser::skip_line() {
  const int here = tokens_[at_].line;
  while (!done() && tokens_[at_].line == here) ++at_;
}

void Parser::skip_braces() {
  expect("{");
  for (int depth = 1; depth > 0;) {
    const std::string_view t = next();
    depth += t == "{" ? 1 : t == "}" ? -1 : 0;
  }
}

void Parser::skip_past(std::string_view text) {
  while (next() != text) {
  }
}

// After the space: [.align n] .type [.ptr ...] name[count] [= values]
Variable Parser::variable(Space space) {
  Variable v;
  v.space = space;
  int element_bytes = 0;
  uint32_t align = 0;
  while (peek().substr(0, 1) == ".") {
    const std::string_view word = next();
    if (word == ".align") {
      align = static_cast<uint32_t>(integer());
      if (align == 0 || align > 4096 || (align & (align - 1))) error("an alignment is a power of two up to 4096");
    } else if (word == ".v2" || word == ".v4") {
      error("variables of vector type are not simulated");
    } else if (const int bits = type_bits(word.substr(1)); bits) {
      element_bytes = (bits + 7) / 8;
    } else if (word == ".ptr") {  // .ptr [.space] .align n describes what the pointer points at
      if (space_of(peek())) next();
      if (take(".align")) integer();
    } else if (word != ".attribute") {
      error("unknown type '" + std::string(word) + "' in a declaration");
    }
  }
  v.name = std::string(next());
  v.size_bytes = static_cast<uint64_t>(element_bytes);
  while (take("[")) {
    if (take("]")) {
      v.size_bytes = 0;
      continue;
    }
    const uint64_t count = integer();
    if (count > max_variable_bytes || v.size_bytes * count > max_variable_bytes) error("an array over 1 GiB");
    v.size_bytes *= count;
    expect("]");
  }
  v.align = align ? align : static_cast<uint32_t>(std::max(element_bytes, 1));
  if (take("=")) initialiser(v, element_bytes);
  return v;
}

void Parser::initialiser(Variable& v, int element_bytes) {
  std::vector<uint8_t> bytes;
  const auto add = [&] {
    const bool minus = take("-");
    const TextOperand value = literal(next(), minus);
    if (value.kind != TextOperand::Kind::immediate) error("an initialiser that is not a number is not simulated");
    for (int i = 0; i < element_bytes; ++i) bytes.push_back(static_cast<uint8_t>(value.value >> (8 * i)));
  };
  if (take("{")) {
    while (!take("}")) {
      add();
      take(",");
    }
  } else {
    add();
  }
  if (v.size_bytes == 0) v.size_bytes = bytes.size();
  if (bytes.size() > v.size_bytes) error("more initial values than " + v.name + " has room for");
  v.initial = std::move(bytes);
}

TextModule Parser::module() {
  TextModule m;
  while (!done()) {
    const std::string_view word = peek();
    if (word == ".version" || word == ".address_size") {
      if (word == ".version") m.version = std::string(peek(1));
      skip_line();
    } else if (word == ".target") {
      const std::string target(peek(1));
      m.target = target.rfind("sm_", 0) == 0 ? std::atoi(target.c_str() + 3) : 0;
      skip_line();
    } else if (word == ".file") {
      m.files[std::atoi(std::string(peek(1)).c_str())] = std::string(peek(2).substr(1, peek(2).size() - 2));
      skip_line();
    } else if (word == ".section") {
      while (peek() != "{") next();
      skip_braces();
    } else if (word == ".pragma") {
      skip_past(";");
    } else if (word == ".visible" || word == ".extern" || word == ".weak" || word == ".common") {
      next();
    } else if (word == ".entry") {
      m.kernels.push_back(kernel());
    } else if (word == ".func") {  // nvcc inlines what kernels use; a call of one is the error
      while (peek() != ";" && peek() != "{") next();
      if (peek() == "{") skip_braces();
      else next();
    } else if (const auto space = space_of(word)) {
      next();
      m.variables.push_back(variable(*space));
      expect(";");
    } else {
      error("'" + std::string(word) + "' is not something a PTX module holds");
    }
  }
  return m;
}

TextKernel Parser::kernel() {
  TextKernel k;
  expect(".entry");
  k.name = std::string(next());
  if (take("(")) {
    while (!take(")")) {
      expect(".param");
      Variable v = variable(Space::param);
      v.offset = align_up(k.param_bytes, v.align);
      k.param_bytes = static_cast<uint32_t>(v.offset + v.size_bytes);
      k.params.push_back(std::move(v));
      take(",");
    }
  }
  while (peek() != "{") {
    const std::string_view word = next();
    if (word == ".maxntid" || word == ".reqntid") {
      k.max_threads = static_cast<int>(integer());
      while (take(",")) k.max_threads *= static_cast<int>(integer());
    }
  }
  scopes_.assign(1, {});
  loc_file_ = loc_line_ = 0;
  body(k);
  for (const TextInstruction& in : k.code) {  // labels may stand behind their use
    if (in.parts[0] != "bra") continue;
    const TextOperand& to = in.operands.at(0);
    if (!k.labels.count(to.symbol))
      throw ParseError("PTX line " + std::to_string(in.ptx_line) + ": no label '" + to.symbol + "' in " + k.name);
  }
  return k;
}

void Parser::body(TextKernel& k) {
  expect("{");
  for (;;) {
    const std::string_view word = peek();
    if (word == "}") {
      next();
      return;
    }
    if (word == "{") {
      scopes_.emplace_back();
      body(k);
      scopes_.pop_back();
    } else if (word == ";") {
      next();
    } else if (peek(1) == ":") {
      const std::string label(next());
      next();
      if (peek() == ".branchtargets") {
        next();
        while (!take(";")) {
          if (peek() != ",") k.targets[label].push_back(std::string(peek()));
          next();
        }
      } else {
        k.labels[label] = static_cast<int>(k.code.size());
      }
    } else if (word.substr(0, 1) == ".") {
      directive(k);
    } else {
      instruction(k);
    }
  }
}

void Parser::directive(TextKernel& k) {
  const std::string_view word = peek();
  if (word == ".loc") {
    loc_file_ = std::atoi(std::string(peek(1)).c_str());
    loc_line_ = std::atoi(std::string(peek(2)).c_str());
    skip_line();
  } else if (word == ".pragma") {
    skip_past(";");
  } else if (word == ".reg") {
    registers(k);
  } else if (const auto space = space_of(word); space == Space::shared || space == Space::local) {
    next();
    k.variables.push_back(variable(*space));
    expect(";");
  } else {
    error("directive '" + std::string(word) + "' is not simulated");
  }
}

void Parser::registers(TextKernel& k) {
  expect(".reg");
  const std::string_view type = next();
  const int bits = type_bits(type.substr(1));
  if (!bits || bits > 64) error("registers of type '" + std::string(type) + "' are not simulated");
  const auto declare = [&](const std::string& name) {
    scopes_.back()[name] = static_cast<int>(k.registers.size());
    k.registers.push_back({name, static_cast<uint8_t>(bits)});
  };
  for (;;) {
    const std::string name(next());
    if (take("<")) {
      const uint64_t count = integer();
      if (count > 1000000) error("over a million registers");
      expect(">");
      for (uint64_t i = 0; i < count; ++i) declare(name + std::to_string(i));
    } else {
      declare(name);
    }
    if (!take(",")) break;
  }
  expect(";");
}

int Parser::find_register(std::string_view name) const {
  for (size_t i = scopes_.size(); i-- > 0;)
    if (const auto found = scopes_[i].find(name); found != scopes_[i].end()) return found->second;
  return -1;
}

void Parser::instruction(TextKernel& k) {
  TextInstruction in;
  in.ptx_line = line();
  in.file = loc_file_;
  in.source_line = loc_line_;
  const size_t first = at_;
  if (take("@")) {
    in.guard_negated = take("!");
    const std::string name(next());
    in.guard = find_register(name);
    if (in.guard < 0) error("unknown register '" + name + "'");
  }
  in.opcode = std::string(next());
  for (size_t begin = 0; begin <= in.opcode.size();) {
    const size_t end = std::min(in.opcode.find('.', begin), in.opcode.size());
    in.parts.push_back(in.opcode.substr(begin, end - begin));
    begin = end + 1;
  }
  while (!take(";")) {
    in.operands.push_back(operand());
    if (peek() != ";") expect(",");
  }
  for (size_t i = first; i + 1 < at_; ++i) {
    const bool glue = i == first || tokens_[i].text == "," || tokens_[i - 1].text == "@" || tokens_[i - 1].text == "!" ||
                      tokens_[i - 1].text == "[" || tokens_[i].text == "]" || tokens_[i - 1].text == "{" || tokens_[i].text == "}";
    if (!glue) in.text += ' ';
    in.text += tokens_[i].text;
  }
  k.code.push_back(std::move(in));
}

TextOperand Parser::operand() {
  TextOperand o;
  if (take("{")) {
    o.kind = TextOperand::Kind::vector;
    while (!take("}")) {
      o.items.push_back(operand());
      take(",");
    }
    return o;
  }
  if (peek() == "[") return address();
  if (take("(")) error("calls are not simulated; everything a kernel uses must be inlined");
  o.negated = take("!");
  const bool minus = take("-");
  const std::string_view word = next();
  if (word == "_") {
    o.kind = TextOperand::Kind::sink;
  } else if (const int reg = find_register(word); reg >= 0) {
    o.kind = TextOperand::Kind::reg;
    o.reg = reg;
  } else if (word[0] == '%') {
    o.kind = TextOperand::Kind::special;
    o.symbol = std::string(word);
  } else {
    o = literal(word, minus);
  }
  if (take("|")) {
    const std::string_view second = next();
    o.pair = second == "_" ? -1 : find_register(second);
    if (second != "_" && o.pair < 0) error("unknown register '" + std::string(second) + "'");
  }
  if (o.kind == TextOperand::Kind::symbol && take("+")) o.value = integer();
  return o;
}

TextOperand Parser::address() {
  TextOperand o;
  o.kind = TextOperand::Kind::address;
  expect("[");
  const std::string_view word = peek();
  if (word == "-" || (word[0] >= '0' && word[0] <= '9')) {
    o.value = integer();
  } else {
    next();
    o.reg = find_register(word);
    if (o.reg < 0) o.symbol = std::string(word);
    if (take("+")) o.value = integer();
    else if (peek() == "-") o.value = integer();
  }
  expect("]");
  return o;
}

TextOperand Parser::literal(std::string_view word, bool minus) {
  TextOperand o;
  if (word.empty() || word[0] < '0' || word[0] > '9') {
    o.kind = TextOperand::Kind::symbol;
    o.symbol = std::string(word);
    return o;
  }
  o.kind = TextOperand::Kind::immediate;
  std::string text(word);
  const bool hex_float = text.size() > 2 && text[0] == '0' && std::string_view("fFdD").find(text[1]) != std::string_view::npos;
  if (hex_float) {
    o.suffix = text[1] == 'f' || text[1] == 'F' ? 'f' : 'd';
    text.erase(0, 2);
  }
  if (!hex_float && text.back() == 'U') text.pop_back();
  char* end = nullptr;
  o.value = std::strtoull(text.c_str(), &end, hex_float ? 16 : 0);
  if (text.empty() || *end) error("'" + std::string(word) + "' is neither a number nor a register");
  if (minus && o.suffix == 'f') o.value ^= 0x80000000u;
  else if (minus && o.suffix == 'd') o.value ^= uint64_t{1} << 63;
  else if (minus) o.value = uint64_t{0} - o.value;
  return o;
}

}  // namespace

TextModule parse_text(std::string_view text) { return Parser(text).module(); }

}  // namespace ptx
