// app/kql/diagnostic.h: what is wrong with a query text, and where.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace app::kql {

// Bytes [begin, end) of the query text.
struct Span {
  size_t begin = 0, end = 0;
};

enum class DiagnosticSeverity : uint8_t { error, warning, info };

struct Diagnostic {
  Span span;
  DiagnosticSeverity severity = DiagnosticSeverity::error;
  std::string message;  // one plain sentence
  std::string hint;     // how to mend it, or empty
};

// Line and column of a byte offset, both from 1; the column counts UTF-16 units, as editors do.
struct Position {
  int line = 1, column = 1;
  size_t utf16_offset = 0;  // from the start of the text
};
Position position_at(const std::string& text, size_t offset);

// The name among candidates nearest to a misspelt one, or empty when none is near.
std::string nearest_name(const std::string& wrong, const std::vector<std::string>& candidates);

}  // namespace app::kql
