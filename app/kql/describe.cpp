#include "app/kql/describe.h"

#include <algorithm>
#include <map>

#include "app/kql/aggregates.h"
#include "app/kql/functions.h"
#include "app/kql/query.h"

namespace app::kql {
namespace {

const std::map<std::string_view, const Doc*>& docs() {
  static const std::map<std::string_view, const Doc*> table = [] {
    std::map<std::string_view, const Doc*> all;
    for (const auto part : {operator_docs(), aggregate_docs(), text_docs(), value_docs(), collection_docs(), field_docs()})
      for (const Doc& doc : part) all.emplace(doc.name, &doc);
    return all;
  }();
  return table;
}

// Other spellings of operators.
std::string_view canonical(std::string_view name) {
  if (name == "order") return "sort";
  if (name == "limit") return "take";
  if (name == "filter") return "where";
  if (name == "mvexpand") return "mv-expand";
  if (name == "mvapply") return "mv-apply";
  return name;
}

const char* letter_name(char letter) {
  switch (letter) {
    case 's': return "string";
    case 'i': return "long";
    case 'n': return "number";
    case 'm': return "number or timespan";
    case 'b': return "bool";
    case 't': return "datetime";
    case 'p': return "timespan";
    case 'y': return "dynamic";
    case 'C': return "constant";
    case 'T': return "type";
    default: return "";
  }
}

const char* result_name(Result result) {
  switch (result) {
    case Result::boolean: return "bool";
    case Result::int32: return "int";
    case Result::int64: return "long";
    case Result::real: return "real";
    case Result::decimal: return "decimal";
    case Result::string: return "string";
    case Result::datetime: return "datetime";
    case Result::timespan: return "timespan";
    case Result::guid: return "guid";
    case Result::dynamic: return "dynamic";
    case Result::widest: return "number";
    case Result::first: return "type of the first argument";
    case Result::common:
    case Result::special: return "";
  }
  return "";
}

std::vector<std::string> names_in(std::string_view usage) {
  std::vector<std::string> names;
  size_t at = 0;
  while (at < usage.size()) {
    const size_t comma = std::min(usage.find(',', at), usage.size());
    size_t begin = at;
    while (begin < comma && usage[begin] == ' ') ++begin;
    if (comma > begin) names.emplace_back(usage.substr(begin, comma - begin));
    at = comma + 1;
  }
  return names;
}

}  // namespace

const Doc* find_doc(std::string_view name) {
  const auto at = docs().find(canonical(name));
  return at == docs().end() ? nullptr : at->second;
}

bool is_internal_function(std::string_view name) {
  for (const std::string_view internal : {"todynamic_value", "parse_kv_bag", "member", "between", "negate", "datetime_plus", "datetime_minus", "pack_named"})
    if (name == internal) return true;
  return false;
}

CallShape call_shape(std::string_view function) {
  CallShape shape;
  const char* signature = nullptr;
  Result result = Result::special;
  if (const Function* f = find_function(function)) {
    signature = f->signature;
    result = f->result;
  } else if (const AggregateFunction* a = find_aggregate(function)) {
    signature = a->signature;
    result = a->result;
  }
  const Doc* doc = find_doc(function);
  // An operator of the same name (count, range) documents itself, not the arguments.
  const std::span<const Doc> operators = operator_docs();
  const bool from_operators = doc >= operators.data() && doc < operators.data() + operators.size();
  const bool is_operator = from_operators && function != "materialize" && function != "toscalar";
  if (signature == nullptr && (doc == nullptr || is_operator)) return shape;
  shape.name = function;
  shape.result = result_name(result);
  const std::vector<std::string> names = doc == nullptr || is_operator ? std::vector<std::string>() : names_in(doc->usage);
  if (signature == nullptr) {
    shape.parameters = names;
    return shape;
  }
  bool optional = false;
  for (const char* letter = signature; *letter != '\0'; ++letter) {
    if (*letter == '?') {
      optional = true;
      continue;
    }
    if (*letter == '+') {
      shape.repeats = true;
      continue;
    }
    const size_t index = shape.parameters.size();
    std::string text = index < names.size() ? names[index] : "x" + std::to_string(index + 1);
    if (const std::string type = letter_name(*letter); !type.empty()) text += ": " + type;
    shape.parameters.push_back(optional ? "[" + text + "]" : text);
  }
  return shape;
}

std::string call_text(const CallShape& shape) {
  std::string text = shape.name + "(";
  for (size_t i = 0; i < shape.parameters.size(); ++i) text += (i == 0 ? "" : ", ") + shape.parameters[i];
  if (shape.repeats) text += ", …";
  text += ")";
  return shape.result.empty() ? text : text + " → " + shape.result;
}

std::string describe(std::string_view name) {
  const Doc* doc = find_doc(name);
  if (doc == nullptr) return {};
  const CallShape shape = call_shape(name);
  return (shape.name.empty() ? std::string(doc->usage) : call_text(shape)) + ": " + doc->text;
}

}  // namespace app::kql
