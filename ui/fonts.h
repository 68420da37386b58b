// ui/fonts.h: the fonts and the glyphs that are in the texture.
//
// Fonts come from the system's packages (DejaVu, then a font with CJK), found by a path search.
// ImGui before 1.92 draws from a texture built once, so the texture holds the glyphs of the text
// seen so far: note_text() looks at each piece of shown text, and when something new was seen the
// texture is built again before the next frame. Later ImGui versions load glyphs by themselves.
#pragma once
#include <bitset>
#include <string>
#include <string_view>
#include <vector>

#include "imgui.h"

namespace ui {

struct FontFiles {
  std::string regular, bold, mono, mono_bold;  // empty: none found
  std::vector<std::string> fallbacks;          // tried in order for glyphs the others lack
};
// Looks in SIGMADESK_FONTS, assets/fonts, and the usual font folders. Never throws: without any
// file ImGui's built-in bitmap font is used, and missing_text() says so.
FontFiles find_font_files(const std::string& assets_folder);
std::string missing_text(const FontFiles& files);  // which package to install; empty: all there

class Fonts {
 public:
  explicit Fonts(FontFiles files) : files_(std::move(files)) { note_base_glyphs(); beyond_base_ = false; }

  // Remembers the code points of shown text. Cheap for ASCII.
  void note_text(std::string_view text);
  // True when build() must be called before the next frame.
  bool needs_build(float pixel_size) const { return seen_new_ || pixel_size != built_size_; }
  // Fills the ImGui atlas for text of this height in pixels. The caller uploads the texture.
  void build(float pixel_size);

  ImFont* regular() const { return regular_; }
  ImFont* bold() const { return bold_; }
  ImFont* mono() const { return mono_; }
  float size() const { return built_size_; }
  size_t n_glyphs_seen() const { return seen_.count(); }
  const FontFiles& files() const { return files_; }

 private:
  void note_base_glyphs();
  ImFont* add(const std::string& path, float pixel_size);

  FontFiles files_;
  std::bitset<65536> seen_;      // ImWchar has 16 bits in Debian's build
  bool seen_new_ = true, beyond_base_ = false;   // beyond: other glyphs than our own texts need
  float built_size_ = 0;
  std::vector<ImWchar> ranges_;  // borrowed by the atlas until it is built
  ImFont *regular_ = nullptr, *bold_ = nullptr, *mono_ = nullptr;
};

}  // namespace ui
