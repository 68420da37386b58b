// app/diagnosis/scan.h: one pass over the log: which pattern matches where. Sources that fit
// CheckOptions::max_document_rows are kept as whole Documents too, since their lines must be read
// together: a pod's name stands fifty lines above its exit code.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "app/diagnosis/check_library.h"
#include "app/diagnosis/checks.h"
#include "app/types.h"

namespace app::diagnosis {

struct DocumentLine {
  std::string text{};
  RowId row = no_row;
  uint64_t number = 0;        // physical line in the source, from 1
  Ticks time = no_time;
  Level level = Level::none;
  bool program_text = false;  // part of a manifest or of a shown command: says nothing about what happened
};

struct Document {
  uint32_t source = 0;
  std::string file;           // as LineRef::file
  std::vector<DocumentLine> lines;
  bool manifest = false;      // Kubernetes objects in YAML

  LineRef ref(size_t line) const;
};

struct Hit {
  LineRef line;
  Ticks time = no_time;
  Level level = Level::none;
  int pattern = 0;
  size_t match_begin = 0, match_length = 0;
  std::vector<std::string> groups;  // as Regex::names() of its pattern
  int document = -1;                // index into ScanResult::documents, -1: in a large source
  size_t document_line = 0;
};

// The hits of one pattern for one value of the check's group_by ("" where it has none).
struct HitGroup {
  uint64_t n_hits = 0, n_above_info = 0;  // above_info: level warning or worse, or no level at all
  Ticks first_time = no_time, last_time = no_time;
  std::vector<Hit> kept;                  // the first ones, and the last
  std::vector<Ticks> times;               // of at most max_times hits
};

// Records of level error or worse that look alike once numbers are masked.
struct ErrorShape {
  uint64_t n = 0;
  bool explained = false;                 // some check's pattern matched one of them
  Ticks first_time = no_time, last_time = no_time;
  std::vector<LineRef> lines{};           // the first three
};

struct ScanResult {
  std::vector<std::map<std::string, HitGroup>> hits;  // by pattern, then group
  std::vector<Document> documents;
  uint64_t n_rows = 0, n_lines = 0, n_long_lines = 0; // long: only their first 64 KiB were looked at
  uint64_t by_level[n_levels] = {};
  Ticks first_time = no_time, last_time = no_time;
  std::map<std::string, ErrorShape> errors;
  std::vector<Ticks> error_times;         // of at most 200,000 records
  std::vector<uint32_t> in_lines_only;    // sources that are not among the documents, by id
  std::vector<Document> samples;          // of each of them: lines spread evenly over it
  bool partial = false;
};

ScanResult scan(const store::LogSnapshot& log, const CheckLibrary& library, const CheckOptions& options);

// "GET /a1 took 35 ms" -> "GET /a# took # ms": what two lines have in common, at most 160 bytes.
std::string shape_of(std::string_view line);

// Marks the lines of a document that are program text: YAML manifests, Command: and Args: blocks of
// `kubectl describe`.
void mark_program_text(Document& document);

}  // namespace app::diagnosis
