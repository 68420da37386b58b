#include "app/diagnosis/manifest.h"
#include "tests/app/diagnosis/memory_log.h"

using namespace app;
using namespace app::diagnosis;

namespace {

// A deployment in name space shop; spec is the pod's, from "containers:" on, at indentation 6.
std::string deployment(const std::string& name, const std::string& labels, const std::string& rest, int replicas = 1) {
  return "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: " + name + "\n  namespace: shop\nspec:\n  replicas: " + std::to_string(replicas) +
         "\n  template:\n    metadata:\n      labels: {" + labels + "}\n    spec:\n      containers:\n      - name: app\n        image: acme/app:1\n" + rest + "---\n";
}
std::string object(const std::string& kind, const std::string& name, const std::string& rest) {
  return "apiVersion: v1\nkind: " + kind + "\nmetadata:\n  name: " + name + "\n  namespace: shop\n" + rest + "---\n";
}
std::vector<Finding> of(const std::string& text) { return findings_of({{"m.yaml", text}}); }

}  // namespace

TEST_CASE("diagnosis/yaml: maps, lists, block text, comments and flow values with their lines") {
  std::string text = "a: 1 # one\nlist:\n- x: 2\n  y: 'q # r'\n- z\nflow: [1, {k: v}]\nblock: |\n  first\n  second\nlast: \"e\"\n";
  std::vector<std::string_view> lines = engine::split(text, '\n');
  YamlNode root = parse_yaml_lines(lines, 0, lines.size());
  CHECK(root.get("a") == "1");
  CHECK(root.items("list").size() == 2);
  CHECK(root.items("list")[0]->get("y") == "q # r");
  CHECK(root.items("list")[1]->value == "z");
  CHECK(root.items("flow")[1]->get("k") == "v");
  CHECK(root.get("block") == "first\nsecond\n");
  CHECK(root.find("last")->line == 9);
}

TEST_CASE("diagnosis/yaml: a key after a list at the same indentation belongs to the parent") {
  std::string text = "ports:\n- port: 80\n  targetPort: 81\nselector:\n  app: web\n";
  std::vector<std::string_view> lines = engine::split(text, '\n');
  CHECK(parse_yaml_lines(lines, 0, lines.size()).get("selector/app") == "web");
}

TEST_CASE("diagnosis/yaml: text that is no YAML ends without a fault") {
  for (const std::string& text : {std::string("- - - -\n:\n: :\n[[[\n{{{"), std::string(5000, '-'), std::string("a:\n b:\n  - \n   -c: ['x"), std::string("\t\t\n|\n>")}) {
    std::vector<std::string_view> lines = engine::split(text, '\n');
    CHECK_NOTHROW(parse_yaml_lines(lines, 0, lines.size()));
  }
}

TEST_CASE("diagnosis/yaml: a line of a hundred thousand dashes ends without a fault") {
  std::string dashes;
  for (int i = 0; i < 100'000; ++i) dashes += "- ";
  const std::string text = "kind: Pod\nlist:\n  " + dashes + "a: b\nname: web\n";
  const std::vector<std::string_view> lines = engine::split(text, '\n');
  CHECK(parse_yaml_lines(lines, 0, lines.size()).get("name") == "web");
}

TEST_CASE("diagnosis/manifest: quantities") {
  CHECK(*quantity("100m") == doctest::Approx(0.1));
  CHECK(*quantity("64Mi") == 64 * 1048576.0);
  CHECK(*quantity("2") == 2);
  CHECK_FALSE(quantity("lots").has_value());
  CHECK_FALSE(quantity("5Xi").has_value());
}

TEST_CASE("diagnosis/manifest: a selector that differs from the pods' labels is found, one that fits is not") {
  std::string good = object("Service", "web", "spec:\n  ports:\n  - port: 80\n  selector:\n    app: web\n");
  std::string bad = object("Service", "web", "spec:\n  ports:\n  - port: 80\n  selector:\n    app: wbe\n");
  CHECK(find_check(of(deployment("web", "app: web", "") + good), "service_selector") == nullptr);
  auto findings = of(deployment("web", "app: web", "") + bad);
  const Finding* finding = find_check(findings, "service_selector");
  REQUIRE(finding != nullptr);
  CHECK(finding->title.find("app=wbe") != std::string::npos);
  CHECK(finding->cause.find("app=web") != std::string::npos);
}

TEST_CASE("diagnosis/manifest: a target port that no container lists is found") {
  std::string service = object("Service", "web", "spec:\n  ports:\n  - port: 80\n    targetPort: 8081\n  selector:\n    app: web\n");
  CHECK(find_check(of(deployment("web", "app: web", "        ports:\n        - containerPort: 8080\n") + service), "service_selector") != nullptr);
}

TEST_CASE("diagnosis/manifest: a secret, a key and a claim that nothing defines are found") {
  std::string env = "        env:\n        - name: A\n          valueFrom:\n            secretKeyRef:\n              name: db\n              key: user\n";
  CHECK(find_check(of(deployment("web", "app: web", env)), "missing_reference") != nullptr);
  CHECK(find_check(of(deployment("web", "app: web", env) + object("Secret", "db", "data:\n  user: eA==\n")), "missing_reference") == nullptr);
  CHECK(find_check(of(deployment("web", "app: web", env) + object("Secret", "db", "data:\n  name: eA==\n")), "missing_reference") != nullptr);
  std::string optional = "        envFrom:\n        - configMapRef:\n            name: extra\n            optional: true\n";
  CHECK(find_check(of(deployment("web", "app: web", optional)), "missing_reference") == nullptr);
}

TEST_CASE("diagnosis/manifest: quotas are summed over replicas") {
  std::string resources = "        resources:\n          requests:\n            cpu: 10m\n";
  auto quota = [](const std::string& cpu) { return object("ResourceQuota", "q", "spec:\n  hard:\n    requests.cpu: " + cpu + "\n"); };
  CHECK(find_check(of(deployment("web", "app: web", resources, 3) + quota("30m")), "resource_quota") == nullptr);
  auto findings = of(deployment("web", "app: web", resources, 3) + quota("20m"));
  const Finding* finding = find_check(findings, "resource_quota");
  REQUIRE(finding != nullptr);
  CHECK(finding->title.find("30m") != std::string::npos);
  auto missing = of(deployment("web", "app: web", "") + quota("1"));
  REQUIRE(find_check(missing, "resource_quota") != nullptr);
  CHECK(find_check(missing, "resource_quota")->title.find("has no requests.cpu") != std::string::npos);
}

TEST_CASE("diagnosis/manifest: a network policy that shuts out a client is found, one that lets it in is not") {
  auto policy = [](const std::string& label) {
    return object("NetworkPolicy", "p", "spec:\n  podSelector:\n    matchLabels:\n      app: api\n  ingress:\n  - from:\n    - podSelector:\n        matchLabels:\n          role: " + label + "\n");
  };
  std::string pods = deployment("api", "app: api", "") + deployment("web", "role: front", "        args: [\"curl http://api\"]\n");
  CHECK(find_check(of(pods + policy("front")), "network_policy") == nullptr);
  auto findings = of(pods + policy("back"));
  REQUIRE(find_check(findings, "network_policy") != nullptr);
  CHECK(find_check(findings, "network_policy")->severity == Severity::error);
}

TEST_CASE("diagnosis/manifest: an autoscaler without requests, a broken command, a wrong probe, too little memory") {
  std::string hpa = object("HorizontalPodAutoscaler", "h", "spec:\n  scaleTargetRef:\n    name: web\n  metrics:\n  - type: Resource\n    resource:\n      name: cpu\n      target:\n        type: Utilization\n");
  CHECK(find_check(of(deployment("web", "app: web", "") + hpa), "autoscaler") != nullptr);
  CHECK(find_check(of(deployment("web", "app: web", "        resources:\n          requests:\n            cpu: 10m\n") + hpa), "autoscaler") == nullptr);
  std::string script = "        command: [\"/bin/sh\", \"-c\"]\n        args: [\"echo 'a; sleep 1000\"]\n";
  CHECK(find_check(of(deployment("web", "app: web", script)), "container_command") != nullptr);
  std::string typo = "        command: [\"crul\", \"http://x\"]\n";
  CHECK(find_check(of(deployment("web", "app: web", typo)), "container_command") != nullptr);
  std::string dd = "        command: [\"sh\", \"-c\", \"dd if=/dev/zero of=/tmp/x bs=1M count=300\"]\n        resources:\n          limits:\n            memory: 200Mi\n";
  CHECK(find_check(of(deployment("web", "app: web", dd)), "memory_limit") != nullptr);
  std::string probe = "        ports:\n        - containerPort: 80\n        livenessProbe:\n          tcpSocket:\n            port: 8080\n";
  CHECK(find_check(of(deployment("web", "app: web", probe)), "probe_target") != nullptr);
}

TEST_CASE("diagnosis/manifest: a sound manifest gives no error") {
  std::string good = deployment("web", "app: web", "        ports:\n        - containerPort: 80\n        resources:\n          requests:\n            cpu: 10m\n          limits:\n            memory: 64Mi\n", 2) +
                     object("Service", "web", "spec:\n  ports:\n  - port: 80\n  selector:\n    app: web\n");
  for (const Finding& finding : of(good)) {
    CAPTURE(finding.title);
    CHECK(finding.severity < Severity::error);
  }
}
