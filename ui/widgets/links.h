// ui/widgets/links.h: references to templates, query rows, claims, findings, evidence, config lines, run
// samples and lines, as chips: hovered they show what they lead to, a click goes there.
#pragma once
#include <string>
#include <string_view>

#include "ui/ui.h"
#include "ui/widgets/text.h"

namespace ui {

// Text whose references are chips where what they name is there; others stay text.
TextResult linked_text(Ui& ui, const char* id, std::string_view text, ImU32 color, const TextOptions& options = {});

// One chip on its own. Its probe has the kind "reference".
void link_chip(Ui& ui, const char* id, const Link& link);

// What a link leads to, beside the pointer.
void link_tooltip(Ui& ui, const Link& link);

// Over an area while the link that led to it is new.
void draw_link_flash(Ui& ui, const Link& link, ImVec2 min, ImVec2 max);

}  // namespace ui
