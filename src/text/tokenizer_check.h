// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "llmos/status.h"
#include "text/tokenizer_spec.h"

namespace llmos {

// More tokens than any vocabulary has: the largest of 2026 has 262 K.
inline constexpr size_t kTokensMax = size_t{1} << 24;

// Checks that a spec does not contradict itself: sizes, ids inside the vocabulary, scores that are
// numbers; what every other file of text/ relies on. Fills `scores` and `types` where they are
// empty. Failure: kCorrupt, kExhausted; names the field.
Status check_tokenizer_spec(TokenizerSpec& spec);

}  // namespace llmos
