// app/logs/anomalies.h: what stands out in a log, by counting: new, rare and gone templates,
// bursts, gaps, a rising share of errors. Each comes with one sentence that holds the figures.
#pragma once
#include <memory>
#include <span>
#include <stop_token>
#include <vector>

#include "app/store/log_store.h"
#include "app/types.h"

namespace app::logs {

struct AnomalyOptions {
  size_t max_anomalies = 50;  // best first
  size_t max_per_kind = 15;
};

// Counts while records stream by, in constant memory; feed it what the miner passed on.
class ActivityCounter {
 public:
  ActivityCounter();
  ~ActivityCounter();
  ActivityCounter(ActivityCounter&&) noexcept;
  void add(Ticks time, Level level, RowId row);
  void add(std::span<const Record> records, RowId first_row);
  std::vector<Anomaly> find(std::span<const Template> templates,
                            const AnomalyOptions& options = {}) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The same over records that are stored already. Throws Error{cancelled}.
std::vector<Anomaly> find_anomalies(std::span<const Template> templates,
                                    const store::LogSnapshot& log,
                                    const AnomalyOptions& options = {}, std::stop_token stop = {});

}  // namespace app::logs
