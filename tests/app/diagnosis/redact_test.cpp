#include "app/diagnosis/redact.h"

#include <doctest/doctest.h>

#include <utility>

using namespace app::diagnosis;

TEST_CASE("diagnosis/redact: secrets of each kind are masked") {
  const std::pair<const char*, const char*> cases[] = {
      {"login password=hunter2pass ok", "hunter2pass"},
      {"{\"password\": \"with space\", \"user\": \"bob\"}", "with space"},
      {"DB_PASSWORD=s3cr3tvalue", "s3cr3tvalue"},
      {"Authorization: Bearer abc.def-123456", "abc.def-123456"},
      {"Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"},
      {"key AKIAIOSFODNN7EXAMPLE used", "AKIAIOSFODNN7EXAMPLE"},
      {"aws_secret_access_key = wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"},
      {"api_key: 0123456789abcdef", "0123456789abcdef"},
      {"postgres://shop:pa55word@db:5432/shop", "pa55word"},
      {"token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefghijk", "eyJhbGciOiJIUzI1NiJ9"},
      {"push ghp_0123456789abcdefghijABCDEFGHIJ012345", "ghp_0123456789"},
      {"mysql --password=topsecret1 -u root", "topsecret1"},
      {"-----BEGIN RSA PRIVATE KEY-----\nMIIEabc\n-----END RSA PRIVATE KEY-----", "MIIEabc"},
      {"Cookie: session=abcdef0123", "abcdef0123"},
      {"client_secret=abcd1234efgh", "abcd1234efgh"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.first);
    std::string masked = redact(c.first);
    CHECK(masked.find(c.second) == std::string::npos);
    CHECK(masked.find('<') != std::string::npos);
  }
}

TEST_CASE("diagnosis/redact: text without secrets stays as it is") {
  for (const char* text : {"FATAL: password authentication failed for user \"shop\"", "tokenizer loaded in 12 ms", "GET /password/reset 200",
                           "http://db:5432/shop", "token: <none>", "password is missing", "basic auth enabled", "2026-01-01 00:00:00 INFO ok", ""}) {
    CAPTURE(text);
    CHECK(redact(text) == text);
  }
}

TEST_CASE("diagnosis/redact: the same secret keeps its placeholder, another gets its own") {
  Redactor redactor;
  CHECK(redactor.redact("password=first1 password=second2") == "password=<password-1> password=<password-2>");
  CHECK(redactor.redact("again password=first1") == "again password=<password-1>");
  REQUIRE(redactor.redactions().size() == 2);
  CHECK(redactor.redactions()[0].n_times == 2);
}

TEST_CASE("diagnosis/redact: what was masked can be put back") {
  Redactor redactor;
  std::string text = "postgres://a:pa55word@h/x and api_key=0123456789ab";
  CHECK(redactor.restore(redactor.redact(text)) == text);
}

TEST_CASE("diagnosis/redact: e-mail and IP addresses only where asked") {
  std::string text = "ann@example.org from 10.1.2.3";
  CHECK(redact(text) == text);
  CHECK(redact(text, {.emails = true, .ip_addresses = true}) == "<email-1> from <ip-1>");
}

TEST_CASE("diagnosis/redact: a cut private key block is masked to the end") {
  CHECK(redact("x -----BEGIN PRIVATE KEY-----\nMIIEabc\nMore").find("MIIEabc") == std::string::npos);
}
