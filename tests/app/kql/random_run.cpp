// Random queries against the plain evaluator, by number:
//
//   random_queries [first [count [stop-after]]]
//
// Prints each case that differs and ends with 1 if any did; stops after so many (20). What is being
// run when the process is killed is in the file that SIGMA_RANDOM_STATE names, where it is set.
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "random_check.h"

namespace {

uint64_t argument(int argc, char** argv, int k, uint64_t missing) { return k < argc ? std::strtoull(argv[k], nullptr, 10) : missing; }

void note(const char* path, uint64_t number) {
  if (!path) return;
  if (std::FILE* file = std::fopen(path, "w")) {
    std::fprintf(file, "%llu\n", static_cast<unsigned long long>(number));
    std::fclose(file);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t first = argument(argc, argv, 1, 0), count = argument(argc, argv, 2, 100'000), most = argument(argc, argv, 3, 20);
  const char* const state = std::getenv("SIGMA_RANDOM_STATE");
  const RandomCheck random;
  const auto begin = std::chrono::steady_clock::now();
  uint64_t n_run = 0, n_wrong = 0;
  for (; n_run < count && n_wrong < most; ++n_run) {
    if (n_run % 100 == 0 || count == 1) note(state, first + n_run);
    const std::string problem = random.check(first + n_run);
    if (count == 1) std::printf("%s\n", random.query(first).c_str());
    if (problem.empty()) continue;
    ++n_wrong;
    std::printf("%s\n\n", problem.c_str());
    std::fflush(stdout);
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::printf("%llu cases from %llu: %llu differ, %.0f cases/s\n", static_cast<unsigned long long>(n_run), static_cast<unsigned long long>(first), static_cast<unsigned long long>(n_wrong),
              static_cast<double>(n_run) / seconds);
  return n_wrong ? 1 : 0;
}
