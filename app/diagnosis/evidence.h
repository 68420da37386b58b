// app/diagnosis/evidence.h: which lines the model, and the reader, should see first.
// Three sources are merged: the lines that prove findings, the lines of anomalies, and the lines
// that match the question's words (BM25, Robertson and Zaragoza 2009, over one sample of each
// template, or over the lines themselves where the log has no templates). Lines of one template
// stand in one piece of evidence.
#pragma once
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "app/types.h"

namespace app::store {
class LogSnapshot;
}

namespace app::diagnosis {

// Physical lines of one source, both ends included.
struct LineRange {
  uint32_t source = 0;
  uint64_t first = 0, last = 0;
};

struct EvidenceOptions {
  size_t max_pieces = 24;
  size_t max_lines_a_piece = 4;
  std::stop_token stop{};
  // Only lines of the range, those of findings and of the question first, then its other lines in
  // their order, as many as the pieces hold.
  std::optional<LineRange> range{};
};

// E1, E2 ... best first; empty for an empty log.
std::vector<Evidence> gather_evidence(std::span<const Finding> findings,
                                      const store::LogSnapshot& log, const std::string& question,
                                      std::span<const Anomaly> anomalies = {},
                                      const EvidenceOptions& options = {});

}  // namespace app::diagnosis
