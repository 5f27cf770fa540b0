// SPDX-License-Identifier: Apache-2.0
#include "config/option.h"

#include <gtest/gtest.h>

#include "every_option.h"

namespace llmos::config {
namespace {

const Option& row(std::string_view name) { return every_table().rows()[*every_table().find(name)]; }

TEST(Option, KindFollowsTheField) {
  EXPECT_EQ(row("x.flag").kind, Kind::kBool);
  EXPECT_EQ(row("x.integer").kind, Kind::kInteger);
  EXPECT_EQ(row("x.count").kind, Kind::kUnsigned);
  EXPECT_EQ(row("x.bytes").kind, Kind::kBytes);
  EXPECT_EQ(row("x.pause").kind, Kind::kDuration);
  EXPECT_EQ(row("x.ratio").kind, Kind::kDouble);
  EXPECT_EQ(row("y.color").kind, Kind::kEnum);
  EXPECT_EQ(row("y.text").kind, Kind::kString);
  EXPECT_EQ(row("y.list").kind, Kind::kIntegers);
}

TEST(Option, StoreAndLoadReachTheField) {
  Every every;
  for (const Option& each : every_table().rows()) {
    const Value before = each.load(&every);
    each.store(&every, before);
    EXPECT_EQ(each.load(&every), before) << each.name;
  }
  row("x.pause").store(&every, int64_t{3'000'000'000});
  EXPECT_EQ(every.pause.count(), 3000);
  row("y.color").store(&every, uint64_t{0});
  EXPECT_EQ(every.color, Color::kRed);
  EXPECT_EQ(row("x.count").field(&every), &every.count);
}

TEST(Option, RangesAreInclusive) {
  EXPECT_TRUE(check_range(row("x.integer"), int64_t{-10}).ok());
  EXPECT_TRUE(check_range(row("x.integer"), int64_t{10}).ok());
  EXPECT_FALSE(check_range(row("x.integer"), int64_t{-11}).ok());
  EXPECT_TRUE(check_range(row("x.ratio"), 1.0).ok());
  EXPECT_FALSE(check_range(row("x.ratio"), 1.0000001).ok());
  EXPECT_TRUE(check_range(row("y.text"), std::string(100, 'x')).ok());
  EXPECT_EQ(check_range(row("y.list"), std::vector<int64_t>{0, 64, 65}).message(),
            "out of range: allowed are 0 to 64 each, found 65");
}

TEST(Option, AllowedTextNamesRangeOrWords) {
  EXPECT_EQ(allowed_text(row("x.count")), "1 to 100 things");
  EXPECT_EQ(allowed_text(row("y.list")), "0 to 64 each");
  EXPECT_EQ(allowed_text(row("x.flag")), "true, false");
  EXPECT_EQ(allowed_text(row("y.color")), "red, green");
  EXPECT_EQ(allowed_text(row("x.bytes")), "0 to 1TiB");
}

}  // namespace
}  // namespace llmos::config
