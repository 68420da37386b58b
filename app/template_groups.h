// app/template_groups.h: templates that the user merged: they count as one everywhere.
// They are kept with the session as lines "merged<TAB>3<TAB>7" of its view state "logs.template_edits";
// the first of a line leads: its id and pattern stand for all.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace app {

constexpr const char* template_edits_key = "logs.template_edits";

class TemplateGroups {
 public:
  TemplateGroups() = default;
  static TemplateGroups from_text(const std::string& text);   // lines that say something else are passed over

  bool empty() const { return leaders_.empty(); }
  uint32_t leader_of(uint32_t id) const;                      // itself where it is not merged
  std::vector<uint32_t> members_of(uint32_t leader) const;    // the leader first; itself alone where it is not merged
  std::string ids_text(uint32_t leader) const;                // "3,7", as FilterChip::template_id takes it
  friend bool operator==(const TemplateGroups&, const TemplateGroups&) = default;

 private:
  std::map<uint32_t, uint32_t> leaders_;                      // of every merged one, the leader's own too
  std::map<uint32_t, std::vector<uint32_t>> members_;         // by leader, as they were merged
};

}  // namespace app
