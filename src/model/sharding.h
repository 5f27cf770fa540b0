// SPDX-License-Identifier: Apache-2.0
// Sharding: from the description of a model to that of the part of it that one rank holds. The rest
// of this folder loads and computes a shard like a model: only where partial results are completed
// does it differ (exchange.h).
#pragma once

#include "comm/shard_plan.h"
#include "format/checkpoint.h"
#include "model/tensor_source.h"

namespace llmos {

// What the split depends on; quantised matrices are cut between the blocks of their types. Tensors
// that are missing count as plain: who loads them says so.
ShardShape shard_shape(const Checkpoint& checkpoint, const ModelFile& file);

// The part of rank `rank` of `ranks`: a configuration with its sizes, and sources that pick its
// rows, columns and experts. One rank: the file itself. Biases of products that are summed over the
// ranks are rank 0's.
// Failure: as plan_shards(), with the file's name; kUnsupported for layer norms over all heads.
Result<ModelFile> shard_model(const Checkpoint& checkpoint, const ModelFile& file, int rank,
                              int ranks);

}  // namespace llmos
