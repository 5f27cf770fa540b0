// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>

#include "api/golden_model.h"

namespace llmos {
namespace {

TEST(KernelSets, HasOneBestAndAllCanBeForced) {
  const std::vector<KernelSet> sets = kernel_sets();
  EXPECT_EQ(std::count_if(sets.begin(), sets.end(), [](const KernelSet& s) { return s.best; }), 1);
  for (const KernelSet& set : sets) {
    Model model = test::golden_model({.threads = 1, .kernels = set.name});
    const auto answer =
        model.generate(test::kPrompt, {.sampling = {.temperature = 0}, .tokens_max = 8});
    EXPECT_EQ(answer->tokens, test::kGreedy) << set.name;
  }
  EXPECT_EQ(
      Model::open(test::golden_path("llama2/model.gguf"), {.kernels = "abacus"}).status().code(),
      Code::kInvalid);
}

}  // namespace
}  // namespace llmos
