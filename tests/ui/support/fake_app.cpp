#include "tests/ui/support/fake_app.h"

#include <algorithm>

namespace ui_test {
namespace {

FakeApp* current = nullptr;

void note(const std::string& call) { current->calls.push_back(call); }

std::string joined(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out += " " + part;
  return out;
}

template <class T>
std::shared_ptr<const T> copy_of(const T& view) {
  return std::make_shared<const T>(view);
}

}  // namespace

FakeApp& fake() { return *current; }

bool FakeApp::called(const std::string& call) const {
  return std::find(calls.begin(), calls.end(), call) != calls.end();
}

}  // namespace ui_test

namespace app {

struct App::State {
  ui_test::FakeApp fake;
};

App::App(AppOptions) : state_(std::make_unique<State>()) {
  ui_test::current = &state_->fake;
  const auto log = store::make_memory_log_store()->snapshot();
  state_->fake.incident.log = state_->fake.logs.log = log;
}
App::~App() = default;

using ui_test::copy_of;
using ui_test::note;

std::shared_ptr<const SessionsView> App::sessions() const { return copy_of(state_->fake.sessions); }
std::shared_ptr<const IncidentView> App::incident() const { return copy_of(state_->fake.incident); }
std::shared_ptr<const LogsView> App::logs() const { return copy_of(state_->fake.logs); }
std::shared_ptr<const KqlView> App::kql() const { return copy_of(state_->fake.kql); }
std::shared_ptr<const QueryHelpView> App::query_help() const { return copy_of(state_->fake.help); }
std::shared_ptr<const WordsView> App::words() const { return copy_of(state_->fake.words); }
std::shared_ptr<const CompareView> App::compare() const { return copy_of(state_->fake.compare); }
std::shared_ptr<const ParametersView> App::parameters() const { return copy_of(state_->fake.parameters); }
std::shared_ptr<const FormatView> App::format() const { return copy_of(state_->fake.format); }
std::shared_ptr<const EncodingView> App::encodings() const { return copy_of(state_->fake.encodings); }
std::shared_ptr<const PromptPreview> App::preview() const { return copy_of(state_->fake.preview); }
std::shared_ptr<const ReportPreview> App::report() const { return copy_of(state_->fake.report); }
std::shared_ptr<const ConfigsView> App::configs() const { return copy_of(state_->fake.configs); }
std::shared_ptr<const TasksView> App::tasks() const { return copy_of(state_->fake.tasks); }
std::shared_ptr<const ModelsView> App::models() const { return copy_of(state_->fake.models); }
std::shared_ptr<const StatusView> App::status() const { return copy_of(state_->fake.status); }
const Settings& App::settings() const { return state_->fake.settings; }
const std::string& App::data_folder() const {
  static const std::string folder = "data-folder";
  return folder;
}

void App::new_session() { note("new_session"); }
void App::open_sample() { note("open_sample"); }
void App::open_session(int64_t id) { note("open_session " + std::to_string(id)); }
void App::rename_session(int64_t id, const std::string& title) { note("rename_session " + std::to_string(id) + " " + title); }
void App::pin_session(int64_t id, bool pinned) { note("pin_session " + std::to_string(id) + (pinned ? " 1" : " 0")); }
void App::archive_session(int64_t id, bool archived) { note("archive_session " + std::to_string(id) + (archived ? " 1" : " 0")); }
void App::tag_session(int64_t id, const std::vector<std::string>& tags) { note("tag_session " + std::to_string(id) + ui_test::joined(tags)); }
void App::duplicate_session(int64_t id) { note("duplicate_session " + std::to_string(id)); }
void App::delete_session(int64_t id) { note("delete_session " + std::to_string(id)); }
void App::undo_delete_session() { note("undo_delete_session"); }
void App::search_sessions(const std::string& text) { note("search_sessions " + text); }
void App::export_session(int64_t id, const std::string& path) { note("export_session " + std::to_string(id) + " " + path); }
void App::export_sessions(const std::vector<int64_t>& ids, const std::string& folder) {
  std::string list;
  for (const int64_t id : ids) list += " " + std::to_string(id);
  note("export_sessions" + list + " to " + folder);
}
void App::open_recovered() {
  note("open_recovered");
  state_->fake.sessions.recovered = {};
}
void App::discard_recovered() {
  note("discard_recovered");
  state_->fake.sessions.recovered = {};
}
void App::restore_recovered() { note("restore_recovered"); }
void App::dismiss_notice() {
  note("dismiss_notice");
  state_->fake.incident.notice.clear();
  state_->fake.incident.error.clear();
}
void App::check_again(bool every_source) { note(every_source ? "check_again all" : "check_again"); }
void App::set_packing(const Packing& packing) {
  const char* modes[] = {"by_template", "range", "cut"};
  note(std::string("set_packing ") + modes[int(packing.mode)] +
       (packing.mode == Packing::Mode::range ? " " + std::to_string(packing.source) + " " + std::to_string(packing.first_line) + " " + std::to_string(packing.last_line) : ""));
  state_->fake.incident.packing = packing;
}
void App::prepare_report(const std::string& extension, bool mask) {
  note("prepare_report " + extension + (mask ? " masked" : ""));
  ReportPreview& report = state_->fake.report;
  report.extension = extension;
  report.mask_secrets = mask;
  report.text = mask ? "# Report\npassword=<password-1>\n" : "# Report\npassword=hunter2\n";
  report.n_bytes = report.text.size();
  report.masked = {"a secret of 7 characters as <password-1>, 1 times"};
}
void App::finish_jobs() {}
void App::import_session(const std::string& path) { note("import_session " + path); }
void App::ingest_paths(const std::vector<std::string>& paths) { note("ingest_paths" + ui_test::joined(paths)); }
void App::ingest_text(const std::string& name, std::string text) { note("ingest_text " + name + " " + std::to_string(text.size())); }
void App::set_filter(const LogFilter& filter) {
  note("set_filter " + std::to_string(filter.chips.size()));
  state_->fake.filter = filter;
  state_->fake.logs.filter = filter;
}
void App::zoom_histogram(Ticks begin, Ticks end) { note(begin == no_time ? "zoom_histogram off" : "zoom_histogram " + std::to_string((end - begin) / ticks_per_second)); }
void App::count_parameters(const std::vector<uint32_t>& ids) {
  std::string call = "count_parameters";
  for (const uint32_t id : ids) call += " " + std::to_string(id);
  note(call);
}
void App::compare_logs(const FilterChip& a, const FilterChip& b) { note("compare_logs " + a.value + " " + b.value); }
void App::preview_format(const FormatDraft& draft) { note("preview_format " + draft.pattern); }
void App::save_format(const FormatDraft& draft) { note("save_format " + draft.name + " " + draft.pattern); }
void App::read_again(uint32_t source) { note("read_again " + std::to_string(source)); }
void App::guess_encodings(uint32_t source) { note("guess_encodings " + std::to_string(source)); }
void App::read_as(uint32_t source, const std::string& encoding) { note("read_as " + std::to_string(source) + " " + encoding); }
void App::fork_session(int64_t message) { note("fork_session " + std::to_string(message)); }
std::string App::view_state(const std::string& key) const {
  const auto found = state_->fake.view_state.find(key);
  return found == state_->fake.view_state.end() ? std::string() : found->second;
}
void App::set_view_state(const std::string& key, const std::string& value) { state_->fake.view_state[key] = value; }
void App::ask_again(int64_t message, const std::string& question, bool other_seed) {
  note("ask_again " + std::to_string(message) + " " + question + (other_seed ? " other seed" : ""));
}
void App::show_branch(int64_t message) { note("show_branch " + std::to_string(message)); }
void App::pin_answer(int64_t message) { note("pin_answer " + std::to_string(message)); }
void App::complete_query(const std::string& text, size_t offset) { note("complete_query " + text + " @" + std::to_string(offset)); }
void App::hover_query(const std::string& text, size_t offset) { note("hover_query " + text + " @" + std::to_string(offset)); }
void App::read_query_tables() { note("read_query_tables"); }
void App::ask_in_words(const std::string& question, bool with_model) { note("ask_in_words " + question + (with_model ? " with the model" : "")); }
std::function<std::shared_ptr<const kql::ResultTable>()> App::whole_result(const std::string& text) const {
  note("whole_result " + text);
  return [result = state_->fake.kql.result] { return result; };
}
void App::stop_words() { note("stop_words"); }
void App::save_file(const std::string& path, std::function<std::string()> make) { note("save_file " + path + " " + make()); }
void App::ask(const std::string& question) { note("ask " + question); }
void App::stop_answer() { note("stop_answer"); }
void App::set_draft(const std::string& text) { note("set_draft " + text); }
PromptPreview App::preview_prompt(const std::string& question) const {
  PromptPreview preview;
  preview.question = question;
  preview.parts = {{"system", "Answer from the evidence only.", 8}, {"E1", "write failed: No space left on device", 12}, {"question", question, 5}};
  preview.left_out = {"12 lines of evidence E4: over the budget"};
  preview.n_tokens = 25;
  preview.n_ctx = 4096;
  preview.n_masked_secrets = 2;
  preview.n_answer_tokens = 256;
  preview.masked = {"a secret of 12 characters is shown as <password-1>, 2 times"};
  return preview;
}
void App::prepare_preview(const std::string& question) {
  note("prepare_preview " + question);
  state_->fake.preview = preview_prompt(question);
}
void App::export_report(const std::string& path, bool mask) { note("export_report " + path + (mask ? " masked" : "")); }
void App::run_query(const std::string& text) { note("run_query " + text); }
void App::check_query(const std::string& text) { note("check_query " + text); }
void App::stop_query() { note("stop_query"); }
std::shared_ptr<const ConnectionsView> App::connections() const { return copy_of(state_->fake.connections); }
void App::refresh_connections() { note("refresh_connections"); }
void App::save_connection(const std::string& replaces, const connectors::Connection& c, const std::optional<std::string>& secret) {
  note("save_connection " + replaces + ":" + c.name + " " + c.kind + " " + c.url + " " + c.user + " " + secret.value_or("(kept)"));
}
void App::remove_connection(const std::string& name) { note("remove_connection " + name); }
void App::restore_connection() { note("restore_connection"); }
void App::test_connection(const std::string& name) { note("test_connection " + name); }
void App::make_fix(int64_t review, const std::string& file, size_t finding) { note("make_fix " + std::to_string(review) + " " + file + " " + std::to_string(finding)); }
void App::review_config_paths(const std::vector<std::string>& paths) { note("review_config_paths" + ui_test::joined(paths)); }
void App::review_config_text(const std::string& name, const std::string& text, const std::string& kind) {
  note("review_config_text " + name + " " + std::to_string(text.size()) + " " + kind);
}
void App::cross_check(int64_t review, const std::string& file) { note("cross_check " + std::to_string(review) + " " + file); }
void App::score_predictions(const std::string& task, const std::string& data, const std::string& predictions) {
  note("score_predictions " + task + " " + data + " " + predictions);
}
void App::show_run(int64_t run) { note("show_run " + std::to_string(run)); }
void App::refresh_models() { note("refresh_models"); }
void App::check_model(const std::string& path) { note("check_model " + path); }
void App::test_model() { note("test_model"); }
void App::load_model(const std::string& path) { note("load_model " + path); }
void App::stop_loading() { note("stop_loading"); }
void App::unload_model() { note("unload_model"); }
void App::add_model_file(const std::string& path) { note("add_model_file " + path); }
void App::cancel_job(int64_t id) { note("cancel_job " + std::to_string(id)); }
void App::change_settings(const Settings& settings) {
  note("change_settings " + settings.theme);
  state_->fake.settings = settings;
}

}  // namespace app
