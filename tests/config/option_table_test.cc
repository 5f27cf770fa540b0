// SPDX-License-Identifier: Apache-2.0
#include "config/option_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/llmos_options.h"
#include "support/throwing_fatal.h"

namespace llmos::config {
namespace {

using ::testing::HasSubstr;

// Names of their own: g++ 12 gives templates of pointers to members of unnamed namespaces weak
// symbols, so those of another file with the same names may stand in for these.
struct TableInner {
  int first{3};
  std::string second{};
};
struct TableOuter {
  bool flag{};
  TableInner inner{};
  std::vector<int> list{};
};

Option flag_row() { return option<&TableOuter::flag>("flag", "A flag."); }
Option first_row() {
  return option<&TableOuter::inner, &TableInner::first>("inner.first", "A number.", {0, 9},
                                                        "things");
}

TEST(OptionTable, FindsNamesVariablesAndSections) {
  const OptionTable table = OptionTable::of<TableOuter>({flag_row(), first_row()});
  EXPECT_EQ(table.find("inner.first"), 1u);
  EXPECT_EQ(table.find("inner"), std::nullopt);
  EXPECT_EQ(table.find("inner.first "), std::nullopt);
  EXPECT_EQ(table.find_variable("LLMOS_INNER_FIRST"), 1u);
  EXPECT_EQ(table.find_variable("LLMOS_INNER"), std::nullopt);
  EXPECT_TRUE(table.is_section("inner"));
  EXPECT_FALSE(table.is_section("inn"));
  EXPECT_FALSE(table.is_section("flag"));
}

TEST(OptionTable, SuggestsTheNearestName) {
  const OptionTable& table = llmos_options();
  EXPECT_EQ(table.nearest("memory.byte_max"), "memory.bytes_max");
  EXPECT_EQ(table.nearest("bytes_max"), "memory.bytes_max");
  EXPECT_EQ(table.nearest("Memory.Check"), "memory.checks");
  EXPECT_EQ(table.nearest("completely.different"), "");
  EXPECT_EQ(table.nearest(""), "");
  EXPECT_EQ(table.nearest(std::string(1 << 20, 'x')), "");
  EXPECT_EQ(table.nearest_variable("LLMOS_MEMORY_BYTE_MAX"), "LLMOS_MEMORY_BYTES_MAX");
}

void expect_refused(std::vector<Option> rows, const char* reason) {
  const test::ThrowingFatal throwing;
  try {
    OptionTable::of<TableOuter>(std::move(rows));
    FAIL() << "the table was accepted";
  } catch (const test::FatalError& error) {
    EXPECT_THAT(error.what(), HasSubstr(reason));
  }
}

TEST(OptionTable, RefusesRowsThatContradict) {
  expect_refused({flag_row(), flag_row()}, "share a name");
  expect_refused({flag_row(), option<&TableOuter::flag>("other", "A flag.")}, "share a field");
  expect_refused({first_row(), option<&TableOuter::flag>("inner_first", "A flag.")},
                 "share a name");
  expect_refused({option<&TableOuter::flag>("Flag", "A flag.")}, "not an option's name");
  expect_refused({option<&TableOuter::flag>("inner..x", "A flag.")}, "not an option's name");
  expect_refused({option<&TableOuter::inner, &TableInner::first>("a", "A number.", {4, 9})},
                 "out of range");
  expect_refused({option<&TableInner::first>("a", "A number.", {0, 9})}, "another struct");
}

}  // namespace
}  // namespace llmos::config
