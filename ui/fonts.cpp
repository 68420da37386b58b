#include "ui/fonts.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "engine/base/text.h"
#if IMGUI_VERSION_NUM < 19200 && defined(SIGMA_FREETYPE)
#include "imgui_freetype.h"
#endif

namespace ui {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> font_folders(const std::string& assets_folder) {
  std::vector<std::string> folders;
  if (const char* own = std::getenv("SIGMADESK_FONTS"); own != nullptr && *own != 0)
    folders.push_back(own);
  if (!assets_folder.empty()) folders.push_back(assets_folder + "/fonts");
  for (const char* folder :
       {"/usr/share/fonts/truetype/dejavu", "/usr/share/fonts/truetype/droid",
        "/usr/share/fonts/truetype/noto", "/usr/share/fonts/opentype/noto",
        "/usr/share/fonts/dejavu", "/usr/share/fonts/dejavu-sans-fonts",
        "/usr/share/fonts/dejavu-sans-mono-fonts", "/usr/share/fonts/TTF",
        "/usr/share/fonts/google-noto-cjk", "/usr/share/fonts/noto-cjk",
        "/usr/share/fonts/google-droid-sans-fonts", "/usr/local/share/fonts"})
    folders.push_back(folder);
  if (const char* home = std::getenv("HOME"); home != nullptr)
    folders.push_back(std::string(home) + "/.local/share/fonts");
  return folders;
}

std::string find_first(const std::vector<std::string>& folders,
                       std::initializer_list<const char*> names) {
  std::error_code ignored;
  for (const char* name : names)
    for (const std::string& folder : folders) {
      const std::string path = folder + "/" + name;
      if (fs::is_regular_file(path, ignored)) return path;
    }
  return {};
}

}  // namespace

FontFiles find_font_files(const std::string& assets_folder) {
  const std::vector<std::string> folders = font_folders(assets_folder);
  FontFiles files;
  files.regular = find_first(folders, {"DejaVuSans.ttf", "NotoSans-Regular.ttf"});
  files.bold = find_first(folders, {"DejaVuSans-Bold.ttf", "NotoSans-Bold.ttf"});
  files.mono = find_first(folders, {"DejaVuSansMono.ttf", "NotoSansMono-Regular.ttf"});
  if (files.bold.empty()) files.bold = files.regular;
  if (files.mono.empty()) files.mono = files.regular;
  const std::string cjk =
      find_first(folders, {"DroidSansFallbackFull.ttf", "DroidSansFallback.ttf",
                           "NotoSansCJK-Regular.ttc", "NotoSansCJKsc-Regular.otf"});
  for (const std::string& path :
       {files.regular, cjk, find_first(folders, {"NotoSansMono-Regular.ttf"}),
        find_first(folders, {"DejaVuMathTeXGyre.ttf"})})
    if (!path.empty()) files.fallbacks.push_back(path);
  return files;
}

std::string missing_text(const FontFiles& files) {
  if (files.regular.empty())
    return "No font found: text is drawn with a built-in one (ASCII only). "
           "Install fonts-dejavu-core, or name a folder of .ttf files in SIGMADESK_FONTS.";
  for (const std::string& path : files.fallbacks)
    if (path.find("Droid") != std::string::npos || path.find("CJK") != std::string::npos) return {};
  return "No font with Chinese, Japanese and Korean characters found: they show as boxes. "
         "Install fonts-droid-fallback.";
}

void Fonts::note_base_glyphs() {
  for (int c = 0x20; c < 0x17F; ++c) seen_.set(size_t(c));
  // What the app's own texts and marks use.
  note_text("–—‘’“”…•·×÷±≤≥≠≈→←↑↓↔⇧⌃✓✗~●○◆◇■□▲▼▶◀▸▾▴◂✕★☆⚠⏎␣�");
}

void Fonts::note_text(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    if (static_cast<unsigned char>(text[i]) < 0x80) {
      ++i;
      continue;
    }
    const char32_t c = engine::decode_utf8(text, i);
    if (c < 0x10000 && !seen_.test(c)) {
      seen_.set(c);
      seen_new_ = beyond_base_ = true;
    }
  }
}

ImFont* Fonts::add(const std::string& path, float pixel_size) {
  ImFontAtlas& atlas = *ImGui::GetIO().Fonts;
  ImFontConfig config;
#if IMGUI_VERSION_NUM >= 19200
  const ImWchar* ranges = nullptr;
#else
  const ImWchar* ranges = ranges_.data();
#ifdef SIGMA_FREETYPE
  config.FontBuilderFlags = ImGuiFreeTypeBuilderFlags_LightHinting;
#else
  config.OversampleH = 2;
#endif
#endif
  config.PixelSnapH = true;
  ImFont* font = atlas.AddFontFromFileTTF(path.c_str(), pixel_size, &config, ranges);
  if (font == nullptr) return nullptr;
  config.MergeMode = true;
  for (const std::string& fallback : files_.fallbacks)
    // The large fallback fonts are read only once something needs them: the start is faster.
    if (fallback != path && (beyond_base_ || fallback == files_.regular))
      atlas.AddFontFromFileTTF(fallback.c_str(), pixel_size, &config, ranges);
  return font;
}

void Fonts::build(float pixel_size) {
  ImFontAtlas& atlas = *ImGui::GetIO().Fonts;
  atlas.Clear();
  atlas.Flags |= ImFontAtlasFlags_NoPowerOfTwoHeight;
  ranges_.clear();
  for (size_t c = 1; c < 65536; ++c) {
    if (!seen_.test(c)) continue;
    size_t end = c;
    while (end + 1 < 65536 && seen_.test(end + 1)) ++end;
    ranges_.push_back(ImWchar(c));
    ranges_.push_back(ImWchar(end));
    c = end;
  }
  ranges_.push_back(0);
#if IMGUI_VERSION_NUM < 19200 && defined(SIGMA_FREETYPE)
  atlas.FontBuilderIO = ImGuiFreeType::GetBuilderForFreeType();
#endif
  const auto add_or_default = [&](const std::string& path) {
    ImFont* font = path.empty() ? nullptr : add(path, pixel_size);
    if (font != nullptr) return font;
    ImFontConfig config;
    config.SizePixels = pixel_size;
    return atlas.AddFontDefault(&config);
  };
  regular_ = add_or_default(files_.regular);
  bold_ = files_.bold == files_.regular ? regular_ : add_or_default(files_.bold);
  mono_ = files_.mono == files_.regular ? regular_ : add_or_default(files_.mono);
#if IMGUI_VERSION_NUM < 19200
  atlas.Build();
#endif
  ImGui::GetIO().FontDefault = regular_;
  built_size_ = pixel_size;
  seen_new_ = false;
}

}  // namespace ui
