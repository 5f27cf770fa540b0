// SPDX-License-Identifier: Apache-2.0
// Address space and memory from the operating system. With os_file and os_cpu the only places that
// call it.
//
// Words     *reserve* takes addresses without memory; *commit* makes part of them usable, zeroed on
// first touch;
//           *decommit* gives the memory back and keeps the addresses. All sizes are multiples of
//           page_bytes().
// Failure   refused memory is a Status or false, never an exception. Bad arguments are CHECKed.
// Threads   all functions are thread-safe; ranges must not overlap between concurrent calls.
#pragma once

#include <cstddef>
#include <cstdint>

#include "llmos/status.h"

namespace llmos::os {

enum class HugePages : uint8_t {
  kNone,      // ordinary pages
  kAdvise,    // transparent huge pages where the kernel has them free
  kExplicit,  // from the hugetlb pool; refused when it is empty
};

inline constexpr size_t kHugePageBytes = size_t{2} << 20;

size_t page_bytes() noexcept;
uint64_t physical_memory_bytes() noexcept;  // of the machine, or of the cgroup where that is less
bool huge_pages_available() noexcept;       // transparent ones: "always" or "madvise"

// `bytes` of addresses at a multiple of `alignment` (a power of two), without memory. With
// kExplicit the range is backed at once by the hugetlb pool; commit is then a formality.
Result<std::byte*> reserve(size_t bytes, size_t alignment, HugePages huge = HugePages::kNone);
void release(std::byte* address, size_t bytes) noexcept;

bool commit(std::byte* address, size_t bytes, HugePages huge = HugePages::kNone) noexcept;
void decommit(std::byte* address, size_t bytes) noexcept;

// Bytes of this process in RAM now (VmRSS).
uint64_t resident_bytes() noexcept;

// A fence in every running thread of this process (membarrier): after it returns, each of them has
// passed a full memory barrier. Lets a rare writer order itself against readers that use plain
// loads and stores. `available` is decided once; where it is false the caller must use real fences.
bool process_barrier_available() noexcept;
void process_barrier() noexcept;

}  // namespace llmos::os
