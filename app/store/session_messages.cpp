// The conversation of a session: messages, answers with their citations, what the model was shown.
#include "app/store/database.h"
#include "app/store/lists.h"
#include "app/store/session_rows.h"
#include "app/store/session_store.h"
#include "engine/base/error.h"

namespace app::store {
namespace {

void insert_answer(Database& database, int64_t message, const Answer& a) {
  const std::string left_out = encode_list(a.left_out);
  database
      .prepare("insert into answer (message_id, text, n_claims, n_supported, inconclusive, partial, "
               "from_model, model, stop_reason, prompt_tokens, generated_tokens, first_token_ms, "
               "tokens_per_second, seed, left_out) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .with(message, a.text, a.n_claims, a.n_supported, a.inconclusive, a.partial, a.from_model, a.model,
            a.stop_reason, a.prompt_tokens, a.generated_tokens, a.first_token_ms, a.tokens_per_second,
            a.seed, left_out)
      .run();
  Statement insert = database.prepare(
      "insert into citation (message_id, position, begin_byte, end_byte, evidence_id, state, row_id, "
      "source, file, line, text) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  for (size_t i = 0; i < a.citations.size(); ++i) {
    const Citation& c = a.citations[i];
    insert.with(message, uint64_t{i}, uint64_t{c.begin}, uint64_t{c.end}, c.evidence_id,
                static_cast<int>(c.state));
    bind_line(insert, 7, c.line);
    insert.run();
  }
}

void insert_evidence(Database& database, int64_t message, const std::vector<Evidence>& evidence) {
  Statement piece = database.prepare(
      "insert into evidence (message_id, position, name, reason, score) values (?, ?, ?, ?, ?)");
  Statement line = database.prepare(
      "insert into evidence_line (message_id, evidence, position, row_id, source, file, line, text) "
      "values (?, ?, ?, ?, ?, ?, ?, ?)");
  for (size_t i = 0; i < evidence.size(); ++i) {
    const Evidence& e = evidence[i];
    piece.with(message, uint64_t{i}, e.id, e.reason, e.score).run();
    for (size_t j = 0; j < e.lines.size(); ++j) {
      line.with(message, uint64_t{i}, uint64_t{j});
      bind_line(line, 4, e.lines[j]);
      line.run();
    }
  }
}

std::optional<Answer> load_answer(Database& database, int64_t message) {
  Statement row = database.prepare(
      "select text, n_claims, n_supported, inconclusive, partial, from_model, model, stop_reason, "
      "prompt_tokens, generated_tokens, first_token_ms, tokens_per_second, seed, left_out from answer "
      "where message_id = ?");
  if (!row.with(message).step()) return std::nullopt;
  Answer a;
  a.text = row.text(0);
  a.n_claims = static_cast<int>(row.i64(1));
  a.n_supported = static_cast<int>(row.i64(2));
  a.inconclusive = row.boolean(3);
  a.partial = row.boolean(4);
  a.from_model = row.boolean(5);
  a.model = row.text(6);
  a.stop_reason = row.text(7);
  a.prompt_tokens = static_cast<int>(row.i64(8));
  a.generated_tokens = static_cast<int>(row.i64(9));
  a.first_token_ms = row.real(10);
  a.tokens_per_second = row.real(11);
  a.seed = row.u64(12);
  a.left_out = decode_texts(row.text(13));
  Statement cited = database.prepare(
      "select begin_byte, end_byte, evidence_id, state, row_id, source, file, line, text from citation "
      "where message_id = ? order by position");
  for (cited.with(message); cited.step();) {
    Citation c;
    c.begin = cited.u64(0);
    c.end = cited.u64(1);
    c.evidence_id = cited.text(2);
    c.state = enum_at(cited, 3, CitationState::not_found);
    c.line = line_at(cited, 4);
    a.citations.push_back(std::move(c));
  }
  return a;
}

}  // namespace

int64_t SessionStore::save_message(int64_t session, const Message& message,
                                   const std::vector<Evidence>* evidence) {
  Transaction transaction(database_);
  touch(session);
  int64_t id = message.id;
  if (id == 0) {
    database_.prepare("insert into message (session_id, role, text, time) values (?, ?, ?, ?)")
        .with(session, message.role, message.text, message.time)
        .run();
    id = database_.last_insert_id();
  } else {
    database_.prepare("update message set role = ?, text = ?, time = ? where id = ? and session_id = ?")
        .with(message.role, message.text, message.time, id, session)
        .run();
    if (database_.n_changes() == 0) {
      engine::fail(engine::ErrorKind::not_found, "message %lld of session %lld is not there",
                   static_cast<long long>(id), static_cast<long long>(session));
    }
    database_.prepare("delete from answer where message_id = ?").with(id).run();
  }
  if (message.answer) insert_answer(database_, id, *message.answer);
  if (evidence != nullptr) {
    database_.prepare("delete from evidence where message_id = ?").with(id).run();
    insert_evidence(database_, id, *evidence);
  }
  transaction.commit();
  return id;
}

std::vector<Message> SessionStore::messages(int64_t session) const {
  Statement row = database_.prepare(
      "select id, role, text, time from message where session_id = ? order by id");
  std::vector<Message> messages;
  for (row.with(session); row.step();) {
    Message m;
    m.id = row.i64(0);
    m.role = row.text(1);
    m.text = row.text(2);
    m.time = row.i64(3);
    m.answer = load_answer(database_, m.id);
    messages.push_back(std::move(m));
  }
  return messages;
}

std::vector<Evidence> SessionStore::evidence(int64_t message) const {
  Statement piece = database_.prepare(
      "select position, name, reason, score from evidence where message_id = ? order by position");
  Statement line = database_.prepare(
      "select row_id, source, file, line, text from evidence_line where message_id = ? and evidence = ? "
      "order by position");
  std::vector<Evidence> evidence;
  for (piece.with(message); piece.step();) {
    Evidence e;
    e.id = piece.text(1);
    e.reason = piece.text(2);
    e.score = piece.real(3);
    for (line.with(message, piece.i64(0)); line.step();) e.lines.push_back(line_at(line, 0));
    line.reset();
    evidence.push_back(std::move(e));
  }
  return evidence;
}

void SessionStore::remove_message(int64_t session, int64_t message) {
  Transaction transaction(database_);
  touch(session);
  database_.prepare("delete from message where id = ? and session_id = ?").with(message, session).run();
  transaction.commit();
}

}  // namespace app::store
