// SPDX-License-Identifier: Apache-2.0
#include "model/transformer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/kernel_sets.h"
#include "model/model_runner.h"
#include "support/throwing_fatal.h"
#include "sync/counting_new.h"

namespace llmos::test {
namespace {

using ::testing::HasSubstr;

const std::string kModels = std::string(LLMOS_SOURCE_DIR) + "/tests/golden/models/";

std::unique_ptr<ModelRunner> open(const std::string& name, const RunnerOptions& options = {}) {
  return ModelRunner::open(kModels + name + "/model.gguf", options).value();
}

std::vector<TokenId> some_ids(uint32_t vocabulary, size_t count) {
  std::vector<TokenId> ids;
  for (size_t i = 0; i < count; ++i) ids.push_back(TokenId((i * 37 + 11) % vocabulary));
  return ids;
}

// What shows most: every part of a layer occurs in one of these.
const std::vector<std::string> kVaried{"llama2", "gemma2", "gptneox", "qwen2moe", "gpt_oss"};

TEST(Transformer, EveryTeamComputesTheSameBits) {
  for (const std::string& name : kVaried) {
    auto alone = open(name);
    const std::vector<TokenId> ids = some_ids(alone->vocabulary(), 30);
    const std::vector<float> expected = alone->logits(ids);
    for (const int threads : {2, 3}) {
      EXPECT_EQ(open(name, {.threads = threads})->logits(ids), expected) << name;
    }
  }
}

TEST(Transformer, BlocksOfAnySizeGiveTheSameBits) {
  for (const std::string& name : kVaried) {
    auto runner = open(name, {.block_tokens = 1});
    const std::vector<TokenId> ids = some_ids(runner->vocabulary(), 40);
    const std::vector<float> expected = runner->logits(ids);
    for (const uint32_t tokens : {4u, 16u, 64u})
      EXPECT_EQ(open(name, {.block_tokens = tokens})->logits(ids), expected) << name;
  }
}

// Every kernel set against the plain loops.
TEST(Transformer, KernelSetsAgreeWithTheReference) {
  for (const std::string& name : kVaried) {
    auto reference = open(name, {.kernel_set = "ref"});
    const std::vector<TokenId> ids = some_ids(reference->vocabulary(), 30);
    const std::vector<float> expected = reference->logits(ids);
    for (const kernels::KernelTable* table : kernels::kernel_sets()) {
      const std::vector<float> found = open(name, {.kernel_set = table->name})->logits(ids);
      double largest = 0;
      for (size_t i = 0; i < found.size(); ++i)
        largest = std::max(largest, double(std::abs(found[i] - expected[i])));
      EXPECT_LE(largest, 1e-3) << name << " " << table->name;
    }
  }
}

// Half of the cache's precision costs little, and the sign of a mistake is a large difference.
TEST(Transformer, NarrowCachesStayClose) {
  for (const std::string name : {"llama2", "gemma2"}) {
    auto exact = open(name);
    const std::vector<TokenId> ids = some_ids(exact->vocabulary(), 30);
    const std::vector<float> expected = exact->logits(ids);
    const std::vector<float> found = open(name, {.kv_dtype = DType::kF16})->logits(ids);
    double sum = 0, square = 0;
    for (size_t i = 0; i < found.size(); ++i) {
      sum += std::pow(found[i] - expected[i], 2);
      square += std::pow(expected[i], 2);
    }
    EXPECT_LE(std::sqrt(sum / square), 0.01) << name;
    EXPECT_NE(found, expected) << name;
  }
}

// Frequencies are chosen by what a sequence may hold, not by what it holds.
TEST(Transformer, LongRopeIsChosenByTheContextOfASequence) {
  auto runner = open("phi3_longrope");
  const std::vector<TokenId> ids = some_ids(runner->vocabulary(), 20);
  const auto border = uint32_t(runner->model().config().rope.original_context);
  const std::vector<float> within = runner->logits(ids, 512, border);
  const std::vector<float> beyond = runner->logits(ids, 512, border + 1);
  EXPECT_NE(within, beyond);
  // Side by side in one batch each keeps its own.
  BlockTable a = runner->new_sequence(), b = runner->new_sequence();
  const std::vector<float> both = runner->step({{&a, ids, border}, {&b, ids, border + 1}}).value();
  std::vector<float> expected = within;
  expected.insert(expected.end(), beyond.begin(), beyond.end());
  EXPECT_EQ(both, expected);
}

TEST(Transformer, ComputesOnlyTheRowsAskedFor) {
  auto runner = open("llama2");
  const std::vector<TokenId> ids = some_ids(runner->vocabulary(), 10);
  const std::vector<float> all = runner->logits(ids);
  BlockTable table = runner->new_sequence();
  ASSERT_TRUE(table.append(10));
  const kernels::AttentionSpan span{.tokens = 10, .blocks = table.blocks().data()};
  const int32_t rows[] = {9, 0, 9};
  const auto found = runner->model().forward({.ids = ids, .spans = {&span, 1}, .logit_rows = rows},
                                             runner->cache());
  ASSERT_TRUE(found.ok());
  const size_t v = runner->vocabulary();
  ASSERT_EQ(found->size(), 3 * v);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(std::equal(found->begin() + ptrdiff_t(i * v), found->begin() + ptrdiff_t(i * v + v),
                           all.begin() + ptrdiff_t(size_t(rows[i]) * v)));
  }
  const auto none = runner->model().forward({.ids = ids, .spans = {&span, 1}}, runner->cache());
  ASSERT_TRUE(none.ok());
  EXPECT_TRUE(none->empty());
}

TEST(Transformer, AStepAllocatesNothing) {
  for (const std::string& name : kVaried) {
    auto runner = open(name, {.threads = 2});
    const std::vector<TokenId> ids = some_ids(runner->vocabulary(), 24);
    BlockTable table = runner->new_sequence();
    ASSERT_TRUE(table.append(24));
    kernels::AttentionSpan span{.tokens = 20, .blocks = table.blocks().data()};
    const int32_t row = 0;
    const auto step = [&](size_t first, size_t count) {
      span.position = int64_t(first);
      span.tokens = int64_t(count);
      return runner->model()
          .forward({.ids = std::span(ids).subspan(first, count),
                    .spans = {&span, 1},
                    .logit_rows = {&row, 1}},
                   runner->cache())
          .ok();
    };
    ASSERT_TRUE(step(0, 20));
    const size_t before = allocations();
    for (size_t i = 20; i < 24; ++i) ASSERT_TRUE(step(i, 1));
    ASSERT_TRUE(step(0, 20));
    EXPECT_EQ(allocations(), before) << name;
  }
}

TEST(Transformer, WrongTokensAndPositionsAreRefused) {
  auto runner = open("gpt2");
  const uint32_t positions = runner->model().config().learned_positions;
  BlockTable table = runner->new_sequence();
  for (const TokenId id : {TokenId{-1}, TokenId(runner->vocabulary()), INT32_MAX}) {
    const Status status = runner->step({{&table, {&id, 1}}}).status();
    EXPECT_EQ(status.code(), Code::kInvalid);
    EXPECT_THAT(status.message(), HasSubstr("token id: expected 0 to"));
  }
  BlockTable deep = runner->new_sequence();
  ASSERT_TRUE(deep.append(positions));
  const TokenId id = 1;
  EXPECT_THAT(runner->step({{&deep, {&id, 1}}}).status().message(),
              HasSubstr("the model has no more"));
  const std::vector<TokenId> many(513, 1);
  BlockTable other = runner->new_sequence();
  EXPECT_EQ(runner->step({{&other, many}}).status().code(), Code::kExhausted);
}

TEST(Transformer, MisuseIsAProgrammerError) {
  auto runner = open("llama2");
  auto stranger = open("gemma2");
  const ThrowingFatal throwing;
  const std::vector<TokenId> ids{1, 2};
  BlockTable table = runner->new_sequence();
  ASSERT_TRUE(table.append(2));
  const kernels::AttentionSpan good{.tokens = 2, .blocks = table.blocks().data()};
  const kernels::AttentionSpan spans[] = {{.tokens = 1, .blocks = good.blocks},
                                          {.first = 1, .tokens = 1, .blocks = good.blocks},
                                          {.tokens = 2, .position = -1, .blocks = good.blocks}};
  EXPECT_ANY_THROW(
      (void)runner->model().forward({.ids = ids, .spans = {&spans[0], 1}}, runner->cache()));
  EXPECT_ANY_THROW(
      (void)runner->model().forward({.ids = ids, .spans = {&spans[1], 1}}, runner->cache()));
  EXPECT_ANY_THROW(
      (void)runner->model().forward({.ids = ids, .spans = {&spans[2], 1}}, runner->cache()));
  const int32_t row = 2;
  EXPECT_ANY_THROW((void)runner->model().forward(
      {.ids = ids, .spans = {&good, 1}, .logit_rows = {&row, 1}}, runner->cache()));
  EXPECT_ANY_THROW(
      (void)runner->model().forward({.ids = ids, .spans = {&good, 1}}, stranger->cache()));
}

TEST(Transformer, TakesExactlyWhatItsPartsSay) {
  for (const std::string& name : kVaried) {
    const Checkpoint checkpoint = Checkpoint::open(kModels + name + "/model.gguf").value();
    const ModelFile file = read_model(checkpoint).value();
    const BatchLimits limits{.tokens = 100, .logit_rows = 7};
    for (const bool repack : {false, true}) {
      auto device = ComputeDevice::create({.threads = 1}).value();
      auto model = Transformer::load(checkpoint, *device, limits, nullptr, repack);
      ASSERT_TRUE(model.ok());
      const WeightBytes weights =
          Weights::measure(checkpoint, file, repack ? &device->kernels() : nullptr).value();
      const Workspace workspace =
          Workspace::lay_out(file.config, limits, nullptr, weights.repacked > 0);
      EXPECT_EQ(device->bytes_used(),
                Buffer::bytes_taken(weights.copied) + Buffer::bytes_taken(workspace.bytes));
    }
  }
}

}  // namespace
}  // namespace llmos::test
