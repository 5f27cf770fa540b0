// SPDX-License-Identifier: Apache-2.0
#include "server/api_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace server {
namespace {

TEST(ApiError, HasTheShapeThatClientsKnow) {
  ApiError error;
  error.message = "n: expected \"1\"";
  error.param = "n";
  EXPECT_EQ(error_json(error),
            R"({"error":{"message":"n: expected \"1\"","type":"invalid_request_error",)"
            R"("param":"n","code":null}})");
  error.http_status = 429;
  error.param.clear();
  error.code = "rate_limit_exceeded";
  EXPECT_EQ(error_json(error),
            R"({"error":{"message":"n: expected \"1\"","type":"rate_limit_error",)"
            R"("param":null,"code":"rate_limit_exceeded"}})");
}

TEST(ApiError, ComesFromAnEnginesStatus) {
  using llmos::Code;
  const auto status_of = [](Code code) { return error_of({code, "words"}).http_status; };
  EXPECT_EQ(status_of(Code::kInvalid), 400);
  EXPECT_EQ(status_of(Code::kUnsupported), 400);
  EXPECT_EQ(status_of(Code::kNotFound), 404);
  EXPECT_EQ(status_of(Code::kExhausted), 503);
  EXPECT_EQ(status_of(Code::kCancelled), 503);
  EXPECT_EQ(status_of(Code::kDeadline), 504);
  EXPECT_EQ(status_of(Code::kInternal), 500);
  EXPECT_GT(error_of({Code::kExhausted, "full"}).retry_after_s, 0u);
  EXPECT_EQ(error_of({Code::kInvalid, "words"}).message, "words");
}

}  // namespace
}  // namespace server
