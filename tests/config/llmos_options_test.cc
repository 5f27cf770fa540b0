// SPDX-License-Identifier: Apache-2.0
#include "config/llmos_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aggregate_fields.h"
#include "llmos/options.h"

namespace llmos::config {
namespace {

using ::testing::ElementsAre;
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

TEST(LlmosOptions, EveryPublicFieldHasOneRow) {
  EXPECT_THAT(fields_without_row<Options>(llmos_options()), IsEmpty());
  EXPECT_EQ(leaf_count<Options>(), llmos_options().rows().size());
}

TEST(LlmosOptions, DefaultsAreTheFieldsOwnInitialisers) {
  const OptionTable& table = llmos_options();
  EXPECT_EQ(table.default_of(*table.find("log.level")), Value(uint64_t(LogLevel::kWarn)));
  EXPECT_EQ(table.default_of(*table.find("memory.huge_pages")), Value(uint64_t(HugePages::kAuto)));
  EXPECT_EQ(table.default_of(*table.find("trace.spans_max")),
            Value(uint64_t(TraceOptions{}.spans_max)));
}

TEST(LlmosOptions, EnumWordsFitTheirEnumerators) {
  const OptionTable& table = llmos_options();
  const Option& level = table.rows()[*table.find("log.level")];
  EXPECT_EQ(level.names[size_t(LogLevel::kTrace)], "trace");
  EXPECT_EQ(level.names[size_t(LogLevel::kOff)], "off");
  EXPECT_EQ(level.names.size(), size_t(LogLevel::kOff) + 1);
  const Option& pages = table.rows()[*table.find("memory.huge_pages")];
  EXPECT_EQ(pages.names[size_t(HugePages::kExplicit)], "explicit");
  EXPECT_EQ(pages.names.size(), size_t(HugePages::kExplicit) + 1);
  const Option& checks = table.rows()[*table.find("memory.checks")];
  EXPECT_EQ(checks.names[size_t(Checks::kOn)], "on");
  EXPECT_EQ(checks.names.size(), size_t(Checks::kOff) + 1);
}

// The search itself, on a struct that lacks rows.
struct Inner {
  int first{};
  std::string second{};
};
struct Outer {
  bool flag{};
  Inner inner{};
  std::vector<int> list{};
};

Option flag_row() { return option<&Outer::flag>("flag", "A flag."); }
Option first_row() {
  return option<&Outer::inner, &Inner::first>("inner.first", "A number.", {0, 9});
}
Option second_row() { return option<&Outer::inner, &Inner::second>("inner.second", "A text."); }
Option list_row() { return option<&Outer::list>("list", "Numbers.", {0, 7}); }

TEST(LlmosOptions, TheSearchFindsAFieldWithoutRow) {
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

TEST(LlmosOptions, ArityCountsWholeNestedAggregates) {
  struct Empty {};
  EXPECT_EQ(test::arity<Empty>(), 0u);
  EXPECT_EQ(test::arity<Inner>(), 2u);
  EXPECT_EQ(test::arity<Outer>(), 3u);
}

}  // namespace
}  // namespace llmos::config
