// tests/app/store/temp_folder.h: a folder of its own for one test, gone afterwards.
#pragma once
#include <stdlib.h>

#include <filesystem>
#include <string>

struct TempFolder {
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "sigma-store-XXXXXX").string();
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
