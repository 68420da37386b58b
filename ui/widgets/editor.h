// ui/widgets/editor.h: a code field for KQL: coloured, with red underlines at faults, that knows its
// caret and selection. Built on ImGui's text field; the colours are drawn over its text.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "ui/ui.h"

namespace ui {

struct EditorState {
  std::string text;
  int generation = 0;            // change it after replacing text from code
  size_t caret = 0, selection_begin = 0, selection_end = 0;   // bytes
  size_t wanted_caret = std::string::npos;   // moved there in the next frame
  bool focus = false;
};

struct EditorFault {
  size_t begin = 0, end = 0;     // bytes of the text
  ImU32 color = 0;
  std::string message;           // shown at the pointer
};

struct EditorResult {
  bool changed = false, focused = false;
};
EditorResult editor(Ui& ui, const char* id, EditorState& state, const std::vector<EditorFault>& faults,
                    ImVec2 size);

void set_text(EditorState& state, std::string text);

// What a run executes: the selection, else the block of lines around the caret up to blank lines.
std::string text_to_run(const EditorState& state, size_t* begin = nullptr);

enum class TokenKind { plain, keyword, string, number, comment, operator_ };
struct Token {
  size_t begin, end;
  TokenKind kind;
};
std::vector<Token> kql_tokens(std::string_view text);

}  // namespace ui
