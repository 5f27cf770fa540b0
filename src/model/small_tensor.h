// SPDX-License-Identifier: Apache-2.0
// Reading a tensor of a few numbers as floats: rope factors, norms, biases.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "format/checkpoint.h"

namespace llmos {

// The tensor's `size` elements, whatever its floating-point type and its dimensions.
// Failure: kCorrupt when it is missing, has another number of elements or no floating-point type.
Result<std::vector<float>> read_small_tensor(const Checkpoint& checkpoint, std::string_view name,
                                             uint64_t size);

}  // namespace llmos
