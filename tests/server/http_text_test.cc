// SPDX-License-Identifier: Apache-2.0
#include "server/http_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace server {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(HttpText, WritesWholeAnswers) {
  const std::string text = response_text(json_response("{}"), {});
  EXPECT_THAT(text, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(text, HasSubstr("Content-Type: application/json\r\n"));
  EXPECT_THAT(text, HasSubstr("Content-Length: 2\r\n"));
  EXPECT_THAT(text, EndsWith("\r\n\r\n{}"));
  EXPECT_THAT(text, Not(HasSubstr("Connection: close")));
  const std::string head = response_text(json_response("{}"), {.keep_alive = false, .head = true});
  EXPECT_THAT(head, HasSubstr("Content-Length: 2\r\n"));
  EXPECT_THAT(head, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(head, EndsWith("\r\n\r\n"));
}

TEST(HttpText, TellsWhenToComeAgain) {
  ApiError error;
  error.http_status = 429;
  error.retry_after_s = 7;
  EXPECT_THAT(response_text(error_response(error), {}), HasSubstr("Retry-After: 7\r\n"));
  error.http_status = 401;
  EXPECT_THAT(response_text(error_response(error), {}), HasSubstr("WWW-Authenticate: Bearer\r\n"));
}

TEST(HttpText, FramesPieces) {
  const Framing chunks;
  const Framing old{.keep_alive = false, .chunked = false};
  EXPECT_THAT(stream_head(chunks), HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(stream_head(old), Not(HasSubstr("Transfer-Encoding")));
  std::string out;
  append_piece(out, std::string(26, 'x'), chunks);
  append_piece(out, "", chunks);  // would be the end
  append_end(out, chunks);
  EXPECT_EQ(out, "1a\r\n" + std::string(26, 'x') + "\r\n0\r\n\r\n");
  out.clear();
  append_piece(out, "abc", old);
  append_end(out, old);
  EXPECT_EQ(out, "abc");
}

TEST(HttpText, FindsTheKey) {
  EXPECT_EQ(bearer_key("Bearer abc"), "abc");
  EXPECT_EQ(bearer_key("bearer  abc "), "abc");
  EXPECT_EQ(bearer_key("Basic abc"), "");
  EXPECT_EQ(bearer_key("Bearer"), "");
  EXPECT_EQ(bearer_key(""), "");
}

TEST(HttpText, KnowsJson) {
  EXPECT_TRUE(is_json_type("application/json"));
  EXPECT_TRUE(is_json_type("Application/JSON; charset=utf-8"));
  EXPECT_TRUE(is_json_type(""));
  EXPECT_FALSE(is_json_type("text/plain"));
  EXPECT_FALSE(is_json_type("application/json5"));
}

TEST(HttpText, KnowsItsOwnPage) {
  EXPECT_TRUE(is_same_origin("", "localhost:8080"));
  EXPECT_TRUE(is_same_origin("http://localhost:8080", "localhost:8080"));
  EXPECT_FALSE(is_same_origin("http://evil.example", "localhost:8080"));
  EXPECT_FALSE(is_same_origin("null", "localhost:8080"));
}

}  // namespace
}  // namespace server
