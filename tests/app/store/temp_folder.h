// tests/app/store/temp_folder.h: a folder of its own for one test, gone afterwards.
#pragma once
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <string>

struct TempFolder {
  explicit TempFolder(bool on_disk = false) {
    // In memory where there is room: the tests wait for the disk at every flush otherwise.
    const bool has_memory = !on_disk && std::filesystem::is_directory("/dev/shm") &&
                            ::access("/dev/shm", W_OK) == 0;
    const std::filesystem::path parent = has_memory ? "/dev/shm" : std::filesystem::temp_directory_path();
    std::string name = (parent / "sigma-store-XXXXXX").string();
    if (::mkdtemp(name.data()) != nullptr) path = name;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  std::string file(const std::string& name) const { return path + "/" + name; }
  std::string path;
};
