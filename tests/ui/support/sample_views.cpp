// The views of a session with everything in it, for drawing panels in their full state.
#include <map>

#include "engine/base/error.h"
#include "tests/ui/support/fake_app.h"

namespace ui_test {
namespace {

using namespace app;

// 2026-03-14 09:00:00 UTC.
constexpr Ticks start = unix_epoch_ticks + 1'773'478'800LL * ticks_per_second;
constexpr size_t disk_full_row = 240;

struct Line {
  Level level;
  const char* process;
  std::string message;
  uint32_t template_id;
};

Line line_at(size_t row) {
  if (row == disk_full_row || (row > disk_full_row && row % 37 == 0))
    return {Level::error, "postgres", "could not write to file \"base/16384/2619\": No space left on device", 2};
  if (row > disk_full_row && row % 53 == 0) return {Level::critical, "postgres", "database system is shut down", 3};
  if (row % 41 == 0) return {Level::warning, "nginx", engine::format("upstream timed out after %zu ms while reading", row % 5000), 1};
  if (row % 97 == 0) return {Level::error, "worker", "Traceback (most recent call last):\n  File \"worker.py\", line 12, in run\n    save(batch)\nOSError: [Errno 28] No space left on device", 4};
  if (row % 19 == 0) return {Level::debug, "cache", engine::format("evicted %zu keys", row % 300), 5};
  return {Level::info, "api", engine::format("GET /orders/%zu 200 %zu ms", row * 7 % 10000, row % 130), 0};
}

std::string raw_of(const Line& line, Ticks time) {
  const int64_t ms = (time - unix_epoch_ticks) / 10'000;
  const int64_t s = ms / 1000 % 86400;
  return engine::format("2026-03-14 %02d:%02d:%02d.%03d %s %s: ", int(s / 3600), int(s / 60 % 60), int(s % 60), int(ms % 1000),
                        level_names[int(line.level)], line.process) + line.message;
}

LineRef ref_of(const store::LogSnapshot& log, RowId row) { return log.line_ref(row); }

std::vector<Template> templates_of(size_t n_rows) {
  const char* patterns[] = {"GET /orders/<*> 200 <*> ms", "upstream timed out after <*> ms while reading",
                            "could not write to file <*>: No space left on device", "database system is shut down",
                            "Traceback (most recent call last):", "evicted <*> keys"};
  std::vector<Template> out(6);
  for (uint32_t t = 0; t < 6; ++t) {
    out[t].id = t;
    out[t].pattern = patterns[t];
    out[t].timeline.assign(64, 0);
  }
  for (size_t row = 0; row < n_rows; ++row) {
    const Line line = line_at(row);
    Template& t = out[line.template_id];
    ++t.count;
    ++t.by_level[int(line.level)];
    if (t.first_row == no_row) t.first_row = row;
    t.last_row = row;
    ++t.timeline[row * 64 / n_rows];
  }
  return out;
}

logs::Histogram histogram_of(size_t n_rows) {
  logs::Histogram h;
  h.begin = start;
  h.bucket_ticks = 10 * ticks_per_second;
  h.buckets.resize(120);
  for (size_t row = 0; row < n_rows; ++row) {
    const size_t bucket = row * h.buckets.size() / n_rows;
    if (bucket > 70 && bucket < 88) continue;   // an outage
    ++h.buckets[bucket][size_t(line_at(row).level)];
    ++h.n_records;
  }
  return h;
}

void fill_incident(IncidentView& view, const store::LogSnapshot& log) {
  view.title = "Disk full on db-2";
  Finding disk;
  disk.id = 1;
  disk.check = "disk_full";
  disk.title = "Disk full: writes fail with \"No space left on device\"";
  disk.cause = "The file system that holds base/16384 has no free blocks, so PostgreSQL cannot extend a table and stops.";
  disk.severity = Severity::critical;
  disk.score = 0.97;
  disk.n_matches = 31;
  disk.first_time = start + 240 * ticks_per_second;
  disk.last_time = start + 900 * ticks_per_second;
  disk.evidence = {ref_of(log, disk_full_row), ref_of(log, 259), ref_of(log, 265), ref_of(log, 296)};
  disk.next_steps = {{"See which file system is full", "df -h /var/lib/postgresql", false},
                     {"Free space held by old logs", "journalctl --vacuum-size=500M", true}};
  Finding timeout;
  timeout.id = 2;
  timeout.title = "Upstream time-outs in nginx";
  timeout.cause = "Requests wait for the stopped database.";
  timeout.severity = Severity::warning;
  timeout.n_matches = 18;
  timeout.evidence = {ref_of(log, 41)};
  view.findings = {disk, timeout};
  view.checks = {{"disk_full", "Disk full", "Lines with ENOSPC or its text, grouped by device.", 31},
                 {"oom_killer", "Out of memory", "The kernel's OOM report with victim and score.", 0},
                 {"cert_expired", "Certificate expired", "TLS errors that name an expired or not yet valid certificate.", 0}};
  view.evidence = {{"E1", "finding disk_full", 0.97, {ref_of(log, disk_full_row), ref_of(log, 259)}},
                   {"E2", "matches the question", 0.5, {ref_of(log, 41)}}};
  Message question;
  question.id = 1;
  question.role = "user";
  question.text = "What broke, and why do the orders time out?";
  question.time = start;
  Message reply;
  reply.id = 2;
  reply.role = "assistant";
  Answer answer;
  answer.text =
      "**Summary.** The disk of db-2 is full. PostgreSQL could not write to base/16384/2619 [E1].\n"
      "- nginx then timed out while it read from the upstream [E2].\n"
      "- A backup filled the disk at 08:55 [E7].\n"
      "Run `df -h` first.";
  const auto claim = [&](const char* part, const char* evidence, CitationState state, RowId row) {
    Citation c;
    c.begin = answer.text.find(part);
    c.end = answer.text.find(']', c.begin) + 1;
    c.evidence_id = evidence;
    c.state = state;
    if (state != CitationState::not_found) c.line = ref_of(log, row);
    return c;
  };
  answer.citations = {claim("PostgreSQL", "E1", CitationState::matched, disk_full_row), claim("nginx", "E2", CitationState::moved, 41),
                      claim("A backup", "E7", CitationState::not_found, 0)};
  answer.n_claims = 3;
  answer.n_supported = 2;
  answer.from_model = true;
  answer.model = "SmolLM2-135M-Instruct Q4_1";
  answer.stop_reason = "end_of_text";
  answer.prompt_tokens = 812;
  answer.generated_tokens = 96;
  answer.first_token_ms = 640;
  answer.tokens_per_second = 41.5;
  answer.left_out = {"12 lines of E1: over the token budget"};
  reply.answer = answer;
  view.messages = {question, reply};
}

void fill_kql(KqlView& view) {
  columns::Column level(columns::Type::string), count(columns::Type::int64), first(columns::Type::datetime);
  for (const auto& [name, n] : std::map<std::string, int64_t>{{"CRITICAL", 5}, {"ERROR", 31}, {"INFO", 2210}, {"WARN", 18}}) {
    level.push_text(name);
    count.push_i64(n);
    n == 5 ? first.push_null() : first.push_i64(start + n * ticks_per_second);
  }
  auto chunk = std::make_shared<columns::Chunk>();
  chunk->columns = {level, count, first};
  chunk->n_rows = 4;
  auto table = std::make_shared<kql::ResultTable>();
  table->columns = {{"Level", columns::Type::string}, {"count_", columns::Type::int64}, {"First", columns::Type::datetime}};
  table->chunks = {chunk};
  table->n_rows = 4;
  table->seconds = 0.012;
  view.text = "Logs\n| where Message has \"space\"  // what is full\n| summarize count() by Level";
  view.result = table;
  view.history = {{1, view.text, start, 4, 0.012, ""}, {2, "Logs | tke 3", start, 0, 0, "there is no operator tke"}};
  view.tables = {{"Findings", {{"Title", columns::Type::string}}},
                 {"Logs", {{"Timestamp", columns::Type::datetime}, {"Level", columns::Type::string}, {"Message", columns::Type::string}}}};
}

void fill_rest(FakeApp& fake) {
  ConfigReview review;
  review.id = 1;
  review.file = "deploy.yaml";
  review.kind = "kubernetes";
  review.text = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  template:\n    spec:\n      containers:\n"
                "        - name: app\n          image: web:latest\n          securityContext:\n            privileged: true\n";
  ConfigFinding privileged;
  privileged.file = review.file;
  privileged.line = 12;
  privileged.rule = "k8s/privileged-container";
  privileged.severity = Severity::error;
  privileged.message = "The container runs privileged: a break-out owns the node";
  privileged.fix = "Remove privileged: true and add only the capabilities that are needed";
  privileged.subject = "Deployment/web container app";
  ConfigFinding tag = privileged;
  tag.line = 10;
  tag.rule = "k8s/latest-tag";
  tag.severity = Severity::warning;
  tag.message = "The image has no fixed version";
  tag.fix = "Name a version or a digest";
  review.findings = {tag, privileged};
  fake.configs.reviews = {review};

  fake.tasks.cards = {{"cmdgen", "CMDGen: commands from words", "JSON lines with id, instruction and command"}};
  store::TaskRun run;
  run.id = 9;
  run.task = "cmdgen";
  run.dataset = "pairs.jsonl";
  run.model = "predictions answers.jsonl";
  run.state = "done";
  run.n_samples = run.n_done = 2;
  run.metrics = "{\"exact_match\": 0.5}";
  run.started = start;
  fake.tasks.runs = {run};
  fake.tasks.shown = std::make_shared<const store::TaskRun>(run);
  store::TaskSample good, bad;
  good.input = "list pods in all namespaces";
  good.expected = good.output = "kubectl get pods -A";
  good.score = 1;
  bad.number = 1;
  bad.input = "show free disk space";
  bad.expected = "df -h";
  bad.output = "du -sh";
  bad.failure = "other command";
  fake.tasks.samples = std::make_shared<const std::vector<store::TaskSample>>(std::vector<store::TaskSample>{good, bad});

  ModelInfo model;
  model.path = "models/small.gguf";
  model.name = "SmolLM2-135M-Instruct";
  model.architecture = "llama";
  model.weight_type = "Q4_1";
  model.licence = "Apache-2.0";
  model.n_bytes = model.weights_bytes = 98'000'000;
  model.n_parameters = 134'500'000;
  model.n_ctx_trained = 8192;
  model.kv_bytes_per_token = 23'040;
  model.work_bytes = 40'000'000;
  ModelInfo large = model;
  large.path = "models/large.gguf";
  large.name = "Large";
  large.weights_bytes = large.n_bytes = 90'000'000'000;
  ModelInfo broken;
  broken.path = "models/cut.gguf";
  broken.name = "cut.gguf";
  broken.error = "cut.gguf: tensor blk.3.attn_k ends at byte 812345 but the file has 800000; fetch it again";
  fake.models.models = {model, large, broken};
  fake.models.loaded_path = model.path;
  fake.models.free_memory_bytes = 12'000'000'000;
  fake.models.folder = "models";
  fake.models.n_ctx = 4096;

  fake.status.model = "SmolLM2-135M-Instruct Q4_1";
  fake.status.device = "CPU, 8 threads";
  fake.status.context_used = 908;
  fake.status.context_total = 4096;
  fake.status.tokens_per_second = 41.5;
  fake.status.first_token_ms = 640;
  fake.status.free_memory_bytes = 12'000'000'000;

  SessionInfo today;
  today.id = 1;
  today.title = "Disk full on db-2";
  today.created = today.changed = start + 3600 * ticks_per_second;
  today.n_records = 2400;
  today.n_findings = 2;
  today.n_messages = 2;
  today.worst = Severity::critical;
  SessionInfo yesterday = today;
  yesterday.id = 2;
  yesterday.title = "Login failures after the certificate change on the edge proxies";
  yesterday.changed = start - 20 * 3600 * ticks_per_second;
  yesterday.worst = Severity::warning;
  yesterday.pinned = true;
  SessionInfo old = yesterday;
  old.id = 3;
  old.pinned = false;
  old.title = "New incident";
  old.n_findings = old.n_records = 0;
  fake.sessions.sessions = {yesterday, today, old};
  fake.sessions.current = 1;
}

}  // namespace

std::shared_ptr<const store::LogSnapshot> sample_log(size_t n_rows) {
  auto store = store::make_memory_log_store();
  Source source;
  source.name = "db-2.log";
  source.path = "logs/db-2.log";
  source.kind = "file";
  source.first_time = start;
  source.last_time = start + Ticks(n_rows) * ticks_per_second / 2;
  source.n_lines = source.n_records = n_rows;
  const uint32_t id = store->add_source(source);
  uint64_t number = 1;
  constexpr size_t batch_rows = 8192;
  for (size_t begin = 0; begin < n_rows; begin += batch_rows) {
    const size_t end = std::min(n_rows, begin + batch_rows);
    std::vector<std::string> raws, messages;
    raws.reserve(end - begin);
    messages.reserve(end - begin);
    std::vector<Record> records;
    for (size_t row = begin; row < end; ++row) {
      const Line line = line_at(row);
      Record record;
      record.time = start + Ticks(row) * ticks_per_second / 2;
      record.level = line.level;
      record.source = id;
      record.line = number;
      record.template_id = line.template_id;
      raws.push_back(raw_of(line, record.time));
      messages.push_back(line.message);
      record.raw = raws.back();
      record.message = messages.back();
      record.n_lines = uint32_t(std::count(record.raw.begin(), record.raw.end(), '\n')) + 1;
      record.host = "db-2";
      record.process = line.process;
      number += record.n_lines;
      records.push_back(record);
    }
    store->append(records);
  }
  store->set_templates(templates_of(n_rows));
  return store->snapshot();
}

void fill(FakeApp& fake) {
  constexpr size_t n_rows = 2400;
  static const auto log = sample_log(n_rows);
  fake.incident.session = 1;
  fake.incident.log = fake.logs.log = log;
  fill_incident(fake.incident, *log);
  fake.logs.histogram = histogram_of(n_rows);
  fake.logs.facets = {{"Level", FilterChip::Kind::level, {{"INFO", 2210}, {"ERROR", 31}, {"WARN", 18}}, 0},
                      {"Process", FilterChip::Kind::process, {{"api", 2210}, {"postgres", 31}}, 12}};
  Anomaly burst;
  burst.kind = "new_template";
  burst.text = "\"could not write to file\" was never seen before 09:02:00 and then came 31 times.";
  burst.template_id = 2;
  burst.score = 0.9;
  burst.begin = start + 120 * ticks_per_second;
  burst.end = start + 900 * ticks_per_second;
  burst.rows = {240, 259};
  fake.logs.anomalies = fake.incident.anomalies = {burst};
  fill_kql(fake.kql);
  fill_rest(fake);
}

}  // namespace ui_test
