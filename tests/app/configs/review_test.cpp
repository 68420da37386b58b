#include "app/configs/review.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "engine/base/error.h"

namespace configs = app::configs;

namespace {

bool reports(const configs::ReviewResult& result, const std::string& rule) {
  for (const auto& finding : result.findings) {
    if (finding.rule == rule) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("configs/review: every rule has an id of its own, a title and a fix") {
  std::set<std::string> ids;
  for (const configs::Rule& rule : configs::rules()) {
    CAPTURE(rule.id);
    CHECK(ids.insert(rule.id).second);
    CHECK(!rule.title.empty());
    CHECK(!rule.fix.empty());
  }
  CHECK(ids.size() > 1000);
  CHECK(configs::find_rule("k8s/privileged-container") != nullptr);
  CHECK(configs::find_rule("no such rule") == nullptr);
}

TEST_CASE("configs/review: the kind is guessed from name and content") {
  CHECK(configs::detect_kind("a/Dockerfile.prod", "") == "dockerfile");
  CHECK(configs::detect_kind("x.yaml", "apiVersion: v1\nkind: Pod\n") == "kubernetes");
  CHECK(configs::detect_kind("x.yml", "services:\n  a:\n    image: b\n") == "docker-compose");
  CHECK(configs::detect_kind("x.yml", "groups:\n- name: a\n") == "prometheus-rules");
  CHECK(configs::detect_kind("web.service", "") == "systemd-unit");
  CHECK(configs::detect_kind("nginx-proxy.Dockerfile", "") == "dockerfile");
  CHECK(configs::detect_kind("react-nginx/Dockerfile", "FROM a\n") == "dockerfile");
  CHECK(configs::detect_kind("docker-compose.nginx.conf", "server {\n}\n") == "nginx");
  const char* compose = "services:\n  a:\n    image: b\n";
  CHECK(configs::detect_kind("prometheus.yaml", compose) == "docker-compose");
  CHECK(configs::detect_kind("prometheus.yml", "global: {}\nscrape_configs: []\n").empty());
  CHECK(configs::detect_kind("alerts_test.yml", "rule_files: [a]\ntests: []\n").empty());
  CHECK(configs::detect_kind("", "server {\n listen 80;\n}\n") == "nginx");
  CHECK(configs::detect_kind("", "resource \"a\" \"b\" {\n}\n") == "terraform");
  CHECK(configs::detect_kind("notes.txt", "hello there\n").empty());
  CHECK(configs::detect_kind("", "").empty());
}

TEST_CASE("configs/review: a file of no kind gives a note and no findings") {
  const auto result = configs::review("notes.txt", "hello there\n");
  CHECK(result.findings.empty());
  CHECK(result.notes.size() == 1);
}

TEST_CASE("configs/review: an unknown kind is refused and the known ones are named") {
  try {
    configs::review("x", "", "toml");
    FAIL("nothing was thrown");
  } catch (const engine::Error& error) {
    CHECK(error.kind() == engine::ErrorKind::invalid_input);
    CHECK(std::string(error.what()).find("kubernetes") != std::string::npos);
  }
}

TEST_CASE("configs/review: files of one folder see each other") {
  const configs::File service = {
      "s.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: w}\nspec: {selector: {app: w}}\n",
      ""};
  const configs::File pod = {
      "p.yaml",
      "apiVersion: v1\nkind: Pod\nmetadata: {name: w, labels: {app: w}}\nspec: {containers: []}\n",
      ""};
  CHECK(reports(configs::review(service.name, service.text), "k8s/service-selects-nothing"));
  CHECK(!reports(configs::review_together({service, pod})[0], "k8s/service-selects-nothing"));
}

TEST_CASE("configs/review: bytes that are not text give one finding with the place") {
  for (const std::string& text :
       {std::string("kind: Pod\n\0x", 12), std::string("kind: \xff\xfe\n"),
        std::string("\xff\xfe\x41\x00", 4)}) {
    const auto result = configs::review("x", text, "kubernetes");
    REQUIRE(result.findings.size() == 1);
    CHECK(result.findings[0].rule == "kubernetes/cannot-parse");
    CHECK(result.findings[0].line > 0);
  }
}

TEST_CASE("configs/review: a huge file is refused with its size") {
  const auto result = configs::review("x", std::string((16u << 20) + 1, 'a'), "nginx");
  REQUIRE(result.findings.size() == 1);
  CHECK(result.findings[0].message.find("16777217") != std::string::npos);
}

TEST_CASE("configs/review: an alias bomb is refused quickly") {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int j = 0; j < 8; ++j) text += ", " + before;
    text += "]\n";
  }
  const auto result = configs::review("x", text, "kubernetes");
  REQUIRE(!result.findings.empty());
  CHECK(result.findings[0].message.find("aliases") != std::string::npos);
}

TEST_CASE("configs/review: an alias inside its own anchor is refused") {
  CHECK(reports(configs::review("x", "a: &a [*a]\n", "kubernetes"), "kubernetes/cannot-parse"));
}

TEST_CASE("configs/review: deep nesting is an error of the text, not of the program") {
  const std::string brackets(5000, '['), braces(5000, '{');
  CHECK(reports(configs::review("x", brackets, "kubernetes"), "kubernetes/cannot-parse"));
  std::string nginx, hcl = "resource \"a\" \"b\" {\n";
  for (int i = 0; i < 3000; ++i) nginx += "a {", hcl += "x = [";
  CHECK(reports(configs::review("x", nginx, "nginx"), "nginx/cannot-parse"));
  CHECK(reports(configs::review("x", hcl, "terraform"), "terraform/cannot-parse"));
  std::string query(3000, '(');
  CHECK(reports(
      configs::review("x", "groups: [{name: a, rules: [{record: b, expr: '" + query + "'}]}]",
                      "prometheus-rules"),
      "prometheus/promql-syntax"));
}

TEST_CASE("configs/review: what stands before an error is still reviewed") {
  const auto result = configs::review(
      "x",
      "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {type: NodePort}\n---\na: [\n",
      "kubernetes");
  CHECK(reports(result, "kubernetes/cannot-parse"));
  CHECK(reports(result, "k8s/node-port-service"));
}

TEST_CASE("configs/review: every cut of a file is survived") {
  const std::string texts[] = {
      "resource \"a\" \"b\" {\n  x = \"${var.y}\"\n  p = <<EOT\n{\"a\": [1]}\nEOT\n  dynamic \"c\" "
      "{\n    content { d = [for k in l : k] }\n  }\n}\n",
      "FROM a:1 AS b\n# c\nRUN <<EOF\nx $(y `z`)\nEOF\nONBUILD RUN \"a\nCMD [\"a\", \"b\"]\n",
      "http { server { location ~ ^/(a|b{2})[^]x]\\d$ { return 301 \"$1${uri}\"; } } }\n",
      "[Unit]\nA=b \\\n c\n[Service]\nExecStart=-/bin/a\n",
      "groups:\n- name: a\n  rules:\n  - {alert: b, expr: 'sum by (x) (rate(y{z=~\"a\"}[5m])) > "
      "bool 1', annotations: {c: '{{ $value }}'}}\n"};
  const std::string kinds[] = {"terraform", "dockerfile", "nginx", "systemd-unit",
                               "prometheus-rules"};
  for (size_t i = 0; i < std::size(texts); ++i) {
    for (size_t cut = 0; cut <= texts[i].size(); ++cut) {
      CAPTURE(kinds[i]);
      CAPTURE(cut);
      CHECK_NOTHROW(configs::review("x", texts[i].substr(0, cut), kinds[i]));
    }
  }
}

TEST_CASE("configs/systemd: units of several files that wait for each other are a cycle") {
  const auto results = configs::review_together({
      {"a.service", "[Unit]\nDescription=a\nAfter=b.service\n", ""},
      {"b.service", "[Unit]\nDescription=b\nBefore=c.service\nAfter=c.service\n", ""},
      {"c.service", "[Unit]\nDescription=c\nAfter=network.target a.service\n", ""},
      {"d.service", "[Unit]\nDescription=d\nAfter=a.service\n", ""},
  });
  const auto in_cycle = [](const configs::ReviewResult& result) {
    return std::count_if(result.findings.begin(), result.findings.end(), [](const auto& finding) {
      return finding.rule == "systemd/ordering-cycle";
    });
  };
  CHECK(in_cycle(results[0]) == 1);
  CHECK(in_cycle(results[1]) == 2);
  CHECK(in_cycle(results[2]) == 1);
  CHECK(in_cycle(results[3]) == 0);
}

TEST_CASE("configs/terraform: what a resource lacks may stand in another file of its folder only") {
  const std::string bucket = "resource \"aws_s3_bucket\" \"a\" {\n  bucket = \"a\"\n}\n";
  const std::string versioning =
      "resource \"aws_s3_bucket_versioning\" \"v\" {\n  bucket = aws_s3_bucket.a.id\n"
      "  versioning_configuration {\n    status = \"Enabled\"\n  }\n}\n";
  const auto lacks = [](const configs::ReviewResult& result) {
    return std::any_of(result.findings.begin(), result.findings.end(), [](const auto& finding) {
      return finding.rule == "tf/aws_s3_bucket/versioning";
    });
  };
  CHECK_FALSE(
      lacks(configs::review_together({{"m/a.tf", bucket, ""}, {"m/b.tf", versioning, ""}})[0]));
  CHECK(lacks(configs::review_together({{"m/a.tf", bucket, ""}, {"n/b.tf", versioning, ""}})[0]));
}

TEST_CASE(
    "configs/kubernetes: the rules of a PrometheusRule are reviewed as those of a rule file") {
  const auto result = configs::review(
      "r.yaml",
      "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: a}\n"
      "spec:\n  groups:\n  - name: g\n    rules:\n    - alert: A\n      expr: sum(up\n");
  const auto fault =
      std::find_if(result.findings.begin(), result.findings.end(),
                   [](const auto& f) { return f.rule == "prometheus/promql-syntax"; });
  REQUIRE(fault != result.findings.end());
  CHECK(fault->line == 9);
}

TEST_CASE("configs/review: a template that cannot be read says that it wants to be rendered") {
  const auto result = configs::review(
      "t.yaml", "apiVersion: v1\nkind: Pod\nmetadata:\n  {{- include \"x\" . | nindent 2 }}\n");
  REQUIRE(result.findings.size() == 1);
  CHECK(result.findings[0].rule == "kubernetes/cannot-parse");
  CHECK(result.findings[0].message.find("render it") != std::string::npos);
}
