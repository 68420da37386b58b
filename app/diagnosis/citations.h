// app/diagnosis/citations.h: every claim of an answer against the lines that are stored.
// A claim is a sentence or list item. It is supported when it cites a piece of evidence ("[E2]"), or
// quotes a log line, and the stored line is as quoted. What a claim says must also overlap with the
// line it cites, so that a citation pasted behind an unrelated sentence does not count.
//   matched    the cited evidence exists, its line is stored as shown, and the claim speaks of it
//   moved      the quote stands in the log, but on another line than the one cited
//   not_found  no such evidence, or nothing in the line supports the claim
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "app/types.h"

namespace app::store {
class LogSnapshot;
}

namespace app::diagnosis {

// The answer as text with a citation for each claim. Never throws on what a model wrote.
Answer verify_citations(std::string_view text, std::span<const Evidence> evidence,
                        const store::LogSnapshot& log);

// Why a model's text is of no use ("it repeats itself", "it is empty", "it cites no line that is in
// the log"), or empty where it is fit to be shown as an answer.
std::string useless_reason(const Answer& answer);

}  // namespace app::diagnosis
