// SPDX-License-Identifier: Apache-2.0
#include "base/check.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "support/throwing_fatal.h"

namespace llmos {
namespace {

TEST(Check, PassesWithoutEvaluatingTheMessage) {
  int evaluated = 0;
  LLMOS_CHECK(true) << ++evaluated;
  EXPECT_EQ(evaluated, 0);
}

TEST(Check, FailureNamesFileConditionAndMessage) {
  const test::ThrowingFatal guard;
  const int live = 3;
  try {
    LLMOS_CHECK(live == 0) << live << " objects";
    FAIL() << "the check passed";
  } catch (const test::FatalError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("check_test.cc:"), std::string::npos) << text;
    EXPECT_NE(text.find("CHECK(live == 0) failed: 3 objects"), std::string::npos) << text;
  }
}

TEST(Check, LevelsFollowTheBuild) {
  const test::ThrowingFatal guard;
  const auto raises = [](auto&& body) {
    try {
      body();
      return false;
    } catch (const test::FatalError&) {
      return true;
    }
  };
  EXPECT_TRUE(raises([] { LLMOS_CHECK(false); }));
  EXPECT_EQ(raises([] { LLMOS_DCHECK(false); }), kAssertions >= 1);
  EXPECT_EQ(raises([] { LLMOS_CHECK_SLOW(false); }), kAssertions >= 2);
}

TEST(Check, LevelThatIsOffDoesNotEvaluateItsCondition) {
  int evaluated = 0;
  const auto count = [&] { return ++evaluated > 0; };
  LLMOS_CHECK_SLOW(count());
  EXPECT_EQ(evaluated, kAssertions >= 2 ? 1 : 0);
}

TEST(CheckDeathTest, DefaultHandlerWritesAndAborts) {
  EXPECT_DEATH(LLMOS_CHECK(1 > 2) << "reason",
               "llmos: check_test.cc:[0-9]+: CHECK.1 > 2. failed: reason");
}

}  // namespace
}  // namespace llmos
