// SPDX-License-Identifier: Apache-2.0
#include "kv/checksum.h"

#include <cstring>

namespace llmos {
namespace {

// Odd, random digits: of pi, e, the golden ratio and sqrt(2).
constexpr uint64_t kPi = 0x243F6A8885A308D3, kE = 0xB7E151628AED2A6B, kGolden = 0x9E3779B97F4A7C15,
                   kRoot = 0x6A09E667F3BCC909;

uint64_t word_at(const std::byte* at) {
  uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

// A bijection of the lane for each word, and of the word for each lane: no single change is lost.
uint64_t step(uint64_t lane, uint64_t word) {
  lane = (lane ^ word) * kGolden;
  return lane ^ lane >> 29;
}

}  // namespace

uint64_t checksum64(std::span<const std::byte> bytes, uint64_t seed) noexcept {
  uint64_t lanes[4] = {seed ^ kPi, seed ^ kE, seed ^ kGolden, seed ^ kRoot};
  const std::byte* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= 32; left -= 32, at += 32) {
    for (int i = 0; i < 4; ++i) lanes[i] = step(lanes[i], word_at(at + 8 * i));
  }
  std::byte rest[32] = {};
  if (left > 0) std::memcpy(rest, at, left);
  for (int i = 0; i < 4; ++i) lanes[i] = step(lanes[i], word_at(rest + 8 * i));
  uint64_t sum = step(kPi, bytes.size());
  for (const uint64_t lane : lanes) sum = step(sum, lane);
  return step(sum, kE);
}

}  // namespace llmos
