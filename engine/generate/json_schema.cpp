// JSON Schema to GBNF. Each sub-schema becomes a rule; $ref names the rule of its target, so that
// recursive schemas are recursive rules.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/files/json_input.h"
#include "engine/generate/grammar.h"

namespace engine {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kMaxRules = 20'000;
constexpr int64_t kMaxEnumerated = 1000;

// JSON without free white space but one optional space behind ':' and ',': a model that may write any
// amount of it sometimes writes nothing else.
constexpr const char* base_rules = R"GBNF(
sp ::= " "?
string ::= "\"" char* "\""
char ::= [^"\\\x00-\x1F\x7F] | "\\" (["\\/bfnrt] | "u" plain-code | "u" pair)
plain-code ::= [0-9a-cA-CefEF] hex hex hex | [dD] [0-7] hex hex
pair ::= [dD] [89abAB] hex hex "\\u" [dD] [c-fC-F] hex hex
hex ::= [0-9a-fA-F]
integer ::= "-"? ("0" | [1-9] [0-9]{0,15})
natural ::= "0" | [1-9] [0-9]{0,15}
positive ::= [1-9] [0-9]{0,15}
number ::= integer ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,2})?
boolean ::= "true" | "false"
null ::= "null"
value ::= object | array | string | number | boolean | null
object ::= "{" (string ":" sp value ("," sp string ":" sp value)*)? "}"
array ::= "[" (value ("," sp value)*)? "]"
)GBNF";

std::string literal(const std::string& text) {
  std::string out = "\"";
  for (size_t at = 0; at < text.size();) {
    const char32_t c = decode_utf8(text, at);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c < 0x20 || c == 0x7F) {
      out += format("\\x%02X", static_cast<unsigned>(c));
    } else {
      append_utf8(out, c);
    }
  }
  return out + "\"";
}

class SchemaReader {
 public:
  SchemaReader(Json root, const std::string& name) : root_(std::move(root)), name_(name) {}

  std::string gbnf() {
    const std::string root = rule_for(root_, "#");
    std::string out = "root ::= " + root + "\n";
    for (const auto& [rule, body] : rules_) out += rule + " ::= " + body + "\n";
    return out + base_rules;
  }

 private:
  [[noreturn]] void bad(const std::string& where, const std::string& cause) const {
    fail(ErrorKind::invalid_input, "%s at %s: %s", name_.c_str(), escape_invalid_utf8(where.substr(0, 200)).c_str(), cause.c_str());
  }

  // The rule of the sub-schema at the pointer, made once.
  std::string rule_for(const Json& schema, const std::string& where) {
    const auto known = by_place_.find(where);
    if (known != by_place_.end()) return known->second;
    if (by_place_.size() >= kMaxRules) bad(where, "the schema is too large");
    const std::string rule = "r" + std::to_string(by_place_.size());
    by_place_[where] = rule;
    const std::string body = body_of(schema, where);
    // Sub-schemas that say the same are one rule, so that masks made for one serve all.
    const auto [same, is_new] = by_body_.try_emplace(body, rule);
    rules_.emplace_back(rule, is_new ? body : same->second);
    return rule;
  }

  std::string body_of(const Json& schema, const std::string& where) {
    if (schema.is_boolean()) {
      if (!schema.get<bool>()) bad(where, "the schema false allows nothing");
      return "value";
    }
    if (!schema.is_object()) bad(where, "a schema is an object");
    check_keywords(schema, where);
    if (schema.contains("$ref")) return reference(schema["$ref"], where);
    if (schema.contains("const")) return literal(schema["const"].dump());
    if (schema.contains("enum")) return enumeration(schema["enum"], where);
    for (const char* key : {"anyOf", "oneOf"}) {
      if (schema.contains(key)) return any_of(schema[key], where + "/" + key);
    }
    if (!schema.contains("type")) {
      if (schema.contains("properties") || schema.contains("additionalProperties")) return object(schema, where);
      if (schema.contains("items") || schema.contains("prefixItems")) return array(schema, where);
      return "value";
    }
    const Json& type = schema["type"];
    if (type.is_string()) return of_type(type.get<std::string>(), schema, where);
    if (!type.is_array() || type.empty()) bad(where, "type is no name and no list of names");
    std::string out;
    for (const Json& one : type) {
      if (!one.is_string()) bad(where, "type is no list of names");
      out += (out.empty() ? "" : " | ") + of_type(one.get<std::string>(), schema, where);
    }
    return out;
  }

  void check_keywords(const Json& schema, const std::string& where) const {
    static const std::set<std::string> known = {
        "$ref", "const", "enum", "anyOf", "oneOf", "type", "properties", "required", "additionalProperties", "items",
        "prefixItems", "minItems", "maxItems", "minLength", "maxLength", "minimum", "maximum",
        // Annotations and definitions.
        "$schema", "$id", "$defs", "definitions", "$comment", "title", "description", "default", "examples", "format",
        "deprecated", "readOnly", "writeOnly"};
    for (const auto& [key, value] : schema.items()) {
      if (known.count(key) == 0) {
        fail(ErrorKind::unsupported, "%s at %s: the keyword %s cannot be held to while generating; leave it out",
             name_.c_str(), escape_invalid_utf8(where.substr(0, 200)).c_str(), escape_invalid_utf8(key.substr(0, 60)).c_str());
      }
    }
  }

  std::string reference(const Json& ref, const std::string& where) {
    const std::string pointer = ref.is_string() ? ref.get<std::string>() : "";
    if (pointer.empty() || pointer[0] != '#') bad(where, "$ref points outside the document; only # references are read");
    const Json* target = nullptr;
    try {
      target = &root_.at(Json::json_pointer(pointer.substr(1)));
    } catch (const Json::exception&) {
      bad(where, "$ref points to nothing");
    }
    return rule_for(*target, pointer);
  }

  std::string enumeration(const Json& values, const std::string& where) const {
    if (!values.is_array() || values.empty()) bad(where, "enum is no list of values");
    std::string out;
    for (const Json& value : values) out += (out.empty() ? "" : " | ") + literal(value.dump());
    return out;
  }

  std::string any_of(const Json& list, const std::string& where) {
    if (!list.is_array() || list.empty()) bad(where, "a list of schemas belongs here");
    std::string out;
    for (size_t i = 0; i < list.size(); ++i) {
      out += (out.empty() ? "" : " | ") + rule_for(list[i], where + "/" + std::to_string(i));
    }
    return out;
  }

  int64_t count(const Json& schema, const char* key, int64_t otherwise, const std::string& where) const {
    if (!schema.contains(key)) return otherwise;
    if (!schema[key].is_number_unsigned() || schema[key].get<uint64_t>() > 10'000) {
      bad(where, std::string(key) + " is no whole number from 0 to 10000");
    }
    return schema[key].get<int64_t>();
  }

  std::string repetition(int64_t low, int64_t high) const {
    return high < 0 ? "{" + std::to_string(low) + ",}" : "{" + std::to_string(low) + "," + std::to_string(high) + "}";
  }

  std::string of_type(const std::string& type, const Json& schema, const std::string& where) {
    if (type == "object") return object(schema, where);
    if (type == "array") return array(schema, where);
    if (type == "string") return text(schema, where);
    if (type == "integer") return integer(schema, where);
    if (type == "number") {
      if (schema.contains("minimum") || schema.contains("maximum")) {
        fail(ErrorKind::unsupported, "%s at %s: minimum and maximum can be held to for integers only", name_.c_str(), where.c_str());
      }
      return "number";
    }
    if (type == "boolean" || type == "null") return type;
    bad(where, "there is no type of that name");
  }

  std::string text(const Json& schema, const std::string& where) const {
    const int64_t low = count(schema, "minLength", 0, where), high = count(schema, "maxLength", -1, where);
    if (high >= 0 && high < low) bad(where, "maxLength is below minLength");
    if (low == 0 && high < 0) return "string";
    return "\"\\\"\" char" + repetition(low, high) + " \"\\\"\"";
  }

  std::string integer(const Json& schema, const std::string& where) const {
    const auto bound = [&](const char* key) -> std::optional<int64_t> {
      if (!schema.contains(key)) return std::nullopt;
      if (!schema[key].is_number_integer()) bad(where, std::string(key) + " of an integer is a whole number");
      return schema[key].get<int64_t>();
    };
    const auto low = bound("minimum"), high = bound("maximum");
    if (!low && !high) return "integer";
    if (low && !high && *low == 0) return "natural";
    if (low && !high && *low == 1) return "positive";
    if (!low || !high || *high < *low || *low < -1'000'000'000 || *high > 1'000'000'000 || *high - *low >= kMaxEnumerated) {
      fail(ErrorKind::unsupported, "%s at %s: of integers, ranges of at most 1000 values and a minimum of 0 or 1 can be held to",
           name_.c_str(), where.c_str());
    }
    std::string out;
    for (int64_t i = *low; i <= *high; ++i) out += (out.empty() ? "" : " | ") + literal(std::to_string(i));
    return out;
  }

  std::string array(const Json& schema, const std::string& where) {
    std::vector<std::string> first;
    if (schema.contains("prefixItems")) {
      const Json& list = schema["prefixItems"];
      if (!list.is_array()) bad(where, "prefixItems is no list");
      for (size_t i = 0; i < list.size(); ++i) first.push_back(rule_for(list[i], where + "/prefixItems/" + std::to_string(i)));
    }
    const bool closed = schema.contains("items") && schema["items"] == false;
    const std::string item = closed                   ? ""
                             : schema.contains("items") ? rule_for(schema["items"], where + "/items") : "value";
    const auto n_first = static_cast<int64_t>(first.size());
    const int64_t low = std::max(count(schema, "minItems", 0, where), n_first);
    int64_t high = count(schema, "maxItems", -1, where);
    if (closed) high = n_first;
    if (high >= 0 && high < low) bad(where, "no array has so few and so many items");
    std::string out = "\"[\"";
    for (size_t i = 0; i < first.size(); ++i) out += (i > 0 ? " \",\" sp " : " ") + first[i];
    if (high == n_first) return out + " \"]\"";
    if (n_first > 0) {
      out += " (\",\" sp " + item + ")" + repetition(low - n_first, high < 0 ? -1 : high - n_first);
    } else {
      const std::string more = item + " (\",\" sp " + item + ")" + repetition(std::max<int64_t>(low, 1) - 1, high < 0 ? -1 : high - 1);
      out += low == 0 ? " (" + more + ")?" : " " + more;
    }
    return out + " \"]\"";
  }

  // Members in the order of the schema. Rule i says what may stand from member i on, with and without
  // a comma before it, so that optional members need no permutations.
  std::string object(const Json& schema, const std::string& where) {
    const Json empty = Json::object();
    const Json& properties = schema.contains("properties") ? schema["properties"] : empty;
    if (!properties.is_object()) bad(where, "properties is no object");
    std::set<std::string> required;
    if (schema.contains("required")) {
      if (!schema["required"].is_array()) bad(where, "required is no list");
      for (const Json& one : schema["required"]) {
        if (!one.is_string() || !properties.contains(one.get<std::string>())) bad(where, "required names no property");
        required.insert(one.get<std::string>());
      }
    }
    if (properties.empty()) return map(schema, where);
    const std::string prefix = by_place_[where] + "m";
    size_t i = 0;
    for (const auto& [key, value] : properties.items()) {
      const std::string member = literal(Json(key).dump()) + " \":\" sp " + rule_for(value, where + "/properties/" + key);
      const std::string next = std::to_string(i + 1);
      const bool must = required.count(key) > 0;
      const std::string first = prefix + "f" + std::to_string(i), later = prefix + "l" + std::to_string(i);
      rules_.emplace_back(first, member + " " + prefix + "l" + next + (must ? "" : " | " + prefix + "f" + next));
      rules_.emplace_back(later, "\",\" sp " + member + " " + prefix + "l" + next + (must ? "" : " | " + prefix + "l" + next));
      ++i;
    }
    rules_.emplace_back(prefix + "f" + std::to_string(i), "\"\"");
    rules_.emplace_back(prefix + "l" + std::to_string(i), "\"\"");
    return "\"{\" " + prefix + "f0 \"}\"";
  }

  std::string map(const Json& schema, const std::string& where) {
    const bool closed = schema.contains("additionalProperties") && schema["additionalProperties"] == false;
    if (closed) return "\"{}\"";
    const std::string value = schema.contains("additionalProperties")
                                  ? rule_for(schema["additionalProperties"], where + "/additionalProperties") : "value";
    const std::string member = "string \":\" sp " + value;
    return "\"{\" (" + member + " (\",\" sp " + member + ")*)? \"}\"";
  }

  Json root_;
  std::string name_;
  std::map<std::string, std::string> by_place_;                // pointer -> rule
  std::map<std::string, std::string> by_body_;                 // body -> the first rule of it
  std::vector<std::pair<std::string, std::string>> rules_;     // rule, body
};

}  // namespace

std::string json_schema_to_gbnf(std::string_view schema, const std::string& name) {
  parse_json_input(schema, name);  // depth and duplicate keys; below the order of keys is kept
  return SchemaReader(Json::parse(schema.begin(), schema.end()), name).gbnf();
}

}  // namespace engine
