// SPDX-License-Identifier: Apache-2.0
// Every golden model over thread ranks: the references' logits, the greedy tokens of one rank, and
// the same bits however its tokens are cut into steps.
#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "comm/thread_comm.h"
#include "model/golden_model.h"
#include "model/model_runner.h"
#include "model/sharding.h"

namespace llmos::test {
namespace {

constexpr size_t kWhole = 512;  // a chunk that holds every case

struct Setup {
  GoldenVariant variant;
  int ranks;
  friend std::ostream& operator<<(std::ostream& out, const Setup& setup) {
    return out << setup.variant << "_" << setup.ranks;
  }
};

bool can_be_divided(const GoldenVariant& variant, int ranks) {
  const Checkpoint checkpoint = Checkpoint::open(Golden(variant.model).path(variant.kind)).value();
  const ModelFile file = read_model(checkpoint).value();
  return plan_shards(shard_shape(checkpoint, file), ranks).ok();
}

// Over 2 and 4 ranks, where that is possible.
std::vector<Setup> setups(const std::vector<GoldenVariant>& variants) {
  std::vector<Setup> result;
  for (const GoldenVariant& variant : variants) {
    for (const int ranks : {2, 4}) {
      if (can_be_divided(variant, ranks)) result.push_back({variant, ranks});
    }
  }
  return result;
}

// One model over threads, which make the same calls.
class Shards {
 public:
  Shards(const std::string& path, int ranks, RunnerOptions options = {})
      : ranks_(make_thread_ranks({.ranks = ranks}).value()) {
    for (const auto& rank : ranks_) {
      options.ranks = rank.get();
      runners_.push_back(ModelRunner::open(path, options).value());
    }
  }

  // What rank 0 answers; all others must answer the same.
  template <class T>
  T ask(const std::function<T(ModelRunner&)>& question) {
    std::vector<T> answers(runners_.size());
    std::vector<std::thread> threads;
    for (size_t r = 0; r < runners_.size(); ++r)
      threads.emplace_back([&, r] { answers[r] = question(*runners_[r]); });
    for (std::thread& thread : threads) thread.join();
    for (const T& answer : answers) EXPECT_TRUE(answer == answers[0]);
    return answers[0];
  }

  ModelRunner& rank(size_t r) { return *runners_[r]; }

 private:
  std::vector<std::unique_ptr<Communicator>> ranks_;
  std::vector<std::unique_ptr<ModelRunner>> runners_;
};

class ShardedGoldenModels : public testing::TestWithParam<Setup> {
 protected:
  Golden golden{GetParam().variant.model};
  const std::string path = golden.path(GetParam().variant.kind);
};

TEST_P(ShardedGoldenModels, GiveTheReferencesLogitsAndOneRanksTokens) {
  Shards shards(path, GetParam().ranks);
  const auto alone = ModelRunner::open(path).value();
  for (const GoldenCase& c : golden.cases) {
    SCOPED_TRACE(c.name);
    const auto logits = shards.ask<std::vector<float>>(
        [&](ModelRunner& runner) { return runner.logits(c.all, kWhole, c.context); });
    EXPECT_LE(golden.largest_difference(c, logits), golden.tolerance);
    const auto greedy = shards.ask<std::vector<TokenId>>([&](ModelRunner& runner) {
      return runner.greedy(c.prompt, c.greedy.size(), kWhole, c.context);
    });
    if (c.gap_min > 2 * golden.tolerance) {
      EXPECT_EQ(greedy, alone->greedy(c.prompt, c.greedy.size(), kWhole, c.context));
      EXPECT_EQ(greedy, c.greedy);
    }
    EXPECT_EQ(shards.ask<std::vector<float>>(
                  [&](ModelRunner& runner) { return runner.logits(c.all, 7, c.context); }),
              logits);
  }
}

// The ranks' packed weights are the rows and blocks of the whole one's: only sums differ in order.
class PackedShardedModels : public ShardedGoldenModels {};

TEST_P(PackedShardedModels, RepackedWeightsGiveWhatOneRankGives) {
  const auto alone = ModelRunner::open(path, {.repack = true}).value();
  ASSERT_GT(alone->model().weights().bytes().repacked, 0);
  Shards shards(path, GetParam().ranks, {.repack = true});
  const GoldenCase& c = golden.cases[0];
  const auto logits = shards.ask<std::vector<float>>(
      [&](ModelRunner& runner) { return runner.logits(c.all, kWhole, c.context); });
  const std::vector<float> expected = alone->logits(c.all, kWhole, c.context);
  ASSERT_EQ(logits.size(), expected.size());
  // Activations of 8 bits: a difference in the last bit can tip a rounding, or the choice of an
  // expert; most tokens are far from both.
  size_t close = 0;
  for (size_t i = 0; i < logits.size(); ++i) close += std::abs(logits[i] - expected[i]) < 0.5f;
  EXPECT_GE(double(close), 0.9 * double(logits.size()));
}

std::string name_of(const testing::TestParamInfo<Setup>& info) {
  return info.param.variant.model + "_" + info.param.variant.kind + "_" +
         std::to_string(info.param.ranks) + "_ranks";
}

INSTANTIATE_TEST_SUITE_P(, ShardedGoldenModels, testing::ValuesIn(setups(golden_variants())),
                         name_of);
INSTANTIATE_TEST_SUITE_P(, PackedShardedModels, testing::ValuesIn(setups(packed_golden_variants())),
                         name_of);

// So that the list above does not run dry unseen.
TEST(ShardedModel, MostModelsCanBeDivided) {
  const auto possible = setups(golden_variants());
  EXPECT_GE(possible.size(), golden_variants().size());
}

// Each rank with a team of its own: the members that do not meet the others wait for the one that
// does.
TEST(ShardedModel, RanksOfSeveralThreadsGiveTheSameBits) {
  const Golden golden("llama3");
  const std::string path = golden.path("gguf");
  const GoldenCase& c = golden.cases[0];
  const std::function<std::vector<float>(ModelRunner&)> logits = [&](ModelRunner& runner) {
    return runner.logits(c.all, 5, c.context);
  };
  Shards one(path, 2), two(path, 2, {.threads = 2});
  EXPECT_EQ(one.ask(logits), two.ask(logits));
}

TEST(ShardedModel, RanksHoldTheirOwnBytesOnly) {
  const std::string path = Golden("llama_q8_0").path("gguf");
  const auto whole = ModelRunner::open(path).value();
  Shards shards(path, 2);
  const auto bytes = [](ModelRunner& runner) {
    const WeightBytes& b = runner.model().weights().bytes();
    return b.mapped + b.copied;
  };
  // Norms are everywhere.
  EXPECT_LT(bytes(shards.rank(0)), bytes(*whole) * 6 / 10);
  EXPECT_LT(bytes(shards.rank(1)), bytes(*whole) * 6 / 10);
  EXPECT_GE(bytes(shards.rank(0)) + bytes(shards.rank(1)), bytes(*whole));
}

TEST(ShardedModel, AStepWithoutTheOthersFailsInTime) {
  const std::string path = Golden("llama3").path("gguf");
  auto ranks = make_thread_ranks({.ranks = 2, .timeout = std::chrono::milliseconds(30)}).value();
  const auto alone = ModelRunner::open(path, {.ranks = ranks[0].get()}).value();
  BlockTable table = alone->new_sequence();
  const std::vector<TokenId> ids{1, 2, 3};
  const auto step = alone->step({{&table, ids}});
  EXPECT_EQ(step.status().code(), Code::kDeadline);
  EXPECT_NE(step.status().message().find("rank 1 did not come"), std::string::npos);
}

}  // namespace
}  // namespace llmos::test
