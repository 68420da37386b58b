// Log formats that the user teaches: tried on the lines of a source, kept in the data folder.
#include <algorithm>
#include <filesystem>
#include <utility>

#include "app/app_state.h"
#include "app/logs/format.h"
#include "app/system.h"
#include "engine/base/error.h"
#include "engine/base/log.h"

namespace app {
namespace {

constexpr uint64_t tried_lines = 20'000;
constexpr size_t shown_misses = 20, shown_samples = 8;
constexpr size_t most_text_bytes = 1u << 30;

std::string json_text(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\', out += c;
    else if (static_cast<unsigned char>(c) < 0x20) out += engine::format("\\u%04x", static_cast<unsigned>(c));
    else out += c;
  }
  return out + "\"";
}

std::string format_json(const FormatDraft& draft) {
  return "{\n  \"name\": " + json_text(draft.name) + ",\n  \"title\": " + json_text(draft.name + " (taught)") +
         ",\n  \"kind\": \"pattern\",\n  \"patterns\": [\n    " + json_text(draft.pattern) + "\n  ],\n  \"weight\": 1.5,\n  \"samples\": [{\"line\": " + json_text(draft.example) + "}]\n}\n";
}

// A name that is a file name too.
void check_name(const std::string& name) {
  const bool good = !name.empty() && name.size() <= 60 &&
                    std::all_of(name.begin(), name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-'; });
  if (!good) engine::fail(engine::ErrorKind::invalid_input, "\"%s\" cannot name a format; use letters, digits, _ and -", name.c_str());
}

FormatView try_format(const store::LogSnapshot& log, const FormatDraft& draft, std::stop_token stop) {
  FormatView view;
  view.draft = draft;
  logs::FormatSet set;
  FormatDraft named = draft;
  if (named.name.empty()) named.name = "taught";
  set.add_json(format_json(named), named.name + ".json");
  const logs::Format& format = *set.formats().front();
  logs::Fields fields;
  for (size_t chunk = 0; chunk < log.n_chunks() && view.n_lines < tried_lines; ++chunk) {
    if (stop.stop_requested()) engine::fail(engine::ErrorKind::cancelled, "trying the format was cancelled");
    const auto data = log.partial_chunk(chunk, store::column_bit(store::LogColumn::raw) | store::column_bit(store::LogColumn::source_id));
    const columns::Column* raw = &data->columns[static_cast<size_t>(store::LogColumn::raw)];
    const columns::Column* source = &data->columns[static_cast<size_t>(store::LogColumn::source_id)];
    for (size_t row = 0; row < raw->n_rows() && view.n_lines < tried_lines; ++row) {
      if (static_cast<uint32_t>(source->i64(row)) != draft.source) continue;
      std::string_view line = raw->text(row);
      line = line.substr(0, line.find('\n'));
      ++view.n_lines;
      fields.clear();
      if (!format.match(line, fields)) {
        if (view.misses.size() < shown_misses) view.misses.emplace_back(line.substr(0, 300));
        continue;
      }
      ++view.n_matched;
      if (view.samples.size() >= shown_samples) continue;
      FormatView::Sample sample;
      sample.line = line.substr(0, 300);
      sample.time = fields.has_time ? "read" : "";
      sample.level = level_names[static_cast<int>(fields.level)];
      sample.host = fields.host;
      sample.process = fields.process;
      sample.message = fields.message;
      view.samples.push_back(std::move(sample));
    }
  }
  return view;
}

}  // namespace

std::string taught_formats_folder(const std::string& data_folder) { return data_folder + "/log_formats"; }

void add_taught_formats(logs::FormatSet& formats, const std::string& data_folder) {
  std::error_code error;
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(taught_formats_folder(data_folder), error))
    if (entry.path().extension() == ".json") files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  for (const std::string& file : files) {
    try {
      formats.add_json(read_whole_file(file, 1 << 20), file);
    } catch (const engine::Error& e) {
      // One bad file of the user's must not keep the program from starting.
      engine::log_warning("%s", e.what());
    }
  }
}

std::shared_ptr<const FormatView> App::format() const { return state_->get(state_->format_view); }

void App::preview_format(const FormatDraft& draft) {
  State& s = *state_;
  const SessionPtr session = s.current;
  if (!session) return;
  s.jobs->cancel_kind("format");
  s.jobs->start(
      "format", "format", "Trying the format", [&s, session, draft](Job& job) { s.set(s.format_view, try_format(*session->log->snapshot(), draft, job.stop())); },
      [&s, draft](const std::string& error) {
        FormatView view;
        view.draft = draft;
        view.error = error;
        s.set(s.format_view, std::move(view));
      });
}

void App::save_format(const FormatDraft& draft) {
  State& s = *state_;
  FormatView view = *s.get(s.format_view);
  view.draft = draft;
  view.error.clear();
  view.saved.clear();
  try {
    check_name(draft.name);
    const std::string json = format_json(draft);
    // Formats are shared with jobs that read; a new set takes the old one's place for later ones.
    logs::FormatSet formats = logs::FormatSet::load(s.assets_folder + "/log_formats");
    formats.add_json(json, draft.name + ".json");
    const std::string folder = taught_formats_folder(s.data_folder);
    std::filesystem::create_directories(folder);
    const std::string path = folder + "/" + draft.name + ".json";
    write_whole_file(path, json);
    auto next = std::make_shared<logs::FormatSet>(logs::FormatSet::load(s.assets_folder + "/log_formats"));
    add_taught_formats(*next, s.data_folder);
    {
      const std::lock_guard lock(s.view_mutex);
      s.formats = std::move(next);
    }
    view.saved = path;
  } catch (const std::exception& e) {
    view.error = e.what();
  }
  s.set(s.format_view, std::move(view));
}

void App::read_again(uint32_t source) {
  State& s = *state_;
  const SessionPtr from = s.current;
  if (!from) return;
  s.guard("Reading the log again", [&] {
    const auto log = from->log->snapshot();
    std::string name = "log";
    for (const Source& known : log->sources())
      if (known.id == source) name = known.name;
    std::string text;
    for (size_t chunk = 0; chunk < log->n_chunks(); ++chunk) {
      const auto data = log->partial_chunk(chunk, store::column_bit(store::LogColumn::raw) | store::column_bit(store::LogColumn::source_id));
      const columns::Column* raw = &data->columns[static_cast<size_t>(store::LogColumn::raw)];
      const columns::Column* ids = &data->columns[static_cast<size_t>(store::LogColumn::source_id)];
      for (size_t row = 0; row < raw->n_rows(); ++row) {
        if (static_cast<uint32_t>(ids->i64(row)) != source) continue;
        text += raw->text(row);
        text += '\n';
        if (text.size() > most_text_bytes) engine::fail(engine::ErrorKind::invalid_input, "%s is larger than 1 GB; open its file again instead", name.c_str());
      }
    }
    s.new_session(name + " (read again)");
    s.ingest({}, name, std::move(text));
  });
}

}  // namespace app
