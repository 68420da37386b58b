// Help on arguments, hover texts and quick fixes.
#include <algorithm>
#include <cctype>

#include "app/kql/complete.h"
#include "app/kql/describe.h"
#include "app/kql/lexer.h"
#include "app/kql/parser.h"

namespace app::kql {
namespace {

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// The word around an offset; operators with a dash and a leading ! belong to it.
Span word_at(const std::string& text, size_t offset) {
  Span span{std::min(offset, text.size()), std::min(offset, text.size())};
  while (span.begin > 0 && is_word(text[span.begin - 1])) --span.begin;
  while (span.end < text.size() && is_word(text[span.end])) ++span.end;
  if (span.begin == span.end) return span;
  // project-away, mv-expand: only where the whole is a name of the language.
  Span wide = span;
  while (wide.begin > 1 && text[wide.begin - 1] == '-' && is_word(text[wide.begin - 2])) {
    --wide.begin;
    while (wide.begin > 0 && is_word(text[wide.begin - 1])) --wide.begin;
  }
  while (wide.end + 1 < text.size() && text[wide.end] == '-' && is_word(text[wide.end + 1])) {
    ++wide.end;
    while (wide.end < text.size() && is_word(text[wide.end])) ++wide.end;
  }
  if (wide.end - wide.begin > span.end - span.begin && find_doc(text.substr(wide.begin, wide.end - wide.begin)) != nullptr) return wide;
  if (span.begin > 0 && text[span.begin - 1] == '!' && find_doc(text.substr(span.begin - 1, span.end - span.begin + 1)) != nullptr) --span.begin;
  return span;
}

// "did you mean Level?", "did you mean bin()?" -> Level, bin.
std::string suggested_name(const std::string& hint) {
  constexpr std::string_view lead = "did you mean ";
  const size_t at = hint.find(lead);
  if (at == std::string::npos) return {};
  size_t end = hint.find('?', at);
  if (end == std::string::npos) return {};
  const size_t begin = at + lead.size();
  if (end > begin + 2 && hint.compare(end - 2, 2, "()") == 0) end -= 2;
  return hint.substr(begin, end - begin);
}

// "expected )" -> ")".
std::string expected_sign(const std::string& message) {
  for (const char* sign : {")", "]", "}"})
    if (message == std::string("expected ") + sign) return sign;
  return {};
}

}  // namespace

std::optional<CallHelp> call_at(const std::string& text, size_t offset) {
  struct Open {
    std::string name;
    size_t begin = 0;
    int argument = 0;
    bool call = false;
  };
  std::vector<Open> open;
  const std::vector<Token> tokens = lex(text);
  const Token* previous = nullptr;
  for (const Token& token : tokens) {
    if (token.kind == TokenKind::end || token.span.begin >= offset) break;
    if (token.is("(") || token.is("[") || token.is("{")) {
      Open next;
      if (token.is("(") && previous != nullptr && previous->kind == TokenKind::name) {
        next.name = previous->text;
        next.begin = previous->span.begin;
        next.call = true;
      }
      open.push_back(next);
    } else if (token.is(")") || token.is("]") || token.is("}")) {
      if (!open.empty()) open.pop_back();
    } else if (token.is(",") && !open.empty()) {
      ++open.back().argument;
    } else if (token.is(";") || token.is("|")) {
      // A pipe or a new statement inside brackets: a subquery, not an argument.
      if (!open.empty()) open.back().call = false;
    }
    previous = &token;
  }
  for (size_t i = open.size(); i-- > 0;) {
    if (!open[i].call) continue;
    const CallShape shape = call_shape(open[i].name);
    if (shape.name.empty()) continue;
    CallHelp help;
    help.name = shape.name;
    help.result = shape.result;
    help.parameters = shape.parameters;
    help.begin = open[i].begin;
    if (const Doc* doc = find_doc(shape.name)) help.doc = doc->text;
    const int last = static_cast<int>(shape.parameters.size()) - 1;
    help.current = shape.repeats ? std::min(open[i].argument, std::max(last, 0)) : open[i].argument;
    return help;
  }
  return std::nullopt;
}

std::optional<Hover> hover_at(const std::string& text, size_t offset, const Tables& tables, const SampleValues& values) {
  const Place place = place_at(text, offset);
  if (place.in_string) return std::nullopt;
  Hover hover;
  hover.span = word_at(text, offset);
  if (hover.span.begin == hover.span.end) return std::nullopt;
  const std::string word = text.substr(hover.span.begin, hover.span.end - hover.span.begin);
  const bool called = text.find_first_not_of(" \t", hover.span.end) != std::string::npos &&
                      text[text.find_first_not_of(" \t", hover.span.end)] == '(';
  if (!called) {
    const columns::Schema schema = schema_at(text, place, tables);
    for (const columns::ColumnInfo& column : schema) {
      if (column.name != word) continue;
      hover.title = word + ": " + columns::type_name(column.type);
      hover.text = "A column.";
      if (const auto found = values.find(word); found != values.end()) {
        hover.text += " Values:";
        for (size_t i = 0; i < std::min<size_t>(found->second.size(), 8); ++i) hover.text += (i == 0 ? " " : ", ") + found->second[i];
      }
      return hover;
    }
    if (const TableEntry* table = tables.find(word); table != nullptr) {
      hover.title = word + ": table";
      hover.text = table->about.empty() ? "Columns:" : table->about + ". Columns:";
      size_t n = 0;
      for (const columns::ColumnInfo& column : table->table->schema()) {
        if (n++ == 16) {
          hover.text += ", …";
          break;
        }
        hover.text += (n == 1 ? " " : ", ") + column.name;
      }
      return hover;
    }
  }
  const Doc* doc = find_doc(word);
  const CallShape shape = call_shape(word);
  if (doc == nullptr && shape.name.empty()) return std::nullopt;
  hover.title = called && !shape.name.empty() ? call_text(shape) : doc != nullptr && std::string_view(doc->usage).substr(0, word.size()) == word ? doc->usage : call_text(shape);
  hover.text = doc == nullptr ? "" : doc->text;
  return hover;
}

std::vector<QuickFix> quick_fixes(const std::string& text, const std::vector<Diagnostic>& diagnostics) {
  std::vector<QuickFix> fixes;
  for (size_t i = 0; i < diagnostics.size(); ++i) {
    const Diagnostic& d = diagnostics[i];
    const size_t begin = std::min(d.span.begin, text.size());
    const size_t end = std::clamp(d.span.end, begin, text.size());
    const std::string here = text.substr(begin, end - begin);
    const auto add = [&](std::string title, Span span, std::string replacement) {
      fixes.push_back({std::move(title), span, std::move(replacement), i});
    };
    if (const std::string name = suggested_name(d.hint); !name.empty()) {
      // The span may cover more than the name: a call with its brackets.
      const Span word = word_at(text, begin);
      add("Change to " + name, word.end > word.begin ? word : Span{begin, end}, name);
    }
    if (d.hint.rfind("compare with ==", 0) == 0) {
      const size_t line_end = std::min(text.find('\n', begin), text.size());
      for (size_t at = begin; at < line_end; ++at) {
        const auto is = [&](size_t place, const char* signs) { return place < text.size() && std::string_view(signs).find(text[place]) != std::string_view::npos; };
        if (text[at] != '=' || is(at + 1, "=~>") || (at > 0 && is(at - 1, "=!<>~"))) continue;
        add("Change = to ==", {at, at + 1}, "==");
        break;
      }
    }
    if (d.hint.rfind("put a | before ", 0) == 0) add("Put a | before " + here, {begin, begin}, "| ");
    if (d.hint == "use has, contains or matches regex") {
      for (const char* word : {"has", "contains", "matches regex"}) add(std::string("Change to ") + word, {begin, end}, word);
    }
    if (d.hint == "use where after summarize") add("Change to where", {begin, end}, "where");
    if (d.hint == "use summarize ... by ...") {
      size_t stop = end;
      const size_t by = text.find_first_not_of(" \t", end);
      if (by != std::string::npos && (text.compare(by, 2, "by") == 0 || text.compare(by, 2, "BY") == 0)) stop = by + 2;
      add("Change to summarize count() by", {begin, stop}, "summarize count() by");
    }
    if (d.hint.rfind("write datetime(...) around the text", 0) == 0) {
      const size_t quote = text.find_first_of("\"'", begin);
      if (quote != std::string::npos && quote < end) {
        const size_t close = text.find(text[quote], quote + 1);
        if (close != std::string::npos && close < end)
          add("Write datetime() around it", {quote, close + 1}, "datetime(" + text.substr(quote + 1, close - quote - 1) + ")");
      }
    }
    if (const std::string sign = expected_sign(d.message); !sign.empty()) {
      // Behind what stands before it, not behind the blanks.
      size_t at = begin;
      while (at > 0 && std::isspace(static_cast<unsigned char>(text[at - 1]))) --at;
      add("Add the missing " + sign, {at, at}, sign);
    }
  }
  return fixes;
}

}  // namespace app::kql
