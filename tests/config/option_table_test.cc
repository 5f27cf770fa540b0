// SPDX-License-Identifier: Apache-2.0
#include "config/option_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aggregate_fields.h"
#include "config/llmos_options.h"
#include "llmos/options.h"
#include "support/throwing_fatal.h"

namespace llmos::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The paths of the leaves that no row is bound to.
template <class Root>
std::vector<std::string> fields_without_row(const OptionTable& table) {
  const Root options{};
  std::vector<std::string> missing;
  test::visit_leaves(options, [&](const void* field, const std::string& path) {
    for (const Option& row : table.rows())
      if (row.field(&options) == field) return;
    missing.push_back(path);
  });
  return missing;
}

template <class Root>
size_t leaf_count() {
  size_t count = 0;
  test::visit_leaves(Root{}, [&](const void*, const std::string&) { ++count; });
  return count;
}

struct Inner {
  int first{3};
  std::string second{};
};
struct Outer {
  bool flag{};
  Inner inner{};
  std::vector<int> list{};
};

Option flag_row() { return option<&Outer::flag>("flag", "A flag."); }
Option first_row() {
  return option<&Outer::inner, &Inner::first>("inner.first", "A number.", {0, 9}, "things");
}
Option second_row() { return option<&Outer::inner, &Inner::second>("inner.second", "A text."); }
Option list_row() { return option<&Outer::list>("list", "Numbers.", {0, 7}); }

TEST(OptionTable, EveryPublicFieldHasOneRow) {
  EXPECT_THAT(fields_without_row<Options>(llmos_options()), IsEmpty());
  EXPECT_EQ(leaf_count<Options>(), llmos_options().rows().size());
}

TEST(OptionTable, TheSearchFindsAFieldWithoutRow) {
  EXPECT_EQ(leaf_count<Outer>(), 4u);
  EXPECT_THAT(fields_without_row<Outer>(
                  OptionTable::of<Outer>({flag_row(), first_row(), second_row(), list_row()})),
              IsEmpty());
  EXPECT_THAT(
      fields_without_row<Outer>(OptionTable::of<Outer>({flag_row(), first_row(), list_row()})),
      ElementsAre("1.1"));
  EXPECT_THAT(fields_without_row<Outer>(OptionTable::of<Outer>({first_row(), second_row()})),
              ElementsAre("0", "2"));
}

TEST(OptionTable, ArityCountsWholeNestedAggregates) {
  struct Empty {};
  EXPECT_EQ(test::arity<Empty>(), 0u);
  EXPECT_EQ(test::arity<Inner>(), 2u);
  EXPECT_EQ(test::arity<Outer>(), 3u);
}

TEST(OptionTable, DefaultsAreTheFieldsOwnInitialisers) {
  const OptionTable& table = llmos_options();
  EXPECT_EQ(table.default_of(*table.find("log.level")), Value(uint64_t(LogLevel::kWarn)));
  EXPECT_EQ(table.default_of(*table.find("memory.huge_pages")),
            Value(uint64_t(HugePages::kAdvise)));
  EXPECT_EQ(table.default_of(*table.find("trace.spans_max")),
            Value(uint64_t(TraceOptions{}.spans_max)));
}

TEST(OptionTable, EnumWordsFitTheirEnumerators) {
  const OptionTable& table = llmos_options();
  const Option& level = table.rows()[*table.find("log.level")];
  EXPECT_EQ(level.names[size_t(LogLevel::kTrace)], "trace");
  EXPECT_EQ(level.names[size_t(LogLevel::kOff)], "off");
  EXPECT_EQ(level.names.size(), size_t(LogLevel::kOff) + 1);
  const Option& pages = table.rows()[*table.find("memory.huge_pages")];
  EXPECT_EQ(pages.names[size_t(HugePages::kExplicit)], "explicit");
  EXPECT_EQ(pages.names.size(), size_t(HugePages::kExplicit) + 1);
}

TEST(OptionTable, FindsNamesVariablesAndSections) {
  const OptionTable table = OptionTable::of<Outer>({flag_row(), first_row()});
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
  EXPECT_EQ(table.nearest("Memory.Checked"), "memory.checked");
  EXPECT_EQ(table.nearest("completely.different"), "");
  EXPECT_EQ(table.nearest(""), "");
  EXPECT_EQ(table.nearest(std::string(1 << 20, 'x')), "");
  EXPECT_EQ(table.nearest_variable("LLMOS_MEMORY_BYTE_MAX"), "LLMOS_MEMORY_BYTES_MAX");
}

void expect_refused(std::vector<Option> rows, const char* reason) {
  const test::ThrowingFatal throwing;
  try {
    OptionTable::of<Outer>(std::move(rows));
    FAIL() << "the table was accepted";
  } catch (const test::FatalError& error) {
    EXPECT_THAT(error.what(), HasSubstr(reason));
  }
}

TEST(OptionTable, RefusesRowsThatContradict) {
  expect_refused({flag_row(), flag_row()}, "share a name");
  expect_refused({flag_row(), option<&Outer::flag>("other", "A flag.")}, "share a field");
  expect_refused({first_row(), option<&Outer::flag>("inner_first", "A flag.")}, "share a name");
  expect_refused({option<&Outer::flag>("Flag", "A flag.")}, "not an option's name");
  expect_refused({option<&Outer::flag>("inner..x", "A flag.")}, "not an option's name");
  expect_refused({option<&Outer::inner, &Inner::first>("a", "A number.", {4, 9})}, "out of range");
  expect_refused({option<&Inner::first>("a", "A number.", {0, 9})}, "another struct");
}

TEST(OptionTable, AllowedTextNamesRangeOrWords) {
  EXPECT_EQ(allowed_text(first_row()), "0 to 9 things");
  EXPECT_EQ(allowed_text(list_row()), "0 to 7 each");
  EXPECT_EQ(allowed_text(flag_row()), "true, false");
  const OptionTable& table = llmos_options();
  EXPECT_EQ(allowed_text(table.rows()[*table.find("memory.huge_pages")]), "none, advise, explicit");
  EXPECT_EQ(allowed_text(table.rows()[*table.find("memory.bytes_max")]), "0 to 128TiB");
}

}  // namespace
}  // namespace llmos::config
