// app/log_filter.h: which rows of the log the filter chips let through, with the histogram and the
// facets of those rows. One pass over the chunks, on several threads.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "app/logs/histogram.h"
#include "app/store/log_store.h"
#include "app/template_groups.h"
#include "app/types.h"

namespace app {

// One condition on log rows.
struct FilterChip {
  enum class Kind : uint8_t {
    text, regex, level, template_id, host, process, source, time_range,
    field,                             // a parsed field: name is its path, "http.status"
    parameter                          // a template's wildcard: name is "12.0", the first of T12
  };
  Kind kind = Kind::text;
  std::string value;                   // level: its name; template_id: its number, or "3,7" for any
  Ticks begin = no_time, end = no_time;  // time_range: begin <= time < end
  bool exclude = false, enabled = true;
  uint64_t n_hits = 0;                 // rows that this chip alone matches; set by App
  std::string name = {};               // field, parameter: which
};
struct LogFilter {
  std::vector<FilterChip> chips;
  bool any = false;                    // false: all enabled chips must hold; true: one is enough
};

struct FacetValue {
  std::string value;
  uint64_t count = 0;                  // under the current filter
};
struct Facet {
  std::string name;                    // Level, Host, Process, Source, Template; path of a parsed field
  FilterChip::Kind kind = FilterChip::Kind::text;
  std::vector<FacetValue> values;      // up to 50, most frequent first
  uint64_t n_others = 0;               // rows with further values
  uint64_t n_rows = 0;                 // parsed fields: rows that have it
};

struct FilterResult {
  std::shared_ptr<const std::vector<RowId>> rows;  // that pass, ascending; null: all rows do
  std::vector<uint64_t> chip_hits;                 // rows that each chip alone matches
  logs::Histogram histogram;                       // of the rows that pass
  std::vector<Facet> facets;                       // likewise
  std::vector<uint64_t> template_counts;           // likewise: by template id
};

// Throws Error{invalid_input} for a regular expression that cannot be read, naming the place;
// Error{cancelled}. on_progress gets 0..1 on the calling thread.
// Reads no more of a chunk than the chips and the facets look at.
FilterResult apply_filter(const store::LogSnapshot& log, const LogFilter& filter,
                          std::stop_token stop = {},
                          const std::function<void(double)>& on_progress = {});

// The facet Template: merged templates count as one, whose value is "3,7". Most frequent first.
Facet template_facet(const std::vector<uint64_t>& counts, const TemplateGroups& groups);

// Facets of the parsed fields (Record::properties) of the rows: up to 24, those that most rows have
// first, every row counted. rows: null for all. Throws Error{cancelled}.
std::vector<Facet> count_fields(const store::LogSnapshot& log, const std::vector<RowId>* rows,
                                std::stop_token stop = {});

// The values in the wildcards of templates, over rows: for each template its parameters.
struct ParameterValues {
  uint32_t template_id = no_template;
  std::string pattern;
  uint64_t n_rows = 0;                 // of the template among the rows
  uint64_t n_unread = 0;               // of them, those that the pattern does not fit
  struct Parameter {
    std::string context;               // "size <*> bytes"
    std::vector<FacetValue> top;       // up to 50, most frequent first
    uint64_t n_values = 0;             // different ones; a lower bound where some were not counted
    uint64_t n_others = 0;             // rows with further values
    bool numeric = false;              // all values are numbers: the next three hold
    double least = 0, median = 0, most = 0;
  };
  std::vector<Parameter> parameters;
};
std::vector<ParameterValues> count_parameters(const store::LogSnapshot& log, const std::vector<RowId>* rows,
                                              const std::vector<uint32_t>& template_ids,
                                              std::stop_token stop = {},
                                              const std::function<void(double)>& on_progress = {});

// The rows of one chunk that are among rows: one entry a row, 1 = yes.
std::vector<uint8_t> passing(const std::vector<RowId>& rows, RowId first_row, size_t n_rows);

}  // namespace app
