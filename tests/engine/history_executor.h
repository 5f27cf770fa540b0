// SPDX-License-Identifier: Apache-2.0
// HistoryExecutor: a model without weights whose next token depends on all keys of its sequence, as
// they lie in the cache: one wrong, stale or missing key changes what it says.
#pragma once

#include <atomic>
#include <vector>

#include "engine/executor.h"

namespace llmos::test {

class HistoryExecutor final : public engine::Executor {
 public:
  explicit HistoryExecutor(int64_t vocabulary,
                           BatchLimits limits = {.tokens = 64, .logit_rows = 32});

  const ModelConfig& config() const override { return config_; }
  const BatchLimits& limits() const override { return limits_; }
  Result<std::span<const float>> run(const Batch& batch, const BlockPool& cache) override;
  std::span<const float> hidden() const override { return hidden_; }
  Status reopen() override;

  // What it continues a text with, greedily.
  std::vector<TokenId> answer(std::vector<TokenId> text, uint32_t count) const;

  // Set and read beside a step of another thread.
  std::atomic<uint64_t> tokens{0};  // computed
  std::atomic<int> fail_steps{0};   // the next so many steps fail
  TokenId nan_at = kNoToken;

 private:
  ModelConfig config_;
  BatchLimits limits_;
  std::vector<float> logits_, hidden_;
  std::vector<TokenId> predicted_;
};

}  // namespace llmos::test
