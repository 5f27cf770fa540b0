// SPDX-License-Identifier: Apache-2.0
// LoadPlan: what ModelOptions mean for one model, and what that costs. plan() shows it, and
// Model::open() does it.
#pragma once

#include "format/checkpoint.h"
#include "kv/block_layout.h"
#include "llmos/model.h"
#include "model/tensor_source.h"
#include "model/workspace.h"

namespace llmos {

struct LoadPlan {
  ModelPlan bytes;
  BatchLimits limits;
  BlockLayout layout;
  uint64_t blocks;  // for one sequence of the whole context
  bool repack;      // the weights, for the kernel set of the options
};

// kInvalid beyond what any machine has: a mistake of units.
Status check_threads(uint32_t threads);

// kExhausted for a model whose description or tokenizer did not fit.
Status out_of_memory(const std::string& path);

// Reads no weight. kInvalid: an option that has no meaning, or not for this model.
Result<LoadPlan> make_load_plan(const Checkpoint& checkpoint, const ModelFile& file,
                                const ModelOptions& options);

}  // namespace llmos
