// app/configs/text_edit.h: small edits of a config file that leave all other lines as they are.
// They know indentation, braces and continuation lines, not the whole grammar: what comes out is a
// proposal, which the caller reads again with the real parser.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace app::configs {

struct Edit {
  // set      a: "securityContext.privileged: false" (YAML), "disk.encrypted = true" (Terraform),
  //          "PrivateTmp=yes" (systemd), "server_tokens off" (nginx)
  // remove   the key, directive or instruction
  // replace  a, an RE2 pattern, by b, in the first of its lines that has it
  // append   a at the end of the instruction
  // before   a as a line in front of it
  enum class Op { set, remove, replace, append, before } op = Op::set;
  std::string a, b;
};

// A text as lines; each keeps its '\r', the last one says whether the text ends with a line end.
std::vector<std::string> split_lines(std::string_view text);
std::string join_lines(const std::vector<std::string>& lines);

// The texts that the edit may mean at this line (from 1): one for each mapping or block around it
// that can take it, the innermost first. None where it cannot be made.
std::vector<std::string> apply_edit(const Edit& edit, std::string_view kind, std::string_view text, int line);

// The two ways to set: of indented and of braced texts. path has no empty part; line from 0.
std::vector<std::vector<std::string>> set_in_yaml(const std::vector<std::string>& lines, size_t line, const std::vector<std::string>& path, const std::string& value);
std::vector<std::vector<std::string>> remove_from_yaml(const std::vector<std::string>& lines, size_t line);

// How a format with braces writes an attribute.
struct BraceStyle {
  std::string_view between, end;  // " = " and "" in Terraform, " " and ";" in nginx
};
std::vector<std::vector<std::string>> set_in_blocks(const std::vector<std::string>& lines, size_t line, const std::vector<std::string>& path, const std::string& value,
                                                    const BraceStyle& style);

}  // namespace app::configs
