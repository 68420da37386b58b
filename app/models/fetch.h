// app/models/fetch.h: downloads a model file, goes on where it stopped, and checks it.
#pragma once
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

namespace app::models {

struct FetchProgress {
  uint64_t n_done = 0, n_total = 0;  // bytes; total 0 where the server does not say
  const char* stage = "";            // "downloading", "checking"
};

// Fetches url (http, https, file) to `target`, whose SHA-256 must be `sha256` (64 hex digits). What
// has come lies in target.part until it is whole and right: a later call resumes it, a wrong
// checksum removes it. A target that is right already is left alone. Throws Error{invalid_input}
// (checksum, arguments), Error{io} (network, disk; one line that says what to do), Error{cancelled}.
void fetch_model(const std::string& url, const std::string& sha256, const std::string& target,
                 std::stop_token stop = {}, const std::function<void(const FetchProgress&)>& on_progress = {});

}  // namespace app::models
