// Draws the whole window over made-up views and saves a PNG: for looking at panels without data,
// `ui_gallery SCREEN FILE.png [full|empty|running|failed|versions] [dark|light|high_contrast] [SCALE] [WIDTH HEIGHT]`.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "engine/base/error.h"
#include "tests/ui/support/fake_app.h"
#include "ui/shell.h"
#include "ui/window.h"

namespace {

void set_state(ui_test::FakeApp& fake, const std::string& state) {
  if (state != "empty") ui_test::fill(fake);
  app::JobView job;
  job.id = 1;
  job.kind = "ingest";
  job.title = "Reading syslog";
  job.stage = "parse";
  job.count = "48,210 lines";
  job.fraction = 0.43;
  if (state == "running") {
    job.session = 1;
    fake.status.jobs = {job};
    fake.incident.checks_running = true;
    fake.incident.answering = true;
    fake.incident.streaming_stage = "writing";
    fake.incident.streaming_text = "The disk of db-2 is full and PostgreSQL";
    fake.kql.running = true;
    fake.models.loading_path = "models/large.gguf";
    fake.models.loading_stage = "weights";
    fake.models.loading_fraction = 0.43;
    fake.logs.filtering = true;
  }
  if (state == "full") {
    fake.incident.notes = {"Times without a year: 2026 was assumed.",
                           "Every line of db-2.log was checked, but the 20 checks that read lines together left out 800000 records."};
    fake.incident.lines_only = true;
    fake.incident.unusual = {{fake.incident.anomalies[0], {fake.incident.log->line_ref(240), fake.incident.log->line_ref(259)}}};
    fake.sessions.errors[3] = "big.log: no space left on device; free some and open it again";
  }
  if (state == "versions") {   // of a config, and the fix of a finding
    app::ConfigReview& review = fake.configs.reviews[0];
    app::ConfigReview before = review;
    before.id = 7;
    before.text.replace(before.text.find("web:latest"), 10, "web");
    fake.configs.earlier = {before};
    review.fixes[1].text = review.text;
    review.fixes[1].text.replace(review.text.find("true"), 4, "false");
  }
  if (state == "failed") {
    fake.sessions.recovered = {{1}, {"Disk full on db-2: question not sent: \"why did the backup run twice\"", "Disk full on db-2: syslog not read to its end, 412 records are here"}};
    fake.status.model.clear();
    fake.models.loaded_path.clear();
    fake.models.failed_path = "models/large.gguf";
    app::Answer& answer = *fake.incident.messages[1].answer;
    answer.text += "\n## Text of the model (not used: it repeats itself)\n\nThe disk the disk the disk\n";
    answer.from_model = false;
    job.running = false;
    job.session = 1;
    job.error = "syslog.gz: the archive ends in the middle of a block; copy the file again";
    fake.status.jobs = {job};
    fake.incident.error = "The model could not be loaded: it needs 3.1 GB and 1.2 GB are free; choose a smaller one";
    fake.kql.error = "";
    fake.kql.diagnostics = {{{7, 12}, app::kql::DiagnosticSeverity::error, "There is no operator wher", "did you mean where?"}};
    fake.models.error = "models: the folder cannot be read: permission denied";
    fake.tasks.error = "answers.jsonl:3: no field id";
    fake.logs.error = "/fo(o/: missing ) at 4";
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: ui_gallery SCREEN FILE.png [STATE] [THEME] [SCALE] [WIDTH HEIGHT]\n");
    return 2;
  }
  const char* names[] = {"incident", "logs", "kql", "configs", "tasks", "models", "settings", "connections"};
  const std::string state = argc > 3 ? argv[3] : "full";
  try {
    ui::Window window({.title = "gallery", .width = argc > 6 ? std::atoi(argv[6]) : 1440, .height = argc > 7 ? std::atoi(argv[7]) : 900});
    app::App app({});
    set_state(ui_test::fake(), state);
    ui::Fonts fonts(ui::find_font_files(""));
    ui::Shell shell(app, fonts, {.about = "gallery",
                                 .wake = [&] { window.wake(); },
                                 .clock = [] { return app::unix_epoch_ticks + 1'773'486'000LL * app::ticks_per_second; },
                                 .theme = argc > 4 ? argv[4] : "dark",
                                 .ui_scale = argc > 5 ? float(std::atof(argv[5])) : 0});
    for (int i = 0; i < ui::n_screens; ++i)
      if (std::strcmp(argv[1], names[i]) == 0) shell.screen = ui::Screen(i);
    for (int frame = 0; frame < 12; ++frame) {
      shell.apply_look(window.content_scale());
      window.begin_frame(fonts, shell.font_pixels(window.content_scale()));
      if (frame == 4 && state == "full" && shell.screen == ui::Screen::logs) ui::select(shell.logs.list, 240, true);
      if (frame == 4 && state == "versions") shell.configs.diffs.compared = 7, shell.configs.diffs.compared_file = "deploy.yaml";
      if (frame == 4 && std::strcmp(argv[1], "palette") == 0) shell.ui.give(ui::Command::palette);
      if (frame == 4 && std::strcmp(argv[1], "keys") == 0) shell.ui.give(ui::Command::show_keys);
      if (frame == 4 && std::strcmp(argv[1], "preview") == 0) shell.ui.give(ui::Command::preview_prompt);
      if (frame == 4 && std::strcmp(argv[1], "report") == 0) shell.ui.give(ui::Command::export_report);
      if (frame == 4 && std::strcmp(argv[1], "files") == 0) shell.ui.give(ui::Command::open_files);
      shell.draw();
      window.end_frame(shell.ui.theme.window, true);
      shell.logs.cache.finish_pending();
      window.wait(0.01);
    }
    ui::save_png(argv[2], window.picture());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ui_gallery: %s\n", error.what());
    return 1;
  }
  return 0;
}
