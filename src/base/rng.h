// SPDX-License-Identifier: Apache-2.0
// Random numbers from a counter: word i of (seed, stream) is a pure function of those three, so any
// draw can be recomputed, streams never meet, and every platform sees the same bits.
//
//   Rng rng(seed, /*stream=*/request_id);
//   double u = rng.uniform();           // [0, 1)
//   uint64_t pick = rng.below(count);   // [0, count), no modulo bias
//
// The generator is Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as
// 1, 2, 3", SC 2011). It was chosen over xoshiro or PCG because those walk a state: sampling
// request r at token t would need that state saved, where here it is Rng(seed, r) at position t.
// Not for secrets. Shapes beyond the uniform: rng_distributions.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "base/check.h"

namespace llmos {

using PhiloxCounter = std::array<uint32_t, 4>;
using PhiloxKey = std::array<uint32_t, 2>;

// One block of Philox4x32-10: four words, a bijection of `counter` for each `key`.
constexpr PhiloxCounter philox4x32(PhiloxCounter counter, PhiloxKey key) noexcept {
  // The multipliers and Weyl increments of the paper (the golden ratio and sqrt(3) - 1, in 2^-32).
  constexpr uint64_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;
  constexpr uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
  constexpr int kRounds = 10;  // the paper's safety margin: 7 already pass BigCrush
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t product0 = kMultiplier0 * counter[0];
    const uint64_t product1 = kMultiplier1 * counter[2];
    counter = {uint32_t(product1 >> 32) ^ counter[1] ^ key[0], uint32_t(product1),
               uint32_t(product0 >> 32) ^ counter[3] ^ key[1], uint32_t(product0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

// A reader of one stream. A value of 48 bytes: copy it to replay from here.
// Threads: one thread per object; objects are independent.
class Rng {
 public:
  using result_type = uint64_t;  // with min(), max() and operator(): a std uniform bit generator

  explicit constexpr Rng(uint64_t seed, uint64_t stream = 0) noexcept
      : seed_(seed), stream_(stream) {}

  // Word `position` of (seed, stream), without a reader. O(1).
  static constexpr uint32_t word_at(uint64_t seed, uint64_t stream, uint64_t position) noexcept {
    return block(seed, stream, position / kWordsPerBlock)[position % kWordsPerBlock];
  }

  constexpr uint32_t u32() noexcept {
    const size_t word = position_++ % kWordsPerBlock;
    if (word == 0 || !block_current_) {
      block_ = block(seed_, stream_, (position_ - 1) / kWordsPerBlock);
      block_current_ = true;
    }
    return block_[word];
  }
  // Two words, the first drawn in the low half.
  constexpr uint64_t u64() noexcept {
    const uint64_t low = u32();
    return uint64_t{u32()} << 32 | low;
  }
  // In [0, 1): a multiple of 2^-53, each equally likely.
  constexpr double uniform() noexcept { return double(u64() >> 11) * 0x1p-53; }
  // In [0, bound). `bound` must not be 0. Lemire's multiplication with rejection: exact, and a
  // second draw is needed with probability bound / 2^64 only.
  constexpr uint64_t below(uint64_t bound) {
    LLMOS_DCHECK(bound > 0);
    for (;;) {
      const auto product = static_cast<unsigned __int128>(u64()) * bound;
      if (const auto low = uint64_t(product); low >= bound || low >= (0 - bound) % bound) {
        return uint64_t(product >> 64);
      }
    }
  }
  // In [first, last], both included. `first` must not exceed `last`.
  constexpr int64_t between(int64_t first, int64_t last) {
    LLMOS_DCHECK(first <= last);
    const uint64_t width = uint64_t(last) - uint64_t(first) + 1;  // 0: the whole range of int64
    return int64_t(uint64_t(first) + (width == 0 ? u64() : below(width)));
  }
  // True with probability `p`; p outside [0, 1] counts as its nearest end.
  constexpr bool bernoulli(double p) noexcept { return uniform() < p; }

  // Every order of `items` equally likely (Fisher-Yates).
  template <class T>
  constexpr void shuffle(std::span<T> items) {
    for (size_t left = items.size(); left > 1; --left) {
      using std::swap;
      swap(items[left - 1], items[size_t(below(left))]);
    }
  }
  template <class Container>
  constexpr void shuffle(Container& items) {
    shuffle(std::span(items));
  }

  // Words drawn so far. seek() goes anywhere in O(1), back too.
  constexpr uint64_t position() const noexcept { return position_; }
  constexpr void seek(uint64_t position) noexcept {
    position_ = position;
    block_current_ = false;
  }

  static constexpr uint64_t min() noexcept { return 0; }
  static constexpr uint64_t max() noexcept { return ~uint64_t{0}; }
  constexpr uint64_t operator()() noexcept { return u64(); }

 private:
  static constexpr uint64_t kWordsPerBlock = 4;

  static constexpr PhiloxCounter block(uint64_t seed, uint64_t stream, uint64_t index) noexcept {
    return philox4x32(
        {uint32_t(index), uint32_t(index >> 32), uint32_t(stream), uint32_t(stream >> 32)},
        {uint32_t(seed), uint32_t(seed >> 32)});
  }

  uint64_t seed_;
  uint64_t stream_;
  uint64_t position_ = 0;
  PhiloxCounter block_{};  // of position_ - 1 when block_current_: a cache, no state of its own
  bool block_current_ = false;
};

}  // namespace llmos
