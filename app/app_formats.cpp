// Log formats that the user teaches: tried on the lines of a source, kept in the data folder.
#include <algorithm>
#include <ctime>
#include <filesystem>
#include <optional>
#include <utility>

#include "app/app_state.h"
#include "app/logs/format.h"
#include "app/logs/input.h"
#include "app/system.h"
#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/base/text.h"

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
         ",\n  \"kind\": \"pattern\",\n  \"patterns\": [\n    " + json_text(draft.pattern) + "\n  ],\n" +
         (draft.time_zone.empty() ? "" : "  \"time_zone\": " + json_text(draft.time_zone) + ",\n") + (draft.year == 0 ? "" : "  \"year\": " + std::to_string(draft.year) + ",\n") +
         "  \"weight\": 1.5,\n  \"samples\": [{\"line\": " + json_text(draft.example) + "}]\n}\n";
}

// A name that is a file name too.
void check_name(const std::string& name) {
  const bool good = !name.empty() && name.size() <= 60 &&
                    std::all_of(name.begin(), name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-'; });
  if (!good) engine::fail(engine::ErrorKind::invalid_input, "\"%s\" cannot name a format; use letters, digits, _ and -", name.c_str());
}

// utc_offset_minutes: of times without a zone, where the draft says none.
FormatView try_format(const store::LogSnapshot& log, const FormatDraft& draft, int utc_offset_minutes, std::stop_token stop) {
  FormatView view;
  view.draft = draft;
  logs::FormatSet set;
  FormatDraft named = draft;
  if (named.name.empty()) named.name = "taught";
  set.add_json(format_json(named), named.name + ".json");
  const logs::Format& format = *set.formats().front();
  logs::Fields fields;
  // What reading the log again would make of its times.
  Ticks reference = no_time;
  for (const Source& source : log.sources())
    if (source.id == draft.source) reference = source.last_time;
  if (reference == no_time) reference = unix_epoch_ticks + static_cast<Ticks>(std::time(nullptr)) * ticks_per_second;
  if (format.year != 0) reference = logs::ticks_from_date(format.year + 1, 1, 1) - 1;
  logs::TimeResolver times(reference, format.utc_offset_minutes.value_or(utc_offset_minutes));
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
      if (fields.has_time) sample.time = logs::iso_text(times.resolve(fields.time));
      sample.level = level_names[static_cast<int>(fields.level)];
      sample.host = fields.host;
      sample.process = fields.process;
      sample.message = fields.message;
      view.samples.push_back(std::move(sample));
    }
  }
  return view;
}

// The source, whose file can be read again.
Source source_of(const store::LogSnapshot& log, uint32_t id) {
  for (const Source& source : log.sources()) {
    if (source.id != id) continue;
    if (source.kind == "file") return source;
    engine::fail(engine::ErrorKind::invalid_input, "%s is no file of its own, so its bytes cannot be read again; save it as a file and open that", source.name.c_str());
  }
  engine::fail(engine::ErrorKind::not_found, "there is no source %u in this session", id);
}

// Lines with bytes beyond ASCII from the source's file.
std::string sample_of(const Source& source, std::stop_token stop) {
  constexpr uint64_t most_read = 64u << 20;
  constexpr size_t most_kept = 256u << 10;
  logs::InputList inputs({source.path});
  std::optional<logs::LogInput> input = inputs.next();
  if (!input) engine::fail(engine::ErrorKind::not_found, "%s: nothing to read is there any more", source.path.c_str());
  std::string sample, carry;
  std::vector<char> block(1 << 20);
  for (uint64_t n_read = 0; n_read < most_read && sample.size() < most_kept;) {
    if (stop.stop_requested()) engine::fail(engine::ErrorKind::cancelled, "guessing was cancelled");
    const size_t n = input->stream->read(block.data(), block.size());
    n_read += n;
    carry.append(block.data(), n);
    const size_t end = n == 0 ? carry.size() : carry.rfind('\n') + 1;   // npos + 1 is 0: no whole line yet
    for (const std::string_view line : engine::split(std::string_view(carry).substr(0, end), '\n')) {
      if (std::all_of(line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; })) continue;
      sample += line;
      sample += '\n';
      if (sample.size() >= most_kept) break;
    }
    if (n == 0) break;
    carry.erase(0, end);
    if (carry.size() > most_kept) carry.clear();   // one endless line
  }
  return sample;
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

std::shared_ptr<const EncodingView> App::encodings() const { return state_->get(state_->encoding_view); }

void App::guess_encodings(uint32_t source) {
  State& s = *state_;
  const SessionPtr session = s.current;
  if (!session) return;
  EncodingView begun;
  begun.source = source;
  begun.running = true;
  s.set(s.encoding_view, EncodingView(begun));
  begun.running = false;
  s.jobs->cancel_kind("encoding");
  s.jobs->start(
      "format", "encoding", "Guessing the encoding",
      [&s, session, begun](Job& job) {
        EncodingView view = begun;
        view.guesses = logs::guess_encodings(sample_of(source_of(*session->log->snapshot(), begun.source), job.stop()));
        if (view.guesses.empty()) view.error = "Its first 64 MB hold no bytes that another encoding would show differently.";
        s.set(s.encoding_view, std::move(view));
      },
      [&s, begun](const std::string& error) {
        EncodingView view = begun;
        view.error = error;
        s.set(s.encoding_view, std::move(view));
      });
}

void App::read_as(uint32_t source, const std::string& encoding) {
  State& s = *state_;
  const SessionPtr from = s.current;
  if (!from) return;
  s.guard("Reading the log again", [&] {
    const Source known = source_of(*from->log->snapshot(), source);
    s.new_session(known.name + " (" + encoding + ")");
    s.ingest({known.path}, {}, {}, {}, encoding);
  });
}

std::shared_ptr<const FormatView> App::format() const { return state_->get(state_->format_view); }

void App::preview_format(const FormatDraft& draft) {
  State& s = *state_;
  const SessionPtr session = s.current;
  if (!session) return;
  s.jobs->cancel_kind("format");
  s.jobs->start(
      "format", "format", "Trying the format", [&s, session, draft, offset = utc_offset_minutes(s.settings.time_zone)](Job& job) { s.set(s.format_view, try_format(*session->log->snapshot(), draft, offset, job.stop())); },
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
