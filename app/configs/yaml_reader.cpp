#include "app/configs/yaml_reader.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <sstream>
#include <utility>

#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::configs {
namespace {

constexpr size_t max_depth = 200;
constexpr size_t max_expanded_nodes = 1'000'000;

struct Refused {
  ParseError error;
};

// Builds one Document from yaml-cpp's events.
class Builder : public YAML::EventHandler {
 public:
  Document take() { return std::move(document_); }

  void OnDocumentStart(const YAML::Mark&) override {
    document_ = Document();
    open_.clear();
    keys_.clear();
    anchors_.clear();
    sizes_.clear();
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    place(add(Node::Kind::null, mark), anchor, 1);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Node& node = add(Node::Kind::scalar, mark);
    node.text = value;
    node.quoted = tag == "!" || tag == "tag:yaml.org,2002:str";
    if (!node.quoted && (value == "~" || value == "null" || value == "Null" || value == "NULL")) {
      node.kind = Node::Kind::null;
    }
    place(node, anchor, 1);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      throw Refused{{mark.line + 1, mark.column + 1, "an alias stands inside the node it names"}};
    }
    attach(*found->second, sizes_[found->second], mark);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(add(Node::Kind::list, mark), anchor, mark);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(add(Node::Kind::map, mark), anchor, mark);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    Node* node;
    YAML::anchor_t anchor;
    size_t size;  // nodes inside, aliases expanded
  };

  Node& add(Node::Kind kind, const YAML::Mark& mark) {
    return document_.add(kind, mark.line + 1, mark.column + 1);
  }

  void open(Node& node, YAML::anchor_t anchor, const YAML::Mark& mark) {
    if (open_.size() >= max_depth) {
      throw Refused{{mark.line + 1, mark.column + 1,
                     engine::format("nested deeper than %zu levels", max_depth)}};
    }
    open_.push_back({&node, anchor, 1});
    keys_.push_back(nullptr);
  }

  void close() {
    const Open done = open_.back();
    open_.pop_back();
    keys_.pop_back();
    place(*done.node, done.anchor, done.size);
  }

  void place(Node& node, YAML::anchor_t anchor, size_t size) {
    if (anchor) {
      anchors_[anchor] = &node;
      sizes_[&node] = size;
    }
    attach(node, size, {});
  }

  void attach(const Node& node, size_t size, const YAML::Mark& mark) {
    if (open_.empty()) {
      document_.root = &node;
      return;
    }
    Open& parent = open_.back();
    parent.size += size;
    if (parent.size > max_expanded_nodes) {
      throw Refused{
          {mark.line + 1, mark.column + 1,
           engine::format("its aliases expand to more than %zu values", max_expanded_nodes)}};
    }
    if (parent.node->is_list()) {
      parent.node->items.push_back(&node);
    } else if (!keys_.back()) {
      keys_.back() = &node;
    } else {
      parent.node->members.emplace_back(keys_.back(), &node);
      keys_.back() = nullptr;
    }
  }

  Document document_;
  std::vector<Open> open_;
  std::vector<const Node*> keys_;  // the key read last, for each open map
  std::map<YAML::anchor_t, const Node*> anchors_;
  std::map<const Node*, size_t> sizes_;
};

void set_places(Document& document, size_t first, int line, int column) {
  for (size_t i = first; i < document.nodes.size(); ++i) {
    document.nodes[i].line = line;
    document.nodes[i].column = column;
  }
}

constexpr size_t max_documents = 100'000;  // real files have a few

// YAML 1.2, 5.1: control characters other than tab and line ends are not part of a text.
std::optional<ParseError> find_control_character(std::string_view text) {
  int line = 1, column = 1;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      ++line, column = 1;
      continue;
    }
    if ((byte < 0x20 && c != '\t' && c != '\r') || byte == 0x7f) {
      return ParseError{line, column, engine::format("byte 0x%02x is not part of a text; is this file binary or damaged?", byte)};
    }
    ++column;
  }
  return std::nullopt;
}

}  // namespace

YamlText read_yaml(std::string_view text) {
  YamlText result;
  result.error = find_control_character(text);
  if (result.error) return result;
  size_t n_documents = 0;
  std::pair<int, int> last_empty{0, 0};
  std::istringstream stream{std::string(text)};
  try {
    YAML::Parser parser(stream);
    Builder builder;
    while (parser.HandleNextDocument(builder)) {
      Document document = builder.take();
      if (++n_documents > max_documents) {
        result.error = ParseError{1, 1, "more than 100,000 documents in one file; split it"};
        break;
      }
      if (document.root->is_null()) {
        // yaml-cpp 0.7 finds one empty document after another where a text begins with "," or "]", and never reads on.
        const std::pair<int, int> place{document.root->line, document.root->column};
        if (place == last_empty) {
          result.error = ParseError{place.first, place.second, "nothing can begin with this character"};
          break;
        }
        last_empty = place;
        continue;
      }
      result.start_lines.push_back(document.root->line);
      result.documents.push_back(std::move(document));
    }
  } catch (const YAML::Exception& e) {
    const bool placed = !e.mark.is_null();
    result.error = ParseError{placed ? e.mark.line + 1 : 1, placed ? e.mark.column + 1 : 1, e.msg};
  } catch (const Refused& refused) {
    result.error = refused.error;
  }
  return result;
}

const Node* read_json_into(Document& document, std::string_view text, int line, int column) {
  const size_t start = text.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos || (text[start] != '{' && text[start] != '[')) return nullptr;
  YamlText read = read_yaml(text);
  if (read.error || read.documents.size() != 1) return nullptr;
  // The nodes move over one by one; their addresses change, so links are redone by index.
  std::map<const Node*, Node*> moved;
  const size_t first = document.nodes.size();
  for (Node& node : read.documents[0].nodes) {
    document.nodes.push_back(node);
    moved[&node] = &document.nodes.back();
  }
  for (size_t i = first; i < document.nodes.size(); ++i) {
    for (const Node*& item : document.nodes[i].items) item = moved.at(item);
    for (Node::Member& member : document.nodes[i].members) {
      member = {moved.at(member.first), moved.at(member.second)};
    }
  }
  set_places(document, first, line, column);
  Node* root = moved.at(read.documents[0].root);
  root->is_json_text = true;
  return root;
}

}  // namespace app::configs
