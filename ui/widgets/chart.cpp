#include "ui/widgets/chart.h"

#include <algorithm>
#include <cmath>

#include "app/logs/histogram.h"
#include "engine/base/error.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/chart_canvas.h"
#include "ui/widgets/text.h"

namespace ui {
namespace {

constexpr float pi = 3.14159265f;

class ScreenCanvas : public Canvas {
 public:
  ScreenCanvas(Ui& ui, ImDrawList& list) : ui_(ui), list_(list) {}
  void rect(ImVec2 a, ImVec2 b, ImU32 color) override { list_.AddRectFilled(a, b, color); }
  void line(ImVec2 a, ImVec2 b, ImU32 color, float width) override { list_.AddLine(a, b, color, width); }
  void polyline(const std::vector<ImVec2>& points, ImU32 color, float width) override {
    for (size_t i = 1; i < points.size(); ++i) list_.AddLine(points[i - 1], points[i], color, width);
  }
  void quad(ImVec2 a, ImVec2 b, ImVec2 c, ImVec2 d, ImU32 color) override { list_.AddQuadFilled(a, b, c, d, color); }
  void circle(ImVec2 center, float radius, ImU32 color) override { list_.AddCircleFilled(center, radius, color, 10); }
  void sector(ImVec2 center, float radius, float from, float to, ImU32 color) override {
    // Convex pieces only: halves of the circle at most.
    while (from < to - 1e-5f) {
      const float end = std::min(to, from + pi * 0.9f);
      list_.PathLineTo(center);
      list_.PathArcTo(center, radius, from, end, std::max(6, int((end - from) * 14)));
      list_.PathFillConvex(color);
      from = end;
    }
  }
  void text(ImVec2 at, ImU32 color, const std::string& shown, float scale) override {
    if (scale == 1) return draw_text(ui_, list_, at, color, shown);
    ui_.fonts.note_text(shown);
    list_.AddText(font_of(ui_, Face::bold), ImGui::GetFontSize() * scale, at, color, shown.data(), shown.data() + shown.size());
    ui_.note_drawn(shown);
  }

 private:
  Ui& ui_;
  ImDrawList& list_;
};

class SvgCanvas : public Canvas {
 public:
  SvgCanvas(float width, float height, float font) : font_(font) {
    out = engine::format("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" font-family=\"sans-serif\" font-size=\"%.0f\">\n"
                         "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
                         double(width), double(height), double(font));
  }
  void rect(ImVec2 a, ImVec2 b, ImU32 color) override {
    out += engine::format("<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" %s/>\n", double(a.x), double(a.y), double(std::max(b.x - a.x, 0.f)),
                          double(std::max(b.y - a.y, 0.f)), fill(color).c_str());
  }
  void line(ImVec2 a, ImVec2 b, ImU32 color, float width) override { polyline({a, b}, color, width); }
  void polyline(const std::vector<ImVec2>& points, ImU32 color, float width) override {
    out += "<polyline fill=\"none\" stroke-width=\"" + engine::format("%.1f", double(width)) + "\" stroke=\"" + hex(color) + "\" stroke-opacity=\"" + alpha(color) + "\" points=\"";
    for (const ImVec2& p : points) out += engine::format("%.1f,%.1f ", double(p.x), double(p.y));
    out += "\"/>\n";
  }
  void quad(ImVec2 a, ImVec2 b, ImVec2 c, ImVec2 d, ImU32 color) override {
    out += engine::format("<polygon points=\"%.1f,%.1f %.1f,%.1f %.1f,%.1f %.1f,%.1f\" %s/>\n", double(a.x), double(a.y), double(b.x), double(b.y), double(c.x),
                          double(c.y), double(d.x), double(d.y), fill(color).c_str());
  }
  void circle(ImVec2 c, float radius, ImU32 color) override {
    out += engine::format("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" %s/>\n", double(c.x), double(c.y), double(radius), fill(color).c_str());
  }
  void sector(ImVec2 c, float r, float from, float to, ImU32 color) override {
    if (to - from >= 2 * pi - 1e-3f) return circle(c, r, color);
    out += engine::format("<path d=\"M%.1f,%.1f L%.1f,%.1f A%.1f,%.1f 0 %d 1 %.1f,%.1f Z\" %s/>\n", double(c.x), double(c.y), double(c.x + std::cos(from) * r),
                          double(c.y + std::sin(from) * r), double(r), double(r), to - from > pi ? 1 : 0, double(c.x + std::cos(to) * r),
                          double(c.y + std::sin(to) * r), fill(color).c_str());
  }
  void text(ImVec2 at, ImU32 color, const std::string& shown, float scale) override {
    std::string safe;
    for (const char c : shown) safe += c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : std::string(1, c);
    out += engine::format("<text x=\"%.1f\" y=\"%.1f\" fill=\"%s\" font-size=\"%.0f\">%s</text>\n", double(at.x), double(at.y + font_ * scale * 0.82f),
                          hex(color).c_str(), double(font_ * scale), safe.c_str());
  }
  std::string out;

 private:
  static std::string hex(ImU32 c) { return engine::format("#%02x%02x%02x", (c >> IM_COL32_R_SHIFT) & 255u, (c >> IM_COL32_G_SHIFT) & 255u, (c >> IM_COL32_B_SHIFT) & 255u); }
  static std::string alpha(ImU32 c) { return engine::format("%.2f", double((c >> IM_COL32_A_SHIFT) & 255u) / 255); }
  static std::string fill(ImU32 c) { return "fill=\"" + hex(c) + "\" fill-opacity=\"" + alpha(c) + "\""; }
  float font_;
};

struct Colors {
  ImU32 text, dim, faint, line;
};

struct Style {
  const Ui& ui;
  Colors colors;
  float font = 15, px = 1;
  ImU32 series(size_t i) const { return ui.theme.series[i % 8]; }
  float width(const std::string& shown) const { return text_width(ui, shown); }
};

// The part of a chart between its axes.
struct Plot {
  float x0 = 0, y0 = 0, x1 = 0, y1 = 0;
  double low_x = 0, high_x = 1, low_y = 0, high_y = 1;
  bool sideways = false;             // bars to the right: places go down
  float x_of(double v) const { return x0 + float((v - low_x) / std::max(high_x - low_x, 1e-300)) * (x1 - x0); }
  float y_of(double v) const { return y1 - float((v - low_y) / std::max(high_y - low_y, 1e-300)) * (y1 - y0); }
};

bool is_stacked(ChartKind kind) { return kind == ChartKind::stacked || kind == ChartKind::stacked_area; }
bool has_bars(ChartKind kind) { return kind == ChartKind::column || kind == ChartKind::stacked || kind == ChartKind::bar; }

std::vector<size_t> shown_series(const ChartData& data, const std::set<std::string>& hidden) {
  std::vector<size_t> shown;
  for (size_t s = 0; s < data.series.size(); ++s)
    if (hidden.count(data.series[s].name) == 0) shown.push_back(s);
  return shown;
}

void value_range(const ChartData& data, const std::vector<size_t>& shown, double* low, double* high) {
  *low = 0, *high = 0;
  bool any = false;
  for (size_t i = 0; i < data.x.size(); ++i) {
    double above = 0, below = 0;
    for (const size_t s : shown) {
      const double y = data.series[s].y[i];
      if (std::isnan(y) || std::isinf(y)) continue;
      if (is_stacked(data.kind)) {
        (y >= 0 ? above : below) += y;
      } else {
        *low = any ? std::min(*low, y) : y;
        *high = any ? std::max(*high, y) : y;
        any = true;
      }
    }
    if (is_stacked(data.kind)) *high = std::max(*high, above), *low = std::min(*low, below);
  }
  // Bars and areas stand on zero; lines too where they come near it.
  if (has_bars(data.kind) || data.kind == ChartKind::area || is_stacked(data.kind) || (*low > 0 && *low < *high * 0.5)) *low = std::min(*low, 0.0);
  if (has_bars(data.kind) || data.kind == ChartKind::area) *high = std::max(*high, 0.0);
  if (*high <= *low) *high = *low + 1;
  const double room = (*high - *low) * 0.06;
  *high += room;
  if (*low < 0) *low -= room;
}

std::string fit(const Style& style, const std::string& text, float width) {
  return style.width(text) <= width ? text : fit_text(style.ui, text, width);
}

void draw_value_axis(Canvas& canvas, const Style& style, const Plot& plot) {
  const int n = std::max(2, int((plot.sideways ? plot.x1 - plot.x0 : plot.y1 - plot.y0) / (style.px * (plot.sideways ? 90 : 46))));
  for (const double tick : round_ticks(plot.low_y, plot.high_y, n)) {
    const std::string label = number_text(tick);
    if (plot.sideways) {
      const float x = plot.x0 + float((tick - plot.low_y) / (plot.high_y - plot.low_y)) * (plot.x1 - plot.x0);
      canvas.line({x, plot.y0}, {x, plot.y1}, style.colors.line, 1);
      canvas.text({x - style.width(label) / 2, plot.y1 + style.px * 3}, style.colors.faint, label);
    } else {
      const float y = plot.y_of(tick);
      canvas.line({plot.x0, y}, {plot.x1, y}, style.colors.line, 1);
      canvas.text({plot.x0 - style.width(label) - style.px * 6, y - style.font / 2}, style.colors.faint, label);
    }
  }
}

void draw_time_axis(Canvas& canvas, const Style& style, const Plot& plot) {
  using app::Ticks;
  const Ticks begin = Ticks(plot.low_x), end = Ticks(plot.high_x);
  const float room = style.width("0000-00-00 00:00") + style.px * 16;
  const Ticks step = app::logs::nice_bucket_ticks(std::max<Ticks>(end - begin, 1), std::max<size_t>(size_t((plot.x1 - plot.x0) / room), 1));
  if (step <= 0) return;
  std::string last_day;
  float free_from = plot.x0 - 1;
  for (Ticks t = (begin + step - 1) / step * step; t <= end; t += step) {
    const float x = plot.x_of(double(t));
    std::string label = short_time_text(t);
    if (step % app::ticks_per_second == 0) label.resize(8);
    if (step % (60 * app::ticks_per_second) == 0) label.resize(5);
    const std::string day = day_text(t);
    if (day != last_day) label = step >= 86400 * app::ticks_per_second ? day : day + " " + label;
    if (x < free_from || x + style.width(label) > plot.x1 + style.px * 30) continue;
    last_day = day;
    free_from = x + style.width(label) + style.px * 10;
    canvas.line({x, plot.y1}, {x, plot.y1 + style.px * 3}, style.colors.faint, 1);
    canvas.text({x + style.px * 2, plot.y1 + style.px * 3}, style.colors.faint, label);
  }
}

void draw_place_axis(Canvas& canvas, const Style& style, const Plot& plot, const ChartData& data) {
  if (data.x_is_time) return draw_time_axis(canvas, style, plot);
  if (data.x_is_number) {
    for (const double tick : round_ticks(plot.low_x, plot.high_x, std::max(2, int((plot.x1 - plot.x0) / (style.px * 90))))) {
      const std::string label = number_text(tick);
      canvas.text({plot.x_of(tick) - style.width(label) / 2, plot.y1 + style.px * 3}, style.colors.faint, label);
    }
    return;
  }
  const auto n = double(data.x.size());
  if (plot.sideways) {
    const float step = (plot.y1 - plot.y0) / float(n);
    const auto every = size_t(std::max(1.f, std::ceil((style.font + 2) / std::max(step, 0.1f))));
    for (size_t i = 0; i < data.x.size(); i += every) {
      const std::string label = fit(style, data.labels[i], plot.x0 - style.px * 8);
      canvas.text({plot.x0 - style.width(label) - style.px * 6, plot.y0 + step * (float(i) + 0.5f) - style.font / 2}, style.colors.dim, label);
    }
    return;
  }
  const float step = (plot.x1 - plot.x0) / float(n);
  float widest = 0;
  for (const std::string& label : data.labels) widest = std::max(widest, style.width(label));
  const float room = std::max(std::min(widest, style.px * 130), style.px * 20) + style.px * 8;
  const auto every = size_t(std::max(1.f, std::ceil(std::min(room, style.px * 60) / std::max(step, 0.1f))));
  for (size_t i = 0; i < data.x.size(); i += every) {
    const std::string label = fit(style, data.labels[i], step * float(every) - style.px * 6);
    canvas.text({plot.x0 + step * (float(i) + 0.5f) - style.width(label) / 2, plot.y1 + style.px * 3}, style.colors.dim, label);
  }
}

void draw_bars(Canvas& canvas, const Style& style, const Plot& plot, const ChartData& data, const std::vector<size_t>& shown) {
  const size_t n = data.x.size();
  const float length = plot.sideways ? plot.y1 - plot.y0 : plot.x1 - plot.x0;
  float step = length / float(std::max<size_t>(n, 1));
  if (data.x_is_time && n > 1) {
    double least = plot.high_x - plot.low_x;
    for (size_t i = 1; i < n; ++i) least = std::min(least, data.x[i] - data.x[i - 1]);
    step = std::max(float(least / (plot.high_x - plot.low_x)) * length, style.px * 2);
  }
  const bool together = is_stacked(data.kind);
  const float thickness = step * 0.8f / float(together ? 1 : std::max<size_t>(shown.size(), 1));
  for (size_t i = 0; i < n; ++i) {
    const float place = data.x_is_time ? plot.x_of(data.x[i]) : (plot.sideways ? plot.y0 : plot.x0) + step * (float(i) + 0.1f);
    double above = 0, below = 0;
    for (size_t k = 0; k < shown.size(); ++k) {
      const double y = data.series[shown[k]].y[i];
      if (std::isnan(y)) continue;
      double from = 0, to = y;
      if (together) {
        double& base = y >= 0 ? above : below;
        from = base;
        to = base += y;
      }
      const float at = place + (together ? 0 : thickness * float(k));
      const ImU32 color = style.series(shown[k]);
      const float end = at + std::max(thickness - (thickness > style.px * 4 ? 1.f : 0.f), 1.f);
      if (plot.sideways) {
        const auto x = [&](double v) { return plot.x0 + float((v - plot.low_y) / (plot.high_y - plot.low_y)) * (plot.x1 - plot.x0); };
        canvas.rect({std::min(x(from), x(to)), at}, {std::max(x(from), x(to)), end}, color);
      } else {
        canvas.rect({at, std::min(plot.y_of(from), plot.y_of(to))}, {end, std::max(plot.y_of(from), plot.y_of(to))}, color);
      }
    }
  }
}

void draw_lines(Canvas& canvas, const Style& style, const Plot& plot, const ChartData& data, const std::vector<size_t>& shown) {
  const bool filled = data.kind == ChartKind::area || data.kind == ChartKind::stacked_area;
  std::vector<double> base(data.x.size(), 0.0);
  const auto x_at = [&](size_t i) {
    return data.x_is_time || data.x_is_number ? plot.x_of(data.x[i]) : plot.x0 + (plot.x1 - plot.x0) * (float(i) + 0.5f) / float(data.x.size());
  };
  for (const size_t s : shown) {
    const ImU32 color = style.series(s);
    std::vector<ImVec2> points;
    const auto flush = [&] {
      if (points.size() == 1) canvas.circle(points[0], style.px * 2.5f, color);
      else canvas.polyline(points, color, style.px * 1.6f);
      points.clear();
    };
    float last_x = 0, last_low = 0, last_high = 0;
    for (size_t i = 0; i < data.x.size(); ++i) {
      const double y = data.series[s].y[i];
      if (std::isnan(y) && data.kind != ChartKind::stacked_area) {
        flush();
        continue;
      }
      const double value = std::isnan(y) ? 0 : y;
      const double from = data.kind == ChartKind::stacked_area ? base[i] : 0;
      const double to = data.kind == ChartKind::stacked_area ? (base[i] += value) : value;
      const float x = x_at(i), high = plot.y_of(to), low = plot.y_of(std::max(from, plot.low_y));
      if (filled && !points.empty()) canvas.quad({last_x, last_high}, {x, high}, {x, low}, {last_x, last_low}, with_alpha(color, data.kind == ChartKind::area ? 0.25f : 0.6f));
      points.push_back({x, high});
      last_x = x, last_low = low, last_high = high;
    }
    flush();
    if (data.x.size() <= 60 && !filled)
      for (size_t i = 0; i < data.x.size(); ++i)
        if (!std::isnan(data.series[s].y[i])) canvas.circle({x_at(i), plot.y_of(data.series[s].y[i])}, style.px * 2.2f, color);
  }
}

void draw_dots(Canvas& canvas, const Style& style, const Plot& plot, const ChartData& data, const std::vector<size_t>& shown) {
  for (const size_t s : shown)
    for (size_t i = 0; i < data.x.size(); ++i) {
      const double y = data.series[s].y[i];
      if (std::isnan(y)) continue;
      const float x = data.x_is_time || data.x_is_number ? plot.x_of(data.x[i]) : plot.x0 + (plot.x1 - plot.x0) * (float(i) + 0.5f) / float(data.x.size());
      canvas.circle({x, plot.y_of(y)}, style.px * 3, with_alpha(style.series(s), 0.75f));
    }
}

void draw_pie(Canvas& canvas, const Style& style, const ChartData& data, ImVec2 a, ImVec2 b) {
  const std::vector<double>& y = data.series.front().y;
  double sum = 0;
  for (const double v : y) sum += v;
  if (sum <= 0) return;
  const float radius = std::max(std::min(b.x - a.x, b.y - a.y) * 0.45f, 4.f);
  const ImVec2 center{(a.x + b.x) / 2, (a.y + b.y) / 2};
  float angle = -pi / 2;
  for (size_t i = 0; i < y.size(); ++i) {
    const float next = angle + float(y[i] / sum) * 2 * pi;
    canvas.sector(center, radius, angle, next, style.series(i));
    angle = next;
  }
}

void draw_cards(Canvas& canvas, const Style& style, const ChartData& data, ImVec2 a, ImVec2 b) {
  float x = a.x, y = a.y;
  for (const auto& [name, value] : data.cards) {
    const float width = std::max({style.width(value) * 2.4f, style.width(name), style.px * 90}) + style.px * 28;
    if (x + width > b.x && x > a.x) x = a.x, y += style.font * 4.4f;
    canvas.text({x + style.px * 8, y + style.px * 4}, style.colors.text, fit(style, value, (b.x - a.x) / 2.4f), 2.4f);
    canvas.text({x + style.px * 8, y + style.px * 6 + style.font * 2.5f}, style.colors.dim, fit(style, name, b.x - x));
    x += width;
  }
}

// Where the parts of a chart stand. legend: names beside colours at the right.
struct Frame {
  Plot plot;
  float legend_x = 0;
  bool with_legend = false;
};

Frame frame_of(const Style& style, const ChartData& data, const std::vector<size_t>& shown, ImVec2 a, ImVec2 b) {
  Frame frame;
  Plot& plot = frame.plot;
  plot.sideways = data.kind == ChartKind::bar;
  float legend = 0;
  const bool pie = data.kind == ChartKind::pie;
  if (pie || data.series.size() > 1) {
    if (pie)
      for (const std::string& label : data.labels) legend = std::max(legend, style.width(label + "  00.0 %"));
    else
      for (const ChartSeries& s : data.series) legend = std::max(legend, style.width(s.name));
    legend = std::min(legend + style.px * 34, (b.x - a.x) * 0.36f);
    frame.with_legend = b.x - a.x > style.px * 260;
    if (!frame.with_legend) legend = 0;
  }
  frame.legend_x = b.x - legend + style.px * 12;
  value_range(data, shown, &plot.low_y, &plot.high_y);
  float left = style.px * 8;
  if (plot.sideways) {
    float widest = 0;
    for (const std::string& label : data.labels) widest = std::max(widest, style.width(label));
    left = std::min(widest + style.px * 14, (b.x - a.x) * 0.35f);
  } else if (!pie) {
    for (const double tick : round_ticks(plot.low_y, plot.high_y, 6)) left = std::max(left, style.width(number_text(tick)) + style.px * 12);
  }
  plot.x0 = a.x + left;
  plot.x1 = b.x - legend - style.px * 10;
  plot.y0 = a.y + (data.title.empty() ? 0 : style.font + style.px * 8) + (data.y_title.empty() ? 0 : style.font + style.px * 2);
  plot.y1 = b.y - style.font - style.px * 8 - (data.x_title.empty() ? 0 : style.font + style.px * 2);
  plot.y1 = std::max(plot.y1, plot.y0 + style.px * 20);
  if (data.x_is_time || data.x_is_number) {
    plot.low_x = data.x.empty() ? 0 : data.x.front();
    plot.high_x = data.x.empty() ? 1 : data.x.back();
    if (plot.high_x <= plot.low_x) plot.high_x = plot.low_x + (data.x_is_time ? double(app::ticks_per_second) : 1.0);
    // The last column of a time axis needs room for its width.
    if (has_bars(data.kind) && data.x.size() > 1) plot.high_x += (plot.high_x - plot.low_x) / double(data.x.size() - 1);
  }
  return frame;
}

void draw_all(Canvas& canvas, const Style& style, const ChartData& data, const Frame& frame, const std::vector<size_t>& shown, ImVec2 a, ImVec2 b) {
  const Plot& plot = frame.plot;
  if (!data.title.empty()) canvas.text({a.x + style.px * 8, a.y}, style.colors.text, data.title);
  if (data.kind == ChartKind::card) return draw_cards(canvas, style, data, {a.x, plot.y0}, b);
  if (data.kind == ChartKind::pie) {
    draw_pie(canvas, style, data, {a.x, plot.y0}, {plot.x1, b.y});
    return;
  }
  if (!data.y_title.empty() && !plot.sideways) canvas.text({a.x + style.px * 8, plot.y0 - style.font - style.px * 2}, style.colors.dim, data.y_title);
  draw_value_axis(canvas, style, plot);
  draw_place_axis(canvas, style, plot, data);
  const std::string& below = plot.sideways ? data.y_title : data.x_title;
  if (!below.empty()) canvas.text({(plot.x0 + plot.x1) / 2 - style.width(below) / 2, b.y - style.font - style.px}, style.colors.dim, below);
  if (has_bars(data.kind)) draw_bars(canvas, style, plot, data, shown);
  else if (data.kind == ChartKind::scatter) draw_dots(canvas, style, plot, data, shown);
  else draw_lines(canvas, style, plot, data, shown);
}

// Names beside their colours; a click hides a series.
void draw_legend(Ui& ui, Canvas& canvas, const Style& style, ChartState* state, const ChartData& data, const Frame& frame, float y, float end_x) {
  if (!frame.with_legend) return;
  const bool pie = data.kind == ChartKind::pie;
  double sum = 0;
  if (pie)
    for (const double v : data.series.front().y) sum += v;
  const size_t n = pie ? data.labels.size() : data.series.size();
  const float row = style.font + style.px * 5;
  for (size_t i = 0; i < n; ++i) {
    const float at = y + row * float(i);
    const std::string& name = pie ? data.labels[i] : data.series[i].name;
    const bool off = state != nullptr && state->hidden.count(name) > 0;
    canvas.rect({frame.legend_x, at + style.px * 3}, {frame.legend_x + style.px * 10, at + style.px * 13}, off ? style.colors.line : style.series(i));
    const std::string share = pie && sum > 0 ? engine::format("  %.1f %%", 100 * data.series.front().y[i] / sum) : "";
    const std::string shown = fit(style, name, end_x - frame.legend_x - style.px * 20 - style.width(share)) + share;
    canvas.text({frame.legend_x + style.px * 16, at}, off ? style.colors.faint : style.colors.text, shown);
    if (state == nullptr || pie) continue;
    ImGui::SetCursorScreenPos({frame.legend_x, at});
    ImGui::PushID(int(i));
    if (ImGui::InvisibleButton("series", {std::max(end_x - frame.legend_x, 1.f), row})) {
      if (off) state->hidden.erase(name);
      else state->hidden.insert(name);
    }
    if (ImGui::IsItemHovered()) ImGui::SetTooltip("%s\nClick: %s", name.c_str(), off ? "show" : "hide");
    ui.probe("chart_series", name, {frame.legend_x, at}, {end_x, at + row});
    ImGui::PopID();
  }
}

// The place nearest to the pointer, or -1.
int place_at(const Plot& plot, const ChartData& data, ImVec2 mouse) {
  if (data.x.empty()) return -1;
  const size_t n = data.x.size();
  if (plot.sideways) return int(std::clamp((mouse.y - plot.y0) / std::max(plot.y1 - plot.y0, 1.f) * float(n), 0.f, float(n - 1)));
  if (!data.x_is_time && !data.x_is_number) return int(std::clamp((mouse.x - plot.x0) / std::max(plot.x1 - plot.x0, 1.f) * float(n), 0.f, float(n - 1)));
  const double x = plot.low_x + double(mouse.x - plot.x0) / double(std::max(plot.x1 - plot.x0, 1.f)) * (plot.high_x - plot.low_x);
  const auto above = std::lower_bound(data.x.begin(), data.x.end(), x);
  if (above == data.x.end()) return int(n) - 1;
  if (has_bars(data.kind)) return std::max(0, int(above - data.x.begin()) - (*above > x ? 1 : 0));
  if (above == data.x.begin()) return 0;
  return int(above - data.x.begin()) - (x - *std::prev(above) < *above - x ? 1 : 0);
}

std::string place_text(const ChartData& data, size_t place) {
  if (data.x_is_time) return time_text(app::Ticks(data.x[place]));
  return data.x_is_number ? number_text(data.x[place]) : data.labels[place];
}

void place_tooltip(Ui& ui, const ChartData& data, const std::vector<size_t>& shown, size_t place) {
  ImGui::BeginTooltip();
  const std::string where = place_text(data, place);
  ui.fonts.note_text(where);
  ImGui::TextUnformatted(where.c_str());
  int lines = 0;
  for (const size_t s : shown) {
    const double y = data.series[s].y[place];
    if (std::isnan(y)) continue;
    if (++lines > 12) {
      ImGui::TextDisabled("…");
      break;
    }
    ui.fonts.note_text(data.series[s].name);
    ImGui::PushStyleColor(ImGuiCol_Text, ui.theme.series[(data.kind == ChartKind::pie ? place : s) % 8]);
    ImGui::TextUnformatted(number_text(y).c_str());
    ImGui::PopStyleColor();
    ImGui::SameLine();
    ImGui::TextUnformatted(data.series[s].name.c_str());
  }
  ImGui::EndTooltip();
}

}  // namespace

ChartResult chart(Ui& ui, const char* id, ChartState& state, const ChartData& data, ImVec2 size) {
  ChartResult result;
  ImGui::PushID(id);
  const ImVec2 origin = ImGui::GetCursorScreenPos();
  size.x = std::max(size.x, ui.theme.px(120));
  size.y = std::max(size.y, ui.theme.px(90));
  const ImVec2 end{origin.x + size.x, origin.y + size.y};
  if (!data.error.empty()) {
    draw_empty(ui, "nothing", {"Nothing to draw", data.error, {}});
    ImGui::PopID();
    return result;
  }
  const std::vector<size_t> shown = shown_series(data, state.hidden);
  const Style style{ui, {ui.theme.text, ui.theme.dim, ui.theme.faint, with_alpha(ui.theme.border, 0.8f)}, ImGui::GetFontSize(), ui.theme.scale};
  const Frame frame = frame_of(style, data, shown, origin, end);
  const Plot& plot = frame.plot;
  ImDrawList& list = *ImGui::GetWindowDrawList();
  ImGui::InvisibleButton("plot", {std::max(frame.with_legend ? frame.legend_x - origin.x : size.x, 1.f), size.y});
  const bool hovered = ImGui::IsItemHovered(), pressed_here = ImGui::IsItemActivated();
  ui.probe("chart", chart_name(data.kind), origin, end);
  list.PushClipRect(origin, end, true);
  ScreenCanvas canvas(ui, list);
  draw_all(canvas, style, data, frame, shown, origin, end);

  const ImVec2 mouse = ImGui::GetIO().MousePos;
  const bool flat = data.kind != ChartKind::pie && data.kind != ChartKind::card;
  if (flat && hovered && mouse.x >= plot.x0 && mouse.x <= plot.x1 && mouse.y >= plot.y0 && mouse.y <= plot.y1) {
    const int place = place_at(plot, data, mouse);
    if (place >= 0) {
      if (!plot.sideways && !has_bars(data.kind) && (data.x_is_time || data.x_is_number)) {
        const float x = plot.x_of(data.x[size_t(place)]);
        list.AddLine({x, plot.y0}, {x, plot.y1}, ui.theme.faint);
      }
      if (!state.dragging) place_tooltip(ui, data, shown, size_t(place));
      if (ImGui::IsMouseDoubleClicked(0)) result.clicked = place;
    }
  }
  // A drag over times chooses a range.
  if (flat && data.x_is_time && !plot.sideways) {
    if (pressed_here && mouse.x >= plot.x0) {
      state.dragging = true;
      state.drag_from = mouse.x;
    }
    if (state.dragging) {
      const float a = std::clamp(std::min(state.drag_from, mouse.x), plot.x0, plot.x1);
      const float b = std::clamp(std::max(state.drag_from, mouse.x), plot.x0, plot.x1);
      list.AddRectFilled({a, plot.y0}, {b, plot.y1}, ui.theme.selection);
      if (!ImGui::IsMouseDown(0)) {
        state.dragging = false;
        if (b - a >= ui.theme.px(4)) {
          const auto time = [&](float x) {
            return app::Ticks(plot.low_x + double(x - plot.x0) / double(std::max(plot.x1 - plot.x0, 1.f)) * (plot.high_x - plot.low_x));
          };
          result.brushed = true;
          result.begin = time(a);
          result.end = time(b);
        }
      }
    }
  }
  draw_legend(ui, canvas, style, &state, data, frame, plot.y0, end.x);
  ImGui::SetCursorScreenPos(origin);
  ImGui::Dummy(size);   // the whole again: current Dear ImGui wants an item behind a moved cursor
  list.PopClipRect();
  ImGui::PopID();
  return result;
}

namespace {

void draw_saved(const Ui& ui, Canvas& canvas, const ChartData& data, float width, float height) {
  const Style style{ui, {IM_COL32(20, 24, 30, 255), IM_COL32(80, 86, 96, 255), IM_COL32(120, 126, 136, 255), IM_COL32(225, 228, 232, 255)}, ImGui::GetFontSize(), ui.theme.scale};
  const ImVec2 a{ui.theme.px(10), ui.theme.px(10)}, b{width - ui.theme.px(10), height - ui.theme.px(10)};
  const std::vector<size_t> shown = shown_series(data, {});
  if (!data.error.empty()) return;
  const Frame frame = frame_of(style, data, shown, a, b);
  draw_all(canvas, style, data, frame, shown, a, b);
  if (frame.with_legend) draw_legend(const_cast<Ui&>(ui), canvas, style, nullptr, data, frame, frame.plot.y0, b.x);
}

}  // namespace

std::string chart_svg(const Ui& ui, const ChartData& data, float width, float height) {
  SvgCanvas canvas(width, height, ImGui::GetFontSize());
  draw_saved(ui, canvas, data, width, height);
  return canvas.out + "</svg>\n";
}

std::string chart_png(const Ui& ui, const ChartData& data, float width, float height) {
  PixelCanvas canvas(ui, int(width), int(height));
  draw_saved(ui, canvas, data, width, height);
  return canvas.png();
}

std::string chart_csv(const ChartData& data) {
  const auto cell = [](const std::string& text) {
    if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
    std::string out = "\"";
    for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
    return out + "\"";
  };
  std::string out = cell(data.x_title.empty() ? "x" : data.x_title);
  for (const ChartSeries& s : data.series) out += "," + cell(s.name);
  out += "\n";
  for (size_t i = 0; i < data.x.size(); ++i) {
    out += cell(data.x_is_number ? engine::format("%.17g", data.x[i]) : place_text(data, i));
    for (const ChartSeries& s : data.series) out += std::isnan(s.y[i]) ? "," : engine::format(",%.17g", s.y[i]);
    out += "\n";
  }
  return out;
}

}  // namespace ui
