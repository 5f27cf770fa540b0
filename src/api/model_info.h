// SPDX-License-Identifier: Apache-2.0
// ModelInfo from a checkpoint's headers.
#pragma once

#include "format/checkpoint.h"
#include "llmos/model.h"
#include "model/tensor_source.h"

namespace llmos {

// `file` is what read_model() answered: its error becomes the reason why the model cannot be run.
ModelInfo make_model_info(const Checkpoint& checkpoint, const Result<ModelFile>& file);

// The use of each element type, the one with the most bytes first.
void add_type_use(std::vector<TensorTypeUse>& uses, std::string_view type, uint64_t elements,
                  uint64_t bytes);
void sort_type_uses(std::vector<TensorTypeUse>& uses);

}  // namespace llmos
