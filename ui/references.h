// ui/references.h: how things are referred to in text, and back to where they stand:
//   L1203 or L1203–1207  lines of the log     T17         a template
//   Q4:row 12            a row of a query     A7:2        claim 2 of the answer in message 7
//   F31                  a finding            E3          a piece of evidence
//   C2:18                line 18 of config 2  run 9 #44   sample 44 of a run
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ui {

// A jump target: something that stands on a screen and can be referred to in text.
struct Link {
  enum class Kind : uint8_t { line, template_, query_row, claim, finding, evidence, config_line, run_sample } kind = Kind::line;
  int64_t id = 0;     // line number, template id, query id, message id, finding id, E's number, review id, run id
  int64_t part = 0;   // line: the last one; row of the query from 1, claim of the message from 1, line of the config, sample's number
  friend bool operator==(const Link&, const Link&) = default;
};

struct Reference {
  size_t begin = 0, end = 0;   // bytes of the text, with the brackets of "[E3]"
  Link link;
};

std::string reference_text(const Link& link);

// Whole words only, and none in `code`, a path or a number with a unit. Whether a thing of that number
// exists is for the caller to know.
std::vector<Reference> find_references(std::string_view text);

}  // namespace ui
