// app/logs/templates.h: the shapes of messages, mined while records stream by.
//
// Numbers, addresses, ids, paths and the like are masked first; a masked text that was seen before
// finds its template in one hash look-up. New masked texts are clustered: the first records are
// held back until there is enough to tell a parameter from a word (Drain decides on the first line
// it sees; that is what costs it accuracy), later ones join the nearest template or start one. Ids
// count from 0 in the order of first sight and never change.
#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "app/logs/parse.h"
#include "app/types.h"

namespace app::logs {

struct MinerOptions {
  RowId first_row = 0;             // row id that the store will give the first record
  size_t learn_records = 100'000;  // held back at most
  size_t max_templates = 20'000;   // further shapes share the template "<*>"
  size_t max_bytes = 4096;         // only so much of a message is looked at
};

class TemplateMiner {
 public:
  explicit TemplateMiner(MinerOptions options = {});
  ~TemplateMiner();
  TemplateMiner(TemplateMiner&&) noexcept;

  // Goes on from the templates of an earlier run: ids and counts continue. Call before add.
  void restore(const std::vector<Template>& templates);

  // Takes a batch, sets template_id in its records and passes it to on_batch, in order; batches are
  // held back while learning.
  void add(RecordBatch&& batch, const OnBatch& on_batch);
  // Passes on what is held back. Call at the end of an ingest; add may follow again.
  void flush(const OnBatch& on_batch);

  // All templates by id, with counts, rows, times, samples and timeline of the records passed on.
  std::vector<Template> templates() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace app::logs
