// SPDX-License-Identifier: Apache-2.0
#include "api/sequence_runner.h"

#include <gtest/gtest.h>

#include "api/golden_model.h"
#include "device/device.h"
#include "model/architecture.h"

namespace llmos {
namespace {

constexpr uint32_t kContext = 40;

class SequenceRunnerTest : public testing::Test {
 protected:
  SequenceRunnerTest() {
    const Checkpoint checkpoint = Checkpoint::open(test::golden_path("llama2/model.gguf")).value();
    device_ = ComputeDevice::create({.threads = 1}).value();
    model_ = std::make_unique<Transformer>(
        Transformer::load(checkpoint, *device_, {.tokens = 8, .logit_rows = 3}).value());
    const BlockLayout layout = kv_layout(model_->config(), DType::kF32, 4).value();
    pool_ = std::make_unique<BlockPool>(
        device_->allocate(layout.block_bytes() * kContext / 4).value(), layout);
    runner_ = std::make_unique<SequenceRunner>(*model_, *pool_, kContext);
    for (TokenId i = 0; i < TokenId(kContext); ++i) ids_.push_back((i * 37 + 11) % 128);
  }

  // The logits handed out, one row behind the other.
  std::vector<float> feed(std::span<const TokenId> ids, size_t first) {
    std::vector<float> all;
    size_t next = first;
    const Status status =
        runner_->feed(ids, first, [&](size_t index, std::span<const float> logits) {
          EXPECT_EQ(index, next++);
          all.insert(all.end(), logits.begin(), logits.end());
        });
    EXPECT_TRUE(status.ok()) << status.to_string();
    EXPECT_EQ(next, std::max(first, ids.size()));
    return all;
  }
  Status status_of(std::vector<TokenId> ids) {
    return runner_->feed(ids, 0, [](size_t, std::span<const float>) { FAIL(); });
  }

  std::unique_ptr<ComputeDevice> device_;
  std::unique_ptr<Transformer> model_;
  std::unique_ptr<BlockPool> pool_;
  std::unique_ptr<SequenceRunner> runner_;
  std::vector<TokenId> ids_;
};

TEST_F(SequenceRunnerTest, HandsOutTheSameLogitsHoweverItIsFed) {
  const std::vector<float> all = feed(ids_, 0);
  ASSERT_EQ(all.size(), kContext * 128u);
  for (const size_t first : {1u, 7u, 8u, 9u, 39u, 40u}) {
    runner_->reset();
    const std::vector<float> found = feed(ids_, first);
    EXPECT_TRUE(std::equal(found.begin(), found.end(), all.begin() + ptrdiff_t(first * 128)))
        << first;
    EXPECT_EQ(found.size(), all.size() - first * 128);
  }
  runner_->reset();
  std::vector<float> pieces = feed(std::span(ids_).first(13), 0);
  const std::vector<float> rest = feed(std::span(ids_).subspan(13), 0);
  pieces.insert(pieces.end(), rest.begin(), rest.end());
  EXPECT_EQ(pieces, all);
  EXPECT_EQ(runner_->tokens(), kContext);
}

TEST_F(SequenceRunnerTest, WhatIsRefusedChangesNothing) {
  feed(std::span(ids_).first(30), 30);
  EXPECT_EQ(status_of({1, 2, 128}).code(), Code::kInvalid);
  EXPECT_EQ(status_of({-1}).code(), Code::kInvalid);
  EXPECT_EQ(status_of(std::vector<TokenId>(11, 1)).code(), Code::kInvalid);
  EXPECT_EQ(runner_->tokens(), 30u);
  const std::vector<float> after = feed(std::span(ids_).subspan(30), 0);
  runner_->reset();
  EXPECT_EQ(feed(ids_, 30), after);
  EXPECT_EQ(status_of({1}).code(), Code::kInvalid) << "the context is full";
}

TEST_F(SequenceRunnerTest, BlocksThatOthersHoldAreMissing) {
  BlockTable other(*pool_, kContext);
  ASSERT_TRUE(other.append(36));
  EXPECT_EQ(runner_->feed(ids_, 0, [](size_t, std::span<const float>) {}).code(), Code::kExhausted);
  other.clear();
  runner_->reset();
  EXPECT_EQ(feed(ids_, 39).size(), 128u);
}

TEST_F(SequenceRunnerTest, NothingToFeedIsNothing) { EXPECT_TRUE(feed({}, 0).empty()); }

}  // namespace
}  // namespace llmos
