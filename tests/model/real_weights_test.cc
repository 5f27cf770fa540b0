// SPDX-License-Identifier: Apache-2.0
// Published models with the texts that a plain C implementation generates from them. They lie
// beside the project where it is developed, and nowhere else.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "base/json_cursor.h"
#include "base/os_file.h"
#include "model/model_runner.h"

namespace llmos::test {
namespace {

const std::string kData = std::string(LLMOS_SOURCE_DIR) + "/../shared/data/models/";

std::vector<TokenId> ids_of(const JsonCursor& cursor) {
  std::vector<TokenId> ids;
  for (const Json& item : cursor.items().value()) ids.push_back(TokenId(*item.if_int64()));
  return ids;
}

// At most this far from the reference's logits, which are printed with five decimals.
constexpr double kLogitTolerance = 1e-3;

void expect_top_logits(const JsonCursor& steps, size_t count, size_t first,
                       const std::vector<float>& logits, size_t vocabulary) {
  for (size_t i = 0; i < count; ++i) {
    for (size_t k = 0; k < 5; ++k) {
      const auto id = size_t(steps[i][k][0].integer().value());
      EXPECT_NEAR(logits[(first + i) * vocabulary + id], steps[i][k][1].number().value(),
                  kLogitTolerance)
          << "step " << i << " rank " << k;
    }
  }
}

void expect_golden(const std::string& folder, const std::string& file, bool full_precision) {
  const std::string path = kData + folder + "/" + file;
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no " << path;
  auto runner = ModelRunner::open(path);
  ASSERT_TRUE(runner.ok()) << runner.status().to_string();
  const std::string text = os::read_file(kData + folder + "/golden.json", 1 << 24).value();
  const Json json = parse_json(text).value();
  const JsonCursor cases = JsonCursor(json, "golden")["cases"];
  const size_t count = cases.items().value().size();
  ASSERT_GE(count, 1u);
  for (size_t i = 0; i < count; ++i) {
    const std::vector<TokenId> prompt = ids_of(cases[i]["prompt_ids"]);
    const std::vector<TokenId> greedy = ids_of(cases[i]["greedy_ids"]);
    std::vector<TokenId> all = prompt;
    all.insert(all.end(), greedy.begin(), greedy.end());
    const std::vector<float> logits = (*runner)->logits(all);
    const JsonCursor steps = cases[i]["top5_first16"];
    const size_t step_count = std::min<size_t>(steps.items().value().size(), greedy.size());
    if (full_precision)
      expect_top_logits(steps, step_count, prompt.size() - 1, logits, (*runner)->vocabulary());
    const double gap = cases[i]["min_top1_top2_gap"].number().value();
    if (full_precision && gap > 2 * kLogitTolerance) {
      EXPECT_EQ((*runner)->greedy(prompt, greedy.size()), greedy);
    }
  }
}

TEST(RealWeights, Stories260kF32) { expect_golden("stories260K", "stories260K-f32.gguf", true); }
TEST(RealWeights, BabyllamaF32) {
  expect_golden("babyllama-tok105", "babyllama105-f32.gguf", true);
}

}  // namespace
}  // namespace llmos::test
