// The schema of sigmadesk.db, a step a version. A step that was released never changes; a new one
// is added below it. Times are Ticks, severities and levels their numbers in app/types.h, row ids
// and other unsigned numbers the same 64 bits as SQLite's signed integers. Lists are JSON arrays.
// Real numbers may be null, which is how SQLite keeps NaN. Tables are strict: a value of another
// type, from a file that was made elsewhere, is refused.
#include "app/store/database.h"

namespace app::store {
namespace {

constexpr const char* v1_sessions_logs_runs = R"sql(
create table session (
  id integer primary key autoincrement,
  title text not null,
  created integer not null,
  changed integer not null,
  pinned integer not null default 0,
  archived integer not null default 0,
  removed integer              -- when it was removed; null: it was not
) strict;
create table session_tag (
  session_id integer not null references session(id) on delete cascade,
  tag text not null,
  primary key (session_id, tag)
) without rowid, strict;
-- Drafts and view state.
create table session_state (
  session_id integer not null references session(id) on delete cascade,
  key text not null,
  value text not null,
  primary key (session_id, key)
) without rowid, strict;

create table source (
  session_id integer not null references session(id) on delete cascade,
  id integer not null,
  name text not null, path text not null, kind text not null, encoding text not null,
  format text not null, format_match real, time_zone text not null,
  n_bytes integer not null, n_lines integer not null, n_records integer not null,
  n_without_time integer not null, first_time integer not null, last_time integer not null,
  notes text not null,
  primary key (session_id, id)
) without rowid, strict;
-- Up to 64 K rows of a log.
create table log_chunk (
  id integer primary key,
  session_id integer not null references session(id) on delete cascade,
  number integer not null,
  first_row integer not null, n_rows integer not null,
  min_time integer not null, max_time integer not null,
  levels integer not null,
  lines blob not null,         -- first and last line of each source in it
  unique (session_id, number)
) strict;
-- Its columns; part is the number of the (first) column, app/columns/encoding.h the layout.
create table log_column (
  chunk_id integer not null references log_chunk(id) on delete cascade,
  part integer not null,
  data blob not null,
  primary key (chunk_id, part)
) strict;
-- Rows after the last chunk, a batch each (encode_chunk), until they fill a chunk of their own.
create table log_tail (
  session_id integer not null references session(id) on delete cascade,
  first_row integer not null, n_rows integer not null,
  data blob not null,
  primary key (session_id, first_row)
) strict;
create table template (
  session_id integer not null references session(id) on delete cascade,
  id integer not null,
  pattern text not null, count integer not null,
  first_row integer not null, last_row integer not null,
  first_time integer not null, last_time integer not null,
  by_level text not null, samples text not null, timeline text not null,
  primary key (session_id, id)
) without rowid, strict;

create table finding (
  id integer primary key autoincrement,
  session_id integer not null references session(id) on delete cascade,
  position integer not null,
  check_id text not null, title text not null, cause text not null,
  severity integer not null, score real, n_matches integer not null,
  first_time integer not null, last_time integer not null,
  consequence_of text not null
) strict;
create index finding_session on finding(session_id);
create table finding_line (
  finding_id integer not null references finding(id) on delete cascade,
  position integer not null,
  row_id integer not null, source integer not null, file text not null, line integer not null,
  text text not null,
  primary key (finding_id, position)
) without rowid, strict;
create table finding_step (
  finding_id integer not null references finding(id) on delete cascade,
  position integer not null,
  text text not null, command text not null, changes_state integer not null,
  primary key (finding_id, position)
) without rowid, strict;
create table check_result (
  session_id integer not null references session(id) on delete cascade,
  position integer not null,
  check_id text not null, title text not null, algorithm text not null, n_found integer not null,
  primary key (session_id, position)
) without rowid, strict;
create table anomaly (
  session_id integer not null references session(id) on delete cascade,
  position integer not null,
  kind text not null, text text not null, begin_time integer not null, end_time integer not null,
  score real, template_id integer not null, samples text not null,
  primary key (session_id, position)
) without rowid, strict;

create table message (
  id integer primary key autoincrement,
  session_id integer not null references session(id) on delete cascade,
  role text not null, text text not null, time integer not null
) strict;
create index message_session on message(session_id);
create table answer (
  message_id integer primary key references message(id) on delete cascade,
  text text not null,
  n_claims integer not null, n_supported integer not null,
  inconclusive integer not null, partial integer not null, from_model integer not null,
  model text not null, stop_reason text not null,
  prompt_tokens integer not null, generated_tokens integer not null,
  first_token_ms real, tokens_per_second real,
  seed integer not null, left_out text not null
) strict;
create table citation (
  message_id integer not null references answer(message_id) on delete cascade,
  position integer not null,
  begin_byte integer not null, end_byte integer not null,
  evidence_id text not null, state integer not null,
  row_id integer not null, source integer not null, file text not null, line integer not null,
  text text not null,
  primary key (message_id, position)
) without rowid, strict;
-- What the model was shown for an answer.
create table evidence (
  message_id integer not null references message(id) on delete cascade,
  position integer not null,
  name text not null, reason text not null, score real,
  primary key (message_id, position)
) without rowid, strict;
create table evidence_line (
  message_id integer not null,
  evidence integer not null,
  position integer not null,
  row_id integer not null, source integer not null, file text not null, line integer not null,
  text text not null,
  primary key (message_id, evidence, position),
  foreign key (message_id, evidence) references evidence(message_id, position) on delete cascade
) without rowid, strict;

create table query (
  id integer primary key autoincrement,
  session_id integer not null references session(id) on delete cascade,
  text text not null, question text not null, time integer not null, ms real,
  n_rows integer not null, data_version integer not null, error text not null
) strict;
create index query_session on query(session_id);
create table config_review (
  id integer primary key autoincrement,
  session_id integer not null references session(id) on delete cascade,
  time integer not null
) strict;
create index config_review_session on config_review(session_id);
create table config_file (
  review_id integer not null references config_review(id) on delete cascade,
  position integer not null,
  name text not null, kind text not null, text text not null,
  primary key (review_id, position)
) strict;
create table config_finding (
  review_id integer not null references config_review(id) on delete cascade,
  position integer not null,
  file text not null, line integer not null, column integer not null, kind text not null,
  rule text not null, covers text not null, severity integer not null,
  message text not null, fix text not null, subject text not null,
  primary key (review_id, position)
) without rowid, strict;

create table task_run (
  id integer primary key autoincrement,
  task text not null, dataset text not null, dataset_hash text not null, model text not null,
  state text not null, error text not null,
  started integer not null, finished integer not null, n_samples integer not null,
  metrics text not null, manifest text not null
) strict;
create table task_sample (
  run_id integer not null references task_run(id) on delete cascade,
  number integer not null,
  input text not null, expected text not null, output text not null,
  parse_state text not null, failure text not null, details text not null,
  score real, ms real,
  prompt_tokens integer not null, generated_tokens integer not null,
  primary key (run_id, number)
) strict;

create table setting (
  key text primary key,
  value text not null
) without rowid, strict;
)sql";

constexpr Migration steps[] = {
    {1, v1_sessions_logs_runs},
};

}  // namespace

std::span<const Migration> migrations() { return steps; }

}  // namespace app::store
