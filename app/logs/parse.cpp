#include "app/logs/parse.h"

#include <algorithm>
#include <chrono>
#include <functional>

#include "app/logs/continuation.h"
#include "app/logs/json_scan.h"
#include "app/logs/line_source.h"
#include "app/logs/text_arena.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::logs {
namespace {
using engine::ErrorKind;
using engine::format;

Ticks now_ticks() {
  using namespace std::chrono;
  return unix_epoch_ticks + duration_cast<duration<int64_t, std::ratio<1, ticks_per_second>>>(
                                system_clock::now().time_since_epoch())
                                .count();
}

class Parser {
 public:
  Parser(LogInput& input, const FormatSet& formats, const ParseOptions& options,
         const OnBatch& on_batch, const OnProgress& on_progress, std::stop_token stop)
      : input_(input),
        formats_(formats),
        options_(options),
        on_batch_(on_batch),
        on_progress_(on_progress),
        stop_(std::move(stop)),
        lines_(*input.stream, options.max_bytes_of_line, options.encoding),
        utc_offset_minutes_(options.utc_offset_minutes),
        reference_(reference()),
        times_(reference_, utc_offset_minutes_) {
    source_.id = options.source_id;
    source_.name = input.name;
    source_.path = input.path;
    source_.kind = input.kind;
  }

  Source run() {
    choose_formats();
    LineBlock block;
    begin_batch();
    while (lines_.next(block)) {
      check_stop();
      batch_.keep_alive.push_back(block.bytes);
      block_ = &block;
      take_block(block);
      report();
    }
    give_batch();
    finish_source();
    return std::move(source_);
  }

 private:
  Ticks reference() const {
    if (options_.reference_time != no_time) return options_.reference_time;
    return input_.modified != no_time ? input_.modified : now_ticks();
  }

  void check_stop() const {
    if (stop_.stop_requested()) {
      engine::fail(ErrorKind::cancelled, "%s: reading was cancelled at line %llu",
                   input_.name.c_str(), static_cast<unsigned long long>(line_no_));
    }
  }

  void report() const {
    if (!on_progress_) return;
    on_progress_({input_.stream->position(), input_.size_bytes, line_no_, source_.n_records});
  }

  // --- formats

  void choose_formats() {
    if (!options_.format.empty()) {
      if (options_.format == "plain") return;
      const Format* format = formats_.named(options_.format);
      if (format == nullptr) {
        engine::fail(ErrorKind::invalid_input,
                     "no log format is named \"%s\"; see assets/log_formats",
                     options_.format.c_str());
      }
      candidates_.push_back({format, 1, 1});
    }
    const std::vector<std::string_view> sample = heads_of(lines_.sample(input_.size_bytes));
    if (candidates_.empty() && !sample.empty()) candidates_ = formats_.detect(sample);
    constexpr size_t max_candidates = 5;
    if (candidates_.size() > max_candidates) candidates_.resize(max_candidates);
    used_.assign(candidates_.size(), 0);
    for (const FormatMatch& m : candidates_) {
      if (m.rate < 0.4) continue;
      headed_ = true;
      headed_by_time_ = headed_by_time_ || m.format->has_time;
    }
    if (!candidates_.empty() && candidates_[0].format->inner) choose_inner(sample);
    take_time_defaults();
    find_boot_time(sample);
  }

  // What the format says of times without zone or year goes before what was given for all.
  void take_time_defaults() {
    if (candidates_.empty()) return;
    const Format& format = *candidates_[0].format;
    if (format.utc_offset_minutes) utc_offset_minutes_ = *format.utc_offset_minutes;
    reference_ = reference();
    if (format.year != 0) {
      reference_ = ticks_from_date(format.year + 1, 1, 1) - 1;
      given_year_ = true;
    }
    times_ = TimeResolver(reference_, utc_offset_minutes_);
  }

  // Without lines that look like the inside of an event: they fit no format, and should not.
  static std::vector<std::string_view> heads_of(const std::vector<std::string_view>& sample) {
    std::vector<std::string_view> heads;
    for (const std::string_view line : sample) {
      const bool dmesg = line.starts_with("[") || line.starts_with("<");
      const bool indented = line.starts_with("  ") || line.starts_with("\t");
      if ((dmesg || !indented) && !inside_trace(line)) heads.push_back(line);
    }
    return heads.empty() ? sample : heads;
  }

  void choose_inner(const std::vector<std::string_view>& sample) {
    TextArena messages;  // the next line takes over the strings of fields
    std::vector<std::string_view> inner;
    Fields fields;
    for (const std::string_view line : sample) {
      if (candidates_[0].format->match(line, fields) && !fields.message.empty())
        inner.push_back(messages.keep(fields.message));
    }
    if (inner.empty()) return;
    for (const FormatMatch& m : formats_.detect(inner)) {
      if (!m.format->inner && m.rate >= 0.1 && inner_.size() < 3) inner_.push_back(m.format);
    }
  }

  // Seconds since boot: the last line was written about when the log ended.
  void find_boot_time(const std::vector<std::string_view>& sample) {
    int64_t latest = -1;
    for (const std::string_view line : sample) {
      for (const FormatMatch& m : candidates_) {
        if (!m.format->match(line, fields_)) continue;
        if (fields_.has_time && fields_.time.shape == TimeShape::uptime)
          latest = std::max(latest, fields_.time.ticks_of_day);
        break;
      }
    }
    if (latest >= 0) times_.set_boot_time(reference_ - latest);
  }

  // --- lines

  void take_block(const LineBlock& block) {
    std::string_view text = block.text;
    while (!text.empty()) {
      const size_t newline = text.find('\n');
      std::string_view line = text.substr(0, newline);
      text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
      if (line_goes_on_)
        ++n_cut_lines_;
      else
        ++line_no_;
      line_goes_on_ = text.empty() && block.cut;
      if (block.plain) {
        take_line(line, line);
      } else {
        take_unclean(line);
      }
    }
  }

  void take_unclean(std::string_view line) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::string_view clean = clean_line(line, clean_counts_, scratch_);
    if (clean.data() == line.data()) {
      take_line(line, line);
      return;
    }
    const std::string_view raw = arena_->keep(clean);
    if (line.find('\x1B') == std::string_view::npos) {
      take_line(raw, raw);
      return;
    }
    const std::string without = without_ansi(line);
    if (without.find('\x1B') == std::string::npos) ++n_ansi_;
    CleanCounts ignored;
    take_line(raw, arena_->keep(clean_line(without, ignored, scratch_)));
  }

  // raw: as it is kept; text: the same for reading, without colours. Both live as long as the
  // batch.
  void take_line(std::string_view raw, std::string_view text) {
    if (raw.find_first_not_of(" \t") == std::string_view::npos) {
      ++pending_blanks_;
      return;
    }
    const Format* matched = match(text);
    goes_on_cut_event_ = false;
    if (matched == nullptr && options_.join_lines && continues(text)) {
      extend(raw);
    } else {
      begin_record(raw, text, matched);
    }
    pending_blanks_ = 0;
  }

  const Format* match(std::string_view text) {
    for (size_t i = 0; i < candidates_.size(); ++i) {
      if (!candidates_[i].format->match(text, fields_)) continue;
      ++used_[i];
      return candidates_[i].format;
    }
    return nullptr;
  }

  // Whether the line goes on the last record. One that is full is cut: the line belongs to its
  // event, but begins a record of its own.
  bool continues(std::string_view text) {
    if (batch_.records.empty() || !belongs_to_event(text)) return false;
    const Record& last = batch_.records.back();
    if (last.n_lines + pending_blanks_ < options_.max_lines_of_record &&
        last.raw.size() + text.size() < options_.max_bytes_of_record) {
      return true;
    }
    ++n_cut_records_;
    goes_on_cut_event_ = true;
    return false;
  }

  bool belongs_to_event(std::string_view text) {
    const bool after_header = headed_ && last_matched_;
    if (text.starts_with("Traceback ") && !after_header && !in_trace_) return false;  // begins one
    if (inside_trace(text)) return in_trace_ = true;
    if (after_header) {
      // Under a format with times whatever has none goes on the event above; without, or behind an
      // empty line, only what is indented.
      if (!is_indented(text) && (!headed_by_time_ || pending_blanks_ > 0)) return false;
      WrittenTime ignored;
      return scan_time(text, TimeShape::any, ignored) == 0;
    }
    if (!in_trace_ || pending_blanks_ > 0) return false;
    if (is_indented(text)) return true;
    in_trace_ = false;  // the exception that ends a Python traceback
    return begins_trace(text);
  }

  void extend(std::string_view raw) {
    Record& r = batch_.records.back();
    const bool message_is_tail =
        r.message.data() + r.message.size() == r.raw.data() + r.raw.size() &&
        r.message.data() >= r.raw.data();
    const size_t message_at = message_is_tail ? size_t(r.message.data() - r.raw.data()) : 0;
    const size_t gap = 1 + pending_blanks_;
    if (raw.data() == r.raw.data() + r.raw.size() + gap && block_->plain &&
        block_->text.data() <= r.raw.data() &&
        r.raw.data() + r.raw.size() <= block_->text.data() + block_->text.size()) {
      r.raw = std::string_view(r.raw.data(), r.raw.size() + gap + raw.size());
    } else {
      join(r, gap, raw);
    }
    r.n_lines += uint32_t(gap);
    if (message_is_tail) r.message = r.raw.substr(message_at);
  }

  // Lines that do not lie side by side in memory are gathered in a string of their own; when it is
  // full a larger one takes over, so that views into it never move.
  void join(Record& r, size_t gap, std::string_view raw) {
    const size_t size = r.raw.size() + gap + raw.size();
    if (joined_ == nullptr || joined_->data() != r.raw.data() || joined_->capacity() < size) {
      auto larger = std::make_shared<std::string>();
      larger->reserve(std::max<size_t>(1024, size * 3));
      larger->append(r.raw);
      joined_ = std::move(larger);
      batch_.keep_alive.push_back(joined_);
    }
    joined_->append(gap, '\n');
    joined_->append(raw);
    r.raw = *joined_;
  }

  void begin_record(std::string_view raw, std::string_view text, const Format* matched) {
    if (batch_.records.size() >= options_.batch_records) {
      give_batch();
      begin_batch();
      // The line may lie in the block that is being read, or in the arena just given away.
      batch_.keep_alive.push_back(block_->bytes);
      batch_.keep_alive.push_back(given_arena_);
    }
    joined_.reset();
    if (!goes_on_cut_event_) {
      last_matched_ = matched != nullptr;
      in_trace_ = matched == nullptr && begins_trace(text);
    }
    const Ticks event_time = last_time_;
    const Level event_level = last_level_;
    Record& r = batch_.records.emplace_back();
    r.source = options_.source_id;
    r.line = line_no_;
    r.raw = raw;
    constexpr size_t long_line = 64 << 10;
    n_long_lines_ += raw.size() > long_line;
    if (matched != nullptr) {
      if (matched->inner && !inner_.empty()) read_inner();
      fill(r);
      ++source_.n_records;
    } else {
      fill_plain(r, text);
      ++source_.n_records;
    }
    if (r.level == Level::none) r.level = stated_level(r.message);
    if (goes_on_cut_event_) r.time = event_time, r.level = event_level;
    goes_on_cut_event_ = false;
    last_time_ = r.time;
    last_level_ = r.level;
    note_time(r);
  }

  void read_inner() {
    for (const Format* inner : inner_) {
      if (!inner->match(fields_.message, inner_fields_)) continue;
      Fields& f = fields_;
      Fields& in = inner_fields_;
      if (!f.has_time && in.has_time) f.time = in.time, f.has_time = true;
      if (in.level != Level::none) f.level = in.level;
      if (!in.host.empty()) f.host = in.host;
      if (!in.process.empty()) f.process = in.process;
      if (in.pid >= 0) f.pid = in.pid;
      f.message = in.message;
      f.extra.insert(f.extra.end(), in.extra.begin(), in.extra.end());
      return;
    }
  }

  void fill(Record& r) {
    Fields& f = fields_;
    if (f.has_time) r.time = times_.resolve(f.time);
    r.level = f.level;
    r.pid = f.pid;
    r.host = kept(f.host);
    r.process = kept(f.process);
    r.message = kept(f.message);
    if (!f.extra.empty()) r.properties = properties();
  }

  // A text that stands in the fields' own strings moves to the batch; an inner format gives parts
  // of them.
  std::string_view kept(std::string_view text) {
    const std::less<const char*> before;
    for (const Fields* f : {&fields_, &inner_fields_}) {
      for (const std::string& owned : f->owned) {
        if (!before(text.data(), owned.data()) && before(text.data(), owned.data() + owned.size()))
          return arena_->keep(text);
      }
    }
    return text;
  }

  std::string_view properties() {
    json_ = "{";
    for (const Fields::Extra& e : fields_.extra) {
      if (e.name.empty() || e.value.empty()) continue;
      if (json_.size() > 1) json_ += ',';
      append_json_string(json_, e.name.find('\\') == std::string_view::npos
                                    ? std::string(e.name)
                                    : unescape_json(e.name));
      json_ += ':';
      if (e.json || is_short_number(e.value)) {
        json_ += e.value;
      } else if (e.value.find('\\') != std::string_view::npos) {
        append_json_string(json_, unescape_json(e.value));
      } else {
        append_json_string(json_, e.value);
      }
    }
    json_ += '}';
    return json_.size() > 2 ? arena_->keep(json_) : std::string_view();
  }

  // 12, -3, 0.25: written as a number; 007 and 1.2.3 stay text.
  static bool is_short_number(std::string_view t) {
    if (t.starts_with('-')) t.remove_prefix(1);
    if (t.empty() || t.size() > 15 || (t.size() > 1 && t[0] == '0' && t[1] != '.')) return false;
    const size_t dot = t.find('.');
    return t.find_first_not_of("0123456789.") == std::string_view::npos && t[0] != '.' &&
           t.back() != '.' &&
           (dot == std::string_view::npos || t.find('.', dot + 1) == std::string_view::npos);
  }

  // A line of no known format: a timestamp at its beginning, where there is one.
  void fill_plain(Record& r, std::string_view text) {
    ++n_plain_;
    size_t at = text.find_first_not_of(" \t[<(");
    r.message = text;
    if (at == std::string_view::npos) return;
    WrittenTime time;
    const size_t n = scan_time(text.substr(at), TimeShape::any, time);
    // Digits alone may be anything.
    if (n == 0 || time.shape == TimeShape::epoch || time.shape == TimeShape::klog) return;
    r.time = times_.resolve(time);
    at = text.find_first_not_of(" \t]>),:|-", at + n);
    r.message = at == std::string_view::npos ? std::string_view() : text.substr(at);
  }

  void note_time(const Record& r) {
    if (r.time == no_time) {
      ++source_.n_without_time;
      return;
    }
    if (source_.first_time == no_time || r.time < source_.first_time) source_.first_time = r.time;
    if (source_.last_time == no_time || r.time > source_.last_time) source_.last_time = r.time;
  }

  // --- batches

  void begin_batch() {
    batch_ = {};
    batch_.records.reserve(options_.batch_records);
    arena_ = std::make_shared<TextArena>();
  }

  void give_batch() {
    given_arena_ = arena_;
    if (batch_.records.empty()) return;
    batch_.keep_alive.push_back(arena_);
    on_batch_(std::move(batch_));
  }

  // --- the end

  void finish_source() {
    source_.n_bytes = lines_.n_bytes();
    source_.n_lines = line_no_;
    name_encoding();
    name_format();
    name_zone();
    for (std::string& text : input_.stream->notes()) note(std::move(text));
    if (source_.n_lines == 0) note("the input is empty");
    if (n_cut_lines_ > 0)
      note(format("lines longer than %zu MB were cut into several records",
                  options_.max_bytes_of_line >> 20));
    if (n_long_lines_ > 0) {
      note(
          format("%llu lines are longer than 64 KB: they are kept whole, templates look at their "
                 "beginning",
                 static_cast<unsigned long long>(n_long_lines_)));
    }
    if (n_cut_records_ > 0) {
      note(
          format("events of more than %u lines or %zu KB were cut into several records, %llu times",
                 options_.max_lines_of_record, options_.max_bytes_of_record >> 10,
                 static_cast<unsigned long long>(n_cut_records_)));
    }
    if (n_ansi_ > 0)
      note(format("terminal colours in %llu lines were left out of the messages",
                  static_cast<unsigned long long>(n_ansi_)));
  }

  void note(std::string text) { source_.notes.push_back(std::move(text)); }

  void name_encoding() {
    const EncodingGuess& guess = lines_.encoding();
    const uint64_t n_1252 = clean_counts_.n_windows_1252,
                   n_escaped = clean_counts_.n_escaped - std::min(clean_counts_.n_escaped, n_ansi_);
    source_.encoding = guess.encoding == Encoding::utf16le   ? "utf-16le"
                       : guess.encoding == Encoding::utf16be ? "utf-16be"
                       : guess.junk_share > 0.1              ? "binary"
                       : n_1252 > 0                          ? "latin-1"
                                                             : "utf-8";
    if (!options_.encoding.empty()) {
      source_.encoding = engine::to_lower_ascii(options_.encoding);
      note("read as " + options_.encoding + ", as chosen");
    }
    if (source_.encoding == "binary") {
      note(format("%.0f %% of the first bytes are not text: this may not be a log",
                  guess.junk_share * 100));
    }
    if (n_1252 > 0)
      note(format("%llu lines are not UTF-8 and were read as Windows-1252",
                  static_cast<unsigned long long>(n_1252)));
    if (n_escaped > 0) {
      note(format("%llu lines hold control characters or bytes that are not text, shown as \\xNN",
                  static_cast<unsigned long long>(n_escaped)));
    }
  }

  void name_format() {
    source_.format = "plain";
    uint64_t best = n_plain_;
    uint64_t fitting = 0;
    for (size_t i = 0; i < candidates_.size(); ++i) {
      fitting += used_[i];
      if (used_[i] == 0 || used_[i] < best) continue;
      best = used_[i];
      source_.format = candidates_[i].format->name;
      source_.format_match = double(used_[i]) / double(std::max<uint64_t>(1, source_.n_records));
    }
    if (source_.format != "plain" && fitting < source_.n_records) {
      note(format("%llu of %llu records fit no known format and are read by line order",
                  static_cast<unsigned long long>(source_.n_records - fitting),
                  static_cast<unsigned long long>(source_.n_records)));
    }
  }

  static std::string offset_text(int minutes) {
    if (minutes == 0) return "UTC";
    return format("%c%02d:%02d", minutes < 0 ? '-' : '+', std::abs(minutes) / 60,
                  std::abs(minutes) % 60);
  }

  void name_zone() {
    if (source_.first_time == no_time) {
      source_.time_zone = "UTC";
      if (source_.n_records > 0) note("no line has a time: everything goes by line order");
      return;
    }
    const std::string assumed = "assumed " + offset_text(utc_offset_minutes_);
    const std::optional<int> written = times_.written_offset_minutes();
    source_.time_zone = times_.assumed_zone() ? assumed : offset_text(written.value_or(0));
    if (times_.assumed_zone()) note(format("times carry no time zone: %s", assumed.c_str()));
    const char* from = given_year_                         ? "the format"
                       : options_.reference_time != no_time ? "the time given"
                       : input_.modified != no_time       ? "the file's time"
                                                          : "the time of reading";
    if (times_.assumed_year() != 0) {
      note(format("dates carry no year: assumed %d%s, from %s", times_.assumed_year(),
                  times_.year_passed() ? " and on past New Year" : "", from));
    }
    if (times_.assumed_date())
      note(format("times carry no date: assumed that they end at %s", from));
    if (times_.assumed_boot())
      note(format("times count from boot: assumed that they end at %s", from));
  }

  LogInput& input_;
  const FormatSet& formats_;
  const ParseOptions& options_;
  const OnBatch& on_batch_;
  const OnProgress& on_progress_;
  std::stop_token stop_;
  LineSource lines_;
  int utc_offset_minutes_;
  Ticks reference_;
  bool given_year_ = false;
  TimeResolver times_;
  Source source_;

  std::vector<FormatMatch> candidates_;  // best first
  std::vector<uint64_t> used_;           // records of each
  std::vector<const Format*> inner_;
  bool headed_ = false;          // most events begin with a header that we know
  bool headed_by_time_ = false;  // and that header has a time
  Fields fields_, inner_fields_;

  RecordBatch batch_;
  std::shared_ptr<TextArena> arena_, given_arena_;
  const LineBlock* block_ = nullptr;
  std::shared_ptr<std::string> joined_;
  std::string scratch_, json_;
  uint64_t line_no_ = 0, n_plain_ = 0, n_cut_lines_ = 0, n_cut_records_ = 0, n_ansi_ = 0,
           n_long_lines_ = 0;
  uint32_t pending_blanks_ = 0;
  bool line_goes_on_ = false, last_matched_ = false, in_trace_ = false;
  bool goes_on_cut_event_ = false;
  Ticks last_time_ = no_time;
  Level last_level_ = Level::none;
  CleanCounts clean_counts_;
};

}  // namespace

Source parse(LogInput& input, const FormatSet& formats, const ParseOptions& options,
             const OnBatch& on_batch, const OnProgress& on_progress, std::stop_token stop) {
  return Parser(input, formats, options, on_batch, on_progress, std::move(stop)).run();
}

}  // namespace app::logs
