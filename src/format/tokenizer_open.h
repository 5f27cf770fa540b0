// SPDX-License-Identifier: Apache-2.0
// Which file of a model the tokenizer comes from.
#pragma once

#include "format/weight_file.h"
#include "llmos/status.h"
#include "text/tokenizer_spec.h"

namespace llmos {

// From tokenizer.json, or else tokenizer.model; kNotFound where there is neither.
Result<TokenizerSpec> read_tokenizer_directory(const WeightDirectory& directory);

}  // namespace llmos
