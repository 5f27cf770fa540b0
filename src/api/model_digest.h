// SPDX-License-Identifier: Apache-2.0
// A model's digest: equal where the same tokens have the same keys, values and logits, bit for bit.
#pragma once

#include <string_view>

#include "format/checkpoint.h"
#include "kv/prefix_file.h"
#include "llmos/status.h"

namespace llmos {

// Of the tensors' names, types, shapes and first bytes, the description of the model, the kernel
// set that computes it and the type of its cache. Not of all bytes: weights have gigabytes, and a
// fine-tuned copy differs in every tensor. Failure: the file's.
Result<ModelDigest> model_digest(const Checkpoint& checkpoint, std::string_view kernel_set,
                                 DType kv_dtype);

}  // namespace llmos
