// app/language_service.h: a thread that answers what the editor of queries asks; private to app/.
#pragma once
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "app/views.h"

namespace app {

class LanguageService {
 public:
  struct Question {
    enum class Kind { tables, complete, hover, check } kind = Kind::tables;
    std::string text;
    size_t offset = 0;
    int64_t session = 0;
    RowId n_rows = 0;
  };

  // tables gives those of the session asked about; publish gets every answer. Both are called on the
  // service's thread.
  LanguageService(std::function<kql::Tables()> tables, std::function<void(QueryHelpView)> publish);
  ~LanguageService();
  LanguageService(const LanguageService&) = delete;
  LanguageService& operator=(const LanguageService&) = delete;

  void ask(Question question);
  bool idle() const;

 private:
  void work(std::stop_token stop);
  void answer(const Question& question, const std::stop_token& stop);
  void read_tables(const kql::Tables& tables, const std::stop_token& stop);

  std::function<kql::Tables()> tables_;
  std::function<void(QueryHelpView)> publish_;
  mutable std::mutex mutex_;
  std::condition_variable_any wake_;
  std::vector<Question> waiting_;       // one of a kind at most
  std::stop_source running_;
  Question::Kind running_kind_ = Question::Kind::tables;
  bool busy_ = false;
  QueryHelpView view_;                  // the service's thread alone
  kql::SampleValues values_;
  std::jthread thread_;                 // last: it uses the rest
};

}  // namespace app
