// SPDX-License-Identifier: Apache-2.0
// How a team divides the items of an operation.
#pragma once

#include <cstdint>

#include "kernels/kernels.h"

namespace llmos::kernels {

struct Share {
  int64_t first = 0;
  int64_t last = 0;  // behind the last
};

// A member's contiguous part of `items`, in whole units of `unit` items but for the last; parts
// differ by at most one unit, cover everything once, and may be empty.
[[gnu::always_inline]] inline Share share_of(int64_t items, const Launch& launch,
                                             int64_t unit = 1) {
  const int64_t units = (items + unit - 1) / unit;
  const int64_t first = units * launch.rank / launch.size * unit;
  const int64_t last = units * (launch.rank + 1) / launch.size * unit;
  return {first < items ? first : items, last < items ? last : items};
}

}  // namespace llmos::kernels
