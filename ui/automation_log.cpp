#include "ui/automation_log.h"

#include <cerrno>
#include <cstring>
#include <set>

#include "engine/base/error.h"
#include "engine/base/text.h"

namespace ui {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text.substr(0, 300)) {
    if (c == '"' || c == '\\') out += '\\', out += c;
    else if (static_cast<unsigned char>(c) < 0x20) out += engine::format("\\u%04x", unsigned(c));
    else out += c;
  }
  // The cut may have gone through a character.
  while (!engine::is_valid_utf8(out)) out.pop_back();
  return out + "\"";
}

const char* const screen_names[n_screens] = {"incident", "logs", "kql", "configs", "tasks", "models", "settings", "connections"};

// Kinds that a driver clicks or reads; the rest (every line, every status field) would drown them.
const std::set<std::string> listed_kinds = {"citation", "finding_line", "evidence_line", "finding", "tab", "question", "toast", "showing",
                                            "filter_chip", "config_finding", "config_line", "result_facts", "claims", "session", "fit",
                                            "button", "palette_hit", "histogram", "editor"};

}  // namespace

AutomationLog::AutomationLog(const std::string& path, std::chrono::steady_clock::time_point started)
    : file_(std::fopen(path.c_str(), "w")), started_(started) {
  if (file_ == nullptr)
    engine::fail(engine::ErrorKind::io, "%s: cannot be written: %s; choose another file for --automation-log", path.c_str(), std::strerror(errno));
}

AutomationLog::~AutomationLog() { std::fclose(file_); }

uint64_t AutomationLog::ms() const {
  return uint64_t(std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - started_).count());
}

void AutomationLog::event(const char* name) {
  std::fprintf(file_, "{\"ms\":%llu,\"event\":\"%s\"}\n", static_cast<unsigned long long>(ms()), name);
  std::fflush(file_);
}

void AutomationLog::state(Shell& shell, uint64_t frame) {
  std::string now = state_json(shell);
  if (now == last_) return;
  std::fprintf(file_, "{\"ms\":%llu,\"event\":\"state\",\"frame\":%llu,%s}\n", static_cast<unsigned long long>(ms()),
               static_cast<unsigned long long>(frame), now.c_str());
  std::fflush(file_);
  last_ = std::move(now);
}

std::string state_json(Shell& shell) {
  const auto incident = shell.app.incident();
  const auto logs = shell.app.logs();
  const auto status = shell.app.status();
  std::string out = engine::format("\"screen\":\"%s\",\"session\":%lld,\"title\":", screen_names[int(shell.screen)],
                                   static_cast<long long>(incident->session)) + quoted(incident->title);
  out += engine::format(",\"records\":%llu,\"listed\":%llu", static_cast<unsigned long long>(incident->log->n_rows()),
                        static_cast<unsigned long long>(logs->n_shown()));
  out += ",\"findings\":[";
  for (size_t i = 0; i < incident->findings.size(); ++i) out += (i == 0 ? "" : ",") + quoted(incident->findings[i].title);
  size_t n_answers = 0;
  std::string claims;
  for (const app::Message& message : incident->messages)
    if (message.answer) {
      ++n_answers;
      claims = engine::format("%d of %d", message.answer->n_supported, message.answer->n_claims);
    }
  size_t n_running = 0;
  for (const app::JobView& job : status->jobs) n_running += job.running ? 1 : 0;
  out += engine::format("],\"answers\":%zu,\"claims\":\"%s\",\"answering\":%s,\"running_jobs\":%zu", n_answers, claims.c_str(),
                        incident->answering ? "true" : "false", n_running);
  const auto line = [&](const char* name, app::RowId row) {
    const auto read = row == app::no_row ? std::nullopt : shell.logs.cache.row(row);
    out += engine::format(",\"%s_line\":%llu,\"%s_text\":", name, static_cast<unsigned long long>(read ? read->line : 0), name) +
           quoted(read ? read->raw : std::string_view());
  };
  app::RowId selected = app::no_row;
  const LineListState& list = shell.logs.list;
  if (list.has_selection && list.session == incident->session && list.selected < logs->n_shown())
    selected = logs->rows ? (*logs->rows)[list.selected] : app::RowId(list.selected);
  line("selected", selected);
  line("flashed", shell.ui.flash_share(shell.ui.flashed_row) > 0 ? shell.ui.flashed_row : app::no_row);
  out += ",\"model\":" + quoted(status->model) + ",\"items\":[";
  bool first = true;
  for (const Probe& probe : shell.ui.probes) {
    if (listed_kinds.count(probe.kind) == 0) continue;
    out += std::string(first ? "" : ",") + "{\"kind\":" + quoted(probe.kind) + ",\"text\":" + quoted(probe.text) +
           engine::format(",\"x\":%.0f,\"y\":%.0f", double(probe.min.x + probe.max.x) / 2, double(probe.min.y + probe.max.y) / 2);
    if (probe.row != app::no_row) out += engine::format(",\"row\":%llu", static_cast<unsigned long long>(probe.row));
    out += "}";
    first = false;
  }
  return out + "]";
}

}  // namespace ui
