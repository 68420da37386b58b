#include "app/diagnosis/evidence.h"

#include <algorithm>
#include <set>

#include "app/diagnosis/scan.h"
#include "app/diagnosis/text_match.h"
#include "app/store/log_store.h"

namespace app::diagnosis {
namespace {

constexpr size_t max_lines_matched = 20'000;  // lines that BM25 looks at where there are no templates
constexpr size_t max_range_lines = 2'000;       // of a chosen range, beside those that match
constexpr double question_weight = 0.5, anomaly_weight = 0.4, range_weight = 0.1;

// Collects pieces; lines of one template, or of one form, share a piece.
class Collector {
 public:
  Collector(const store::LogSnapshot& log, const EvidenceOptions& options) : log_(log), options_(options) {}

  void add(const LineRef& line, double score, const std::string& reason) {
    if (line.row == no_row || line.row >= log_.n_rows() || !in_range(line) || !known_.insert({line.source, line.line}).second) return;
    std::string key = key_of(line);
    auto it = std::find(keys_.begin(), keys_.end(), key);
    if (it == keys_.end()) {
      keys_.push_back(key);
      pieces_.push_back({.id = "", .reason = reason, .score = score, .lines = {line}});
      return;
    }
    Evidence& piece = pieces_[static_cast<size_t>(it - keys_.begin())];
    piece.score = std::max(piece.score, score);
    if (piece.lines.size() < options_.max_lines_a_piece) piece.lines.push_back(line);
  }

  std::vector<Evidence> finish() {
    std::stable_sort(pieces_.begin(), pieces_.end(), [](const Evidence& a, const Evidence& b) { return a.score > b.score; });
    if (pieces_.size() > options_.max_pieces) pieces_.resize(options_.max_pieces);
    for (size_t i = 0; i < pieces_.size(); i++) pieces_[i].id = "E" + std::to_string(i + 1);
    return std::move(pieces_);
  }

 private:
  bool in_range(const LineRef& line) const {
    const auto& range = options_.range;
    return !range || (line.source == range->source && line.line >= range->first && line.line <= range->last);
  }

  std::string key_of(const LineRef& line) const {
    store::LogRow row = log_.row(line.row);
    if (row.template_id != no_template && row.n_lines == 1) return "t" + std::to_string(row.template_id);
    return std::to_string(line.source) + shape_of(line.text);
  }

  const store::LogSnapshot& log_;
  const EvidenceOptions& options_;
  std::set<std::pair<uint32_t, uint64_t>> known_;
  std::vector<std::string> keys_;
  std::vector<Evidence> pieces_;
};

// Rows of a range of lines, up to a number of them. A source's rows follow one another.
std::vector<RowId> rows_of(const store::LogSnapshot& log, const LineRange& range, size_t most) {
  std::vector<RowId> rows;
  std::optional<RowId> first;
  // The range may begin in an empty line, which no row holds.
  for (uint64_t line = range.first; !first && line <= range.last && line < range.first + 100; line++) first = log.find_line(range.source, line);
  if (!first) return rows;
  for (RowId row = *first; row < log.n_rows() && rows.size() < most; row++) {
    const LineRef line = log.line_ref(row);
    if (line.source != range.source || line.line > range.last) break;
    rows.push_back(row);
  }
  return rows;
}

// Rows to match the question with: a sample of each template, or rows spread over the log.
std::vector<RowId> candidate_rows(const store::LogSnapshot& log, const EvidenceOptions& options) {
  if (options.range) return rows_of(log, *options.range, max_lines_matched);
  std::vector<RowId> rows;
  for (const Template& t : log.templates())
    for (size_t i = 0; i < t.samples.size() && i < 2; i++) rows.push_back(t.samples[i]);
  if (!rows.empty()) return rows;
  RowId step = std::max<RowId>(1, log.n_rows() / max_lines_matched);
  for (RowId row = 0; row < log.n_rows(); row += step) rows.push_back(row);
  return rows;
}

void add_matches(const store::LogSnapshot& log, const std::string& question, const EvidenceOptions& options, Collector& collector) {
  std::vector<RowId> rows = candidate_rows(log, options);
  std::vector<LineRef> lines;
  Bm25 index;
  for (RowId row : rows) {
    if (options.stop.stop_requested()) return;
    if (row >= log.n_rows()) continue;
    lines.push_back(log.line_ref(row));
    index.add(lines.back().text.substr(0, 2000));
  }
  index.finish();
  std::vector<double> scores = index.scores(question);
  double most = scores.empty() ? 0 : *std::max_element(scores.begin(), scores.end());
  std::vector<size_t> order(scores.size());
  for (size_t i = 0; i < order.size(); i++) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  for (size_t i = 0; i < order.size() && i < options.max_pieces && scores[order[i]] > 0; i++)
    collector.add(lines[order[i]], question_weight * scores[order[i]] / most, "matches the question");
}

}  // namespace

std::vector<Evidence> gather_evidence(std::span<const Finding> findings, const store::LogSnapshot& log,
                                      const std::string& question, std::span<const Anomaly> anomalies,
                                      const EvidenceOptions& options) {
  Collector collector(log, options);
  for (const Finding& finding : findings) {
    double score = finding.score;
    for (const LineRef& line : finding.evidence) {
      collector.add(line, score, "finding " + finding.check);
      score *= 0.9;  // the first lines of a finding tell most
    }
  }
  for (const Anomaly& anomaly : anomalies)
    for (RowId row : anomaly.rows)
      if (row < log.n_rows()) collector.add(log.line_ref(row), anomaly_weight * anomaly.score, "anomaly " + anomaly.kind);
  if (!question.empty()) add_matches(log, question, options, collector);
  if (options.range)
    for (RowId row : rows_of(log, *options.range, max_range_lines)) collector.add(log.line_ref(row), range_weight, "in the chosen range");
  return collector.finish();
}

}  // namespace app::diagnosis
