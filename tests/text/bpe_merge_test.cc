// SPDX-License-Identifier: Apache-2.0
#include "text/bpe_merge.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "support/test_seed.h"

namespace llmos {
namespace {

// What byte-pair encoding means, word for word.
std::vector<TokenId> merge_naively(const MergeTable& merges, std::vector<TokenId> ids) {
  for (;;) {
    MergeTable::Merge best;
    size_t at = 0;
    for (size_t i = 0; i + 1 < ids.size(); ++i) {
      const MergeTable::Merge merge = merges.find(ids[i], ids[i + 1]);
      if (merge.rank < best.rank) {
        best = merge;
        at = i;
      }
    }
    if (best.rank == MergeTable::kNoRank) return ids;
    ids[at] = best.merged;
    ids.erase(ids.begin() + ptrdiff_t(at) + 1);
  }
}

// Random merges, in any order of ranks: also such that no training would give.
MergeTable random_merges(Rng* rng, TokenId ids) {
  MergeTable merges(size_t(ids) * 3);
  for (uint32_t rank = 0; rank < uint32_t(ids) * 2; ++rank) {
    const auto left = TokenId(rng->below(uint64_t(ids)));
    const auto right = TokenId(rng->below(uint64_t(ids)));
    merges.insert(left, right,
                  {uint32_t(rng->below(1000)) * 64 + rank, TokenId(rng->below(uint64_t(ids)))});
  }
  return merges;
}

TEST(BpeMerge, ShortAndLongEqualTheDefinition) {
  Rng rng(test::seed("merges"));
  for (int round = 0; round < 2000; ++round) {
    const auto id_count = TokenId(2 + rng.below(8));
    const MergeTable merges = random_merges(&rng, id_count);
    std::vector<TokenId> ids(rng.below(kShortPiece + 1));
    for (TokenId& id : ids) id = TokenId(rng.below(uint64_t(id_count)));
    const std::vector<TokenId> expected = merge_naively(merges, ids);
    std::vector<TokenId> by_list = ids, by_heap = ids;
    by_list.resize(merge_short(merges, by_list));
    by_heap.resize(merge_long(merges, by_heap));
    ASSERT_EQ(by_list, expected);
    ASSERT_EQ(by_heap, expected);
  }
}

TEST(BpeMerge, LongPiecesEqualTheDefinition) {
  Rng rng(test::seed("long merges"));
  for (int round = 0; round < 20; ++round) {
    const MergeTable merges = random_merges(&rng, 12);
    std::vector<TokenId> ids(kShortPiece + rng.below(600));
    for (TokenId& id : ids) id = TokenId(rng.below(12));
    const std::vector<TokenId> expected = merge_naively(merges, ids);
    ids.resize(merge_long(merges, ids));
    ASSERT_EQ(ids, expected);
  }
}

}  // namespace
}  // namespace llmos
