#include "app/template_groups.h"

#include <cstdlib>

#include "engine/base/text.h"

namespace app {

TemplateGroups TemplateGroups::from_text(const std::string& text) {
  TemplateGroups groups;
  for (const std::string_view line : engine::split(text, '\n')) {
    const auto fields = engine::split(line, '\t');
    if (fields.size() < 3 || fields[0] != "merged") continue;
    const auto id_at = [&](size_t at) { return static_cast<uint32_t>(std::strtoul(std::string(fields[at]).c_str(), nullptr, 10)); };
    const uint32_t leader = id_at(1);
    for (size_t i = 1; i < fields.size(); ++i) {
      if (!groups.leaders_.emplace(id_at(i), leader).second) continue;   // in two groups: the first one counts
      groups.members_[leader].push_back(id_at(i));
    }
  }
  return groups;
}

uint32_t TemplateGroups::leader_of(uint32_t id) const {
  const auto found = leaders_.find(id);
  return found == leaders_.end() ? id : found->second;
}

std::vector<uint32_t> TemplateGroups::members_of(uint32_t leader) const {
  const auto found = members_.find(leader);
  return found == members_.end() ? std::vector<uint32_t>{leader} : found->second;
}

std::string TemplateGroups::ids_text(uint32_t leader) const {
  std::string out;
  for (const uint32_t id : members_of(leader)) out += (out.empty() ? "" : ",") + std::to_string(id);
  return out;
}

}  // namespace app
