// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace llmos {

// The finaliser of SplitMix64: every bit of the input moves every bit of the output.
constexpr uint64_t mix(uint64_t x) {
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9;
  x = (x ^ x >> 27) * 0x94D049BB133111EB;
  return x ^ x >> 31;
}

}  // namespace llmos
