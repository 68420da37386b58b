// Config reviews of the current session.
#include <algorithm>
#include <optional>
#include <utility>

#include "app/app_state.h"
#include "app/configs/fix.h"
#include "app/configs/review.h"
#include "app/diagnosis/redact.h"
#include "app/system.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app {
namespace {

constexpr size_t max_config_bytes = 32u << 20;

constexpr size_t max_earlier = 50;   // versions kept at hand; the database has them all

struct Masked {
  std::string text;   // empty: no secret is in it
  size_t n_secrets = 0;
};

// "    - name: DB_PASSWORD" -> "DB_PASSWORD"; "  value: x" with key "value" -> "x". Empty: another key.
std::string_view value_of(std::string_view line, std::string_view key) {
  const size_t begin = line.find_first_not_of(" \t-");
  if (begin == std::string_view::npos || line.substr(begin, key.size()) != key) return {};
  line.remove_prefix(begin + key.size());
  if (line.empty() || line[0] != ':') return {};
  const size_t value = line.find_first_not_of(" \t", 1);
  return value == std::string_view::npos ? std::string_view() : line.substr(value);
}

// An environment variable of Kubernetes stands on two lines: what its value is, is said by the name above.
std::string redacted_value(std::string_view line, std::string_view name, diagnosis::Redactor& redactor) {
  const std::string_view value = value_of(line, "value");
  if (name.empty() || value.empty()) return redactor.redact(line);
  const std::string joined = std::string(name) + "=" + std::string(value), masked = redactor.redact(joined);
  if (masked == joined) return redactor.redact(line);
  return std::string(line.substr(0, line.size() - value.size())) + masked.substr(std::min(masked.find('=') + 1, masked.size()));
}

// Line by line, so that line numbers hold; a private key's inner lines are masked by what stands
// around them, which only the whole text shows.
Masked masked_text(std::string_view text) {
  diagnosis::Redactor redactor;
  std::string masked;
  bool in_key = false;
  size_t n_key_blocks = 0;
  std::string_view name;   // of the line before
  for (const std::string_view line : engine::split(text, '\n')) {
    const bool begins = line.find("-----BEGIN") != std::string_view::npos && line.find("PRIVATE KEY") != std::string_view::npos;
    const bool ends = line.find("-----END") != std::string_view::npos;
    if (begins) ++n_key_blocks;
    masked += in_key && !ends ? std::string("<private-key>") : begins || ends ? std::string(line) : redacted_value(line, name, redactor);
    name = value_of(line, "name");
    masked += '\n';
    in_key = (in_key || begins) && !ends;
  }
  if (!masked.empty()) masked.pop_back();
  const size_t n_secrets = redactor.redactions().size() + n_key_blocks;
  return {n_secrets > 0 ? std::move(masked) : std::string(), n_secrets};
}

// What the newer reviews of the same file leave of one: a version of its own, where the text is another.
void keep_earlier(OpenSession& session, ConfigReview old, bool is_newest) {
  const auto same = [&](const ConfigReview& r) { return r.file == old.file && r.text == old.text; };
  for (const auto* list : {&session.reviews, &session.earlier})
    if (std::any_of(list->begin(), list->end(), same)) return;
  session.earlier.insert(is_newest ? session.earlier.begin() : session.earlier.end(), std::move(old));
  if (session.earlier.size() > max_earlier) session.earlier.pop_back();
}

}  // namespace

void mask_secrets(ConfigReview& review) {
  if (review.checked_for_secrets) return;
  review.checked_for_secrets = true;
  Masked masked = masked_text(review.text);
  review.masked = std::move(masked.text);
  review.n_secrets = masked.n_secrets;
}

void add_older_review(OpenSession& session, ConfigReview review) {
  const bool known = std::any_of(session.reviews.begin(), session.reviews.end(), [&](const ConfigReview& r) { return r.file == review.file; });
  if (known) keep_earlier(session, std::move(review), false);
  else session.reviews.push_back(std::move(review));
}

void App::State::publish_configs(OpenSession& session) {
  if (!is_current(session)) return;
  ConfigsView view;
  {
    const std::lock_guard lock(session.mutex);
    for (auto* list : {&session.reviews, &session.earlier})
      for (ConfigReview& review : *list) mask_secrets(review);
    view.reviews = session.reviews;
    view.earlier = session.earlier;
    view.running = session.reviewing;
  }
  set(configs_view, std::move(view));
}

namespace {

ConfigReview review_one(const std::string& name, const std::string& text, const std::string& kind) {
  ConfigReview review;
  review.file = name;
  review.text = text;
  try {
    configs::ReviewResult result = configs::review(name, text, kind);
    review.kind = result.kind;
    review.findings = std::move(result.findings);
    review.notes = std::move(result.notes);
    if (review.kind.empty()) review.error = name + ": no known kind of config; choose its kind";
  } catch (const engine::Error& e) {
    review.error = e.what();
  }
  return review;
}

}  // namespace

void App::review_config_paths(const std::vector<std::string>& paths) {
  if (!paths.empty()) state_->with_session([s = state_.get(), paths] { s->review_paths(paths); });
}

void App::State::review_paths(const std::vector<std::string>& paths) {
  State& s = *this;
  const SessionPtr session = current;
  {
    const std::lock_guard lock(session->mutex);
    session->reviewing = true;
  }
  s.publish_configs(*session);
  s.jobs->start("work", "config", "Reviewing configs", [&s, session, paths](Job& job) {
    for (size_t i = 0; i < paths.size() && !job.stop().stop_requested(); ++i) {
      job.progress(static_cast<double>(i) / static_cast<double>(paths.size()));
      ConfigReview review;
      try {
        review = review_one(paths[i], read_whole_file(paths[i], max_config_bytes), {});
      } catch (const engine::Error& e) {
        review.file = paths[i];
        review.error = e.what();
      }
      s.keep_review(*session, std::move(review));
    }
    {
      const std::lock_guard lock(session->mutex);
      session->reviewing = false;
    }
    s.publish_configs(*session);
  });
}

void App::review_config_text(const std::string& name, const std::string& text, const std::string& kind) {
  state_->with_session([s = state_.get(), name, text, kind] { s->review_text(name, text, kind); });
}

void App::State::review_text(const std::string& name, const std::string& text, const std::string& kind) {
  State& s = *this;
  const SessionPtr session = current;
  s.jobs->start("work", "config", "Reviewing " + name, [&s, session, name, text, kind](Job&) {
    s.keep_review(*session, review_one(name, text, kind));
  });
}

void App::State::keep_review(OpenSession& session, ConfigReview review) {
  review.time = store::now_ticks();
  mask_secrets(review);
  if (review.error.empty()) {
    store::ConfigReview stored;
    stored.time = review.time;
    stored.files = {{review.file, review.kind, review.text}};
    stored.findings = review.findings;
    review.id = sessions->save_review(session.id, stored);
  }
  {
    const std::lock_guard lock(session.mutex);
    const auto old = std::find_if(session.reviews.begin(), session.reviews.end(), [&](const ConfigReview& r) { return r.file == review.file; });
    std::optional<ConfigReview> replaced;
    if (old != session.reviews.end()) {
      replaced = std::move(*old);
      session.reviews.erase(old);
    }
    // A version that comes back is the newest again, not an earlier one as well.
    std::erase_if(session.earlier, [&](const ConfigReview& r) { return r.file == review.file && r.text == review.text; });
    session.reviews.insert(session.reviews.begin(), std::move(review));
    if (replaced && replaced->error.empty()) keep_earlier(session, std::move(*replaced), true);
  }
  publish_configs(session);
}

void App::make_fix(int64_t review_id, const std::string& file, size_t finding) {
  State& s = *state_;
  const SessionPtr session = s.current;
  if (!session) return;
  s.jobs->start("work", "config", "Trying the fix", [&s, session, review_id, file, finding](Job&) {
    const auto asked = [&](const ConfigReview& r) { return r.id == review_id && r.file == file && finding < r.findings.size(); };
    ConfigReview review;
    {
      const std::lock_guard lock(session->mutex);
      const auto at = std::find_if(session->reviews.begin(), session->reviews.end(), asked);
      if (at == session->reviews.end()) return;
      review = *at;
    }
    ConfigFix fix;
    fix.text = configs::fixed_text({review.file, review.text, review.kind}, review.findings[finding]).value_or("");
    fix.masked = masked_text(fix.text).text;
    {
      const std::lock_guard lock(session->mutex);
      const auto at = std::find_if(session->reviews.begin(), session->reviews.end(), asked);
      if (at != session->reviews.end()) at->fixes[finding] = std::move(fix);
    }
    s.publish_configs(*session);
  });
}

}  // namespace app
