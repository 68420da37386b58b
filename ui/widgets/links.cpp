#include "ui/widgets/links.h"

#include "ui/widgets/basics.h"

namespace ui {

TextResult linked_text(Ui& ui, const char* id, std::string_view content, ImU32 color, const TextOptions& given) {
  TextOptions options = given;
  options.chip_probe = "reference";
  const std::vector<Reference> references = find_references(content);
  std::vector<std::string> labels;
  labels.reserve(references.size());   // spans point into it
  std::vector<Span> spans;
  std::vector<Link> links;
  size_t at = 0;
  for (const Reference& reference : references) {
    if (!ui.about_link || !ui.about_link(reference.link)) continue;
    labels.push_back(reference_text(reference.link));
    spans.push_back({content.substr(at, reference.begin - at), color});
    spans.push_back({labels.back(), ui.theme.link, Face::regular, int(links.size())});
    links.push_back(reference.link);
    at = reference.end;
  }
  spans.push_back({content.substr(at), color});
  const TextResult result = rich_text(ui, id, spans, options);
  if (result.hovered_chip >= 0) link_tooltip(ui, links[size_t(result.hovered_chip)]);
  if (result.clicked_chip >= 0) ui.follow(links[size_t(result.clicked_chip)]);
  return result;
}

void link_chip(Ui& ui, const char* id, const Link& link) {
  if (chip(ui, id, reference_text(link), ui.theme.link, "reference")) ui.follow(link);
  if (ImGui::IsItemHovered()) link_tooltip(ui, link);
  if (ImGui::BeginPopupContextItem(id)) {
    if (menu_item(ui, "Copy the reference")) ui.copy(reference_text(link));
    if (menu_item(ui, "Ask about this")) ui.ask({Request::Kind::ask, reference_text(link)});
    ImGui::EndPopup();
  }
}

void link_tooltip(Ui& ui, const Link& link) {
  const auto about = ui.about_link ? ui.about_link(link) : std::nullopt;
  if (!about) return;
  ImGui::BeginTooltip();
  ImGui::PushTextWrapPos(ImGui::GetFontSize() * 40);
  ui.fonts.note_text(*about);
  ui.note_drawn(*about);
  ImGui::TextUnformatted(about->c_str(), about->c_str() + about->size());
  ImGui::TextDisabled("%s   click to go there", reference_text(link).c_str());
  ImGui::PopTextWrapPos();
  ImGui::EndTooltip();
}

void draw_link_flash(Ui& ui, const Link& link, ImVec2 min, ImVec2 max) {
  const float share = ui.flash_share(link);
  if (share <= 0) return;
  ImGui::GetWindowDrawList()->AddRectFilled(min, max, with_alpha(ui.theme.flash, 0.6f * share), ui.theme.px(4));
  ui.probe("link_target", reference_text(link), min, max);
}

}  // namespace ui
