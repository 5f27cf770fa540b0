// SPDX-License-Identifier: Apache-2.0
// Executor: what computes a step. The engine knows the model only through it, so that tests can put
// one in between that fails.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "kv/block_pool.h"
#include "llmos/status.h"
#include "model/batch.h"
#include "model/transformer.h"

namespace llmos::engine {

// Threads  run() and reopen(): one at a time, any thread. The rest: any.
class Executor {
 public:
  virtual ~Executor() = default;
  virtual const ModelConfig& config() const = 0;
  virtual const BatchLimits& limits() const = 0;
  // Logits [logit_rows, vocabulary], valid until the next call. A failure means that nothing of the
  // step counts; keys and values of its tokens may have been written.
  virtual Result<std::span<const float>> run(const Batch& batch, const BlockPool& cache) = 0;
  // Of the last run(): [logit_rows, dim] states behind the last norm, valid as long as its logits.
  virtual std::span<const float> hidden() const = 0;
  // After repeated failures: gives the device up and opens it again. What the cache held is lost.
  virtual Status reopen() = 0;

  // The last failure was the device's, not a request's: what runs ends with it, and the device is
  // opened again.
  virtual bool lost() const { return false; }
  // False: the cache holds a part of each block only, which is of no use elsewhere.
  virtual bool holds_whole_blocks() const { return true; }
};

// Over a loaded model that outlives it. A CPU has nothing to open again.
class TransformerExecutor final : public Executor {
 public:
  explicit TransformerExecutor(Transformer& model) : model_(model) {}
  const ModelConfig& config() const override { return model_.config(); }
  const BatchLimits& limits() const override { return model_.limits(); }
  Result<std::span<const float>> run(const Batch& batch, const BlockPool& cache) override {
    return model_.forward(batch, cache);
  }
  std::span<const float> hidden() const override { return model_.hidden(); }
  Status reopen() override { return {}; }

 private:
  Transformer& model_;
};

}  // namespace llmos::engine
