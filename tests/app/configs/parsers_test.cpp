#include <doctest/doctest.h>

#include "app/configs/dockerfile.h"
#include "app/configs/hcl_parser.h"
#include "app/configs/nginx_parser.h"
#include "app/configs/promql.h"
#include "app/configs/regex_shape.h"
#include "app/configs/review.h"
#include "app/configs/systemd_options.h"
#include "app/configs/terraform_condition.h"
#include "app/configs/yaml_reader.h"

using namespace app::configs;

TEST_CASE(
    "configs/yaml: a text that begins with a separator is one error, not an endless row of empty "
    "documents") {
  for (const char* text : {",7", "] a", "a: 1\n---\n, b"}) {
    CAPTURE(text);
    const YamlText yaml = read_yaml(text);
    CHECK(yaml.error);
    CHECK(yaml.documents.size() <= 1);
  }
  CHECK_FALSE(read_yaml("---\n---\n---\na: 1\n").error);
}

TEST_CASE("configs/yaml: a control character is one error with its place") {
  const YamlText yaml = read_yaml(std::string_view("a: 1\n,\0007", 9));
  REQUIRE(yaml.error);
  CHECK(yaml.error->line == 2);
  CHECK(yaml.error->column == 2);
  CHECK(yaml.error->message.find("0x00") != std::string::npos);
  CHECK(yaml.documents.empty());
}

TEST_CASE("configs/yaml: documents keep lines, columns, quotes and merge keys") {
  const YamlText yaml = read_yaml("a: &x {b: 1}\n---\nc: \"1\"\nd:\n  <<: *y\n");
  CHECK(yaml.error.has_value());  // an unknown anchor
  const YamlText good = read_yaml("base: &x {b: 1, q: \"2\"}\nuse:\n  <<: *x\n  own: 3\n");
  REQUIRE(good.documents.size() == 1);
  const Node& use = (*good.documents[0].root)["use"];
  CHECK(use["b"].text == "1");
  CHECK(!use["b"].quoted);
  CHECK(use["q"].quoted);
  CHECK(use["own"].line == 4);
  CHECK(use["own"].column == 8);
  CHECK(!use["none"]["deeper"].exists());
}

TEST_CASE("configs/nginx: quotes, variables in braces, comments and raw Lua") {
  nginx::Config config;
  nginx::parse(
      "# c\nlog_format x '$a \\'b\\' \"c\"';\nreturn 200 ${uri}x;\naccess_by_lua_block { local t = "
      "{1} }\n",
      config);
  CHECK(!config.error);
  REQUIRE(config.root.children.size() == 3);
  CHECK(config.root.children[0]->line == 2);
  CHECK(config.root.children[0]->arg(1) == "$a 'b' \"c\"");
  CHECK(config.root.children[1]->arg(1) == "${uri}x");
}

TEST_CASE("configs/dockerfile: the shell is split into commands wherever they stand") {
  const auto commands =
      dockerfile::shell_commands("A=1 b 'c d' && (e; f $(g -h)) | i || { j; } # k");
  std::string names;
  for (const auto& command : commands) names += command.name + " ";
  CHECK(names == "b e g f i j ");
  CHECK(commands[0].args == std::vector<std::string>{"c d"});
  CHECK(commands[0].environment.size() == 1);
}

TEST_CASE("configs/dockerfile: a finding in a continued RUN has the line of its command") {
  const auto file = dockerfile::parse("FROM a:1\nRUN b && \\\n  # comment\n  c\n");
  const auto commands = file.instructions[1].commands();
  REQUIRE(commands.size() == 2);
  CHECK(file.instructions[1].line_at(commands[1].offset) == 4);
}

TEST_CASE("configs/hcl: blocks, here-documents, variables and what only a run can tell") {
  const hcl::File file = hcl::parse(
      "variable \"v\" { default = 7 }\nresource \"a\" \"b\" {\n  n = var.v\n  u = a.b.c\n  d = "
      "<<X\n{\"k\": [1]}\nX\n  s {\n    t = true\n  }\n}\n");
  REQUIRE(file.errors.empty());
  const Node& body = *file.blocks[1].body;
  CHECK(body["n"].text == "7");
  CHECK(body["u"].is_unknown());
  CHECK(body["d"]["k"].first().text == "1");
  CHECK(body["s"].first()["t"].is_true());
  CHECK(body["s"].first()["t"].line == 9);
}

TEST_CASE("configs/hcl: a broken block does not take the next one with it") {
  const hcl::File file =
      hcl::parse("resource \"a\" \"b\" {\n  x = \n}\nresource \"c\" \"d\" {\n  y = 1\n}\n");
  CHECK(file.errors.size() == 1);
  REQUIRE(!file.blocks.empty());
  CHECK((*file.blocks.back().body)["y"].text == "1");
}

TEST_CASE("configs/terraform: a condition on what is not known yet is unknown") {
  const hcl::File file =
      hcl::parse("resource \"a\" \"b\" {\n  x = var.y\n  n = 5\n  p = [\"20-25\", \"80\"]\n}\n");
  const Node& body = *file.blocks[0].body;
  CHECK(Condition("x = true").holds(body) == Truth::unknown);
  CHECK(Condition("not x = true").holds(body) == Truth::unknown);
  CHECK(Condition("x exists").holds(body) == Truth::yes);
  CHECK(Condition("x = true or n < 6").holds(body) == Truth::yes);
  CHECK(Condition("x = true and n > 6").holds(body) == Truth::no);
  CHECK(Condition("p spans 22 and not p spans 26").holds(body) == Truth::yes);
  CHECK(Condition("missing.deeper empty").holds(body) == Truth::yes);
}

TEST_CASE("configs/regex: what a group may hold") {
  const RegexShape shape = read_regex("^/(?<name>[^/]+)/(\\d+)(?:x|y)$");
  REQUIRE(shape.root);
  CHECK(shape.n_captures == 2);
  CHECK(possible_chars(*shape.capture("name")).test('\n'));
  CHECK(!possible_chars(*shape.capture(2)).test('\n'));
  CHECK(expand_regex(*shape.root).size() == 2);
  CHECK(!read_regex("(unclosed").root);
}

TEST_CASE("configs/promql: precedence, modifiers and faults with their place") {
  const auto good = promql::parse("-a ^ 2 + sum by (x) (rate(b{c=\"d\"}[5m] offset 1h)) > bool 1");
  REQUIRE(good.expr);
  CHECK(good.expr->name == ">");
  CHECK(good.expr->is_bool);
  const auto bad = promql::parse("sum(a) by");
  REQUIRE(bad.fault);
  CHECK(bad.fault->offset == 9);
  CHECK(promql::is_duration("1h30m"));
  CHECK(!promql::is_duration("30m1h"));
}

TEST_CASE("configs/systemd: values fit by kind") {
  using namespace systemd;
  const Option* restart = find_option("Service", "RestartSec");
  REQUIRE(restart);
  CHECK(fits(restart->value, "1min 5s"));
  CHECK(!fits(restart->value, "soon"));
  CHECK(find_option("Service", "Nonsense") == nullptr);
}

TEST_CASE("configs/hcl: a newline inside parentheses and brackets is a space") {
  const hcl::File file = hcl::parse(
      "locals {\n"
      "  a = (\n    var.x == null\n    || var.y\n    ? []\n    : [for k in var.z : {\n"
      "      b = split(\"/\", k)[0]\n      c = k\n    }]\n  )\n"
      "  d = 5\n}\n");
  CHECK(file.errors.empty());
  REQUIRE(file.blocks.size() == 1);
  CHECK((*file.blocks[0].body)["d"].text == "5");
}

TEST_CASE("configs/hcl: lines count again after parentheses, also after an error inside them") {
  const hcl::File file = hcl::parse(
      "resource \"a\" \"b\" {\n  x = f(1,\n    2)\n  y = 3\n}\n"
      "locals {\n  z = (1 +\n}\nlocals {\n  u = 1\n  v = 2\n}\n");
  CHECK(file.errors.size() == 1);
  REQUIRE(file.blocks.size() == 2);
  CHECK((*file.blocks[0].body)["y"].text == "3");
  CHECK((*file.blocks[1].body)["v"].text == "2");
}

TEST_CASE("configs/hcl: a local that holds itself is left as it is written") {
  const hcl::File file = hcl::parse("locals {\n  a = [local.a]\n  b = [local.c]\n  c = [local.b]\n  d = [local.e, 5]\n  e = 7\n}\n");
  const Node& body = *file.blocks[0].body;
  CHECK(body["a"].items[0]->is_unknown());
  CHECK(body["d"].items[0]->text == "7");
  const Node* at = &body["b"];
  for (int depth = 0; depth < 1000 && at->is_list(); ++depth) at = at->items[0];
  CHECK(at->is_unknown());
}

TEST_CASE("configs/hcl: operators and templates without end are an error of their block") {
  std::string nots(100'000, '!'), indexed;
  for (int i = 0; i < 100'000; ++i) indexed += "\"a\"[";
  for (const std::string& value : {nots + "true", indexed}) CHECK(hcl::parse("locals {\n  x = " + value + "\n}\n").errors.size() >= 1);
}

TEST_CASE("configs/terraform: locals that grow by doubling are bounded") {
  std::string text = "locals {\n  a0 = [1]\n";
  for (int i = 1; i <= 60; ++i) text += "  a" + std::to_string(i) + " = [local.a" + std::to_string(i - 1) + ", local.a" + std::to_string(i - 1) + "]\n";
  text += "}\nresource \"kubernetes_pod\" \"p\" {\n  x = local.a60\n}\n";
  CHECK_NOTHROW(review("main.tf", text));
}

TEST_CASE("configs/promql: a chain of operators without end is an error") {
  std::string chain = "a";
  for (int i = 0; i < 100'000; ++i) chain += "+a";
  const auto bad = promql::parse(chain);
  REQUIRE(bad.fault);
  CHECK(bad.fault->message.find("1000 operators") != std::string::npos);
}

TEST_CASE("configs/promql: keywords are read in either case") {
  for (const char* text :
       {"sum(up) BY (job) > 0", "SUM BY (job) (up) == BOOL 1", "a * ON (b) GROUP_LEFT c",
        "max_over_time(a[5m] OFFSET 1h)", "sum WITHOUT (job) (a) AND b"}) {
    CAPTURE(text);
    CHECK(!promql::parse(text).fault);
  }
}

TEST_CASE("configs/dockerfile: the escape directive may have blanks around its sign") {
  const dockerfile::File file =
      dockerfile::parse("# syntax = docker/dockerfile\n# escape = `\nFROM `\n  image\n");
  CHECK(!file.error);
  REQUIRE(file.instructions.size() == 1);
  CHECK(file.stages[0].image.name == "image");
}
