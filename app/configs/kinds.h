// app/configs/kinds.h: the entry of each kind; review.cpp lists them in its table.
// A reviewer of text reports what it cannot parse as "<kind>/cannot-parse"; of YAML kinds the
// caller has done that, and the reviewer gets the documents that could be read.
#pragma once
#include <string_view>
#include <vector>

#include "app/configs/kubernetes.h"  // YamlFile
#include "app/configs/rule_book.h"

namespace app::configs {

struct TextFile {
  std::string_view text;
  Report* report = nullptr;
};

void review_kubernetes(std::vector<YamlFile>& files);
void review_docker_compose(std::vector<YamlFile>& files);
void review_prometheus_rules(std::vector<YamlFile>& files);
void check_prometheus_groups(const Node& root, Report& report);  // a map with groups
void review_nginx(std::string_view text, Report& report);
void review_dockerfile(std::string_view text, Report& report);
void review_terraform_files(std::vector<TextFile>& files);  // those of a folder are a module
void review_systemd_units(std::vector<TextFile>& files);  // units refer to each other by name

}  // namespace app::configs
