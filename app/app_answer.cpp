// The model and its answers.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "app/app_state.h"
#include "app/diagnosis/evidence.h"
#include "app/diagnosis/prompt.h"
#include "app/models/catalog.h"
#include "app/system.h"
#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/model/sigma_config.h"

namespace app {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto stream_interval = std::chrono::milliseconds(40);
constexpr float retry_temperature = 0.7f;
constexpr auto measure_interval = std::chrono::seconds(2);

}  // namespace

// --- questions

void App::ask(const std::string& question) {
  if (question.empty()) return;
  state_->with_session([s = state_.get(), question] { s->guard("Asking", [&] { s->ask(s->current, question, true); }); });
}

void App::State::ask(const SessionPtr& session, const std::string& question, bool use_model, size_t parent, uint64_t seed_offset, bool as_first) {
  Message message;
  message.role = "user";
  message.text = question;
  message.time = store::now_ticks();
  message.id = sessions->save_message(session->id, message);
  size_t asked = 0;
  bool branched = false;
  const size_t n_sources = session->log->snapshot()->sources().size();
  std::string attached;
  {
    const std::lock_guard lock(session->mutex);
    if (parent == no_message && !as_first) {
      const std::vector<size_t> shown = shown_messages(*session);
      parent = shown.empty() ? no_message : shown.back();
    }
    asked = session->messages.size();
    if (std::vector<uint32_t> came = new_attachments(*session, parent, n_sources); !came.empty()) {
      session->attached[asked] = std::move(came);
      attached = attached_to_text(*session);
    }
    session->messages.push_back(message);
    if (parent_of(*session, asked) != parent) session->branch_parents[asked] = parent;
    session->branch_leaf = SIZE_MAX;
    branched = !session->branch_parents.empty();
    session->answering = true;
    session->streaming_text.clear();
    session->streaming_stage = "waiting for the model";
  }
  if (branched) save_branches(*session);
  if (!attached.empty()) keep_state(session->id, "attached", attached);
  set_error(*session, {});
  publish_incident(*session);
  // The model lane also where no model is loaded: one that is being loaded now will answer.
  jobs->start(
      use_model ? "model" : "work", "answer", "Answering",
      [this, session, question, use_model, asked, seed_offset](Job& job) { answer(session, question, use_model, asked, seed_offset, job); },
      [this, session](const std::string& error) {
        {
          const std::lock_guard lock(session->mutex);
          session->answering = false;
        }
        set_error(*session, error);
        publish_incident(*session);
      },
      session->id);
}

// Answers to questions of other sessions go on.
void App::stop_answer() {
  State& s = *state_;
  if (!s.current) return;
  for (const JobView& job : s.jobs->views())
    if (job.running && job.kind == "answer" && job.session == s.current->id) s.jobs->cancel(job.id);
}

// --- packing

std::string packing_to_text(const Packing& packing) {
  if (packing.mode == Packing::Mode::by_template) return {};
  if (packing.mode == Packing::Mode::cut) return "cut";
  return engine::format("range %u %llu %llu", packing.source, static_cast<unsigned long long>(packing.first_line),
                        static_cast<unsigned long long>(packing.last_line));
}

Packing packing_from_text(const std::string& text) {
  Packing packing;
  unsigned source = 0;
  unsigned long long first = 0, last = 0;
  if (text == "cut") {
    packing.mode = Packing::Mode::cut;
  } else if (std::sscanf(text.c_str(), "range %u %llu %llu", &source, &first, &last) == 3 && first > 0 && first <= last) {
    packing = {Packing::Mode::range, source, first, last};
  }
  return packing;
}

void App::set_packing(const Packing& packing) {
  State& s = *state_;
  if (!s.current) return;
  {
    const std::lock_guard lock(s.current->mutex);
    s.current->packing = packing;
  }
  s.keep_state(s.current->id, "packing", packing_to_text(packing));
  s.publish_incident(*s.current);
}

namespace {

// The evidence for a prompt: that of the whole log, or of the chosen lines.
std::vector<Evidence> packed_evidence(const Packing& packing, std::span<const Finding> findings, const store::LogSnapshot& log,
                                      const std::string& question, std::span<const Anomaly> anomalies) {
  diagnosis::EvidenceOptions options;
  // The prompt takes of a range what it has room for.
  if (packing.mode == Packing::Mode::range)
    options = {.max_pieces = 64, .max_lines_a_piece = 16, .range = diagnosis::LineRange{packing.source, packing.first_line, packing.last_line}};
  return diagnosis::gather_evidence(findings, log, question, anomalies, options);
}

std::string with_own(const std::string& instructions, const ModelPreset& preset) {
  return preset.instructions.empty() ? instructions : instructions + "\n\n" + preset.instructions;
}

diagnosis::PromptOptions prompt_options(const Packing& packing, const std::string& instructions) {
  diagnosis::PromptOptions options;
  options.instructions = instructions;
  options.in_order = packing.mode == Packing::Mode::cut;
  return options;
}

}  // namespace

void App::State::answer(const SessionPtr& session, const std::string& question, bool use_model, size_t asked, uint64_t seed_offset, Job& job) {
  const std::shared_ptr<const store::LogSnapshot> log = session->log->snapshot();
  diagnosis::Diagnosis diagnosis;
  std::vector<Anomaly> anomalies;
  Packing packing;
  {
    const std::lock_guard lock(session->mutex);
    diagnosis.checks.findings = session->findings;
    diagnosis.checks.checks = session->checks;
    anomalies = session->anomalies;
    packing = session->packing;
    session->streaming_stage = "gathering evidence";
  }
  publish_incident(*session);
  diagnosis.question = question;
  diagnosis.evidence = packed_evidence(packing, diagnosis.checks.findings, *log, question, anomalies);
  diagnosis.answer = diagnosis::compose_answer(question, diagnosis.checks.findings, diagnosis.evidence, *log);

  Answer answer = diagnosis.answer;
  std::string failed;
  if (use_model && model && generation) {
    Clock::time_point shown;
    diagnosis::AskOptions ask;
    const ModelPreset chosen = preset_of(settings_now(), model_path);
    ask.max_tokens = chosen.max_answer_tokens;
    ask.top_p = chosen.top_p;
    // Another try at temperature 0 would say the same again.
    ask.temperature = seed_offset == 0 ? chosen.temperature : std::max(chosen.temperature, retry_temperature);
    ask.seed = chosen.seed + seed_offset;
    ask.stop = job.stop();
    ask.prompt = prompt_options(packing, with_own(instructions, chosen));
    ask.on_text = [&](std::string_view piece) {
      {
        const std::lock_guard lock(session->mutex);
        session->streaming_text += piece;
        session->streaming_stage = "writing";
      }
      if (Clock::now() - shown < stream_interval) return;
      shown = Clock::now();
      publish_incident(*session);
    };
    {
      const std::lock_guard lock(session->mutex);
      session->streaming_stage = "reading the evidence";
    }
    publish_incident(*session);
    diagnosis::ModelAnswer said = diagnosis::ask_model(diagnosis, *log, *model, *generation, ask);
    answer = std::move(said.answer);
    if (said.failed) failed = said.failed->what();
    answer.model = model_name() + "  ·  " + model->device();
    if (!said.moved_to_cpu.empty()) answer.model += ", which took over from the GPU: " + said.moved_to_cpu;
    const std::lock_guard lock(model_mutex);
    context_used = answer.prompt_tokens + answer.generated_tokens;
    tokens_per_second = answer.tokens_per_second;
    first_token_ms = answer.first_token_ms;
  }

  Message reply;
  reply.role = "assistant";
  reply.text = answer.text;
  reply.time = store::now_ticks();
  reply.answer = std::move(answer);
  reply.id = sessions->save_message(session->id, reply, &diagnosis.evidence);
  std::vector<uint32_t> evidence_templates = templates_of(diagnosis.evidence, *log, {});
  bool branched = false;
  {
    const std::lock_guard lock(session->mutex);
    const size_t place = session->messages.size();
    session->messages.push_back(std::move(reply));
    if (parent_of(*session, place) != asked) session->branch_parents[place] = asked;
    branched = !session->branch_parents.empty();
    session->evidence = std::move(diagnosis.evidence);
    session->evidence_templates = std::move(evidence_templates);
    session->answering = false;
    session->streaming_text.clear();
    session->streaming_stage.clear();
  }
  if (branched) save_branches(*session);
  if (!failed.empty()) set_error(*session, failed);
  publish_incident(*session);
  publish_sessions();
}

PromptPreview App::preview_prompt(const std::string& question) const {
  return state_->current ? state_->make_preview(state_->current, question) : PromptPreview();
}

void App::prepare_preview(const std::string& question) {
  State& s = *state_;
  const SessionPtr session = s.current;
  if (!session) return;
  s.jobs->cancel_kind("preview");
  s.jobs->start("preview", "preview", "Putting the prompt together", [&s, session, question](Job& job) {
    PromptPreview preview = s.make_preview(session, question);
    if (!job.stop().stop_requested()) s.set(s.preview_view, std::move(preview));
  });
}

std::shared_ptr<const PromptPreview> App::preview() const { return state_->get(state_->preview_view); }

PromptPreview App::State::make_preview(const SessionPtr& session, const std::string& question) {
  ModelPreset chosen;
  PromptPreview preview;
  preview.question = question;
  std::shared_ptr<engine::LanguageModel> loaded;
  {
    const Settings all = settings_now();
    const std::lock_guard lock(model_mutex);
    loaded = model;
    chosen = preset_of(all, model_path);
    preview.n_answer_tokens = chosen.max_answer_tokens;
    preview.n_ctx = n_ctx > 0 ? n_ctx : chosen.n_ctx;
  }
  std::vector<Finding> findings;
  std::vector<Anomaly> anomalies;
  {
    const std::lock_guard lock(session->mutex);
    findings = session->findings;
    anomalies = session->anomalies;
    preview.packing = session->packing;
  }
  const std::shared_ptr<const store::LogSnapshot> log = session->log->snapshot();
  const auto count = [&](std::string_view text) {
    return loaded ? static_cast<int>(loaded->tokenize(text, false).size()) : diagnosis::estimate_tokens(text);
  };
  try {
    const std::vector<Evidence> evidence = packed_evidence(preview.packing, findings, *log, question, anomalies);
    const int budget = preview.n_ctx - chosen.max_answer_tokens;
    const diagnosis::Prompt prompt =
        diagnosis::build_prompt(question, findings, evidence, budget, count, prompt_options(preview.packing, with_own(instructions, chosen)));
    for (const diagnosis::PromptPart& part : prompt.parts) {
      if (!part.left_out) preview.parts.push_back({part.name, part.text, part.n_tokens});
      else preview.dropped.push_back({part.name, part.text, part.n_tokens});
    }
    preview.left_out = prompt.left_out;
    preview.n_tokens = prompt.n_tokens;
    for (const diagnosis::Redaction& r : prompt.redactions) {
      preview.n_masked_secrets += static_cast<int>(r.n_times);
      preview.masked.push_back(engine::format("a secret of %zu characters is shown as %s, %llu times", r.secret.size(), r.placeholder.c_str(),
                                              static_cast<unsigned long long>(r.n_times)));
    }
  } catch (const engine::Error& e) {
    preview.left_out.push_back(e.what());
  }
  return preview;
}

// --- models

// "SmolLM2-135M-Instruct Q4_1". Where the model is held: on its lane or under model_mutex.
std::string App::State::model_name() const {
  std::string name = model->name();
  const auto view = get(models_view);  // another thread may put a new one in its place
  for (const ModelInfo& info : view->models)
    if (info.path == model_path && !info.weight_type.empty() && name.find(info.weight_type) == std::string::npos) name += " " + info.weight_type;
  return name;
}

void App::State::publish_models() {
  ModelsView view;
  view.models = models::list_models(model_folders(data_folder, assets_folder));
  for (const ModelInfo& info : view.models) view.cache_bytes[info.path] = models::cache_bytes_per_token(info.path);
  view.folder = data_folder + "/models";
  const engine::GpuInfo gpu = engine::find_gpu();
  view.gpu = gpu.name;
  view.no_gpu = gpu.why_not;
  view.gpu_bytes = gpu.total_bytes;
  view.gpu_free_bytes = gpu.free_bytes;
  view.free_memory_bytes = models::free_memory_bytes();
  {
    const std::lock_guard lock(model_mutex);
    view.loaded_path = model ? model_path : "";
    view.loading_path = loading_path;
    view.loading_stage = loading_stage;
    view.loading_fraction = loading_fraction;
    view.n_ctx = n_ctx > 0 ? n_ctx : settings.n_ctx;
    view.error = model_error;
    view.failed_path = model_error.empty() ? "" : failed_path;
  }
  add_model_facts(view);
  set(models_view, std::move(view));
}

void App::refresh_models() {
  state_->guard("Looking for models", [&] { state_->publish_models(); });
}

void App::load_model(const std::string& path) {
  stop_loading();
  state_->start_loading(path);
}

void App::State::start_loading(const std::string& path) {
  {
    const std::lock_guard lock(model_mutex);
    loading_path = path;
    loading_stage = "open";
    loading_fraction = 0;
    model_error.clear();
  }
  publish_models();
  const ModelPreset preset = preset_of(settings_now(), path);
  const int wanted_ctx = preset.n_ctx;
  const engine::SessionOptions cache = {preset.cache, preset.cache};
  const int n_threads = settings.n_threads;
  const engine::GpuMode gpu_mode = engine::gpu_mode(settings.gpu);
  jobs->start(
      "model", "model", "Loading " + std::filesystem::path(path).filename().string(),
      [this, path, wanted_ctx, cache, n_threads, gpu_mode](Job& job) {
        engine::LoadOptions load;
        load.n_threads = n_threads;
        load.gpu = gpu_mode;
        load.on_progress = [&](const char* stage, double fraction) {
          {
            const std::lock_guard lock(model_mutex);
            loading_stage = stage;
            loading_fraction = fraction;
          }
          job.progress(fraction, stage);
        };
        // The old model leaves before the new one comes: both might not fit.
        {
          const std::lock_guard lock(model_mutex);
          generation.reset();
          model.reset();
          model_path.clear();
        }
        try {
          load.n_ctx = wanted_ctx;
          load.session = cache;
          std::shared_ptr<engine::LanguageModel> loaded = engine::LanguageModel::load(path, load, job.stop());
          const int ctx = std::min(wanted_ctx, loaded->n_ctx_trained() > 0 ? loaded->n_ctx_trained() : wanted_ctx);
          std::unique_ptr<engine::GenerationSession> session = engine::GenerationSession::create(loaded, ctx, cache);
          const std::lock_guard lock(model_mutex);
          model = std::move(loaded);
          generation = std::move(session);
          model_path = path;
          n_ctx = ctx;
        } catch (...) {
          {
            const std::lock_guard lock(model_mutex);
            loading_path.clear();
          }
          publish_models();
          throw;
        }
        {
          const std::lock_guard lock(model_mutex);
          loading_path.clear();
        }
        publish_models();
      },
      [this, path](const std::string& message) {
        {
          const std::lock_guard lock(model_mutex);
          loading_path.clear();
          model_error = message;
          failed_path = path;
        }
        publish_models();
      });
  {
    const std::lock_guard lock(view_mutex);
    settings.model_path = path;
  }
  guard("Saving the settings", [&] { sessions->set_setting("settings", to_json(settings)); });
}

void App::stop_loading() { state_->jobs->cancel_kind("model"); }

void App::unload_model() {
  State& s = *state_;
  s.jobs->start("model", "model", "Unloading the model", [&s](Job&) {
    {
      const std::lock_guard lock(s.model_mutex);
      s.generation.reset();
      s.model.reset();
      s.model_path.clear();
      s.tokens_per_second = s.first_token_ms = 0;
      s.context_used = 0;
    }
    s.publish_models();
  });
}

void App::add_model_file(const std::string& path) {
  State& s = *state_;
  s.guard("Adding the model", [&] {
    const std::filesystem::path folder = s.data_folder + "/models";
    const std::filesystem::path target = folder / std::filesystem::path(path).filename();
    std::filesystem::create_directories(folder);
    if (!std::filesystem::exists(target)) {
      std::filesystem::create_symlink(std::filesystem::absolute(path), target);
    }
    s.publish_models();
    if (std::filesystem::is_regular_file(target)) check_model(target.string());
  });
}

std::shared_ptr<const StatusView> App::status() const {
  State& s = *state_;
  auto view = std::make_shared<StatusView>();
  view->jobs = s.jobs->views();
  {
    const std::lock_guard lock(s.model_mutex);
    view->model = s.model ? s.model_name() : "";
    view->device = s.model ? s.model->device() : "";
    view->context_used = s.context_used;
    view->context_total = s.n_ctx;
    view->tokens_per_second = s.tokens_per_second;
    view->first_token_ms = s.first_token_ms;
  }
  // Asked for every frame, while these two cost a look into /proc.
  if (Clock::now() - s.measured > measure_interval) {
    s.measured = Clock::now();
    s.free_memory_bytes = models::free_memory_bytes();
    s.connections = list_internet_sockets();
  }
  view->free_memory_bytes = s.free_memory_bytes;
  view->n_connections = static_cast<int>(s.connections.size());
  view->connections = s.connections;
  {
    const std::lock_guard lock(s.connections_mutex);
    for (const auto& [name, n] : s.remote_uses) view->remote.push_back(name);
  }
  return view;
}

}  // namespace app
