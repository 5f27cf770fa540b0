// SPDX-License-Identifier: Apache-2.0
// The swapper over a file against plain pwrite and pread of the same blocks.
#pragma once

#include <cstdint>
#include <string>

namespace llmos::bench {

// Moves `mib` of blocks of 0.5 MB out and in through a file in `directory`; prints the rates beside
// those of plain calls. The page cache is dropped before each reading.
int print_swap(const std::string& directory, uint64_t mib);

}  // namespace llmos::bench
