// Config reviews of the current session.
#include <algorithm>
#include <utility>

#include "app/app_state.h"
#include "app/configs/review.h"
#include "app/diagnosis/redact.h"
#include "app/system.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app {
namespace {

constexpr size_t max_config_bytes = 32u << 20;

// Once for each review. Line by line, so that line numbers hold; a private key's inner lines are
// masked by what stands around them, which only the whole text shows.
void mask_secrets(ConfigReview& review) {
  if (review.checked_for_secrets) return;
  review.checked_for_secrets = true;
  diagnosis::Redactor redactor;
  std::string masked;
  bool in_key = false;
  size_t n_key_blocks = 0;
  for (const std::string_view line : engine::split(review.text, '\n')) {
    const bool begins = line.find("-----BEGIN") != std::string_view::npos && line.find("PRIVATE KEY") != std::string_view::npos;
    const bool ends = line.find("-----END") != std::string_view::npos;
    if (begins) ++n_key_blocks;
    masked += in_key && !ends ? std::string("<private-key>") : begins || ends ? std::string(line) : redactor.redact(line);
    masked += '\n';
    in_key = (in_key || begins) && !ends;
  }
  if (!masked.empty()) masked.pop_back();
  review.n_secrets = redactor.redactions().size() + n_key_blocks;
  if (review.n_secrets > 0) review.masked = std::move(masked);
}

}  // namespace

void App::State::publish_configs(OpenSession& session) {
  if (!is_current(session)) return;
  ConfigsView view;
  {
    const std::lock_guard lock(session.mutex);
    view.reviews = session.reviews;
    for (ConfigReview& review : session.reviews) mask_secrets(review);
    view.reviews = session.reviews;
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
  State& s = *state_;
  const SessionPtr session = s.current;
  if (!session || paths.empty()) return;
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
  State& s = *state_;
  const SessionPtr session = s.current;
  if (!session) return;
  s.jobs->start("work", "config", "Reviewing " + name, [&s, session, name, text, kind](Job&) {
    s.keep_review(*session, review_one(name, text, kind));
  });
}

void App::State::keep_review(OpenSession& session, ConfigReview review) {
  if (review.error.empty()) {
    store::ConfigReview stored;
    stored.time = store::now_ticks();
    stored.files = {{review.file, review.kind, review.text}};
    stored.findings = review.findings;
    review.id = sessions->save_review(session.id, stored);
  }
  {
    const std::lock_guard lock(session.mutex);
    std::erase_if(session.reviews, [&](const ConfigReview& old) { return old.file == review.file; });
    session.reviews.insert(session.reviews.begin(), std::move(review));
  }
  publish_configs(session);
}

}  // namespace app
