// SPDX-License-Identifier: Apache-2.0
// That the steps of a name are those of the model: pretokenizer_golden_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "text/pretokenizer.h"
#include "text/pretokenizer_patterns.h"

namespace llmos {
namespace {

using ::testing::ElementsAre;
using Kind = PretokenizerStep::Kind;

std::vector<Kind> kinds_of(std::string_view name) {
  const auto steps = named_pretokenizer(name);
  std::vector<Kind> kinds;
  for (const PretokenizerStep& step : steps.value()) kinds.push_back(step.kind);
  return kinds;
}

std::string pattern_of(std::string_view name) { return named_pretokenizer(name)->at(0).pattern; }

TEST(PretokenizerNames, StepsStandInTheirOrder) {
  EXPECT_THAT(kinds_of("gpt-2"), ElementsAre(Kind::kByteLevel));
  EXPECT_THAT(kinds_of("starcoder"), ElementsAre(Kind::kDigits, Kind::kByteLevel));
  EXPECT_THAT(kinds_of("falcon"),
              ElementsAre(Kind::kPunctuation, Kind::kByteLevel, Kind::kDigits, Kind::kSplitRegex));
  EXPECT_THAT(kinds_of("llama-bpe"), ElementsAre(Kind::kSplitRegex, Kind::kByteLevel));
  EXPECT_EQ(kinds_of("deepseek-llm").size(), 7u);
}

// Where a split is made by patterns, bytes are not split once more by GPT-2's.
TEST(PretokenizerNames, BytesBehindAPatternAreNotSplitAgain) {
  EXPECT_TRUE(named_pretokenizer("gpt-2")->back().use_regex);
  EXPECT_TRUE(named_pretokenizer("starcoder")->back().use_regex);
  for (const char* name : {"llama-bpe", "qwen2", "tekken", "gpt-4o", "deepseek-coder"}) {
    EXPECT_FALSE(named_pretokenizer(name)->back().use_regex) << name;
  }
}

TEST(PretokenizerNames, ModelsOfOneFamilyShareAPattern) {
  EXPECT_EQ(pattern_of("llama-bpe"), kLlama3Pattern);
  EXPECT_EQ(pattern_of("llama3"), kLlama3Pattern);
  EXPECT_EQ(pattern_of("qwen2"), kQwen2Pattern);
  EXPECT_EQ(pattern_of("deepseek-r1-qwen"), kQwen2Pattern);
  EXPECT_EQ(pattern_of("llama4"), kGpt4oPattern);
  for (const char* name : {"mpt", "phi-2", "olmo"}) {
    EXPECT_EQ(kinds_of(name), kinds_of("gpt-2")) << name;
  }
  for (const char* name : {"refact", "smollm", "command-r"}) {
    EXPECT_EQ(kinds_of(name), kinds_of("starcoder")) << name;
    EXPECT_TRUE(named_pretokenizer(name)->at(0).individual) << name;
  }
}

TEST(PretokenizerNames, OthersAreNotKnown) {
  EXPECT_FALSE(named_pretokenizer("nobody"));
  EXPECT_FALSE(named_pretokenizer(""));
  EXPECT_FALSE(named_pretokenizer("GPT-2"));
}

}  // namespace
}  // namespace llmos
