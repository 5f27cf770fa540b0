// SPDX-License-Identifier: Apache-2.0
// How long a soak test runs: some seconds, or LLMOS_SOAK_SECONDS.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdlib>

namespace llmos::test {

inline std::chrono::seconds soak_time(int usual) {
  const char* const wanted = std::getenv("LLMOS_SOAK_SECONDS");
  return std::chrono::seconds(wanted ? std::max(1, std::atoi(wanted)) : usual);
}

}  // namespace llmos::test
