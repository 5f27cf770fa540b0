// SPDX-License-Identifier: Apache-2.0
#include "api/memory_budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "api/golden_model.h"

namespace llmos::test {
namespace {

using ::testing::HasSubstr;

TEST(MemoryBudget, GivesNoMoreThanThereIs) {
  MemoryBudget budget(100);
  EXPECT_TRUE(budget.take(60));
  EXPECT_FALSE(budget.take(41));
  EXPECT_FALSE(budget.take(UINT64_MAX));
  EXPECT_TRUE(budget.take(40));
  budget.give_back(100);
  EXPECT_EQ(budget.bytes_used(), 0u);
}

TEST(MemoryBudget, IsSharedByThreads) {
  MemoryBudget budget(1000);
  std::atomic<uint64_t> most{0};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int turn = 0; turn < 20'000; ++turn) {
        if (!budget.take(300)) continue;
        const uint64_t used = budget.bytes_used();
        if (used > most) most = used;
        budget.give_back(300);
      }
    });
  }
  threads.clear();
  EXPECT_LE(most, 1000u);
  EXPECT_EQ(budget.bytes_used(), 0u);
}

TEST(MemoryBudget, ASmallerCacheIsBetterThanNone) {
  MemoryBudget budget(1000);
  {
    const BudgetShare all = BudgetShare::take(&budget, {100, 500, 50}).value();
    EXPECT_EQ(all.cache_bytes(), 500u);
    BudgetShare rest = BudgetShare::take(&budget, {100, 500, 300}).value();
    EXPECT_EQ(rest.cache_bytes(), 300u);
    EXPECT_EQ(budget.bytes_used(), 1000u);
    const Status none = BudgetShare::take(&budget, {1, 5, 1}).status();
    EXPECT_EQ(none.code(), Code::kExhausted);
    EXPECT_THAT(none.message(), HasSubstr("0 of 1000"));
    rest = {};
    EXPECT_EQ(budget.bytes_used(), 600u);
  }
  EXPECT_EQ(budget.bytes_used(), 0u);
  EXPECT_EQ(BudgetShare::take(nullptr, {1, 7, 1}).value().cache_bytes(), 7u);
}

Result<Engine> open(MemoryBudget& budget, uint64_t cache_bytes = 0) {
  EngineOptions options;
  options.threads = 1;
  options.budget = &budget;
  options.cache.bytes = cache_bytes;
  return Engine::open(golden_path("llama2/model.gguf"), options);
}

// The second engine gets what the first has left, the third nothing, until one of them goes.
TEST(MemoryBudget, EnginesOfOneProcessShareIt) {
  MemoryBudget plenty(uint64_t{1} << 32);
  uint64_t one = 0;
  {
    const Engine engine = open(plenty).value();
    one = plenty.bytes_used();
    EXPECT_GT(one, 0u);
  }
  EXPECT_EQ(plenty.bytes_used(), 0u);
  MemoryBudget budget(2 * one - 100);
  std::optional<Engine> first = open(budget).value();
  Engine second = open(budget).value();
  EXPECT_LE(budget.bytes_used(), budget.bytes_max());
  EXPECT_LT(second.metrics().kv_blocks, first->metrics().kv_blocks);
  const Request request{
      .prompt = kPrompt, .sampling = {.temperature = 0}, .tokens_max = uint32_t(kGreedy.size())};
  EXPECT_EQ(second.generate(request).value().tokens, kGreedy);
  EXPECT_EQ(open(budget).status().code(), Code::kExhausted);
  EXPECT_EQ(open(budget, uint64_t{1} << 30).status().code(), Code::kExhausted);
  first.reset();
  EXPECT_TRUE(open(budget).ok());
}

}  // namespace
}  // namespace llmos::test
