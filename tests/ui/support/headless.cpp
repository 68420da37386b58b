#include "tests/ui/support/headless.h"

#include <cmath>

namespace ui_test {
namespace {

Headless* current = nullptr;

const char* get_clipboard() { return current->clipboard.c_str(); }
void set_clipboard(const char* text) { current->clipboard = text; }

}  // namespace

Headless::Headless(float width, float height) : fonts(ui::find_font_files("")), ui(fonts) {
  current = this;
  IMGUI_CHECKVERSION();
  ImGui::CreateContext();
  ImGuiIO& io = ImGui::GetIO();
  io.IniFilename = nullptr;
  io.DisplaySize = {width, height};
  io.DeltaTime = 1 / 60.f;
  io.BackendFlags |= ImGuiBackendFlags_RendererHasVtxOffset;
#if IMGUI_VERSION_NUM >= 19110
  ImGuiPlatformIO& platform = ImGui::GetPlatformIO();
  platform.Platform_GetClipboardTextFn = [](ImGuiContext*) { return get_clipboard(); };
  platform.Platform_SetClipboardTextFn = [](ImGuiContext*, const char* text) { set_clipboard(text); };
#else
  io.GetClipboardTextFn = [](void*) { return get_clipboard(); };
  io.SetClipboardTextFn = [](void*, const char* text) { set_clipboard(text); };
#endif
#if IMGUI_VERSION_NUM >= 19200
  io.BackendFlags |= ImGuiBackendFlags_RendererHasTextures;
#endif
  fonts.build(15);
  unsigned char* pixels = nullptr;
  int w = 0, h = 0;
#if IMGUI_VERSION_NUM < 19200
  io.Fonts->GetTexDataAsAlpha8(&pixels, &w, &h);
#endif
  (void)pixels, (void)w, (void)h;
  ui.theme = ui::make_theme(ui::ThemeKind::dark, 1);
  ui.recording = true;
  ui::apply(ui.theme);
  shown_ = &ui;
}

Headless::~Headless() {
#if IMGUI_VERSION_NUM >= 19200
  for (ImTextureData* texture : ImGui::GetPlatformIO().Textures) texture->SetStatus(ImTextureStatus_Destroyed);
#endif
  ImGui::DestroyContext();
  current = nullptr;
}

void Headless::frame() {
  if (fonts.needs_build(fonts.size())) {
    fonts.build(fonts.size());
#if IMGUI_VERSION_NUM < 19200
    unsigned char* pixels = nullptr;
    int w = 0, h = 0;
    ImGui::GetIO().Fonts->GetTexDataAsAlpha8(&pixels, &w, &h);
#endif
  }
  ImGui::NewFrame();
  draw_();
  ImGui::Render();
  n_vertices_ = size_t(ImGui::GetDrawData()->TotalVtxCount);
#if IMGUI_VERSION_NUM >= 19200
  for (ImTextureData* texture : ImGui::GetPlatformIO().Textures) texture->SetStatus(ImTextureStatus_OK);
#endif
}

void Headless::show(const std::function<void()>& draw, int n_frames) {
  shown_ = &ui;
  draw_ = [this, draw] {
    ui.begin_frame();
    ImGui::SetNextWindowPos({0, 0});
    ImGui::SetNextWindowSize(ImGui::GetIO().DisplaySize);
    ImGui::Begin("test", nullptr, ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove);
    draw();
    ImGui::End();
  };
  for (int i = 0; i < n_frames; ++i) frame();
}

void Headless::show(ui::Shell& shell, int n_frames) {
  shown_ = &shell.ui;
  shell.ui.recording = true;
  draw_ = [&shell] { shell.draw(); };
  for (int i = 0; i < n_frames; ++i) {
    shell.apply_look(1);
    shell.logs.cache.finish_pending();
    frame();
  }
}

std::string Headless::text() {
  frame();
  return shown_->drawn;
}

bool Headless::shows(const std::string& part) { return text().find(part) != std::string::npos; }

const ui::Probe* Headless::find(const std::string& kind, const std::string& text_part) const {
  for (const ui::Probe& probe : shown_->probes)
    if (probe.kind == kind && probe.text.find(text_part) != std::string::npos) return &probe;
  return nullptr;
}

bool Headless::click(const std::string& kind, const std::string& text_part, int mouse_button) {
  const ui::Probe* probe = find(kind, text_part);
  if (probe == nullptr) return false;
  click_at((probe->min.x + probe->max.x) / 2, (probe->min.y + probe->max.y) / 2, mouse_button);
  return true;
}

bool Headless::hover(const std::string& kind, const std::string& text_part) {
  const ui::Probe* probe = find(kind, text_part);
  if (probe == nullptr) return false;
  move((probe->min.x + probe->max.x) / 2, (probe->min.y + probe->max.y) / 2);
  frame();
  frame();
  return true;
}

void Headless::click_at(float x, float y, int mouse_button) {
  move(x, y);
  frame();
  button(mouse_button, true);
  frame();
  button(mouse_button, false);
  frame();
  frame();
}

void Headless::drag(float x0, float y0, float x1, float y1) {
  move(x0, y0);
  frame();
  button(0, true);
  frame();
  for (int i = 1; i <= 4; ++i) {
    move(x0 + (x1 - x0) * float(i) / 4, y0 + (y1 - y0) * float(i) / 4);
    frame();
  }
  button(0, false);
  frame();
  frame();
}

void Headless::wheel(float x, float y, float amount) {
  move(x, y);
  frame();
#if IMGUI_VERSION_NUM >= 18700
  ImGui::GetIO().AddMouseWheelEvent(0, amount);
#else
  ImGui::GetIO().MouseWheel = amount;
#endif
  frame();
  frame();
}

void Headless::press(ui::Key which, unsigned mods) {
  ImGuiIO& io = ImGui::GetIO();
  const auto hold = [&](bool down) {
#if IMGUI_VERSION_NUM >= 18700
    if (mods & ui::ctrl) io.AddKeyEvent(ImGuiMod_Ctrl, down);
    if (mods & ui::shift) io.AddKeyEvent(ImGuiMod_Shift, down);
    if (mods & ui::alt) io.AddKeyEvent(ImGuiMod_Alt, down);
#else
    if (mods & ui::ctrl) io.KeyCtrl = down;
    if (mods & ui::shift) io.KeyShift = down;
    if (mods & ui::alt) io.KeyAlt = down;
#endif
    key(which, down);
  };
  hold(true);
  frame();
  hold(false);
  frame();
  frame();
}

void Headless::type(const std::string& text) {
  for (char c : text) {
    ImGui::GetIO().AddInputCharacter(static_cast<unsigned char>(c));
    frame();
  }
  frame();
}

void Headless::move(float x, float y) {
#if IMGUI_VERSION_NUM >= 18700
  ImGui::GetIO().AddMousePosEvent(std::floor(x), std::floor(y));
#else
  ImGui::GetIO().MousePos = {std::floor(x), std::floor(y)};
#endif
}

void Headless::button(int which, bool down) {
#if IMGUI_VERSION_NUM >= 18700
  ImGui::GetIO().AddMouseButtonEvent(which, down);
#else
  ImGui::GetIO().MouseDown[which] = down;
#endif
}

void Headless::key(ui::Key which, bool down) {
#if IMGUI_VERSION_NUM >= 18700
  ImGui::GetIO().AddKeyEvent(ImGuiKey(ui::imgui_key(which)), down);
#else
  ImGuiIO& io = ImGui::GetIO();
  // What the window's backend does: ImGui's own keys are looked up through this map.
  const int code = ui::imgui_key(which);
  if (which == ui::Key::enter) io.KeyMap[ImGuiKey_Enter] = code;
  if (which == ui::Key::escape) io.KeyMap[ImGuiKey_Escape] = code;
  if (which == ui::Key::up) io.KeyMap[ImGuiKey_UpArrow] = code;
  if (which == ui::Key::down) io.KeyMap[ImGuiKey_DownArrow] = code;
  if (which == ui::Key::v) io.KeyMap[ImGuiKey_V] = code;
  if (which == ui::Key::a) io.KeyMap[ImGuiKey_A] = code;
  if (which == ui::Key::c) io.KeyMap[ImGuiKey_C] = code;
  io.KeysDown[code] = down;
#endif
}

}  // namespace ui_test
