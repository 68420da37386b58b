#include "app/models/fetch.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include "app/connectors/http.h"
#include "app/models/sha256.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::models {
namespace {

namespace fs = std::filesystem;
using engine::ErrorKind;
using engine::fail;

std::string checked_digest(const std::string& sha256) {
  std::string digest = engine::to_lower_ascii(engine::trim(sha256));
  if (digest.size() != 64 || digest.find_first_not_of("0123456789abcdef") != std::string::npos) {
    fail(ErrorKind::invalid_input, "a SHA-256 is 64 hexadecimal digits; \"%s\" is not",
         engine::escape_invalid_utf8(sha256.substr(0, 80)).c_str());
  }
  return digest;
}

uint64_t size_or_zero(const std::string& path) {
  std::error_code error;
  const auto n = fs::file_size(path, error);
  return error ? 0 : n;
}

// The .part file, opened to go on or to begin anew once the server has said which it gives.
class PartFile {
 public:
  explicit PartFile(std::string path) : path_(std::move(path)) {}

  void write(std::string_view bytes, bool from_start) {
    if (file_ == nullptr) {
      file_.reset(std::fopen(path_.c_str(), from_start ? "wb" : "ab"));
      if (file_ == nullptr) fail(ErrorKind::io, "%s: cannot write: %s", path_.c_str(), std::strerror(errno));
    }
    if (std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) != bytes.size()) give_up();
  }
  void close() {
    if (file_ != nullptr && std::fclose(file_.release()) != 0) give_up();
  }

 private:
  [[noreturn]] void give_up() const {
    fail(ErrorKind::io, "%s: cannot write on: %s; free some space and start again, it goes on where it stopped",
         path_.c_str(), std::strerror(errno));
  }
  std::string path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_{nullptr, std::fclose};
};

void download(const std::string& url, const std::string& part, std::stop_token stop,
              const std::function<void(const FetchProgress&)>& on_progress) {
  connectors::HttpRequest request;
  request.url = url;
  request.resume_from = size_or_zero(part);
  PartFile out(part);
  FetchProgress progress{0, 0, "downloading"};
  const auto on_data = [&](const connectors::HttpResponse& response, std::string_view bytes) {
    if (progress.n_done == 0 && response.resumed) progress.n_done = request.resume_from;
    out.write(bytes, !response.resumed && progress.n_done == 0);
    progress.n_done += bytes.size();
    progress.n_total = response.n_total;
    if (on_progress) on_progress(progress);
  };
  const connectors::HttpResponse response = connectors::http_stream(request, on_data, stop);
  out.close();
  if (response.status == 416) {  // the part is not a beginning of what is there now
    std::error_code ignored;
    fs::remove(part, ignored);
    fail(ErrorKind::io, "%s: what had come before does not fit the file there now; it was removed, start again",
         url.c_str());
  }
  if (response.status >= 400) {
    fail(ErrorKind::io, "%s: the server answered %ld; check the address", url.c_str(), response.status);
  }
}

}  // namespace

void fetch_model(const std::string& url, const std::string& sha256, const std::string& target,
                 std::stop_token stop, const std::function<void(const FetchProgress&)>& on_progress) {
  const std::string digest = checked_digest(sha256);
  const auto checking = [&](double fraction) {
    if (on_progress) on_progress({static_cast<uint64_t>(fraction * 1000), 1000, "checking"});
  };
  if (fs::exists(target)) {
    if (sha256_of_file(target, stop, checking) == digest) return;
    fail(ErrorKind::invalid_input, "%s: the file there has another checksum; move it away or give another name",
         target.c_str());
  }
  const fs::path folder = fs::path(target).parent_path();
  std::error_code error;
  if (!folder.empty()) fs::create_directories(folder, error);
  if (error) fail(ErrorKind::io, "%s: cannot make the folder: %s", folder.c_str(), error.message().c_str());

  const std::string part = target + ".part";
  std::string got = fs::exists(part) ? sha256_of_file(part, stop, checking) : "";
  if (got != digest) {
    download(url, part, stop, on_progress);
    if (!fs::exists(part)) fail(ErrorKind::io, "%s: the server sent nothing", url.c_str());
    got = sha256_of_file(part, stop, checking);
  }
  if (got != digest) {
    fs::remove(part, error);
    fail(ErrorKind::invalid_input, "%s: the download's SHA-256 is %s, not %s; it was removed. Start again; if it "
         "happens twice, the file at that address is another one", url.c_str(), got.c_str(), digest.c_str());
  }
  fs::rename(part, target, error);
  if (error) fail(ErrorKind::io, "%s: cannot rename it to %s: %s", part.c_str(), target.c_str(), error.message().c_str());
}

}  // namespace app::models
