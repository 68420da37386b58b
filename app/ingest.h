// app/ingest.h: the way of a log into a store: open, parse, mine templates, append, look for
// anomalies.
//
// The caller's thread reads and parses; a second one mines templates and appends; the store
// compresses on a third. What was appended is readable at once (LogStore::snapshot).
#pragma once
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "app/logs/anomalies.h"
#include "app/logs/parse.h"
#include "app/store/log_store.h"
#include "app/types.h"

namespace app {

struct IngestOptions {
  int utc_offset_minutes = 0;         // of times that carry no zone
  std::string encoding;               // one of iconv's names instead of a guess
  std::string format;                 // a format's name instead of detection
  Ticks reference_time = no_time;     // see logs::ParseOptions
  bool join_lines = true;             // events of several lines are one record
  bool mine_templates = true;
  bool find_anomalies = true;         // needs templates
  logs::InputLimits limits;
  logs::AnomalyOptions anomalies;
};

struct IngestProgress {
  uint64_t n_bytes_done = 0, n_bytes_total = 0;  // of the files as they lie; total 0: not known
  uint64_t n_lines = 0, n_records = 0;
  std::string source;                            // what is being read now
};

struct IngestSummary {
  std::vector<uint32_t> sources;      // their ids in the store, in order
  RowId first_row = 0;                // of this ingest; it has n_records
  uint64_t n_records = 0, n_lines = 0, n_bytes = 0;  // bytes of text, decompressed
  size_t n_templates = 0;             // of the whole store
  double seconds = 0;
  bool cancelled = false;             // what was read until then is in the store, and its source says so
  std::vector<Anomaly> anomalies;     // of this ingest
  std::vector<std::string> notes;     // what was assumed, cut, skipped or could not be read
};

// Called on the calling thread, some times a second.
using OnIngestProgress = std::function<void(const IngestProgress&)>;

// Reads files, folders, archives and "-" (standard input). A path that cannot be read becomes a note
// where others could be; where nothing could, its Error is thrown. A stop request ends it within a
// batch, with `cancelled` set. Throws Error{io} where the store cannot be written.
IngestSummary ingest(store::LogStore& store, const std::vector<std::string>& paths,
                     const logs::FormatSet& formats, const IngestOptions& options = {},
                     const OnIngestProgress& on_progress = {}, std::stop_token stop = {});

// The same for a pasted text.
IngestSummary ingest_text(store::LogStore& store, std::string text, const std::string& name,
                          const logs::FormatSet& formats, const IngestOptions& options = {},
                          const OnIngestProgress& on_progress = {}, std::stop_token stop = {});

}  // namespace app
