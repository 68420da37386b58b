#include <zlib.h>

#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "ui/widgets/chart_canvas.h"
#include "ui/widgets/text.h"

namespace ui {
namespace {

constexpr int sub_rows = 4;   // scan lines in each row of pixels

int part_of(ImU32 color, int shift) { return int((color >> shift) & 255u); }

// The fonts' picture, a byte of coverage a pixel (or the last of four).
struct Atlas {
  const unsigned char* pixels = nullptr;
  int width = 0, height = 0, step = 1, offset = 0;
  float at(float u, float v) const {
    const int x = std::clamp(int(u * float(width)), 0, width - 1), y = std::clamp(int(v * float(height)), 0, height - 1);
    return float(pixels[(size_t(y) * size_t(width) + size_t(x)) * size_t(step) + size_t(offset)]) / 255.f;
  }
};

// The glyphs of a font for text of some height: newer releases of Dear ImGui make them for each height, when they are asked
// for, and may change the picture then.
#if IMGUI_VERSION_NUM >= 19200
using Glyphs = ImFontBaked;
Glyphs* glyphs_of(ImFont& font, float height) { return font.GetFontBaked(height); }
float height_of(const Glyphs& glyphs) { return glyphs.Size; }
const ImFontAtlas& picture_of(const ImFont& font) { return *font.OwnerAtlas; }
#else
using Glyphs = ImFont;
Glyphs* glyphs_of(ImFont& font, float) { return &font; }
float height_of(const Glyphs& glyphs) { return glyphs.FontSize; }
const ImFontAtlas& picture_of(const ImFont& font) { return *font.ContainerAtlas; }
#endif

Atlas atlas_of(const ImFont& font) {
  const ImFontAtlas& fonts = picture_of(font);
  Atlas atlas;
#if IMGUI_VERSION_NUM >= 19200
  if (fonts.TexData == nullptr || fonts.TexData->Pixels == nullptr) return atlas;
  atlas = {fonts.TexData->Pixels, fonts.TexData->Width, fonts.TexData->Height, fonts.TexData->BytesPerPixel, fonts.TexData->BytesPerPixel - 1};
#else
  if (fonts.TexPixelsAlpha8 != nullptr) atlas = {fonts.TexPixelsAlpha8, fonts.TexWidth, fonts.TexHeight, 1, 0};
  else if (fonts.TexPixelsRGBA32 != nullptr) atlas = {reinterpret_cast<const unsigned char*>(fonts.TexPixelsRGBA32), fonts.TexWidth, fonts.TexHeight, 4, 3};
#endif
  return atlas;
}

void put_number(std::string& out, uint32_t n) {
  for (const int shift : {24, 16, 8, 0}) out += char((n >> shift) & 255u);
}

void put_chunk(std::string& out, const char* name, const std::string& data) {
  put_number(out, uint32_t(data.size()));
  const std::string body = name + data;
  out += body;
  put_number(out, uint32_t(crc32(0, reinterpret_cast<const Bytef*>(body.data()), uInt(body.size()))));
}

}  // namespace

PixelCanvas::PixelCanvas(const Ui& ui, int width, int height)
    : ui_(ui), width_(std::clamp(width, 1, 8192)), height_(std::clamp(height, 1, 8192)), rgb_(size_t(width_) * size_t(height_) * 3, 255) {}

void PixelCanvas::blend(int x, int y, ImU32 color, float coverage) {
  if (x < 0 || y < 0 || x >= width_ || y >= height_) return;
  const float alpha = std::min(coverage, 1.f) * float(part_of(color, IM_COL32_A_SHIFT)) / 255.f;
  unsigned char* p = &rgb_[(size_t(y) * size_t(width_) + size_t(x)) * 3];
  const int parts[] = {part_of(color, IM_COL32_R_SHIFT), part_of(color, IM_COL32_G_SHIFT), part_of(color, IM_COL32_B_SHIFT)};
  for (int k = 0; k < 3; ++k) p[k] = static_cast<unsigned char>(std::lround(float(p[k]) * (1 - alpha) + float(parts[k]) * alpha));
}

// Even-odd, with the share of each pixel that is inside.
void PixelCanvas::fill(const std::vector<ImVec2>& polygon, ImU32 color) {
  float low = 1e9f, high = -1e9f;
  for (const ImVec2& p : polygon) {
    if (!std::isfinite(p.x) || !std::isfinite(p.y)) return;
    low = std::min(low, p.y), high = std::max(high, p.y);
  }
  const int first = std::max(0, int(std::floor(low))), last = std::min(height_ - 1, int(std::ceil(high)));
  std::vector<float> coverage, crossings;
  for (int y = first; y <= last; ++y) {
    coverage.assign(size_t(width_), 0);
    for (int sub = 0; sub < sub_rows; ++sub) {
      const float at = float(y) + (float(sub) + 0.5f) / sub_rows;
      crossings.clear();
      for (size_t i = 0; i < polygon.size(); ++i) {
        const ImVec2 a = polygon[i], b = polygon[(i + 1) % polygon.size()];
        if ((a.y <= at) != (b.y <= at)) crossings.push_back(a.x + (at - a.y) / (b.y - a.y) * (b.x - a.x));
      }
      std::sort(crossings.begin(), crossings.end());
      for (size_t i = 0; i + 1 < crossings.size(); i += 2) {
        const float from = std::clamp(crossings[i], 0.f, float(width_)), to = std::clamp(crossings[i + 1], 0.f, float(width_));
        for (int x = int(from); x < width_ && float(x) < to; ++x)
          coverage[size_t(x)] += std::max(0.f, std::min(to, float(x + 1)) - std::max(from, float(x))) / sub_rows;
      }
    }
    for (int x = 0; x < width_; ++x)
      if (coverage[size_t(x)] > 0) blend(x, y, color, coverage[size_t(x)]);
  }
}

void PixelCanvas::rect(ImVec2 a, ImVec2 b, ImU32 color) { fill({a, {b.x, a.y}, b, {a.x, b.y}}, color); }

void PixelCanvas::line(ImVec2 a, ImVec2 b, ImU32 color, float width) {
  const float dx = b.x - a.x, dy = b.y - a.y, length = std::sqrt(dx * dx + dy * dy);
  if (length < 1e-6f) return;
  const float x = -dy / length * width / 2, y = dx / length * width / 2;
  fill({{a.x + x, a.y + y}, {b.x + x, b.y + y}, {b.x - x, b.y - y}, {a.x - x, a.y - y}}, color);
}

void PixelCanvas::polyline(const std::vector<ImVec2>& points, ImU32 color, float width) {
  for (size_t i = 1; i < points.size(); ++i) line(points[i - 1], points[i], color, width);
}

void PixelCanvas::quad(ImVec2 a, ImVec2 b, ImVec2 c, ImVec2 d, ImU32 color) { fill({a, b, c, d}, color); }

void PixelCanvas::circle(ImVec2 center, float radius, ImU32 color) { sector(center, radius, 0, 6.2831853f, color); }

void PixelCanvas::sector(ImVec2 center, float radius, float from, float to, ImU32 color) {
  std::vector<ImVec2> polygon;
  const bool whole = to - from >= 6.28f;
  if (!whole) polygon.push_back(center);
  const int n = std::max(8, int((to - from) * std::max(radius, 8.f) / 2));
  for (int i = 0; i <= n; ++i) {
    const float angle = from + (to - from) * float(i) / float(n);
    polygon.push_back({center.x + std::cos(angle) * radius, center.y + std::sin(angle) * radius});
  }
  fill(polygon, color);
}

void PixelCanvas::text(ImVec2 at, ImU32 color, const std::string& shown, float scale) {
  ImFont* font = font_of(ui_, scale == 1 ? Face::regular : Face::bold);
  if (font == nullptr) return;
  const float height = ImGui::GetFontSize() * scale;
  Glyphs& glyphs = *glyphs_of(*font, height);
  const float size = height / height_of(glyphs);
  float x = at.x;
  for (size_t i = 0; i < shown.size();) {
    const ImFontGlyph* glyph = glyphs.FindGlyph(ImWchar(engine::decode_utf8(shown, i)));
    const Atlas atlas = atlas_of(*font);
    if (glyph == nullptr || atlas.pixels == nullptr) continue;
    const float x0 = std::round(x + glyph->X0 * size), y0 = std::round(at.y + glyph->Y0 * size);
    const int w = int(std::lround((glyph->X1 - glyph->X0) * size)), h = int(std::lround((glyph->Y1 - glyph->Y0) * size));
    for (int row = 0; row < h; ++row)
      for (int column = 0; column < w; ++column) {
        const float u = glyph->U0 + (glyph->U1 - glyph->U0) * (float(column) + 0.5f) / float(w), v = glyph->V0 + (glyph->V1 - glyph->V0) * (float(row) + 0.5f) / float(h);
        const float coverage = atlas.at(u, v);
        if (coverage > 0) blend(int(x0) + column, int(y0) + row, color, coverage);
      }
    x += glyph->AdvanceX * size;
  }
}

std::string PixelCanvas::png() const {
  std::string rows;
  rows.reserve(size_t(height_) * (size_t(width_) * 3 + 1));
  for (int y = 0; y < height_; ++y) {
    rows += '\0';  // the row as it is, without a filter
    rows.append(reinterpret_cast<const char*>(&rgb_[size_t(y) * size_t(width_) * 3]), size_t(width_) * 3);
  }
  uLongf packed_size = compressBound(uLong(rows.size()));
  std::string packed(packed_size, '\0');
  CHECK_INVARIANT(compress2(reinterpret_cast<Bytef*>(packed.data()), &packed_size, reinterpret_cast<const Bytef*>(rows.data()), uLong(rows.size()), 6) == Z_OK);
  packed.resize(packed_size);

  std::string head;
  put_number(head, uint32_t(width_));
  put_number(head, uint32_t(height_));
  head += std::string("\x08\x02\x00\x00\x00", 5);   // 8 bits, RGB
  std::string out("\x89PNG\r\n\x1a\n", 8);
  put_chunk(out, "IHDR", head);
  put_chunk(out, "IDAT", packed);
  put_chunk(out, "IEND", "");
  return out;
}

}  // namespace ui
