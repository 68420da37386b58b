// app/configs/node.h: one tree for YAML, JSON and HCL, with the place of every value.
// A Node is borrowed from the Document that holds it. Looking up what is not there gives the
// missing node, so that paths chain without tests: pod["spec"]["hostPID"].is_true().
#pragma once
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace app::configs {

class Node {
 public:
  // unknown: a value that only a run of the tool could tell (a Terraform reference).
  enum class Kind { missing, null, scalar, list, map, unknown };
  using Member = std::pair<const Node*, const Node*>;  // key, value

  Kind kind = Kind::missing;
  bool quoted = false;             // a scalar that stood in quotes (or is known to be a string)
  bool is_json_text = false;       // a list or map read from a string that held JSON
  int line = 0, column = 0;        // from 1; 0 in the missing node
  std::string text;                // of a scalar; of unknown: the expression as written
  std::vector<const Node*> items;  // of a list
  std::vector<Member> members;     // of a map, in the order of the text

  bool exists() const { return kind != Kind::missing; }
  bool is_null() const { return kind == Kind::missing || kind == Kind::null; }
  bool is_scalar() const { return kind == Kind::scalar; }
  bool is_list() const { return kind == Kind::list; }
  bool is_map() const { return kind == Kind::map; }
  bool is_unknown() const { return kind == Kind::unknown; }
  bool empty() const;  // missing, null, "", [] or {}

  // YAML 1.1 plain booleans and the strings "true" and "false", which tools accept as well.
  bool is_true() const;
  bool is_false() const;
  std::optional<double> number() const;  // of a scalar that is wholly a number

  // The member of a map (merge keys "<<" are followed), or the missing node.
  const Node& operator[](std::string_view key) const;
  bool has(std::string_view key) const { return (*this)[key].exists(); }
  const Node& key_of(std::string_view key) const;  // the key itself, for its place
  // Several keys in one go: at("spec.template.spec").
  const Node& at(std::string_view dotted_path) const;
  const Node& first() const;  // the first item of a list, this node itself otherwise

  bool contains(std::string_view item) const;  // a list with this scalar, or that scalar itself
  // The scalars of a list, or of the one scalar that stands in its place.
  std::vector<std::string> strings() const;

  static const Node& missing();
};

// Owns the nodes of one document; moving keeps their addresses, and a copy would point into the
// original.
struct Document {
  Document() = default;
  Document(Document&&) = default;
  Document& operator=(Document&&) = default;
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;

  std::deque<Node> nodes;
  const Node* root = &Node::missing();

  Node& add(Node::Kind kind, int line, int column);
};

}  // namespace app::configs
