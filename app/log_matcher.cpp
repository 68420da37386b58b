#include "app/log_matcher.h"

#include <re2/re2.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "engine/base/error.h"

namespace app {
namespace {

using columns::Chunk;
using columns::Column;
using store::column_bit;
using store::LogColumn;
using Kind = FilterChip::Kind;

std::unique_ptr<RE2> make_regex(const std::string& text) {
  RE2::Options options;
  options.set_case_sensitive(false);
  options.set_log_errors(false);
  auto regex = std::make_unique<RE2>(text, options);
  if (!regex->ok()) {
    engine::fail(engine::ErrorKind::invalid_input,
                 "the regular expression \"%s\" cannot be read: %s near \"%s\"; mend it or search for it as text",
                 text.c_str(), regex->error().c_str(), regex->error_arg().c_str());
  }
  return regex;
}

}  // namespace

LogMatcher::LogMatcher(const FilterChip& chip, const std::vector<Template>& templates) : chip_(chip), text_(chip.value) {
  if (chip.kind == Kind::regex) regex_ = make_regex(chip.value);
  if (chip.kind == Kind::template_id) {
    const std::vector<uint32_t> ids = logs::template_ids_of(chip.value);
    if (ids.empty()) engine::fail(engine::ErrorKind::invalid_input, "\"%s\" is not a template number", chip.value.c_str());
    template_ids_.insert(ids.begin(), ids.end());
  }
  if (chip.kind == Kind::parameter) {
    // "12.0": the template and which of its wildcards.
    unsigned id = 0, parameter = 0;
    if (std::sscanf(chip.name.c_str(), "%u.%u", &id, &parameter) != 2)
      engine::fail(engine::ErrorKind::invalid_input, "\"%s\" does not name a parameter; write it as 12.0", chip.name.c_str());
    // A template that is not there (any more) has no rows.
    if (id < templates.size()) reader_ = std::make_unique<logs::ParameterReader>(templates[id].pattern);
    template_ids_.insert(id);
    parameter_ = parameter;
  }
}

LogMatcher::~LogMatcher() = default;
LogMatcher::LogMatcher(LogMatcher&&) noexcept = default;

LogColumn LogMatcher::text_column() const {
  switch (chip_.kind) {
    case Kind::level: return LogColumn::level;
    case Kind::host: return LogColumn::host;
    case Kind::process: return LogColumn::process;
    case Kind::source: return LogColumn::source;
    default: return LogColumn::raw;
  }
}

store::LogColumnSet LogMatcher::columns() const {
  switch (chip_.kind) {
    case Kind::template_id: return column_bit(LogColumn::template_id);
    case Kind::time_range: return column_bit(LogColumn::timestamp);
    case Kind::field: return column_bit(LogColumn::properties);
    case Kind::parameter: return column_bit(LogColumn::template_id) | column_bit(LogColumn::message);
    default: return column_bit(text_column());
  }
}

std::vector<uint8_t> LogMatcher::match(const Chunk& chunk) const {
  std::vector<uint8_t> hits(chunk.n_rows);
  switch (chip_.kind) {
    case Kind::text:
    case Kind::regex: match_text(column_of(chunk, text_column()), hits); break;
    case Kind::level:
    case Kind::host:
    case Kind::process:
    case Kind::source: match_value(column_of(chunk, text_column()), hits); break;
    case Kind::template_id: {
      const Column& id = column_of(chunk, LogColumn::template_id);
      for (size_t i = 0; i < chunk.n_rows; ++i) hits[i] = !id.is_null(i) && template_ids_.count(static_cast<uint32_t>(id.i64(i))) > 0;
      break;
    }
    case Kind::time_range: {
      const Column& time = column_of(chunk, LogColumn::timestamp);
      for (size_t i = 0; i < chunk.n_rows; ++i) {
        hits[i] = !time.is_null(i) && (chip_.begin == no_time || time.i64(i) >= chip_.begin) &&
                  (chip_.end == no_time || time.i64(i) < chip_.end);
      }
      break;
    }
    case Kind::field: match_field(column_of(chunk, LogColumn::properties), hits); break;
    case Kind::parameter: match_parameter(chunk, hits); break;
  }
  if (chip_.exclude) {
    for (uint8_t& hit : hits) hit = !hit;
  }
  return hits;
}

void LogMatcher::match_text(const Column& raw, std::vector<uint8_t>& hits) const {
  for (size_t i = 0; i < hits.size(); ++i) {
    const std::string_view text = raw.text(i);
    hits[i] = regex_ ? RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *regex_) : text_.in(text);
  }
}

void LogMatcher::match_value(const Column& column, std::vector<uint8_t>& hits) const {
  if (!column.is_dictionary()) {
    for (size_t i = 0; i < hits.size(); ++i) hits[i] = column.text(i) == chip_.value;
    return;
  }
  const std::vector<std::string>& values = column.dictionary()->values;
  std::vector<uint8_t> same(values.size());
  for (size_t v = 0; v < values.size(); ++v) same[v] = values[v] == chip_.value;
  for (size_t i = 0; i < hits.size(); ++i) hits[i] = same[column.codes()[i]];
}

void LogMatcher::match_field(const Column& properties, std::vector<uint8_t>& hits) const {
  const auto holds = [&](std::string_view json) {
    bool found = false;
    logs::each_field(json, [&](std::string_view path, std::string_view value) { found |= path == chip_.name && value == chip_.value; });
    return found;
  };
  if (!properties.is_dictionary()) {
    for (size_t i = 0; i < hits.size(); ++i) hits[i] = !properties.is_null(i) && holds(properties.text(i));
    return;
  }
  const std::vector<std::string>& values = properties.dictionary()->values;
  std::vector<uint8_t> same(values.size());
  for (size_t v = 0; v < values.size(); ++v) same[v] = holds(values[v]);
  for (size_t i = 0; i < hits.size(); ++i) hits[i] = !properties.is_null(i) && same[properties.codes()[i]];
}

void LogMatcher::match_parameter(const Chunk& chunk, std::vector<uint8_t>& hits) const {
  if (!reader_) return;
  const Column& id = column_of(chunk, LogColumn::template_id);
  const Column& message = column_of(chunk, LogColumn::message);
  std::vector<std::string_view> values;
  for (size_t i = 0; i < chunk.n_rows; ++i) {
    if (id.is_null(i) || template_ids_.count(static_cast<uint32_t>(id.i64(i))) == 0) continue;
    hits[i] = reader_->read(logs::template_part(message.text(i)), values) && parameter_ < values.size() && values[parameter_] == chip_.value;
  }
}

// Calls work(i) for i in [0, n) on a few threads; the first exception is thrown on again.
void for_each_chunk(size_t n, std::stop_token stop, const std::function<void(double)>& on_progress,
                    const std::function<void(size_t)>& work) {
  std::atomic<size_t> next = 0, n_done = 0;
  std::exception_ptr error;
  std::mutex error_mutex;
  const auto loop = [&](bool tells) {
    for (size_t i; (i = next++) < n && !stop.stop_requested();) {
      try {
        work(i);
      } catch (...) {
        const std::lock_guard lock(error_mutex);
        if (!error) error = std::current_exception();
        next = n;
      }
      const size_t done = ++n_done;
      if (tells && on_progress) on_progress(static_cast<double>(done) / static_cast<double>(n));
    }
  };
  {
    std::vector<std::jthread> helpers;
    const size_t n_threads = std::min<size_t>({n, std::max(1u, std::thread::hardware_concurrency()), 8});
    for (size_t t = 1; t < n_threads; ++t) helpers.emplace_back([&] { loop(false); });
    loop(true);
  }
  if (error) std::rethrow_exception(error);
  if (stop.stop_requested()) engine::fail(engine::ErrorKind::cancelled, "filtering was cancelled");
}

}  // namespace app
