// SPDX-License-Identifier: Apache-2.0
// The built-in eviction policies of the prefix cache. The interface is in llmos/extend.h.
#pragma once

#include <cstdint>
#include <memory>

#include "llmos/extend.h"

namespace llmos {

enum class Eviction : uint8_t {
  kLru,   // least recently used, exact
  kLfu,   // fewest uses, the oldest of those
  kCost,  // least expected saving: cost of computing it again times the rate of uses, as learned
};

// Null for kLru, which the tree does on its own, faster than by asking.
std::unique_ptr<EvictionPolicy> make_eviction_policy(Eviction eviction);

}  // namespace llmos
