// app/diagnosis/redact.h: secrets out of text before a model or a reader outside sees it.
// Masked: passwords, tokens, API keys (also by their well-known prefixes), bearer and basic
// authorization, AWS keys, private key blocks, JWTs, user:password in URLs and connection strings;
// e-mail and IP addresses where asked. The same secret always gets the same placeholder, so that
// two lines about one token still read as such.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace app::diagnosis {

struct RedactOptions {
  bool emails = false;
  bool ip_addresses = false;
};

struct Redaction {
  std::string placeholder;  // "<password-1>"
  std::string secret{};
  uint64_t n_times = 0;
};

// Keeps the mapping from one text to the next. Not thread-safe.
class Redactor {
 public:
  explicit Redactor(const RedactOptions& options = {});
  ~Redactor();
  Redactor(Redactor&&) noexcept;
  Redactor& operator=(Redactor&&) noexcept;

  std::string redact(std::string_view text);
  const std::vector<Redaction>& redactions() const;  // in order of first sight
  // Puts the secrets back: what a person on this machine may see.
  std::string restore(std::string_view text) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// One text on its own.
std::string redact(std::string_view text, const RedactOptions& options = {});

}  // namespace app::diagnosis
