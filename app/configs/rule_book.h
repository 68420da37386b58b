// app/configs/rule_book.h: the rules as data, and how a kind's checks report against them.
#pragma once
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "app/configs/node.h"
#include "app/configs/review.h"

namespace app::configs {

struct RuleText {
  const char* file;  // "nginx.json"
  const char* json;
};
const std::vector<RuleText>& rule_texts();  // assets/config_rules, built in

// Collects the findings of one file. Every rule id must be in the rule book: an unknown one is a
// fault of ours and throws Error{internal}.
class Report {
 public:
  Report(std::string file, std::string kind) : file_(std::move(file)), kind_(std::move(kind)) {}

  // detail: what is wrong here, in one sentence; empty: the rule's title. subject: what it is
  // about.
  void add(std::string_view rule, int line, int column, std::string_view subject,
           std::string_view detail = {});
  void add(std::string_view rule, const Node& node, std::string_view subject,
           std::string_view detail = {}) {
    add(rule, node.line, node.column, subject, detail);
  }
  void note(std::string text);

  const std::string& file() const { return file_; }
  const std::string& kind() const { return kind_; }
  ReviewResult take();  // sorted, without repetitions

 private:
  std::string file_, kind_;
  std::vector<ConfigFinding> findings_;
  std::vector<std::string> notes_;
};

// The first of the nodes that has a place: the attribute itself, or else what should hold it.
const Node& placed(std::initializer_list<const Node*> nodes);

}  // namespace app::configs
