// Searching the text of whole columns: one text, or a pattern by the texts it cannot do without.
#include <re2/filtered_re2.h>
#include <re2/re2.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <cstring>
#include <limits>

#include "app/kql/expr.h"
#include "app/kql/text_match.h"
#include "engine/base/error.h"

namespace app::kql {
namespace {

using columns::Column;

constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// How common a byte is in log text, roughly: the rarer, the fewer false places.
int commonness(char c) {
  constexpr std::string_view by_frequency = " etaoinsrdlchu0m1p.2gfb/:3-4v_56789ywk=,()[]xjqz";
  const size_t at = by_frequency.find(lower(c));
  return at == std::string_view::npos ? 0 : static_cast<int>(by_frequency.size() - at);
}

struct Probe {
  size_t offset[2];
  char byte[2], fold[2];  // fold: or-ed into the text before the byte is compared; 0x20 ignores case
};

#if defined(__x86_64__)
// Places at which both probes fit, a bit each, for 32 starts from text on.
__attribute__((target("avx2"))) uint32_t places_avx2(const char* text, const Probe& p) {
  const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text + p.offset[0]));
  const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text + p.offset[1]));
  const __m256i hit_a = _mm256_cmpeq_epi8(_mm256_or_si256(a, _mm256_set1_epi8(p.fold[0])), _mm256_set1_epi8(p.byte[0]));
  const __m256i hit_b = _mm256_cmpeq_epi8(_mm256_or_si256(b, _mm256_set1_epi8(p.fold[1])), _mm256_set1_epi8(p.byte[1]));
  return static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_and_si256(hit_a, hit_b)));
}

// The first start in [from, end) of a step of 32 with a place in it, and its places.
__attribute__((target("avx2"))) size_t next_places_avx2(const char* text, size_t from, size_t end, const Probe& p, uint32_t& places) {
  for (; from < end; from += 32) {
    places = places_avx2(text + from, p);
    if (places != 0) return from;
  }
  return from;
}

uint32_t places_sse2(const char* text, const Probe& p) {
  const __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text + p.offset[0]));
  const __m128i b = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text + p.offset[1]));
  const __m128i hit_a = _mm_cmpeq_epi8(_mm_or_si128(a, _mm_set1_epi8(p.fold[0])), _mm_set1_epi8(p.byte[0]));
  const __m128i hit_b = _mm_cmpeq_epi8(_mm_or_si128(b, _mm_set1_epi8(p.fold[1])), _mm_set1_epi8(p.byte[1]));
  return static_cast<uint32_t>(_mm_movemask_epi8(_mm_and_si128(hit_a, hit_b)));
}

size_t next_places_sse2(const char* text, size_t from, size_t end, const Probe& p, uint32_t& places) {
  for (; from < end; from += 32) {
    places = places_sse2(text + from, p) | places_sse2(text + from + 16, p) << 16;
    if (places != 0) return from;
  }
  return from;
}

size_t next_places(const char* text, size_t from, size_t end, const Probe& p, uint32_t& places) {
  static const bool avx2 = __builtin_cpu_supports("avx2") != 0;
  return avx2 ? next_places_avx2(text, from, end, p, places) : next_places_sse2(text, from, end, p, places);
}
#else
size_t next_places(const char* text, size_t from, size_t end, const Probe& p, uint32_t& places) {
  for (; from < end; from += 32) {
    places = 0;
    for (uint32_t k = 0; k < 32; ++k) {
      const bool a = (text[from + k + p.offset[0]] | p.fold[0]) == p.byte[0];
      const bool b = (text[from + k + p.offset[1]] | p.fold[1]) == p.byte[1];
      places |= static_cast<uint32_t>(a && b) << k;
    }
    if (places != 0) return from;
  }
  return from;
}
#endif

// Whether a text may stand at [begin, end) of a row: with a term's borders where they are asked for.
bool fits_borders(std::string_view row, size_t begin, size_t end, TextMatch how) {
  const bool before = begin == 0 || !is_term_char(row[begin - 1]) || !is_term_char(row[begin]);
  const bool after = end == row.size() || !is_term_char(row[end]) || !is_term_char(row[end - 1]);
  switch (how) {
    case TextMatch::contains: return true;
    case TextMatch::has: return before && after;
    case TextMatch::hasprefix: return before;
    case TextMatch::hassuffix: return after;
  }
  return false;
}

bool found_in(std::string_view row, const TextFinder& finder, TextMatch how) {
  for (size_t from = 0;;) {
    const size_t at = finder.find(row, from);
    if (at == std::string_view::npos) return false;
    if (fits_borders(row, at, at + finder.part().size(), how)) return true;
    from = at + 1;
  }
}

// Rows that lie one after the other with little between them: worth one search over all their bytes.
bool lie_in_order(const Column& column) {
  if (column.is_dictionary() || column.n_rows() < 16) return false;
  const std::vector<uint32_t>&begins = column.begins(), &lengths = column.lengths();
  uint64_t total = 0;
  for (size_t row = 0; row < begins.size(); ++row) {
    if (row > 0 && begins[row] < begins[row - 1] + lengths[row - 1]) return false;
    total += lengths[row];
  }
  const uint64_t span = uint64_t{begins.back()} + lengths.back() - begins.front();
  return span <= 3 * total;
}

void search_in_one_go(const Column& column, const TextFinder& finder, TextMatch how, std::vector<int64_t>& out) {
  const std::vector<uint32_t>&begins = column.begins(), &lengths = column.lengths();
  const size_t n = begins.size();
  const std::string_view all = std::string_view(*column.bytes()).substr(0, size_t{begins[n - 1]} + lengths[n - 1]);
  const size_t n_part = finder.part().size();
  size_t row = 0;
  for (size_t from = begins[0];;) {
    const size_t at = finder.find(all, from);
    if (at == std::string_view::npos) return;
    while (row < n && size_t{begins[row]} + lengths[row] < at + n_part) ++row;
    if (row == n) return;
    from = at + 1;
    if (at < begins[row]) continue;  // between two rows, or over the end of one
    const std::string_view text = all.substr(begins[row], lengths[row]);
    if (!fits_borders(text, at - begins[row], at - begins[row] + n_part, how)) continue;
    out[row] = 1;
    from = size_t{begins[row]} + lengths[row];
    ++row;
    if (row == n) return;
  }
}

bool is_ascii(std::string_view text) {
  uint64_t any = 0;
  size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    uint64_t word = 0;
    std::memcpy(&word, text.data() + at, 8);
    any |= word;
  }
  for (; at < text.size(); ++at) any |= static_cast<unsigned char>(text[at]);
  return (any & 0x8080808080808080ull) == 0;
}

// Whether letters of the pattern may stand for letters beyond ASCII, which an atom (lower-case ASCII)
// does not find: where a flag ignores case, or a letter is itself beyond ASCII or written as a number.
// The Kelvin sign is a K, the long s an s.
bool may_fold(std::string_view pattern) {
  if (!is_ascii(pattern)) return true;
  for (size_t at = 0; at + 1 < pattern.size(); ++at) {
    const char next = pattern[at + 1];
    if (pattern[at] == '(' && next == '?') {
      const size_t end = std::min(pattern.find_first_of(":)<", at), pattern.size());
      if (pattern.substr(at, end - at).find('i') != pattern.npos) return true;
    }
    if (pattern[at] != '\\') continue;
    if (next == 'x' || (next >= '0' && next <= '9')) return true;
    ++at;
  }
  return false;
}

re2::RE2::Options pattern_options() {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(64 << 20);
  return options;
}

// A pattern and its filter, as a call site keeps them.
struct Pattern {
  explicit Pattern(const std::string& pattern) : regex(pattern, pattern_options()), filter(pattern) {
    if (!regex.ok()) {
      engine::fail(engine::ErrorKind::invalid_input, "the regular expression '%s' cannot be used: %s; the syntax is RE2's",
                   pattern.substr(0, 200).c_str(), regex.error().c_str());
    }
  }
  std::vector<int64_t> match(const Column& column, const std::stop_token& stop) const {
    std::vector<int64_t> out = filter.candidates(column);
    for (size_t row = 0; row < out.size(); ++row) {
      check_stop(stop, row);
      if (!out[row]) continue;
      const std::string_view text = column.text(row);
      out[row] = re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), regex);
    }
    return out;
  }

  Column extract(const Column& column, int64_t group, const std::stop_token& stop) const {
    Column out(Type::string);
    out.reserve(column.n_rows());
    const int n_groups = regex.NumberOfCapturingGroups() + 1;
    const bool known = group >= 0 && group < n_groups;
    const std::vector<int64_t> candidates = filter.candidates(column);
    std::vector<re2::StringPiece> groups(static_cast<size_t>(n_groups));
    for (size_t row = 0; row < candidates.size(); ++row) {
      check_stop(stop, row);
      std::string_view found;
      if (known && candidates[row]) {
        const std::string_view text = column.text(row);
        const bool matched = regex.Match({text.data(), text.size()}, 0, text.size(), re2::RE2::UNANCHORED, groups.data(), static_cast<int>(group) + 1);
        const re2::StringPiece& piece = groups[static_cast<size_t>(group)];
        if (matched && piece.data() != nullptr) found = {piece.data(), piece.size()};
      }
      out.push_text(found);
    }
    return out;
  }

  re2::RE2 regex;
  PatternFilter filter;
};

const Pattern& pattern_of(CallState& state, const std::string& pattern) {
  const std::string key = "\xFF" + pattern;  // no pattern that compiles begins so
  if (!state.cache || state.cache_key != key) {
    state.cache = std::make_shared<Pattern>(pattern);
    state.cache_key = key;
  }
  return *static_cast<const Pattern*>(state.cache.get());
}

}  // namespace

TextFinder::TextFinder(std::string_view part, bool ignore_case) : part_(part), ignore_case_(ignore_case) {
  if (ignore_case_) std::transform(part_.begin(), part_.end(), part_.begin(), lower);
  // The rarest byte, and the rarest of the others.
  for (size_t k = 1; k < part_.size(); ++k) {
    if (commonness(part_[k]) < commonness(part_[probe_[0]])) probe_[0] = k;
  }
  probe_[1] = probe_[0] == 0 && part_.size() > 1 ? 1 : 0;
  for (size_t k = 0; k < part_.size(); ++k) {
    if (k != probe_[0] && commonness(part_[k]) < commonness(part_[probe_[1]])) probe_[1] = k;
  }
}

bool TextFinder::stands_at(const char* text) const {
  if (!ignore_case_) return std::memcmp(text, part_.data(), part_.size()) == 0;
  for (size_t k = 0; k < part_.size(); ++k) {
    if (lower(text[k]) != part_[k]) return false;
  }
  return true;
}

size_t TextFinder::find(std::string_view text, size_t from) const {
  if (part_.empty()) return from <= text.size() ? from : std::string_view::npos;
  if (text.size() < part_.size()) return std::string_view::npos;
  const size_t end = text.size() - part_.size() + 1;  // of possible starts
  Probe probe{};
  for (int k = 0; k < 2; ++k) {
    const char c = part_[probe_[k]];
    probe.offset[k] = probe_[k];
    probe.byte[k] = c;
    probe.fold[k] = ignore_case_ && is_letter(c) ? 0x20 : 0;
  }
  // Steps of 32 starts as long as the last of them and its bytes are in the text.
  const size_t reach = std::max(probe_[0], probe_[1]) + 32;
  const size_t wide_end = text.size() > reach ? text.size() - reach + 1 : 0;
  while (from < wide_end) {
    uint32_t places = 0;
    from = next_places(text.data(), from, wide_end, probe, places);
    for (; places != 0; places &= places - 1) {
      const size_t at = from + static_cast<size_t>(__builtin_ctz(places));
      if (at < end && stands_at(text.data() + at)) return at;
    }
    if (from < wide_end) from += 32;
  }
  for (; from < end; ++from) {
    if ((text[from + probe.offset[0]] | probe.fold[0]) == probe.byte[0] && stands_at(text.data() + from)) return from;
  }
  return std::string_view::npos;
}

std::vector<int64_t> match_rows(const Column& column, std::string_view part, TextMatch how, bool ignore_case) {
  if (part.empty()) return std::vector<int64_t>(column.n_rows(), 1);
  std::vector<int64_t> out(column.n_rows(), 0);
  const TextFinder finder(part, ignore_case);
  if (lie_in_order(column)) {
    search_in_one_go(column, finder, how, out);
  } else {
    for (size_t row = 0; row < out.size(); ++row) out[row] = found_in(column.text(row), finder, how);
  }
  return out;
}

PatternFilter::PatternFilter(const std::string& pattern) {
  constexpr size_t max_atoms = 4;
  constexpr int min_atom_length = 3;
  re2::FilteredRE2 filter(min_atom_length);
  int id = 0;
  if (filter.Add(pattern, pattern_options(), &id) != re2::RE2::NoError) return;
  std::vector<std::string> atoms;
  filter.Compile(&atoms);
  const bool ascii = std::all_of(atoms.begin(), atoms.end(), [](const std::string& a) { return is_ascii(a); });
  if (atoms.empty() || atoms.size() > max_atoms || !ascii) return;
  // Which sets of atoms leave the pattern possible.
  possible_.resize(size_t{1} << atoms.size());
  for (size_t set = 0; set < possible_.size(); ++set) {
    std::vector<int> found, left;
    for (size_t k = 0; k < atoms.size(); ++k) {
      if (set >> k & 1) found.push_back(static_cast<int>(k));
    }
    filter.AllPotentials(found, &left);
    possible_[set] = !left.empty();
  }
  if (possible_[0]) return;  // it can match without any
  atoms_ = std::move(atoms);
  folds_ = may_fold(pattern);
}

std::vector<int64_t> PatternFilter::candidates(const Column& column) const {
  std::vector<int64_t> out(column.n_rows(), 1);
  if (atoms_.empty()) return out;
  std::vector<uint8_t> sets(column.n_rows());
  for (size_t k = 0; k < atoms_.size(); ++k) {
    const std::vector<int64_t> found = match_rows(column, atoms_[k], TextMatch::contains, true);
    for (size_t row = 0; row < found.size(); ++row) sets[row] |= static_cast<uint8_t>(found[row] << k);
  }
  for (size_t row = 0; row < out.size(); ++row) out[row] = possible_[sets[row]] || (folds_ && !is_ascii(column.text(row)));
  return out;
}

std::vector<int64_t> match_regex_rows(CallState& state, const Column& column, const std::string& pattern) {
  return pattern_of(state, pattern).match(column, state.stop);
}

Column extract_rows(CallState& state, const Column& column, const std::string& pattern, int64_t group) {
  return pattern_of(state, pattern).extract(column, group, state.stop);
}

}  // namespace app::kql
