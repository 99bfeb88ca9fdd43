// What stands before a body: nothing that a value holds can become a header of its own.
#include "server/response_head.h"

#include <gtest/gtest.h>

#include "json/library.h"
#include "server/api_error.h"

namespace verbatim::server {
namespace {

TEST(ResponseHead, ValuesCannotBeginAnotherHeader) {
  HttpResponse response{
      200, {{"X-Warning", "a\r\nSet-Cookie: b\n\0\x7f\tc"}, {"X-Nul", std::string("a\0b", 3)}}, ""};
  std::string head = response_head(response, 0, {});
  EXPECT_NE(head.find("X-Warning: a  Set-Cookie: b "), std::string::npos) << head;
  EXPECT_NE(head.find("X-Nul: a b\r\n"), std::string::npos) << head;
  EXPECT_EQ(head.find("\nSet-Cookie"), std::string::npos);
}

TEST(ResponseHead, SaysHowTheBodyEnds) {
  auto head = [](std::optional<std::size_t> length, Framing framing, int status = 200) {
    return response_head({status, {}, ""}, length, framing);
  };
  auto has = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  EXPECT_TRUE(has(head(5, {}), "Content-Length: 5\r\n"));
  EXPECT_FALSE(has(head(5, {}), "Connection"));
  EXPECT_TRUE(has(head({}, {}), "Transfer-Encoding: chunked\r\n"));
  EXPECT_FALSE(has(head({}, {}), "Content-Length"));
  Framing old;
  old.http_1_1 = old.keep_alive = false;
  EXPECT_FALSE(has(head({}, old), "Transfer-Encoding"));
  EXPECT_TRUE(has(head({}, old), "Connection: close\r\n"));
  EXPECT_FALSE(has(head(0, {}, 204), "Content-Length")) << "a 204 has no body to measure";
  EXPECT_TRUE(head(0, {}, 204).starts_with("HTTP/1.1 204 No Content\r\n"));
}

TEST(ResponseHeadDeathTest, NamesAreOurs) {
  EXPECT_DEATH(response_head({200, {{"X Y", ""}}, ""}, 0, {}), "no name of a header");
  EXPECT_DEATH(response_head({200, {{"content-length", "5"}}, ""}, 0, {}), "set by the transport");
}

TEST(ErrorResponse, HasTheFormOfTheOpenAiApi) {
  HttpResponse response = error_response(400, "say \"what\" \xff to change", "code");
  auto error = nlohmann::json::parse(response.body).at("error");
  EXPECT_EQ(error.at("message"), "say \"what\" \xef\xbf\xbd to change");
  EXPECT_EQ(error.at("type"), "invalid_request_error");
  EXPECT_TRUE(error.at("param").is_null());
  EXPECT_EQ(error.at("code"), "code");
  EXPECT_EQ(nlohmann::json::parse(error_response(503, "x").body).at("error").at("code"), "unavailable");
}

}  // namespace
}  // namespace verbatim::server
