#include "app/diagnosis/citations.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "app/diagnosis/text_match.h"
#include "app/store/log_store.h"
#include "engine/base/text.h"

namespace app::diagnosis {
namespace {

constexpr size_t min_quote_bytes = 12;       // shorter quotes are found everywhere
constexpr RowId max_rows_searched = 200'000; // for a quote that is not where it is said to be

struct Claim {
  size_t begin, end;  // bytes of the text
};

bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }

// A sentence ends at ". ", "! ", "? " or a line's end; "[E1]" after the stop still belongs to it.
std::vector<Claim> claims_of(std::string_view text) {
  std::vector<Claim> claims;
  auto push = [&](size_t begin, size_t end) {
    while (begin < end && (is_space(text[begin]) || text[begin] == '-' || text[begin] == '*')) begin++;
    while (end > begin && is_space(text[end - 1])) end--;
    bool has_word = std::any_of(text.begin() + begin, text.begin() + end, [](unsigned char c) { return std::isalpha(c) != 0; });
    if (end - begin >= 3 && has_word) claims.push_back({begin, end});
  };
  size_t begin = 0;
  for (size_t i = 0; i < text.size(); i++) {
    bool stop = (text[i] == '.' || text[i] == '!' || text[i] == '?') && (i + 1 == text.size() || is_space(text[i + 1]));
    if (text[i] != '\n' && !stop) continue;
    size_t end = i + 1;
    if (stop) {
      size_t next = end;
      while (next < text.size() && text[next] == ' ') next++;
      while (next < text.size() && text[next] == '[') {
        size_t close = text.find(']', next);
        if (close == std::string_view::npos || close - next > 40) break;
        end = close + 1;
        if (end < text.size() && text[end] == '.') end++;
        next = end;
        while (next < text.size() && text[next] == ' ') next++;
      }
      i = end - 1;
    }
    push(begin, end);
    begin = end;
  }
  push(begin, text.size());
  return claims;
}

// Evidence ids in brackets: [E1], [E1, E2], [E1-E3] counts both ends.
std::vector<std::string> ids_in(std::string_view claim) {
  std::vector<std::string> ids;
  for (size_t i = 0; i + 1 < claim.size(); i++) {
    if (claim[i] != 'E' || !std::isdigit(static_cast<unsigned char>(claim[i + 1]))) continue;
    if (i > 0 && std::isalnum(static_cast<unsigned char>(claim[i - 1]))) continue;
    size_t end = i + 1;
    while (end < claim.size() && std::isdigit(static_cast<unsigned char>(claim[end]))) end++;
    std::string id(claim.substr(i, end - i));
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
  }
  return ids;
}

std::vector<std::string> quotes_in(std::string_view claim) {
  std::vector<std::string> quotes;
  for (char mark : {'"', '`'})
    for (size_t i = claim.find(mark); i != std::string_view::npos;) {
      size_t end = claim.find(mark, i + 1);
      if (end == std::string_view::npos) break;
      if (end - i - 1 >= min_quote_bytes) quotes.emplace_back(claim.substr(i + 1, end - i - 1));
      i = claim.find(mark, end + 1);
    }
  return quotes;
}

class Verifier {
 public:
  Verifier(std::span<const Evidence> evidence, const store::LogSnapshot& log) : evidence_(evidence), log_(log) {}

  // The citations of one claim; none of them matched or moved: the claim has no support.
  std::vector<Citation> verify(std::string_view claim, size_t begin, size_t end) const {
    std::vector<Citation> out;
    std::vector<std::string> quotes = quotes_in(claim);
    for (const std::string& id : ids_in(claim)) {
      Citation citation{.begin = begin, .end = end, .evidence_id = id, .state = CitationState::not_found, .line = {}};
      if (const Evidence* piece = find(id)) {
        if (const LineRef* line = supporting_line(*piece, claim, quotes)) {
          citation.state = CitationState::matched;
          citation.line = *line;
        } else if (auto moved = elsewhere(quotes)) {
          citation.state = CitationState::moved;
          citation.line = *moved;
        }
      }
      out.push_back(citation);
    }
    if (out.empty() && !quotes.empty())
      if (auto line = elsewhere(quotes))
        out.push_back({.begin = begin, .end = end, .evidence_id = id_of(*line), .state = CitationState::matched, .line = *line});
    if (out.empty()) out.push_back({.begin = begin, .end = end, .evidence_id = "", .state = CitationState::not_found, .line = {}});
    return out;
  }

 private:
  const Evidence* find(const std::string& id) const {
    for (const Evidence& piece : evidence_)
      if (piece.id == id) return &piece;
    return nullptr;
  }

  bool is_stored(const LineRef& line) const {
    if (line.row >= log_.n_rows()) return false;
    store::LogRow row = log_.row(line.row);
    if (row.source != line.source || line.line < row.line || line.line >= row.line + row.n_lines) return false;
    return log_.line_ref(line.row, static_cast<uint32_t>(line.line - row.line)).text == line.text;
  }

  // A claim speaks of a line when it quotes a part of it, or shares words with it that are no
  // stop words: two, or one where the claim is as short.
  static bool speaks_of(std::string_view claim, const std::string& line) {
    std::vector<std::string> of_claim = words(claim), of_line = words(line);
    std::set<std::string> there(of_line.begin(), of_line.end()), shared;
    size_t n_claim = 0;
    for (const std::string& word : of_claim) {
      if (word.size() <= 4 && word[0] == 'e' && std::isdigit(static_cast<unsigned char>(word[1]))) continue;
      n_claim++;
      if (there.contains(word)) shared.insert(word);
    }
    return shared.size() >= 2 || (shared.size() == 1 && n_claim <= 6);
  }

  const LineRef* supporting_line(const Evidence& piece, std::string_view claim, const std::vector<std::string>& quotes) const {
    for (const LineRef& line : piece.lines) {
      bool quoted = std::any_of(quotes.begin(), quotes.end(), [&](const std::string& q) { return line.text.find(q) != std::string::npos; });
      bool about = quotes.empty() ? speaks_of(claim, line.text) : quoted;
      if (about && is_stored(line)) return &line;
    }
    return nullptr;
  }

  std::string id_of(const LineRef& line) const {
    for (const Evidence& piece : evidence_)
      if (std::find(piece.lines.begin(), piece.lines.end(), line) != piece.lines.end()) return piece.id;
    return "";
  }

  // The first line that holds one of the quotes: among the evidence, then in the log.
  std::optional<LineRef> elsewhere(const std::vector<std::string>& quotes) const {
    if (quotes.empty()) return std::nullopt;
    auto holds = [&](const std::string& text) {
      return std::any_of(quotes.begin(), quotes.end(), [&](const std::string& q) { return text.find(q) != std::string::npos; });
    };
    for (const Evidence& piece : evidence_)
      for (const LineRef& line : piece.lines)
        if (holds(line.text) && is_stored(line)) return line;
    for (RowId row = 0; row < std::min(log_.n_rows(), max_rows_searched); row++) {
      store::LogRow r = log_.row(row);
      if (!holds(r.raw)) continue;
      for (uint32_t l = 0; l < r.n_lines; l++)
        if (LineRef line = log_.line_ref(row, l); holds(line.text)) return line;
    }
    return std::nullopt;
  }

  std::span<const Evidence> evidence_;
  const store::LogSnapshot& log_;
};

// The same run of words again and again: what small models do when they are lost.
bool repeats_itself(std::string_view text) {
  std::vector<std::string> all;
  for (std::string_view word : engine::split(text, ' '))
    if (!engine::trim(word).empty()) all.emplace_back(engine::trim(word));
  constexpr size_t n_run = 6;
  std::map<std::string, size_t> runs;
  size_t most = 0;
  for (size_t i = 0; i + n_run <= all.size(); i++) {
    std::string run;
    for (size_t j = 0; j < n_run; j++) run += all[i + j] + " ";
    most = std::max(most, ++runs[run]);
  }
  return most >= 3;
}

}  // namespace

Answer verify_citations(std::string_view text, std::span<const Evidence> evidence, const store::LogSnapshot& log) {
  Answer answer;
  answer.text = std::string(text);
  Verifier verifier(evidence, log);
  for (const Claim& claim : claims_of(text)) {
    std::string_view words_of_claim = text.substr(claim.begin, claim.end - claim.begin);
    if (engine::contains_ignoring_case(words_of_claim, "inconclusive") && words_of_claim.size() < 60) {
      answer.inconclusive = true;
      continue;
    }
    // A heading makes no claim.
    if (words_of_claim.back() == ':' || words_of_claim.starts_with("#")) continue;
    std::vector<Citation> citations = verifier.verify(words_of_claim, claim.begin, claim.end);
    answer.n_claims++;
    answer.n_supported += std::any_of(citations.begin(), citations.end(), [](const Citation& c) { return c.state != CitationState::not_found; });
    answer.citations.insert(answer.citations.end(), citations.begin(), citations.end());
  }
  return answer;
}

std::string useless_reason(const Answer& answer) {
  if (engine::trim(answer.text).empty()) return "it is empty";
  if (repeats_itself(answer.text)) return "it repeats itself";
  if (answer.inconclusive) return "";
  if (answer.n_claims == 0) return "it claims nothing";
  if (answer.n_supported == 0) return "it cites no line of the log that supports it";
  return "";
}

}  // namespace app::diagnosis
