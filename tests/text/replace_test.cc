// SPDX-License-Identifier: Apache-2.0
#include "text/replace.h"

#include <gtest/gtest.h>

namespace llmos {
namespace {

TEST(Replace, ReplacesFromLeftToRight) {
  EXPECT_EQ(replace_all("a b c", " ", "\u2581"), "a\u2581b\u2581c");
  EXPECT_EQ(replace_all("aaaaa", "aa", "b"), "bba");
  EXPECT_EQ(replace_all("aXbX", "X", ""), "ab");
  EXPECT_EQ(replace_all("abc", "x", "y"), "abc");
  EXPECT_EQ(replace_all("", "x", "y"), "");
}

TEST(Replace, WhatWasWrittenIsNotReplacedAgain) {
  EXPECT_EQ(replace_all("ab", "a", "aa"), "aab");
  EXPECT_EQ(replace_all("xyy", "xy", "x"), "xy");
}

TEST(Replace, AnEmptyPatternIsNowhere) { EXPECT_EQ(replace_all("abc", "", "x"), "abc"); }

}  // namespace
}  // namespace llmos
