#include "ui/widgets/editor.h"

#include <algorithm>
#include <cctype>

#include "imgui_internal.h"
#include "imgui_stdlib.h"
#include "ui/widgets/text.h"

namespace ui {
namespace {

constexpr std::string_view keywords[] = {
    "where",   "project", "extend",   "summarize", "sort",     "order",   "by",      "take",     "limit",
    "top",     "count",   "distinct", "let",       "join",     "kind",    "on",      "render",   "union",
    "mv-expand", "parse", "make-series", "project-away", "project-keep", "project-rename", "project-reorder",
    "and",     "or",      "not",      "in",        "has",      "contains", "startswith", "endswith", "matches",
    "regex",   "between", "asc",      "desc",      "nulls",    "first",   "last",    "with",     "step",
    "from",    "to",      "default",  "evaluate",  "as",       "search",  "print",   "datatable", "range",
    "has_any", "has_all", "in~",      "sample",    "serialize", "getschema", "true",  "false",    "null"};

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

int on_edit(ImGuiInputTextCallbackData* data) {
  auto& state = *static_cast<EditorState*>(data->UserData);
  if (state.wanted_text) {
    data->DeleteChars(0, data->BufTextLen);
    data->InsertChars(0, state.wanted_text->data(), state.wanted_text->data() + state.wanted_text->size());
    state.wanted_text.reset();
    if (state.wanted_caret == std::string::npos) state.wanted_caret = std::min(state.caret, size_t(data->BufTextLen));
  }
  if (state.wanted_caret != std::string::npos) {
    const int at = int(std::min(state.wanted_caret, size_t(data->BufTextLen)));
    data->CursorPos = data->SelectionStart = data->SelectionEnd = at;
    if (state.wanted_selection != std::string::npos) data->SelectionStart = int(std::min(state.wanted_selection, size_t(data->BufTextLen)));
    state.wanted_caret = state.wanted_selection = std::string::npos;
  }
  state.caret = size_t(data->CursorPos);
  state.selection_begin = size_t(std::min(data->SelectionStart, data->SelectionEnd));
  state.selection_end = size_t(std::max(data->SelectionStart, data->SelectionEnd));
  return 0;
}

ImU32 token_color(const Ui& ui, TokenKind kind) {
  switch (kind) {
    case TokenKind::keyword: return ui.theme.link;
    case TokenKind::string: return ui.theme.good;
    case TokenKind::number: return ui.theme.series[4];
    case TokenKind::comment: return ui.theme.faint;
    case TokenKind::operator_: return ui.theme.warning;
    case TokenKind::plain: break;
  }
  return ui.theme.text;
}

// The child window that a multi-line field scrolls in.
ImGuiWindow* field_window(ImGuiID id) {
  for (ImGuiWindow* window : ImGui::GetCurrentContext()->Windows)
    if (window->ChildId == id && window->WasActive) return window;
  return nullptr;
}

class Overlay {
 public:
  Overlay(Ui& ui, const std::string& text, ImGuiWindow& window)
      : ui_(ui), text_(text), window_(window), line_height_(ImGui::GetFontSize()) {
    const ImVec2 pad = ImGui::GetStyle().FramePadding;
    origin_ = {window.InnerRect.Min.x + pad.x - window.Scroll.x, window.InnerRect.Min.y + pad.y - window.Scroll.y};
    starts_.push_back(0);
    for (size_t i = 0; i < text.size(); ++i)
      if (text[i] == '\n') starts_.push_back(i + 1);
  }

  // Lower left corner of a byte's place.
  ImVec2 below(size_t byte) const {
    const ImVec2 at = position(byte);
    return {at.x, at.y + line_height_};
  }
  // The byte under a place on screen, or npos where there is no text.
  size_t byte_at(ImVec2 place) const {
    const float row = (place.y - origin_.y) / line_height_;
    if (row < 0 || size_t(row) >= starts_.size() || place.x < origin_.x) return std::string::npos;
    const size_t line = size_t(row), begin = starts_[line];
    const size_t end = line + 1 < starts_.size() ? starts_[line + 1] - 1 : text_.size();
    for (size_t at = begin; at < end; ++at) {
      if (at > begin && (static_cast<unsigned char>(text_[at]) & 0xC0) == 0x80) continue;
      if (origin_.x + text_width(ui_, std::string_view(text_).substr(begin, at + 1 - begin), Face::mono) > place.x) return at;
    }
    return std::string::npos;
  }

  void color_tokens() {
    for (const Token& token : kql_tokens(text_)) {
      if (token.kind == TokenKind::plain) continue;
      // A token may run over lines (a string that is not closed): piece by piece.
      for (size_t begin = token.begin; begin < token.end;) {
        const size_t line = line_of(begin);
        const size_t line_end = line + 1 < starts_.size() ? starts_[line + 1] - 1 : text_.size();
        const size_t end = std::min(token.end, line_end);
        const ImVec2 at = position(begin);
        if (end > begin && at.y + line_height_ >= window_.InnerRect.Min.y && at.y <= window_.InnerRect.Max.y)
          window_.DrawList->AddText(font_of(ui_, Face::mono), ImGui::GetFontSize(), at, token_color(ui_, token.kind),
                                    text_.data() + begin, text_.data() + end);
        begin = std::max(end, begin) + 1;
      }
    }
  }

  void underline(const EditorFault& fault) {
    const size_t begin = std::min(fault.begin, text_.size());
    size_t end = std::clamp(fault.end, begin, text_.size());
    const size_t line = line_of(begin);
    const size_t line_end = line + 1 < starts_.size() ? starts_[line + 1] - 1 : text_.size();
    end = std::min(end, line_end);
    const ImVec2 a = position(begin);
    float x1 = position(end).x;
    x1 = std::max(x1, a.x + ui_.theme.px(8));
    const float y = a.y + line_height_, step = ui_.theme.px(2.5f);
    for (float x = a.x; x < x1; x += step * 2) {
      window_.DrawList->AddLine({x, y}, {x + step, y - step}, fault.color, ui_.theme.px(1.2f));
      window_.DrawList->AddLine({x + step, y - step}, {x + step * 2, y}, fault.color, ui_.theme.px(1.2f));
    }
    if (ImGui::IsMouseHoveringRect({a.x, a.y}, {x1, y + 2}, false) && window_.InnerRect.Contains(ImGui::GetIO().MousePos))
      ImGui::SetTooltip("%s", fault.message.c_str());
  }

 private:
  size_t line_of(size_t byte) const {
    return size_t(std::upper_bound(starts_.begin(), starts_.end(), byte) - starts_.begin()) - 1;
  }
  ImVec2 position(size_t byte) const {
    const size_t line = line_of(byte);
    const std::string_view before = std::string_view(text_).substr(starts_[line], byte - starts_[line]);
    return {origin_.x + text_width(ui_, before, Face::mono), origin_.y + float(line) * line_height_};
  }

  Ui& ui_;
  const std::string& text_;
  ImGuiWindow& window_;
  float line_height_;
  ImVec2 origin_;
  std::vector<size_t> starts_;
};

// For the length of a frame's text field, some keys belong to the list of completions or to the
// editor: the field must not see them. Only the time that a key is down is changed, and put back.
class HiddenKeys {
 public:
  explicit HiddenKeys(std::initializer_list<Key> keys) {
    for (const Key key : keys) {
      float* duration = down_duration(key);
      if (duration == nullptr || *duration < 0) continue;
      kept_.emplace_back(duration, *duration);
      *duration = 1e-4f;   // down, but neither pressed just now nor repeating
    }
  }
  ~HiddenKeys() {
    for (const auto& [duration, value] : kept_) *duration = value;
  }
  HiddenKeys(const HiddenKeys&) = delete;
  HiddenKeys& operator=(const HiddenKeys&) = delete;

 private:
  static float* down_duration(Key key) {
    const int code = imgui_key(key);
#if IMGUI_VERSION_NUM >= 18700
    return &ImGui::GetKeyData(ImGuiKey(code))->DownDuration;
#else
    return code >= 0 && code < 512 ? &ImGui::GetIO().KeysDownDuration[code] : nullptr;
#endif
  }
  std::vector<std::pair<float*, float>> kept_;
};

void remember(EditorState& state, const std::string& before, size_t caret, bool merge) {
  state.future.clear();
  if (merge && !state.past.empty()) return;
  state.past.push_back({before, caret});
  if (state.past.size() > 300) state.past.erase(state.past.begin());
}

void set_now(EditorState& state, std::string text, size_t caret) {
  state.caret = state.wanted_caret = std::min(caret, text.size());
  state.selection_begin = state.selection_end = state.caret;
  state.wanted_selection = std::string::npos;
  if (state.active) {
    state.wanted_text = text;
  } else {
    ++state.generation;
    state.focus = true;
  }
  state.text = std::move(text);
}

ImU32 kind_color(const Ui& ui, const std::string& kind) {
  if (kind == "column") return ui.theme.series[0];
  if (kind == "table") return ui.theme.series[1];
  if (kind == "function") return ui.theme.series[2];
  if (kind == "value") return ui.theme.good;
  if (kind == "operator" || kind == "chart") return ui.theme.link;
  return ui.theme.faint;
}

void choose(EditorState& state, const EditorHelp& help, size_t index) {
  const EditorChoice& choice = help.choices[index];
  state.list_open = false;
  state.completed = true;
  replace_range(state, help.begin, help.end, choice.insert, choice.caret_back);
}

// The list under the caret. It never has the keyboard: the field keeps it.
void draw_list(Ui& ui, EditorState& state, const EditorHelp& help) {
  const float row = ImGui::GetTextLineHeight() + ui.theme.px(4);
  const size_t n = help.choices.size();
  const size_t shown = std::min<size_t>(n, 10);
  const float width = ui.theme.px(430);
  ImVec2 at{state.caret_pos.x - ui.theme.px(8), state.caret_pos.y + ui.theme.px(3)};
  const ImVec2 screen = ImGui::GetIO().DisplaySize;
  const std::string& doc = help.choices[size_t(state.chosen)].doc;
  const float doc_height = doc.empty() ? 0 : text_height(ui, doc, width - ui.theme.px(20)) + ui.theme.px(10);
  const float height = row * float(shown) + ui.theme.px(8) + doc_height;
  at.x = std::clamp(at.x, 0.f, std::max(0.f, screen.x - width - ui.theme.px(4)));
  if (at.y + height > screen.y) at.y = std::max(0.f, state.caret_pos.y - ImGui::GetTextLineHeight() - height - ui.theme.px(4));
  ImGui::SetNextWindowPos(at);
  ImGui::SetNextWindowSize({width, height});
  ImGui::PushStyleColor(ImGuiCol_WindowBg, ui.theme.raised);
  ImGui::PushStyleColor(ImGuiCol_Border, ui.theme.border_strong);
  ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, {ui.theme.px(4), ui.theme.px(4)});
  ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
  constexpr ImGuiWindowFlags flags = ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoFocusOnAppearing | ImGuiWindowFlags_NoNav | ImGuiWindowFlags_NoMove |
                                     ImGuiWindowFlags_NoSavedSettings | ImGuiWindowFlags_Tooltip;
  ImGui::Begin("##completions", nullptr, flags);
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const ImVec2 origin = ImGui::GetCursorScreenPos();
  const size_t first = size_t(std::clamp(state.chosen - int(shown) / 2, 0, int(n - shown)));
  const float inner = width - ui.theme.px(8);
  const ImVec2 mouse = ImGui::GetIO().MousePos;
  int clicked = -1;
  for (size_t i = first; i < first + shown; ++i) {
    const EditorChoice& choice = help.choices[i];
    const ImVec2 a{origin.x, origin.y + row * float(i - first)}, b{a.x + inner, a.y + row};
    const bool hovered = mouse.x >= a.x && mouse.x < b.x && mouse.y >= a.y && mouse.y < b.y;
    if (int(i) == state.chosen || hovered) list.AddRectFilled(a, b, int(i) == state.chosen ? ui.theme.selected : ui.theme.hovered, ui.theme.px(3));
    if (hovered && ImGui::IsMouseClicked(0)) clicked = int(i);
    list.AddRectFilled({a.x + ui.theme.px(3), a.y + ui.theme.px(5)}, {a.x + ui.theme.px(7), b.y - ui.theme.px(5)}, kind_color(ui, choice.kind), ui.theme.px(1));
    const float name = std::min(text_width(ui, choice.text, Face::mono), inner * 0.6f);
    draw_text(ui, list, {a.x + ui.theme.px(13), a.y + ui.theme.px(2)}, ui.theme.text, fit_text(ui, choice.text, name + 1, Face::mono), Face::mono);
    const std::string detail = fit_text(ui, choice.detail.empty() ? choice.kind : choice.detail, inner - name - ui.theme.px(34));
    draw_text(ui, list, {b.x - text_width(ui, detail) - ui.theme.px(6), a.y + ui.theme.px(2)}, ui.theme.faint, detail);
    ui.probe("completion", choice.text, a, b);
  }
  if (!doc.empty()) {
    ImGui::SetCursorScreenPos({origin.x + ui.theme.px(6), origin.y + row * float(shown) + ui.theme.px(5)});
    text(ui, "doc", doc, ui.theme.dim, Face::regular, {.width = width - ui.theme.px(20), .menu = false});
  }
  ImGui::End();
  ImGui::PopStyleVar(2);
  ImGui::PopStyleColor(2);
  if (clicked >= 0) {
    choose(state, help, size_t(clicked));
    state.focus = true;
  }
}

void draw_call(Ui& ui, const EditorState& state, const EditorHelp& help) {
  const Span spans[] = {{help.call_head, ui.theme.dim, Face::mono}, {help.call_argument, ui.theme.link, Face::mono}, {help.call_tail, ui.theme.dim, Face::mono},
                        {help.call_doc.empty() ? "" : "\n"}, {help.call_doc, ui.theme.text}};
  const float width = std::min(ui.theme.px(520), std::max(text_width(ui, help.call_head + help.call_argument + help.call_tail, Face::mono), text_width(ui, help.call_doc)) + ui.theme.px(6));
  const std::string all = help.call_head + help.call_argument + help.call_tail + (help.call_doc.empty() ? "" : "\n" + help.call_doc);
  const float height = text_height(ui, all, width) + ui.theme.px(14);
  // Above the line, so that the list has the room below.
  ImVec2 at{state.caret_pos.x, state.caret_pos.y - ImGui::GetTextLineHeight() - height - ui.theme.px(2)};
  at.x = std::clamp(at.x, 0.f, std::max(0.f, ImGui::GetIO().DisplaySize.x - width - ui.theme.px(24)));
  if (at.y < 0) at.y = state.caret_pos.y + (state.list_open ? ui.theme.px(280) : ui.theme.px(4));
  ImGui::SetNextWindowPos(at);
  ImGui::PushStyleColor(ImGuiCol_WindowBg, ui.theme.raised);
  ImGui::PushStyleColor(ImGuiCol_Border, ui.theme.border_strong);
  constexpr ImGuiWindowFlags flags = ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_AlwaysAutoResize | ImGuiWindowFlags_NoFocusOnAppearing |
                                     ImGuiWindowFlags_NoNav | ImGuiWindowFlags_NoMove | ImGuiWindowFlags_NoSavedSettings | ImGuiWindowFlags_NoInputs |
                                     ImGuiWindowFlags_Tooltip;
  ImGui::Begin("##call_help", nullptr, flags);
  rich_text(ui, "call", spans, {.width = width, .menu = false, .probe = "call_help"});
  ImGui::End();
  ImGui::PopStyleColor(2);
}

}  // namespace

std::vector<Token> kql_tokens(std::string_view text) {
  std::vector<Token> tokens;
  size_t i = 0;
  while (i < text.size()) {
    const char c = text[i];
    const size_t begin = i;
    TokenKind kind = TokenKind::plain;
    if (c == '/' && i + 1 < text.size() && text[i + 1] == '/') {
      while (i < text.size() && text[i] != '\n') ++i;
      kind = TokenKind::comment;
    } else if (c == '"' || c == '\'') {
      const bool verbatim = begin > 0 && text[begin - 1] == '@';
      ++i;
      while (i < text.size() && text[i] != c && text[i] != '\n') i += !verbatim && text[i] == '\\' ? 2 : 1;
      i = std::min(i + 1, text.size());
      kind = TokenKind::string;
    } else if (std::isdigit(static_cast<unsigned char>(c))) {
      while (i < text.size() && (is_word(text[i]) || text[i] == '.')) ++i;
      if (text[i - 1] == '.') --i;   // "1.." of a range
      kind = TokenKind::number;
    } else if (is_word(c)) {
      while (i < text.size() && (is_word(text[i]) || (text[i] == '-' && i + 1 < text.size() && is_word(text[i + 1])))) ++i;
      std::string_view word = text.substr(begin, i - begin);
      const auto known = [&] { return std::find(std::begin(keywords), std::end(keywords), word) != std::end(keywords); };
      if (word.find('-') != std::string_view::npos && !known()) {
        i = begin + word.find('-');
        word = text.substr(begin, i - begin);
      }
      if (known()) kind = TokenKind::keyword;
    } else if (c == '|') {
      ++i;
      kind = TokenKind::operator_;
    } else {
      ++i;
      continue;
    }
    tokens.push_back({begin, i, kind});
  }
  return tokens;
}

EditorResult editor(Ui& ui, const char* id, EditorState& state, const std::vector<EditorFault>& faults, ImVec2 size, const EditorHelp& help) {
  EditorResult result;
  ImGui::PushID(id);
  ImGui::PushID(state.generation);
  if (state.focus) {
    ImGui::SetKeyboardFocusHere();
    state.focus = false;
  }
  // Keys that are not the field's: read here, hidden from it.
  const bool list = state.active && state.list_open && !help.choices.empty();
  state.chosen = std::clamp(state.chosen, 0, std::max(0, int(help.choices.size()) - 1));
  int picked = -1;
  bool undo = false, redo = false, enter_takes = false;
  if (state.active) {
    result.run = pressed(Key::enter, shift);
    result.wants_list = pressed(Key::space, ctrl);
    undo = pressed(Key::z, ctrl, true);
    redo = pressed(Key::y, ctrl, true) || pressed(Key::z, ctrl | shift, true);
    if (list) {
      const int n = int(help.choices.size());
      if (pressed(Key::down, no_mods, true)) state.chosen = (state.chosen + 1) % n;
      if (pressed(Key::up, no_mods, true)) state.chosen = (state.chosen + n - 1) % n;
      if (pressed(Key::page_down, no_mods, true)) state.chosen = std::min(state.chosen + 9, n - 1);
      if (pressed(Key::page_up, no_mods, true)) state.chosen = std::max(state.chosen - 9, 0);
      // Enter takes a choice for a word that was begun or a line that was gone to; else it breaks the line.
      enter_takes = help.end > help.begin || state.chosen > 0;
      if ((enter_takes && pressed(Key::enter, no_mods)) || pressed(Key::tab, no_mods)) picked = state.chosen;
      if (ui.take(Command::stop)) state.list_open = false;
    }
  }
  state.completed = false;
  {
    const WithFace mono(ui, Face::mono);
    const std::string before = state.text;
    const size_t caret_before = state.caret;
    const bool replaced = state.wanted_text.has_value();
    const bool shift_enter = result.run;
    {
      const HiddenKeys z_and_y(state.active && ImGui::GetIO().KeyCtrl ? std::initializer_list<Key>{Key::z, Key::y, Key::space} : std::initializer_list<Key>{});
      const HiddenKeys enter(shift_enter ? std::initializer_list<Key>{Key::enter} : std::initializer_list<Key>{});
      const HiddenKeys escape(state.active ? std::initializer_list<Key>{Key::escape} : std::initializer_list<Key>{});
      const HiddenKeys list_keys(list ? std::initializer_list<Key>{Key::up, Key::down, Key::page_up, Key::page_down, enter_takes ? Key::enter : Key::tab, Key::tab} : std::initializer_list<Key>{});
      ImGui::InputTextMultiline("##text", &state.text, size, ImGuiInputTextFlags_AllowTabInput | ImGuiInputTextFlags_CallbackAlways, on_edit, &state);
    }
    result.changed = state.text != before;
    result.focused = state.active = ImGui::IsItemActive();
    if (result.changed && !replaced) {
      // Quick typing is one step; a pause, a line break or a paste begins another.
      const bool small = std::max(state.text.size(), before.size()) - std::min(state.text.size(), before.size()) <= 2;
      const bool merge = small && ui.now - state.typed_at < 0.7 && (state.text.empty() || state.text.back() != '\n');
      remember(state, before, caret_before, merge);
      state.typed_at = ui.now;
    }
    // A click into the list takes the keyboard from the field before the list sees it.
    if (!state.active && !(list && ImGui::IsMouseClicked(0))) state.list_open = false;
    ui.fonts.note_text(state.text);
    ui.probe("editor", state.text, ImGui::GetItemRectMin(), ImGui::GetItemRectMax());
    if (ImGuiWindow* window = field_window(ImGui::GetID("##text"))) {
      window->DrawList->PushClipRect(window->InnerRect.Min, window->InnerRect.Max, true);
      Overlay overlay(ui, state.text, *window);
      overlay.color_tokens();
      for (const EditorFault& fault : faults) overlay.underline(fault);
      window->DrawList->PopClipRect();
      state.caret_pos = overlay.below(std::min(state.caret, state.text.size()));
      state.caret_pos.x = std::clamp(state.caret_pos.x, window->InnerRect.Min.x, window->InnerRect.Max.x);
      state.caret_pos.y = std::clamp(state.caret_pos.y, window->InnerRect.Min.y, window->InnerRect.Max.y);
      // A pointer that rests on a word asks what it is.
      const size_t under = window->InnerRect.Contains(ImGui::GetIO().MousePos) && ImGui::IsWindowHovered(ImGuiHoveredFlags_ChildWindows | ImGuiHoveredFlags_AllowWhenBlockedByActiveItem)
                               ? overlay.byte_at(ImGui::GetIO().MousePos) : std::string::npos;
      if (under != state.hover_at) {
        state.hover_at = under;
        state.hover_since = ui.now;
      } else if (under != std::string::npos && state.hover_since > 0 && ui.now - state.hover_since > 0.35) {
        result.hovered = under;
        state.hover_since = 0;
      }
      if (under != std::string::npos && state.hover_since > 0) ui.animate(0.36 - (ui.now - state.hover_since));
    }
  }
  ImGui::PopID();
  ImGui::PopID();
  if (undo) editor_undo(state);
  if (redo) editor_redo(state);
  if (picked >= 0) choose(state, help, size_t(picked));
  else if (list && state.list_open) draw_list(ui, state, help);
  if (state.active && !help.call_head.empty()) draw_call(ui, state, help);
  if (!help.hover_title.empty() && state.hover_at != std::string::npos && !list) {
    ImGui::BeginTooltip();
    ImGui::PushTextWrapPos(ImGui::GetFontSize() * 34);
    {
      const WithFace mono(ui, Face::mono);
      ui.fonts.note_text(help.hover_title);
      ImGui::TextUnformatted(help.hover_title.c_str());
    }
    ui.fonts.note_text(help.hover_text);
    ImGui::TextUnformatted(help.hover_text.c_str());
    ImGui::PopTextWrapPos();
    ImGui::EndTooltip();
    ui.note_drawn(help.hover_title + "\n" + help.hover_text);
  }
  return result;
}

void replace_range(EditorState& state, size_t begin, size_t end, const std::string& with, size_t caret_back) {
  begin = std::min(begin, state.text.size());
  end = std::clamp(end, begin, state.text.size());
  remember(state, state.text, state.caret, false);
  std::string text_now = state.text;
  text_now.replace(begin, end - begin, with);
  set_now(state, std::move(text_now), begin + with.size() - std::min(caret_back, with.size()));
}

void editor_undo(EditorState& state) {
  if (state.past.empty()) return;
  EditorState::Step step = std::move(state.past.back());
  state.past.pop_back();
  state.future.push_back({state.text, state.caret});
  set_now(state, std::move(step.text), step.caret);
  state.typed_at = -10;
}

void editor_redo(EditorState& state) {
  if (state.future.empty()) return;
  EditorState::Step step = std::move(state.future.back());
  state.future.pop_back();
  state.past.push_back({state.text, state.caret});
  set_now(state, std::move(step.text), step.caret);
  state.typed_at = -10;
}

void toggle_comment(EditorState& state) {
  size_t begin = std::min(state.selection_begin, state.text.size()), end = std::min(state.selection_end, state.text.size());
  if (begin == end) begin = end = std::min(state.caret, state.text.size());
  while (begin > 0 && state.text[begin - 1] != '\n') --begin;
  if (end > begin && state.text[end - 1] == '\n') --end;   // a selection of whole lines
  end = std::min(state.text.find('\n', end), state.text.size());
  std::vector<std::string> lines;
  for (size_t at = begin;;) {
    const size_t stop = std::min(state.text.find('\n', at), end);
    lines.push_back(state.text.substr(at, stop - at));
    if (stop >= end) break;
    at = stop + 1;
  }
  const bool all = std::all_of(lines.begin(), lines.end(), [](const std::string& line) { return line.rfind("//", 0) == 0; });
  std::string changed;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) changed += '\n';
    if (!all) changed += "// " + lines[i];
    else changed += lines[i].substr(lines[i].rfind("// ", 0) == 0 ? 3 : 2);
  }
  replace_range(state, begin, end, changed);
}

void set_text(EditorState& state, std::string text) {
  if (state.text != text && !state.text.empty()) remember(state, state.text, state.caret, false);
  state.text = std::move(text);
  state.caret = state.wanted_caret = state.text.size();
  state.selection_begin = state.selection_end = 0;
  ++state.generation;
}

std::string text_to_run(const EditorState& state, size_t* begin_out) {
  const std::string& text = state.text;
  size_t begin = std::min(state.selection_begin, text.size());
  size_t end = std::min(state.selection_end, text.size());
  if (begin == end) {
    // A blank line ends a block on both sides.
    begin = end = std::min(state.caret, text.size());
    const auto blank_line_at = [&](size_t line_start) {
      const size_t stop = std::min(text.find('\n', line_start), text.size());
      return text.find_first_not_of(" \t\r", line_start) >= stop;
    };
    const auto line_start = [&](size_t at) {
      const size_t newline = at == 0 ? std::string::npos : text.rfind('\n', at - 1);
      return newline == std::string::npos ? 0 : newline + 1;
    };
    begin = line_start(begin);
    while (begin > 0 && !blank_line_at(line_start(begin - 1))) begin = line_start(begin - 1);
    end = std::min(text.find('\n', end), text.size());
    while (end < text.size() && !blank_line_at(end + 1)) end = std::min(text.find('\n', end + 1), text.size());
  }
  if (begin_out != nullptr) *begin_out = begin;
  return text.substr(begin, end - begin);
}

}  // namespace ui
