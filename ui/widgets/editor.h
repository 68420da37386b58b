// ui/widgets/editor.h: a code field for KQL: coloured, with red underlines at faults, that knows its
// caret and selection. Built on ImGui's text field; the colours are drawn over its text.
#pragma once
#include <optional>
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
  size_t wanted_selection = std::string::npos;  // likewise: the other end of the selection
  bool focus = false;

  // --- undo of what was typed and of what code changed; ImGui's own forgets the latter
  struct Step {
    std::string text;
    size_t caret = 0;
  };
  std::vector<Step> past, future;
  double typed_at = -10;         // when past was last added to: quick typing is one step

  // --- the list of completions
  bool list_open = false;
  int chosen = 0;
  bool completed = false;        // the text changed by a choice, not by typing

  std::optional<std::string> wanted_text;    // put in place of all text, with undo
  ImVec2 caret_pos = {0, 0};     // of the caret's lower left corner on screen, last frame
  bool active = false;           // has the keyboard
  double hover_since = 0;        // the pointer rests on hover_at since then
  size_t hover_at = std::string::npos;
};

// One line of the completion list.
struct EditorChoice {
  std::string text, insert, kind, detail, doc;
  size_t caret_back = 0;
};
struct EditorHelp {
  size_t begin = 0, end = 0;                 // bytes that a choice replaces
  std::vector<EditorChoice> choices;         // empty: no list
  std::string call_head, call_argument, call_tail, call_doc;  // help on arguments; empty: none
  std::string hover_title, hover_text;       // of what is under the pointer; empty: none
};

struct EditorFault {
  size_t begin = 0, end = 0;     // bytes of the text
  ImU32 color = 0;
  std::string message;           // shown at the pointer
};

struct EditorResult {
  bool changed = false, focused = false;
  bool wants_list = false;       // Ctrl+Space
  bool run = false;              // Shift+Enter
  size_t hovered = std::string::npos;   // byte that the pointer rests on, once
};
EditorResult editor(Ui& ui, const char* id, EditorState& state, const std::vector<EditorFault>& faults,
                    ImVec2 size, const EditorHelp& help = {});

// Replaces a range as one step of undo and puts the caret behind it.
void replace_range(EditorState& state, size_t begin, size_t end, const std::string& with, size_t caret_back = 0);
void editor_undo(EditorState& state);
void editor_redo(EditorState& state);
// Puts // in front of the selected lines, or takes it away where all have it.
void toggle_comment(EditorState& state);

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
