#include "app/logs/format.h"

#include <doctest/doctest.h>

#include "app/logs/parse.h"
#include "engine/base/error.h"

using namespace app;
using namespace app::logs;

namespace {

const FormatSet& formats() {
  static const FormatSet set = FormatSet::load(SIGMA_ASSETS "/log_formats");
  return set;
}

const Ticks reference = ticks_from_date(2026, 6, 30);

FormatSet set_of(const char* json) {
  FormatSet set;
  set.add_json(json, "test.json");
  return set;
}

std::string error_of(const char* json) {
  try {
    set_of(json);
  } catch (const engine::Error& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("logs/format: every sample of every format file reads as the file says") {
  REQUIRE(formats().formats().size() >= 30);
  for (const auto& format : formats().formats()) {
    for (const Format::Sample& sample : format->samples) {
      CAPTURE(format->name);
      CAPTURE(sample.line);
      Fields fields;
      REQUIRE(format->match(sample.line, fields));
      TimeResolver resolver(reference, 0);
      const Ticks time = fields.has_time ? resolver.resolve(fields.time) : no_time;
      if (!sample.time.empty()) CHECK(iso_text(time) == sample.time);
      if (!sample.host.empty()) CHECK(std::string(fields.host) == sample.host);
      if (!sample.process.empty()) CHECK(std::string(fields.process) == sample.process);
      if (!sample.message.empty()) CHECK(std::string(fields.message) == sample.message);
      if (sample.pid >= 0) CHECK(fields.pid == sample.pid);
    }
  }
}

TEST_CASE(
    "logs/format: a sample alone is detected as its own format and read the same in the end") {
  for (const auto& format : formats().formats()) {
    for (const Format::Sample& sample : format->samples) {
      CAPTURE(format->name);
      CAPTURE(sample.line);
      LogInput input = pasted_text(sample.line + "\n");
      ParseOptions options;
      options.reference_time = reference;
      std::vector<std::string> levels, messages;
      const Source source = parse(input, formats(), options, [&](RecordBatch&& batch) {
        for (const Record& r : batch.records) {
          levels.push_back(level_names[int(r.level)]);
          messages.emplace_back(r.message);
        }
      });
      REQUIRE(levels.size() == 1);
      if (!sample.level.empty()) CHECK(levels[0] == sample.level);
      if (!sample.message.empty()) CHECK(messages[0] == sample.message);
      CHECK(source.format == format->name);
    }
  }
}

TEST_CASE("logs/format: a mistake in a format file is named with file and cause") {
  CHECK(error_of("{").find("test.json") != std::string::npos);
  CHECK(error_of(R"({"name":"x","kind":"regex"})").find("`kind` must be") != std::string::npos);
  CHECK(error_of(
            R"({"name":"x","kind":"pattern","patterns":["{time:moon}"],"samples":[{"line":"a"}]})")
            .find("no such shape of time") != std::string::npos);
  CHECK(
      error_of(R"({"name":"x","kind":"pattern","patterns":["{message"],"samples":[{"line":"a"}]})")
          .find("not closed") != std::string::npos);
  CHECK(error_of(R"({"name":"x","kind":"pattern","patterns":["{message}"]})")
            .find("`samples` is missing") != std::string::npos);
  CHECK_THROWS_AS(FormatSet::load("/nonexistent/folder"), engine::Error);
}

TEST_CASE("logs/format: an optional part that does not fit leaves nothing behind") {
  const FormatSet set = set_of(
      R"({"name":"x","kind":"pattern","patterns":["{process}{?[{pid}]!?}[{n:int}]: {message}"],"samples":[{"line":"a"}]})");
  Fields fields;
  REQUIRE(set.formats()[0]->match("sshd[77]: hello", fields));
  CHECK(fields.pid == -1);
  REQUIRE(fields.extra.size() == 1);
  CHECK(std::string(fields.extra[0].value) == "77");
}

TEST_CASE("logs/format: a hostile line does not make a pattern backtrack for ever") {
  std::string line;
  for (int i = 0; i < 20000; ++i) line += "a:[";
  Fields fields;
  for (const auto& format : formats().formats()) (void)format->match(line, fields);
  CHECK(formats().named("rfc3164") != nullptr);
}

TEST_CASE("logs/format: level words are known in any case, others are not levels") {
  CHECK(level_from_word("WARN") == Level::warning);
  CHECK(level_from_word("Critical") == Level::critical);
  CHECK(level_from_word("hello") == Level::none);
  CHECK(level_from_word("") == Level::none);
}
