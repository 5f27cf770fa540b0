// SPDX-License-Identifier: Apache-2.0
// The geometry of the pool: how large the blocks of a class are, and how a class cuts its spans.
//
// Colour. Blocks whose addresses differ by multiples of 4 KiB fall into one set of the L1 cache,
// and 64 of them evict one another even if the program touches only a byte of each. So the blocks
// of classes from 4 KiB up that are multiples of 1 KiB lie one cache line further apart than they
// are large (at most 1.6 % more), and spans begin at a rotating offset within what their last page
// leaves over.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "llmos/memory.h"

namespace llmos::memory {

inline constexpr size_t kPageBytes = Backing::kUnitBytes;
inline constexpr size_t kCacheLineBytes = 64;
inline constexpr size_t kHugeBytes = size_t{2} << 20;
inline constexpr uint32_t kHugePages = kHugeBytes / kPageBytes;

struct SizeClass {
  uint32_t block_bytes;
  uint32_t stride;  // from one block to the next in a span
  uint32_t span_pages;
  uint32_t blocks_per_span;
  uint32_t colours;  // cache lines by which a span's first block may be shifted, plus one
};

constexpr uint32_t block_bytes_of(uint32_t size_class) {
  const uint32_t index = size_class - detail::kClassFirst;
  if (index < 8) return 16 * (index + 1);
  return (9 + index % 8) << (index / 8 + 3);
}

// Spans of small blocks are 64 KiB, so that records (one Span and a bitmap) stay below 1 %; larger
// blocks take the first length whose tail wastes at most 1/64, or the best one up to 1 MiB; from 1
// MiB on a span holds one block.
constexpr SizeClass make_size_class(uint32_t size_class) {
  SizeClass result{};
  result.block_bytes = block_bytes_of(size_class);
  const bool coloured = result.block_bytes >= 4096 && result.block_bytes % 1024 == 0;
  result.stride = result.block_bytes + (coloured ? uint32_t(kCacheLineBytes) : 0);
  const uint32_t pages_min = uint32_t((result.stride + kPageBytes - 1) / kPageBytes);
  uint32_t best_pages = pages_min;
  uint64_t best_waste = ~uint64_t{0};
  uint64_t best_total = 1;
  const uint32_t pages_max = pages_min > 64 ? pages_min : 64;
  for (uint32_t pages = pages_min > 4 ? pages_min : 4; pages <= pages_max; ++pages) {
    const uint64_t total = pages * kPageBytes;
    const uint64_t waste = total % result.stride;
    if (waste * best_total < best_waste * total || best_waste == ~uint64_t{0}) {
      best_pages = pages;
      best_waste = waste;
      best_total = total;
    }
    if (waste * 64 <= total) break;
  }
  result.span_pages = best_pages;
  result.blocks_per_span = uint32_t(best_pages * kPageBytes / result.stride);
  const uint64_t slack = best_pages * kPageBytes - uint64_t{result.blocks_per_span} * result.stride;
  const uint64_t shifts = slack / kCacheLineBytes + 1;
  result.colours = result.block_bytes < 1024 ? 1 : uint32_t(shifts < 64 ? shifts : 64);
  return result;
}

// Indexed by class id; the entries of kClassNone and kClassLarge are empty.
inline constexpr std::array<SizeClass, detail::kClassEnd> kSizeClasses = [] {
  std::array<SizeClass, detail::kClassEnd> classes{};
  for (uint32_t c = detail::kClassFirst; c < detail::kClassEnd; ++c)
    classes[c] = make_size_class(c);
  return classes;
}();

static_assert(kSizeClasses[detail::kClassEnd - 1].block_bytes == detail::kClassBytesMax);

}  // namespace llmos::memory
