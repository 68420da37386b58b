#include "app/configs/review.h"

#include <algorithm>

#include "app/configs/kinds.h"
#include "app/configs/rule_book.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::configs {
namespace {

constexpr size_t max_file_bytes = 16u << 20;  // a manifest of 16 MB is a mistake or an attack

struct KindReview {
  const char* kind;
  void (*text)(std::string_view text, Report& report);  // one of the three
  void (*yaml)(std::vector<YamlFile>& files) = nullptr;
  void (*texts)(std::vector<TextFile>& files) = nullptr;
};
constexpr KindReview kind_reviews[] = {
    {"kubernetes", nullptr, review_kubernetes},
    {"nginx", review_nginx},
    {"dockerfile", review_dockerfile},
    {"docker-compose", nullptr, review_docker_compose},
    {"systemd-unit", nullptr, nullptr, review_systemd_units},
    {"prometheus-rules", nullptr, review_prometheus_rules},
    {"terraform", nullptr, nullptr, review_terraform_files},
};

const KindReview& find_kind(const std::string& kind) {
  for (const KindReview& each : kind_reviews) {
    if (kind == each.kind) return each;
  }
  std::string known;
  for (const KindReview& each : kind_reviews)
    known += std::string(known.empty() ? "" : ", ") + each.kind;
  engine::fail(engine::ErrorKind::invalid_input, "config kind \"%s\" is not known; use one of %s",
               kind.c_str(), known.c_str());
}

// What makes a text unreadable before any parser sees it.
std::optional<ParseError> unreadable(std::string_view text) {
  if (text.size() > max_file_bytes) {
    return ParseError{1, 1,
                      engine::format("the file has %zu bytes; files above %zu are not reviewed",
                                     text.size(), max_file_bytes)};
  }
  int line = 1, column = 1;
  for (size_t i = 0; i < text.size();) {
    const size_t start = i;
    const char32_t c = engine::decode_utf8(text, i);
    const bool malformed = c == engine::replacement_character && i == start + 1;
    if (malformed || c == 0) {
      return ParseError{
          line, column,
          engine::format("byte 0x%02x at offset %zu is not text in UTF-8; save the file as UTF-8",
                         static_cast<unsigned char>(text[start]), start)};
    }
    if (c == '\n')
      ++line, column = 1;
    else
      ++column;
  }
  return std::nullopt;
}

struct Job {
  std::string_view text;
  Report report;
  const KindReview* kind = nullptr;
  bool done = false;
};

// Helm charts and Jinja templates turn into configuration only when they are rendered.
bool is_template(std::string_view text) {
  return text.find("{%") != text.npos || text.find("{{-") != text.npos ||
         text.find("{{ .") != text.npos || text.find("{{ include") != text.npos ||
         (text.find("{{ ") != text.npos && text.find(" }}") != text.npos);
}

void report_error(Report& report, const ParseError& error, std::string_view text) {
  std::string message = error.message;
  if (is_template(text))
    message =
        "this is a template; render it first, with helm template for example (" + message + ")";
  report.add(report.kind() + "/cannot-parse", error.line, error.column, "", message);
}

void review_yaml_kind(std::vector<Job>& jobs, const KindReview& kind) {
  std::vector<YamlFile> files;
  for (Job& job : jobs) {
    if (job.kind != &kind || job.done) continue;
    YamlFile file;
    file.yaml = read_yaml(job.text);
    file.report = &job.report;
    if (file.yaml.error) report_error(job.report, *file.yaml.error, job.text);
    files.push_back(std::move(file));
  }
  if (!files.empty()) kind.yaml(files);
}

}  // namespace

const std::vector<std::string>& kind_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const KindReview& each : kind_reviews) all.emplace_back(each.kind);
    return all;
  }();
  return names;
}

std::vector<ReviewResult> review_together(const std::vector<File>& files) {
  std::vector<Job> jobs;
  for (const File& file : files) {
    const std::string kind = file.kind.empty() ? detect_kind(file.name, file.text) : file.kind;
    std::string_view text = file.text;
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // byte order mark
    Job job{text, Report(file.name, kind), nullptr, false};
    if (kind.empty()) {
      job.report.note("No reviewer fits this file; name its kind to review it anyway.");
      job.done = true;
    } else {
      job.kind = &find_kind(kind);
      if (const auto error = unreadable(job.text)) {
        report_error(job.report, *error, "");
        job.done = true;
      }
    }
    jobs.push_back(std::move(job));
  }
  for (const KindReview& kind : kind_reviews) {
    if (kind.yaml) {
      review_yaml_kind(jobs, kind);
      continue;
    }
    std::vector<TextFile> texts;
    for (Job& job : jobs) {
      if (job.kind == &kind && !job.done) texts.push_back({job.text, &job.report});
    }
    if (kind.texts) {
      kind.texts(texts);
    } else {
      for (TextFile& file : texts) kind.text(file.text, *file.report);
    }
  }
  std::vector<ReviewResult> results;
  for (Job& job : jobs) results.push_back(job.report.take());
  return results;
}

ReviewResult review(const std::string& file_name, std::string_view text, const std::string& kind) {
  return review_together({{file_name, std::string(text), kind}}).front();
}

}  // namespace app::configs
