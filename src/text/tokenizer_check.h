// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "llmos/status.h"
#include "text/tokenizer_spec.h"

namespace llmos {

// More tokens than any vocabulary has: the largest of 2026 has 262 K.
inline constexpr size_t kTokensMax = size_t{1} << 24;
// Of each kind: normaliser, pre-tokeniser, decoder. The longest list known has 8.
inline constexpr size_t kTokenizerStepsMax = 32;
// What a step writes into a text; U+2581 has 3 bytes. Charsmaps are tables and may be larger.
inline constexpr size_t kStepContentBytesMax = 1024;
// Tokens put around a text; the most known are 4.
inline constexpr size_t kSurroundingIdsMax = 256;

// Checks that a spec does not contradict itself: sizes, ids inside the vocabulary, scores that are
// numbers; what every other file of text/ relies on. Fills `scores` and `types` where they are
// empty. Failure: kCorrupt, kExhausted, kUnsupported; names the field.
Status check_tokenizer_spec(TokenizerSpec& spec);

}  // namespace llmos
