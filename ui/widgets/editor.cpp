#include "ui/widgets/editor.h"

#include <algorithm>
#include <cctype>

#include "imgui_internal.h"
#include "imgui_stdlib.h"

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
  if (state.wanted_caret != std::string::npos) {
    const int at = int(std::min(state.wanted_caret, size_t(data->BufTextLen)));
    data->CursorPos = data->SelectionStart = data->SelectionEnd = at;
    state.wanted_caret = std::string::npos;
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

EditorResult editor(Ui& ui, const char* id, EditorState& state, const std::vector<EditorFault>& faults, ImVec2 size) {
  EditorResult result;
  ImGui::PushID(id);
  ImGui::PushID(state.generation);
  if (state.focus) {
    ImGui::SetKeyboardFocusHere();
    state.focus = false;
  }
  {
    const WithFace mono(ui, Face::mono);
    const std::string before = state.text;
    ImGui::InputTextMultiline("##text", &state.text, size, ImGuiInputTextFlags_AllowTabInput | ImGuiInputTextFlags_CallbackAlways,
                              on_edit, &state);
    result.changed = state.text != before;
    result.focused = ImGui::IsItemActive();
    ui.fonts.note_text(state.text);
    ui.probe("editor", state.text, ImGui::GetItemRectMin(), ImGui::GetItemRectMax());
    if (ImGuiWindow* window = field_window(ImGui::GetID("##text"))) {
      window->DrawList->PushClipRect(window->InnerRect.Min, window->InnerRect.Max, true);
      Overlay overlay(ui, state.text, *window);
      overlay.color_tokens();
      for (const EditorFault& fault : faults) overlay.underline(fault);
      window->DrawList->PopClipRect();
    }
  }
  ImGui::PopID();
  ImGui::PopID();
  return result;
}

void set_text(EditorState& state, std::string text) {
  state.text = std::move(text);
  state.caret = state.text.size();
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
