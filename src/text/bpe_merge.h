// SPDX-License-Identifier: Apache-2.0
// The merging of byte-pair encoding, on ids.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "llmos/types.h"
#include "text/token_table.h"

namespace llmos {

// Up to here looking for the lowest rank in a list beats a heap.
inline constexpr size_t kShortPiece = 64;

// Merges `symbols` in place: the pair of the lowest rank first, the leftmost of equals. Returns how
// many are left, at the front. O(n^2) look-ups in a list; for at most kShortPiece symbols.
size_t merge_short(const MergeTable& merges, std::span<TokenId> symbols);

// The same for any number below 2^32, in O(n log n).
size_t merge_long(const MergeTable& merges, std::span<TokenId> symbols);

}  // namespace llmos
