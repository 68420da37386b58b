#include "ui/panels/tasks.h"

#include <algorithm>

#include "engine/base/error.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/links.h"
#include "ui/widgets/text.h"

namespace ui {
namespace {

using app::store::TaskRun;
using app::store::TaskSample;

// The flat numbers of a JSON object, as "name value" pairs; what is not a number is left to the export.
std::string metrics_text(const std::string& json) {
  std::string out;
  size_t at = 0;
  while ((at = json.find('"', at)) != std::string::npos) {
    const size_t name_end = json.find('"', at + 1);
    if (name_end == std::string::npos) break;
    const std::string name = json.substr(at + 1, name_end - at - 1);
    size_t value = json.find_first_not_of(" \t\n", name_end + 1);
    if (value != std::string::npos && json[value] == ':') {
      value = json.find_first_not_of(" \t\n", value + 1);
      if (value != std::string::npos && (std::isdigit(static_cast<unsigned char>(json[value])) || json[value] == '-'))
        out += (out.empty() ? "" : "   ") + name + " " + engine::format("%.4g", std::atof(json.c_str() + value));
    }
    at = name_end + 1;
  }
  return out;
}

void draw_score_form(TasksPanel& panel, const app::TasksView& view, app::App& app, Ui& ui) {
  heading(ui, "Score predictions");
  const float width = ImGui::GetContentRegionAvail().x;
  const float browse = button_width("Browse") + ui.theme.px(8);
  ImGui::SetNextItemWidth(width);
  std::string title = panel.task;
  for (const auto& card : view.cards)
    if (card.task == panel.task) title = card.title;
  if (ImGui::BeginCombo("##task", title.c_str())) {
    for (const auto& card : view.cards)
      if (ImGui::Selectable(card.title.c_str(), card.task == panel.task)) panel.task = card.task;
    ImGui::EndCombo();
  }
  input_text("##data", "Data file", &panel.data_path, width - browse);
  ImGui::SameLine();
  if (button(ui, "Browse##data")) panel.browse = 1;
  input_text("##predictions", "Predictions file", &panel.predictions_path, width - browse);
  ImGui::SameLine();
  if (button(ui, "Browse##predictions")) panel.browse = 2;
  const char* reason = view.running                     ? "A run is in progress"
                       : panel.data_path.empty()        ? "Choose the data file first"
                       : panel.predictions_path.empty() ? "Choose the predictions file first"
                                                        : nullptr;
  if (button(ui, "Score", ButtonKind::primary, "Compare each prediction with what is expected", Command::none, reason))
    app.score_predictions(panel.task, panel.data_path, panel.predictions_path);
}

void draw_cards(const app::TasksView& view, Ui& ui) {
  heading(ui, "Tasks", with_commas(view.cards.size()));
  for (const auto& task : view.cards) {
    ImGui::PushID(task.task.c_str());
    {
      const Card card(ui, "card");
      const TaskRun* last = nullptr;
      for (const TaskRun& run : view.runs)
        if (run.task == task.task && run.state == "done") {
          last = &run;
          break;
        }
      text(ui, "title", task.title, ui.theme.text, Face::bold, {.width = card.inner_width()});
      const std::string score = last == nullptr ? "no run yet" : metrics_text(last->metrics) + "   " + with_commas(last->n_samples) + " samples";
      text(ui, "score", score, last == nullptr ? ui.theme.faint : ui.theme.good, Face::regular, {.width = card.inner_width()});
      if (!task.input_format.empty())
        text(ui, "format", task.input_format, ui.theme.dim, Face::regular, {.width = card.inner_width()});
    }
    ImGui::PopID();
  }
}

void draw_runs(const app::TasksView& view, app::App& app, Ui& ui) {
  heading(ui, "Runs", with_commas(view.runs.size()));
  if (view.runs.empty())
    draw_empty(ui, "none", {"No run yet", "No score is shown without a run behind it.", {}});
  for (const TaskRun& run : view.runs) {
    ImGui::PushID(int(run.id));
    const float width = ImGui::GetContentRegionAvail().x;
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float line = ImGui::GetTextLineHeight();
    const float height = line * 2 + ui.theme.px(10);
    const bool shown = view.shown && view.shown->id == run.id;
    if (ImGui::InvisibleButton("run", {width, height})) app.show_run(run.id);
    ImDrawList& list = *ImGui::GetWindowDrawList();
    if (shown || ImGui::IsItemHovered())
      list.AddRectFilled(at, {at.x + width, at.y + height}, shown ? ui.theme.selected : ui.theme.hovered, ui.theme.px(4));
    item_menu(ui, "menu", run.metrics);
    const std::string title = engine::format("run %lld  ", static_cast<long long>(run.id)) + run.task + "  " + run.dataset;
    const ImU32 color = run.state == "failed" ? ui.theme.bad : run.state == "done" ? ui.theme.dim : ui.theme.warning;
    const std::string facts = run.state == "done" ? metrics_text(run.metrics) + "   " + with_commas(run.n_samples) + " samples"
                              : run.state == "failed" ? "failed: " + run.error
                                                      : run.state + ", " + with_commas(run.n_done) + " of " + with_commas(run.n_samples);
    const float pad = ui.theme.px(6);
    draw_text(ui, list, {at.x + pad, at.y + ui.theme.px(4)}, ui.theme.text, fit_text(ui, title, width - pad * 2));
    draw_text(ui, list, {at.x + pad, at.y + ui.theme.px(5) + line}, color, fit_text(ui, facts, width - pad * 2));
    ui.probe("run", title, at, {at.x + width, at.y + height});
    ImGui::PopID();
  }
}

void cell(Ui& ui, const char* id, const std::string& value, ImU32 color, Face face = Face::mono) {
  ImGui::TableNextColumn();
  std::string line = value.substr(0, 2000);
  std::replace(line.begin(), line.end(), '\n', ' ');
  label(ui, id, line, color, ImGui::GetContentRegionAvail().x, face);
}

// The sample's number: a click copies how to refer to it.
void draw_number(Ui& ui, const TaskRun& run, const TaskSample& sample) {
  const Link link{Link::Kind::run_sample, run.id, int64_t(sample.number)};
  ImGui::TableNextColumn();
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const std::string number = std::to_string(sample.number);
  if (ImGui::InvisibleButton("number", {std::max(ImGui::GetContentRegionAvail().x, 1.f), ImGui::GetTextLineHeight()})) {
    ui.copy(reference_text(link));
    ui.toast("Copied " + reference_text(link));
  }
  const ImVec2 end = ImGui::GetItemRectMax();
  tooltip(ui, "Click: copy a reference to the sample, for a question");
  draw_text(ui, *ImGui::GetWindowDrawList(), at, ui.theme.link, number, Face::mono);
  ui.probe("sample", number, at, end);
  draw_link_flash(ui, link, at, {at.x + ImGui::GetWindowWidth(), end.y});
}

void draw_samples(TasksPanel& panel, const app::TasksView& view, Ui& ui) {
  if (!view.shown) {
    draw_empty(ui, "none", {"No run chosen", "Choose a run to see each sample: input, expected, output and score.", {}});
    return;
  }
  const TaskRun& run = *view.shown;
  heading(ui, engine::format("Run %lld: %s", static_cast<long long>(run.id), run.task.c_str()), time_text(run.started).substr(0, 19));
  const std::string facts = "Data " + run.dataset + "   ·   " + run.model + "   ·   " + run.state + "   ·   " +
                            with_commas(run.n_done) + " of " + with_commas(run.n_samples) + " samples";
  text(ui, "facts", facts, ui.theme.dim);
  const std::string score = metrics_text(run.metrics);
  if (!score.empty()) text(ui, "score", score, ui.theme.good, Face::bold, {.probe = "run_score"});
  if (!run.error.empty()) draw_notice(ui, "error", run.error, ui.theme.bad);
  if (!view.samples || view.samples->empty()) {
    draw_empty(ui, "no_samples", {"No samples stored", "The run has not scored a sample.", {}});
    return;
  }
  ImGui::Checkbox("Only failures", &panel.only_failures);
  std::vector<const TaskSample*> shown;
  for (const TaskSample& sample : *view.samples)
    if (!panel.only_failures || sample.score < 1) shown.push_back(&sample);
  constexpr ImGuiTableFlags flags = ImGuiTableFlags_ScrollY | ImGuiTableFlags_Resizable | ImGuiTableFlags_RowBg |
                                    ImGuiTableFlags_BordersInnerV | ImGuiTableFlags_NoSavedSettings;
  if (!ImGui::BeginTable("samples", 6, flags)) return;
  ImGui::TableSetupScrollFreeze(0, 1);
  ImGui::TableSetupColumn("#", ImGuiTableColumnFlags_WidthFixed, ui.theme.px(46));
  ImGui::TableSetupColumn("score", ImGuiTableColumnFlags_WidthFixed, ui.theme.px(54));
  ImGui::TableSetupColumn("input");
  ImGui::TableSetupColumn("expected");
  ImGui::TableSetupColumn("output");
  ImGui::TableSetupColumn("failure", ImGuiTableColumnFlags_WidthFixed, ui.theme.px(110));
  ImGui::TableHeadersRow();
  if (panel.wanted_sample >= 0) {
    const auto wanted = std::find_if(shown.begin(), shown.end(), [&](const TaskSample* s) { return int64_t(s->number) == panel.wanted_sample; });
    const float row_height = ImGui::GetTextLineHeight() + ImGui::GetStyle().CellPadding.y * 2;
    if (wanted != shown.end()) ImGui::SetScrollY(std::max(0.f, row_height * float(wanted - shown.begin()) - ImGui::GetWindowHeight() * 0.4f));
    panel.wanted_sample = -1;
  }
  ImGuiListClipper clipper;
  clipper.Begin(int(shown.size()));
  while (clipper.Step())
    for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i) {
      const TaskSample& sample = *shown[size_t(i)];
      ImGui::TableNextRow();
      ImGui::PushID(i);
      draw_number(ui, run, sample);
      cell(ui, "score", engine::format("%.2f", sample.score), sample.score >= 1 ? ui.theme.good : ui.theme.bad);
      cell(ui, "input", sample.input, ui.theme.text, Face::regular);
      cell(ui, "expected", sample.expected, ui.theme.text);
      cell(ui, "output", sample.output, sample.score >= 1 ? ui.theme.text : ui.theme.warning);
      cell(ui, "failure", sample.failure, ui.theme.dim, Face::regular);
      ImGui::PopID();
    }
  ImGui::EndTable();
}

}  // namespace

void draw(TasksPanel& panel, const app::TasksView& view, const app::StatusView& status, app::App& app, Ui& ui) {
  const float room = ImGui::GetContentRegionAvail().x;
  const float list_width = std::min(ui.theme.px(panel.list_width), room * 0.5f);
  {
    const Pane pane(ui, "left", {list_width, 0});
    draw_score_form(panel, view, app, ui);
    for (const app::JobView& job : status.jobs)
      if (job.running && job.kind == "task" && draw_running(ui, "running", job.title, job.count, job.fraction)) app.cancel_job(job.id);
    if (!view.error.empty()) draw_notice(ui, "error", view.error, ui.theme.bad);
    ImGui::Dummy({1, ui.theme.px(4)});
    draw_cards(view, ui);
    ImGui::Dummy({1, ui.theme.px(4)});
    draw_runs(view, app, ui);
  }
  ImGui::SameLine(0, 0);
  splitter(ui, "split", true, &panel.list_width, 260, room / ui.theme.scale * 0.5f);
  ImGui::SameLine(0, 0);
  {
    const Pane pane(ui, "right", {0, 0});
    draw_samples(panel, view, ui);
  }
}

}  // namespace ui
