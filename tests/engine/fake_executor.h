// SPDX-License-Identifier: Apache-2.0
// FakeExecutor: a model without weights, for tests of the loop. Its next token is a hash of the
// last two, so that a sequence computed out of order or from wrong blocks gives other tokens: the
// "keys" it writes into the cache are the tokens, and it reads them back from there.
#pragma once

#include <atomic>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "device/device.h"
#include "engine/executor.h"

namespace llmos::test {

class FakeExecutor final : public engine::Executor {
 public:
  explicit FakeExecutor(int64_t vocabulary, BatchLimits limits = {.tokens = 64, .logit_rows = 32})
      : limits_(limits), logits_(size_t(vocabulary) * limits.logit_rows) {
    config_.vocabulary = uint32_t(vocabulary);
    config_.dim = 1;
    hidden_.reserve(limits.logit_rows);
  }

  const ModelConfig& config() const override { return config_; }
  const BatchLimits& limits() const override { return limits_; }

  // One layer, one head of one float: the token.
  static BlockPool make_pool(ComputeDevice& device, uint32_t blocks, int64_t block_tokens) {
    const BlockLayout layout = BlockLayout::create({.layers = 1,
                                                    .kv_heads = 1,
                                                    .head_dim = 1,
                                                    .block_tokens = block_tokens,
                                                    .dtype = DType::kF32})
                                   .value();
    return BlockPool(device.allocate(blocks * layout.block_bytes()).value(), layout);
  }

  static TokenId next(TokenId before, TokenId last, int64_t vocabulary) {
    const uint64_t mixed =
        (uint64_t(before) * 0x9E3779B97F4A7C15u + uint64_t(last) + 1) * 0xD1B54A32D192ED03u;
    return TokenId((mixed >> 33) % uint64_t(vocabulary));
  }

  Result<std::span<const float>> run(const Batch& batch, const BlockPool& cache) override {
    ++steps;
    if (throws) throw std::runtime_error("thrown by a test");
    if (fail_steps > 0) {
      --fail_steps;
      return Status(Code::kInternal, "failed by a test");
    }
    const auto place = [&](const kernels::AttentionSpan& span, int64_t position) -> float& {
      const int64_t size = cache.layout().shape().block_tokens;
      const kernels::KvLayer layer = cache.layer(0);
      auto* const block =
          const_cast<std::byte*>(static_cast<const std::byte*>(layer.keys) +
                                 size_t(span.blocks[position / size]) * layer.block_bytes);
      return reinterpret_cast<float*>(block)[position % size];
    };
    if (batch.logit_rows.size() > limits_.logit_rows || batch.ids.size() > limits_.tokens) {
      return Status(Code::kExhausted, "beyond the limits");
    }
    for (const TokenId id : batch.ids) {
      if (id == poison) return Status(Code::kInternal, "the poison was fed");
    }
    std::vector<TokenId>& predicted = predicted_;
    predicted.assign(batch.ids.size(), 0);
    for (const kernels::AttentionSpan& span : batch.spans) {
      for (int64_t i = 0; i < span.tokens && span.blocks; ++i) {
        const int64_t position = span.position + i;
        place(span, position) = float(batch.ids[size_t(span.first + i)]);
        const TokenId before = position > 0 ? TokenId(place(span, position - 1)) : 0;
        predicted[size_t(span.first + i)] =
            next(before, batch.ids[size_t(span.first + i)], config_.vocabulary);
      }
    }
    const size_t vocabulary = size_t(config_.vocabulary);
    std::fill(logits_.begin(), logits_.end(), 0.0f);
    for (size_t row = 0; row < batch.logit_rows.size(); ++row) {
      const TokenId id = predicted[size_t(batch.logit_rows[row])];
      logits_[row * vocabulary + size_t(id)] = 1;
      if (id == nan_at) logits_[row * vocabulary] = __builtin_nanf("");
    }
    hidden_.resize(batch.logit_rows.size());
    for (size_t row = 0; row < hidden_.size(); ++row) {
      hidden_[row] = float(1 + batch.logit_rows[row]);
    }
    return std::span<const float>(logits_).first(batch.logit_rows.size() * vocabulary);
  }

  // One number a row: 1 + the row's place in the batch.
  std::span<const float> hidden() const override { return hidden_; }

  Status reopen() override {
    ++reopened;
    fail_steps = 0;
    return {};
  }

  // Set and read beside a step of another thread.
  std::atomic<int> steps{0};
  std::atomic<int> reopened{0};
  std::atomic<int> fail_steps{0};  // the next so many steps fail
  std::atomic<bool> throws{false};
  TokenId poison = kNoToken;  // a step that is fed it fails
  TokenId nan_at = kNoToken;  // predicting it gives a NaN

 private:
  ModelConfig config_;
  BatchLimits limits_;
  std::vector<float> logits_;
  std::vector<TokenId> predicted_;
  std::vector<float> hidden_;
};

}  // namespace llmos::test
