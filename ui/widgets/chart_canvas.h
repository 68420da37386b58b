// ui/widgets/chart_canvas.h: the shapes that a chart is made of. The same drawing goes to the screen, to
// an SVG text and to pixels.
#pragma once
#include <string>
#include <vector>

#include "ui/ui.h"

namespace ui {

class Canvas {
 public:
  virtual ~Canvas() = default;
  virtual void rect(ImVec2 a, ImVec2 b, ImU32 color) = 0;
  virtual void line(ImVec2 a, ImVec2 b, ImU32 color, float width) = 0;
  virtual void polyline(const std::vector<ImVec2>& points, ImU32 color, float width) = 0;
  virtual void quad(ImVec2 a, ImVec2 b, ImVec2 c, ImVec2 d, ImU32 color) = 0;
  virtual void circle(ImVec2 center, float radius, ImU32 color) = 0;
  virtual void sector(ImVec2 center, float radius, float from, float to, ImU32 color) = 0;   // radians
  virtual void text(ImVec2 at, ImU32 color, const std::string& text, float scale = 1) = 0;   // upper left corner
};

// Pixels on a white ground, drawn by the CPU; the glyphs are those of the screen's fonts.
class PixelCanvas : public Canvas {
 public:
  PixelCanvas(const Ui& ui, int width, int height);
  void rect(ImVec2 a, ImVec2 b, ImU32 color) override;
  void line(ImVec2 a, ImVec2 b, ImU32 color, float width) override;
  void polyline(const std::vector<ImVec2>& points, ImU32 color, float width) override;
  void quad(ImVec2 a, ImVec2 b, ImVec2 c, ImVec2 d, ImU32 color) override;
  void circle(ImVec2 center, float radius, ImU32 color) override;
  void sector(ImVec2 center, float radius, float from, float to, ImU32 color) override;
  void text(ImVec2 at, ImU32 color, const std::string& text, float scale = 1) override;

  // A PNG file of 8-bit RGB.
  std::string png() const;

 private:
  void fill(const std::vector<ImVec2>& polygon, ImU32 color);
  void blend(int x, int y, ImU32 color, float coverage);

  const Ui& ui_;
  int width_, height_;
  std::vector<unsigned char> rgb_;
};

}  // namespace ui
