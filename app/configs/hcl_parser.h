// app/configs/hcl_parser.h: Terraform's HCL as Nodes. A body is a map: attributes by name, blocks
// as lists of bodies by type (`dynamic "x"` counts as a block x with its content). Variables with a
// default and locals are put in; any other reference, and every call but jsonencode() and
// tolist()-like ones, is a Node of kind unknown with the expression as text.
#pragma once
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/configs/node.h"
#include "app/configs/yaml_reader.h"  // ParseError

namespace app::configs::hcl {

struct Block {
  std::string type;                 // resource, data, variable, ...
  std::vector<std::string> labels;  // {"aws_s3_bucket", "logs"}
  const Node* body = nullptr;       // a map
};

struct File {
  Document document;               // owns the nodes
  std::vector<Block> blocks;       // the top-level ones
  std::vector<ParseError> errors;  // one for each block that could not be read
};

// Reads what it can; nesting deeper than 100 is an error of its block.
File parse(std::string_view text);

}  // namespace app::configs::hcl
