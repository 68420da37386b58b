// Infrawise: which hardware, criterion and workload a question is about (Design, Criterion,
// Workload), and which benchmark rows answer it.
#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <set>

#include "app/aimicius/scorers.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::aimicius {
namespace {

using nlohmann::json;

// Lower case, single blanks, without the vendor's name in front.
std::string normalised(std::string_view text) {
  std::string out;
  for (char c : engine::trim(text)) {
    const bool blank = std::isspace(static_cast<unsigned char>(c)) || c == '-' || c == '_';
    if (!blank)
      out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    else if (!out.empty() && out.back() != ' ')
      out += ' ';
  }
  for (const char* vendor : {"nvidia ", "amd ", "intel "}) {
    if (out.starts_with(vendor)) out.erase(0, std::string_view(vendor).size());
  }
  return out;
}

std::string field(const json& dcw, const char* outer, const char* inner = nullptr) {
  if (!dcw.is_object() || !dcw.contains(outer)) return "";
  const json& value =
      inner && dcw[outer].is_object() ? dcw[outer].value(inner, json()) : dcw[outer];
  return value.is_string() ? normalised(value.get<std::string>()) : "";
}

struct Part {
  const char* name;
  const char* outer;
  const char* inner;
};
constexpr Part parts[] = {{"target", "Design", "Target"},
                          {"baseline", "Design", "Baseline"},
                          {"criterion", "Criterion", nullptr},
                          {"workload", "Workload", nullptr}};

// The object in a prediction: given as such, or as text that holds one.
json prediction_object(const json& prediction) {
  if (prediction.is_object()) return prediction;
  if (!prediction.is_string()) return {};
  const std::string text = prediction;
  const size_t open = text.find('{'), close = text.rfind('}');
  if (open == std::string::npos || close == std::string::npos || close < open) return {};
  return json::parse(text.substr(open, close - open + 1), nullptr, false);
}

std::set<int64_t> rows_of(const json& object) {
  std::set<int64_t> rows;
  const json list = object.is_object() ? object.value("relevant", json::array()) : json::array();
  for (const json& row : list.is_array() ? list : json::array()) {
    if (row.is_number_integer()) rows.insert(row.get<int64_t>());
  }
  return rows;
}

std::vector<json> read(const std::string& path) {
  std::vector<json> items = read_json_lines(path);
  for (size_t i = 0; i < items.size(); ++i) {
    if (!items[i].contains("dcw"))
      engine::fail(engine::ErrorKind::invalid_input, "%s: sample %zu has no \"dcw\"", path.c_str(),
                   i + 1);
  }
  return items;
}

Scored score(const json& item, const json* prediction) {
  Scored scored;
  scored.sample.input = item.value("question", "");
  scored.sample.expected = item["dcw"].dump();
  scored.sample.output =
      prediction ? (prediction->is_string() ? prediction->get<std::string>() : prediction->dump())
                 : "";
  const json object = prediction ? prediction_object(*prediction) : json();
  const json dcw = object.is_object() && object.contains("dcw") ? object["dcw"] : object;
  scored.sample.parse_state = !prediction          ? "missing"
                              : object.is_object() ? "ok"
                                                   : "no JSON object";
  size_t n_right = 0;
  std::string wrong;
  for (const Part& part : parts) {
    const bool same = dcw.is_object() && field(dcw, part.outer, part.inner) ==
                                             field(item["dcw"], part.outer, part.inner);
    scored.values[std::string("dcw_") + part.name] = same;
    n_right += same;
    if (!same) wrong += std::string(wrong.empty() ? "" : ", ") + part.name;
  }
  scored.right = n_right == std::size(parts);
  scored.values["dcw_all"] = scored.right;
  const std::set<int64_t> expected = rows_of(item), given = rows_of(object);
  size_t n_common = 0;
  for (int64_t row : expected) n_common += given.count(row);
  if (!given.empty()) {
    scored.values["rows_recall"] =
        expected.empty() ? 1.0
                         : static_cast<double>(n_common) / static_cast<double>(expected.size());
    scored.values["rows_precision"] =
        static_cast<double>(n_common) / static_cast<double>(given.size());
  }
  scored.sample.score = scored.right;
  scored.sample.failure = scored.right         ? ""
                          : !prediction        ? "no prediction"
                          : object.is_object() ? "wrong: " + wrong
                                               : "no JSON object";
  scored.sample.details = json{{"values", scored.values}}.dump();
  return scored;
}

TaskPrompt prompt(const json& item) {
  return {.system = "You read a question about accelerator benchmarks and answer with one JSON object: Design.Target is the "
                    "hardware asked about, Design.Baseline the hardware it is compared with or an empty text, Criterion what "
                    "is measured, Workload what is run. Use the words of the question.",
          .user = item.value("question", ""),
          .json_schema = R"({"type": "object", "required": ["Design", "Criterion", "Workload"], "additionalProperties": false,
  "properties": {
    "Design": {"type": "object", "required": ["Target", "Baseline"], "additionalProperties": false,
      "properties": {"Target": {"type": "string", "maxLength": 80}, "Baseline": {"type": "string", "maxLength": 80}}},
    "Criterion": {"type": "string", "maxLength": 80}, "Workload": {"type": "string", "maxLength": 80}}})",
          .max_tokens = 320};
}

}  // namespace

const Scorer infrawise = {
    "infrawise",
    "Infrawise: design, criterion and workload of a question",
    "data: {\"id\", \"question\", \"dcw\", \"relevant\": [...]} a line; predictions: {\"id\", "
    "\"prediction\": {\"dcw\": {...}, \"relevant\": [...]}} a line",
    "dcw_all",
    read,
    score,
    prompt};

}  // namespace app::aimicius
