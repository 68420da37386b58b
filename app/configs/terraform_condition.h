// app/configs/terraform_condition.h: the small language in which the Terraform rules say what is
// bad.
//   a.b = "x"   a.b in ("x", "y")   a.b exists   a.b empty   a.b < 90   a.b contains "x"
//   a.b ~ "part"  a.b spans 22 (a port or range)   a.b is c.d (the same value)  any(a.b: ...)
//   all(a.b: ...)  count(a.b) < 2   and  or  not  ( )
// A path goes through lists by their first item; any() and all() walk them; "." alone is the item
// itself. What only a run of Terraform could tell is unknown, and unknown never fires.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/configs/node.h"

namespace app::configs {

enum class Truth { no, yes, unknown };

class Condition {
 public:
  // Throws Error{internal} naming the place: rules are ours.
  explicit Condition(std::string_view text);
  Condition(Condition&&) noexcept;
  ~Condition();

  Truth holds(const Node& body) const;
  // The attribute that the condition is about, for the place of a finding.
  const Node& place(const Node& body) const;

  struct Term;

 private:
  std::unique_ptr<Term> root_;
};

}  // namespace app::configs
