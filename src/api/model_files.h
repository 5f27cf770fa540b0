// SPDX-License-Identifier: Apache-2.0
// What lies beside a model's weights.
#pragma once

#include <optional>

#include "format/checkpoint.h"
#include "llmos/tokenizer.h"

namespace llmos {

// The tokenizer that comes with the weights. Nothing where there is none; an error where there is
// one that cannot be used.
Result<std::optional<Tokenizer>> open_tokenizer(const Checkpoint& checkpoint);

}  // namespace llmos
