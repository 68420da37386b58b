// Search over all sessions: words and filters.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <set>

#include "app/store/database.h"
#include "app/store/session_store.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::store {
namespace {

// Lower case of the alphabets that logs and titles are mostly written in.
char32_t lower(char32_t c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + 32 : c;
  if ((c >= 0xC0 && c <= 0xDE && c != 0xD7) || (c >= 0x391 && c <= 0x3A9) ||
      (c >= 0x410 && c <= 0x42F)) {
    return c + 32;
  }
  if (c >= 0x400 && c <= 0x40F) return c + 80;
  const bool capital_is_even = (c >= 0x100 && c <= 0x137) || (c >= 0x14A && c <= 0x177);
  const bool capital_is_odd = (c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E);
  if (capital_is_even && c % 2 == 0) return c + 1;
  return capital_is_odd && c % 2 == 1 ? c + 1 : c;
}

std::string folded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) engine::append_utf8(out, lower(engine::decode_utf8(text, at)));
  return out;
}

struct Query {
  std::vector<std::string> words;  // folded
  std::vector<std::string> tags, files;
  Ticks before = no_time, after = no_time;
  bool has_evidence = false, has_findings = false, is_pinned = false, is_archived = false;
};

// Words and "quoted words", each with its filter's name in front where it has one.
std::vector<std::string> split_query(std::string_view text) {
  std::vector<std::string> parts(1);
  bool quoted = false;
  for (const char c : text) {
    if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && (c == ' ' || c == '\t' || c == '\n')) {
      if (!parts.back().empty()) parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  if (parts.back().empty()) parts.pop_back();
  return parts;
}

// Midnight UTC of 2026-01-31, or of the first day of 2026-01 or 2026.
Ticks day_ticks(std::string_view text) {
  int numbers[3] = {0, 1, 1};
  const std::vector<std::string_view> parts = engine::split(text, '-');
  bool good = parts.size() <= 3;
  for (size_t i = 0; good && i < parts.size(); ++i) {
    const char* end = parts[i].data() + parts[i].size();
    const auto result = std::from_chars(parts[i].data(), end, numbers[i]);
    good = !parts[i].empty() && result.ec == std::errc() && result.ptr == end;
  }
  using namespace std::chrono;
  const year_month_day day{year(numbers[0]), month(static_cast<unsigned>(numbers[1])),
                           std::chrono::day(static_cast<unsigned>(numbers[2]))};
  if (!good || !day.ok() || numbers[0] < 1 || numbers[0] > 9999) {
    engine::fail(engine::ErrorKind::invalid_input, "\"%.*s\" is no date; write it like 2026-01-31",
                 static_cast<int>(text.size()), text.data());
  }
  return unix_epoch_ticks + sys_days(day).time_since_epoch().count() * 86'400 * ticks_per_second;
}

void read_filter(std::string_view name, std::string_view value, Query& query) {
  if (name == "tag") {
    query.tags.push_back(folded(value));
  } else if (name == "file") {
    query.files.push_back(folded(value));
  } else if (name == "before") {
    query.before = day_ticks(value);
  } else if (name == "after") {
    query.after = day_ticks(value);
  } else if (name == "has" && value == "evidence") {
    query.has_evidence = true;
  } else if (name == "has" && value == "findings") {
    query.has_findings = true;
  } else if (name == "is" && value == "pinned") {
    query.is_pinned = true;
  } else if (name == "is" && value == "archived") {
    query.is_archived = true;
  } else {
    engine::fail(engine::ErrorKind::invalid_input, "%.*s:%.*s is no filter; there are has:evidence, "
                 "has:findings, is:pinned, is:archived", static_cast<int>(name.size()), name.data(),
                 static_cast<int>(value.size()), value.data());
  }
}

Query read_query(std::string_view text) {
  constexpr std::string_view filters[] = {"tag", "file", "before", "after", "has", "is"};
  Query query;
  for (const std::string& part : split_query(text)) {
    const size_t colon = part.find(':');
    const std::string_view name = std::string_view(part).substr(0, colon);
    if (colon != std::string::npos && std::find(std::begin(filters), std::end(filters), name) != std::end(filters)) {
      read_filter(name, std::string_view(part).substr(colon + 1), query);
    } else {
      query.words.push_back(folded(part));  // a word may hold a colon: "10.0.0.1:443"
    }
  }
  return query;
}

struct Text {
  std::string where, text;
};

std::vector<Text> texts_of(Database& database, int64_t session) {
  Statement row = database.prepare(
      "select 'title', title from session where id = ?1 "
      "union all select 'source', name || ' ' || path from source where session_id = ?1 "
      "union all select 'finding', title || '. ' || cause from finding where session_id = ?1 "
      "union all select 'finding', l.text from finding_line l join finding f on f.id = l.finding_id "
      "  where f.session_id = ?1 "
      "union all select 'message', text from message where session_id = ?1 "
      "union all select 'message', a.text from answer a join message m on m.id = a.message_id "
      "  where m.session_id = ?1 and a.text <> m.text "
      "union all select 'query', text || ' ' || question from query where session_id = ?1 "
      "union all select 'config', f.file || ' ' || f.rule || ' ' || f.message from config_finding f "
      "  join config_review r on r.id = f.review_id where r.session_id = ?1");
  std::vector<Text> texts;
  for (row.with(session); row.step();) texts.push_back({row.text(0), row.text(1)});
  return texts;
}

bool exists(Database& database, const char* sql, int64_t session) {
  Statement row = database.prepare(sql);
  return row.with(session).step();
}

bool passes_filters(Database& database, const SessionInfo& info, const Query& query,
                    const std::vector<Text>& texts) {
  if (query.is_pinned && !info.pinned) return false;
  if (query.is_archived && !info.archived) return false;
  if (query.before != no_time && info.created >= query.before) return false;
  if (query.after != no_time && info.created < query.after) return false;
  if (query.has_findings && info.n_findings == 0) return false;
  if (query.has_evidence &&
      !exists(database, "select 1 from evidence e join message m on m.id = e.message_id "
                        "where m.session_id = ?1 union all select 1 from finding_line l "
                        "join finding f on f.id = l.finding_id where f.session_id = ?1", info.id)) {
    return false;
  }
  for (const std::string& tag : query.tags) {
    if (std::none_of(info.tags.begin(), info.tags.end(),
                     [&](const std::string& t) { return folded(t) == tag; })) {
      return false;
    }
  }
  return std::all_of(query.files.begin(), query.files.end(), [&](const std::string& file) {
    return std::any_of(texts.begin(), texts.end(), [&](const Text& t) {
      return t.where == "source" && folded(t.text).find(file) != std::string::npos;
    });
  });
}

// About a hundred bytes around a place, cut between characters.
std::string cut_around(const std::string& text, size_t at) {
  const auto to_boundary = [&](size_t i) {
    while (i < text.size() && (static_cast<unsigned char>(text[i]) & 0xC0) == 0x80) ++i;
    return std::min(i, text.size());
  };
  const size_t begin = to_boundary(at > 40 ? at - 40 : 0);
  const size_t end = to_boundary(std::min(text.size(), begin + 120));
  std::string cut = (begin > 0 ? "…" : "") + text.substr(begin, end - begin) + (end < text.size() ? "…" : "");
  std::replace(cut.begin(), cut.end(), '\n', ' ');
  return cut;
}

// All words somewhere in the texts; the hit shows the first text that has the first word.
std::optional<SearchHit> match_words(const SessionInfo& info, const std::vector<Text>& texts,
                                     const std::vector<std::string>& words) {
  SearchHit hit{info, "", ""};
  std::set<size_t> missing;
  for (size_t i = 0; i < words.size(); ++i) missing.insert(i);
  for (const Text& t : texts) {
    const std::string text = folded(t.text);
    for (size_t i = 0; i < words.size(); ++i) {
      const size_t at = text.find(words[i]);
      if (at == std::string::npos) continue;
      missing.erase(i);
      if (i != 0 || !hit.where.empty()) continue;
      hit.where = t.where;
      // Folding keeps the length in bytes of all but a few characters: near enough for a cut.
      hit.text = cut_around(t.text, std::min(at, t.text.size()));
    }
  }
  if (!missing.empty()) return std::nullopt;
  return hit;
}

}  // namespace

std::vector<SearchHit> SessionStore::search(std::string_view text) const {
  const Query query = read_query(text);
  std::vector<SearchHit> hits;
  for (const SessionInfo& info : list(ListFilter::all)) {
    const std::vector<Text> texts = texts_of(database_, info.id);
    if (!passes_filters(database_, info, query, texts)) continue;
    if (std::optional<SearchHit> hit = match_words(info, texts, query.words)) hits.push_back(std::move(*hit));
  }
  return hits;
}

}  // namespace app::store
