#include "client/url.h"

#include <gtest/gtest.h>

namespace verbatim::client {
namespace {

TEST(Url, IsReadOrItsErrorNamed) {
  auto read = [](const char* text) {
    auto url = parse_url(text);
    if (!url) return url.error().message;
    return fmt::format("{}{} {} {}", url->secure ? "secure " : "", url->host, url->port, url->path);
  };
  EXPECT_EQ(read("http://a:8000"), "a 8000 ");
  EXPECT_EQ(read("http://a"), "a 80 ");
  EXPECT_EQ(read("http://a:8000/v1/"), "a 8000 ");
  EXPECT_EQ(read("http://a:1/proxy/v1"), "a 1 /proxy");
  EXPECT_EQ(read("http://[::1]:8000/"), "::1 8000 ");
  EXPECT_EQ(read("http://[::1]"), "::1 80 ");
  EXPECT_EQ(read("https://a"), "secure a 443 ");
  EXPECT_EQ(read("https://a:8443/api/v1"), "secure a 8443 /api");
  for (const char* wrong :
       {"a:8000", "ftp://a", "http://", "https://", "http://:80", "http://a:b", "http://a:"}) {
    EXPECT_FALSE(parse_url(wrong).ok()) << wrong;
  }
}

TEST(Url, IsWrittenAsServersExpectIt) {
  for (const char* text :
       {"http://a", "http://a:8000/proxy", "http://[::1]:8000", "https://a/api", "https://a:80"}) {
    auto url = parse_url(text);
    ASSERT_TRUE(url.ok()) << text;
    EXPECT_EQ(url->text(), text);
  }
  EXPECT_EQ(parse_url("https://a:443/v1")->authority(), "a");
  EXPECT_EQ(parse_url("http://[::1]:80")->authority(), "[::1]");
}

}  // namespace
}  // namespace verbatim::client
