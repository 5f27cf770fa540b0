// SPDX-License-Identifier: Apache-2.0
// What a Model holds, in the order in which it must go: the last first.
#pragma once

#include <memory>
#include <optional>

#include "api/load_plan.h"
#include "api/sequence_runner.h"
#include "device/device.h"
#include "llmos/model.h"

namespace llmos {

struct Model::Impl {
  ModelInfo info;
  ModelPlan plan;
  std::optional<Tokenizer> tokenizer;
  std::unique_ptr<ComputeDevice> device;
  std::unique_ptr<Transformer> transformer;
  std::unique_ptr<BlockPool> pool;
  std::unique_ptr<SequenceRunner> runner;

  // Makes the device and everything on it.
  Status start(const Checkpoint& checkpoint, const LoadPlan& load, const ModelOptions& options);
};

}  // namespace llmos
