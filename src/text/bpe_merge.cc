// SPDX-License-Identifier: Apache-2.0
#include "text/bpe_merge.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/check.h"

namespace llmos {
namespace {

using Merge = MergeTable::Merge;
constexpr uint32_t kNoRank = MergeTable::kNoRank;
constexpr uint32_t kNone = ~0u;  // no neighbour

// A list of symbols, and the merge that each and its right neighbour allow.
struct Symbol {
  TokenId id;
  uint32_t previous;
  uint32_t next;
  Merge merge;  // of this one and `next`
};

// A merge that may have been overtaken: it stands while the symbol's own merge has its rank.
struct Candidate {
  uint32_t rank;
  uint32_t at;
  // std::*_heap put the greatest first: the lowest rank, then the leftmost.
  friend bool operator<(const Candidate& a, const Candidate& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.at > b.at;
  }
};

class LongMerger {
 public:
  LongMerger(const MergeTable& merges, std::span<const TokenId> ids) : merges_(merges) {
    const auto count = uint32_t(ids.size());
    symbols_.reserve(count);
    for (uint32_t i = 0; i < count; ++i) {
      const uint32_t next = i + 1 < count ? i + 1 : kNone;
      const Merge merge = next == kNone ? Merge{} : merges.find(ids[i], ids[next]);
      symbols_.push_back({ids[i], i > 0 ? i - 1 : kNone, next, merge});
      if (merge.rank != kNoRank) heap_.push_back({merge.rank, i});
    }
    std::make_heap(heap_.begin(), heap_.end());
  }

  void run() {
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end());
      const Candidate best = heap_.back();
      heap_.pop_back();
      if (symbols_[best.at].merge.rank == best.rank) merge_at(best.at);
    }
  }

  size_t collect(std::span<TokenId> ids) const {
    size_t count = 0;
    for (uint32_t i = 0; i != kNone; i = symbols_[i].next) ids[count++] = symbols_[i].id;
    return count;
  }

 private:
  void merge_at(uint32_t at) {
    Symbol& left = symbols_[at];
    Symbol& right = symbols_[left.next];
    left.id = left.merge.merged;
    left.next = right.next;
    right.merge = {};
    if (left.next != kNone) symbols_[left.next].previous = at;
    look(at);
    if (left.previous != kNone) look(left.previous);
  }

  void look(uint32_t at) {
    Symbol& symbol = symbols_[at];
    symbol.merge =
        symbol.next == kNone ? Merge{} : merges_.find(symbol.id, symbols_[symbol.next].id);
    if (symbol.merge.rank == kNoRank) return;
    heap_.push_back({symbol.merge.rank, at});
    std::push_heap(heap_.begin(), heap_.end());
  }

  const MergeTable& merges_;
  std::vector<Symbol> symbols_;
  std::vector<Candidate> heap_;
};

}  // namespace

size_t merge_short(const MergeTable& merges, std::span<TokenId> symbols) {
  size_t count = symbols.size();
  LLMOS_DCHECK(count <= kShortPiece) << "expected at most " << kShortPiece << ", found " << count;
  if (count < 2) return count;
  std::array<uint32_t, kShortPiece> ranks;
  std::array<TokenId, kShortPiece> merged;
  const auto look = [&](size_t i) {
    const Merge merge = merges.find(symbols[i], symbols[i + 1]);
    ranks[i] = merge.rank;
    merged[i] = merge.merged;
  };
  for (size_t i = 0; i + 1 < count; ++i) look(i);
  while (count > 1) {
    const auto lowest = std::min_element(ranks.begin(), ranks.begin() + count - 1);
    if (*lowest == kNoRank) break;
    const auto at = size_t(lowest - ranks.begin());
    symbols[at] = merged[at];
    std::copy(symbols.begin() + at + 2, symbols.begin() + count, symbols.begin() + at + 1);
    std::copy(ranks.begin() + at + 1, ranks.begin() + count - 1, ranks.begin() + at);
    std::copy(merged.begin() + at + 1, merged.begin() + count - 1, merged.begin() + at);
    --count;
    if (at + 1 < count) look(at);
    if (at > 0) look(at - 1);
  }
  return count;
}

size_t merge_long(const MergeTable& merges, std::span<TokenId> symbols) {
  if (symbols.empty()) return 0;
  LongMerger merger(merges, symbols);
  merger.run();
  return merger.collect(symbols);
}

}  // namespace llmos
