#include "app/configs/hcl_parser.h"

#include <map>

#include "app/configs/hcl_lexer.h"
#include "engine/base/text.h"

namespace app::configs::hcl {
namespace {

constexpr int max_depth = 100;

struct Failed {
  ParseError error;
};

class Parser {
 public:
  Parser(std::vector<Token> tokens, File& file) : tokens_(std::move(tokens)), file_(file) {}

  void run() {
    while (true) {
      skip_newlines();
      if (now().kind == Token::Kind::end) return;
      const size_t start = at_;
      try {
        top_level();
      } catch (const Failed& failed) {
        file_.errors.push_back(failed.error);
        newlines_ = Newlines::end_a_statement;
        recover(start);
      }
    }
  }

 private:
  const Token& now() const { return tokens_[at_]; }
  const Token& peek(size_t n = 1) const { return tokens_[std::min(at_ + n, tokens_.size() - 1)]; }
  bool is(std::string_view op) const { return now().kind == Token::Kind::op && now().text == op; }
  void advance() {
    if (at_ + 1 < tokens_.size()) ++at_;
    if (newlines_ == Newlines::ignored) skip_newlines();
  }
  void skip_newlines() {
    while (now().kind == Token::Kind::newline) ++at_;  // the last token is the end
  }
  // Between ( and ) and between [ and ] a newline is a space; { brings the lines back.
  enum class Newlines { end_a_statement, ignored };
  Newlines open(Newlines inside) {
    const Newlines outside = newlines_;
    newlines_ = inside;
    advance();
    return outside;
  }
  void close(std::string_view op, Newlines outside) {
    if (!is(op)) fail("\"" + std::string(op) + "\" is missing");
    newlines_ = outside;
    advance();
  }
  [[noreturn]] void fail(const std::string& message) const {
    throw Failed{{now().line, now().column, message}};
  }
  void expect(std::string_view op) {
    if (!is(op)) fail("\"" + std::string(op) + "\" is missing");
    advance();
  }

  // After an error: on to the next line that starts a block at the left margin.
  void recover(size_t start) {
    at_ = std::max(at_, start + 1);
    while (now().kind != Token::Kind::end &&
           !(now().kind == Token::Kind::name && now().column == 1))
      advance();
  }

  Node& add(Node::Kind kind, const Token& at) {
    return file_.document.add(kind, at.line, at.column);
  }
  Node& unknown(const Token& at, std::string text) {
    Node& node = add(Node::Kind::unknown, at);
    node.text = std::move(text);
    return node;
  }

  void top_level() {
    if (now().kind != Token::Kind::name) fail("a block or an attribute is missing here");
    if (peek().kind == Token::Kind::op && peek().text == "=") {  // a .tfvars file
      Node& body = add(Node::Kind::map, now());
      const Token name = now();
      advance(), advance();
      Node& key = add(Node::Kind::scalar, name);
      key.text = name.text;
      body.members.emplace_back(&key, expression(0));
      file_.blocks.push_back({"", {}, &body});
      return;
    }
    Block block;
    const Token start = now();
    block.type = start.text;
    advance();
    while (now().kind == Token::Kind::string || now().kind == Token::Kind::name) {
      block.labels.push_back(now().text);
      advance();
    }
    block.body = body(start, 0);
    file_.blocks.push_back(std::move(block));
  }

  const Node* body(const Token& start, int depth) {
    if (depth > max_depth) fail("blocks nest deeper than 100 levels");
    expect("{");
    Node& map = add(Node::Kind::map, start);
    while (true) {
      skip_newlines();
      if (is("}")) break;
      if (now().kind == Token::Kind::end)
        fail("the block that starts in line " + std::to_string(start.line) + " is not closed");
      statement(map, depth);
    }
    advance();
    return &map;
  }

  void statement(Node& map, int depth) {
    const Token name = now();
    if (name.kind != Token::Kind::name && name.kind != Token::Kind::string)
      fail("an attribute or a block is missing before \"" + name.text + "\"");
    advance();
    Node& key = add(Node::Kind::scalar, name);
    key.text = name.text;
    if (is("=") || is(":")) {
      advance();
      skip_newlines();
      map.members.emplace_back(&key, expression(depth + 1));
      if (is(",")) advance();
      return;
    }
    std::vector<std::string> labels;
    while (now().kind == Token::Kind::string || now().kind == Token::Kind::name) {
      labels.push_back(now().text);
      advance();
    }
    const Node* content = body(name, depth + 1);
    std::string type = name.text;
    if (type == "dynamic" && !labels.empty()) {
      type = labels[0];
      const Node& inner = (*content)["content"].first();
      if (inner.is_map()) content = &inner;
    }
    add_block(map, key, type, content);
  }

  void add_block(Node& map, Node& key, const std::string& type, const Node* content) {
    for (Node::Member& member : map.members) {
      if (member.first->text == type && member.second->is_list()) {
        const_cast<Node*>(member.second)->items.push_back(content);  // owned by this document
        return;
      }
    }
    key.text = type;
    Node& list = file_.document.add(Node::Kind::list, content->line, content->column);
    list.items.push_back(content);
    map.members.emplace_back(&key, &list);
  }

  // An expression whose value is plain becomes that value; operators and calls make it unknown.
  const Node* expression(int depth) {
    if (depth > max_depth) fail("expressions nest deeper than 100 levels");
    const Token start = now();
    const Node* value = operand(depth);
    bool computed = false;
    while (now().kind == Token::Kind::op && is_operator(now().text)) {
      computed = true;
      const bool ternary = is("?");
      advance();
      skip_newlines();
      expression(depth + 1);
      skip_newlines_before(":");
      if (ternary && is(":")) {
        advance();
        skip_newlines();
        expression(depth + 1);
      }
    }
    return computed ? &unknown(start, "(" + start.text + " ...)") : value;
  }

  void skip_newlines_before(std::string_view op) {
    size_t ahead = at_;
    while (tokens_[ahead].kind == Token::Kind::newline) ++ahead;
    if (tokens_[ahead].kind == Token::Kind::op && tokens_[ahead].text == op && op == ":" &&
        ahead != at_)
      at_ = ahead;
  }

  static bool is_operator(const std::string& text) {
    for (const char* op :
         {"+", "-", "*", "/", "%", "==", "!=", "<", ">", "<=", ">=", "&&", "||", "?"}) {
      if (text == op) return true;
    }
    return false;
  }

  const Node* operand(int depth) {
    if (depth > max_depth) fail("expressions nest deeper than 100 levels");
    const Token start = now();
    if (start.kind == Token::Kind::string || start.kind == Token::Kind::heredoc)
      return text(start, depth);
    if (start.kind == Token::Kind::number) {
      advance();
      Node& node = add(Node::Kind::scalar, start);
      node.text = start.text;
      return &node;
    }
    if (is("-") || is("!")) {
      advance();
      const Node* inner = operand(depth + 1);
      Node& node =
          add(inner->is_scalar() && start.text == "-" ? Node::Kind::scalar : Node::Kind::unknown,
              start);
      node.text = start.text + inner->text;
      return &node;
    }
    if (is("(")) {
      const Newlines outside = open(Newlines::ignored);
      const Node* inner = expression(depth + 1);
      close(")", outside);
      return traversal(inner, start, depth);
    }
    if (is("[")) return list(depth);
    if (is("{")) return object(depth);
    if (start.kind != Token::Kind::name) fail("a value is missing");
    return name(depth);
  }

  const Node* text(const Token& token, int depth) {
    advance();
    // "${var.x}" alone is the variable itself.
    const bool whole = token.has_template && token.text.starts_with("${") &&
                       token.text.ends_with("}") && token.text.find("${", 2) == std::string::npos;
    if (whole)
      return traversal(
          &unknown(token, std::string(engine::trim(
                              std::string_view(token.text).substr(2, token.text.size() - 3)))),
          token, depth);
    if (token.kind == Token::Kind::heredoc) {
      if (const Node* json = read_json_into(file_.document, token.text, token.line, token.column))
        return json;
    }
    Node& node = add(Node::Kind::scalar, token);
    node.text = token.text;
    node.quoted = true;
    return traversal(&node, token, depth);
  }

  const Node* list(int depth) {
    const Token start = now();
    const Newlines outside = open(Newlines::ignored);
    if (now().kind == Token::Kind::name && now().text == "for")
      return comprehension(start, outside, depth);
    Node& node = add(Node::Kind::list, start);
    while (!is("]")) {
      node.items.push_back(expression(depth + 1));
      if (is("...")) advance();
      if (!is(",")) break;
      advance();
    }
    close("]", outside);
    return traversal(&node, start, depth);
  }

  const Node* object(int depth) {
    const Token start = now();
    const Newlines outside = open(Newlines::end_a_statement);
    skip_newlines();
    if (now().kind == Token::Kind::name && now().text == "for")
      return comprehension(start, outside, depth);
    Node& map = add(Node::Kind::map, start);
    while (!is("}")) {
      const Token key_token = now();
      if (key_token.kind == Token::Kind::end)
        fail("the object that starts in line " + std::to_string(start.line) + " is not closed");
      const Node* key = is("(") || peek().text == "." ? operand(depth + 1) : nullptr;
      if (!key) {
        Node& plain = add(Node::Kind::scalar, key_token);
        plain.text = key_token.text;
        key = &plain;
        advance();
      }
      if (!is("=") && !is(":")) fail("\"=\" is missing behind the key " + key->text);
      advance();
      skip_newlines();
      map.members.emplace_back(key, expression(depth + 1));
      if (is(",")) advance();
      skip_newlines();
    }
    close("}", outside);
    return traversal(&map, start, depth);
  }

  // Its value is unknown; what stands inside is stepped over.
  const Node* comprehension(const Token& start, Newlines outside, int depth) {
    int n_open = 1;
    while (true) {
      if (now().kind == Token::Kind::end) fail("a for expression is not closed");
      if (is("[") || is("{")) ++n_open;
      if (is("]") || is("}")) --n_open;
      if (n_open == 0) break;
      advance();
    }
    close(now().text, outside);
    return traversal(&unknown(start, "for ..."), start, depth);
  }

  const Node* name(int depth) {
    const Token start = now();
    advance();
    if (start.text == "true" || start.text == "false" || start.text == "null") {
      Node& node = add(start.text == "null" ? Node::Kind::null : Node::Kind::scalar, start);
      node.text = start.text;
      return &node;
    }
    if (is("(")) return call(start, depth);
    std::string text = start.text;
    return traversal(&unknown(start, text), start, depth);
  }

  const Node* call(const Token& name, int depth) {
    const Newlines outside = open(Newlines::ignored);
    std::vector<const Node*> args;
    while (!is(")")) {
      args.push_back(expression(depth + 1));
      if (is("...")) advance();
      if (!is(",")) break;
      advance();
    }
    close(")", outside);
    static const std::vector<std::string> transparent = {"jsonencode", "tolist",    "toset",
                                                         "tomap",      "tostring",  "tonumber",
                                                         "tobool",     "sensitive", "nonsensitive"};
    for (const std::string& each : transparent) {
      if (name.text == each && args.size() == 1) {
        if (name.text == "jsonencode" && !args[0]->is_unknown())
          const_cast<Node*>(args[0])->is_json_text = true;
        return traversal(args[0], name, depth);
      }
    }
    return traversal(&unknown(name, name.text + "(...)"), name, depth);
  }

  // .name, [index] and .* behind a value.
  const Node* traversal(const Node* value, const Token& start, int depth) {
    std::string path = value->text;
    bool moved = false;
    while (is(".") || is("[")) {
      moved = true;
      if (is(".")) {
        advance();
        path += "." + now().text;
        advance();
      } else {
        const Newlines outside = open(Newlines::ignored);
        if (is("*"))
          advance();
        else if (!is("]"))
          expression(depth + 1);
        path += "[]";
        close("]", outside);
      }
    }
    return moved ? &unknown(start, path) : value;
  }

  std::vector<Token> tokens_;
  File& file_;
  size_t at_ = 0;
  Newlines newlines_ = Newlines::end_a_statement;
};

// Whether a value can be put in a place: it does not hold the place itself, and is neither deep nor
// large. n_left: nodes that may still be looked at.
bool fits(const Node& value, const Node& place, int depth, size_t& n_left) {
  if (&value == &place || depth > max_depth || n_left == 0) return false;
  --n_left;
  for (const Node* item : value.items)
    if (!fits(*item, place, depth + 1, n_left)) return false;
  for (const Node::Member& member : value.members)
    if (!fits(*member.second, place, depth + 1, n_left)) return false;
  return true;
}

// Puts variables with a default, locals and plain attributes of other resources where they are
// used.
void resolve(File& file) {
  std::map<std::string, const Node*> values;
  for (const Block& block : file.blocks) {
    if (block.type == "variable" && !block.labels.empty() && block.body->has("default"))
      values["var." + block.labels[0]] = &(*block.body)["default"];
    if (block.type == "resource" &&
        block.labels.size() == 2) {  // what another resource says in plain text
      for (const Node::Member& attribute : block.body->members) {
        if (attribute.second->is_scalar())
          values[block.labels[0] + "." + block.labels[1] + "." + attribute.first->text] =
              attribute.second;
      }
    }
    if (block.type != "locals") continue;
    for (const Node::Member& local : block.body->members)
      values["local." + local.first->text] = local.second;
  }
  for (int round = 0; round < 3; ++round) {
    for (Node& node : file.document.nodes) {
      if (!node.is_unknown()) continue;
      const auto found = values.find(node.text);
      if (found == values.end() || found->second->is_unknown()) continue;
      size_t n_left = 10'000;
      if (!fits(*found->second, node, 0, n_left)) continue;
      const int line = node.line, column = node.column;
      node = *found->second;
      node.line = line;
      node.column = column;
    }
  }
}

}  // namespace

File parse(std::string_view text) {
  File file;
  Parser(tokens_of(text, file.errors), file).run();
  resolve(file);
  return file;
}

}  // namespace app::configs::hcl
