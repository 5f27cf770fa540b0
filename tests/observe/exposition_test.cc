// SPDX-License-Identifier: Apache-2.0
#include "observe/exposition.h"

#include <gtest/gtest.h>

#include <cmath>

namespace llmos::observe {
namespace {

TEST(Exposition, NamesAndLabelNames) {
  for (const char* name : {"a", "_", "a:b", "A9"}) EXPECT_TRUE(is_metric_name(name)) << name;
  for (const char* name : {"", "9", "a-b", "a.b", " a"}) EXPECT_FALSE(is_metric_name(name)) << name;
  EXPECT_TRUE(is_label_name("_a9"));
  for (const char* name : {"", "9", "a:b", "__a"}) EXPECT_FALSE(is_label_name(name)) << name;
}

TEST(Exposition, EscapesOnlyWhatTheFormatAsksFor) {
  EXPECT_EQ(escape_help("a\"b\\c\nd"), "a\"b\\\\c\\nd");
  EXPECT_EQ(escape_label_value("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
  EXPECT_EQ(escape_label_value("\xff\xe2\x82\xac"), "\xef\xbf\xbd\xe2\x82\xac");
}

TEST(Exposition, LabelsAreSortedAndChecked) {
  EXPECT_EQ(*label_text({}, false), "");
  EXPECT_EQ(*label_text({{"b", "2"}, {"a", "1"}}, true), "a=\"1\",b=\"2\"");
  EXPECT_TRUE(label_text({{"le", "1"}}, false).ok());
  EXPECT_FALSE(label_text({{"le", "1"}}, true).ok());
  EXPECT_FALSE(label_text({{"a", "1"}, {"a", "1"}}, false).ok());
}

TEST(Exposition, Numbers) {
  EXPECT_EQ(number_text(0.1), "0.1");
  EXPECT_EQ(number_text(-3), "-3");
  EXPECT_EQ(number_text(std::nan("")), "NaN");
  EXPECT_EQ(number_text(HUGE_VAL), "+Inf");
  EXPECT_EQ(number_text(-HUGE_VAL), "-Inf");
}

TEST(Exposition, Samples) {
  std::string out;
  write_sample("a", "", "", "1", out);
  write_sample("a", "b=\"c\"", "", "2", out);
  write_sample("a", "", "le=\"1\"", "3", out);
  write_sample("a", "b=\"c\"", "le=\"1\"", "4", out);
  EXPECT_EQ(out, "a 1\na{b=\"c\"} 2\na{le=\"1\"} 3\na{b=\"c\",le=\"1\"} 4\n");
}

}  // namespace
}  // namespace llmos::observe
