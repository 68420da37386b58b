#include "app/configs/log_terms.h"

#include <doctest/doctest.h>

using namespace app::configs;
using Terms = std::vector<std::string>;

TEST_CASE("configs/log_terms: paths, hosts, addresses and ports of a line") {
  CHECK(log_terms("listen 10.0.0.5:8080 default_server;") == Terms{"10.0.0.5", ":8080"});
  CHECK(log_terms("  proxy_pass http://api.internal:9000/v1;") == Terms{"api.internal", ":9000"});
  CHECK(log_terms("        containerPort: 5432") == Terms{":5432"});
  CHECK(log_terms("    mountPath: /var/lib/postgresql/data") == Terms{"/var/lib/postgresql/data"});
  CHECK(log_terms("DATABASE_URL=postgres://app:secret@db-2.prod:5432/orders") == Terms{"db-2.prod", ":5432"});
  CHECK(log_terms("EXPOSE 80") == Terms{":80"});
}

TEST_CASE("configs/log_terms: what says nothing is left out") {
  CHECK(log_terms("bind 0.0.0.0 127.0.0.1 /bin/sh /var").empty());
  CHECK(log_terms("replicas: 3").empty());
  CHECK(log_terms("image: nginx:latest").empty());
  CHECK(log_terms("COPY nginx.conf run.sh").empty());
  CHECK(log_terms("").empty());
}

TEST_CASE("configs/log_terms: a term is found whole, not within a longer one") {
  CHECK(holds_term("connect to 10.0.0.5:8080 failed", ":8080"));
  CHECK_FALSE(holds_term("connect to 10.0.0.5:80801 failed", ":8080"));
  CHECK(holds_term("lookup API.internal: no such host", "api.internal"));
  CHECK_FALSE(holds_term("lookup my-api.internal", "api.internal"));
  CHECK(holds_term("open /var/lib/pg/base: no space", "/var/lib/pg"));
  CHECK_FALSE(holds_term("open /var/lib/pg2", "/var/lib/pg"));
  CHECK_FALSE(holds_term("anything", ""));
}
