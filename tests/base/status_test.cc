// SPDX-License-Identifier: Apache-2.0
#include "llmos/status.h"

#include <gtest/gtest.h>

#include <memory>

#include "support/throwing_fatal.h"

namespace llmos {
namespace {

TEST(Status, SaysCodeAndMessage) {
  EXPECT_TRUE(Status().ok());
  EXPECT_EQ(Status().to_string(), "ok");
  EXPECT_EQ(Status(Code::kNotFound, "a.gguf").to_string(), "not found: a.gguf");
}

TEST(Status, MovedFromIsOk) {
  Status from(Code::kInternal, "x");
  const Status to = std::move(from);
  EXPECT_TRUE(from.ok());  // NOLINT(bugprone-use-after-move): the contract under test
  EXPECT_EQ(to.code(), Code::kInternal);
}

TEST(Status, EveryCodeHasAName) {
  for (int code = 0; code <= int(Code::kInternal); ++code) {
    EXPECT_STRNE(code_name(Code(code)), "unknown");
  }
}

TEST(Result, HoldsMoveOnlyValues) {
  Result<std::unique_ptr<int>> result(std::make_unique<int>(7));
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(**result, 7);
  EXPECT_EQ(*std::move(result).value(), 7);
}

TEST(Result, ErrorGivesTheOtherValue) {
  Result<int> result(Status(Code::kExhausted, "full"));
  EXPECT_FALSE(result);
  EXPECT_EQ(result.status().code(), Code::kExhausted);
  EXPECT_EQ(std::move(result).value_or(3), 3);
}

TEST(Result, OkStatusWithoutValueIsADefect) {
  const Result<int> result{Status()};
  EXPECT_EQ(result.status().code(), Code::kInternal);
}

TEST(Result, ValueOfAnErrorIsFatal) {
  const test::ThrowingFatal guard;
  EXPECT_THROW((void)Result<int>(Status(Code::kDeadline, "late")).value(), test::FatalError);
}

}  // namespace
}  // namespace llmos
