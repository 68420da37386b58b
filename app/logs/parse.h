// app/logs/parse.h: one input to batches of records.
//
// Detects encoding and format from a sample spread over the input, reads line by line, joins the
// lines of one event (stack traces, indented text) and gives each its time, level and fields. Lines
// that fit no format become records too, by line order.
#pragma once
#include <functional>
#include <stop_token>
#include <string>

#include "app/logs/format.h"
#include "app/logs/input.h"
#include "app/types.h"

namespace app::logs {

struct ParseOptions {
  int utc_offset_minutes = 0;      // of times that carry no zone
  Ticks reference_time = no_time;  // when the log ended; no_time: the file's time, else now
  uint32_t source_id = 0;          // put into every record
  std::string encoding;            // one of iconv's names instead of a guess (transcode.h)
  std::string format;              // a format's name instead of detection; "plain": none
  bool join_lines = true;          // events of several lines are one record
  size_t batch_records = 8192;
  uint32_t max_lines_of_record = 1000;  // longer events are cut into several records, and said
  size_t max_bytes_of_record = 1 << 20;
  size_t max_bytes_of_line = 64 << 20;  // longer lines are cut into several records, and said
};

struct ParseProgress {
  uint64_t n_bytes_done = 0, n_bytes_total = 0;  // of the outer file; total 0: not known
  uint64_t n_lines = 0, n_records = 0;
};

using OnBatch = std::function<void(RecordBatch&&)>;
using OnProgress = std::function<void(const ParseProgress&)>;

// Reads input to its end and returns its Source (id = options.source_id, counts, encoding, format,
// notes). Batches come in line order on the calling thread, at most batch_records records each.
// Throws Error{io}; Error{cancelled} where stop is requested (batches given so far stay valid);
// Error{invalid_input} where options.format is not in formats or options.encoding is not known.
Source parse(LogInput& input, const FormatSet& formats, const ParseOptions& options,
             const OnBatch& on_batch, const OnProgress& on_progress = {},
             std::stop_token stop = {});

}  // namespace app::logs
