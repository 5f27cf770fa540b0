// SPDX-License-Identifier: Apache-2.0
// The model that comes with LLMOS, through the tool: no path, no file, no environment.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/json.h"
#include "e2e/tool.h"

namespace llmos {
namespace {

using test::run_tool;
using test::ToolResult;
using ::testing::HasSubstr;

ToolResult run_default(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"run", "--model", "default"});
  return run_tool(arguments);
}

bool none_here(const ToolResult& result) {
  return result.err.find("no default model") != std::string::npos;
}

TEST(DefaultModel, TellsAStory) {
  const ToolResult result = run_default({"--chat", "Tell me a story about Nora.", "--max-tokens",
                                         "400", "--temperature", "0.6", "--seed", "3"});
  if (none_here(result)) GTEST_SKIP() << result.err;
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("Nora")) << "the hero that was wished for";
  EXPECT_GT(std::count(result.out.begin(), result.out.end(), '.'), 8) << "a beginning and an end";
}

TEST(DefaultModel, EndsByItself) {
  const ToolResult result =
      run_default({"--prompt", "Once there was", "--max-tokens", "500", "--json"});
  if (none_here(result)) GTEST_SKIP() << result.err;
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json json = parse_json(result.out).value();
  EXPECT_EQ(*json.find("finish")->if_string(), "stop");
}

TEST(DefaultModel, TheSameSeedTellsTheSameStory) {
  const std::vector<std::string> arguments = {"--prompt",      "Long ago", "--max-tokens", "40",
                                              "--temperature", "1",        "--seed"};
  const auto told = [&](const char* seed) {
    std::vector<std::string> all = arguments;
    all.push_back(seed);
    return run_default(all).out;
  };
  if (none_here(run_default({"--prompt", "a", "--max-tokens", "1"}))) GTEST_SKIP() << "no model";
  EXPECT_EQ(told("7"), told("7"));
  EXPECT_NE(told("7"), told("8"));
}

// One of the files beside it, whose answers are right or wrong.
TEST(SumsModel, Adds) {
  const std::string model = LLMOS_SOURCE_DIR "/examples/models/sums.gguf";
  const auto answer = [&](const char* question) {
    return run_tool({"run", "--model", model, "--prompt", question}).out;
  };
  EXPECT_EQ(answer("Q: 12+7= A:"), " 19");
  EXPECT_EQ(answer("Q: 95+48= A:"), " 143");
  EXPECT_EQ(answer("Q: 7-31= A:"), " -24");
}

}  // namespace
}  // namespace llmos
