// tests/app/diagnosis/memory_log.h: logs for tests, without files and formats.
#pragma once
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/diagnosis/checks.h"
#include "app/store/log_store.h"
#include "engine/base/text.h"

namespace app::diagnosis {

// A level named at the start of a line counts: "ERROR ...". Lines get a second each when timed.
inline Level level_at_start(std::string_view line) {
  for (int i = 1; i < n_levels; i++)
    if (line.starts_with(level_names[i])) return static_cast<Level>(i);
  return Level::none;
}

using File = std::pair<std::string, std::string>;  // name, text

inline std::shared_ptr<const store::LogSnapshot> log_of(const std::vector<File>& files, bool timed = false) {
  auto store = store::make_memory_log_store();
  for (const auto& [name, text] : files) {
    Source source;
    source.name = source.path = name;
    uint32_t id = store->add_source(source);
    std::vector<Record> records;
    uint64_t number = 0;
    for (std::string_view line : engine::split(text, '\n')) {
      Record record;
      record.source = id;
      record.line = ++number;
      record.raw = record.message = line;
      record.level = level_at_start(line);
      if (timed) record.time = unix_epoch_ticks + static_cast<Ticks>(number) * ticks_per_second;
      records.push_back(record);
    }
    source.id = id;
    source.n_records = source.n_lines = number;
    source.n_bytes = text.size();
    store->update_source(source);
    store->append(records);
  }
  store->flush();
  return store->snapshot();
}

inline const CheckSet& bundled_checks() {
  static const CheckSet checks = CheckSet::load(SIGMA_ASSETS "/checks");
  return checks;
}

inline std::vector<Finding> findings_of(const std::vector<File>& files, const std::string& question = "", bool timed = false) {
  CheckOptions options;
  options.question = question;
  options.n_threads = 1;
  return run_checks(*log_of(files, timed), {}, bundled_checks(), options).findings;
}

inline const Finding* find_check(const std::vector<Finding>& findings, const std::string& check) {
  for (const Finding& finding : findings)
    if (finding.check == check) return &finding;
  return nullptr;
}

}  // namespace app::diagnosis
