// The grid of `sigmactl bench attention` as CSV and as a drawing.
#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "tools/ctl/bench_attention.h"

namespace ctl {
namespace {

using engine::format;

std::string costs_csv(const AttentionCosts& c) {
  return format("%.4f,%.4f,%.4f,%.4f", c.kv_cache_ms, c.attention_ms, c.augmented_q_ms, c.total_ms());
}

std::string tokens_text(int n) { return n >= 1024 && n % 1024 == 0 ? format("%dk", n / 1024) : format("%d", n); }

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : std::string(1, c);
  return out;
}

// White at none, green towards all that can be saved, red where it costs more.
std::string colour(double reduction) {
  const double t = std::clamp(std::fabs(reduction) / 0.7, 0.0, 1.0);
  const int faded = int(std::lround(255 - 150 * t)), full = int(std::lround(255 - 60 * t));
  return reduction >= 0 ? format("rgb(%d,%d,%d)", faded, full, faded) : format("rgb(%d,%d,%d)", full, faded, faded);
}

}  // namespace

std::string attention_grid_csv(const std::vector<AttentionGridCell>& cells) {
  std::string csv =
      "prefix,output,shape_kv_cache_ms,shape_attention_ms,shape_augmented_q_ms,shape_total_ms,versus_kv_cache_ms,"
      "versus_attention_ms,versus_augmented_q_ms,versus_total_ms,reduction,reduction_without_augmented_q\n";
  for (const AttentionGridCell& cell : cells) {
    csv += format("%d,%d,%s,%s,%.4f,%.4f\n", cell.prefix, cell.output, costs_csv(cell.shape).c_str(), costs_csv(cell.versus).c_str(),
                  cell.reduction(), cell.reduction_without_augmented_q());
  }
  return csv;
}

std::string attention_grid_svg(const std::vector<AttentionGridCell>& cells, const std::string& title) {
  constexpr int width = 92, height = 46, left = 90, top = 70;
  size_t n_columns = 0;
  while (n_columns < cells.size() && cells[n_columns].output == cells.front().output) ++n_columns;
  const size_t n_rows = n_columns == 0 ? 0 : cells.size() / n_columns;
  const int picture_width = left + int(n_columns) * width + 20, picture_height = top + int(n_rows) * height + 60;
  std::string svg = format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" font-size=\"13\">\n"
      "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n<text x=\"%d\" y=\"22\" font-size=\"14\">%s</text>\n"
      "<text x=\"%d\" y=\"42\">time of the attention layers saved (below: without augmented Q)</text>\n",
      picture_width, picture_height, 12, escaped(title).c_str(), 12);
  for (size_t i = 0; i < n_rows * n_columns; ++i) {
    const AttentionGridCell& cell = cells[i];
    const int x = left + int(i % n_columns) * width, y = top + int(i / n_columns) * height;
    svg += format(
        "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\" stroke=\"white\"/>\n"
        "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%.1f %%</text>\n"
        "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\" font-size=\"10\">%.1f %%</text>\n",
        x, y, width, height, colour(cell.reduction()).c_str(), x + width / 2, y + 20, 100 * cell.reduction(), x + width / 2, y + 36,
        100 * cell.reduction_without_augmented_q());
  }
  for (size_t row = 0; row < n_rows; ++row) {
    svg += format("<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", left - 8, top + int(row) * height + height / 2 + 4,
                  tokens_text(cells[row * n_columns].output).c_str());
  }
  for (size_t column = 0; column < n_columns; ++column) {
    svg += format("<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", left + int(column) * width + width / 2,
                  top + int(n_rows) * height + 20, tokens_text(cells[column].prefix).c_str());
  }
  return svg + format("<text x=\"12\" y=\"%d\">rows: tokens of output; columns: tokens of prefix</text>\n</svg>\n",
                      top + int(n_rows) * height + 46);
}

}  // namespace ctl
