#include "ui/panels/prompt_preview.h"

#include <algorithm>
#include <cctype>

#include "engine/base/error.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/text.h"

namespace ui {
namespace {

// What fills the context, part by part.
struct Piece {
  const char* name;
  int n_tokens;
  ImU32 color;
};

bool is_line(const std::string& name) { return name.size() > 1 && name[0] == 'E' && std::isdigit(static_cast<unsigned char>(name[1])); }

std::vector<Piece> pieces_of(const app::PromptPreview& preview, const Ui& ui) {
  // Each question is put on its own: earlier ones take no room, and the bar says so.
  std::vector<Piece> pieces = {{"system", 0, ui.theme.series[5]}, {"checks", 0, ui.theme.series[2]}, {"lines", 0, ui.theme.series[0]}, {"question", 0, ui.theme.series[1]},
                               {"history", 0, ui.theme.series[3]}, {"answer room", preview.n_answer_tokens, ui.theme.border_strong}};
  for (const app::PromptPreview::Part& part : preview.parts)
    pieces[part.name.starts_with("finding") ? 1 : is_line(part.name) ? 2 : part.name == "question" ? 3 : 0].n_tokens += part.n_tokens;
  return pieces;
}

}  // namespace

void draw_context_bar(const app::PromptPreview& preview, const app::StatusView& status, Ui& ui) {
  const int total = preview.n_ctx > 0 ? preview.n_ctx : status.context_total;
  if (total <= 0 || (preview.parts.empty() && status.context_total <= 0)) return;
  ImGui::SetCursorPosY(ImGui::GetCursorPosY() + ui.theme.px(2));
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const float width = ImGui::GetContentRegionAvail().x, height = ui.theme.px(5);
  ImGui::InvisibleButton("context_bar", {width, height + ui.theme.px(3)});
  ImDrawList& list = *ImGui::GetWindowDrawList();
  list.AddRectFilled(at, {at.x + width, at.y + height}, ui.theme.raised, ui.theme.px(2));
  float x = at.x;
  std::string tip = engine::format("Context of %s tokens", with_commas(uint64_t(total)).c_str());
  int used = 0;
  for (const Piece& piece : pieces_of(preview, ui)) {
    tip += engine::format("\n%s: %s", piece.name, with_commas(uint64_t(piece.n_tokens)).c_str());
    if (piece.n_tokens <= 0) continue;
    const float end = std::min(x + width * float(piece.n_tokens) / float(total), at.x + width);
    list.AddRectFilled({x, at.y}, {std::max(end - 1, x + 1), at.y + height}, piece.color);
    x = end;
    used += piece.n_tokens;
  }
  tip += engine::format("\nfree: %s", with_commas(uint64_t(std::max(total - used, 0))).c_str());
  for (const std::string& sentence : preview.left_out) tip += "\nleft out: " + sentence;
  ui.probe("context_bar", tip, at, {at.x + width, at.y + height});
  if (ImGui::IsItemHovered()) {
    ui.fonts.note_text(tip);
    ImGui::SetTooltip("%s\nCtrl+I shows the whole prompt", tip.c_str());
  }
}

namespace {

// The lines of one source that the model is to see, typed.
void draw_range(IncidentPanel& panel, const app::IncidentView& view, app::App& app, Ui& ui) {
  if (!ImGui::BeginPopup("pick_range")) return;
  const std::vector<app::Source>& sources = view.log->sources();
  const app::Source* chosen = nullptr;
  for (const app::Source& source : sources)
    if (panel.range.last_line > 0 && source.id == panel.range.source) chosen = &source;
  if (chosen == nullptr && !sources.empty()) {
    chosen = &sources.front();
    panel.range = {app::Packing::Mode::range, chosen->id, 1, std::max<uint64_t>(chosen->n_lines, 1)};
  }
  if (chosen != nullptr) {
    text(ui, "what", "The model sees lines of this range only", ui.theme.dim, Face::regular, {.width = ui.theme.px(360)});
    if (sources.size() > 1) {
      ImGui::SetNextItemWidth(ui.theme.px(360));
      if (ImGui::BeginCombo("##source", chosen->name.c_str())) {
        for (const app::Source& source : sources)
          if (ImGui::Selectable(source.name.c_str(), source.id == chosen->id))
            panel.range = {app::Packing::Mode::range, source.id, 1, std::max<uint64_t>(source.n_lines, 1)};
        ImGui::EndCombo();
      }
    }
    const auto number = [&](const char* id, uint64_t& value) {
      ImGui::SetNextItemWidth(ui.theme.px(130));
      ImGui::InputScalar(id, ImGuiDataType_U64, &value);
      ui.probe("range_field", id, ImGui::GetItemRectMin(), ImGui::GetItemRectMax());
    };
    number("##first", panel.range.first_line);
    ImGui::SameLine();
    text(ui, "to", "to line", ui.theme.dim, Face::regular, {.width = text_width(ui, "to line") + 2});
    ImGui::SameLine();
    number("##last", panel.range.last_line);
    const bool good = panel.range.first_line >= 1 && panel.range.first_line <= panel.range.last_line && panel.range.first_line <= chosen->n_lines;
    const std::string why = engine::format("Choose lines between 1 and %s, the first before the last", with_commas(chosen->n_lines).c_str());
    if (button(ui, "Use these lines", ButtonKind::primary, nullptr, Command::none, good ? nullptr : why.c_str())) {
      panel.range.mode = app::Packing::Mode::range;
      app.set_packing(panel.range);
      panel.prepare_at = ui.now;
      ImGui::CloseCurrentPopup();
    }
  }
  ImGui::EndPopup();
}

}  // namespace

void draw_packing(IncidentPanel& panel, const app::IncidentView& view, app::App& app, Ui& ui) {
  const std::shared_ptr<const app::PromptPreview> prepared = app.preview();
  const app::PromptPreview& preview = *prepared;
  using Mode = app::Packing::Mode;
  const Mode mode = view.packing.mode;
  if ((preview.left_out.empty() && mode == Mode::by_template) || view.log->n_rows() == 0) return;
  std::string what = preview.left_out.empty() ? "Everything fits" : "Too big for the model: " + preview.left_out.front();
  if (preview.left_out.size() > 1) what += engine::format(" (and %zu more)", preview.left_out.size() - 1);
  if (mode == Mode::range)
    what = engine::format("Only lines %s to %s. ", with_commas(view.packing.first_line).c_str(), with_commas(view.packing.last_line).c_str()) + what;
  ImGui::PushID("packing");
  text(ui, "what", what, preview.left_out.empty() ? ui.theme.dim : ui.theme.warning, Face::regular, {.probe = "packing"});
  struct Choice {
    Mode mode;
    const char* label;
    const char* tip;
  };
  constexpr Choice choices[] = {{Mode::by_template, "Pack by template", "A line of each template first; the least relevant evidence goes"},
                                {Mode::range, "Pick range…", "Only lines that you choose"},
                                {Mode::cut, "Send anyway with cut", "The evidence in its order, cut where the room ends"}};
  const auto label_of = [&](const Choice& choice) { return (mode == choice.mode ? "● " : "○ ") + std::string(choice.label); };
  const Choice* clicked = nullptr;
  float total = 0;
  for (const Choice& choice : choices) total += button_width(label_of(choice).c_str()) + ImGui::GetStyle().ItemSpacing.x;
  if (total <= ImGui::GetContentRegionAvail().x) {
    for (const Choice& choice : choices) {
      ImGui::PushStyleColor(ImGuiCol_Text, mode == choice.mode ? ui.theme.accent : ui.theme.dim);
      if (button(ui, label_of(choice).c_str(), ButtonKind::quiet, choice.tip)) clicked = &choice;
      ImGui::PopStyleColor();
      ImGui::SameLine();
    }
    ImGui::NewLine();
  } else {
    // Too narrow for a row: a menu, as height is what the conversation needs.
    for (const Choice& choice : choices)
      if (mode == choice.mode && button(ui, (label_of(choice) + "  ▾").c_str(), ButtonKind::quiet, "Choose what goes to the model")) ImGui::OpenPopup("choices");
    if (ImGui::BeginPopup("choices")) {
      for (const Choice& choice : choices)
        if (menu_item(ui, label_of(choice).c_str())) clicked = &choice;
      ImGui::EndPopup();
    }
  }
  if (clicked != nullptr && clicked->mode == Mode::range) {
    ImGui::OpenPopup("pick_range");
  } else if (clicked != nullptr) {
    app.set_packing({clicked->mode, 0, 0, 0});
    panel.prepare_at = ui.now;
  }
  draw_range(panel, view, app, ui);
  ImGui::PopID();
}

std::string question_now(const IncidentPanel& panel, const app::IncidentView& view) {
  if (!panel.input.empty()) return panel.input;
  for (auto it = view.messages.rbegin(); it != view.messages.rend(); ++it)
    if (it->role == "user") return it->text;
  return "What broke?";
}

void draw_prompt_preview(IncidentPanel& panel, const app::IncidentView& view, app::App& app, Ui& ui) {
  const std::shared_ptr<const app::PromptPreview> shown = app.preview();
  const app::PromptPreview& preview = *shown;
  if (ui.take(Command::preview_prompt)) {
    app.prepare_preview(question_now(panel, view));
    ImGui::OpenPopup("What the model will see");
  }
  const ImVec2 screen = ImGui::GetIO().DisplaySize;
  ImGui::SetNextWindowSize({std::min(screen.x * 0.8f, ui.theme.px(860)), screen.y * 0.8f});
  ImGui::SetNextWindowPos({screen.x / 2, screen.y / 2}, ImGuiCond_Always, {0.5f, 0.5f});
  bool open = true;
  if (!ImGui::BeginPopupModal("What the model will see", &open,
                              ImGuiWindowFlags_NoResize | ImGuiWindowFlags_NoMove | ImGuiWindowFlags_NoSavedSettings))
    return;
  if (preview.question != question_now(panel, view)) draw_running(ui, "preparing", "Putting the prompt together", "", -1, false);
  text(ui, "sum",
       engine::format("%d of %d tokens%s", preview.n_tokens, preview.n_ctx,
                      preview.n_masked_secrets > 0
                          ? engine::format(", %d secrets masked", preview.n_masked_secrets).c_str()
                          : ", no secrets found"),
       ui.theme.dim);
  meter(ui, {ImGui::GetContentRegionAvail().x, ui.theme.px(5)},
        preview.n_ctx > 0 ? double(preview.n_tokens) / preview.n_ctx : 0, ui.theme.accent);
  for (const std::string& sentence : preview.left_out)
    draw_notice(ui, sentence.c_str(), "Left out: " + sentence, ui.theme.warning);
  for (const std::string& sentence : preview.masked) draw_notice(ui, sentence.c_str(), "Masked: " + sentence, ui.theme.good);
  ImGui::BeginChild("parts", {0, -ImGui::GetFrameHeightWithSpacing()}, false);
  for (size_t i = 0; i < preview.parts.size(); ++i) {
    const auto& part = preview.parts[i];
    ImGui::PushID(int(i));
    {
      const Card card(ui, "part");
      const std::string size = engine::format("   %d tokens", part.n_tokens);
      const Span spans[] = {{part.name, ui.theme.text, Face::bold}, {size, ui.theme.dim}};
      rich_text(ui, "name", spans, {.width = card.inner_width()});
      text(ui, "text", part.text, ui.theme.text, Face::mono, {.width = card.inner_width()});
    }
    ImGui::PopID();
    ImGui::Dummy({1, 1});
  }
  // What did not fit stands below, so that the choice can be judged.
  if (!preview.dropped.empty()) heading(ui, "Not sent", engine::format("%zu parts", preview.dropped.size()));
  for (size_t i = 0; i < preview.dropped.size(); ++i) {
    const auto& part = preview.dropped[i];
    ImGui::PushID(int(i) + 10'000);
    {
      const Card card(ui, "dropped");
      const std::string room = engine::format("   %d tokens, no room", part.n_tokens);
      const Span spans[] = {{part.name, ui.theme.faint, Face::bold}, {room, ui.theme.faint}};
      rich_text(ui, "name", spans, {.width = card.inner_width(), .probe = "dropped"});
      text(ui, "text", part.text, ui.theme.faint, Face::mono, {.width = card.inner_width()});
    }
    ImGui::PopID();
    ImGui::Dummy({1, 1});
  }
  ImGui::EndChild();
  if (button(ui, "Copy all")) {
    std::string all;
    for (const auto& part : preview.parts) all += part.text + "\n\n";
    ui.copy(all);
  }
  ImGui::SameLine();
  if (button(ui, "Close") || ui.take(Command::stop)) ImGui::CloseCurrentPopup();
  ImGui::EndPopup();
}

}  // namespace ui
