// SPDX-License-Identifier: Apache-2.0
// What programs match is tested in regex_test.cc. Here, what they are made of.
#include "text/regex_program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace llmos {
namespace {

using ::testing::ElementsAre;
using Op = RegexStep::Op;

Result<RegexProgram> compiled(std::string_view pattern) {
  const Result<RegexNode> tree = parse_regex(pattern);
  EXPECT_TRUE(tree.ok()) << pattern << ": " << tree.status().to_string();
  return compile_regex(*tree);
}

std::vector<Op> ops(std::string_view pattern) {
  const RegexProgram program = *compiled(pattern);
  std::vector<Op> found;
  for (const RegexStep& step : program.steps) found.push_back(step.op);
  return found;
}

TEST(RegexProgram, ARunOfOneSetIsOneStep) {
  EXPECT_THAT(ops("a+"), ElementsAre(Op::kSpan, Op::kMatch));
  EXPECT_THAT(ops("(?:[ab])*"), ElementsAre(Op::kSpan, Op::kMatch));
  EXPECT_THAT(ops("a{2,16}"), ElementsAre(Op::kSpan, Op::kMatch));
  EXPECT_THAT(ops("a++"), ElementsAre(Op::kPossessive, Op::kMatch));
  EXPECT_THAT(ops("(?>a*)"), ElementsAre(Op::kPossessive, Op::kMatch));
}

TEST(RegexProgram, OtherRepeatsAreWrittenOut) {
  EXPECT_THAT(ops("(?:ab)*"), ElementsAre(Op::kSplit, Op::kSet, Op::kSet, Op::kJump, Op::kMatch));
  EXPECT_THAT(ops("(?:ab){2}"), ElementsAre(Op::kSet, Op::kSet, Op::kSet, Op::kSet, Op::kMatch));
  EXPECT_THAT(ops("a+?"), ElementsAre(Op::kSet, Op::kSplit, Op::kSet, Op::kJump, Op::kMatch));
  EXPECT_EQ(ops("a{17}").size(), 18u);
}

TEST(RegexProgram, ALazySplitTriesToLeaveFirst) {
  const RegexProgram greedy = *compiled("(?:ab)*");
  EXPECT_EQ(greedy.steps[0].to, 1u);
  EXPECT_EQ(greedy.steps[0].other, 4u);
  const RegexProgram lazy = *compiled("(?:ab)*?");
  EXPECT_EQ(lazy.steps[0].to, 4u);
  EXPECT_EQ(lazy.steps[0].other, 1u);
}

TEST(RegexProgram, EveryChoiceHasItsRow) {
  const RegexProgram program = *compiled("a+(?:b|c)d*+");
  EXPECT_EQ(program.slots, 3u);
  std::vector<uint32_t> slots;
  for (const RegexStep& step : program.steps) {
    const bool chooses =
        step.op == Op::kSplit || step.op == Op::kSpan || step.op == Op::kPossessive;
    if (chooses) slots.push_back(step.slot);
  }
  EXPECT_THAT(slots, ElementsAre(0, 1, 2));
}

TEST(RegexProgram, EqualSetsShareATable) {
  EXPECT_EQ(compiled("aab[b]\\x61")->tables.size(), 2u);
  EXPECT_EQ(compiled("\\s\\p{L}[^\\S]")->tables.size(), 2u);
}

TEST(RegexProgram, KnowsWhatAMatchBeginsWith) {
  const RegexProgram program = *compiled("a?b|(?=x)c|d+");
  EXPECT_FALSE(program.may_be_empty);
  for (const char c : {'a', 'b', 'c', 'd'}) EXPECT_TRUE(program.begins[0].contains(char32_t(c)));
  EXPECT_FALSE(program.begins[0].contains('x'));
  EXPECT_TRUE(compiled("a*")->may_be_empty);
  EXPECT_TRUE(compiled("a|")->may_be_empty);
  EXPECT_TRUE(compiled("(?=a)")->may_be_empty);
  EXPECT_FALSE(compiled("^a")->may_be_empty);
}

TEST(RegexProgram, LooksBehindWhatHasOneLength) {
  EXPECT_EQ(compiled("(?<=ab|cd)e")->steps[0].behind, 2);
  EXPECT_EQ(compiled("(?<!a{3})e")->steps[0].behind, 3);
  EXPECT_EQ(compiled("(?<=ab|c)e").status().code(), Code::kUnsupported);
  EXPECT_EQ(compiled("(?<=(?:a{40}){40})e").status().code(), Code::kUnsupported);
}

TEST(RegexProgram, RefusesWhatUnfoldsTooFar) {
  EXPECT_EQ(compiled("(?:(?:ab){200}){200}").status().code(), Code::kExhausted);
  EXPECT_EQ(compiled("(?>(?:ab)+)").status().code(), Code::kUnsupported);
}

}  // namespace
}  // namespace llmos
