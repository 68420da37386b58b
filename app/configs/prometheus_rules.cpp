// Prometheus alerting and recording rules.
#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "app/configs/kinds.h"
#include "app/configs/promql.h"
#include "app/configs/regex_shape.h"
#include "engine/base/text.h"

namespace app::configs {
namespace {

using promql::Expr;

void invalid(Report& report, const Node& at, const std::string& subject,
             const std::string& detail) {
  report.add("prometheus/invalid-rule", at, subject, detail);
}

// --- what a query always or never does -----------------------------------------------------------

bool is_comparison(const Expr& expr) {
  static const std::set<std::string> ops = {"==", "!=", "<", ">", "<=", ">="};
  return expr.kind == Expr::Kind::binary && ops.contains(expr.name);
}

// Some part filters: a comparison, absent(), or a set operation with a part that filters.
bool can_be_empty(const Expr& expr) {
  if (is_comparison(expr)) return !expr.is_bool;
  if (expr.kind == Expr::Kind::call && expr.name.starts_with("absent")) return true;
  if (expr.kind == Expr::Kind::binary && expr.name == "or")
    return can_be_empty(*expr.args[0]) && can_be_empty(*expr.args[1]);
  if (expr.kind == Expr::Kind::binary && expr.name == "unless") return true;
  return std::any_of(expr.args.begin(), expr.args.end(),
                     [](const auto& arg) { return can_be_empty(*arg); });
}

bool is_plain(std::string_view pattern) {
  return pattern.find_first_of("\\.+*?()|[]{}^$") == std::string_view::npos;
}

std::string matcher_fault(const promql::Matcher& matcher) {
  if (matcher.op != "=~" && matcher.op != "!~") return "";
  const std::string plain =
      matcher.label + (matcher.op == "=~" ? "=\"" : "!=\"") + matcher.value + "\"";
  if (is_plain(matcher.value)) return "the pattern has nothing to match loosely; write " + plain;
  if (matcher.value == ".*" || matcher.value == ".+")
    return "the pattern matches everything" +
           std::string(matcher.value == ".+" ? " that is not empty" : "") +
           "; compare with \"\" or leave it out";
  if (matcher.value.starts_with('^') ||
      (matcher.value.ends_with('$') && !matcher.value.ends_with("\\$")))
    return "the pattern is anchored at both ends anyway; leave out ^ and $";
  return "";
}

void check_selectors(const Expr& expr, const Node& at, const std::string& subject, Report& report) {
  std::set<std::string> seen;
  for (const promql::Matcher& matcher : expr.matchers) {
    const std::string fault = matcher_fault(matcher);
    if (!fault.empty()) report.add("prometheus/redundant-pattern", at, subject, fault);
    const bool pattern = matcher.op == "=~" || matcher.op == "!~";
    if (pattern && !read_regex(matcher.value).root)
      report.add("prometheus/promql-syntax", at, subject,
                 "the pattern \"" + matcher.value + "\" cannot be read");
    if (!matcher.op.empty() && !seen.insert(matcher.label + matcher.op + matcher.value).second)
      report.add("prometheus/duplicate-matcher", at, subject,
                 "the matcher on " + matcher.label + " stands twice");
  }
  const bool needs_range =
      expr.kind == Expr::Kind::call &&
      (expr.name.ends_with("_over_time") || expr.name == "rate" || expr.name == "irate" ||
       expr.name == "increase" || expr.name == "delta" || expr.name == "idelta" ||
       expr.name == "deriv" || expr.name == "changes" || expr.name == "resets" ||
       expr.name == "predict_linear");
  if (needs_range && std::none_of(expr.args.begin(), expr.args.end(),
                                  [](const auto& arg) { return arg->has_range; })) {
    report.add("prometheus/promql-syntax", at, subject,
               expr.name + "() needs a range such as [5m]");
  }
  // rate(sum(counter)) cannot see resets; a subquery hides it from the parser.
  if ((expr.name == "rate" || expr.name == "increase" || expr.name == "irate") &&
      expr.kind == Expr::Kind::call && !expr.args.empty() &&
      expr.args[0]->kind == Expr::Kind::subquery) {
    const Expr& inner = *expr.args[0]->args[0];
    if (inner.kind == Expr::Kind::aggregation) report.add("prometheus/rate-of-sum", at, subject);
  }
  const bool fragile =
      expr.kind == Expr::Kind::binary && !expr.has_matching &&
      expr.args[0]->kind != expr.args[1]->kind &&
      std::any_of(expr.args.begin(), expr.args.end(),
                  [](const auto& arg) {
                    return arg->kind == Expr::Kind::aggregation && arg->has_grouping && !arg->by;
                  }) &&
      std::any_of(expr.args.begin(), expr.args.end(),
                  [](const auto& arg) { return arg->kind == Expr::Kind::selector; });
  if (fragile) report.add("prometheus/fragile-join", at, subject);
  for (const auto& arg : expr.args) check_selectors(*arg, at, subject, report);
}

bool samples(const Expr& expr) {
  if (expr.kind == Expr::Kind::aggregation && (expr.name == "topk" || expr.name == "bottomk" ||
                                               expr.name == "limitk" || expr.name == "limit_ratio"))
    return true;
  // topk by (node) (1, x) on one side of a join only picks one of equal series.
  if (expr.kind == Expr::Kind::binary && expr.has_matching) return false;
  return std::any_of(expr.args.begin(), expr.args.end(),
                     [](const auto& arg) { return samples(*arg); });
}

// Labels that the outermost aggregation leaves; nullopt: all may be there.
std::optional<std::set<std::string>> labels_left(const Expr& expr) {
  if (expr.kind == Expr::Kind::aggregation && expr.name != "topk" && expr.name != "bottomk") {
    if (!expr.has_grouping) return std::set<std::string>{};
    if (!expr.by) return std::nullopt;
    return std::set<std::string>(expr.grouping.begin(), expr.grouping.end());
  }
  if (expr.kind == Expr::Kind::paren || expr.kind == Expr::Kind::unary)
    return labels_left(*expr.args[0]);
  if (expr.kind == Expr::Kind::binary && expr.args[1]->kind == Expr::Kind::number)
    return labels_left(*expr.args[0]);
  return std::nullopt;
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

// A label that an aggregation took away can be neither grouped nor joined by.
void check_lost_labels(const Expr& expr, const Node& at, const std::string& subject,
                       Report& report) {
  for (const auto& arg : expr.args) check_lost_labels(*arg, at, subject, report);
  const bool groups = expr.kind == Expr::Kind::aggregation && expr.by;
  const bool joins = expr.kind == Expr::Kind::binary && expr.has_matching && expr.on;
  if (groups || joins) {
    for (const auto& arg : expr.args) {
      const auto left = labels_left(*arg);
      for (const std::string& label : expr.grouping) {
        if (left && !left->contains(label) && arg->kind != Expr::Kind::number)
          return report.add("prometheus/impossible-match", at, subject,
                            "the label " + label + " is gone after the inner aggregation");
      }
    }
  }
  if (expr.kind != Expr::Kind::binary || expr.has_matching || expr.name == "or") return;
  const auto left = labels_left(*expr.args[0]), right = labels_left(*expr.args[1]);
  if (!left || !right || *left == *right) return;
  report.add("prometheus/impossible-match", at, subject,
             "the sides of " + expr.name + " have different labels (" +
                 listed({left->begin(), left->end()}) + " and " +
                 listed({right->begin(), right->end()}) + "), so that nothing matches");
}

// errors_total > 10: a counter only grows, so that the alert once firing fires for ever.
bool is_raw_counter(const Expr& expr) {
  if (expr.kind == Expr::Kind::selector) return !expr.has_range && expr.name.ends_with("_total");
  if (expr.kind == Expr::Kind::paren ||
      (expr.kind == Expr::Kind::aggregation && expr.name != "count"))
    return is_raw_counter(*expr.args.back());
  return false;
}

bool compares_counter(const Expr& expr) {
  if (expr.kind == Expr::Kind::binary && (expr.name == ">" || expr.name == ">=") &&
      is_raw_counter(*expr.args[0]) && expr.args[1]->kind == Expr::Kind::number &&
      expr.args[1]->name != "0")
    return true;
  return std::any_of(expr.args.begin(), expr.args.end(),
                     [](const auto& arg) { return compares_counter(*arg); });
}

bool calls_absent(const Expr& expr) {
  if (expr.kind == Expr::Kind::call && expr.name == "absent") return true;
  return std::any_of(expr.args.begin(), expr.args.end(),
                     [](const auto& arg) { return calls_absent(*arg); });
}

// --- templates in labels and annotations ---------------------------------------------------------

std::string template_fault(std::string_view text) {
  static const std::set<std::string, std::less<>> known = {"query",
                                                           "first",
                                                           "label",
                                                           "value",
                                                           "sortByLabel",
                                                           "strvalue",
                                                           "args",
                                                           "reReplaceAll",
                                                           "safeHtml",
                                                           "match",
                                                           "title",
                                                           "toUpper",
                                                           "toLower",
                                                           "graphLink",
                                                           "tableLink",
                                                           "parseDuration",
                                                           "humanize",
                                                           "humanize1024",
                                                           "humanizeDuration",
                                                           "humanizePercentage",
                                                           "humanizeTimestamp",
                                                           "toTime",
                                                           "pathPrefix",
                                                           "externalURL",
                                                           "stripPort",
                                                           "stripDomain",
                                                           "now",
                                                           "toDuration",
                                                           "urlQueryEscape",
                                                           "printf",
                                                           "print",
                                                           "println",
                                                           "len",
                                                           "index",
                                                           "slice",
                                                           "html",
                                                           "js",
                                                           "urlquery",
                                                           "and",
                                                           "or",
                                                           "not",
                                                           "eq",
                                                           "ne",
                                                           "lt",
                                                           "le",
                                                           "gt",
                                                           "ge",
                                                           "call",
                                                           "if",
                                                           "else",
                                                           "end",
                                                           "range",
                                                           "with",
                                                           "template",
                                                           "define",
                                                           "block",
                                                           "break",
                                                           "continue",
                                                           "true",
                                                           "false",
                                                           "nil"};
  for (size_t at = text.find("{{"); at != std::string_view::npos; at = text.find("{{", at + 2)) {
    const size_t close = text.find("}}", at);
    if (close == std::string_view::npos) return "\"{{\" is not closed";
    std::string_view body = text.substr(at + 2, close - at - 2);
    if (body.find("/*") != std::string_view::npos) continue;
    bool in_string = false, word_start = true;
    char quote = 0;
    for (size_t i = 0; i < body.size(); ++i) {
      const char c = body[i];
      if (in_string) {
        in_string = c != quote;
        continue;
      }
      if (c == '"' || c == '`') {
        in_string = true;
        quote = c;
      } else if (word_start && std::isalpha(static_cast<unsigned char>(c))) {
        size_t end = i;
        while (end < body.size() &&
               (std::isalnum(static_cast<unsigned char>(body[end])) || body[end] == '_'))
          ++end;
        if (!known.contains(body.substr(i, end - i)))
          return "there is no template function " + std::string(body.substr(i, end - i));
        i = end - 1;
      }
      word_start = std::isspace(static_cast<unsigned char>(c)) || c == '(' || c == '|' ||
                   c == '-' || c == ',';
    }
    if (in_string) return "a quoted string in {{ }} is not closed";
  }
  return "";
}

void check_template_labels(std::string_view text, const std::set<std::string>& left, const Node& at,
                           const std::string& subject, Report& report) {
  for (std::string_view prefix : {"$labels.", ".Labels."}) {
    for (size_t found = text.find(prefix); found != std::string_view::npos;
         found = text.find(prefix, found + 1)) {
      size_t end = found + prefix.size();
      std::string name;
      while (end < text.size() &&
             (std::isalnum(static_cast<unsigned char>(text[end])) || text[end] == '_'))
        name += text[end++];
      if (!left.contains(name))
        report.add(
            "prometheus/template-label-gone", at, subject,
            "the label " + name + " is gone after the aggregation, so that the text stays empty");
    }
  }
}

// --- rules ---------------------------------------------------------------------------------------

void check_map(const Node& rule, const char* key, const std::string& subject, Report& report) {
  const Node& map = rule[key];
  if (!map.exists() || map.is_null()) return;
  if (!map.is_map()) return invalid(report, map, subject, std::string(key) + " must be a map");
  std::set<std::string> seen;
  for (const Node::Member& member : map.members) {
    const std::string& name = member.first->text;
    if (name.empty()) invalid(report, *member.first, subject, "a label without a name");
    if (name == "__name__" ||
        (std::string_view(key) == "labels" && rule.has("alert") && name == "alertname"))
      invalid(report, *member.first, subject, "the label " + name + " is set by Prometheus itself");
    if (!seen.insert(name).second)
      invalid(report, *member.first, subject, "the key " + name + " stands twice");
    if (!member.second->is_scalar())
      invalid(report, *member.second, subject, "the value of " + name + " must be text");
    const std::string fault = rule.has("alert") ? template_fault(member.second->text) : "";
    if (!fault.empty()) report.add("prometheus/template", *member.second, subject, fault);
  }
}

// An alert that fires on purpose all the time, to show that alerts arrive.
bool is_watchdog(const std::string& alert, const Expr& expr) {
  if (expr.kind != Expr::Kind::call || expr.name != "vector") return false;
  const std::string name = engine::to_lower_ascii(alert);
  return name.find("watchdog") != name.npos ||
         (name.find("dead") != name.npos && name.find("man") != name.npos);
}

void check_expression(const Node& rule, const std::string& subject, Report& report) {
  const Node& text = rule["expr"];
  const promql::Parsed parsed = promql::parse(text.text);
  if (parsed.fault)
    return report.add(
        "prometheus/promql-syntax", text, subject,
        parsed.fault->message + " (at character " + std::to_string(parsed.fault->offset + 1) + ")");
  check_selectors(*parsed.expr, text, subject, report);
  check_lost_labels(*parsed.expr, text, subject, report);
  if (!rule.has("alert")) return;
  if (calls_absent(*parsed.expr) && (rule["for"].empty() || rule["for"].text.starts_with("0")))
    report.add("prometheus/absent-without-for", text, subject);
  if (compares_counter(*parsed.expr)) report.add("prometheus/raw-counter", text, subject);
  if (!can_be_empty(*parsed.expr) && !is_watchdog(rule["alert"].text, *parsed.expr))
    report.add("prometheus/always-firing", text, subject);
  if (samples(*parsed.expr)) report.add("prometheus/sampled-alert", text, subject);
  const auto left = labels_left(*parsed.expr);
  if (!left) return;
  std::set<std::string> known = *left;
  for (const Node::Member& label : rule["labels"].members) known.insert(label.first->text);
  for (const char* key : {"annotations", "labels"}) {
    for (const Node::Member& member : rule[key].members)
      check_template_labels(member.second->text, known, *member.second, subject, report);
  }
}

void check_duration(const Node& rule, const char* key, const std::string& subject, Report& report) {
  const Node& value = rule[key];
  if (!value.exists()) return;
  if (!rule.has("alert") && rule.has("record"))
    return invalid(report, rule.key_of(key), subject, std::string(key) + " belongs to alerts only");
  if (!promql::is_duration(value.text))
    return report.add("prometheus/invalid-duration", value, subject,
                      "\"" + value.text + "\" is not a duration such as 5m");
  if (value.text == "0" || value.text == "0s" || value.text == "0m")
    report.add("prometheus/redundant-for", value, subject,
               std::string(key) + ": " + value.text + " is the default");
}

void check_keys(const Node& map, std::initializer_list<std::string_view> allowed,
                const std::string& subject, const char* what, Report& report) {
  std::set<std::string> seen;
  for (const Node::Member& member : map.members) {
    const std::string& key = member.first->text;
    if (std::find(allowed.begin(), allowed.end(), key) == allowed.end())
      invalid(report, *member.first, subject, "\"" + key + "\" is not a key of a " + what);
    if (!seen.insert(key).second)
      invalid(report, *member.first, subject, "the key " + key + " stands twice");
  }
}

void check_rule(const Node& rule, Report& report) {
  if (!rule.is_map()) return invalid(report, rule, "", "a rule must be a map");
  const bool alert = rule.has("alert"), record = rule.has("record");
  const Node& name = alert ? rule["alert"] : rule["record"];
  const std::string subject = (alert ? "alert " : "record ") + name.text;
  check_keys(rule, {"alert", "record", "expr", "for", "keep_firing_for", "labels", "annotations"},
             subject, "rule", report);
  if (!alert && !record) return invalid(report, rule, "", "the rule has neither alert nor record");
  if (alert && record) invalid(report, rule, subject, "the rule has both alert and record");
  if (name.empty()) invalid(report, placed({&name, &rule}), subject, "the name is empty");
  const bool metric = std::all_of(name.text.begin(), name.text.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == ':' || c == '.' || c >= 128;  // UTF-8 since 3.0
  });
  if (record && !alert &&
      (!metric || (!name.text.empty() && std::isdigit(static_cast<unsigned char>(name.text[0])))))
    invalid(report, name, subject, "\"" + name.text + "\" is not a metric name");
  if (record && rule.has("annotations"))
    invalid(report, rule.key_of("annotations"), subject, "annotations belong to alerts only");
  check_duration(rule, "for", subject, report);
  check_duration(rule, "keep_firing_for", subject, report);
  check_map(rule, "labels", subject, report);
  check_map(rule, "annotations", subject, report);
  for (const char* key : {"alert", "record", "expr", "for", "keep_firing_for"}) {
    if (rule.has(key) && (rule[key].is_map() || rule[key].is_list()))
      return invalid(report, rule[key], subject, std::string(key) + " must be text");
  }
  if (!rule.has("expr")) return invalid(report, rule, subject, "expr is missing");
  if (rule["expr"].empty() || engine::trim(rule["expr"].text).empty())
    return invalid(report, placed({&rule["expr"], &rule}), subject, "expr is empty");
  check_expression(rule, subject, report);
}

std::string fingerprint(const Node& rule) {
  std::string text = rule["alert"].text + "|" + rule["record"].text + "|" + rule["expr"].text;
  for (const Node::Member& label : rule["labels"].members)
    text += "|" + label.first->text + "=" + label.second->text;
  return text;
}

void check_rules(const Node& rules, std::set<std::string>& seen, Report& report) {
  if (!rules.exists() || rules.is_null()) return;
  if (!rules.is_list()) return invalid(report, rules, "", "rules must be a list");
  for (const Node* rule : rules.items) {
    check_rule(*rule, report);
    if (rule->has("record") && !seen.insert(fingerprint(*rule)).second)
      report.add("prometheus/duplicate-rule", *rule, "record " + (*rule)["record"].text);
  }
}

void check_group(const Node& group, std::map<std::string, int>& names, std::set<std::string>& seen,
                 Report& report) {
  if (!group.is_map()) return invalid(report, group, "", "a group must be a map");
  const Node& name = group["name"];
  const std::string subject = "group " + name.text;
  for (const Node::Member& member : group.members) {
    static const std::set<std::string> allowed = {"name",  "interval", "query_offset",
                                                  "limit", "rules",    "labels"};
    const std::string& key = member.first->text;
    if (key == "partial_response_strategy")
      invalid(report, *member.first, subject,
              "partial_response_strategy is understood by Thanos only");
    else if (!allowed.contains(key))
      invalid(report, *member.first, subject, "\"" + key + "\" is not a key of a group");
  }
  if (name.empty())
    invalid(report, placed({&name, &group}), "", "the group has no name");
  else if (!names.emplace(name.text, name.line).second)
    invalid(report, name, subject, "the group name is used twice");
  for (const char* key : {"interval", "query_offset"}) {
    if (group.has(key) && !promql::is_duration(group[key].text))
      report.add("prometheus/invalid-duration", group[key], subject,
                 "\"" + group[key].text + "\" is not a duration such as 1m");
  }
  if (group.has("limit") && !group["limit"].number())
    invalid(report, group["limit"], subject, "limit must be a number");
  check_map(group, "labels", subject, report);
  check_rules(group["rules"], seen, report);
}

void check_document(const Node& root, Report& report) {
  std::map<std::string, int> names;
  std::set<std::string> seen;
  if (root.is_list()) {
    invalid(report, root, "", "the top level must be a map with groups; this is a list of rules");
    return check_rules(root, seen, report);
  }
  if (!root.is_map()) return invalid(report, root, "", "the top level must be a map with groups");
  check_keys(root, {"groups"}, "", "rule file", report);
  if (!root["groups"].is_list())
    return invalid(report, placed({&root["groups"], &root}), "", "groups must be a list");
  for (const Node* group : root["groups"].items) check_group(*group, names, seen, report);
}

}  // namespace

void check_prometheus_groups(const Node& root, Report& report) { check_document(root, report); }

void review_prometheus_rules(std::vector<YamlFile>& files) {
  for (YamlFile& file : files) {
    for (const Document& document : file.yaml.documents)
      check_document(*document.root, *file.report);
    if (file.yaml.documents.size() > 1)
      file.report->add("prometheus/several-documents", *file.yaml.documents[1].root, "");
    if (file.yaml.documents.empty() && !file.yaml.error)
      file.report->add("prometheus/invalid-rule", 1, 1, "", "the file is empty");
  }
}

}  // namespace app::configs
