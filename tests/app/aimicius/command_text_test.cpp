#include "app/aimicius/command_text.h"

#include <doctest/doctest.h>

#include "app/aimicius/metrics.h"

using namespace app::aimicius;

TEST_CASE("aimicius/command_text: white space, quotes and continuations do not matter") {
  CHECK(same_command("ls  -l", "ls -l"));
  CHECK(same_command("grep 'a b' x", "grep \"a b\" x"));
  CHECK(same_command("a \\\n  b", "a b"));
  CHECK(same_command("a|b", "a | b"));
  CHECK(same_command("a >x", "a > x"));
}

TEST_CASE("aimicius/command_text: order, spelling and joined values do") {
  CHECK(!same_command("ls -l -a", "ls -a -l"));
  CHECK(!same_command("ls -la", "ls -l -a"));
  CHECK(!same_command("x --a=1", "x --a 1"));
  CHECK(!same_command("echo a b", "echo 'a b'"));
  CHECK(!same_command("a && b", "a || b"));
}

TEST_CASE("aimicius/command_text: a place holder is one word") {
  CHECK(command_words("tar cf {{path to/x.tar}} y").size() == 4);
}

TEST_CASE("aimicius/command_text: the tool and the options are found") {
  CHECK(command_tool("A=1 B=2 nvidia-smi -i 0") == "nvidia-smi");
  CHECK(command_tool("").empty());
  CHECK(command_flags("nvidia-smi -i 0 --query-gpu=name -1") ==
        std::set<std::string>{"-i", "--query-gpu"});
}

TEST_CASE("aimicius/command_text: the command is taken out of an answer") {
  CHECK(extract_command("Use this:\n```bash\n$ ls -l\n```\nIt lists.").text == "ls -l");
  CHECK(extract_command("`ls -l`\nmore words").text == "ls -l");
  CHECK(extract_command("a \\\n b\nrest").text == "a  b");
  CHECK(!extract_command("  \n ").found);
}

TEST_CASE("aimicius/metrics: Wilson's interval at its known points") {
  const Metric half = share(5, 10);  // 0.2366 to 0.7634, Wilson 1927 for n = 10, z = 1.96
  CHECK(half.value == doctest::Approx(0.5));
  CHECK(half.low == doctest::Approx(0.2366).epsilon(0.001));
  CHECK(half.high == doctest::Approx(0.7634).epsilon(0.001));
  CHECK(share(0, 10).low == 0);
  CHECK(share(0, 0).n == 0);
  CHECK(mean({1, 2, 3}).value == doctest::Approx(2));
  CHECK(mean({}).n == 0);
}
