// app/diagnosis/evidence.h: which lines the model, and the reader, should see first.
// Three sources are merged: the lines that prove findings, the lines of anomalies, and the lines
// that match the question's words (BM25, Robertson and Zaragoza 2009, over one sample of each
// template, or over the lines themselves where the log has no templates). Lines of one template
// stand in one piece of evidence.
#pragma once
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "app/types.h"

namespace app::store {
class LogSnapshot;
}

namespace app::diagnosis {

struct EvidenceOptions {
  size_t max_pieces = 24;
  size_t max_lines_a_piece = 4;
  std::stop_token stop{};
};

// E1, E2 ... best first; empty for an empty log.
std::vector<Evidence> gather_evidence(std::span<const Finding> findings,
                                      const store::LogSnapshot& log, const std::string& question,
                                      std::span<const Anomaly> anomalies = {},
                                      const EvidenceOptions& options = {});

}  // namespace app::diagnosis
