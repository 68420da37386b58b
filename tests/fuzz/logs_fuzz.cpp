// Any bytes as a log: every way in (paste, file with archive detection), parse, templates. What
// comes out must be valid UTF-8, in line order, and account for every line.
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "app/logs/parse.h"
#include "app/logs/templates.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

using namespace app;
using namespace app::logs;

namespace {

const FormatSet& formats() {
  static const FormatSet set = FormatSet::load(SIGMA_ASSETS "/log_formats");
  return set;
}

void check(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

void read(LogInput input) {
  ParseOptions options;
  options.reference_time = ticks_from_date(2026, 6, 30);
  options.batch_records = 5;
  options.max_bytes_of_line = 4096;
  TemplateMiner miner(MinerOptions{.learn_records = 20});
  uint64_t last_line = 0, n_records = 0;
  const auto look = [&](RecordBatch&& batch) {
    for (const Record& r : batch.records) {
      check(r.line >= last_line, "lines rise");
      last_line = r.line;
      ++n_records;
      check(engine::is_valid_utf8(r.raw), "raw is UTF-8");
      check(engine::is_valid_utf8(r.message), "message is UTF-8");
      check(engine::is_valid_utf8(r.properties), "properties are UTF-8");
      check(r.template_id != no_template, "every record has a template");
    }
  };
  const Source source = parse(input, formats(), options,
                              [&](RecordBatch&& batch) { miner.add(std::move(batch), look); });
  miner.flush(look);
  check(source.n_records == n_records, "records are counted");
  uint64_t n_mined = 0;
  for (const Template& t : miner.templates()) n_mined += t.count;
  check(n_mined == n_records, "templates add up");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  read(pasted_text(bytes));

  char path[] = "/tmp/sigma_logs_fuzz_XXXXXX";
  const int fd = ::mkstemp(path);
  if (fd < 0) return 0;
  const bool written = ::write(fd, data, size) == ssize_t(size);
  ::close(fd);
  try {
    InputLimits limits;
    limits.max_expanded_bytes = 1 << 20;
    InputList list({path}, limits);
    while (std::optional<LogInput> input = list.next()) {
      if (written) read(std::move(*input));
    }
  } catch (const engine::Error& e) {
    check(e.kind() != engine::ErrorKind::internal, e.what());
  }
  ::unlink(path);
  return 0;
}
