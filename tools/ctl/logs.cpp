// sigmactl logs: templates (the template of every line), stats (what was parsed).
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "app/logs/anomalies.h"
#include "app/logs/parse.h"
#include "app/logs/templates.h"
#include "app/settings.h"
#include "engine/base/error.h"
#include "engine/base/log.h"
#include "tools/ctl/command.h"

namespace ctl {
namespace {
using app::Record;
using app::RecordBatch;
using app::Source;

// What both commands ask of the command line.
struct Choices {
  std::vector<std::string> paths;
  std::string format;  // of the output
  std::string log_format;
  bool json = false;
};

// Reads every input behind the paths; gives the sources, in order.
std::vector<Source> read_all(const Choices& choices, bool join_lines,
                             const app::logs::OnBatch& on_batch) {
  const app::logs::FormatSet formats =
      app::logs::FormatSet::load(app::find_assets_folder() + "/log_formats");
  app::logs::InputList inputs(choices.paths);
  std::vector<Source> sources;
  while (std::optional<app::logs::LogInput> input = inputs.next()) {
    app::logs::ParseOptions options;
    options.source_id = uint32_t(sources.size());
    options.join_lines = join_lines;
    options.format = choices.log_format;
    sources.push_back(app::logs::parse(*input, formats, options, on_batch));
    for (const std::string& note : sources.back().notes)
      engine::log_info("%s: %s", sources.back().name.c_str(), note.c_str());
  }
  for (const std::string& note : inputs.notes()) engine::log_warning("%s", note.c_str());
  if (sources.empty()) {
    engine::fail(engine::ErrorKind::invalid_input,
                 "%s: holds nothing that can be read as a log%s%s", choices.paths[0].c_str(),
                 inputs.notes().empty() ? "" : ": ",
                 inputs.notes().empty() ? "" : inputs.notes()[0].c_str());
  }
  return sources;
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

int list_templates(const Choices& choices) {
  struct Line {
    uint32_t source;
    uint64_t line;
    uint32_t n_lines, template_id;
  };
  std::vector<Line> lines;
  app::logs::TemplateMiner miner;
  const auto keep = [&lines](RecordBatch&& batch) {
    for (const Record& r : batch.records)
      lines.push_back({r.source, r.line, r.n_lines, r.template_id});
  };
  // A row a line, so each line is judged by itself: lines of one event are not joined here.
  const std::vector<Source> sources =
      read_all(choices, false, [&](RecordBatch&& batch) { miner.add(std::move(batch), keep); });
  miner.flush(keep);

  std::vector<std::string> patterns;
  for (const app::Template& t : miner.templates()) patterns.push_back(csv_field(t.pattern));
  const bool several = sources.size() > 1;
  std::string out =
      several ? "File,LineId,EventId,EventTemplate\n" : "LineId,EventId,EventTemplate\n";
  for (const Line& l : lines) {
    for (uint32_t i = 0; i < l.n_lines; ++i) {
      if (several) out += csv_field(sources[l.source].path) + ",";
      out += std::to_string(l.line + i) + ",E" + std::to_string(l.template_id + 1) + "," +
             patterns[l.template_id] + "\n";
    }
    if (out.size() > (1 << 20)) {
      std::fwrite(out.data(), 1, out.size(), stdout);
      out.clear();
    }
  }
  std::fwrite(out.data(), 1, out.size(), stdout);
  return 0;
}

nlohmann::json source_json(const Source& s) {
  return {{"name", s.name},
          {"path", s.path},
          {"encoding", s.encoding},
          {"format", s.format},
          {"format_match", s.format_match},
          {"time_zone", s.time_zone},
          {"lines", s.n_lines},
          {"records", s.n_records},
          {"records_without_time", s.n_without_time},
          {"bytes", s.n_bytes},
          {"first_time", app::logs::iso_text(s.first_time)},
          {"last_time", app::logs::iso_text(s.last_time)},
          {"notes", s.notes}};
}

int show_stats(const Choices& choices) {
  const auto began = std::chrono::steady_clock::now();
  uint64_t by_level[app::n_levels] = {};
  app::logs::TemplateMiner miner;
  app::logs::ActivityCounter activity;
  app::RowId n_counted = 0;
  const auto count = [&](RecordBatch&& batch) {
    for (const Record& r : batch.records) ++by_level[size_t(r.level)];
    activity.add(batch.records, n_counted);
    n_counted += batch.records.size();
  };
  const std::vector<Source> sources =
      read_all(choices, true, [&](RecordBatch&& batch) { miner.add(std::move(batch), count); });
  miner.flush(count);
  const std::vector<app::Template> templates = miner.templates();
  const std::vector<app::Anomaly> anomalies = activity.find(templates);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();

  Source all;
  nlohmann::json listed = nlohmann::json::array(), levels = nlohmann::json::object();
  for (const Source& s : sources) {
    all.n_lines += s.n_lines;
    all.n_records += s.n_records;
    all.n_bytes += s.n_bytes;
    all.n_without_time += s.n_without_time;
    if (s.first_time != app::no_time &&
        (all.first_time == app::no_time || s.first_time < all.first_time))
      all.first_time = s.first_time;
    if (s.last_time != app::no_time &&
        (all.last_time == app::no_time || s.last_time > all.last_time))
      all.last_time = s.last_time;
    if (all.format.empty())
      all.format = s.format;
    else if (all.format != s.format)
      all.format = "mixed";
    listed.push_back(source_json(s));
  }
  for (int i = 0; i < app::n_levels; ++i) {
    if (by_level[i] > 0) levels[i == 0 ? "none" : app::level_names[i]] = by_level[i];
  }
  if (choices.json) {
    const auto time_or_null = [](app::Ticks t) {
      return t == app::no_time ? nlohmann::json() : nlohmann::json(app::logs::iso_text(t));
    };
    nlohmann::json unusual = nlohmann::json::array();
    for (const app::Anomaly& a : anomalies) {
      unusual.push_back({{"kind", a.kind},
                         {"text", a.text},
                         {"score", a.score},
                         {"begin", time_or_null(a.begin)},
                         {"end", time_or_null(a.end)}});
    }
    const nlohmann::json out = {{"lines", all.n_lines},
                                {"records", all.n_records},
                                {"bytes", all.n_bytes},
                                {"format", all.format},
                                {"first_time", time_or_null(all.first_time)},
                                {"last_time", time_or_null(all.last_time)},
                                {"levels", levels},
                                {"templates", templates.size()},
                                {"seconds", seconds},
                                {"records_without_time", all.n_without_time},
                                {"sources", listed},
                                {"anomalies", unusual}};
    std::printf("%s\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
    return 0;
  }
  for (const Source& s : sources) {
    std::printf("%s: %llu lines, %llu records, %s, format %s, %s\n",
                s.path.empty() ? s.name.c_str() : s.path.c_str(),
                static_cast<unsigned long long>(s.n_lines),
                static_cast<unsigned long long>(s.n_records), s.encoding.c_str(), s.format.c_str(),
                s.time_zone.c_str());
    for (const std::string& note : s.notes) std::printf("  note: %s\n", note.c_str());
  }
  std::printf("%llu records in %.2f s, %zu templates, %s to %s\n",
              static_cast<unsigned long long>(all.n_records), seconds, templates.size(),
              app::logs::iso_text(all.first_time).c_str(),
              app::logs::iso_text(all.last_time).c_str());
  std::vector<const app::Template*> most;
  for (const app::Template& t : templates) most.push_back(&t);
  std::stable_sort(most.begin(), most.end(),
                   [](const auto* a, const auto* b) { return a->count > b->count; });
  constexpr size_t n_shown = 20;
  for (size_t i = 0; i < most.size() && i < n_shown; ++i) {
    std::printf("%10llu  %s\n", static_cast<unsigned long long>(most[i]->count),
                most[i]->pattern.substr(0, 160).c_str());
  }
  if (most.size() > n_shown)
    std::printf("%10s  and %zu more templates\n", "", most.size() - n_shown);
  for (size_t i = 0; i < anomalies.size() && i < n_shown; ++i) {
    std::printf("%.2f %s: %s\n", anomalies[i].score, anomalies[i].kind.c_str(),
                anomalies[i].text.c_str());
  }
  return 0;
}

CLI::App* add_reader(CLI::App& group, const char* name, const char* help, Choices& choices) {
  CLI::App* command = group.add_subcommand(name, help);
  command
      ->add_option("PATH", choices.paths,
                   "File, folder, - for standard input, or a .gz, .zst, .tar or .zip of logs")
      ->required();
  command->add_option("--log-format", choices.log_format,
                      "Read the lines as this format (a name in assets/log_formats, or plain) "
                      "instead of detecting it");
  return command;
}

}  // namespace

void add_logs_commands(Program& program) {
  CLI::App* group =
      program.cli.add_subcommand("logs", "What is in a log: templates of its lines, statistics");
  group->require_subcommand(1);

  auto templates = std::make_shared<Choices>();
  CLI::App* list =
      add_reader(*group, "templates",
                 "The template of every line, as CSV: LineId,EventId,EventTemplate", *templates);
  list->add_option("--format", templates->format, "Output format")
      ->check(CLI::IsMember({"csv"}))
      ->default_str("csv");
  list->callback(chosen(program, [templates] { return list_templates(*templates); }));

  auto stats = std::make_shared<Choices>();
  CLI::App* show = add_reader(
      *group, "stats", "Lines, records, format, times, levels, templates, anomalies", *stats);
  show->add_flag("--json", stats->json, "One JSON document");
  show->callback(chosen(program, [stats] { return show_stats(*stats); }));
}

}  // namespace ctl
