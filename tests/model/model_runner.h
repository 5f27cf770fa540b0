// SPDX-License-Identifier: Apache-2.0
// Runs a model for tests: sequences of tokens in, logits out.
#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kv/block_table.h"
#include "model/transformer.h"

namespace llmos::test {

struct RunnerOptions {
  std::string kernel_set{};
  int threads = 1;
  DType kv_dtype = DType::kF32;
  uint32_t block_tokens = 8;
  uint32_t batch_tokens = 512;
  uint32_t cache_tokens = 2048;
  WeightSource* source = nullptr;
  bool repack = false;
  Communicator* ranks = nullptr;  // of a shard
};

// A sequence's part of a step.
struct Piece {
  BlockTable* table;
  std::span<const TokenId> ids;
  uint32_t context = 0;  // 0: the model's
};

// The token with the largest logit, of equal ones the first.
inline TokenId best_token(std::span<const float> logits) {
  return TokenId(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

class ModelRunner {
 public:
  static Result<std::unique_ptr<ModelRunner>> open(const std::string& path,
                                                   const RunnerOptions& options = {});

  Transformer& model() { return *model_; }
  ComputeDevice& device() { return *device_; }
  BlockPool& cache() { return *cache_; }
  uint32_t vocabulary() const { return model_->config().vocabulary; }
  BlockTable new_sequence() { return BlockTable(*cache_, options_.cache_tokens); }

  // One step; the logits of every token, [tokens, vocabulary].
  Result<std::vector<float>> step(std::vector<Piece> pieces);
  // The logits of every token of a new sequence that is fed `chunk` tokens at a step.
  std::vector<float> logits(std::span<const TokenId> ids, size_t chunk = 512, uint32_t context = 0);
  // Continues a new sequence with the best token, `count` times.
  std::vector<TokenId> greedy(std::span<const TokenId> prompt, size_t count, size_t chunk = 512,
                              uint32_t context = 0);

 private:
  RunnerOptions options_;
  std::unique_ptr<ComputeDevice> device_;
  std::unique_ptr<Transformer> model_;
  std::unique_ptr<BlockPool> cache_;
};

}  // namespace llmos::test
