#include "tests/support/ptx/simulator.h"

#include <algorithm>
#include <cstring>

namespace ptx {

LoadedModule::LoadedModule(std::string_view text, DeviceMemory& memory) : memory_(memory) {
  const TextModule module = parse_text(text);
  target_ = module.target;
  try {
    for (const Variable& v : module.variables) {
      if (v.space == Space::shared) continue;
      const uint64_t address = memory_.allocate(std::max<uint64_t>(v.size_bytes, 1));
      if (!address) throw ParseError("no device memory for the variable " + v.name);
      symbols_[v.name] = address;
      Allocation* a = memory_.find(address);
      a->module_variable = true;
      std::memset(a->bytes, 0, a->size_bytes);
      if (!v.initial.empty()) std::memcpy(a->bytes, v.initial.data(), v.initial.size());
      a->mark_written(0, a->size_bytes);
    }
    for (const TextKernel& k : module.kernels) kernels_.push_back(std::make_unique<Kernel>(decode(module, k, symbols_)));
  } catch (const ParseError&) {
    for (const auto& [name, address] : symbols_) memory_.free(address);
    throw;
  }
}

LoadedModule::~LoadedModule() {
  for (const auto& [name, address] : symbols_) memory_.free(address);
}

const Kernel* LoadedModule::find(std::string_view name) const {
  const auto found = std::find_if(kernels_.begin(), kernels_.end(), [&](const auto& k) { return k->name == name; });
  return found == kernels_.end() ? nullptr : found->get();
}

uint64_t LoadedModule::variable(std::string_view name) const {
  const auto found = symbols_.find(name);
  return found == symbols_.end() ? 0 : found->second;
}

std::vector<uint8_t> pack_parameters(const Kernel& kernel, void* const* values) {
  std::vector<uint8_t> bytes(kernel.param_bytes, 0);
  for (size_t i = 0; i < kernel.params.size(); ++i)
    std::memcpy(bytes.data() + kernel.params[i].offset, values[i], kernel.params[i].size_bytes);
  return bytes;
}

}  // namespace ptx
