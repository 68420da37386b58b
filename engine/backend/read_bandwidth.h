// engine/backend/read_bandwidth.h: how fast this machine reads memory now, the bound of decoding.
#pragma once
#include <memory>

namespace engine {

// Bytes a second that n_threads (0: one for each core) read from memory together, in long runs: the
// best of three passes over 512 MB, or over a quarter of the free memory where that is less. Takes a
// fraction of a second. Throws Error{out_of_memory}.
class ReadBandwidth {
 public:
  explicit ReadBandwidth(int n_threads);
  ~ReadBandwidth();
  ReadBandwidth(const ReadBandwidth&) = delete;
  ReadBandwidth& operator=(const ReadBandwidth&) = delete;

  double measure();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace engine
