#include "app/diagnosis/pattern_set.h"

#include <re2/filtered_re2.h>
#include <re2/re2.h>

#include "app/diagnosis/literal_matcher.h"
#include "engine/base/error.h"

namespace app::diagnosis {
namespace {

constexpr int min_literal_bytes = 3;

RE2::Options options() {
  RE2::Options o;
  o.set_log_errors(false);
  o.set_max_mem(16 << 20);
  return o;
}

}  // namespace

struct Regex::State {
  RE2 re;
  std::vector<std::string> names;
  explicit State(const std::string& pattern) : re(pattern, options()) {}
};

Regex::Regex(const std::string& pattern) : state_(std::make_unique<State>(pattern)) {
  if (!state_->re.ok())
    engine::fail(engine::ErrorKind::invalid_input, "regular expression `%s`: %s", pattern.c_str(),
                 state_->re.error().c_str());
  state_->names.resize(state_->re.NumberOfCapturingGroups() + 1);
  for (const auto& [group, name] : state_->re.CapturingGroupNames()) state_->names[group] = name;
}
Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;

bool Regex::matches(std::string_view text) const {
  return state_->re.Match({text.data(), text.size()}, 0, text.size(), RE2::UNANCHORED, nullptr, 0);
}

bool Regex::match(std::string_view text, std::vector<std::string_view>& groups) const {
  std::vector<re2::StringPiece> pieces(state_->names.size());
  if (!state_->re.Match({text.data(), text.size()}, 0, text.size(), RE2::UNANCHORED, pieces.data(),
                        static_cast<int>(pieces.size())))
    return false;
  groups.clear();
  for (const re2::StringPiece& piece : pieces)
    groups.push_back(piece.data() ? std::string_view(piece.data(), piece.size()) : std::string_view());
  return true;
}

const std::vector<std::string>& Regex::names() const { return state_->names; }

struct PatternSet::State {
  re2::FilteredRE2 filter{min_literal_bytes};
  LiteralMatcher literals;
  std::vector<Regex> patterns;
  std::vector<std::string> texts;
  bool compiled = false;
};

PatternSet::PatternSet() : state_(std::make_unique<State>()) {}
PatternSet::~PatternSet() = default;
PatternSet::PatternSet(PatternSet&&) noexcept = default;
PatternSet& PatternSet::operator=(PatternSet&&) noexcept = default;

int PatternSet::add(const std::string& pattern) {
  CHECK_INVARIANT(!state_->compiled);
  int id = -1;
  state_->patterns.emplace_back(pattern);
  state_->texts.push_back(pattern);
  state_->filter.Add(pattern, options(), &id);
  CHECK_INVARIANT(id + 1 == static_cast<int>(state_->patterns.size()));
  return id;
}

void PatternSet::compile() {
  std::vector<std::string> literals;
  if (!state_->patterns.empty()) state_->filter.Compile(&literals);
  // What FilteredRE2 offers for a line without any literal would run on every line.
  std::vector<int> always;
  if (!state_->patterns.empty()) state_->filter.AllPotentials({}, &always);
  if (!always.empty())
    engine::fail(engine::ErrorKind::invalid_input,
                 "regular expression `%s` would run on every line: every way to match it must hold a "
                 "literal of at least %d bytes", state_->texts[always[0]].c_str(), min_literal_bytes);
  state_->literals = LiteralMatcher(literals);
  state_->compiled = true;
}

size_t PatternSet::size() const { return state_->patterns.size(); }
const Regex& PatternSet::regex(int index) const { return state_->patterns[index]; }

void PatternSet::find_candidates(std::string_view line, Scratch& scratch) const {
  CHECK_INVARIANT(state_->compiled);
  scratch.candidates.clear();
  state_->literals.find(line, scratch.literals);
  if (!scratch.literals.empty()) state_->filter.AllPotentials(scratch.literals, &scratch.candidates);
}

}  // namespace app::diagnosis
